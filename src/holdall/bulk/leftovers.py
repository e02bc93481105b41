"""Columns that name files and are no file fields: of an app that was removed, of a field that was, or a project's own texts.

What such a column names is kept, and told. It is found by a sample, so that not every text of a database is read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

from django.apps import apps
from django.db import DatabaseError, connections, transaction
from django.db.models import Model

from holdall.bulk.entries import Spool, spooled
from holdall.bulk.inventory import Found
from holdall.bulk.matching import unnamed
from holdall.bulk.references import cleaned
from holdall.bulk.sources import Column
from holdall.bulk.tables import Part, aliases, texts
from holdall.providers import MAX_KEY_BYTES

# So many values of each column tell whether it holds names of files.
SAMPLED = 200
_TEXTS = frozenset({"CharField", "TextField"})
# What these have of files is no reason to keep one: who did what to it, and what a thumbnail was made of.
_OF_NO_MATTER = frozenset({"django_admin_log", "django_migrations", "django_session", "easy_thumbnails_source"})
_name = itemgetter(0)


class _Column(NamedTuple):
    alias: str
    part: Part
    # Whether a model has it: then a text is the path of a file only if it is in a folder, because titles are often file names.
    is_known: bool


def without(orphans: Spool[Found], read: Iterable[Column]) -> tuple[Spool[Found], list[str]]:
    """Give the files that no other column names either, and the columns that name some of the others.

    `read`: the columns that were read whole. Another one is read only if one of its first values is the name of one of
    these files.

    Raises:
        RowsUnknown: such a column cannot be read.
    """
    if not len(orphans):
        return orphans, []
    sampled = defaultdict[str, set[_Column]](set)
    for column in _columns({(_bare(one.model), one.field.column) for one in read}):
        for value in _sample(column):
            name = cleaned(value)
            if "/" in name or not column.is_known:
                sampled[name].add(column)
    naming = {column for one in orphans for column in sampled.get(one.name, ())} if sampled else set()
    for column in sorted(naming):
        names = ([(cleaned(text), 0) for text, _ in some] for some in texts(column.alias, [column.part], ordered=True))
        orphans = Spool.of(unnamed(orphans, chain.from_iterable(spooled(names, _name))), held=1_000)
    return orphans, sorted({column.part.label for column in naming})


def _bare(model: type[Model]) -> str:
    return model._meta.db_table.strip('"`').lower()


def _columns(read: set[tuple[str, str]]) -> Iterator[_Column]:
    known = {
        (_bare(model), field.column)
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.local_concrete_fields
    }
    for alias in aliases():
        connection = connections[alias]
        for table, name in _text_columns(connection):
            which = table.lower(), name
            if which not in read and which[0] not in _OF_NO_MATTER:
                part = Part(connection.ops.quote_name(table), name, f"{table}.{name}")
                yield _Column(alias, part, which in known)


def _text_columns(connection: Any) -> Iterator[tuple[str, str]]:
    introspection = connection.introspection
    with connection.cursor() as cursor:
        tables = [one.name for one in introspection.get_table_list(cursor)]
    for table in tables:
        try:
            # So that a question that fails ends no transaction but its own.
            with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
                described = introspection.get_table_description(cursor, table)
        except DatabaseError:
            # Another application's, which this user may not read.
            continue
        for column in described:
            try:
                is_text = introspection.get_field_type(column.type_code, column) in _TEXTS
            except KeyError:
                # A type that Django has no field for: a text that ignores case, for one.
                is_text = True
            if is_text:
                yield table, column.name


def _sample(column: _Column) -> list[str]:
    name = connections[column.alias].ops.quote_name(column.part.column)
    statement = f"SELECT {name} FROM {column.part.table} WHERE {name} IS NOT NULL LIMIT {SAMPLED}"  # noqa: S608  quoted names
    try:
        with transaction.atomic(using=column.alias), connections[column.alias].cursor() as cursor:
            cursor.execute(statement)
            # What is longer is no name.
            return [value for (value,) in cursor.fetchall() if isinstance(value, str) and len(value) <= MAX_KEY_BYTES]
    except (DatabaseError, UnicodeDecodeError):
        # Not for this user to read, or no database that says LIMIT.
        return []
