"""The part of the storage that asks: what is there, since when, how long it is, and what is in a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from django.conf import settings as django_settings
from django.utils import timezone

from holdall import names
from holdall.errors import ObjectNotFound, StoreFailed
from holdall.sites import RESERVED, is_reserved
from holdall.storage.entry import Entry, Leave, unnoticed
from holdall.storage.links import LinkingStorage
from holdall.storage.reading import reading_parameters

T = TypeVar("T")
WORKERS = 16
KNOWN_FOLDERS = 10_000


class AskingStorage(LinkingStorage):
    """The storage with links, and with answers about files and folders. `MediaStorage` gives it a connection."""

    def exists_many(self, names: Iterable[str]) -> dict[str, bool]:
        """Say of each name whether a file has it. One HEAD each, a few at a time."""
        asked = list(dict.fromkeys(names))
        with ThreadPoolExecutor(min(WORKERS, len(asked)) or 1, thread_name_prefix="holdall-exists") as pool:
            return dict(zip(asked, pool.map(self.exists, asked), strict=True))

    def exists(self, name: str) -> bool:
        """Say whether a file has this name, or a folder in which something lies; the empty name is the store itself.

        Requests: one HEAD; one more after the first "no" of a process. After each "no" one listing of three keys at
        most, if the name may be a folder's: it has no dot in its last part, ends in a slash, or `listdir` gave it.

        Raises:
            AccessRefused: also for a missing file, where the keys may not list the bucket.
            BucketNotFound: the bucket itself is missing, which says nothing about the file.
        """
        cleaned = names.clean(name)
        if cleaned and not cleaned.endswith("/") and self._has_file(cleaned):
            return True
        path = cleaned.rstrip("/")
        is_likely = path != cleaned or "." not in path.rpartition("/")[2] or path in self._folders_seen()
        return is_likely and self._has_below(path)

    def _on_its_side(self, _name: str, read: Callable[[Any], T]) -> T:
        """Read something of a file from the store that has it: this one, if it is not a fork."""
        return read(self)

    def _has_file(self, name: str) -> bool:
        parameters = reading_parameters(self, name)
        try:
            self.store.call(
                "head_object",
                action="looking for",
                name=name,
                client=self._client,
                Key=self._key(name),
                **parameters,
            )
        except ObjectNotFound:
            return False
        return True

    def _has_below(self, path: str) -> bool:
        """Say whether a folder contains anything. One listing, in which everything of Holdall's own is one entry."""
        page = self.store.call(
            "list_objects_v2",
            action="listing",
            name=path,
            client=self._client,
            Prefix=self._prefix(path),
            Delimiter="/",
            MaxKeys=3,
        )
        keys = [entry["Key"] for entry in page.get("Contents", ())]
        keys += [entry["Prefix"] for entry in page.get("CommonPrefixes", ())]
        return any(key.rstrip("/").rpartition("/")[2] != RESERVED for key in keys)

    def _folders_seen(self) -> set[str]:
        """Give the folders that `listdir` returned and whose names look like those of files: "jquery-3.7"."""
        seen: set[str] = self.store.known.setdefault(("folders", self.location), set())
        return seen

    def _note_folders(self, path: str, folders: Iterable[str]) -> None:
        seen = self._folders_seen()
        above = names.clean(path).rstrip("/")
        for folder in folders:
            if "." in folder and len(seen) < KNOWN_FOLDERS:
                seen.add(f"{above}/{folder}" if above else folder)

    def size(self, name: str) -> int:
        """Give how many bytes are read from the file. One HEAD; of a packed file, one or two GETs more."""
        with self.translating("asking the size of", name):
            found = self._looked_at(name)
            size_bytes = found.content_length
            is_packed = self.gzip and found.content_encoding == "gzip"
        if is_packed:
            with self._open(name) as file:
                return int(file.size)
        if size_bytes is None:
            raise StoreFailed(
                f'The size of "{name}" is not known: the answer of {self.store.where()} has no '
                "`Content-Length`. Check whether a proxy between compresses what passes."
            )
        return int(size_bytes)

    def get_modified_time(self, name: str) -> datetime:
        """Give the time when the file was saved: aware under `USE_TZ`, otherwise in the default time zone. One HEAD."""
        with self.translating("asking the time of", name):
            modified: datetime = self._looked_at(name).last_modified
        return modified if django_settings.USE_TZ else timezone.make_naive(modified, timezone.get_default_timezone())

    def _looked_at(self, name: str) -> Any:
        """Give the SDK's object of a file. One HEAD: here, if the file is encrypted with a key of the project's own."""
        found = self.bucket.Object(self._key(name))
        if parameters := reading_parameters(self, name):
            found.load(**parameters)
        return found

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """List folders and files of a folder. One request for each 1,000."""
        prefix = self._prefix(path)
        folders: list[str] = []
        files: list[str] = []
        for page in self._pages(path, Delimiter="/", Prefix=prefix):
            folders += [entry["Prefix"][len(prefix) :].rstrip("/") for entry in page.get("CommonPrefixes", ())]
            files += [entry["Key"][len(prefix) :] for entry in page.get("Contents", ()) if entry["Key"] != prefix]
        # What Holdall keeps there for itself, or for a store in this folder.
        folders = [folder for folder in folders if folder != RESERVED]
        self._note_folders(path, folders)
        return folders, [file for file in files if file != RESERVED]

    def _walk(self, prefix: str, after: str = "", leave: Leave = unnoticed) -> Iterator[Entry]:
        """Give every file whose name begins so and comes after another. One request for each 1,000.

        `leave` hears of each object that has content under the name of a folder, which no file can have.
        """
        return self._walk_own(prefix, after, leave)

    def _walk_own(self, prefix: str, after: str = "", leave: Leave = unnoticed) -> Iterator[Entry]:
        """Give every file of this very store, as `_walk` does."""
        start = self._prefix("")
        beyond: dict[str, Any] = {"StartAfter": f"{start}{after}"} if after else {}
        for page in self.store.pages(action="listing", name=prefix, Prefix=f"{start}{prefix}", **beyond):
            for found in page.get("Contents", ()):
                name = found["Key"][len(start) :]
                if not name or is_reserved(name):
                    continue
                entry = Entry(name, int(found["Size"]), str(found["ETag"]), found.get("LastModified"))
                if not name.endswith("/"):
                    yield entry
                elif entry.size_bytes:
                    # Consoles mark folders by empty ones.
                    leave(entry)

    def _pages(self, path: str, **parameters: Any) -> Iterator[Any]:
        # V1 breaks on keys with "%" or "+" on Ceph: its marker comes back unescaped.
        if (client := self._client) is not None:
            return iter(client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket_name, **parameters))
        pages: Iterator[Any] = self.store.pages(action="listing", name=path, **parameters)
        return pages
