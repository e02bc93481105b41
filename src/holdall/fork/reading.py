"""The part of a fork that reads: whose a file is, and what the side that has it says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from django.core.files.base import File

from holdall import names, sites
from holdall.errors import NameTaken, ObjectNotFound
from holdall.fork.overlay import Overlay, Side, overlay_of
from holdall.fork.tombstones import Tombstones
from holdall.storage import MediaStorage
from holdall.storage.entry import Leave, unnoticed
from holdall.storage.files import ObjectFile
from holdall.storage.modes import Mode
from holdall.storage.objects import Entry, look_at

T = TypeVar("T")


class ReadingFork(MediaStorage):
    """The storage that shows a parent's files beside its own. `ForkedStorage` gives it its parent."""

    parent: MediaStorage
    # Folders of the parent's bucket in which forks lie; they are not the parent's files.
    _not_the_parents: tuple[str, ...]
    _location: str
    _parents_room_bytes: int

    @property
    def overlay(self) -> Overlay:
        """What this process knows of the own store."""
        return overlay_of(self.store, self._location)

    @property
    def tombstones(self) -> Tombstones:
        """What the own store hides of the parent's."""
        return Tombstones(self.store, self._location, self._client)

    # -- whose a file is

    def is_not_the_parents(self, name: str) -> bool:
        """Say what needs no question: a name in which forks lie, or one that is too long for a key there."""
        if len(name) * 4 > self._parents_room_bytes and len(name.encode()) > self._parents_room_bytes:
            return True
        return any(sites.is_below(name, folder) for folder in self._not_the_parents)

    def _own_or_parents(self, name: str, own: Callable[[], T], parents: Callable[[], T]) -> T:
        """Read something of a file from the side that has it.

        Requests: at most one beside those that a plain storage needs. In a fork with more than 1,000 own and hidden
        names it may be two, once in ten seconds.

        Raises:
            ObjectNotFound: no side has it.
        """
        side, is_certain = self.overlay.recall(name)
        if side is Side.OWN or not is_certain:
            try:
                return own()
            except ObjectNotFound:
                if side is Side.OWN:
                    # Another process deleted it, and what it may have hidden by that is not known yet.
                    self.overlay.note(name, Side.OWN, holds=False)
                    side = None
        if side is None:
            side = Side.HIDDEN if self.tombstones.is_hidden(name) else Side.PARENTS
        if side is Side.HIDDEN or self.is_not_the_parents(name):
            raise ObjectNotFound(
                f"File does not exist: {name} (not in {self.store.where()}, and nothing of the parent's shows by this name)."
            )
        return parents()

    def _on_its_side(self, name: str, read: Callable[[MediaStorage], T]) -> T:
        return self._own_or_parents(name, lambda: read(self), lambda: self.parent._on_its_side(name, read))

    def _walk(self, prefix: str, after: str = "", leave: Leave = unnoticed) -> Iterator[Entry]:
        own = set()
        for entry in self._walk_own(prefix, after, leave):
            own.add(entry.name)
            yield entry
        yield from self._walk_parents(prefix, own, leave)

    def _walk_parents(self, prefix: str, own: set[str], leave: Leave = unnoticed) -> Iterator[Entry]:
        hidden = self.tombstones.below(prefix)
        for entry in self.parent._walk(prefix, leave=lambda one: self.is_not_the_parents(one.name) or leave(one)):
            if entry.name not in own and entry.name not in hidden and not self.is_not_the_parents(entry.name):
                yield entry

    def _in_parent(self, name: str) -> Entry | None:
        """Look at a file as the parent shows it, hidden here or not. One HEAD, if the parent is not a fork itself."""
        if not name or self.is_not_the_parents(name):
            return None
        with suppress(ObjectNotFound):
            return look_at(self.parent, name)
        return None

    def _shows_parents(self, name: str) -> bool:
        """Say whether the parent has the name and it is not hidden here. One HEAD; two if the parent has it."""
        cleaned = names.clean(name)
        return self._in_parent(cleaned) is not None and not self.tombstones.is_hidden(cleaned)

    # -- reading

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        cleaned = names.clean(name)
        self._key(name)
        if Mode.of(mode).is_reading:
            return self._own_or_parents(
                cleaned, lambda: super(ReadingFork, self)._open(name, mode), lambda: self._parents_file(name, mode)
            )
        if Mode.of(mode).kind == "x" and self._shows_parents(cleaned):
            raise NameTaken(f'"{cleaned}" is taken in the parent, {self.parent.store.where()}. Nothing was changed.')
        return super()._open(name, mode)

    def _parents_file(self, name: str, mode: str) -> File[Any]:
        file = self.parent._open(name, mode)
        if isinstance(file, ObjectFile):
            # Opened again for writing, it becomes the fork's own.
            file.belongs_to(self)
        return file

    def _has_file(self, name: str) -> bool:
        """Say whether a file has this name here: an own one, or one of the parent's that is not hidden."""
        self._key(name)

        def own() -> bool:
            if super(ReadingFork, self)._has_file(name):
                return True
            raise ObjectNotFound(name)

        try:
            return self._own_or_parents(name, own, lambda: self.parent._has_file(name))
        except ObjectNotFound:
            return False

    def _has_below(self, path: str) -> bool:
        """Say whether anything shows in a folder. One listing of the own store; else as many as to find a file above."""
        if super()._has_below(path):
            return True
        prefix = f"{path}/" if path else ""
        return self.parent._has_below(path) and next(self._walk_parents(prefix, set()), None) is not None

    def size(self, name: str) -> int:
        self._key(name)
        return self._own_or_parents(
            names.clean(name), lambda: super(ReadingFork, self).size(name), lambda: self.parent.size(name)
        )

    def get_modified_time(self, name: str) -> datetime:
        self._key(name)
        return self._own_or_parents(
            names.clean(name),
            lambda: super(ReadingFork, self).get_modified_time(name),
            lambda: self.parent.get_modified_time(name),
        )

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """List folders and files of a folder, of both sides.

        Requests: one for each 1,000 entries of the own store, of what it hides, and of the parent. One or more for each
        folder of the parent in which something is hidden.
        """
        folders, files = map(set, super().listdir(path))
        cleaned = names.clean(path).strip("/")
        above = f"{cleaned}/" if cleaned else ""
        tombstones = self.tombstones
        hidden_folders, hidden_files = tombstones.in_folder(above)
        parents_folders, parents_files = self.parent.listdir(path)
        for file in parents_files:
            name = f"{above}{file}"
            is_hidden = file in hidden_files or (tombstones.is_aside(name) and tombstones.is_hidden(name))
            if not is_hidden and not self.is_not_the_parents(name):
                files.add(file)
        for folder in parents_folders:
            name = f"{above}{folder}"
            doubtful = folder in hidden_folders or any(sites.is_below(one, name) for one in self._not_the_parents)
            if not self.is_not_the_parents(name) and not (doubtful and self._shows_nothing_in(name)):
                folders.add(folder)
        self._note_folders(path, folders)
        return sorted(folders), sorted(files)

    def _shows_nothing_in(self, folder: str) -> bool:
        if next(self._walk_own(f"{folder}/"), None) is not None:
            return False
        return next(self._walk_parents(f"{folder}/", set()), None) is None
