"""What a request that reads a file has to say beside its key."""

from __future__ import annotations

from typing import Any

from storages.backends.s3 import _filter_download_params


def reading_parameters(storage: Any, name: str) -> dict[str, Any]:
    """Give what reading a file needs beside its key, such as the customer's key that encrypts it."""
    parameters: dict[str, Any] = _filter_download_params(storage.get_object_parameters(name))
    return parameters
