"""A run of tests leaves nothing behind, also when one of its workers, or all of it, is killed."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import processes

ROOT = Path(__file__).parent.parent.parent
EVERYTHING = Path(__file__).with_name("everything_runs.py")

linux = pytest.mark.skipif(sys.platform != "linux", reason="the system tells it only on Linux")


def processes_of(folder: Path) -> list[str]:
    """Find what names the folder in its command or its environment, or runs in it."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes()
            environ = (process / "environ").read_bytes()
            # A process that has ended, and was not yet asked for its exit code, has no command.
            if command and str(folder) in f"{command!r} {environ!r} {(process / 'cwd').readlink()}":
                found.append(f"{process.name} {command.replace(bytes(1), b' ').decode(errors='replace')[:150]}")
    return found


@pytest.fixture
def folder() -> Iterator[Path]:
    # Short: a socket's path may have 107 bytes only.
    made = Path(tempfile.mkdtemp(prefix="killed-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@linux
@pytest.mark.parametrize("killed", ["worker", "run"])
def test_killed_run_leaves_no_process_and_no_file_behind(folder: Path, killed: str) -> None:
    temporary = folder / "tmp"
    temporary.mkdir()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    # As a shell starts what it runs in the background: deaf to Ctrl-C, and so is all that it starts.
    deaf = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"]
    command = [
        *deaf,
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "1",
        "--max-worker-restart",
        "0",
        "-p",
        "no:cacheprovider",
    ]
    with (folder / "log").open("w") as log:
        run = processes.start(
            [*command, "--basetemp", str(folder / "base"), str(EVERYTHING)],
            cwd=ROOT,
            env={**environ, "HOLDALL_KILLED_RUN": str(folder), "TMPDIR": str(temporary)},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        processes.wait_until(lambda: (folder / "worker").exists() or run.poll() is not None, seconds=240)
        assert run.poll() is None, (folder / "log").read_text()
        running = "\n".join(processes_of(folder))
        for program in ("weed", "ministack_guard.py", "keeper.py", "fork.py", "run.py", "multiprocessing", "SIG_IGN"):
            assert program in running
        victim = int((folder / "worker").read_text()) if killed == "worker" else run.pid
        os.kill(victim, signal.SIGKILL)
        run.wait(60)
        processes.wait_until(lambda: not processes_of(folder), seconds=60, otherwise=lambda: processes_of(folder))
    finally:
        run.kill()
        run.wait()
    assert list(temporary.iterdir()) == []


def test_tests_start_processes_in_one_way() -> None:
    """`subprocess.run` is for what ends by itself within a moment."""
    own = re.compile(r"subprocess\.Popen\(|os\.posix_spawn|preexec_fn=")
    tests = ROOT / "tests"
    starting = [
        str(file.relative_to(tests))
        for file in sorted(tests.rglob("*.py"))
        if own.search(file.read_text()) and file != Path(__file__)
    ]
    assert starting == ["servers/processes.py", "unit/test_devserver.py"]
