"""The catalogue: every kind of finding, with a module for each layer, and the failures that they belong to.

The terminal (`holdall doctor --explain`) and the reference page are both made from it.
"""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import NamedTuple

from holdall.doctor.catalogue import (
    addresses,
    backend,
    cdn,
    combinations,
    connection,
    cors,
    editors,
    files,
    housekeeping,
    intent,
    leftovers,
    links,
    names,
    options,
    ownership,
    processes,
    project,
    reading,
    rounds,
    saving,
    site,
    uploads,
    urlconf,
    values,
    writing,
)
from holdall.findings import Kind

_MODULES = (
    addresses, backend, cdn, combinations, connection, cors, editors, files, housekeeping, intent, leftovers, links, names,
    options, ownership, processes, project, reading, rounds, saving, site, uploads, urlconf, values, writing,
)  # fmt: skip


class Failures(NamedTuple):
    """The ways in which Django's media on S3 are known to go wrong."""

    # Letter -> title.
    groups: dict[str, str]
    # Id -> what people meet.
    entries: dict[str, str]
    # Id -> why no test provokes it.
    paper: dict[str, str]


class Entry(NamedTuple):
    """All that is known about a kind of finding, in the order in which people read it."""

    kind: Kind
    # What the doctor looks at.
    evidence: str
    means: str
    # The general remedy. Each line is a sentence or more, or something to paste.
    do: tuple[str, ...]
    # The remedies that depend on the cause: the cause, and the lines.
    cases: tuple[tuple[str, tuple[str, ...]], ...]
    # The failures that it belongs to: id -> what people meet.
    failures: dict[str, str]


def kinds() -> list[Kind]:
    """Return every kind of finding, sorted by id."""
    found = {kind.id: kind for module in _MODULES for kind in vars(module).values() if isinstance(kind, Kind)}
    return [found[id_] for id_ in sorted(found)]


@cache
def by_id() -> dict[str, Kind]:
    """Return every kind of finding by its id."""
    return {kind.id: kind for kind in kinds()}


@cache
def failures() -> Failures:
    """Read the catalogue of failures."""
    found = tomllib.loads(resources.files(__name__).joinpath("failures.toml").read_text(encoding="utf-8"))
    return Failures(found["groups"], found["failures"], found["paper"])


def nearest(id_: str) -> list[str]:
    """Return up to three ids that look most like one that does not exist, the likeliest first."""
    # Letters that are easily taken for digits, and the D that is easily forgotten.
    digits = id_.upper().removeprefix("D").translate(str.maketrans("OIL", "011"))
    meant = f"D{digits}"
    if meant in by_id():
        return [meant]
    # Sorted backwards, because the last of several equals comes first.
    return get_close_matches(meant, sorted(by_id(), reverse=True), n=3, cutoff=0.5)


def entry(kind: Kind) -> Entry:
    """Return all that is known about a kind."""
    return Entry(
        kind,
        kind.evidence,
        kind.means,
        tuple(kind.do.splitlines()),
        tuple((one.means, tuple(one.do.splitlines())) for one in kind.remedies),
        {one: failures().entries[one] for one in kind.failures},
    )
