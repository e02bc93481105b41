"""Tables that no model of the project has: an app was removed, and its tables, which may name files, stayed behind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, NamedTuple

from django.apps import apps
from django.db import DatabaseError, connections
from django.db.migrations.recorder import MigrationRecorder

from holdall.bulk.entries import Spool, spooled
from holdall.bulk.inventory import Found
from holdall.bulk.references import cleaned
from holdall.bulk.tables import Part, texts

# So many values of each column tell whether it holds names of files.
SAMPLED = 200
_TEXTS = frozenset({"CharField", "TextField"})
_name = itemgetter(0)


class _Column(NamedTuple):
    alias: str
    part: Part


def without(orphans: Spool[Found]) -> tuple[Spool[Found], list[str]]:
    """Give the files that these tables do not name either, and the columns that name some of the others.

    A column is read whole only if one of its first values is the name of one of these files.

    Raises:
        RowsUnknown: such a column cannot be read.
    """
    if not len(orphans):
        return orphans, []
    sampled = defaultdict[str, set[_Column]](set)
    for column in _columns():
        for value in _sample(column):
            sampled[cleaned(value)].add(column)
    naming = {column for one in orphans for column in sampled.get(one.name, ())} if sampled else set()
    for column in sorted(naming):
        names = ((cleaned(text), 0) for text, _ in texts(column.alias, [column.part], ordered=True))
        orphans = Spool.of(_unnamed(orphans, spooled(names, _name)), held=1_000)
    return orphans, sorted({column.part.label for column in naming})


def _unnamed(orphans: Spool[Found], pairs: Iterator[tuple[str, int]]) -> Iterator[Found]:
    pair = next(pairs, None)
    for one in orphans:
        while pair is not None and pair[0] < one.name:
            pair = next(pairs, None)
        if pair is None or pair[0] != one.name:
            yield one


def _columns() -> Iterator[_Column]:
    for alias in connections:
        connection = connections[alias]
        known = {MigrationRecorder.Migration._meta.db_table}
        known |= {model._meta.db_table for model in apps.get_models(include_auto_created=True, include_swapped=True)}
        for table, name in _text_columns(connection, {one.lower() for one in known}):
            yield _Column(alias, Part(connection.ops.quote_name(table), name, f"{table}.{name}"))


def _text_columns(connection: Any, known: set[str]) -> Iterator[tuple[str, str]]:
    introspection = connection.introspection
    with connection.cursor() as cursor:
        tables = [one.name for one in introspection.get_table_list(cursor) if one.name.lower() not in known]
        for table in tables:
            for column in introspection.get_table_description(cursor, table):
                if introspection.get_field_type(column.type_code, column) in _TEXTS:
                    yield table, column.name


def _sample(column: _Column) -> list[str]:
    name = connections[column.alias].ops.quote_name(column.part.column)
    statement = f"SELECT {name} FROM {column.part.table} WHERE {name} IS NOT NULL LIMIT {SAMPLED}"  # noqa: S608
    try:
        with connections[column.alias].cursor() as cursor:
            cursor.execute(statement)
            return [str(value) for (value,) in cursor.fetchall()]
    except DatabaseError:
        # Not for this user to read, or no database that says LIMIT.
        return []
