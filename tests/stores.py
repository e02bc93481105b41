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


def build_fork(environ: Mapping[str, str], *parents: Mapping[str, str], **options: Any) -> Any:
    """Build the storage of a fork: its own environment, then its parent's, that one's parent's, and so on."""
    whole = dict(environ)
    for number, parent in enumerate(parents, 1):
        whole |= {f"{'PARENT_' * number}{name}": value for name, value in parent.items()}
    return build_storage(whole, **options)
