"""Look up a host's addresses, without waiting longer than one wants to: the system's own resolver knows no limit."""

from __future__ import annotations

import socket
import threading
from typing import Any

from urllib3.util.connection import allowed_gai_family

from holdall.s3 import process

Address = tuple[Any, ...]


class _Lookup:
    """One question to the resolver, for all who ask it at the same time."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.done = threading.Event()
        self.addresses: list[Address] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            self.addresses = ask(self.host, self.port)
        except BaseException as failure:  # noqa: BLE001  told to those who wait
            self.failure = failure
        finally:
            # First, as who waits may have the lock: a garbage collection sends what takes back an unfinished write.
            self.done.set()
            with _lock:
                if _running.get((self.host, self.port)) is self:
                    del _running[self.host, self.port]


_running: dict[tuple[str, int], _Lookup] = {}
# Re-entrant: a garbage collection inside may send a request of its own.
_lock = threading.RLock()


def ask(host: str, port: int) -> list[Address]:
    """Ask the system's resolver, for as long as it takes."""
    return socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM)


def addresses(host: str, port: int, seconds: float | None) -> list[Address]:
    """Give the addresses of a host.

    However many ask, and however often: for one host one thread waits for the resolver, and none for an address.

    Raises:
        socket.gaierror: there are none.
        TimeoutError: the resolver did not answer in time.
    """
    if seconds is None or _is_address(host):
        return ask(host, port)
    with _lock:
        lookup = _running.get((host, port))
        if lookup is None:
            lookup = _running[host, port] = _Lookup(host, port)
            begins = True
        else:
            begins = False
    if begins:
        try:
            threading.Thread(target=lookup.run, name="holdall-lookup", daemon=True).start()
        except RuntimeError:
            # The interpreter ends, and starts no more threads.
            lookup.run()
    if not lookup.done.wait(max(seconds, 0)):
        raise TimeoutError(f"the name {host} was not resolved in {seconds:.1f} s")
    if lookup.failure is not None:
        raise lookup.failure
    return lookup.addresses


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


@process.at_fork
def _forget_after_fork() -> None:
    # The threads that asked are the other process's.
    global _lock
    _lock = threading.RLock()
    _running.clear()
