"""A `.env` near the project: Django reads none by itself, and neither does Holdall."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from pathlib import Path

from holdall.environment import keyfiles


def unread(known: Container[str]) -> tuple[str, list[str]] | None:
    """Say where a `.env` is, and which names in it are not in the environment; None if there is none, or it was read.

    It is looked for in the working directory, and beside the `manage.py` above it. No value is kept.
    """
    for folder, where in _folders():
        try:
            text = keyfiles.read(str(folder / ".env"))
        except ValueError:
            continue
        names = re.findall(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=", text, re.MULTILINE)
        if missing := [name for name in names if name not in known]:
            return where, missing
    return None


def _folders() -> Iterator[tuple[Path, str]]:
    try:
        here = Path.cwd()
    except OSError:
        return
    project = next((folder for folder in (here, *here.parents) if (folder / "manage.py").is_file()), None)
    if project != here:
        yield here, "in the working directory"
    if project:
        yield project, "beside manage.py"
