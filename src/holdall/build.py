"""The storage while an image is built: it can be configured, named and checked, and any use of it raises."""

from __future__ import annotations

from typing import IO, Any, NoReturn

from django.core.files.storage import Storage
from django.utils.deconstruct import deconstructible

from holdall.errors import BuildModeError


@deconstructible(path="holdall.build.BuildModeStorage")
class BuildModeStorage(Storage):
    """Refuse every use: an image must not depend on a bucket, nor carry keys to one.

    Raises:
        BuildModeError: on every operation.
    """

    def _refuse(self, *_arguments: Any, **_options: Any) -> NoReturn:
        raise BuildModeError(
            "The storage was used while an image is built (`BUILD_MODE` is true), when there is no bucket. "
            "Do this at run time, or build without `BUILD_MODE` and with the store's variables."
        )

    def _open(self, name: str, mode: str = "rb") -> IO[Any]:
        self._refuse(name, mode)

    save = open = delete = exists = listdir = size = url = path = _refuse
    get_accessed_time = get_created_time = get_modified_time = get_available_name = _refuse
