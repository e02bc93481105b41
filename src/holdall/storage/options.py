"""The options that a storage is made with: which count, which are missing, and which must not be shown."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from storages.utils import setting

from holdall.environment.options import PLACE_OPTIONS
from holdall.secret import Secret

# What never leaves the process: not into a migration, a log or a pickle's repr.
SECRET_OPTIONS = frozenset({"access_key", "secret_key", "security_token", "cloudfront_key"})
# Everybody may read a file that has one of these.
PUBLIC_ACLS = frozenset({"public-read", "public-read-write"})
# What a connection is made for, once.
BOUND_OPTIONS = ("bucket_name", "endpoint_url", "region_name", "access_key", "secret_key", "security_token")
NO_BUCKET = (
    "This storage was made without a bucket, and `STORAGES` has none for it. Write `STORAGES = holdall.from_env()`: a "
    "storage that is made without options, `MediaStorage()`, is then that of the alias `default`."
)


def hidden(options: Mapping[str, Any], *, known: Collection[str]) -> dict[str, Any]:
    """Hide the secrets among options, and what may be a misspelt one: error pages show the variables of each frame."""
    return {
        name: _hidden(value) if name in SECRET_OPTIONS or name not in known else value
        for name, value in options.items()
    }


def chosen(storage: Any, base: type, given: Mapping[str, Any], *, known: Collection[str]) -> dict[str, Any]:
    """Give the options that count for a storage: its own, and where no bucket is named, first those of `default`.

    What a project's class says itself counts more than what was made of an environment, which knows nothing of the
    class.

    Raises:
        ImproperlyConfigured: there is no such option, or the storage `default` cannot be made by this class.
    """
    options = {**hidden(_defaults(storage, base, given), known=known), **given}
    for name in options:
        if name not in known:
            if name == "parent":
                raise ImproperlyConfigured(
                    f"{type(storage).__name__} cannot be a fork, and the environment describes one (`PARENT_…`). Base the "
                    "class on `holdall.fork.ForkedStorage`."
                )
            meant = difflib.get_close_matches(name, known, 1)
            advice = f"; did you mean `{meant[0]}`?" if meant else "."
            raise ImproperlyConfigured(f"{type(storage).__name__} has no option `{name}`{advice}")
    written = _written_in_classes(type(storage), base)
    from_environment = "env_prefix" in options
    if from_environment and "public" not in written:
        _refuse_another_intent(type(storage), written, is_public=bool(options.get("public")))
    return {
        name: value
        for name, value in options.items()
        if name not in written or not (from_environment or isinstance(written[name], property))
    }


def _refuse_another_intent(made: type, written: Mapping[str, Any], *, is_public: bool) -> None:
    """Stop where a class says that files are private, and the environment that they are public, or the other way round.

    The accident: a private class beside a public one, both moved from django-storages: its links are not signed any more.
    """
    acl, domain = written.get("default_acl"), written.get("custom_domain", "unset")
    said = [
        ("default_acl", isinstance(acl, str) and (acl in PUBLIC_ACLS) != is_public),
        ("querystring_auth", is_public and written.get("querystring_auth") is True),
        ("custom_domain", is_public and domain in (None, False, "")),
    ]
    if name := next((name for name, differs in said if differs), None):
        mine, theirs = ("private", "public") if is_public else ("public", "private")
        raise ImproperlyConfigured(
            f"{made.__name__} says `{name} = {written[name]!r}`, so its files are {mine}, but the environment says that they "
            f"are {theirs}. Give it a store of its own, `holdall.from_env(aliases={{…}})`, whose "
            f"`…STORAGE_MAKE_FILES_PUBLIC` is {str(not is_public).lower()}, or remove `{name}` from the class."
        )


def _defaults(storage: Any, base: type, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the options of the alias `default`, for a storage that names no bucket."""
    if given.get("bucket_name") or getattr(storage, "bucket_name", None) or setting("AWS_STORAGE_BUCKET_NAME"):
        return {}
    entry = getattr(django_settings, "STORAGES", {}).get("default", {})
    options: Mapping[str, Any] = entry.get("OPTIONS", {})
    if not options.get("bucket_name"):
        return {}
    made_by = import_string(entry["BACKEND"])
    if not (isinstance(made_by, type) and issubclass(made_by, base)):
        return {}
    if "parent" in options and not hasattr(storage, "parent"):
        raise ImproperlyConfigured(
            f"{type(storage).__name__} was made without options, and the storage `default` is a fork: made so, it would "
            "not show its parent's files. Use `storages['default']`, or `holdall.fork.ForkedStorage`."
        )
    return {name: value for name, value in options.items() if name != "parent"}


def mirror_options(storage: Any, own: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Give the options of a storage's mirror: the storage's own, and in their place those that are the mirror's."""
    mirror = own.get("mirror")
    if not mirror:
        return None
    if hasattr(storage, "parent"):
        raise ImproperlyConfigured("A fork has no mirror (`MIRROR_…`). Move its parent, and make a new fork of that.")
    if not mirror.get("bucket_name"):
        raise ImproperlyConfigured(
            "The option `mirror` names no `bucket_name`. It takes the options of another storage."
        )
    kept = {name: value for name, value in own.items() if name not in PLACE_OPTIONS}
    known = frozenset(storage.get_default_settings())
    return {**kept, **hidden(mirror, known=known)}


def _written_in_classes(made: type, base: type) -> dict[str, Any]:
    """Give what a project's classes say themselves, as `location = "media"` does."""
    ours = [one for one in made.__mro__ if one.__module__.startswith("holdall.") or one in base.__mro__]
    return {name: value for one in reversed(made.__mro__) if one not in ours for name, value in vars(one).items()}


def _hidden(value: Any) -> Any:
    if isinstance(value, Secret) or not isinstance(value, (str, bytes)):
        return value
    return Secret(value.decode("ascii", "replace") if isinstance(value, bytes) else value)


def revealed(value: Any) -> Any:
    """Give a secret plain, for those who need it so."""
    return value.reveal() if isinstance(value, Secret) else value


def wrapped(key: str | None) -> Secret | None:
    """Hide a key, if there is one."""
    return Secret(key) if key else None


def without_secrets(options: Mapping[str, Any]) -> dict[str, Any]:
    """Leave the secrets out, those of a fork's parent and of a mirror too."""
    kept = {name: value for name, value in options.items() if name not in SECRET_OPTIONS}
    return {
        name: without_secrets(value) if name in {"parent", "mirror"} and value else value
        for name, value in kept.items()
    }


def computed(made: type) -> tuple[str, ...]:
    """Give the options of a connection that a class computes, with a property for example."""
    return tuple(name for name in BOUND_OPTIONS if hasattr(getattr(made, name, None), "__get__"))


def refuse_another_place(storage: Any, bound: Mapping[str, Any]) -> None:
    """Send nothing where a property names another bucket than the one that the connection was made for.

    The accident: a bucket for each tenant, as a property, and the files of all are in the first one's.

    Raises:
        ImproperlyConfigured: an option gives another value than in `bound`.
    """
    if other := next((name for name, value in bound.items() if getattr(storage, name) != value), None):
        raise ImproperlyConfigured(
            f"`{type(storage).__name__}.{other}` gives another value than when the storage was made. A storage has one "
            "bucket, endpoint and key pair: make a storage for each, or compute `location` alone. Nothing was sent."
        )
