"""Compare what a store holds with what the rows refer to: one walk through both, side by side. Changes nothing.

What is called an orphan is a file that was there long before, that no row of any database and no registered function
referred to when the rows were read, and again after the store was listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from operator import itemgetter

from holdall.bulk import leftovers
from holdall.bulk.entries import Spool, in_order
from holdall.bulk.inventory import Found, Inventory, Page, Upload, has_static_files, other_aliases
from holdall.bulk.looking import Mistyped, Sample, mistyped
from holdall.bulk.matching import HELD, Match, unnamed
from holdall.bulk.nearest import Nearest
from holdall.bulk.plan import Count
from holdall.bulk.references import Pair, References
from holdall.bulk.rereading import Missing, Rereading
from holdall.bulk.sources import unknown_storages
from holdall.bulk.tables import RowsUnknown
from holdall.bulk.work import WORKERS, mapped
from holdall.errors import HoldallError, InvalidName
from holdall.storage import MediaStorage
from holdall.storage.batches import batched
from holdall.storage.objects import has_file, key_of, walk

MIN_AGE_SECONDS = 24 * 3600.0
# So many files are looked at for their types, unless more are asked for.
LOOKED_AT = 1_000
# Of so many missing files each is asked for; of more the store is listed again.
ASKED = 5_000
BATCH = 500
# A store tells times to the second.
RESOLUTION = timedelta(seconds=1)
# A clock that is off by less changes little of a floor of a day.
CLOCK_OFF = timedelta(hours=2)
_name = itemgetter(0)


def _spool() -> Spool[Found]:
    return Spool(held=HELD)


@dataclass
class Audit:
    """What was found. Lists that can be long are kept outside of the memory."""

    storage: MediaStorage
    min_age: timedelta
    began: datetime
    files: Count = field(default_factory=Count)
    # Those that something refers to.
    referenced: Count = field(default_factory=Count)
    orphans: Spool[Found] = field(default_factory=_spool)
    orphaned: Count = field(default_factory=Count)
    # Nothing refers to them, and they are none: too young, of a cache, another store's, or under a name that no file can have.
    young: Count = field(default_factory=Count)
    cached: Count = field(default_factory=Count)
    others: Count = field(default_factory=Count)
    unreachable: Count = field(default_factory=Count)
    other_folders: set[str] = field(default_factory=set)
    missing: Spool[Missing] = field(default_factory=lambda: Spool(held=HELD))
    empty: Spool[Found] = field(default_factory=_spool)
    mistyped: Spool[Mistyped] = field(default_factory=lambda: Spool(held=HELD))
    looked_at: int = 0
    uploads: Spool[Upload] = field(default_factory=lambda: Spool(held=HELD))
    names: int = 0
    # Whether it is known what the rows refer to; if not, nothing is called an orphan or missing.
    rows_known: bool = True
    # Whether the store could be asked for the files that the listing lacked; if not, nothing is called missing.
    missing_known: bool = True
    # What could not be done, and what was left undone because of it.
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def is_young(self, one: Found) -> bool:
        """Say whether a file may have been saved for a row that is not there yet."""
        return one.saved_at + RESOLUTION > self.began - self.min_age


def make(
    storage: MediaStorage,
    *,
    min_age_seconds: float = MIN_AGE_SECONDS,
    look_at: int | None = LOOKED_AT,
    progress: Callable[[str, int], object] = lambda what, number: None,
) -> Audit:
    """Look at everything in a store and everything that refers to it. Changes nothing.

    `look_at`: for so many files, chosen by chance, type, name and first bytes are compared; None: for all.

    Requests: one for each 1,000 files, one for each 1,000 unfinished uploads, one GET for each file that is looked at,
    one HEAD for each missing one (of more than 5,000 one more listing; in a fork that is one of its parent too).

    Raises:
        HoldallError: the store cannot be listed.
    """
    audit = Audit(storage, timedelta(seconds=min_age_seconds), datetime.now(UTC))
    rows: References | None = None
    try:
        rows = References(storage)
        refuse_static_files(storage)
        if unknown := unknown_storages():
            audit.notes.append(
                f"{', '.join(unknown)}: the names in these fields were taken as they are. If such a storage keeps its files "
                "here under other names, register a function that yields those (`holdall.references.register`)."
            )
        progress("reading the rows", 0)
        pairs = rows.pairs()
        others = set(other_aliases(storage))
    except RowsUnknown as failure:
        audit.rows_known = False
        audit.problems.append(str(failure))
        pairs, others = iter(()), set()
    inventory = Inventory(storage, others=others)
    sample = Sample(LOOKED_AT if look_at is None else look_at)
    unreferenced, unmatched = _compared(audit, _told(inventory.pages(), progress), pairs, sample)
    audit.other_folders = inventory.others
    if inventory.told_at is not None and inventory.told_at < audit.began - CLOCK_OFF:
        # The accident: a clock that is a day ahead, by which a file of this minute is a day old.
        audit.notes.append("This machine's clock is hours ahead of the store's; ages are counted by the store's clock.")
        audit.began = inventory.told_at
    if rows is not None and audit.rows_known:
        _judge(audit, rows, inventory, unreferenced, unmatched, progress)
    _look(audit, inventory, sample, everything=look_at is None)
    return audit


def refuse_static_files(storage: MediaStorage) -> None:
    """Make sure that what no row names is not the project's static files.

    Raises:
        RowsUnknown: they are in this very folder.
    """
    if has_static_files(storage):
        raise RowsUnknown(
            "The alias `staticfiles` keeps the static files in this very folder, and no row names them. Give them a "
            "`location` of their own."
        )


def _told(pages: Iterator[Page], progress: Callable[[str, int], object]) -> Iterator[Page]:
    number = 0
    for page in pages:
        progress("listing the store", number)
        yield page
        number += len(page.names)


def _compared(
    audit: Audit, pages: Iterable[Page], batches: Iterator[list[Pair]], sample: Sample
) -> tuple[Iterable[Found], Iterable[Pair]]:
    """Walk through files and rows side by side; give the files that no row names, and the rows' names that no file has."""
    match, total = Match(batches), audit.files
    for page in pages:
        sizes = [int(entry["Size"]) for entry in page.entries]
        total.files, total.size_bytes = total.files + len(sizes), total.size_bytes + sum(sizes)
        if 0 in sizes:
            for one in map(Found.of, page.names, page.entries):
                if not one.size_bytes:
                    audit.empty.append(one)
        sample.offer(page)
        match.offer(page)
    return match.finish()


def _judge(
    audit: Audit,
    rows: References,
    inventory: Inventory,
    unreferenced: Iterable[Found],
    unmatched: Iterable[Pair],
    progress: Callable[[str, int], object],
) -> None:
    candidates = _spool()
    free = Count()
    for one in unreferenced:
        if inventory.is_anothers(one.name):
            audit.others.add(one.size_bytes)
        elif not inventory.is_reachable(one.name):
            audit.unreachable.add(one.size_bytes)
        elif inventory.is_cached(one.name):
            audit.cached.add(one.size_bytes)
        elif audit.is_young(one):
            audit.young.add(one.size_bytes)
        else:
            candidates.append(one)
        free.add(one.size_bytes)
    audit.referenced = Count(audit.files.files - free.files, audit.files.size_bytes - free.size_bytes)
    expected = rows.expected
    missing = Spool[str](held=HELD)
    wanted = (name for name, some in groupby(unmatched, key=_name) if any(expected[place] for _, place in some))
    try:
        for name in _really_missing(audit.storage, wanted, progress):
            missing.append(name)
    except HoldallError as failure:
        # Which files nothing refers to is known all the same.
        audit.problems.append(f"Which files are missing is unknown: {failure}")
        audit.missing_known, missing = False, Spool(held=HELD)
    if not len(candidates) and not len(missing):
        return
    nearest = Nearest(missing)
    if len(missing):
        for some in batched(unreferenced, BATCH):
            nearest.consider([one.name for one in some])
    progress("reading the rows again", 0)
    try:
        _judge_again(audit, rows, candidates, missing, nearest)
    except RowsUnknown as failure:
        audit.rows_known = False
        audit.problems.append(str(failure))
        audit.orphans, audit.orphaned, audit.missing = _spool(), Count(), Spool(held=HELD)


def _judge_again(
    audit: Audit, rows: References, candidates: Spool[Found], missing: Spool[str], nearest: Nearest
) -> None:
    """Let the rows say a second time, now that the store was listed, what they refer to."""
    rereading = Rereading(rows, missing, nearest)
    orphans = Spool.of(unnamed(candidates, rereading.pairs(candidates)), held=HELD)
    found, kept = leftovers.without(orphans, rows.columns)
    for one in found:
        audit.orphans.append(one)
        audit.orphaned.add(one.size_bytes)
    if kept:
        audit.notes.append(
            f"{', '.join(kept)}: this is not a file field, but it names files that nothing else refers to. They do not count as "
            "orphans. Register a function that yields its names, or drop it if it is of an app or a field that is not "
            "coming back."
        )
    for lacking in rereading.missing():
        audit.missing.append(lacking)


def _really_missing(
    storage: MediaStorage, wanted: Iterable[str], progress: Callable[[str, int], object]
) -> Iterator[str]:
    """Of names that the listing lacked give those that no file has, also not in a fork's parent, and none saved since."""
    names = Spool[str](held=HELD)
    for name in wanted:
        names.append(name)
    if len(names) <= ASKED:
        for batch in batched(names, BATCH):
            found = has_files(storage, batch)
            yield from (name for name in batch if not found[name])
        return
    progress("listing again for missing files", len(names))
    listed = in_order((entry.name for entry in walk(storage)), str)
    here = next(listed, None)
    for name in names:
        while here is not None and here < name:
            here = next(listed, None)
        if here != name:
            yield name


def has_files(storage: MediaStorage, names: list[str]) -> dict[str, bool]:
    """Say of each name whether a file has it; one that can be no file's has none. One HEAD each; in a fork one more."""
    usable = []
    for name in names:
        try:
            key_of(storage, name)
        except InvalidName:
            continue
        usable.append(name)
    found = dict(zip(usable, mapped(partial(has_file, storage), usable, WORKERS), strict=True))
    return {name: found.get(name, False) for name in names}


def _look(audit: Audit, inventory: Inventory, sample: Sample, *, everything: bool) -> None:
    """Look at the types of some files, and for unfinished uploads."""
    chosen = batched(inventory.files(), BATCH) if everything else batched(sample.chosen, BATCH)
    failures = list[HoldallError]()
    for some in chosen:
        worth = [
            one
            for one in some
            if one.size_bytes and not inventory.is_anothers(one.name) and inventory.is_reachable(one.name)
        ]
        audit.looked_at += len(worth)
        for found in mistyped(audit.storage, worth):
            if isinstance(found, HoldallError):
                failures.append(found)
            else:
                audit.mistyped.append(found)
    if failures:
        audit.problems.append(f"{len(failures):,} files could not be looked at; the first: {failures[0]}")
    try:
        for upload in inventory.uploads():
            if not inventory.is_anothers(upload.name):
                audit.uploads.append(upload)
    except HoldallError as failure:
        audit.problems.append(f"Unfinished uploads could not be listed: {failure}")
