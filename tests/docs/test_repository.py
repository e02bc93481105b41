"""What no tracked file may hold: keys, paths of the machine it was written on, hosts of package registries."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.servers.ceph import PACKAGES

# Amazon's own documented example is the one key that may stand anywhere.
KEYS = re.compile(r"AKIA(?!IOSFODNN7EXAMPLE)[0-9A-Z]{16}|DO00(?![0-9A-Z]*EXAMPLE)[0-9A-Z]{16}")
PRIVATE_KEY = re.compile(r"-----BEGIN (?:RSA |EC |OPENSSH )?PRIVATE KEY-----\s*[A-Za-z0-9+/=]{40}")
PATHS = re.compile(r"(?<![\w.>}/])/(?:root|work|Users|home/\w+)/\w")
# Where packages come from is each machine's own affair, and a mirror's name nobody else's.
REGISTRIES = re.compile(
    r"\b(?:pypi\.org|files\.pythonhosted\.org|registry\.npmjs\.org|[\w.-]*(?:artifactory|nexus|devpi)[\w.-]*\.\w+)",
    re.IGNORECASE,
)


@cache
def tracked() -> dict[str, str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is not a git repository")
    texts = {}
    for name in filter(None, listed.stdout.split("\0")):
        path = Path(ROOT / name)
        if path.is_file():
            texts[name] = path.read_text(errors="replace")
    return texts


@pytest.mark.parametrize(
    "pattern", [KEYS, PRIVATE_KEY, PATHS, REGISTRIES], ids=["keys", "private-keys", "paths", "registries"]
)
def test_tracked_files_hold_nothing_of_the_kind(pattern: re.Pattern[str]):
    found = {name: match[0] for name, text in tracked().items() if (match := pattern.search(text))}

    assert found == {}


def test_tracked_files_do_not_name_this_checkout():
    assert [name for name, text in tracked().items() if str(ROOT) in text] == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (KEYS, "AKIA" + "Z" * 16),
        (KEYS, "DO00" + "Z" * 16),
        (PRIVATE_KEY, "-----BEGIN PRIVATE " + "KEY-----\n" + "A" * 64),
        (PATHS, "in /ro" + "ot/project"),
        (REGISTRIES, "https://py" + "pi.org/simple"),
        (REGISTRIES, "https://py" + "pi.org/project/django/"),
    ],
)
def test_pattern_finds_what_it_is_for(pattern: re.Pattern[str], text: str):
    assert pattern.search(text)


def test_ci_installs_the_packages_that_tests_are_skipped_without():
    named = {
        package
        for path in (ROOT / "tests").rglob("*.py")
        for packages in re.findall(r"on Debian: apt-get install ([a-z0-9 -]+)", path.read_text())
        for package in packages.split()
    }
    assert {"chromium", "mariadb-server", "nginx-light"} <= named
    installed = set((ROOT / ".ci" / "run").read_text().replace('"', " ").split())
    assert {*named, *PACKAGES.split()} <= installed


def test_scripts_are_executable():
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
