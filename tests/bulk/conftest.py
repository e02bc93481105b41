"""Places to copy from and to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdall.bulk import copier
from holdall.bulk.places import Folder, Store
from holdall.s3 import bulklane, wire
from tests.conftest import MakeStorage

# Content, and what is there to get wrong about it: types, scripts, names in any script, nothing, and several parts.
FILES = {
    "a.txt": b"text",
    "a/b.txt": b"folder beside a file of its name",
    "a-b/picture.png": b"\x89PNG\r\n\x1a\n" + b"p" * 300,
    "empty.txt": b"",
    "page.html": b"<html><script>alert(1)</script>",
    "data.json": b"{}",
    "nom accentu\u00e9 (1) +%&=.jpg": b"\xff\xd8\xff" + b"j" * 999,
    "\u5199\u771f/\u732b.webp": b"RIFF0000WEBP",
    "no-extension": b"?",
    "middle.bin": bytes(range(256)) * 4096 + b"more than a mebibyte",
    "large.bin": bytes(range(256)) * 80_000,
}


def take(lane: str, patch: pytest.MonkeyPatch) -> None:
    """Let small files go by one lane, and by none that is quicker."""

    def declines(*_: Any) -> None:
        raise wire.Declined

    if lane != "wire":
        patch.setattr(copier, "Wired", declines)
    if lane == "own lane":
        patch.setattr(bulklane, "obstore", None)


@pytest.fixture
def media(tmp_path: Path) -> Folder:
    """A folder with one file of each kind."""
    for name, content in FILES.items():
        path = tmp_path / "media" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return Folder(tmp_path / "media")


@pytest.fixture
def make_store(make_storage: MakeStorage, location: str) -> Callable[..., Store]:
    """Make a store in a location of its own."""

    def make(name: str, **changes: Any) -> Store:
        storage: Any = make_storage(**{"location": f"{location}/{name}"} | changes)
        return Store(storage)

    return make
