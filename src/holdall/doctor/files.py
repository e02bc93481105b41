"""Layer `files`: are the database's files in the bucket? It checks a sample, never all of them."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import DatabaseError
from django.db.models import FileField

from holdall.doctor.catalogue import files as kinds
from holdall.doctor.evidence import refusal
from holdall.doctor.examination import Examination
from holdall.doctor.fields import file_fields
from holdall.doctor.probe import probes
from holdall.errors import HoldallError
from holdall.findings import Finding
from holdall.shown import shown

# Half of them the oldest, half the newest.
SAMPLE_OF_FIELD = 10
SAMPLE = 60
MANY_PERCENT = 20


def probe_sample(examination: Examination) -> Iterator[Finding]:
    """Check a few files of each field. Requests: one HEAD each, sixty at most."""
    if not examination.project:
        return
    names: dict[str, str] = {}
    for field in file_fields(examination):
        try:
            for name in _sample(field):
                names.setdefault(name, str(field))
        except DatabaseError as error:
            yield kinds.FILES_UNKNOWN.found(f"{field}: {type(error).__name__}: {error}")
    asked = list(names)[:SAMPLE]
    if not asked:
        return
    try:
        missing = [name for name in asked if not _exists(examination, name)]
    except HoldallError as error:
        yield kinds.FILES_UNKNOWN.found(refusal(error))
        return
    percent = 100 * len(missing) / len(asked)
    seen = f"{len(missing)} of {len(asked)} are missing ({percent:.0f} %)"
    if not missing:
        yield kinds.FILES_ARE_THERE.found(
            f"{_counted(len(asked), 'file')} of {_counted(len(set(names.values())), 'field')} were checked"
        )
        return
    examples = ", ".join(f'{names[name]} "{shown(name)}"' for name in missing[:3])
    kind = kinds.MANY_FILES_MISSING if percent >= MANY_PERCENT else kinds.SOME_FILES_MISSING
    yield kind.found(f"{seen}, such as {examples}")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _sample(field: FileField) -> set[str]:
    rows = field.model._base_manager.exclude(**{field.name: ""}).exclude(**{f"{field.name}__isnull": True})
    names = rows.values_list(field.name, flat=True)
    half = SAMPLE_OF_FIELD // 2
    return {*map(str, names.order_by("pk")[:half]), *map(str, names.order_by("-pk")[:half])}


def _exists(examination: Examination, name: str) -> bool:
    with examination.translating("looking for", name):
        return bool(examination.storage.exists(name))


PROBES = probes(probe_sample)
