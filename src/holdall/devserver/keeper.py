"""Keep one S3 server alive for as long as processes use it: a program of its own.

`holdall.devserver` runs this file by its path, with the standard library alone: it starts in a few
milliseconds and shares nothing with the project that asked for it. It detaches itself, holds `keeper.lock`
while it lives, owns the server as its child, writes down in `state.json` what it started, and stops the
server when it gets the exclusive lock of `users.lock`, which happens when the last user is gone: the system
lets go of a dead process's lock, however the process died.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

if sys.platform != "win32":
    import fcntl

KEEPER_LOCK = "keeper.lock"
USERS_LOCK = "users.lock"
STATE = "state.json"
LOG = "server.log"
STARTED = "started"


def process_mark(pid: int) -> str | None:
    """Name this very process, so that a later one with the same number is never taken for it.

    None when it does not run (any more). Costs two small files on Linux, a run of `ps` elsewhere.
    """
    if sys.platform == "linux":
        try:
            # The program's name is in parentheses and may contain any character: cut after the last one.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return None
        state, threads, started = fields[0], int(fields[17]), fields[19]
        # The first thread can be a zombie while others of the process still end, and hold its ports until they have.
        is_over = state == "X" or (state == "Z" and threads <= 1)
        return None if is_over else f"{boot} {started}"
    else:
        return _mark_from_ps(pid)


def _mark_from_ps(pid: int) -> str | None:
    asked = subprocess.run(  # noqa: S603 - a fixed program, and a number
        ["/bin/ps", "-o", "stat=,lstart=,command=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    state, _, mark = asked.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else mark.strip()


def open_lock(path: Path) -> int:
    """Open a lock file, made where it is missing; programs that are started later do not inherit it."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def try_lock(descriptor: int, kind: int, *, patience_seconds: float = 0.0) -> bool:
    """Take a lock, and say whether this succeeded within the given patience."""
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            # flock knows no timeout, and only a signal, which is not ours to use, could end a blocking one.
            time.sleep(0.02)
        else:
            return True


def remove_traces(scratch: str, sockets: list[str]) -> None:
    """Remove what a server that was killed leaves outside its folder; after an orderly stop it is little."""
    shutil.rmtree(scratch, ignore_errors=True)
    for socket in sockets:
        with contextlib.suppress(OSError):
            Path(socket).unlink()


class Keeper:
    """The server's one owner, from its start to its end."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.folder = Path(order["folder"])
        self.order = order
        self.lock = open_lock(self.folder / KEEPER_LOCK)
        # Signal handlers may put into this kind of queue.
        self.events: queue.SimpleQueue[str] = queue.SimpleQueue()

    def run(self, report: Callable[[str], None]) -> None:
        """Start the server, report, and stay until it is to end or has ended."""
        # A user who looks whether there is a keeper holds this lock for an instant.
        if not try_lock(self.lock, fcntl.LOCK_EX, patience_seconds=1.0):
            report("another keeper was faster")
            return
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self.events.put("signal"))
        server = self.start()
        self.write_state(server)
        report(STARTED)
        threading.Thread(target=self.watch_server, args=(server,), daemon=True).start()
        threading.Thread(target=self.watch_users, daemon=True).start()
        event = self.next_event()
        # From here on nobody may join: without the state file a newcomer waits until the lock is free.
        (self.folder / STATE).unlink(missing_ok=True)
        if event != "ended":
            self.stop(server)
        remove_traces(self.order["scratch"], self.order["sockets"])

    def start(self) -> subprocess.Popen[bytes]:
        with (self.folder / LOG).open("xb") as log:
            return subprocess.Popen(  # noqa: S603 - the command was made by holdall.devserver
                self.order["command"],
                cwd=self.folder,
                env=self.order["environment"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Allowed here: this process has no threads yet.
                preexec_fn=die_with_parent(),
            )

    def write_state(self, server: subprocess.Popen[bytes]) -> None:
        state = {
            "keeper_pid": os.getpid(),
            "server_pid": server.pid,
            "server_mark": process_mark(server.pid),
            "port": self.order["port"],
            "tls_port": self.order["tls_port"],
            "scratch": self.order["scratch"],
            "sockets": self.order["sockets"],
        }
        draft = self.folder / f"{STATE}.new"
        draft.unlink(missing_ok=True)
        with draft.open("x") as file:
            file.write(json.dumps(state, indent=2))
        draft.replace(self.folder / STATE)

    def next_event(self) -> str:
        while True:
            with contextlib.suppress(queue.Empty):
                return self.events.get(timeout=1.0)
            # Who deletes the folder wants the server gone as well; nobody could find it any more.
            if not self.owns_folder():
                return "folder gone"

    def owns_folder(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self.lock), (self.folder / KEEPER_LOCK).stat())
        except OSError:
            return False

    def watch_server(self, server: subprocess.Popen[bytes]) -> None:
        server.wait()
        self.events.put("ended")

    def watch_users(self) -> None:
        """Sleep until the last user is gone and nobody came within the grace."""
        users = open_lock(self.folder / USERS_LOCK)
        while True:
            fcntl.flock(users, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_UN)
            # Django's autoreloader ends one process before it starts the next.
            time.sleep(self.order["grace_seconds"])
            if try_lock(users, fcntl.LOCK_EX):
                # Held until this process ends, so that a newcomer waits for a server of its own.
                self.events.put("unused")
                return

    def stop(self, server: subprocess.Popen[bytes]) -> None:
        # Told to end while parts of it are still starting, the server now and then locks up.
        complete = self.folder / self.order["complete"]
        deadline = time.monotonic() + self.order["complete_seconds"]
        while not complete.exists() and time.monotonic() < deadline:
            if self.ended_within(0.02):
                return
        server.terminate()
        if not self.ended_within(self.order["stop_seconds"]):
            server.kill()
            server.wait()

    def ended_within(self, seconds: float) -> bool:
        """Wait for the server's end, deaf to everything else."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                if self.events.get(timeout=left) == "ended":
                    return True
        return False


def die_with_parent() -> Callable[[], None] | None:
    """Let Linux kill the server when the keeper is killed; elsewhere the next start finds and ends it."""
    if sys.platform != "linux":
        return None
    try:
        import ctypes

        prctl = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None
    keeper = os.getpid()

    def in_child() -> None:
        prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != keeper:
            os._exit(1)

    return in_child


def detach(order: dict[str, Any]) -> int:
    """Fork into a session of its own, and wait until the server was started or could not be."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.close(reading)
        keep(order, writing)
    os.close(writing)
    with os.fdopen(reading) as report:
        said = report.read()
    print(said or "the keeper died", end="")  # noqa: T201 - the one who started us reads this
    return 0 if said == STARTED else 1


def keep(order: dict[str, Any], writing: int) -> NoReturn:
    """Be the keeper: out of the reach of the terminal's Ctrl-C, with private files, and silent."""

    def report(sentence: str) -> None:
        nonlocal writing
        if writing >= 0:
            os.write(writing, sentence.encode())
            os.close(writing)
            writing = -1

    try:
        os.setsid()
        os.umask(0o077)
        silence = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(silence, standard)
        Keeper(order).run(report)
    except Exception as failure:  # noqa: BLE001 - whatever it is, the one who waits must hear of it
        report(f"{type(failure).__name__}: {failure}")
    os._exit(0)


if __name__ == "__main__":
    sys.exit(detach(json.load(sys.stdin)))
