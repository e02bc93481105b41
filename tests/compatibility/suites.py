"""Whose tests are run on the storage, out of which versions, and how; `exceptions.toml` says what cannot pass.

Not run, because they are not distributed whole: those of django-filer (its source distribution lacks
`tests/helpers.py` and the settings) and django-imagekit (it lacks the pictures). `test_packages.py` uses both.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django

from tests.compatibility.sources import CACHE, ROOT, unpacked
from tests.servers import processes

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"


@dataclass(frozen=True, kw_only=True)
class Suite:
    """The tests of one package."""

    settings: str
    labels: tuple[str, ...]
    """What CI runs."""
    more_labels: tuple[str, ...] = ()
    """What is run besides by hand."""
    source: tuple[str, str] | None = None
    """The source distribution that holds the tests, where the wheel does not."""
    folder: str = "."
    """Where in it they are started."""
    with_paths: bool = False
    """They look at the files on the disk, so these are laid there for them."""
    left_out: tuple[str, ...] = ()
    """What cannot be run here, whatever the storage: without end but on a disk, only with the network, not by root,
    or with what is not distributed."""
    package_folder: str = ""
    """A folder of the installed package that they look for where they are started."""
    moves_media: bool = False
    """Their settings put the files beside their own modules, where those of one run would meet those of the next."""
    keeps_database: bool = False
    """Making their database takes minutes, so it is made once."""


SUITES = {
    "django": Suite(
        settings="django_settings",
        labels=(
            "file_storage",
            "files",
            "file_uploads",
            "model_fields.test_filefield",
            "model_fields.test_imagefield",
            "model_forms.tests.FileAndImageFieldTests",
        ),
        source=("django", django.__version__),
        folder="tests",
        with_paths=True,
        left_out=(
            "file_storage.tests.FileFieldStorageTests.test_extended_length_storage",
            "file_storage.tests.FileLikeObjectTestCase.test_urllib_request_urlopen",
            "file_uploads.tests.DirectoryCreationTests.test_readonly_root",
        ),
    ),
    "easy-thumbnails": Suite(
        settings="easy_thumbnails.tests.settings",
        labels=("easy_thumbnails.tests",),
        # Both run programs of theirs, which are not executable any more when they were installed.
        left_out=(
            "easy_thumbnails.tests.test_files.FilesTest.test_postprocessor",
            "easy_thumbnails.tests.test_files.FilesTest.test_postprocessor_fail",
        ),
    ),
    "sorl-thumbnail": Suite(
        settings="tests.settings.pil",
        labels=("tests.thumbnail_tests",),
        source=("sorl-thumbnail", "13.4.0"),
        with_paths=True,
        left_out=(
            "tests.thumbnail_tests.test_engines.SimpleTestCase.test_image_file_deserialize",
            "tests.thumbnail_tests.test_templatetags.TemplateTestCaseB.test_portrait",
            "tests.thumbnail_tests.test_templatetags.TemplateTestCaseB.test_url",
        ),
    ),
    "wagtail": Suite(
        settings="wagtail.test.settings",
        labels=(
            "wagtail.documents.tests.test_document_field",
            "wagtail.documents.tests.test_models",
            "wagtail.documents.tests.test_views",
            "wagtail.images.tests.test_models",
            "wagtail.images.tests.test_signal_handlers",
        ),
        more_labels=("wagtail.documents.tests", "wagtail.images.tests"),
        package_folder="wagtail",
        moves_media=True,
        keeps_database=True,
    ),
}


def exceptions(package: str) -> dict[str, str]:
    """Give the tests that cannot pass on a storage like ours, each with the reason."""
    groups = tomllib.loads((HERE / "exceptions.toml").read_text()).get(package, [])
    return {test: group["reason"] for group in groups for test in group["tests"]}


def environment() -> Path:
    """Install the packages into an environment of their own, once for each list of requirements; give its folder."""
    CACHE.mkdir(exist_ok=True)
    folder = CACHE / f"compatibility-{sys.version_info.major}.{sys.version_info.minor}"
    stamp = folder / "installed"
    constraints = ROOT / "constraints.txt"
    wanted = hashlib.sha256(f"{sys.version} {folder} ".encode())
    for file in (REQUIREMENTS, constraints):
        wanted.update(file.read_bytes())
    with (CACHE / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted.hexdigest():
            shutil.rmtree(folder, ignore_errors=True)
            processes.complete([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
            pip = [
                sys.executable,
                "-m",
                "pip",
                "--disable-pip-version-check",
                "--python",
                str(folder / "bin" / "python"),
            ]
            install = ["install", "--quiet", "--no-compile", "--no-deps"]
            processes.complete([*pip, *install, "-c", str(constraints), "-r", str(REQUIREMENTS)], check=True)
            stamp.write_text(wanted.hexdigest())
    return folder


def started(script: Path, *arguments: str, cwd: Path, home: Path, text: str = "", **variables: str) -> str:
    """Run a script of ours in that environment, and give what it wrote, and how it ended when it did not end well.

    Nothing of this shell's settings reaches it.
    """
    folder = environment()
    done = processes.complete(
        [str(folder / "bin" / "python"), str(script), *arguments],
        cwd=cwd,
        input=text,
        env={
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(home),
            "PYTHONPATH": str(ROOT / "src"),
            "AWS_EC2_METADATA_DISABLED": "true",
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=1_500,
        check=False,
    )
    ended = f"\n{script.name} ended with exit code {done.returncode}." if done.returncode else ""
    return done.stdout + done.stderr + ended


def run(package: str, storage: str, *, scratch: Path, store: Path, everything: bool = False) -> dict[str, str]:
    """Run a package's tests on a storage, and give the outcome of each."""
    suite = SUITES[package]
    scratch.mkdir(parents=True)
    work = scratch / "work"
    if suite.source:
        # A copy: they write beside their own modules.
        shutil.copytree(unpacked(*suite.source) / suite.folder, work)
    else:
        work.mkdir()
    if suite.package_folder:
        (installed,) = environment().glob(f"lib/python*/site-packages/{suite.package_folder}")
        (work / suite.package_folder).symlink_to(installed)
    order: dict[str, Any] = {
        "settings": suite.settings,
        "labels": suite.more_labels if everything and suite.more_labels else suite.labels,
        "with_paths": suite.with_paths,
        "left_out": suite.left_out,
        "moves_media": suite.moves_media,
    }
    if suite.keeps_database:
        order["kept_database"] = str(environment() / f"{package}.sqlite3")
    outcomes = scratch / "outcomes.json"
    said = started(
        HERE / "runner.py",
        storage,
        str(outcomes),
        cwd=work,
        home=scratch,
        text=json.dumps(order),
        HOLDALL_LOCAL_FOLDER=str(store),
        DATABASE_NAME=str(scratch / "database.sqlite3"),
    )
    assert outcomes.exists(), said[-3_000:]
    found: dict[str, str] = json.loads(outcomes.read_text())
    return found
