"""Read the names in a database's tables, all of them by one statement, in the order of their bytes.

One statement sees one moment of the database, whatever else happens to it meanwhile. The rows do not stay in memory: the
database hands them out bit by bit, in the way that each kind needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from importlib import import_module
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, Error, connections, transaction

from holdall.errors import HoldallError

if TYPE_CHECKING:
    from holdall.bulk.sources import Column

# So many rows are fetched at a time.
ROWS = 2_000
_text = itemgetter(0)
# https://docs.djangoproject.com/en/5.2/topics/db/multi-db/#defining-your-databases
_NONE = "django.db.backends.dummy"
# SQLite takes no more parts of one statement: https://www.sqlite.org/limits.html
MAX_PARTS = 200

# How a column's text is given by each kind of database, and the order that is really that of its UTF-8 bytes.
_TEXT = {
    "sqlite": "CAST({column} AS TEXT)",
    "postgresql": "CAST({column} AS text)",
    # Its collations for utf8mb4 compare weights, and ignore blanks at the end; bytes have neither.
    "mysql": "CAST(CONVERT({column} USING utf8mb4) AS BINARY)",
}
_ORDER = {"sqlite": "name COLLATE BINARY", "postgresql": 'name COLLATE "C"', "mysql": "name"}


class Part(NamedTuple):
    """A column of a table: the table as SQL, the column's name, and what a person calls it."""

    table: str
    column: str
    label: str


class RowsUnknown(HoldallError):
    """What the rows refer to cannot be said, so no file may be called an orphan."""


def aliases() -> list[str]:
    """Give the project's databases but those without an engine, as `default` is where every model has a router."""
    return [alias for alias in connections if connections.settings[alias]["ENGINE"] != _NONE]


def present(alias: str, wanted: Sequence[Column]) -> Iterator[tuple[Column, str]]:
    """Give the columns whose table is in a database, each with the table as SQL; more than once where several schemas have it.

    Raises:
        RowsUnknown: the database cannot be asked.
    """
    try:
        connection = connections[alias]
        if connection.vendor == "postgresql":
            yield from _in_schemas(connection, wanted)
            return
        with connection.cursor() as cursor:
            tables = {one.name.lower() for one in connection.introspection.get_table_list(cursor)}
    except (DatabaseError, ImproperlyConfigured) as failure:
        raise RowsUnknown(f'The database "{alias}" cannot be read: {_said(failure)}.') from failure
    for column in wanted:
        table = column.model._meta.db_table
        if table.strip('"`').lower() in tables:
            yield column, connection.ops.quote_name(table)


def _in_schemas(connection: Any, wanted: Sequence[Column]) -> Iterator[tuple[Column, str]]:
    # The accident: a schema for each tenant, of which the search path shows one; the files of all others were orphans.
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n.nspname, c.relname, n.nspname = ANY (current_schemas(false)) FROM pg_catalog.pg_class c "
            "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT LIKE 'pg\\_%%' "
            "AND n.nspname <> 'information_schema' AND c.relname = ANY (%s) AND (n.nspname = ANY (current_schemas(false)) "
            "OR (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')))",
            [sorted({_bare(column.model._meta.db_table)[-1] for column in wanted})],
        )
        found = cursor.fetchall()
    for column in wanted:
        *schema, table = _bare(column.model._meta.db_table)
        for namespace, name, is_in_path in found:
            is_meant = name == table and (not schema or schema == [namespace])
            if is_meant and (is_in_path or schema or _has_column(connection, namespace, name, column.field.column)):
                yield column, f"{quote(namespace)}.{quote(name)}"


def _has_column(connection: Any, namespace: str, table: str, name: str) -> bool:
    """Another schema may have another application's table of this name."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM information_schema.columns WHERE table_schema = %s AND table_name = %s AND column_name = %s",
            [namespace, table, name],
        )
        return cursor.fetchone() is not None


def _bare(table: str) -> list[str]:
    """Take a table's name apart: `"schema"."table"` is a common way to name one in another schema."""
    return [part.strip('"') for part in table.split('"."')]


def texts(alias: str, found: Sequence[Part], *, ordered: bool) -> Iterator[list[tuple[str, int]]]:
    """Give every text in these columns, with the column's place among them, by the batch; no text is empty.

    `ordered`: in the order of the texts' bytes, if this kind of database is known; else as they come.

    Raises:
        RowsUnknown: the database does not answer, or lacks a column.
    """
    connection = connections[alias]
    text = _TEXT.get(connection.vendor, "{column}")
    parts = []
    for place, part in enumerate(found):
        # With the table's name: a column that is not there is a text of its own to SQLite.
        name = f"x.{connection.ops.quote_name(part.column)}"
        parts.append(
            f"SELECT {text.format(column=name)} AS name, {place} AS place FROM {part.table} x WHERE {name} IS NOT NULL"  # noqa: S608  quoted names
        )
    order = _ORDER.get(connection.vendor) if ordered else None
    try:
        _see_now(connection)
        for start in range(0, len(parts), MAX_PARTS):
            statement = " UNION ALL ".join(parts[start : start + MAX_PARTS])
            if order:
                statement = f"SELECT name, place FROM ({statement}) names ORDER BY {order}"  # noqa: S608  of quoted names
            with ExitStack() as stack:
                cursor = _cursor(connection, stack)
                cursor.execute(statement)
                while rows := cursor.fetchmany(ROWS):
                    yield _decoded(rows)
    except (DatabaseError, UnicodeDecodeError) as failure:
        labels = ", ".join(sorted({part.label for part in found}))
        raise RowsUnknown(
            f'The rows in the database "{alias}" cannot be read ({labels}): {_said(failure)}. Run `migrate` if it is behind '
            "the models, or give its user the right to read."
        ) from failure


def _decoded(rows: list[tuple[Any, int]]) -> list[tuple[str, int]]:
    """Give rows of texts without those that are empty. A driver gives all as text, or all as bytes."""
    if not all(map(_text, rows)):
        rows = [row for row in rows if row[0]]
    # A million times: what needs no decoding is handed on as it is.
    return rows if not rows or isinstance(rows[0][0], str) else [(bytes(text).decode(), place) for text, place in rows]


def _see_now(connection: Any) -> None:
    """Make sure that the next statement sees what is committed by now, also after an hour in which nothing was asked."""
    if connection.in_atomic_block or connection.connection is None:
        return
    if not connection.is_usable():
        with suppress(Error):
            connection.close()
    elif not connection.get_autocommit():
        # The accident: a project without autocommit, whose first statement began a transaction that sees no later row.
        connection.rollback()


def _cursor(connection: Any, stack: ExitStack) -> Any:
    """Give a cursor that does not hold all rows in memory."""
    if connection.vendor == "postgresql":
        # In a transaction, so that the cursor is the server's own also behind a pooler of transactions.
        stack.enter_context(transaction.atomic(using=connection.alias))
        with connection.cursor() as cursor:
            # The accident: a policy that hides rows from this user; with this it is an error to leave any out.
            cursor.execute("SET LOCAL row_security = off")
        return stack.enter_context(connection.chunked_cursor())
    if connection.vendor == "mysql":
        connection.ensure_connection()
        cursors = import_module(f"{connection.Database.__name__}.cursors")
        with connection.wrap_database_errors:
            cursor = connection.connection.cursor(cursors.SSCursor)
        return stack.enter_context(closing(_Translating(connection, cursor)))
    return stack.enter_context(connection.cursor())


class _Translating:
    """A driver's own cursor that raises Django's errors."""

    def __init__(self, connection: Any, cursor: Any) -> None:
        self._connection, self._cursor = connection, cursor

    def execute(self, statement: str) -> None:
        with self._connection.wrap_database_errors:
            self._cursor.execute(statement)

    def fetchmany(self, rows: int) -> Any:
        with self._connection.wrap_database_errors:
            return self._cursor.fetchmany(rows)

    def close(self) -> None:
        self._cursor.close()


def _said(failure: Exception) -> str:
    # PostgreSQL's have several lines, and end by a question.
    return " ".join(str(failure).split()).rstrip(".?") or type(failure).__name__
