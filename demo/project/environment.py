"""What the demo assumes where the environment says nothing."""

from __future__ import annotations

from collections.abc import MutableMapping

NAMES_A_STORE = ("STORAGES_MODE", "STORAGE_BUCKET_NAME", "AWS_STORAGE_BUCKET_NAME")


def fill_in(environment: MutableMapping[str, str]) -> None:
    """Set what is missing for two stores on the embedded server; a store that is described is left alone.

    The gallery keeps private photographs in the store without a prefix and public ones in the store under
    `PUBLIC_`. Either both are the embedded server's or both are real: a gallery that is half on this machine
    would only puzzle, so the contract then asks for what is missing.
    """
    if not any(environment.get(prefix + name) for prefix in ("", "PUBLIC_") for name in NAMES_A_STORE):
        environment["STORAGES_MODE"] = environment["PUBLIC_STORAGES_MODE"] = "local"
    environment.setdefault("PUBLIC_STORAGE_MAKE_FILES_PUBLIC", "true")
