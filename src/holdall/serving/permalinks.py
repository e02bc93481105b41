"""Permalinks: addresses of private files that never end, for texts that are kept, because a view asks for permission."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import File
from django.core.files.storage import Storage, storages
from django.urls import NoReverseMatch, reverse
from django.utils.deconstruct import deconstructible
from django.utils.module_loading import import_string

from holdall import names
from holdall.errors import InvalidName
from holdall.serving import saved
from holdall.storage import MediaStorage

_ENDING = str.maketrans({"'": "%27", "(": "%28", ")": "%29", "&": "%26"})


@deconstructible(path="holdall.serving.PermalinkStorage")
class PermalinkStorage(Storage):
    """Keep files in a folder of another storage, and link to them by a view of the project's own.

    An editor saves the link to a picture in its text, and the text is shown for years; a signed link ends within hours.
    A permalink is the address of a view made by `serve_files`, which asks who wants the file each time.

    - `storage`: the alias of the storage that has the files.
    - `folder`: where they are in it. Nothing else can be reached through this storage.
    - `view`: the name of the view in the URLconf, with an argument `name`.

    Made without options, as editors make it, it is the first in `STORAGES` that is of this class.

    Requests: those of the other storage; a link costs none.
    """

    # Migrations and error pages name the class by where users import it from.
    __module__ = "holdall.serving"

    def __init__(self, *, storage: str | None = None, folder: str | None = None, view: str | None = None) -> None:
        if storage is folder is view is None:
            options = _configured()
            storage, folder, view = options.get("storage"), options.get("folder"), options.get("view")
        self.alias = storage or "default"
        self.folder = names.clean("pictures" if folder is None else folder).strip("/")
        self.view = view or "picture"

    @property
    def storage(self) -> Storage:
        """The storage that has the files."""
        return storages[self.alias]

    def inner(self, name: str) -> str:
        """Give the name of a file in the other storage.

        Raises:
            InvalidName: it would lead out of the folder.
        """
        cleaned = names.clean(name)
        # The attack: a name that leads to the other files of the storage, for which nobody would be asked.
        if cleaned.startswith(("/", "../")) or cleaned == "..":
            raise InvalidName(f"{str(name)!r} leads out of the folder {self.folder!r}. Nothing was sent.")
        return f"{self.folder}/{cleaned}" if self.folder else cleaned

    def outer(self, name: str) -> str:
        """Give the name here of a file of the other storage in the folder."""
        return name.removeprefix(f"{self.folder}/") if self.folder else name

    # -- Django's storage

    def url(self, name: str | None) -> str:
        """Give the permalink. Requests: none.

        Raises:
            ImproperlyConfigured: the URLconf has no such view.
            InvalidName: no file can have the name, or no address of the view.
        """
        given = self.outer(self.inner(str(name or "")))
        if not _is_addressable(given):
            raise InvalidName(f"{str(name or '')!r} has no permalink: it names a folder, or has a line break.")
        try:
            address = reverse(self.view, kwargs={"name": given})
        except NoReverseMatch as missing:
            raise ImproperlyConfigured(
                f'The URLconf has no view "{self.view}" with an argument `name`, to which links could lead. Add it: '
                f'path("pictures/<path:name>", serve_files("…", allow=…), name="{self.view}").'
            ) from missing
        # Django leaves them as they are. In texts they end what the address is in, an attribute or url() in a style; and
        # "&copy.png" is another name there.
        return address.translate(_ENDING)

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        prefix = len(self.folder) + 1 if self.folder else 0
        given = self.inner(str(name or content.name))
        return self.outer(self.storage.save(given, content, None if max_length is None else max_length + prefix))

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        return self.storage.open(self.inner(name), mode)

    def delete(self, name: str) -> None:
        if not name:
            raise ValueError("The name must be given to delete().")
        self.storage.delete(self.inner(name))

    def exists(self, name: str) -> bool:
        return self.storage.exists(self.inner(name))

    def size(self, name: str) -> int:
        return self.storage.size(self.inner(name))

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        return self.storage.listdir(self.inner(path))

    def get_modified_time(self, name: str) -> datetime:
        return self.storage.get_modified_time(self.inner(name))

    # -- texts

    def permalinks(self, text: str) -> str:
        """Give a text in which each signed link to a file of the folder is its permalink.

        It takes HTML and what contains it, Markdown and JSON among them. What leads elsewhere, and files outside of the
        folder, stay as they are. A text without such links comes back as it was. Requests: none.
        """
        return saved.rewritten(text, self._permalink)

    def _permalink(self, url: str) -> str | None:
        name = self._name_behind(url)
        return None if name is None else self.url(self.outer(name))

    def _name_behind(self, url: str) -> str | None:
        inner = self.storage
        name = saved.name_of(inner, url) if isinstance(inner, MediaStorage) else None
        if name is None or (self.folder and not name.startswith(f"{self.folder}/")):
            return None
        return name if _is_addressable(self.outer(name)) else None

    def names_in(self, text: str) -> Iterator[str]:
        """Give the name of each file that a text shows by a permalink or a signed link, as the other storage has it.

        It is what `holdall.references` wants to know, with the alias of the other storage. Requests: none.
        """
        names_found: dict[str, None] = {}
        for found in saved.signed_links(text):
            name = self._name_behind(saved.plain(saved.address_in(found)))
            if name is not None:
                names_found[name] = None
        begin = re.escape(self.url("x")[: -len("x")])
        for found in re.finditer(rf"{begin}({saved.PATH})", text):
            # What cannot be a name was never given.
            with suppress(InvalidName):
                names_found[self.inner(unquote(saved.plain(found[1].rstrip(saved.AFTER))))] = None
        yield from names_found


def _is_addressable(name: str) -> bool:
    # Django's `<path:name>` takes no line break.
    return name != "" and not name.endswith("/") and "\n" not in name


def _configured() -> dict[str, Any]:
    for entry in getattr(settings, "STORAGES", {}).values():
        if _is_of_permalinks(str(entry.get("BACKEND", ""))):
            found: dict[str, Any] = entry.get("OPTIONS", {})
            return found
    return {}


def _is_of_permalinks(path: str) -> bool:
    try:
        found = import_string(path)
    except ImportError:
        return False
    return isinstance(found, type) and issubclass(found, PermalinkStorage)
