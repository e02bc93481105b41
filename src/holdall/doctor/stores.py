"""What the doctor checks: the store that an environment describes, or those of a Django project."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage
from django.core.files.storage.handler import StorageHandler

import holdall
from holdall.doctor.examination import Described, Entry, Examination
from holdall.environment import contract

STATIC = "staticfiles"


def of_environment(
    environ: Mapping[str, str] = os.environ,
    *,
    prefix: str = "",
    origins: Iterable[str] = (),
    sources: Mapping[str, str] | None = None,
) -> Examination:
    """Examine what an environment describes. Without a Django project, Django is configured with this store alone."""
    reading = contract.read(environ, prefix=prefix)
    storage, broken = None, None
    if reading.store is not None:
        with warnings.catch_warnings():
            # The doctor reports them as findings.
            warnings.simplefilter("ignore", holdall.ContractWarning)
            chosen = holdall.from_env(environ, aliases={"default": prefix})
        if not settings.configured:
            settings.configure(STORAGES=chosen, USE_TZ=True)
        storage, broken = _made(StorageHandler(chosen), "default")  # type: ignore[arg-type]  # the stubs expect what it makes
    described = Described(environ, reading, sources or {})
    return Examination(storage, described=described, origins=origins, broken=broken)


def _made(handler: StorageHandler, alias: str) -> tuple[Storage | None, Exception | None]:
    """Make a storage. Whatever prevents it becomes a finding."""
    try:
        return handler[alias], None
    except Exception as error:  # noqa: BLE001  a project's own class may raise anything
        return None, error


def of_project(
    aliases: Iterable[str] = (), *, environ: Mapping[str, str] = os.environ, origins: Iterable[str] = ()
) -> list[Examination]:
    """Examine the storages of the project whose settings are loaded: those named, or all except `staticfiles`.

    Raises:
        ImproperlyConfigured: `STORAGES` has no such alias.
    """
    handler, aliases = StorageHandler(), list(aliases)
    known = handler.backends
    # A missing default is a finding too.
    wanted = aliases or ["default", *(alias for alias in known if alias not in {"default", STATIC})]
    if unknown := [alias for alias in aliases if alias not in known]:
        raise ImproperlyConfigured(f'`STORAGES` has no alias "{unknown[0]}"; it has {", ".join(known) or "none"}.')
    examinations = []
    for alias in wanted:
        storage, broken = _made(handler, alias)
        reading = _reading_of(storage, environ)
        examinations.append(
            Examination(
                storage,
                entry=Entry(alias, label=alias if len(wanted) > 1 else "", is_first=alias == wanted[0]),
                described=Described(environ, reading),
                origins=origins,
                broken=broken,
            )
        )
    return examinations


def _reading_of(storage: Any, environ: Mapping[str, str]) -> contract.Reading | None:
    """Read the variables that a storage was made from again; None if it was not made from this environment."""
    prefix = getattr(storage, "env_prefix", None)
    if prefix is None:
        return None
    reading = contract.read(environ, prefix=prefix)
    store = reading.store
    same = store and (store.bucket_name, store.endpoint_url) == (storage.bucket_name, storage.endpoint_url)
    return reading if same else None
