"""Open the store that a command's environment describes, with or without a Django project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import holdall
from holdall.cli.terminal import Session
from holdall.errors import ContractError

if TYPE_CHECKING:
    from holdall.fork import ForkedStorage
    from holdall.storage import MediaStorage


def options_of(session: Session, prefix: str) -> dict[str, Any]:
    """Give the options of the storage that the environment describes.

    Raises:
        ContractError: it describes none, or an image is being built.
    """
    entry = holdall.from_env(session.environ, aliases={"default": prefix})["default"]
    if "bucket_name" not in entry["OPTIONS"]:
        raise ContractError(["`BUILD_MODE` is true, so there is no store. Run this without it."])
    return dict(entry["OPTIONS"])


def open_storage(options: dict[str, Any]) -> MediaStorage:
    """Make the storage of these options."""
    from django.conf import settings

    if not settings.configured:
        # The storage reads its defaults there.
        settings.configure(USE_TZ=True)
    from holdall.fork.storage import storage_of

    return storage_of(options)


def open_fork(session: Session, prefix: str) -> ForkedStorage:
    """Make the fork that the environment describes.

    Raises:
        ContractError: it describes no store, or one that is not a fork.
    """
    options = options_of(session, prefix)
    if "parent" not in options:
        raise ContractError([f"`{prefix}PARENT_STORAGE_BUCKET_NAME` is missing; it names the parent's bucket."])
    from holdall.fork import ForkedStorage

    fork = open_storage(options)
    assert isinstance(fork, ForkedStorage)  # noqa: S101  it has a parent
    return fork
