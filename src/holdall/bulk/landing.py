"""Put a file into a folder: whole or not at all, under a name that nothing has."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from holdall.bulk.entries import Entry
from holdall.bulk.places import Folder, unfinished_beside
from holdall.bulk.proof import fits, md5_of
from holdall.errors import InvalidName, NameTaken, ObjectChanged, StoreFailed
from holdall.s3 import trash
from holdall.s3.bodies import PIECE_BYTES


def land(
    file: Any,
    step: Entry,
    destination: Folder,
    changed: Callable[[], ObjectChanged],
    read_again: Callable[[BinaryIO], object],
) -> tuple[int, bool]:
    """Write a file and give its length, and whether the source's ETag is made of these bytes.

    `read_again` gets what was written where the ETag is that of other bytes, and raises what is wrong with it.

    Raises:
        NameTaken: something has the name by now; it is left alone.
        InvalidName: the folder cannot have a file of this name.
        OSError: there is no room, or no right. Nothing is left.
    """
    path = destination.file(step.name)
    try:
        _make_folders(path.parent)
    except (FileExistsError, NotADirectoryError):
        raise InvalidName(
            "needs a folder where there is a file of this name. Rename one of them in the source."
        ) from None
    unfinished = unfinished_beside(path)
    try:
        read = hashlib.md5(usedforsecurity=False)
        with unfinished.open("wb") as copy:
            while piece := file.read(PIECE_BYTES):
                read.update(piece)
                copy.write(piece)
            size_bytes = copy.tell()
        if size_bytes != step.size_bytes and not getattr(file, "is_unpacked", False):
            raise changed()
        with unfinished.open("rb") as written:
            if md5_of(written) != read.hexdigest():
                raise StoreFailed("was not written as it was read. Check the disk, and run again.")
            is_proof = not step.etag or fits(written, step.size_bytes, step.etag) is True
            if not is_proof and not getattr(file, "is_unpacked", False):
                written.seek(0)
                read_again(written)
        if step.modified is not None:
            os.utime(unfinished, (step.modified.timestamp(),) * 2)
        _name(unfinished, path, step.name)
    finally:
        unfinished.unlink(missing_ok=True)
    return size_bytes, is_proof


def _make_folders(path: Path) -> None:
    """Make a folder, and those that it is in: one after the other, for pathlib calls itself for each."""
    missing = []
    while not path.is_dir() and path != path.parent:
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)


def _name(unfinished: Path, path: Path, name: str) -> None:
    """Give a whole file its name, unless something has it."""
    try:
        # A second name for the file, which fails where there is one.
        os.link(unfinished, path)
    except FileExistsError:
        raise _taken(path, name) from None
    except OSError:
        # A file system without such links.
        if os.path.lexists(path):
            raise _taken(path, name) from None
        unfinished.rename(path)


def _taken(path: Path, name: str) -> NameTaken | InvalidName:
    if path.is_dir():
        return InvalidName("has the name of a folder that is there. Rename one of them in the source.")
    if path not in path.parent.iterdir():
        return InvalidName(
            "differs from another file only in case, or in how an accent is written, and this disk keeps one of them. "
            "Rename one in the source, or copy to another disk."
        )
    return NameTaken(f'"{name}" is there now.')


def set_aside(destination: Folder, there: Entry) -> Path | None:
    """Move the file of a name into the folder's trash and give its path there; None if there is none by now.

    Raises:
        NameTaken: it is not the one that was looked at. It is left alone.
    """
    path = destination.file(there.name)
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if (found.st_size, datetime.fromtimestamp(found.st_mtime, UTC)) != (there.size_bytes, there.modified):
        raise NameTaken(f'"{there.name}" changed since the plan was made.')
    aside = destination.path / trash.new_key("", there.name)
    _make_folders(aside.parent)
    path.rename(aside)
    return aside


def put_back(destination: Folder, aside: Path, name: str) -> None:
    """Bring back what was set aside, unless something has its name. It stays in the trash too where that is not possible."""
    _name(aside, destination.file(name), name)
    aside.unlink(missing_ok=True)
