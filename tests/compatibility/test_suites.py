"""The tests of Django and of packages that keep files, run with `MediaStorage` in place of `FileSystemStorage`.

CI runs what tells most in little time. With HOLDALL_COMPATIBILITY=all everything is run, on Django's own class and on
that of django-storages too, which takes about a quarter of an hour: what passes there must pass on ours.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import django
import pytest

from tests.compatibility.suites import SUITES, exceptions, run

EVERYTHING = os.environ.get("HOLDALL_COMPATIBILITY") == "all"

pytestmark = [
    pytest.mark.timeout(3_600),
    # What cannot pass is listed test by test, and each version of Django has other tests.
    pytest.mark.skipif(django.VERSION[:2] != (5, 2), reason="the exceptions are listed for the tests of Django 5.2"),
]


def passing(outcomes: dict[str, str]) -> set[str]:
    return {test for test, outcome in outcomes.items() if outcome == "passed"}


def failing(outcomes: dict[str, str]) -> dict[str, str]:
    return {test: said for test, said in outcomes.items() if said != "passed" and not said.startswith("skipped")}


@pytest.mark.parametrize("package", SUITES)
def test_packages_own_tests_pass_but_for_the_listed_exceptions(
    package: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = tmp_path_factory.mktemp("store")
    outcomes = run(package, "holdall", scratch=tmp_path / "holdall", store=store, everything=EVERYTHING)

    expected = {test for test in exceptions(package) if test in outcomes}
    failed = failing(outcomes)
    assert len(passing(outcomes)) > 60  # an empty run must not pass
    assert failed.keys() == expected, json.dumps(
        {test: failed.get(test, "passes now") for test in failed.keys() ^ expected}, indent=1
    )


@pytest.mark.skipif(not EVERYTHING, reason="HOLDALL_COMPATIBILITY=all compares with the other storages")
@pytest.mark.parametrize("package", SUITES)
def test_exceptions_pass_on_the_disk_alone(package: str, tmp_path: Path) -> None:
    listed = exceptions(package)
    by_design = {test for test, reason in listed.items() if reason.startswith("By design")}
    on = {
        storage: run(package, storage, scratch=tmp_path / storage, store=tmp_path / "store", everything=True)
        for storage in ("disk", "django-storages")
    }
    assert failing(on["disk"]) == {}
    assert passing(on["django-storages"]) & listed.keys() == by_design
