"""What the rows of a project refer to: every file field of every model, on every database, and what is registered.

`walk` is the way to read them: each name in turn, in the order of the names' bytes, which is how a store lists. So both can
be compared side by side, however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from operator import itemgetter
from pathlib import PurePath
from typing import Any, NamedTuple

from django.core.files.storage import InvalidStorageError, storages
from django.db import connections, router
from django.db.models import Model

from holdall import names as naming
from holdall import references
from holdall.bulk import tables
from holdall.bulk.entries import merged, spooled
from holdall.bulk.sources import Column, Source, UnreadableText, Way, columns, way_between
from holdall.bulk.spellings import spellings
from holdall.bulk.tables import RowsUnknown
from holdall.storage import MediaStorage
from holdall.storage.batches import batched

# So many names are asked for at a time.
BATCH = 500
# A name and the place of its source among all sources; a tuple of each is made a million times.
Pair = tuple[str, int]
_name = itemgetter(0)


class Reference(NamedTuple):
    """A name of a file in the store, and where it was found."""

    name: str
    source: Source
    # Whether the file must exist: it is not one that is made again when it is missed.
    is_expected: bool


class References:
    """All that refers to the files of one store.

    Raises:
        RowsUnknown: a function is registered for a storage that there is not.
    """

    def __init__(self, asked: MediaStorage) -> None:
        # All columns that are read.
        self.columns = list(columns(asked))
        self._functions = [
            (one, way) for one in references.registered() if (way := way_between(_storage_of(one), asked)) is not None
        ]
        # What the place in a pair means.
        self.sources: list[Source] = []
        self.expected: list[bool] = []

    def pairs(self) -> Iterator[list[Pair]]:
        """Give each name with the place of its source, in the order of the names' bytes; once for each row that has it.

        They come by the batch. All databases and functions are read when the first is asked for, so that none is kept waiting.

        Raises:
            RowsUnknown: a database or a function cannot be read, or a model's table is nowhere.
        """
        return merged([spooled(stream, _name) for stream in self._each(ordered=True)], _name)

    def named(self, wanted: set[str]) -> set[str]:
        """Give those of these names that something refers to now. Everything is read; nothing is kept.

        Raises:
            RowsUnknown: as `pairs`.
        """
        found = set[str]()
        for some in self.batches():
            found |= wanted.intersection(map(_name, some))
        return found

    def batches(self) -> Iterator[list[Pair]]:
        """Give each name with the place of its source as they come, by the batch. Nothing is kept.

        Raises:
            RowsUnknown: as `pairs`.
        """
        return chain.from_iterable(self._each(ordered=False))

    def _each(self, *, ordered: bool) -> Iterator[Iterator[list[Pair]]]:
        """Give a stream of batches for each database, for what is packed in texts there, and for each function."""
        self.sources, self.expected = [], []
        for alias, found in self._found().items():
            plain = [one for one in found if one[0].unpack is None]
            packed = [one for one in found if one[0].unpack is not None]
            for some, in_order in ((plain, ordered), (packed, False)):
                if some:
                    start = self._note([(column.source._replace(database=alias), column.way) for column, _ in some])
                    yield _of_columns(alias, some, start, ordered=in_order)
        for registered, way in self._functions:
            # Of a text that may mean several names none is expected.
            named = Source("", registered.label)
            start = self._note([(named, way), (named, replace(way, is_expected=False))])
            yield batched(_of_function(registered, way, start), BATCH)

    def _note(self, found: list[tuple[Source, Way]]) -> int:
        start = len(self.sources)
        self.sources += [source for source, _ in found]
        self.expected += [way.is_expected for _, way in found]
        return start

    def _found(self) -> dict[str, list[tuple[Column, str]]]:
        """Find the columns' tables, by database."""
        found = {alias: list(tables.present(alias, self.columns)) for alias in tables.aliases()}
        has = {alias: {column.model for column, _ in some} for alias, some in found.items()}
        for column in self.columns:
            wanted = router.db_for_read(column.model)
            # Without routers every model may be on any database; with them, where they say.
            if not any(column.model in some for some in has.values()) or (
                router.routers and column.model not in has.get(wanted, ())
            ):
                raise RowsUnknown(
                    f'The table of {column.model._meta.label}, "{column.model._meta.db_table}", is not in the database '
                    f'"{wanted}". Run `migrate`, or remove the app from INSTALLED_APPS if it has no tables any more.'
                )
        return {alias: some for alias, some in found.items() if some}


def walk(storage: MediaStorage) -> Iterator[Reference]:
    """Give every name that a row or a registered function refers to in this store, in the order of the names' bytes.

    A name comes once for each row that has it. Memory stays bounded, and each database is read by one statement.

    Requests: none to the store.

    Raises:
        RowsUnknown: a database or a function cannot be read, or a model's table is nowhere.
    """
    found = References(storage)
    for name, place in chain.from_iterable(found.pairs()):
        yield Reference(name, found.sources[place], found.expected[place])


def names(storage: MediaStorage) -> Iterator[str]:
    """Give every name of a file that must be in the store, each once, in the order of the names' bytes.

    Raises:
        RowsUnknown: as `walk`.
    """
    found = References(storage)
    last = None
    for name, place in chain.from_iterable(found.pairs()):
        if name != last and found.expected[place]:
            yield name
            last = name


def missing_names(storage: MediaStorage) -> list[str]:
    """Give the names that a row refers to and the store does not have. One HEAD for each name, a few at a time."""
    missing: list[str] = []
    for batch in batched(names(storage), BATCH):
        found = storage.exists_many(batch)
        missing += [name for name, exists in found.items() if not exists]
    return missing


def _storage_of(one: references.Registered) -> Any:
    try:
        return storages[one.alias]
    except InvalidStorageError as failure:
        raise RowsUnknown(
            f'The registered function {one.label} is for the alias "{one.alias}", which STORAGES does not have.'
        ) from failure


def _of_columns(alias: str, found: list[tuple[Column, str]], start: int, *, ordered: bool) -> Iterator[list[Pair]]:
    ways = [column.way.apply if column.way.added or column.way.removed else None for column, _ in found]
    unpack = [column.unpack for column, _ in found]
    convert = [None if column.unpack else _converter(column.field, alias) for column, _ in found]
    are_plain = [not any(one) for one in zip(ways, unpack, convert, strict=True)]
    all_plain = all(are_plain)
    parts = [tables.Part(table, column.field.column, column.source.label) for column, table in found]

    def meant(text: str, place: int) -> Iterator[Pair]:
        try:
            for each in [text] if (several := unpack[place] or convert[place]) is None else several(text):
                way, name = ways[place], cleaned(each)
                if name and (moved := way(name) if way else name):
                    yield moved, start + place
        except UnreadableText:
            label = found[place][0].source.label
            raise RowsUnknown(
                f"A value of {label} is not JSON, so the files that it names are unknown. Delete old versions that are "
                "kept in another format, or convert them."
            ) from None

    for some in tables.texts(alias, parts, ordered=ordered):
        if all_plain and not start and _are_clean(some):
            yield some
            continue
        pairs = list[Pair]()
        for text, place in some:
            if not are_plain[place]:
                pairs += meant(text, place)
            elif name := cleaned(text):
                pairs.append((name, start + place))
        yield pairs


def _are_clean(some: list[Pair]) -> bool:
    """Say whether surely none of these names has anything to clean; asked of a thousand at once."""
    together = "\n".join(["", *map(_name, some)])
    return not any(sign in together for sign in ("//", "/.", "\\", "\n/", "\n."))


def _converter(field: Any, alias: str) -> Callable[[str], Iterator[str]] | None:
    if not hasattr(field, "from_db_value"):
        return None

    def convert(text: str) -> Iterator[str]:
        try:
            value = field.from_db_value(text, None, connections[alias])
        except Exception as failure:  # whatever a project's field raises, its files are unknown
            raise RowsUnknown(f"A value of {field} cannot be read: {failure!r}.") from failure
        yield from _names_in(value, f"{field} makes")

    return convert


def _names_in(value: Any, who: str) -> Iterator[str]:
    """Give the names in what a project's own field or function gives: a name, a path, a file, or several of them.

    `who`: what gives it, for the error.

    Raises:
        RowsUnknown: it is something else.
    """
    # A path's own name is only the last part of it, and that of a row is its title.
    name = value if isinstance(value, PurePath | Model) else getattr(value, "name", value)
    if name is None or isinstance(name, str | PurePath):
        yield str(name or "")
    elif isinstance(name, Mapping):
        yield from _names_in(list(name.values()), who)
    elif isinstance(name, Iterable) and not isinstance(name, bytes | bytearray):
        for one in name:
            yield from _names_in(one, who)
    else:
        raise RowsUnknown(f"{who} a {type(name).__name__}, so the files that are meant are unknown.")


def _of_function(registered: references.Registered, way: Way, place: int) -> Iterator[Pair]:
    try:
        storage = _storage_of(registered)
        given = registered.function()
        if given is None:
            raise TypeError("it returns nothing")
        # The accident: a function that returns one name, of which each letter would be one; or rows, as tuples.
        for text in _names_in(given, f"{registered.label} yields"):
            meant = {cleaned(text)} if naming.is_plain(text) else {cleaned(one) for one in spellings(text, storage)}
            for name in meant:
                moved = way.apply(name) if name else None
                if moved:
                    yield moved, place + (len(meant) > 1)
    except RowsUnknown:
        raise
    except Exception as failure:  # whatever a project's function raises, its files are unknown
        raise RowsUnknown(f"The registered function {registered.label} failed: {failure!r}.") from failure


def cleaned(name: str) -> str:
    """Give the name in the form of the key that the storage would make of it."""
    # Asked of a million names, nearly all of which have nothing to clean.
    if name and name[0] not in "/." and "/." not in name and "//" not in name and "\\" not in name:
        return name
    # What a storage refuses to open may still be what a row means.
    return naming.clean(name).lstrip("/")
