"""Everything that tests leave running while they last; `test_nothing_left.py` kills what runs this.

Not collected by itself: its one test waits to be killed.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from tests.providers import Provider
from tests.racing import Race, run
from tests.servers import processes

ROOT = Path(__file__).parent.parent.parent
STUBBORN = (
    "import signal, time; [signal.signal(s, signal.SIG_IGN) for s in (1, 2, 15)]; print(flush=True); time.sleep(600)"
)


def wait_in_a_race(_: object, **__: object) -> None:
    """Stand for a storage, in a process of `tests.racing`."""
    (Path(os.environ["HOLDALL_KILLED_RUN"]) / "racing").touch()
    threading.Event().wait(600)


def test_everything_is_running(start_provider: Callable[[str], Provider], tmp_path: Path) -> None:
    start_provider("seaweedfs-http")
    start_provider("ministack")
    race = Race({}, processes=2, builder=f"{__name__}.wait_in_a_race")
    threading.Thread(target=run, args=(race,), daemon=True).start()
    stubborn = processes.start([sys.executable, "-c", STUBBORN], stdout=-1)
    assert stubborn.stdout is not None
    stubborn.stdout.readline()
    # It starts two galleries, and these a keeper, which starts a server.
    demo = processes.start(
        [sys.executable, str(ROOT / "demo" / "fork.py"), "--folder", str(tmp_path), "--port", "18000"],
        stdout=-1,
        text=True,
    )
    assert demo.stdout is not None
    printed: list[str] = []
    while not (printed and "Ctrl-C" in printed[-1]):
        printed.append(demo.stdout.readline())
        assert printed[-1], printed
    folder = Path(os.environ["HOLDALL_KILLED_RUN"])
    processes.wait_until((folder / "racing").exists)
    (folder / "worker.new").write_text(str(os.getpid()))
    (folder / "worker.new").rename(folder / "worker")
    threading.Event().wait(600)
