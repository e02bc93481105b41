"""What a project chooses for all of its direct uploads: the setting `HOLDALL_UPLOADS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

SETTING = "HOLDALL_UPLOADS"
MIB = 1024 * 1024
# What S3 takes with one PUT, and copies with one request: within the time that a form can take to be saved.
MOST_BYTES = 5 * 1024**3


def _is_logged_in(request: Any, field: Any) -> bool:
    user = getattr(request, "user", None)
    return bool(user is not None and user.is_authenticated)


def _user_of(request: Any) -> Any:
    return getattr(request, "user", None)


@dataclass(frozen=True, kw_only=True)
class Options:
    """The keys of `HOLDALL_UPLOADS`, in lower case."""

    # `permission(request, field)` says who can upload; `field` tells the field, its limits and its store.
    permission: Callable[[Any, Any], bool] = _is_logged_in
    # `throttle(request, field)` gives the seconds to wait, or None.
    throttle: Callable[[Any, Any], float | None] | None = None
    # `user(request)`: whoever asks, where it is not `request.user`.
    user: Callable[[Any], Any] = _user_of
    # `scan(file, ticket)` raises `ValidationError` for a file that must not be saved.
    scan: Callable[[Any, Any], None] | None = None
    # The longest file, where a field says nothing.
    max_size: int = MOST_BYTES
    # How many uploads of one user may be open: begun, and neither made a file of nor cancelled nor expired.
    max_open: int = 100
    # The alias in `CACHES` that counts them.
    cache: str = "default"
    # The alias in `STORAGES` for fields that belong to no model.
    storage: str = "default"
    # For how long a page with a field can begin uploads, and an upload can be finished and saved. In seconds.
    lifetime: int = 24 * 3600
    # For how long a link to the store works; the browser asks for new ones. In seconds.
    link_lifetime: int = 3600
    # From which length on a file is sent in parts, and how long they are at least. In bytes.
    parts_from: int = 32 * MIB
    part_size: int = 16 * MIB


_CALLABLES = frozenset({"permission", "throttle", "user", "scan"})


@cache
def options() -> Options:
    """Read the setting.

    Raises:
        ImproperlyConfigured: it has a key that is unknown.
    """
    given = {str(name).lower(): value for name, value in (getattr(settings, SETTING, None) or {}).items()}
    known = {field.name for field in fields(Options)}
    if unknown := sorted(given.keys() - known):
        there_are = ", ".join(sorted(name.upper() for name in known))
        raise ImproperlyConfigured(
            f"`{SETTING}` has no key {', '.join(name.upper() for name in unknown)}; there are {there_are}."
        )
    for name in _CALLABLES & given.keys():
        if isinstance(given[name], str):
            given[name] = import_string(given[name])
    return Options(**given)


def _forget(*, setting: str, **_event: Any) -> None:
    if setting == SETTING:
        options.cache_clear()


setting_changed.connect(_forget)
