"""Say what the doctor and the system checks found: what was seen, what it means and what to do.

A `Kind` is declared once. Its id is frozen: people search for it, scripts compare it and settings silence it. A
`Finding` is one occurrence of a kind, with its evidence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from holdall.shown import shown

# The version of what `Report.as_document` returns. It is raised when a key is removed or changes its meaning.
DOCUMENT_VERSION = 1
# The page of the documentation on which each kind has a heading.
PAGE = "reference/findings.html"


@cache
def documentation_url() -> str:
    """Return the address of the documentation, or "" if the package names none.

    It is the URL `Documentation` in the package's own metadata, so it is configured once, in `pyproject.toml`.
    """
    from importlib import metadata

    try:
        urls = metadata.metadata("django-holdall").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        return ""
    named = dict(url.split(", ", 1) for url in urls)
    return str(named.get("Documentation", "")).rstrip("/")


class Level(StrEnum):
    """How much a finding matters; the worst first."""

    ERROR = "error"  # uploads or links fail, or files are not as public or private as they should be
    WARNING = "warning"  # it works now, but will cause problems
    NOTICE = "notice"  # worth knowing
    UNKNOWN = "unknown"  # could not be checked, usually because the keys are not allowed to ask
    OK = "ok"  # checked and correct


class Cause(NamedTuple):
    """One explanation, and what to do if it is the right one: sentences, or lines to paste."""

    means: str
    do: str
    # The kinds of S3 (their ids) at which it can be the right one; empty: all.
    at: tuple[str, ...] = ()


class Kind(NamedTuple):
    """What all findings with the same id have in common: an entry of the catalogue."""

    id: str
    level: Level
    # A short statement of fact, as a heading.
    title: str
    # What it means for files, uploads or visitors; for a kind of level OK, how it was checked.
    means: str
    # The general remedy. A finding may have a more exact one.
    do: str = ""
    # The entries of the catalogue of failures that it belongs to.
    failures: tuple[str, ...] = ()
    # What the doctor looks at to find it.
    evidence: str = ""
    # Remedies for particular cases, each with its case. A finding names those that its evidence allows.
    remedies: tuple[Cause, ...] = ()
    # Healthy stores have it too, and nothing follows from it: people see it with `--verbose` only.
    routine: bool = False

    @property
    def url(self) -> str:
        """The address of this kind's entry in the documentation, or "" if the package names none."""
        base = documentation_url()
        return f"{base}/{PAGE}#{self.id.lower()}" if base else ""

    def found(self, seen: str, *, means: str = "", do: str = "", otherwise: Iterable[Cause] | None = None) -> Finding:
        """Make a finding. `otherwise` holds other causes that the evidence allows, the likeliest first.

        If neither a remedy nor other causes are given, all of this kind's are possible.
        """
        if otherwise is None:
            otherwise = () if do else self.remedies
        cause = Cause(means or self.means, do or self.do)
        return Finding(self, self.level, shown(seen, keeps="\n"), cause, tuple(otherwise))

    def unknown(self, seen: str, *, do: str = "") -> Finding:
        """Make the finding that this could not be checked: a refused question does not mean a broken store."""
        return Finding(self, Level.UNKNOWN, shown(seen, keeps="\n"), Cause("This could not be checked.", do), ())


class Finding(NamedTuple):
    """One thing that was found."""

    kind: Kind
    level: Level
    # The evidence: status, code, header, host, value; never a secret.
    seen: str
    cause: Cause
    otherwise: tuple[Cause, ...] = ()
    # Which of several stores it is about, or "" if there is only one.
    store: str = ""
    # The layer of the doctor that found it.
    layer: str = ""

    @property
    def id(self) -> str:
        return self.kind.id

    @property
    def is_routine(self) -> bool:
        """Whether nothing follows from it, as from a notice that could not be looked at: least rights do not allow that."""
        unasked = self.level is Level.UNKNOWN and self.kind.level is Level.NOTICE
        return self.level is not Level.OK and (self.kind.routine or unasked)

    def about(self, store: str) -> Finding:
        """Return the same finding, about one of several stores."""
        return self._replace(store=store)

    def within(self, layer: str) -> Finding:
        """Return the same finding, of this layer."""
        return self._replace(layer=layer)


def is_pasted(line: str) -> bool:
    """Whether a line of a remedy is a command, setting or statement to paste. Sentences end with a period or colon."""
    return not line.endswith((".", ":"))


class Report:
    """Everything that was found, in order."""

    def __init__(self, findings: Iterable[Finding] = ()) -> None:
        self.findings = list(findings)

    def count(self, level: Level) -> int:
        return Counter(finding.level for finding in self.findings)[level]

    @property
    def is_healthy(self) -> bool:
        """Whether there are no errors. Warnings do not count."""
        return not self.count(Level.ERROR)

    def summary(self) -> str:
        """Return the counts in one line."""
        words = {
            Level.ERROR: ("error", "errors"),
            Level.WARNING: ("warning", "warnings"),
            Level.NOTICE: ("notice", "notices"),
            Level.UNKNOWN: ("unknown", "unknown"),
            Level.OK: ("passed", "passed"),
        }
        counts = [(self.count(level), one, many) for level, (one, many) in words.items()]
        return ", ".join(f"{count} {one if count == 1 else many}" for count, one, many in counts if count) or "nothing"

    def as_document(self) -> dict[str, Any]:
        """Return the report for programs. Its keys are frozen."""
        return {
            "version": DOCUMENT_VERSION,
            "healthy": self.is_healthy,
            "counts": {level.value: self.count(level) for level in Level},
            "findings": [as_document(finding) for finding in self.findings],
        }


def as_document(finding: Finding) -> dict[str, Any]:
    """Return a finding for programs. Its keys are frozen."""
    return {
        "id": finding.id,
        "level": finding.level.value,
        "store": finding.store or None,
        "title": finding.kind.title,
        "seen": finding.seen,
        "means": finding.cause.means,
        "do": finding.cause.do or None,
        "otherwise": [{"means": cause.means, "do": cause.do or None} for cause in finding.otherwise],
        "page": finding.kind.url or None,
    }
