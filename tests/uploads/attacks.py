"""Which attacks are tried on direct uploads: a table of the documentation is made of it.

`HOLDALL_WRITE=1 pytest tests/docs/test_uploads.py` writes it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tests.contract import only

Test = TypeVar("Test", bound=Callable[..., Any])


class Attack(NamedTuple):
    """One attempt, and who refuses it: the server, the store, or both."""

    case: str
    attempt: str
    refused_by: str
    test: str


ATTACKS: list[Attack] = []


def attack(case: str, attempt: str, *, refused_by: str) -> Callable[[Test], Test]:
    """Note a test as an attempt of a case. What the server refuses is tried on one store, what a store does on all."""
    where = only("seaweedfs-http") if refused_by == "server" else only("seaweedfs-http", "ministack", "ceph-http")

    def note(test: Test) -> Test:
        ATTACKS.append(Attack(case, attempt, refused_by, test.__name__))
        return where(test)

    return note


PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "uploads.md"
_BEGINS, _ENDS = "<!-- attacks -->\n", "<!-- end of attacks -->\n"


def table() -> str:
    """Write the table of the documentation: each case, what is tried, how many tests try it, and who refuses it."""
    lines = ["| case | what is tried | refused by |\n", "|---|---|---|\n"]
    lines += [f"| {one.case} | {one.attempt} | {one.refused_by} |\n" for one in ATTACKS]
    cases = len({one.case for one in ATTACKS})
    said = f"{len(ATTACKS)} attempts in {cases} cases, each a test; what a store refuses is tried on three of them."
    return "".join([f"{said}\n\n", *lines])


def written(page: str) -> str:
    """Put the table into the page."""
    before, _, rest = page.partition(_BEGINS)
    _, _, after = rest.partition(_ENDS)
    return f"{before}{_BEGINS}\n{table()}\n{_ENDS}{after}"
