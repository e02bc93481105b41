"""A file of a storage, as a listing tells of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple


class Entry(NamedTuple):
    """One file of a storage, as a listing tells of it."""

    name: str
    size_bytes: int
    etag: str
    # Told by listings alone.
    modified: datetime | str | None = None


# Hears of what a listing has and is no file.
Leave = Callable[[Entry], object]


def unnoticed(_entry: Entry) -> None:
    """Let it pass."""
