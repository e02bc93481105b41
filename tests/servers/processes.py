"""Run processes that cannot outlive whoever started them: all that tests start in the background is started here."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.servers import tether

# As the kernel writes it. https://docs.kernel.org/networking/proc_net_tcp.html
LISTENING = "0A"
# Below the range from which Linux takes the ports of outgoing connections, and above those of the embedded server, which
# has of these only some that end in 8: all of them would race with ours, which servers take seconds after we looked.
PORTS = range(22_750, 32_750)
SHARES = 8


class ServerDied(RuntimeError):
    """A server could not start; the text ends with the last lines that it wrote."""


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> range:
    """Find so many ports in a row that nothing listens on; the first eight are ours alone."""
    own = _own_ports()
    # Not the seeded generator: pytest-randomly would give two sessions at once the same ports.
    source = random.SystemRandom()
    for _ in range(1_000):
        first = source.choice(own[:-count:10])
        block = range(first, first + count)
        if all(map(_is_free, block)):
            return block
    raise ServerDied(f"There are no {count} free ports in a row between {own.start} and {own.stop}.")


def free_port() -> int:
    """Find a port that nothing listens on."""
    return random.SystemRandom().choice(free_ports(8))


def _own_ports() -> range:
    """Give the ports of this process of a session: the others look for theirs at the same time."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not worker:
        return PORTS
    share = len(PORTS) // SHARES // 10 * 10
    first = PORTS.start + int(worker.removeprefix("gw")) % SHARES * share
    return range(first, first + share)


def tethered(command: Sequence[str | Path]) -> list[str]:
    """Make a command that ends with this process, also when that is killed, and that Ctrl-C can interrupt.

    It costs 20 milliseconds. See `tests.servers.tether` for threads and grandchildren.
    """
    # -I -S: nothing of the environment, which may be one that a test made up, and nothing to measure.
    return [sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), *map(str, command)]


def start(command: Sequence[str | Path], **how: Any) -> subprocess.Popen[Any]:
    """Start a process, as `subprocess.Popen` does; it ends with this one."""
    return subprocess.Popen(tethered(command), **how)


def complete(command: Sequence[str | Path], **how: Any) -> subprocess.CompletedProcess[Any]:
    """Run a process to its end, as `subprocess.run` does; it ends with this one, should that come first."""
    return subprocess.run(tethered(command), **how)


def wait_until(
    condition: Callable[[], object], *, seconds: float = 60, otherwise: Callable[[], object] = lambda: ""
) -> None:
    """Wait for what nothing announces; raise `TimeoutError`, with what `otherwise` gives, when it does not happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"It did not happen within {seconds:.0f} s. {otherwise()}")
        time.sleep(0.05)


def open_sockets() -> list[str]:
    """Name the other end of each of this process's sockets, whatever became of that end. Empty where none tells."""
    own = set()
    for descriptor in Path("/proc/self/fd").glob("*"):
        with contextlib.suppress(OSError):
            own.add(str(descriptor.readlink()))
    table = Path("/proc/self/net/tcp")
    rows = [line.split() for line in table.read_text().splitlines()[1:]] if table.exists() else []
    return [row[2] for row in rows if row[3] != LISTENING and f"socket:[{row[9]}]" in own]


class Server:
    """One running server process, its output in a log file."""

    def __init__(
        self, command: Sequence[str], *, folder: Path, name: str, environ: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as log:
            self._process = start(
                command,
                cwd=folder,
                env=None if environ is None else dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal is for pytest, which then stops its servers in order.
                start_new_session=True,
            )

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def wait_until(self, is_ready: Callable[[], bool], *, seconds: float = 60) -> None:
        """Wait for a sign of life; raise `ServerDied` with the end of the log when none comes."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not self.is_alive:
                raise ServerDied(f"{self.name} ended with {self._process.returncode}.\n{self.last_lines()}")
            if is_ready():
                return
            time.sleep(0.1)
        raise ServerDied(f"{self.name} was not ready after {seconds:.0f} s.\n{self.last_lines()}")

    def last_lines(self, count: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])

    def stop(self) -> None:
        """Kill it at once: what it stored is thrown away with the session."""
        self._process.kill()
        self._process.wait()


def run(command: Sequence[str], *, seconds: float = 120, text: str | None = None) -> str:
    """Run a command to its end and return what it said; raise `ServerDied` with it when it failed."""
    done = complete(
        command,
        input=text,
        stdin=subprocess.DEVNULL if text is None else None,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode:
        raise ServerDied(f"{' '.join(command[:3])} … ended with {done.returncode}.\n{done.stdout}{done.stderr}")
    return done.stdout
