"""The embedded S3 server: SeaweedFS out of a wheel, one for each folder, shared by all who use it.

`use(folder)` starts it or joins the one that runs, and the calling process counts as a user until it dies
or calls `leave(folder)`; a forked child counts as well. With its last user the server ends. `serve(folder)`
is the same in the foreground, until Ctrl-C.

How it is done: users hold a shared lock on `users.lock`; a keeper (`keeper.py`, a small program of its own)
holds `keeper.lock` and owns the server; whoever has `start.lock` may look for a keeper and start one. Locks
vanish with the process that held them, so nothing is left that a crash could leave wrong.

It listens on the loopback only, checks signatures always, and is meant for development and tests: other
programs of this machine can reach the gRPC ports behind S3. Object ACLs are stored and not enforced; a
bucket policy is.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdall.devserver import keeper, weed
from holdall.devserver.weed import Certificate, Identity
from holdall.errors import DevServerError

if sys.platform != "win32":
    import fcntl

__all__ = ["Certificate", "Identity", "Server", "leave", "serve", "use"]

START_LOCK = "start.lock"
GRACE_SECONDS = 2.0
STOP_SECONDS = 8.0
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
class _Wish:
    """What a caller asks of a server beyond that it runs."""

    port: int | None = None
    identities: tuple[Identity, ...] = ()
    certificate: Certificate | None = None


@dataclass(frozen=True)
class _Membership:
    """This process's share in a server: the lock that counts it as a user."""

    users_lock: int
    server: Server


_memberships: dict[Path, _Membership] = {}
_mutex = threading.Lock()


def _after_fork_in_child() -> None:
    # Another thread of the parent may have held it, and that thread is not in the child.
    # The descriptors in _memberships are the child's as well: it holds the same locks, and counts.
    global _mutex
    _mutex = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def use(
    folder: Path,
    *,
    port: int | None = None,
    identities: Sequence[Identity] = (),
    certificate: Certificate | None = None,
) -> Server:
    """Start the server of this folder, or join the one that runs.

    When it returns, the server answers, what was stored before can be read, and the bucket `Server.bucket`
    exists. The process counts as a user until it dies or calls `leave`. Keys are made once for each folder
    and kept; the port is the last one again where it is free. `identities` are further key pairs,
    `certificate` adds a listener for HTTPS, and `port` insists: a server that runs otherwise is an error.

    Takes about a second when it starts, some milliseconds when it joins, and microseconds from then on.

    Raises: DevServerError when the server can not be had; the text says what is in the way.
    """
    if sys.platform == "win32":
        raise DevServerError(
            "The embedded S3 server does not run on Windows: it is shared by file locks that Windows lacks. "
            "Use WSL, or a bucket elsewhere, with STORAGES_MODE=s3."
        )
    folder = Path(folder).resolve()
    wish = _Wish(port, tuple(identities), certificate)
    with _mutex:
        known = _memberships.get(folder)
        if known and _is_member(known) and _is_up(folder):
            _check(known.server, wish)
            return known.server
        _forget(folder)
        try:
            _memberships[folder] = _become_member(folder, wish)
        except OSError as failure:
            raise DevServerError(
                f"The embedded S3 server can not keep its files in {folder}: {failure.strerror or failure}. "
                "It needs a folder that it may write to."
            ) from failure
        return _memberships[folder].server


def leave(folder: Path) -> None:
    """Stop counting this process as a user of the folder's server; nothing happens when it is none.

    Without any other user the server ends within some seconds.
    """
    with _mutex:
        _forget(Path(folder).resolve())


def serve(folder: Path, port: int | None = None, announce: Callable[[str], object] = print) -> None:
    """Run the server of this folder in the foreground until Ctrl-C or SIGTERM.

    Announces the endpoint and the environment that uses it. Other processes of the project join this server,
    and one of theirs that runs already is joined. When it returns, the server has ended, unless others still
    use it.

    Raises: DevServerError when it can not be had, is on another port than the one given, or ends by itself.
    """
    with _sigterm_as_interrupt():
        server = use(folder, port=port)
        folder = server.folder
        try:
            announce(_announcement(server))
            while _is_up(folder):
                time.sleep(0.5)
            raise DevServerError(f"The embedded S3 server of {folder} ended by itself.\n{_log_tail(folder)}")
        except KeyboardInterrupt:
            pass
        finally:
            leave(folder)
        if _stop_unused(folder):
            announce("The S3 server has ended; its files stay in the folder.")
        else:
            announce("Other processes still use the S3 server; it ends with the last of them.")


def _announcement(server: Server) -> str:
    return "\n".join(
        [
            f"An S3 server answers at {server.endpoint_url}; its files are in {server.folder}.",
            "Processes with STORAGES_MODE=local join it. Any other S3 client uses it with:",
            "",
            "STORAGES_MODE=s3",
            f"STORAGE_BUCKET_NAME={server.bucket}",
            f"AWS_S3_ENDPOINT_URL={server.endpoint_url}",
            f"AWS_S3_REGION_NAME={server.region}",
            f"AWS_ACCESS_KEY_ID={server.access_key}",
            f"AWS_SECRET_ACCESS_KEY={server.secret_key}",
            "",
            "Ctrl-C ends it.",
        ]
    )


@contextlib.contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _is_member(membership: _Membership) -> bool:
    """Say whether the lock is still ours: the folder may be gone, or a daemon may have closed it."""
    path = membership.server.folder / keeper.USERS_LOCK
    try:
        return os.path.samestat(os.fstat(membership.users_lock), path.stat())
    except OSError:
        return False


def _forget(folder: Path) -> None:
    membership = _memberships.pop(folder, None)
    if membership and _is_member(membership):
        # Closed, not unlocked: a forked child shares the lock and goes on counting.
        os.close(membership.users_lock)


def _is_kept(folder: Path) -> bool:
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


def _is_up(folder: Path) -> bool:
    """Say whether a keeper has a server that it does not mean to end."""
    return (folder / keeper.STATE).exists() and _is_kept(folder)


@contextlib.contextmanager
def _may_start(folder: Path) -> Iterator[None]:
    """Hold the right to look for a keeper and to start one."""
    lock = keeper.open_lock(folder / START_LOCK)
    try:
        if not keeper.try_lock(lock, fcntl.LOCK_EX, patience_seconds=2 * START_SECONDS):
            raise DevServerError(
                f"The embedded S3 server of {folder} is being started by another process, which has not "
                f"finished within {2 * START_SECONDS:.0f} seconds. Look for that process: "
                f"it holds {folder / START_LOCK}."
            )
        try:
            yield
        finally:
            # Unlocked, not only closed: a child forked meanwhile has the descriptor too.
            fcntl.flock(lock, fcntl.LOCK_UN)
    finally:
        os.close(lock)


def _become_member(folder: Path, wish: _Wish) -> _Membership:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    users_lock = keeper.open_lock(folder / keeper.USERS_LOCK)
    try:
        # Refused only while the last server is ending.
        if not keeper.try_lock(users_lock, fcntl.LOCK_SH, patience_seconds=2 * STOP_SECONDS):
            raise DevServerError(
                f"The embedded S3 server of {folder} is ending and has not finished within "
                f"{2 * STOP_SECONDS:.0f} seconds. {_who(folder)}"
            )
        with _may_start(folder):
            server = _join(folder) or _start(folder, wish)
        _check(server, wish)
    except BaseException:
        os.close(users_lock)
        raise
    return _Membership(users_lock, server)


def _check(server: Server, wish: _Wish) -> None:
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
            f"The embedded S3 server of {server.folder} runs already, and {' and '.join(lacks)}. "
            "Stop the processes that use it first, or ask for no more than it has."
        )


def _join(folder: Path) -> Server | None:
    """Wait until the server that a keeper has answers; None when there is no keeper, or not any more."""
    deadline = time.monotonic() + START_SECONDS
    while _is_kept(folder):
        state = _read_state(folder)
        if state is not None:
            keys = weed.owner_keys(folder)
            if weed.answers(state["port"], keys, state["tls_port"]):
                return Server(folder, state["port"], *keys, tls_port=state["tls_port"])
        if time.monotonic() > deadline:
            raise DevServerError(
                f"The embedded S3 server of {folder} has not answered within {START_SECONDS:.0f} seconds. "
                f"{_who(folder)}\n{_log_tail(folder)}"
            )
        # The server has no way to tell that it is ready; it has to be asked.
        time.sleep(0.02)
    return None


def _start(folder: Path, wish: _Wish) -> Server:
    program = weed.find_program()
    if wish.certificate:
        wish.certificate.check()
    _end_leftover(folder)
    refused: set[int] = set()
    while True:
        weed.prepare(folder, wish.identities)
        port = weed.choose_port(folder, asked=wish.port, refused=refused)
        _launch(folder, program, port, wish.certificate)
        if server := _join(folder):
            (folder / weed.PORT_FILE).write_text(f"{port}\n")
            return server
        _end_leftover(folder)
        taken = weed.taken_port(port)
        # Between our look at the port and the server's, somebody else may have taken it.
        if taken is None or wish.port is not None or len(refused) == 3:
            cause = "" if taken is None else f" Another program has port {taken}."
            raise DevServerError(
                f"The embedded S3 server of {folder} died while it started.{cause}\n{_log_tail(folder)}"
            )
        refused.add(port)


def _launch(folder: Path, program: Path, port: int, certificate: Certificate | None) -> None:
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
    if reason and not _is_kept(folder):
        keeper.remove_traces(str(scratch), [])
        raise DevServerError(
            f"The embedded S3 server of {folder} could not be started by {sys.executable or 'no Python'}: {reason}"
        )


def _read_state(folder: Path) -> dict[str, Any] | None:
    try:
        state: dict[str, Any] = json.loads((folder / keeper.STATE).read_text())
    except (OSError, ValueError):
        return None
    return state


def _end_leftover(folder: Path) -> None:
    """End the server whose keeper was killed, and remove its traces.

    The number alone proves nothing: it may have gone to another program since.
    """
    state = _read_state(folder)
    if state is None:
        return
    pid, mark = state["server_pid"], state["server_mark"]
    deadline = time.monotonic() + STOP_SECONDS
    while mark is not None and keeper.process_mark(pid) == mark:
        if time.monotonic() > deadline:
            raise DevServerError(
                f"An old S3 server of {folder}, process {pid}, does not end. End it with `kill -9 {pid}`."
            )
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        # It is not our child, so its end can not be waited for.
        time.sleep(0.02)
    keeper.remove_traces(state["scratch"], state["sockets"])
    (folder / keeper.STATE).unlink(missing_ok=True)


def _stop_unused(folder: Path) -> bool:
    """End the server at once if nobody uses it, without the grace; say whether it has ended."""
    users_lock = keeper.open_lock(folder / keeper.USERS_LOCK)
    try:
        # Held until the end, so that nobody joins a server that is about to go. With patience, because the
        # keeper has been waiting for this lock and takes it for an instant.
        if not keeper.try_lock(users_lock, fcntl.LOCK_EX, patience_seconds=0.5):
            return not _is_kept(folder)
        if _is_kept(folder) and (state := _read_state(folder)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(state["keeper_pid"], signal.SIGTERM)
        deadline = time.monotonic() + 2 * STOP_SECONDS
        while _is_kept(folder):
            if time.monotonic() > deadline:
                raise DevServerError(f"The embedded S3 server of {folder} does not end. {_who(folder)}")
            time.sleep(0.02)
        return True
    finally:
        os.close(users_lock)


def _who(folder: Path) -> str:
    state = _read_state(folder)
    if state is None:
        return f"What holds it up has {folder / keeper.KEEPER_LOCK} open."
    return f"It is process {state['server_pid']}, kept by process {state['keeper_pid']}."


def _log_tail(folder: Path) -> str:
    path = folder / keeper.LOG
    try:
        lines = path.read_text(errors="replace").splitlines()[-LOG_LINES:]
    except OSError:
        lines = []
    return "\n".join([f"The last lines of {path}:", *(lines or ["(nothing)"])])
