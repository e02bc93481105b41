"""Become another program that ends with the process that started it: `python -I -S tether.py PID COMMAND…`.

The kernel ends it, so it also works where nobody can tidy up: after a `kill -9`, in a worker of a test run that
crashed. A program of its own, because a process that has threads must not run Python between a fork and an exec.

The kernel's promise is about the *thread* that started us: start what is to live long from one that lives long.
It does not reach grandchildren. Whoever has children of his own starts them in the same way, or ends them himself.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """Let this process end (SIGKILL) when its parent does. Only Linux can; elsewhere nothing happens."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the kernel knew
        os._exit(1)


def main(parent: str, *command: str) -> None:
    end_with(int(parent))
    # A shell that runs something in the background lets it ignore Ctrl-C, and what that starts, and so on: the tests
    # would wait for ever for what they interrupt.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(*sys.argv[1:])
