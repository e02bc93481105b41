"""Count what a place holds, by one walk through it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from holdall.bulk.entries import Entry, OutOfOrder, order_of
from holdall.bulk.places import Folder as FolderPlace
from holdall.bulk.places import Place
from holdall.fork.storage import ForkedStorage
from holdall.usage import folders, kinds, walking
from holdall.usage.folders import Folder
from holdall.usage.tally import Count, Tally
from holdall.usage.walking import Part, Unfinished

# The ages that are told apart: the least number of days, and what it is called.
AGES = (
    (0, "up to 30 days"),
    (30, "1 to 3 months"),
    (91, "3 to 12 months"),
    (365, "1 to 2 years"),
    (731, "2 to 5 years"),
    (1826, "more than 5 years"),
)
NO_AGE = "unknown"
LARGEST = 10
# So many extensions are named of each type.
EXTENSIONS = 8
# What has no month, because the place does not tell when it was saved.
NO_MONTH = ""


@dataclass(frozen=True)
class Type:
    """The files of one content type, with the extensions that it was told by, the largest first."""

    name: str
    extensions: tuple[str, ...]
    count: Count


@dataclass
class Usage:
    """What a place holds at one time. The breakdowns are of its files; what is in the trash is only in `parts`."""

    place: str
    at: datetime
    parts: dict[Part, Count] = field(default_factory=lambda: {part: Count() for part in Part})
    root: Folder = field(default_factory=lambda: Folder(""))
    # How many folders have files of their own.
    folders: int = 0
    types: list[Type] = field(default_factory=list)
    ages: list[tuple[str, Count]] = field(default_factory=list)
    # By the month in which they were saved ("2026-11"), the oldest first.
    months: list[tuple[str, Count]] = field(default_factory=list)
    # The same by folder, of the first two levels.
    growth: Tally = field(default_factory=Tally)
    # By the model fields whose rows name the files; None outside of a project.
    fields: list[tuple[str, Count]] | None = None
    largest: list[Entry] = field(default_factory=list)
    unfinished: Unfinished | None = None
    # What a fork reads from its parent, which is not in this place.
    from_parent: Count | None = None
    # What could not be looked at.
    left_out: int = 0

    @property
    def files(self) -> Count:
        return self.parts[Part.FILES]

    @property
    def everything(self) -> Count:
        """All objects: files, trash and what Holdall keeps for itself."""
        total = Count()
        for count in self.parts.values():
            total.add(count)
        return total


# Rows by the name that they refer to, in the order of the names' bytes: the name, and the field.
References = Iterable[tuple[str, str]]
NO_FIELD = ""


def count(
    place: Place,
    *,
    now: datetime | None = None,
    references: Callable[[], References] | None = None,
    report: Callable[[int], None] = lambda _seen: None,
) -> Usage:
    """Count what a place holds; of a fork its own, and what it reads from its parent as one number.

    `references` tells which model field a file belongs to; `report` hears how many objects were seen.

    Memory does not grow with the number of files or folders. Requests: one for each 1,000 objects; for unfinished
    uploads one, and one more for each of the first 100; in a fork the listing of both stores.

    Raises:
        HoldallError: the place cannot be listed.
    """
    usage = _counted(place, now or datetime.now(UTC), references, report)
    if references is None:
        usage.fields = None
    if isinstance(place, FolderPlace):
        usage.left_out = len(place.troubles)
        return usage
    usage.unfinished = walking.unfinished(place.storage)
    if isinstance(place.storage, ForkedStorage):
        usage.from_parent = walking.from_parent(place.storage)
    return usage


def _counted(
    place: Place, at: datetime, references: Callable[[], References] | None, report: Callable[[int], None]
) -> Usage:
    is_sorted = True
    while True:
        counting = _Counting(at, report)
        try:
            if references is None:
                for part, entry in walking.objects(place):
                    counting.add(part, entry)
            else:
                for part, entry, label in _labelled(walking.in_names_order(place, lists_so=is_sorted), references()):
                    counting.add(part, entry, label)
        except OutOfOrder:
            is_sorted = False
        else:
            return counting.usage(str(place))


def _labelled(objects: Iterable[tuple[Part, Entry]], references: References) -> Iterator[tuple[Part, Entry, str]]:
    """Give each object with the fields whose rows name it, by one walk through both."""
    rows = iter(references)
    row = next(rows, None)
    for part, entry in objects:
        here = order_of(entry.name)
        labels: set[str] = set()
        while row is not None and (there := order_of(row[0])) <= here:
            if there == here:
                labels.add(row[1])
            row = next(rows, None)
        # Counted once, however many fields name it.
        yield part, entry, " + ".join(sorted(labels)) or NO_FIELD


class _Counting:
    def __init__(self, at: datetime, report: Callable[[int], None]) -> None:
        self._at, self._report = at, report
        self._seen = 0
        self._parts = {part: Count() for part in Part}
        self._folders, self._extensions, self._months, self._fields = (Tally() for _ in range(4))
        self._ages = {called: Count() for called in (*(called for _, called in AGES), NO_AGE)}
        oldest = [at - timedelta(days=days) for days, _ in AGES[1:]]
        self._since = [(since, called) for since, (_, called) in zip(oldest, AGES, strict=False)]
        # What is the same for all files of a folder.
        self._folder, self._upper, self._key = "", "", ("",)
        self._largest: list[tuple[int, str, Entry]] = []

    def add(self, part: Part, entry: Entry, label: str | None = None) -> None:
        self._seen += 1
        self._report(self._seen)
        size_bytes = entry.size_bytes
        whole = self._parts[part]
        whole.files, whole.size_bytes = whole.files + 1, whole.size_bytes + size_bytes
        if part is not Part.FILES:
            return
        folder = entry.name.rpartition("/")[0]
        if folder != self._folder:
            # A listing gives the files of a folder one after the other.
            self._folder, self._upper = folder, "/".join(folder.split("/", 2)[:2])
            # The slash keeps what is in a folder together in the order of the names.
            self._key = (f"{folder}/" if folder else "",)
        self._folders.add(self._key, size_bytes)
        self._extensions.add((kinds.extension(entry.name),), size_bytes)
        month = f"{entry.modified.year:04}-{entry.modified.month:02}" if entry.modified else NO_MONTH
        self._months.add((month, self._upper), size_bytes)
        if label is not None:
            self._fields.add((label,), size_bytes)
        age = self._ages[self._age(entry)]
        age.files, age.size_bytes = age.files + 1, age.size_bytes + size_bytes
        item = (size_bytes, entry.name, entry)
        if len(self._largest) < LARGEST:
            heapq.heappush(self._largest, item)
        elif item > self._largest[0]:
            heapq.heapreplace(self._largest, item)

    def _age(self, entry: Entry) -> str:
        if entry.modified is None:
            return NO_AGE
        # The dates at which the ages begin come the latest first.
        return next((called for since, called in self._since if entry.modified > since), AGES[-1][1])

    def usage(self, place: str) -> Usage:
        usage = Usage(place, self._at, parts=self._parts, growth=self._months)
        usage.root = folders.tree(self._each_folder(usage))
        usage.types = self._types()
        usage.ages = [(called, one) for called, one in self._ages.items() if one.files]
        usage.months = list(self._by_month())
        usage.fields = sorted(
            ((label, one) for (label,), one in self._fields), key=lambda pair: (-pair[1].size_bytes, pair[0])
        )
        usage.largest = [entry for _, _, entry in sorted(self._largest, reverse=True)]
        return usage

    def _each_folder(self, usage: Usage) -> Iterator[tuple[str, Count]]:
        for (name,), one in self._folders:
            usage.folders += 1
            yield name, one

    def _types(self) -> list[Type]:
        wholes: dict[str, Count] = {}
        # The largest extensions of each type, the smallest of them first.
        largest: dict[str, list[tuple[int, str]]] = {}
        for (extension,), one in self._extensions:
            type_ = kinds.content_type(extension)
            wholes.setdefault(type_, Count()).add(one)
            if extension:
                heapq.heappush(kept := largest.setdefault(type_, []), (one.size_bytes, extension))
                if len(kept) > EXTENSIONS:
                    heapq.heappop(kept)
        types = [
            Type(name, tuple(extension for _, extension in sorted(largest.get(name, ()), reverse=True)), whole)
            for name, whole in wholes.items()
        ]
        return sorted(types, key=lambda one: (-one.count.size_bytes, -one.count.files, one.name))

    def _by_month(self) -> Iterator[tuple[str, Count]]:
        last, whole = None, Count()
        for (month, _), one in self._months:
            if last is not None and month != last:
                yield last, whole
                whole = Count()
            last = month
            whole.add(one)
        if last is not None:
            yield last, whole
