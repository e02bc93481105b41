"""What the doctor checks: the store that an environment describes, or those of a Django project."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage
from django.core.files.storage.handler import StorageHandler

import holdall
from holdall.doctor.examination import Described, Entry, Examination, Sister
from holdall.environment import contract, exposure
from holdall.serving import PermalinkStorage

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
    sisters = []
    if reading.store is not None and (chosen := _chosen(environ, prefix)):
        if not settings.configured:
            settings.configure(STORAGES=chosen, USE_TZ=True)
        storage, broken = _of_entries(chosen)
        sisters = list(_sisters_of_environment(environ, prefix))
    described = Described(environ, reading, sources or {})
    return _alone(Examination(storage, described=described, origins=origins, broken=broken, sisters=sisters))


def _alone(examination: Examination) -> Examination:
    """Take the mirror from a storage, so that what is saved to examine it does not go there too."""
    mirror = getattr(examination.storage, "mirror", None)
    if mirror is not None:
        examination.mirror = mirror.storage
        examination.storage.mirror = None
    return examination


def mirror_of(examination: Examination) -> Examination | None:
    """Examine the mirror of a store as a store of its own; None if there is no mirror."""
    there, entry = examination.mirror, examination.entry
    if there is None:
        return None
    reading = examination.reading and contract.read(examination.environ, prefix=str(there.env_prefix))
    # Its warnings are among those of the store.
    described = Described(examination.environ, reading and reading._replace(warnings=()), examination.sources)
    if entry is not None:
        entry = entry._replace(is_first=False)
    made = Examination(there, entry=entry, described=described, origins=examination.origins)
    made.called = f"{entry.alias}:mirror" if entry else "mirror"
    return made


def _chosen(environ: Mapping[str, str], prefix: str) -> dict[str, dict[str, Any]]:
    """Give the setting that an environment describes; nothing where the layer `values` says what is wrong."""
    with warnings.catch_warnings():
        # The doctor reports them as findings.
        warnings.simplefilter("ignore", holdall.ContractWarning)
        try:
            return holdall.from_env(environ, aliases={"default": prefix})
        except holdall.ContractError:
            return {}


def _of_entries(chosen: Mapping[str, Mapping[str, Any]]) -> tuple[Storage | None, Exception | None]:
    return _made(StorageHandler(chosen), "default")  # type: ignore[arg-type]  # the stubs expect what it makes


def _sisters_of_environment(environ: Mapping[str, str], prefix: str) -> Iterator[Sister]:
    """Make the other stores whose buckets the environment names; nothing is sent."""
    for other in exposure.prefixes(environ):
        if other != prefix and (chosen := _chosen(environ, other)):
            storage, _ = _of_entries(chosen)
            if storage is not None:
                yield Sister(f"the store of `{other}STORAGE_BUCKET_NAME`", storage)


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
    made = {alias: _made(handler, alias) for alias in dict.fromkeys((*wanted, *known))}
    if not aliases:
        # Its files are those of another alias.
        wanted = [alias for alias in wanted if not isinstance(made[alias][0], PermalinkStorage)]
    for alias in wanted:
        storage, broken = made[alias]
        others = [Sister(other, found) for other, (found, _) in made.items() if other != alias and found is not None]
        reading = _reading_of(storage, environ)
        examinations.append(
            _alone(
                Examination(
                    storage,
                    entry=Entry(alias, label=alias if len(wanted) > 1 else "", is_first=alias == wanted[0]),
                    described=Described(environ, reading),
                    origins=origins,
                    broken=broken,
                    sisters=others,
                )
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
