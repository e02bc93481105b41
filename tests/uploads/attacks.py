"""Which attacks are tried on direct uploads: a table of the documentation is made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

Test = TypeVar("Test", bound=Callable[..., Any])


class Attack(NamedTuple):
    """One attempt, and who refuses it: the server, the store, or both."""

    case: str
    attempt: str
    refused_by: str
    test: str


ATTACKS: list[Attack] = []


def attack(case: str, attempt: str, *, refused_by: str) -> Callable[[Test], Test]:
    """Note a test as an attempt of a case."""

    def note(test: Test) -> Test:
        ATTACKS.append(Attack(case, attempt, refused_by, test.__name__))
        return test

    return note
