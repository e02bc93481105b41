"""Make a storage as a project would: from an environment, through Django's own `STORAGES` machinery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.files.storage import Storage
from django.core.files.storage.handler import StorageHandler

import holdall


def build_storage(environ: Mapping[str, str], **options: Any) -> Storage:
    """Build the default storage of a project with this environment; `options` are put over those of the contract."""
    return StorageHandler(holdall.from_env(environ, storages={"default": {"OPTIONS": options}}))["default"]
