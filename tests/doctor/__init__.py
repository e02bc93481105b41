"""The doctor: each failure of the catalogue is provoked, and must give its own finding and no other error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from holdall import doctor
from holdall.doctor import stores
from holdall.doctor.examination import Entry, Examination
from holdall.findings import Finding, Level, Report


def examine(environ: Mapping[str, str], *, prefix: str = "", origins: Iterable[str] = (), **chosen: Any) -> Report:
    """Run the doctor on what an environment describes, as the command does."""
    return report_on(stores.of_environment(environ, prefix=prefix, origins=origins), **chosen)


def examine_storage(storage: Any, **chosen: Any) -> Report:
    """Run the doctor on a storage of whatever class, as it does for each of a project's."""
    return report_on(Examination(storage, entry=Entry()), **chosen)


def report_on(examination: Examination, *, seconds: float = doctor.RUN_SECONDS, **chosen: Any) -> Report:
    return Report(doctor.examine(examination, doctor.Choice(**chosen), seconds=seconds))


def ids(report: Report, *levels: Level) -> list[str]:
    """Give the ids of the findings of these levels, in order, without retries."""
    return list(dict.fromkeys(finding.id for finding in report.findings if finding.level in levels))


def shown(report: Report) -> list[str]:
    """Give the ids of what people see without `--verbose`."""
    return [finding.id for finding in report.findings if finding.level is not Level.OK and not finding.is_routine]


def errors(report: Report) -> list[str]:
    return ids(report, Level.ERROR)


def warnings(report: Report) -> list[str]:
    return ids(report, Level.WARNING)


def notices(report: Report) -> list[str]:
    return ids(report, Level.NOTICE)


def the(report: Report, id_: str) -> Finding:
    """Give the one finding with this id."""
    [found] = [finding for finding in report.findings if finding.id == id_]
    return found


def told(report: Report) -> str:
    """Give everything that a report says, for a test's message and for the search for secrets."""
    return "\n".join(f"{f.level} {f.id} {f.kind.title} | {f.seen} | {f.cause} | {f.otherwise}" for f in report.findings)
