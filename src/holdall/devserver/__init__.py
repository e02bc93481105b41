"""The embedded S3 server: SeaweedFS from a wheel, one for each folder, shared by everybody who uses it.

`use(folder)` starts the server or joins the one that is running. The calling process counts as a user until it
dies or calls `leave(folder)`; so does a forked child. The server stops when its last user is gone. `serve(folder)`
does the same in the foreground, until Ctrl-C.

How it is done: users hold a file lock, which the system takes from a process however it dies. A keeper, a
small program of its own (`keeper.py`), owns the server and ends it when that lock is free. `sharing.py`
finds the keeper or starts one; `weed.py` knows the server's program, files and ports.

It listens only on the loopback interface, always checks signatures, and is meant for development and tests: other
programs on this machine can reach the gRPC ports behind S3. Object ACLs are stored but not enforced; bucket
policies are enforced.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from holdall.devserver import keeper, sharing
from holdall.devserver.folder import take
from holdall.devserver.sharing import Server, Wish, end_unused
from holdall.devserver.weed import Certificate, Identity
from holdall.errors import DevServerError

if sys.platform != "win32":
    import fcntl

__all__ = ["Certificate", "Identity", "Server", "end_unused", "leave", "serve", "use"]


@dataclass(frozen=True)
class _Membership:
    """This process's share in a server: the lock that counts it as a user."""

    users_lock: int
    lock_file: os.stat_result
    server: Server

    def holds_lock(self) -> bool:
        """Say whether the descriptor is still ours: a daemon may have closed it, and another file have it."""
        try:
            return os.path.samestat(os.fstat(self.users_lock), self.lock_file)
        except OSError:
            return False


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
    """Start the server of this folder, or join the one that is running.

    When it returns, the server answers, earlier files can be read, and the bucket `Server.bucket` exists.
    The process counts as a user until it dies or calls `leave`. Keys are created once for each folder and
    kept; so is the port, as long as it is free. `identities` are additional key pairs, `certificate` adds an
    HTTPS listener, and `port` is a requirement: it is an error if the server runs on another one.

    Takes about a second to start the server, some milliseconds to join it, and microseconds from then on.

    Raises: DevServerError when the server cannot run; the message says why.
    """
    if sys.platform == "win32":
        raise DevServerError(
            "The embedded S3 server does not run on Windows: it is shared through file locks that Windows does not have. "
            "Use WSL, or a bucket elsewhere with STORAGES_MODE=s3."
        )
    folder = Path(folder).resolve()
    wish = Wish(port, tuple(identities), certificate)
    with _mutex:
        known = _memberships.get(folder)
        if known and _is_member(known) and sharing.is_up(folder):
            sharing.check(known.server, wish)
            return known.server
        _forget(folder)
        try:
            _memberships[folder] = _become_member(folder, wish)
        except OSError as failure:
            raise DevServerError(
                f"The embedded S3 server cannot keep its files in {folder}: {failure.strerror or failure}. "
                "It needs a folder that it can write to."
            ) from failure
        return _memberships[folder].server


def leave(folder: Path) -> None:
    """Stop counting this process as a user of the folder's server; does nothing if it is not one.

    If there is no other user, the server stops within a few seconds.
    """
    with _mutex:
        _forget(Path(folder).resolve())


def serve(folder: Path, port: int | None = None, announce: Callable[[str], object] = print) -> None:
    """Run the server of this folder in the foreground until Ctrl-C or SIGTERM.

    Announces the endpoint and the environment that uses it. Other processes of the project join this server;
    if one of them already started it, this joins theirs. When it returns, the server has stopped, unless other
    processes still use it.

    Raises: DevServerError when it cannot run, runs on a port other than the one given, or ends on its own.
    """
    with _sigterm_as_interrupt():
        server = use(folder, port=port)
        folder = server.folder
        try:
            announce(_announcement(server))
            sharing.await_end(folder)
            raise DevServerError(f"The embedded S3 server of {folder} ended on its own.\n{sharing.log_tail(folder)}")
        except KeyboardInterrupt:
            pass
        finally:
            leave(folder)
        if end_unused(folder):
            announce("The S3 server has stopped; its files stay in the folder.")
        else:
            announce("Other processes still use the S3 server; it stops when the last one ends.")


def _announcement(server: Server) -> str:
    return "\n".join(
        [
            f"An S3 server is running at {server.endpoint_url}; its files are in {server.folder}.",
            "Processes with STORAGES_MODE=local join it. For any other S3 client, set:",
            "",
            "STORAGES_MODE=s3",
            f"STORAGE_BUCKET_NAME={server.bucket}",
            f"AWS_S3_ENDPOINT_URL={server.endpoint_url}",
            f"AWS_S3_REGION_NAME={server.region}",
            f"AWS_ACCESS_KEY_ID={server.access_key}",
            f"AWS_SECRET_ACCESS_KEY={server.secret_key}",
            "",
            "Press Ctrl-C to stop it.",
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
    """Say whether the lock still counts: the folder may be gone, or a daemon may have closed its files."""
    try:
        path = membership.server.folder / keeper.USERS_LOCK
        return membership.holds_lock() and os.path.samestat(membership.lock_file, path.stat())
    except OSError:
        return False


def _forget(folder: Path) -> None:
    membership = _memberships.pop(folder, None)
    if membership and membership.holds_lock():
        # Closed, not unlocked: a forked child shares the lock and goes on counting.
        os.close(membership.users_lock)


def _become_member(folder: Path, wish: Wish) -> _Membership:
    take(folder)
    users_lock = keeper.open_lock(folder / keeper.USERS_LOCK)
    try:
        # Refused only while the last server is ending.
        if not keeper.try_lock(users_lock, fcntl.LOCK_SH, patience_seconds=sharing.PATIENCE_SECONDS):
            raise DevServerError(
                f"The embedded S3 server of {folder} is stopping and has not finished within "
                f"{sharing.PATIENCE_SECONDS:.0f} seconds. {sharing.who(folder)}"
            )
        with sharing.may_start(folder):
            server = sharing.join(folder) or sharing.start(folder, wish)
        sharing.check(server, wish)
    except BaseException:
        os.close(users_lock)
        raise
    return _Membership(users_lock, os.fstat(users_lock), server)
