"""Packages whose own tests are not distributed whole, used as a project uses them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.compatibility.sources import ROOT
from tests.compatibility.suites import HERE, started

pytestmark = pytest.mark.timeout(900)  # the first to run installs them


@pytest.mark.parametrize("package", ["django-filer", "django-imagekit"])
def test_package_keeps_its_files_in_the_bucket(package: str, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    said = started(
        HERE / "journeys.py",
        package,
        str(ROOT / "demo" / "photographs" / "fig.jpg"),
        cwd=work,
        home=tmp_path,
        HOLDALL_LOCAL_FOLDER=str(tmp_path / "store"),
    )
    assert said.rstrip().endswith("done"), said
    assert list(work.iterdir()) == [], "a file was left on the disk"


def test_script_that_could_not_run_says_how_it_ended(tmp_path: Path) -> None:
    script = tmp_path / "breaks.py"
    script.write_text("raise SystemExit(3)")

    assert started(script, cwd=tmp_path, home=tmp_path).endswith("breaks.py ended with exit code 3.")
