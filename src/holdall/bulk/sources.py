"""Which columns of a project's tables hold names of files, and how they become names of the store that is asked about."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from django.apps import apps
from django.conf import settings
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage, default_storage, storages
from django.db import models
from storages.backends.s3 import S3Storage

from holdall.bulk.tables import RowsUnknown
from holdall.serving import PermalinkStorage
from holdall.storage import MediaStorage
from holdall.storage.objects import site_of


class Source(NamedTuple):
    """Where a name was found: a model's field in a database, or a registered function (then there is no model)."""

    # "shop.Product"; empty for a function.
    model: str
    # The field; of a function its dotted path.
    field: str
    database: str = ""

    @property
    def label(self) -> str:
        """What a person calls it."""
        return f"{self.model}.{self.field}" if self.model else self.field


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a name of one store becomes a name of another one in the same bucket; None where it is not in there."""

    added: str = ""
    removed: str = ""
    # Whether the file must exist: it is this very store's, and nothing makes it again when it is missed.
    is_expected: bool = True

    def apply(self, name: str) -> str | None:
        """Give the name in the store that is asked about."""
        whole = f"{self.added}{name}"
        if self.removed:
            return whole.removeprefix(self.removed) if whole.startswith(self.removed) else None
        return whole


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column that holds names of files."""

    model: type[models.Model]
    field: Any
    way: Way
    # Gives the names in a value that is more than a name.
    unpack: Callable[[str], Iterator[str]] | None = None

    @property
    def source(self) -> Source:
        """Where its names come from, on any database."""
        return Source(self.model._meta.label, self.field.name)


def way_between(one: Any, asked: MediaStorage) -> Way | None:
    """Say how names in one storage become names in the one that is asked about. None: they are files somewhere else.

    When in doubt they are here: a name too many costs a file that stays, a name too few one that is lost.

    Raises:
        RowsUnknown: its files may be here, and it cannot be said under which names.
    """
    if one is default_storage:
        # Lazy, and perhaps not made yet.
        one = storages["default"]
    if isinstance(one, FileSystemStorage | InMemoryStorage):
        return None
    if isinstance(one, PermalinkStorage):
        inner = way_between(one.storage, asked)
        return _in_folder(inner, one.folder) if inner and one.folder else inner
    bucket_name = getattr(one, "bucket_name", None)
    if is_folder_of_another(one):
        way, folder = way_between(one.storage, asked), str(one.inner("x")).removesuffix("x").strip("/")
        return _in_folder(way, folder) if way and folder else way
    if not isinstance(one, Storage) or bucket_name is None:
        # A project's own, which may hand everything to ours.
        return Way(is_expected=False)
    # Of a lazy storage the class that it stands for.
    kind = one.__class__
    is_computed, has_own_keys = _is_computed(kind, "bucket_name", "location"), _has_own_keys(kind)
    is_plain = not is_computed and not has_own_keys
    if isinstance(one, MediaStorage) and site_of(one) == site_of(asked) and (is_plain or kind is asked.__class__):
        return Way()
    # One bucket may be reached by several addresses.
    if str(bucket_name) != str(asked.bucket_name) and not _is_computed(kind, "bucket_name"):
        return None
    there, here = (str(getattr(storage, "location", None) or "").strip("/") for storage in (one, asked))
    way = _way_down(there, here)
    if is_computed or (has_own_keys and way is not None):
        # The accident: a location that is computed from the tenant that is served, and here it is nobody's.
        raise RowsUnknown(
            f"{kind.__module__}.{kind.__qualname__} computes where its files are, so any file here may be one that its rows "
            "refer to. Give the place that is audited another bucket, or name the alias of that storage with `--place`."
        )
    return way


def _way_down(there: str, here: str) -> Way | None:
    """Say how names below one location become names below another; None if neither is inside of the other."""
    if there == here:
        return Way(is_expected=False)
    if not here or there.startswith(f"{here}/"):
        return Way(added=f"{there.removeprefix(here).strip('/')}/", is_expected=False)
    if not there or here.startswith(f"{there}/"):
        return Way(removed=f"{here.removeprefix(there).strip('/')}/", is_expected=False)
    return None


def _is_computed(kind: type, *options: str) -> bool:
    """Say whether a class of storages computes one of these options each time that it is asked for."""
    return any(hasattr(getattr(kind, option, None), "__get__") for option in options)


def _has_own_keys(kind: type) -> bool:
    """Say whether a class of storages has a rule of its own for the keys of its files."""
    rule = getattr(kind, "_normalize_name", None)
    return rule not in {None, MediaStorage._normalize_name, S3Storage._normalize_name}


def _in_folder(way: Way, folder: str) -> Way | None:
    """Give the way of names that stand in a folder of the storage that this is the way of."""
    start = f"{folder}/"
    if not way.removed:
        return replace(way, added=f"{way.added}{start}")
    if start.startswith(way.removed):
        return replace(way, added=start.removeprefix(way.removed), removed="")
    return replace(way, removed=way.removed.removeprefix(start)) if way.removed.startswith(start) else None


def is_folder_of_another(one: Any) -> bool:
    """Say whether a storage keeps its files in a folder of another one, and tells their names there."""
    return isinstance(getattr(one, "storage", None), Storage) and callable(getattr(one, "inner", None))


def unknown_storages() -> list[str]:
    """Name the file fields of whose storages nobody can tell where their files are."""
    found = []
    for model in apps.get_models():
        for field in model._meta.local_concrete_fields if not model._meta.proxy else ():
            one = getattr(field, "storage", None) if isinstance(field, models.FileField) else None
            is_known = isinstance(one, FileSystemStorage | InMemoryStorage) or hasattr(one, "bucket_name")
            if one is not None and not is_known and not is_folder_of_another(one):
                found.append(f"{model._meta.label}.{field.name} ({type(one).__name__})")
    return found


def columns(asked: MediaStorage) -> Iterator[Column]:
    """Give every column of the project's models that may hold names of files in this store."""
    for model in apps.get_models(include_auto_created=True):
        if model._meta.proxy:
            continue
        for field in model._meta.local_concrete_fields:
            if isinstance(field, models.FileField):
                for way in _ways_of(field, asked):
                    yield Column(model=model, field=field, way=way)
            elif (several := _in_array(field)) is not None:
                for way in _ways_of(several, asked):
                    yield Column(model=model, field=field, way=replace(way, is_expected=False), unpack=_elements)
        yield from _history(model, asked)
    yield from _of_packages(asked)


def file_fields(asked: MediaStorage) -> Iterator[tuple[type[models.Model], Any]]:
    """Give the file fields whose files are in this very store."""
    for column in columns(asked):
        if column.way == Way() and isinstance(column.field, models.FileField):
            yield column.model, column.field


def _in_array(field: Any) -> models.FileField | None:
    """Give the file field of which a column of PostgreSQL holds an array."""
    inner: Any = getattr(field, "base_field", None)
    while hasattr(inner, "base_field"):
        inner = inner.base_field
    return inner if isinstance(inner, models.FileField) else None


# https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
_ELEMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|([^{},"]+)', re.DOTALL)


def _elements(text: str) -> Iterator[str]:
    """Give the texts in an array as PostgreSQL writes it."""
    for found in _ELEMENT.finditer(text):
        quoted, bare = found.groups()
        yield bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)


def _ways_of(field: Any, asked: MediaStorage) -> set[Way]:
    # django-filer keeps public and private files in two storages, by the row.
    several = getattr(field, "storages", None)
    given = [getattr(field, "storage", None), *(several.values() if isinstance(several, dict) else ())]
    found = {way for one in given if one is not None and (way := way_between(one, asked)) is not None}
    if len(given) > 1 and found != {Way()}:
        found = {replace(way, is_expected=False) for way in found}
    return found


def _history(model: Any, asked: MediaStorage) -> Iterator[Column]:
    """django-simple-history copies rows into tables of its own, where a file field is a text."""
    original = getattr(model, "instance_type", None)
    if not (isinstance(original, type) and issubclass(original, models.Model)):
        return
    copied = {field.name: field for field in model._meta.local_concrete_fields}
    for field in original._meta.concrete_fields:
        copy = copied.get(field.name)
        if isinstance(field, models.FileField) and copy is not None and not isinstance(copy, models.FileField):
            for way in _ways_of(field, asked):
                yield Column(model=model, field=copy, way=replace(way, is_expected=False))


def _of_packages(asked: MediaStorage) -> Iterator[Column]:
    made = Way(is_expected=False)
    names = _named_like(
        field.name
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.get_fields()
        if isinstance(field, models.FileField)
    )
    # Thumbnails are made again when they are missed. That they were made of a file is no reason to keep that file.
    thumbnails = str(getattr(settings, "THUMBNAIL_PREFIX", "cache/")).lstrip("/")
    known: list[tuple[str, str, Callable[[str], Iterator[str]] | None]] = [
        ("easy_thumbnails.Thumbnail", "name", None),
        ("thumbnail.KVStore", "value", _named_like({"name"}, below=thumbnails)),
        # A draft of a page, or a version of a row, names files that no row names.
        ("wagtailcore.Revision", "content", names),
        ("reversion.Version", "serialized_data", names),
    ]
    for label, name, unpack in known:
        app_label, _, model_name = label.partition(".")
        try:
            model = apps.get_model(app_label, model_name)
        except LookupError:
            continue
        ways = {made, *(_thumbnail_ways(asked) if app_label == "easy_thumbnails" else ())}
        for way in ways:
            yield Column(model=model, field=model._meta.get_field(name), way=way, unpack=unpack)


def _thumbnail_ways(asked: MediaStorage) -> Iterator[Way]:
    alias = getattr(settings, "THUMBNAIL_DEFAULT_STORAGE_ALIAS", "easy_thumbnails")
    if alias in storages.backends:
        way = way_between(storages[alias], asked)
        if way is not None:
            yield replace(way, is_expected=False)


def _named_like(keys: Iterable[str], *, below: str = "") -> Callable[[str], Iterator[str]]:
    """Give what finds, in JSON, the texts under these keys; only those that begin with `below`."""
    wanted = frozenset(keys)

    def inside(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for key, one in value.items():
                if not isinstance(one, str):
                    yield from inside(one)
                elif key in wanted and one.startswith(below):
                    yield one
        elif isinstance(value, list):
            for one in value:
                yield from inside(one)

    def unpack(text: str) -> Iterator[str]:
        try:
            content = json.loads(text)
        except ValueError:
            # What is no JSON (XML, YAML) is no reason to believe that it names nothing.
            raise UnreadableText from None
        # A text that is JSON itself.
        yield from inside(json.loads(content) if isinstance(content, str) and content[:1] in {"{", "["} else content)

    return unpack


class UnreadableText(Exception):
    """A value that names files in a form that is not understood."""
