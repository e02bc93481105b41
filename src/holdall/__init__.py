"""Media storage for stateless Django, configured by environment variables alone.

    # settings.py
    import holdall

    STORAGES = holdall.from_env()

This module is safe to import from settings: it loads neither boto3 nor django-storages, and contacts nothing.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from holdall.environment import contract as _contract
from holdall.environment import exposure as _exposure
from holdall.environment.options import PLACE_OPTIONS
from holdall.environment.options import options as _options_of
from holdall.errors import (
    AccessRefused,
    BucketNotFound,
    BuildModeError,
    ContractError,
    ContractWarning,
    CredentialsRefused,
    DevServerError,
    HoldallError,
    InvalidName,
    NameTaken,
    ObjectChanged,
    ObjectNotFound,
    StoreFailed,
    StoreUnreachable,
    WriteRefused,
)

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "AccessRefused",
    "BucketNotFound",
    "BuildModeError",
    "ContractError",
    "ContractWarning",
    "CredentialsRefused",
    "DevServerError",
    "HoldallError",
    "InvalidName",
    "NameTaken",
    "ObjectChanged",
    "ObjectNotFound",
    "StoreFailed",
    "StoreUnreachable",
    "WriteRefused",
    "default_local_folder",
    "from_env",
]

__version__ = "0.1.0.dev0"

_MEDIA = "holdall.storage.MediaStorage"
_FORK = "holdall.fork.ForkedStorage"
_BUILD = "holdall.environment.build.BuildModeStorage"
_STATIC = "django.contrib.staticfiles.storage.StaticFilesStorage"
# Where local mode keeps its files, in the project's folder.
_LOCAL_FOLDER = ".holdall"


def from_env(
    environ: Mapping[str, str] = os.environ,
    *,
    aliases: Mapping[str, str] | None = None,
    storages: Mapping[str, Mapping[str, Any]] | None = None,
    backends: Mapping[str, str] | None = None,
    local_folder: str | os.PathLike[str] | None = None,
) -> dict[str, dict[str, Any]]:
    """Give the whole `STORAGES` setting that an environment describes.

    `aliases` maps each alias to the prefix of its variables: `{"default": "", "private": "PRIVATE_"}` makes a
    second store out of `PRIVATE_STORAGE_BUCKET_NAME` and so on; without it there is `default` alone.
    `storages` is merged over the result, `OPTIONS` key by key; `staticfiles` is Django's own unless it says otherwise.
    `backends` names a project's own class for an alias, a subclass of `holdall.storage.MediaStorage` by its dotted path:
    it gets the options that the environment describes. While an image is built, it is not used.
    `local_folder` is where mode `local` keeps its files (default: `.holdall` in the folder that holds `manage.py`,
    looked for upwards from the working directory).

    Requests: none. A corrected value is a warning (`ContractWarning`).

    Raises:
        ContractError: the environment does not describe a usable store; all that is wrong, at once.
        ValueError: `backends` names an alias that is not read from the environment.
    """
    prefixes = {"default": ""} if aliases is None else dict(aliases)
    if unknown := sorted({*(backends or {})} - prefixes.keys()):
        raise ValueError(f'`backends` names "{unknown[0]}", which is not among the aliases: {", ".join(prefixes)}.')
    readings = {
        alias: _contract.read(environ, prefix=prefix, beside=prefixes.values()) for alias, prefix in prefixes.items()
    }
    problems = [problem for reading in readings.values() for problem in reading.problems]
    if problems:
        raise ContractError(list(dict.fromkeys(problems)))
    remarks = (
        text
        for alias, reading in readings.items()
        for text in reading.warnings
        if not (_sends_public_acl((storages or {}).get(alias, {})) and getattr(text, "finding", "") == "D224")
    )
    for warning in dict.fromkeys(remarks):
        warnings.warn(warning, ContractWarning, stacklevel=2)
    if any(reading.parent for reading in readings.values()):
        for alias, reading in readings.items():
            if reading.store and not reading.parent:
                # The accident: the copy of one store is a fork, and the other still deletes the original's files.
                warnings.warn(
                    f'The store "{alias}" is not a fork, but another one here is: saving and deleting there changes its '
                    f"bucket directly. If the bucket is the original's, set `{reading.prefix}PARENT_…` for it too.",
                    ContractWarning,
                    stacklevel=2,
                )

    chosen: dict[str, dict[str, Any]] = {"staticfiles": {"BACKEND": _STATIC}}
    for alias, reading in readings.items():
        if reading.store is None:
            chosen[alias] = {"BACKEND": _BUILD, "OPTIONS": {"alias": alias}}
        else:
            chosen[alias] = {
                "BACKEND": (backends or {}).get(alias) or (_FORK if reading.parent else _MEDIA),
                "OPTIONS": _options(reading, local_folder, boto3_sees_environment=environ is os.environ),
            }
    for alias, extra in (storages or {}).items():
        chosen[alias] = _merged(chosen.get(alias, {}), extra)
    _refuse_exposure(chosen)
    return chosen


def _sends_public_acl(extra: Mapping[str, Any]) -> bool:
    """Say whether an option publishes each file, so that no policy of the bucket has to."""
    asked = extra.get("OPTIONS", {})
    acl = asked.get("default_acl") or (asked.get("object_parameters") or {}).get("ACL")
    return str(acl or "").startswith("public")


def _refuse_exposure(chosen: Mapping[str, Mapping[str, Any]]) -> None:
    """Make sure that no store publishes what another one keeps private."""
    found = [
        shelf
        for alias, entry in chosen.items()
        for shelf in _exposure.shelves(alias, entry.get("OPTIONS", {}), str(entry.get("BACKEND", "")))
    ]
    if problems := _exposure.problems(found):
        raise ContractError(problems)


def _options(
    reading: _contract.Reading, local_folder: str | os.PathLike[str] | None, *, boto3_sees_environment: bool
) -> dict[str, Any]:
    """Give the options of a store, with those of its parent and of its mirror where there are any."""
    store = reading.store
    assert store is not None  # noqa: S101  there are no problems, and no image is built
    # Only then: the working directory may be gone, and nobody else needs it.
    folder = _local_folder(local_folder) if store.mode == "local" else None
    stored = _options_of(store, boto3_sees_environment=boto3_sees_environment, local_folder=folder)
    if reading.parent:
        stored["parent"] = _options(reading.parent, local_folder, boto3_sees_environment=boto3_sees_environment)
    if reading.mirror:
        mirror = _options(reading.mirror, local_folder, boto3_sees_environment=boto3_sees_environment)
        # They are the environment's, not the place's.
        shared = {name: stored[name] for name in ("environment", "trash") if mirror[name] is None}
        stored["mirror"] = mirror | shared
    return stored


def _local_folder(given: str | os.PathLike[str] | None) -> str:
    return os.path.abspath(given) if given else str(default_local_folder())  # noqa: PTH100  no pathlib at every start


def _merged(own: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a project's entry over ours, its options over our options, as long as both speak of one class."""
    if own.get("BACKEND") == _BUILD and extra.get("BACKEND", _MEDIA) in {_MEDIA, _FORK}:
        # Options of the real storage mean nothing while there is none.
        return dict(own)
    if own.get("BACKEND") == _FORK and extra.get("BACKEND") == _MEDIA:
        # Written for the original: what the environment makes a fork stays one.
        extra = {**extra, "BACKEND": _FORK}
    if extra.get("BACKEND", own.get("BACKEND")) != own.get("BACKEND"):
        return dict(extra)
    merged = {**own, **extra}
    if "OPTIONS" in own or "OPTIONS" in extra:
        options = merged["OPTIONS"] = {**own.get("OPTIONS", {}), **extra.get("OPTIONS", {})}
        if options.get("mirror") and "mirror" not in extra.get("OPTIONS", {}):
            # What a project chooses for its files holds for their copies; where they are is the mirror's alone.
            chosen = {name: value for name, value in extra.get("OPTIONS", {}).items() if name not in PLACE_OPTIONS}
            options["mirror"] = {**options["mirror"], **chosen}
    return merged


def default_local_folder() -> Path:
    """Give the folder where mode `local` keeps its files: `.holdall` beside `manage.py`, else in the working directory."""
    from pathlib import Path

    here = Path.cwd()
    project = next((folder for folder in (here, *here.parents) if (folder / "manage.py").is_file()), here)
    return project / _LOCAL_FOLDER
