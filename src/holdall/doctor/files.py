"""Layer `files`: are the files that the database speaks of in the bucket? A sample, never the whole."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import DatabaseError
from django.db.models import FileField

from holdall.doctor.examination import Examination, probes, refusal
from holdall.doctor.project import file_fields
from holdall.errors import HoldallError
from holdall.findings import Finding, Kind, Level

FILES_ARE_THERE = Kind(
    "D080",
    Level.OK,
    "The database's files are in the bucket",
    "A sample of the oldest and newest rows of each file field was asked for.",
)
SOME_FILES_MISSING = Kind(
    "D081",
    Level.WARNING,
    "Some of the database's files are missing",
    "Rows point at nothing: those links are dead.",
    "Copy what is missing from the bucket or backup that has it.",
    ("L2",),
)
MANY_FILES_MISSING = Kind(
    "D082",
    Level.ERROR,
    "Many of the database's files are missing",
    "The database was copied and its media were not, or another bucket or location is configured than was used.",
    "Compare bucket and `STORAGE_LOCATION` with the environment that the database comes from; then copy the files.",
    ("L2", "E2"),
)
FILES_UNKNOWN = Kind(
    "D083",
    Level.UNKNOWN,
    "Whether the database's files are there cannot be told",
    "Neither the database nor the bucket could be asked.",
)

# Half of them the oldest, half the newest.
SAMPLE_OF_FIELD = 10
SAMPLE = 60
MANY_PERCENT = 20


def probe_sample(examination: Examination) -> Iterator[Finding]:
    """Ask for a few files of each field. Requests: one HEAD each, sixty at most."""
    if not examination.project:
        return
    names: dict[str, str] = {}
    for field in file_fields(examination):
        try:
            for name in _sample(field):
                names.setdefault(name, str(field))
        except DatabaseError as error:
            yield FILES_UNKNOWN.found(f"{field}: {type(error).__name__}: {error}")
    asked = list(names)[:SAMPLE]
    if not asked:
        return
    try:
        missing = [name for name in asked if not _exists(examination, name)]
    except HoldallError as error:
        yield FILES_UNKNOWN.found(refusal(error))
        return
    percent = 100 * len(missing) / len(asked)
    seen = f"{len(missing)} of {len(asked)} are missing ({percent:.0f} %)"
    if not missing:
        yield FILES_ARE_THERE.found(f"{len(asked)} were asked for, of {len(set(names.values()))} fields")
        return
    shown = ", ".join(f'{names[name]} "{name}"' for name in missing[:3])
    kind = MANY_FILES_MISSING if percent >= MANY_PERCENT else SOME_FILES_MISSING
    yield kind.found(f"{seen}; such as {shown}")


def _sample(field: FileField) -> set[str]:
    rows = field.model._base_manager.exclude(**{field.name: ""}).exclude(**{f"{field.name}__isnull": True})
    names = rows.values_list(field.name, flat=True)
    half = SAMPLE_OF_FIELD // 2
    return {*map(str, names.order_by("pk")[:half]), *map(str, names.order_by("-pk")[:half])}


def _exists(examination: Examination, name: str) -> bool:
    with examination.translating("looking for", name):
        return bool(examination.storage.exists(name))


PROBES = probes(probe_sample)
