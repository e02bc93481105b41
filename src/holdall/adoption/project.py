"""What a project has before it moves: its storages as django-storages reads them. Nothing is sent."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from django.apps import apps
from django.conf import settings
from django.core.files.storage import storages
from django.db.models import FileField
from django.utils.functional import LazyObject
from django.utils.module_loading import import_string
from storages.backends.s3 import S3Storage

from holdall.adoption.options import SECRET, SETTINGS, STILL_READ, is_literal, setting_of

STATIC = "staticfiles"
# How settings name a storage.
_DOTTED_PATH = re.compile(r"(?:\w+\.)+\w*Storage\w*")
# Django 5.1 removed these two settings: https://docs.djangoproject.com/en/5.1/releases/5.1/
OLD_NAMES = {"default": "DEFAULT_FILE_STORAGE", STATIC: "STATICFILES_STORAGE"}


class OldStore(NamedTuple):
    """One storage of django-storages, as the project uses it."""

    alias: str
    # The dotted path of its class.
    backend: str
    # The storage itself: its attributes are what counts.
    storage: Any
    # What it has from `OPTIONS`, its class or its `__init__`, and not from a setting: option -> value.
    own: Mapping[str, Any]
    # Whether a class of the project does more than to set options.
    has_code: bool = False
    # The fields of models that make it themselves, with no alias.
    fields: tuple[str, ...] = ()

    @property
    def is_subclass(self) -> bool:
        return not self.backend.startswith("storages.")

    def get(self, option: str) -> Any:
        return getattr(self.storage, option, None)


class Project(NamedTuple):
    """The storages of a project."""

    stores: tuple[OldStore, ...] = ()
    # Aliases that stay as they are: alias -> entry of `STORAGES`.
    kept: Mapping[str, Mapping[str, Any]] = {}
    # Aliases that are Holdall's already.
    ours: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    # Other packages' settings that name a class of django-storages: name -> dotted path.
    named: Mapping[str, str] = {}
    # Settings that had a meaning before Django 5.1, and are taken for what they meant.
    old_names: tuple[str, ...] = ()


def read() -> Project:
    """Read the storages of the project whose settings are loaded, and of its models. Never raises for what it finds."""
    entries = {alias: dict(entry) for alias, entry in settings.STORAGES.items()}
    old_names = tuple(name for alias, name in OLD_NAMES.items() if _took_old_name(entries, alias, name))
    stores: list[OldStore] = []
    kept: dict[str, Mapping[str, Any]] = {}
    ours: list[str] = []
    problems: list[str] = []
    for alias, entry in entries.items():
        try:
            made = import_string(entry["BACKEND"])
            if not (isinstance(made, type) and issubclass(made, S3Storage)):
                kept[alias] = entry
            elif is_ours(made):
                ours.append(alias)
            elif alias == STATIC:
                # It is not made: such storages read their manifest from the bucket when they are.
                kept[alias] = _with_its_settings(made, entry)
            else:
                stores.append(_old_store(alias, made(**entry.get("OPTIONS", {}))))
        except Exception as error:  # noqa: BLE001  a project's own class may raise anything
            problems.append(f'STORAGES["{alias}"] cannot be made: {type(error).__name__}: {error}')
    stores += _made_by_fields({*entries})
    return Project(tuple(stores), kept, tuple(ours), tuple(problems), _named(), old_names)


def _named() -> dict[str, str]:
    """Find the settings of other packages that name a storage, such as `THUMBNAIL_DEFAULT_STORAGE`."""
    found = {}
    for name in dir(settings):
        # Django raises for an empty SECRET_KEY.
        if name.isupper() and name not in {*OLD_NAMES.values(), "SECRET_KEY"}:
            with warnings.catch_warnings():
                # Django warns of its own settings that it will drop.
                warnings.simplefilter("ignore")
                value = getattr(settings, name, None)
            if isinstance(value, str) and _DOTTED_PATH.fullmatch(value):
                with suppress(Exception):
                    made = import_string(value)
                    if isinstance(made, type) and issubclass(made, S3Storage) and not is_ours(made):
                        found[name] = value
    return found


def is_on_s3(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of `STORAGES` names django-storages' class for S3, or one that is based on it."""
    with suppress(Exception):
        made = import_string(entry["BACKEND"])
        return isinstance(made, type) and issubclass(made, S3Storage)
    return False


def is_ours(made: type) -> bool:
    return any(one.__module__ == "holdall.storage" for one in made.__mro__)


def _took_old_name(entries: dict[str, dict[str, Any]], alias: str, name: str) -> bool:
    """Take a storage from the setting that named it before Django 5.1, if `STORAGES` says nothing of its own."""
    backend = getattr(settings, name, None)
    if not isinstance(backend, str) or settings.is_overridden("STORAGES"):  # type: ignore[misc]  # the stubs do not know it
        return False
    entries[alias] = {"BACKEND": backend}
    return True


def _with_its_settings(made: type[S3Storage], entry: Mapping[str, Any]) -> dict[str, Any]:
    """Write what a storage reads into its entry: its settings can be removed then, and `from_env` sees what is public.

    What the class itself sets is there too, as `from_env` loads no class; what is computed or secret is not.
    """
    found = made.get_default_settings(object.__new__(made))
    given = {name: value for name, value in entry.get("OPTIONS", {}).items() if name not in SECRET}
    read_there = {
        option: value
        for option in SETTINGS
        if option not in SECRET
        and (hasattr(made, option) or (setting_of(option) and option not in STILL_READ))
        and is_literal(value := getattr(made, option, found.get(option)))
    }
    return {"BACKEND": entry["BACKEND"], "OPTIONS": {**read_there, **given}}


def _old_store(alias: str, storage: Any, fields: tuple[str, ...] = ()) -> OldStore:
    made = type(storage)
    usual = storage.get_default_settings()
    own = {
        option: value
        for option in SETTINGS
        if (value := getattr(storage, option, None)) != usual.get(option)
        # django-storages fills these in itself.
        and not (option in {"client_config", "transfer_config"} and option not in _given(storage))
    }
    backend = f"{made.__module__}.{made.__qualname__}"
    return OldStore(alias, backend, storage, own, any(map(_has_code, _of_project(made))), fields)


def _given(storage: Any) -> Collection[str]:
    _arguments, options = getattr(storage, "_constructor_args", ((), {}))
    written = {name for one in _of_project(type(storage)) for name in vars(one)}
    return {*options, *written, *(["client_config"] if "config" in written else [])}


def _of_project(made: type) -> list[type]:
    return [
        one for one in made.__mro__ if not one.__module__.startswith(("storages.", "django.")) and one is not object
    ]


def _has_code(made: type) -> bool:
    return any(name not in SETTINGS or hasattr(value, "__get__") for name, value in _written(made))


def _written(made: type) -> Iterator[tuple[str, Any]]:
    """Give what a project wrote in a class, without what Python and `deconstructible` put there."""
    for name, value in vars(made).items():
        if name == "__init__" or not (name.startswith("__") and name.endswith("__")):
            yield name, value


# -- storages that models make themselves


def _made_by_fields(taken: set[str]) -> list[OldStore]:
    stores = []
    for storage, fields in made_by_fields():
        alias = _alias_for(type(storage).__name__, taken)
        taken.add(alias)
        stores.append(_old_store(alias, storage, fields))
    return stores


def made_by_fields() -> Iterator[tuple[S3Storage, tuple[str, ...]]]:
    """Find the storages of django-storages that fields make without an alias, such as `FileField(storage=PrivateMedia())`."""
    known = [storages[alias] for alias in storages.backends if alias != STATIC and _is_made(alias)]
    found: dict[tuple[type, str], tuple[Any, list[str]]] = {}
    for model in apps.get_models():
        for field in model._meta.local_fields:
            storage = getattr(field, "storage", None) if isinstance(field, FileField) else None
            if storage is None or isinstance(storage, LazyObject) or any(storage is one for one in known):
                continue
            if isinstance(storage, S3Storage) and not is_ours(type(storage)):
                key = (type(storage), repr(getattr(storage, "_constructor_args", "")))
                found.setdefault(key, (storage, []))[1].append(f"{model._meta.label}.{field.name}")
    yield from ((storage, tuple(sorted(fields))) for storage, fields in found.values())


def _is_made(alias: str) -> bool:
    try:
        return bool(storages[alias])
    except Exception:  # noqa: BLE001  what cannot be made is told where it is read
        return False


def _alias_for(name: str, taken: Collection[str]) -> str:
    """Make an alias of a class's name: `PrivateMediaStorage` -> "private_media"."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", re.sub(r"(S3)?(Boto3)?Storage\d*", "", name))
    alias = "_".join(word.lower() for word in words) or "media"
    return next(one for one in (alias, *(f"{alias}_{number}" for number in range(2, 1000))) if one not in taken)
