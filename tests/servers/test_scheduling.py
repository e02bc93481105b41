"""What shares an expensive server runs in one process of a run."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.scheduling import group_of
from tests.servers import processes

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/contract/test_forks.py::test_it[ceph-https]", "ceph"),
        ("tests/contract/test_forked_storage.py::test_it[ceph-http-filled-40MiB]", "ceph"),
        ("tests/contract/test_forked_storage.py::test_it[empty-ceph-http]", "ceph"),
        ("tests/journeys/test_doctor.py::test_it[ministack]", "ministack"),
        ("tests/contract/test_forks.py::test_it[seaweedfs-http]", "tests/contract/test_forks.py"),
        ("tests/unit/test_names.py::test_ceph_is_no_group_by_its_name", "tests/unit/test_names.py"),
    ],
)
def test_test_is_grouped_by_its_server_or_its_file(nodeid: str, group: str) -> None:
    assert group_of(nodeid) == group


def test_run_goes_by_these_groups(tmp_path: Path) -> None:
    """With `xdist_group` it did not for a while, and nothing said so."""
    command = [sys.executable, "-m", "pytest", "-v", "-n", "2", "--dist", "loadscope", "-p", "no:randomly"]
    files = [f"tests/unit/test_{name}.py" for name in ("errors", "providers")]
    done = processes.complete([*command, "--basetemp", str(tmp_path), *files], cwd=ROOT, capture_output=True, text=True)
    ran = set(re.findall(r"\[(gw\d)\].* (tests/unit/test_\w+\.py)::", done.stdout))

    assert done.returncode == 0, done.stdout
    assert sorted(file for _, file in ran) == files
    assert {worker for worker, _ in ran} == {"gw0", "gw1"}
