"""What shares an expensive server runs in one process of a run."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.scheduling import SERVERS, group_of
from tests.servers import processes

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/contract/test_forks.py::test_it[seaweedfs-http]", "tests/contract/test_forks.py"),
        ("tests/faults/test_outage.py::test_it[threads-drips-seaweedfs-http]", "outages-threads"),
        ("tests/faults/test_outage.py::test_it[workers-drips-seaweedfs-http]", "outages-workers"),
        ("tests/unit/test_names.py::test_ceph_is_no_group_by_its_name", "tests/unit/test_names.py"),
    ],
)
def test_test_is_grouped_by_its_file_or_by_what_it_waits_for(nodeid: str, group: str) -> None:
    assert group_of(nodeid) == group


@pytest.mark.parametrize("server", SERVERS)
def test_tests_of_a_server_share_few_of_them(server: str) -> None:
    ids = [f"tests/contract/test_{file}.py::test_{number}" for file in "abc" for number in range(50)]
    groups = {
        group_of(f"{one}[{form}]") for one in ids for form in (server, f"{server}-https", f"filled-{server}-http-4MiB")
    }

    assert groups == {f"{server}-{number}" for number in range(1, SERVERS[server] + 1)}
    # What a test is run with makes no difference.
    assert all(group_of(f"{one}[{server}]") == group_of(f"{one}[empty-{server}-https]") for one in ids)


def test_run_goes_by_these_groups(tmp_path: Path) -> None:
    """With `xdist_group` it did not for a while, and nothing said so."""
    command = [sys.executable, "-m", "pytest", "-v", "-n", "2", "--dist", "loadscope", "-p", "no:randomly"]
    files = [f"tests/unit/test_{name}.py" for name in ("errors", "providers")]
    done = processes.complete([*command, "--basetemp", str(tmp_path), *files], cwd=ROOT, capture_output=True, text=True)
    ran = set(re.findall(r"\[(gw\d)\].* (tests/unit/test_\w+\.py)::", done.stdout))

    assert done.returncode == 0, done.stdout
    assert sorted(file for _, file in ran) == files
    assert {worker for worker, _ in ran} == {"gw0", "gw1"}
