"""How the doctor, the system checks and the audits speak: a finding says what was seen, what it means, what to do.

A `Kind` is declared once, with an id that is frozen: people search for it, scripts compare it, checks are silenced by
it. A `Finding` is one of its kind, with the evidence. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple

# The shape of `Report.as_document`; raised when a key changes its meaning or goes.
DOCUMENT_VERSION = 1
# Where each kind has its heading.
PAGE = "docs/reference/findings.md"


class Level(StrEnum):
    """How much a finding matters; the worst first."""

    ERROR = "error"  # uploads, links or intent are broken
    WARNING = "warning"  # it works, and will hurt
    NOTICE = "notice"  # worth knowing
    UNKNOWN = "unknown"  # could not be told, mostly because the keys may not ask
    OK = "ok"  # proven


class Kind(NamedTuple):
    """What findings of one id have in common."""

    id: str
    level: Level
    # A short statement of fact, as a heading.
    title: str
    # What it means for files, uploads or visitors; for a kind of level OK, how it is proven.
    means: str
    # The general remedy; a finding may have a more exact one.
    do: str = ""
    # The entries of the catalogue of failures that it names.
    failures: tuple[str, ...] = ()

    def found(self, seen: str, *, means: str = "", do: str = "", otherwise: Iterable[Cause] = ()) -> Finding:
        """Make a finding. `otherwise` holds further causes that the evidence allows, the likelier first."""
        return Finding(self, self.level, seen, Cause(means or self.means, do or self.do), tuple(otherwise))

    def unknown(self, seen: str, *, do: str = "") -> Finding:
        """Make the finding that this could not be told: a refused question is never a broken store."""
        cause = Cause("It could not be told whether this is so.", do)
        return Finding(self, Level.UNKNOWN, seen, cause, ())


class Cause(NamedTuple):
    """One explanation, and what to do if it is the right one: a line, command or statement to paste."""

    means: str
    do: str


class Finding(NamedTuple):
    """One thing that was found."""

    kind: Kind
    level: Level
    # The evidence: status, code, header, host, value; never a secret.
    seen: str
    cause: Cause
    otherwise: tuple[Cause, ...] = ()
    # Which of several stores it is about; "" where there is one.
    store: str = ""

    @property
    def id(self) -> str:
        return self.kind.id

    @property
    def page(self) -> str:
        """Where the documentation explains this kind."""
        return f"{PAGE}#{self.id.lower()}"

    def about(self, store: str) -> Finding:
        """Give the same finding, said of one of several stores."""
        return self._replace(store=store)


class Report:
    """What was found, in the order in which it was."""

    def __init__(self, findings: Iterable[Finding] = ()) -> None:
        self.findings = list(findings)

    def count(self, level: Level) -> int:
        return Counter(finding.level for finding in self.findings)[level]

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is broken; warnings do not count."""
        return not self.count(Level.ERROR)

    def summary(self) -> str:
        """Give the counts in one line."""
        words = {
            Level.ERROR: ("error", "errors"),
            Level.WARNING: ("warning", "warnings"),
            Level.NOTICE: ("notice", "notices"),
            Level.UNKNOWN: ("not to be told", "not to be told"),
            Level.OK: ("passed", "passed"),
        }
        counts = [(self.count(level), one, many) for level, (one, many) in words.items()]
        return ", ".join(f"{count} {one if count == 1 else many}" for count, one, many in counts if count) or "nothing"

    def as_document(self) -> dict[str, Any]:
        """Give the report for programs; the shape is frozen."""
        return {
            "version": DOCUMENT_VERSION,
            "healthy": self.is_healthy,
            "counts": {level.value: self.count(level) for level in Level},
            "findings": [_as_document(finding) for finding in self.findings],
        }


def _as_document(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "level": finding.level.value,
        "store": finding.store or None,
        "title": finding.kind.title,
        "seen": finding.seen,
        "means": finding.cause.means,
        "do": finding.cause.do or None,
        "otherwise": [{"means": cause.means, "do": cause.do or None} for cause in finding.otherwise],
        "page": finding.page,
    }
