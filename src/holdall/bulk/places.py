"""Where files are copied from and to: a folder of this machine, or a store."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

from holdall import names
from holdall.amounts import as_size
from holdall.bulk.disks import explained
from holdall.bulk.entries import Entry, Stretch, order_of
from holdall.environment import buckets
from holdall.errors import HoldallError, InvalidName
from holdall.s3.reading import ObjectReader
from holdall.sites import is_reserved
from holdall.storage import MediaStorage, objects
from holdall.storage.files import ObjectFile
from holdall.storage.objects import key_of, look_at, on_its_side, reading_parameters, site_of, target_of, walk

T = TypeVar("T")

# No disk has longer names: https://en.wikipedia.org/wiki/Comparison_of_file_systems#Limits
MAX_PART_BYTES = 255
# What Windows makes something else of than a letter of a name.
_NO_LETTERS = frozenset('<>:"|?*\\' if os.name == "nt" else "")
# Without waiting for who writes into a pipe, and without following a link.
_READING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
# What a file is called in a folder until it is whole.
_UNFINISHED = re.compile(r"\.[0-9a-f]{16}\.holdall-unfinished")


class Trouble(NamedTuple):
    """A file that is left out, why, and what to do."""

    name: str
    reason: str


class _Level(NamedTuple):
    """A folder that is being walked."""

    name: str
    # Without links: one that leads to it from below has no end.
    real_path: str
    children: Iterator[os.DirEntry[str]]


@dataclass(frozen=True, eq=False)
class Folder:
    """A folder and everything below it."""

    path: Path
    # What the last walk came across and left out.
    troubles: list[Trouble] = field(default_factory=list)
    # What it found of copies that were ended before they were whole.
    unfinished: list[Path] = field(default_factory=list)
    # Folders that are known to be inside.
    _inside: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        return f"folder {self.path}"

    def file(self, name: str) -> Path:
        """Give the path of a file.

        Raises:
            InvalidName: the name leads out of the folder.
        """
        folder, _, last = name.rpartition("/")
        if name.startswith("/") or "//" in name or "\0" in name:
            # The attack: a key "/etc/passwd", or "/x", below the source's location: joined to a path, it is that path.
            # And "a//b" would be the file "a/b", which is another one.
            raise InvalidName(
                f"{name!r} cannot be the name of a file in a folder. Nothing was written. Rename it in the source."
            )
        if _NO_LETTERS & set(name):
            # The attack: a key "..\\..\\x", or "C:x", which Windows reads as a path that leads out.
            raise InvalidName(f"{name!r} has characters that Windows reserves for paths. Rename it in the source.")
        if len(name) * 4 > MAX_PART_BYTES and any(len(part.encode()) > MAX_PART_BYTES for part in name.split("/")):
            raise InvalidName(
                f"{name!r} has a part of more than {MAX_PART_BYTES} bytes, the most that a disk allows. Rename it in the source."
            )
        if folder not in self._inside:
            # The attack: a key "../../etc/cron.d/x" in the source, or a folder that is a link to somewhere else.
            if {".", ".."} & set(name.split("/")):
                raise InvalidName(
                    f'{name!r} is another place to a folder: it has a part that is "." or "..". Nothing was written. Rename '
                    "it in the source."
                )
            if not _is_inside((self.path / folder).resolve(), self.path.resolve()):
                raise InvalidName(
                    f"{name!r} leads out of {self}, by a link in it. Nothing was written. Remove the link, or copy to another "
                    "folder."
                )
            self._inside.add(folder)
        if last in {"", ".", ".."}:
            raise InvalidName(f"{name!r} is not the name of a file. Nothing was written.")
        return self.path / name

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading.

        Raises:
            InvalidName: it is no file, or a link that leads out of the folder, by now.
        """
        path = self.file(name)
        # The attack: whoever may write in the folder puts a link to somebody else's file in a file's place after the plan
        # was made; or a pipe, which would never open.
        try:
            descriptor = os.open(path, _READING)
        except OSError:
            if not path.is_symlink():
                raise
            real = Path(os.path.realpath(path))
            if not _is_inside(real, self.path.resolve()):
                raise InvalidName(
                    f"{name!r} is now a link that leads out of {self}. Nothing was read. Find out who changed it."
                ) from None
            descriptor = os.open(real, _READING)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise InvalidName(f"{name!r} is not a file any more: it is a pipe, a device or a folder. Nothing was read.")
        return os.fdopen(descriptor, "rb")

    def look(self, name: str) -> Entry:
        """Look at one file as it is now.

        Raises:
            InvalidName: the name leads out of the folder.
            OSError: there is no such file, or no right to it.
        """
        return Entry(name, self.file(name).stat().st_size, None)

    def refuses(self, name: str) -> str:
        """Say why a name cannot be one here; empty if it can."""
        try:
            self.file(name)
        except InvalidName as invalid:
            return str(invalid)
        return ""

    def entries(self, prefix: str = "", stretch: Stretch | None = None) -> Iterator[Entry]:
        """Give every file whose name begins so, in the order of the names' bytes. Notes what it leaves out."""
        self.troubles.clear()
        self.unfinished.clear()
        if self.path.is_dir():
            found = self._walk(prefix)
            yield from found if stretch is None else (entry for entry in found if entry.name in stretch)

    def _walk(self, prefix: str) -> Iterator[Entry]:
        # No function that calls itself: a key may be five hundred folders deep, and a folder deeper than that.
        above = [_Level("", os.path.realpath(self.path), self._children(""))]
        while above:
            level = above[-1]
            child = next(level.children, None)
            if child is None:
                above.pop()
                continue
            name = f"{level.name}/{child.name}" if level.name else child.name
            if not (name.startswith(prefix) or prefix.startswith(f"{name}/")):
                continue
            try:
                found = self._child(child, name, above)
            except OSError as failure:
                if child.is_symlink() and failure.errno in {errno.ENOENT, errno.ELOOP}:
                    self._leave(name, "is a link to nothing, or to itself. Remove it, or put the file there")
                else:
                    self._leave(name, f"cannot be looked at: {explained(failure)}")
                continue
            if isinstance(found, Entry):
                if name.startswith(prefix):
                    yield found
            elif found is not None:
                above.append(found)

    def _children(self, folder: str) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(self.path / folder) as found:
                return iter(sorted(found, key=_order))
        except OSError as failure:
            self._leave(f"{folder}/", f"the folder cannot be read: {explained(failure)}")
            return iter(())

    def _child(self, child: os.DirEntry[str], name: str, above: list[_Level]) -> Entry | _Level | None:
        """Look at what is in a folder: give a file, or a folder that is to be walked; note what is left out."""
        if not _is_text(child.name):
            self._leave(
                name.encode(errors="backslashreplace").decode(),
                "its name is not UTF-8, so it cannot be a key. Rename it; convmv does it for whole folders",
            )
            return None
        if child.is_symlink():
            target = os.path.realpath(child.path)
            if not _is_inside(Path(target), self.path.resolve()):
                self._leave(
                    name, f"is a link that leads out of the folder. Copy the file here, or copy {target} by itself"
                )
                return None
            if any(level.real_path == target for level in above):
                self._leave(name, "is a link to a folder that contains it, so following it would never end")
                return None
        if child.is_dir():
            if is_reserved(name):
                return None
            # To follow a path from its beginning for each folder takes long where they are deep.
            real_path = os.path.realpath(child.path) if child.is_symlink() else f"{above[-1].real_path}/{child.name}"
            return _Level(name, real_path, self._children(name))
        found = child.stat()
        if not stat.S_ISREG(found.st_mode):
            self._leave(name, "is not a file but a socket, a pipe or a device")
        elif is_reserved(name):
            self._leave(name, "its name is reserved for Holdall. Rename it")
        elif _UNFINISHED.fullmatch(child.name):
            self.unfinished.append(Path(child.path))
        else:
            return Entry(name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))
        return None

    def _leave(self, name: str, reason: str) -> None:
        self.troubles.append(Trouble(name, reason))


@dataclass(frozen=True, eq=False)
class Store:
    """A store: all that its storage shows."""

    storage: MediaStorage
    # What the last walk came across and left out.
    troubles: list[Trouble] = field(default_factory=list)

    def __str__(self) -> str:
        return str(site_of(self.storage))

    def open(self, name: str) -> ObjectFile:
        """Open a file for reading, piece by piece; what the store keeps packed is unpacked."""
        return on_its_side(self.storage, name, lambda side: reading(side, name, unpacks=True))

    def look(self, name: str) -> Entry:
        """Look at one file as it is now. One HEAD; in a fork at most one more for each side.

        Raises:
            ObjectNotFound: there is none.
        """
        found = look_at(self.storage, name)
        return Entry(name, found.size_bytes, None, found.etag.strip('"'))

    def is_packed(self, name: str) -> bool:
        """Say whether the store keeps a file packed, so that it is longer than the store says. One HEAD."""

        def asked(side: MediaStorage) -> Any:
            return side.store.call(
                "head_object",
                action="looking at",
                name=name,
                client=side.store.client,
                Key=key_of(side, name),
                **reading_parameters(side, name),
            )

        return bool(on_its_side(self.storage, name, asked).get("ContentEncoding") == "gzip")

    def entries(self, prefix: str = "", stretch: Stretch | None = None) -> Iterator[Entry]:
        """Give every file whose name begins so, in the order in which the store lists. One request for each 1,000.

        Of a stretch, what comes after the first name that is beyond it is not asked for: a store that does not list in
        the order of the bytes may have more. Notes what it leaves out.
        """
        self.troubles.clear()
        for name, size_bytes, etag, modified in walk(
            self.storage, prefix, stretch.after if stretch else "", leave=self._leave
        ):
            if stretch is not None and order_of(name) > order_of(stretch.last):
                return
            if not name.startswith(prefix):
                # SeaweedFS takes "a//" for "a/".
                continue
            yield Entry(name, size_bytes, _as_time(modified), etag.strip('"'))

    def _leave(self, one: objects.Entry) -> None:
        reason = (
            f"has {as_size(one.size_bytes)} of content under the name of a folder, which ends in a slash; no file has such a "
            "name. Rename it in the source by the provider's own tools, or delete it there"
        )
        self.troubles.append(Trouble(one.name, reason))

    def refuses(self, name: str) -> str:
        """Say why a name cannot be one here; empty if it can."""
        try:
            key = key_of(self.storage, name)
        except InvalidName as invalid:
            return f"{invalid} Rename it in the source"
        except HoldallError as failure:
            return str(failure)
        # The accident: two names that are one key.
        return "" if key.endswith(names.clean(name)) and names.clean(name) == name else "is not a clean name: rename it"


Place = Folder | Store


def overlap(source: Place, destination: Place) -> str:
    """Say why nothing can be copied from one place to another: they are one, or one is inside the other. Else empty.

    The accident: each run would copy the copies of the last one too, or write among the files that it reads.
    """
    if isinstance(source, Folder) and isinstance(destination, Folder):
        here, there = source.path.resolve(), destination.path.resolve()
        one, way = here == there, _is_inside(here, there) or _is_inside(there, here)
    elif isinstance(source, Store) and isinstance(destination, Store):
        if not buckets.is_same(bucket_of(source.storage), bucket_of(destination.storage)):
            return ""
        mine = site_of(source.storage)
        other = site_of(destination.storage)._replace(place=mine.place)
        one, way = mine == other, mine.inside(other) is not None or other.inside(mine) is not None
    else:
        return ""
    if one:
        both = f"{source}" if str(source) == str(destination) else f"{source} and {destination}"
        return f"Source and destination are the same: {both}."
    if way:
        return f"Source and destination overlap: {source} and {destination}. Copy to a place beside it."
    return ""


def is_one(one: MediaStorage, other: MediaStorage) -> bool:
    """Say whether two stores are one, by whichever address of its bucket they are reached."""
    return one.location.strip("/") == other.location.strip("/") and buckets.is_same(bucket_of(one), bucket_of(other))


def bucket_of(storage: MediaStorage) -> buckets.Bucket:
    """Give the bucket of a store, by all that leads to it."""
    addresses = (storage.endpoint_url, storage.public_endpoint_url)
    known = tuple(address for address in addresses if address)
    folder = str(storage.local_folder or "")
    return buckets.Bucket(target_of(storage).provider, str(storage.bucket_name), known, folder)


def unfinished_beside(path: Path) -> Path:
    """Give a path for a file until it is whole; no other run has the same."""
    return path.with_name(f".{os.urandom(8).hex()}.holdall-unfinished")


def reading(side: MediaStorage, name: str, *, unpacks: bool = False) -> ObjectFile:
    """Open a file of one store, as the store keeps it, or unpacked."""
    read = partial(
        ObjectReader, side.store, None, name=name, key=key_of(side, name), parameters=reading_parameters(side, name)
    )
    return ObjectFile(read, name=name, mode="rb", unpacks=unpacks)


def _order(child: os.DirEntry[str]) -> bytes:
    # A folder's files are called "folder/…", which comes after "folder.txt".
    name = os.fsencode(child.name)
    try:
        return name + b"/" if child.is_dir() else name
    except OSError:
        return name


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_inside(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents


def _as_time(told: datetime | str | None) -> datetime | None:
    return datetime.fromisoformat(told) if isinstance(told, str) and told else told or None
