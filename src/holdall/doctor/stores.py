"""What is to be examined: the store that an environment describes, or those of a Django project."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage.handler import StorageHandler

import holdall
from holdall import contract
from holdall.doctor.examination import Examination

STATIC = "staticfiles"


def of_environment(
    environ: Mapping[str, str] = os.environ, *, prefix: str = "", origins: Iterable[str] = ()
) -> Examination:
    """Examine what an environment describes. Without a Django project, Django is configured with nothing but this."""
    reading = contract.read(environ, prefix=prefix)
    storage = None
    if reading.store is not None:
        with warnings.catch_warnings():
            # They are findings here.
            warnings.simplefilter("ignore", holdall.ContractWarning)
            chosen = holdall.from_env(environ, aliases={"default": prefix})
        if not settings.configured:
            settings.configure(STORAGES=chosen, USE_TZ=True)
        storage = StorageHandler(chosen)["default"]  # type: ignore[arg-type]  # the stubs expect what it makes
    return Examination(storage, reading=reading, environ=environ, origins=origins)


def of_project(
    aliases: Iterable[str] = (), *, environ: Mapping[str, str] = os.environ, origins: Iterable[str] = ()
) -> list[Examination]:
    """Examine the storages of the project whose settings are loaded: those named, else all but Django's own static files.

    Raises:
        ImproperlyConfigured: an alias that `STORAGES` does not have.
    """
    handler = StorageHandler()
    known = handler.backends
    wanted = list(aliases) or [alias for alias in known if alias != STATIC]
    if unknown := [alias for alias in wanted if alias not in known]:
        raise ImproperlyConfigured(f'`STORAGES` has no alias "{unknown[0]}"; it has {", ".join(known) or "none"}.')
    examinations = []
    for alias in wanted:
        storage = handler[alias]
        prefix = getattr(storage, "env_prefix", None)
        reading = None if prefix is None else contract.read(environ, prefix=prefix)
        examinations.append(
            Examination(
                storage,
                store=alias if len(wanted) > 1 else "",
                reading=reading,
                environ=environ,
                origins=origins,
                project=True,
            )
        )
    return examinations
