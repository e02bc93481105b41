"""The table of attacks is that of the tests."""

from __future__ import annotations

import os

# Each test notes itself when it is imported.
from tests.uploads import test_attacks, test_long
from tests.uploads.attacks import ATTACKS, PAGE, written


def test_table_of_attacks_is_that_of_the_tests() -> None:
    page = PAGE.read_text()
    if os.environ.get("HOLDALL_WRITE"):
        PAGE.write_text(written(page))
        return
    assert ATTACKS
    assert written(page) == page, "HOLDALL_WRITE=1 writes it again"


def test_every_attempt_is_a_test() -> None:
    tests = vars(test_attacks) | vars(test_long)
    assert all(callable(tests[one.test]) for one in ATTACKS)
