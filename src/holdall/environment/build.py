"""The storage while an image is built: it can be configured, named and checked, and any use of it raises."""

from __future__ import annotations

from typing import IO, Any, NoReturn

from django.core.files.storage import Storage

from holdall.errors import BuildModeError


class BuildModeStorage(Storage):
    """Refuse every use: an image must not depend on a bucket, nor carry keys to one.

    `alias` is the one in `STORAGES` that the real storage will have.

    Raises:
        BuildModeError: on every operation.
    """

    def __init__(self, alias: str = "default") -> None:
        self.alias = alias

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """Give a migration what the real storage gives: `makemigrations --check` while building finds no change."""
        return "holdall.storage.from_alias", (self.alias,), {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BuildModeStorage) and other.alias == self.alias

    def __hash__(self) -> int:
        return hash(self.alias)

    def _refuse(self, *_arguments: Any, **_options: Any) -> NoReturn:
        raise BuildModeError(
            "The storage was used while an image is being built (`BUILD_MODE` is true), when there is no bucket. "
            "Do this at run time, or build without `BUILD_MODE` and with the store's variables."
        )

    def _open(self, name: str, mode: str = "rb") -> IO[Any]:
        self._refuse(name, mode)

    save = open = delete = exists = listdir = size = url = path = _refuse
    asave = aopen = adelete = aexists = alistdir = asize = aurl = aget_modified_time = _refuse
    adelete_many = aexists_many = aurl_many = _refuse
    get_accessed_time = get_created_time = get_modified_time = get_available_name = _refuse
