"""List a store's own objects for an audit: what is a file of it, and what belongs to another store in the same bucket."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, NamedTuple

from django.apps import apps
from django.conf import settings
from django.core.files.storage import FileSystemStorage, storages
from django.utils.module_loading import import_string

from holdall import sites
from holdall.bulk.sources import way_between
from holdall.bulk.tables import RowsUnknown
from holdall.errors import InvalidName
from holdall.names import is_plain
from holdall.s3.said import told_at
from holdall.storage import MediaStorage
from holdall.storage.objects import has_own_keys, key_of, prefix_of

# Apps whose uploads no row names, only texts: the setting that names their folder, and what it is by default.
_UPLOADERS = (
    ("ckeditor_uploader", "CKEDITOR_UPLOAD_PATH", ""),
    ("filebrowser", "FILEBROWSER_DIRECTORY", "uploads/"),
    ("markdownx", "MARKDOWNX_MEDIA_PATH", "markdownx/"),
)


class Found(NamedTuple):
    """An object of the store, as the listing tells of it."""

    name: str
    size_bytes: int
    etag: str
    modified: str

    @property
    def saved_at(self) -> datetime:
        """When it was saved there, to the second."""
        return datetime.fromisoformat(self.modified)

    @classmethod
    def of(cls, name: str, entry: Mapping[str, Any]) -> Found:
        """Make one of what a listing says of an object."""
        return cls(name, int(entry["Size"]), entry["ETag"].strip('"'), str(entry["LastModified"]))


class Page(NamedTuple):
    """Some files as a listing gives them; never none."""

    names: list[str]
    # What the listing says of each.
    entries: list[Mapping[str, Any]]


class Upload(NamedTuple):
    """An upload in parts that was begun and not finished."""

    name: str
    upload_id: str
    begun: str


class Inventory:
    """What one store's own bucket and location hold. Nothing of a fork's parent is listed."""

    def __init__(self, storage: MediaStorage, *, others: Iterable[str] = ()) -> None:
        self._storage = storage
        # Folders that are another store's: a fork's, another environment's, or that of another alias.
        self.others = set(others)
        # Folders of files that a package keeps without a row.
        self.caches: tuple[str, ...] = tuple(_cache_folders())
        # What the store's own clock says, by which files have their dates; None before anything was listed.
        self.told_at: datetime | None = None

    def files(self) -> Iterator[Found]:
        """Give every file, in the order in which the store lists. One request for each 1,000."""
        for page in self.pages():
            yield from map(Found.of, page.names, page.entries)

    def pages(self) -> Iterator[Page]:
        """Give every file, by the page of the listing, in the order in which the store lists. One request for each 1,000.

        A folder with Holdall's own objects in it belongs to another store, and is noted.
        """
        prefix = prefix_of(self._storage)
        start, reserved = len(prefix), sites.RESERVED
        for page in _ahead(self._storage.store.pages(action="listing", Prefix=prefix)):
            if self.told_at is None:
                self.told_at = told_at(page)
            entries = page.get("Contents") or []
            names = [found["Key"][start:] for found in entries]
            together = "\n".join([*names, ""])
            # Asked of a whole page: most have nothing but files.
            if not names or reserved in together or "/\n" in together or "" in names:
                entries = [found for found, name in zip(entries, names, strict=True) if self._is_file(name, found)]
                names = [found["Key"][start:] for found in entries]
            if names:
                yield Page(names, entries)

    def _is_file(self, name: str, found: Mapping[str, Any]) -> bool:
        if sites.RESERVED in name and sites.is_reserved(name):
            above, _, _ = f"/{name}".partition(f"/{sites.RESERVED}/")
            if above:
                self.others.add(f"{above[1:]}/")
            return False
        # Consoles mark folders by empty objects, whose names end in a slash. One that has content is somebody's.
        return bool(name) and (name[-1] != "/" or int(found["Size"]) > 0)

    def uploads(self) -> Iterator[Upload]:
        """Give the uploads that were begun here and not finished. One request for each 1,000."""
        prefix = prefix_of(self._storage)
        for one in self._storage.store.unfinished(action="looking for unfinished uploads", prefix=prefix):
            yield Upload(one["Key"][len(prefix) :], one["UploadId"], _as_text(one.get("Initiated")))

    def is_reachable(self, name: str) -> bool:
        """Say whether the storage finds the object under this name.

        The accident: an object named "a//b.jpg", which nothing refers to. Whoever deletes it by this name deletes "a/b.jpg".
        """
        storage = self._storage
        if is_plain(name) and not has_own_keys(storage):
            return True
        try:
            return key_of(storage, name) == f"{prefix_of(storage)}{name}"
        except InvalidName:
            return False

    def is_anothers(self, name: str) -> bool:
        """Say whether a name is in a folder of another store, as far as is known by now."""
        return any(name.startswith(folder) for folder in self.others)

    def is_cached(self, name: str) -> bool:
        """Say whether a name is in a folder that a package keeps without rows."""
        return name.startswith(self.caches) if self.caches else False


def _ahead(pages: Iterator[Any]) -> Iterator[Any]:
    """Ask for the next page while this one is worked on."""
    with ThreadPoolExecutor(1, thread_name_prefix="holdall-list") as pool:
        coming = pool.submit(next, pages, None)
        while (page := coming.result()) is not None:
            coming = pool.submit(next, pages, None)
            yield page


def _as_text(moment: object) -> str:
    return moment.isoformat() if isinstance(moment, datetime) else str(moment or "")


def other_aliases(storage: MediaStorage) -> Iterator[str]:
    """Give the folders of this store that are another alias's.

    Raises:
        RowsUnknown: a storage of the project cannot be made.
    """
    for one in _storages().values():
        if (way := way_between(one, storage)) is not None and way.added:
            yield way.added


def has_static_files(storage: MediaStorage) -> bool:
    """Say whether the project keeps its static files in this very folder: no row names them."""
    one = _storages().get("staticfiles")
    way = way_between(one, storage) if getattr(one, "bucket_name", None) else None
    return way is not None and not way.added


def _storages() -> dict[str, Any]:
    """Give the project's storages but those whose files are on a disk, which need not be usable here.

    Raises:
        RowsUnknown: one cannot be made, so that it is unknown which folder is its own.
    """
    found = {}
    for alias, entry in getattr(settings, "STORAGES", {}).items():
        try:
            kind = import_string(entry["BACKEND"])
            if not (isinstance(kind, type) and issubclass(kind, FileSystemStorage)):
                found[alias] = storages[alias]
        except Exception as failure:  # whatever a project's storage raises
            raise RowsUnknown(f"The storage `{alias}` cannot be made, so its files are unknown: {failure}") from failure
    return found


def _cache_folders() -> Iterator[str]:
    if apps.is_installed("imagekit"):
        folder = str(getattr(settings, "IMAGEKIT_CACHEFILE_DIR", "CACHE/images")).strip("/")
        # Without a folder they may be anywhere.
        yield f"{folder}/" if folder else ""
    if apps.is_installed("sorl.thumbnail") and "cached_db" not in getattr(settings, "THUMBNAIL_KVSTORE", "cached_db"):
        # What it made is known to a server that is not asked here.
        yield getattr(settings, "THUMBNAIL_PREFIX", "cache/").lstrip("/")
    for app, setting, usual in _UPLOADERS:
        if apps.is_installed(app):
            # A path may have the day in it, and then only its beginning is that of yesterday's.
            folder = str(getattr(settings, setting, usual) or "").strip("/").partition("/")[0]
            yield f"{folder}/" if folder else ""
