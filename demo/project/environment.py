"""What the demo assumes where the environment says nothing."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

PRIVATE, PUBLIC = "", "PUBLIC_"


def fill_in(environment: MutableMapping[str, str]) -> None:
    """Put both stores on the embedded server unless the environment describes one; it is public under `PUBLIC_`.

    With one real store described, nothing is assumed about the other: a gallery that is half on this machine
    would only puzzle, so the contract then says which variables are missing.
    """
    if not names_a_store(environment, PRIVATE) and not names_a_store(environment, PUBLIC):
        environment["STORAGES_MODE"] = "local"
    if environment.get("STORAGES_MODE", "").strip().lower() == "local" and not names_a_store(environment, PUBLIC):
        environment["PUBLIC_STORAGES_MODE"] = "local"
    if not environment.get("PUBLIC_STORAGE_MAKE_FILES_PUBLIC"):
        environment["PUBLIC_STORAGE_MAKE_FILES_PUBLIC"] = "true"


def names_a_store(environment: Mapping[str, str], prefix: str) -> bool:
    """Tell whether the environment chooses a store under this prefix."""
    chosen_by = ("STORAGES_MODE", "STORAGE_BUCKET_NAME", "AWS_STORAGE_BUCKET_NAME")
    return any(environment.get(prefix + name) for name in chosen_by)
