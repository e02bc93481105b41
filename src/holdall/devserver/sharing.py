"""The one server of a folder: whether it runs, and how it is started, joined and ended.

Three locks say everything. `users.lock` is shared by the users; `keeper.lock` is the keeper's for as long as
it lives; whoever has `start.lock` may look for a keeper and start one.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdall.devserver import keeper, weed
from holdall.devserver.weed import Certificate, Identity
from holdall.errors import DevServerError

if sys.platform != "win32":
    import fcntl

START_LOCK = "start.lock"
GRACE_SECONDS = 2.0
# An orderly stop takes one. Now and then SeaweedFS then waits for a connection that nobody closes, and is killed:
# what it has acknowledged survives that, as a test proves.
STOP_SECONDS = 3.0
# How long others wait for what should take no longer than the keeper's whole farewell.
PATIENCE_SECONDS = 15.0
COMPLETE_SECONDS = 3.0
START_SECONDS = 30.0
LOG_LINES = 12


@dataclass(frozen=True)
class Server:
    """Describe a running server: where it is, and the key pair that may do everything there."""

    folder: Path
    port: int
    access_key: str
    secret_key: str = field(repr=False)
    tls_port: int | None = None
    bucket: str = weed.BUCKET
    region: str = weed.REGION

    @property
    def endpoint_url(self) -> str:
        return f"http://{weed.HOST}:{self.port}"

    @property
    def tls_endpoint_url(self) -> str | None:
        return None if self.tls_port is None else f"https://{weed.HOST}:{self.tls_port}"


@dataclass(frozen=True)
class Wish:
    """What a caller asks of a server beyond that it runs."""

    port: int | None = None
    identities: tuple[Identity, ...] = ()
    certificate: Certificate | None = None


def is_kept(folder: Path) -> bool:
    """Say whether a keeper holds its lock, which it does exactly as long as it lives."""
    try:
        lock = keeper.open_lock(folder / keeper.KEEPER_LOCK)
    except FileNotFoundError:
        return False
    try:
        # A shared lock, so that two who look at once do not take each other for the keeper.
        if keeper.try_lock(lock, fcntl.LOCK_SH):
            fcntl.flock(lock, fcntl.LOCK_UN)
            return False
        return True
    finally:
        os.close(lock)


def is_up(folder: Path) -> bool:
    """Say whether a keeper has a server that it does not mean to end."""
    return (folder / keeper.STATE).exists() and is_kept(folder)


def await_end(folder: Path) -> None:
    """Sleep until the keeper, and with it the server, is gone."""
    lock = keeper.open_lock(folder / keeper.KEEPER_LOCK)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)
        fcntl.flock(lock, fcntl.LOCK_UN)
    finally:
        os.close(lock)


@contextlib.contextmanager
def may_start(folder: Path) -> Iterator[None]:
    """Hold the right to look for a keeper and to start one."""
    lock = keeper.open_lock(folder / START_LOCK)
    try:
        if not keeper.try_lock(lock, fcntl.LOCK_EX, patience_seconds=2 * START_SECONDS):
            raise DevServerError(
                f"The embedded S3 server of {folder} is being started by another process, which has not "
                f"finished within {2 * START_SECONDS:.0f} seconds. Find that process: "
                f"it holds {folder / START_LOCK}."
            )
        try:
            yield
        finally:
            # Unlocked, not only closed: a child forked meanwhile has the descriptor too.
            fcntl.flock(lock, fcntl.LOCK_UN)
    finally:
        os.close(lock)


def check(server: Server, wish: Wish) -> None:
    """Refuse a server that runs, but not as asked for."""
    lacks = []
    if wish.port is not None and wish.port != server.port:
        lacks.append(f"is on port {server.port}, not {wish.port}")
    if wish.certificate is not None and server.tls_port is None:
        lacks.append("has no listener for HTTPS")
    if wish.identities:
        known = weed.read_identities(server.folder)
        names = [one.name for one in wish.identities if known.get(one.name) != one.as_json()]
        if names:
            lacks.append(f"does not know the keys {', '.join(names)}")
    if lacks:
        raise DevServerError(
            f"The embedded S3 server of {server.folder} is already running, and {' and '.join(lacks)}. "
            "Stop the processes that use it, or ask for no more than it has."
        )


def join(folder: Path) -> Server | None:
    """Wait until the server that a keeper has answers; None when there is no keeper, or not any more."""
    deadline = time.monotonic() + START_SECONDS
    while is_kept(folder):
        state = read_state(folder)
        if state is not None:
            keys = weed.owner_keys(folder)
            if weed.answers(state["port"], keys, state["tls_port"]):
                return Server(folder, state["port"], *keys, tls_port=state["tls_port"])
        if time.monotonic() > deadline:
            raise DevServerError(
                f"The embedded S3 server of {folder} has not answered within {START_SECONDS:.0f} seconds. "
                f"{who(folder)}\n{log_tail(folder)}"
            )
        # The server has no way to tell that it is ready; it has to be asked.
        time.sleep(0.02)
    return None


def start(folder: Path, wish: Wish) -> Server:
    program = weed.find_program()
    if wish.certificate:
        wish.certificate.check()
    end_leftover(folder)
    refused: set[int] = set()
    while True:
        weed.prepare(folder, wish.identities)
        port = weed.choose_port(folder, asked=wish.port, refused=refused)
        launch(folder, program, port, wish.certificate)
        if server := join(folder):
            weed.write_private(folder / weed.PORT_FILE, f"{port}\n")
            return server
        end_leftover(folder)
        taken = weed.taken_port(port)
        # Between our look at the port and the server's, somebody else may have taken it.
        if taken is None or wish.port is not None or len(refused) == 3:
            cause = "" if taken is None else f" Another program has port {taken}."
            raise DevServerError(
                f"The embedded S3 server of {folder} died while it started.{cause}\n{log_tail(folder)}"
            )
        refused.add(port)


def launch(folder: Path, program: Path, port: int, certificate: Certificate | None) -> None:
    """Run the keeper; it detaches itself and has started the server when this returns."""
    (folder / keeper.LOG).unlink(missing_ok=True)
    scratch = weed.make_scratch()
    order = {
        "folder": str(folder),
        "scratch": str(scratch),
        "sockets": weed.sockets_of(port),
        "port": port,
        "tls_port": weed.ports_of(port)["s3.port.https"] if certificate else None,
        "command": weed.command(program, port, scratch, certificate),
        "environment": weed.environment(folder, scratch),
        "grace_seconds": GRACE_SECONDS,
        "stop_seconds": STOP_SECONDS,
        "complete": weed.OPTIONS_FILE,
        "complete_seconds": COMPLETE_SECONDS,
    }
    reason = ""
    try:
        started = subprocess.run(  # noqa: S603 - this Python and a file of this package
            [sys.executable, "-I", "-S", keeper.__file__],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )
        if started.stdout != keeper.STARTED:
            reason = (started.stdout + started.stderr).strip()
    except (OSError, subprocess.TimeoutExpired) as failure:
        reason = str(failure)
    if reason and not is_kept(folder):
        keeper.remove_traces(str(scratch), [])
        raise DevServerError(
            f"The embedded S3 server of {folder} could not be started by {sys.executable or 'no Python'}: {reason}"
        )


def read_state(folder: Path) -> dict[str, Any] | None:
    try:
        state: dict[str, Any] = json.loads((folder / keeper.STATE).read_text())
    except (OSError, ValueError):
        return None
    return state


def end_leftover(folder: Path) -> None:
    """End the server whose keeper was killed, and remove its traces.

    The number alone proves nothing: it may have gone to another program since.
    """
    state = read_state(folder)
    if state is None:
        return
    pid, mark = state["server_pid"], state["server_mark"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while mark is not None and keeper.process_mark(pid) == mark:
        if time.monotonic() > deadline:
            raise DevServerError(
                f"An old S3 server of {folder}, process {pid}, does not stop. Stop it with `kill -9 {pid}`."
            )
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        # It is not our child, so its end cannot be waited for.
        time.sleep(0.02)
    keeper.remove_traces(state["scratch"], state["sockets"])
    (folder / keeper.STATE).unlink(missing_ok=True)


def end_unused(folder: Path) -> bool:
    """End the server of this folder at once if nobody uses it, without the grace; say whether none runs now.

    Takes about a second. Whoever calls it has left, or is itself the user that keeps the server running.

    Raises: DevServerError when the server does not end.
    """
    folder = Path(folder).resolve()
    if not (folder / keeper.USERS_LOCK).exists():
        return True
    users_lock = keeper.open_lock(folder / keeper.USERS_LOCK)
    try:
        # Held until the end, so that nobody joins a server that is about to go. With patience, because the
        # keeper has been waiting for this lock and takes it for an instant.
        if not keeper.try_lock(users_lock, fcntl.LOCK_EX, patience_seconds=0.5):
            return not is_kept(folder)
        if is_kept(folder) and (state := read_state(folder)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(state["keeper_pid"], signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while is_kept(folder):
            if time.monotonic() > deadline:
                raise DevServerError(f"The embedded S3 server of {folder} does not stop. {who(folder)}")
            time.sleep(0.02)
        end_leftover(folder)
        return True
    finally:
        os.close(users_lock)


def who(folder: Path) -> str:
    state = read_state(folder)
    if state is None:
        return f"The process that keeps it running has {folder / keeper.KEEPER_LOCK} open."
    return f"It is process {state['server_pid']}, kept running by process {state['keeper_pid']}."


def log_tail(folder: Path) -> str:
    path = folder / keeper.LOG
    try:
        lines = path.read_text(errors="replace").splitlines()[-LOG_LINES:]
    except OSError:
        lines = []
    return "\n".join([f"The last lines of {path}:", *(lines or ["(nothing)"])])
