"""What Django sees: the storage, its links and its files."""

from django.core.files.storage import Storage, storages

from holdall.storage.media import MediaStorage
from holdall.storage.misses import mirror_missed

__all__ = ["MediaStorage", "from_alias", "mirror_missed"]


def from_alias(alias: str) -> Storage:
    """Give the storage that `STORAGES` has under this alias; migrations are written with it."""
    return storages[alias]
