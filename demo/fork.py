"""Start the gallery and, beside it, a copy that is its fork. `make demo-fork` calls this.

    python demo/fork.py [--port 8000] [--folder demo/.holdall]

The copy has a copied database and a store of its own over the original's: it shows every photograph, keeps what is
added there, and what is deleted there stays in the original.
"""

from __future__ import annotations

import argparse
import os
import queue
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

HERE = Path(__file__).resolve().parent
READY = "Press Ctrl-C"
# The copy's own stores, and above them the original's.
COPY = {
    "STORAGES_MODE": "local",
    "STORAGE_BUCKET_NAME": "media-copy",
    "PARENT_STORAGES_MODE": "local",
    "PUBLIC_STORAGES_MODE": "local",
    "PUBLIC_STORAGE_BUCKET_NAME": "media-public-copy",
    "PUBLIC_PARENT_STORAGES_MODE": "local",
    "PUBLIC_PARENT_STORAGE_MAKE_FILES_PUBLIC": "true",
}
CONTRACT = ("STORAGE", "AWS_", "DO_", "PUBLIC_", "PARENT_", "BUILD_MODE")


class Gallery:
    """One of the two, as a process of its own."""

    def __init__(self, *, folder: Path, port: int, variables: dict[str, str]) -> None:
        # Both are on the embedded server, whatever this shell's variables say.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(CONTRACT)}
        script = [sys.executable, str(HERE / "run.py"), "--folder", str(folder), "--port", str(port), "--no-browser"]
        script += ["--until-input-ends"]
        self.process = subprocess.Popen(
            script,
            env=inherited | variables,
            # Closed by the system when this process ends, however it ends: the gallery then ends as well.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Ctrl-C reaches this script, which ends them in order.
            start_new_session=True,
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def address(self) -> str:
        """Wait until it is ready and return its address; end with what it said if it cannot start."""
        said = ""
        while line := self._lines.get():
            said += line
            if READY in line and (found := re.search(r"Gallery +(http://\S+)", said)):
                return found[1]
        sys.exit(said)

    def stop(self) -> str:
        """End it in order, and return its last words."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        said = ""
        while line := self._lines.get():
            said += line
        return said.strip()


def copy_database(folder: Path) -> None:
    """Copy the original's rows, once: what the copy does from then on is its own."""
    original, copied = (folder / f"gallery-{name}.sqlite3" for name in ("local", COPY["STORAGE_BUCKET_NAME"]))
    if not copied.exists():
        with closing(sqlite3.connect(original)) as rows:
            rows.execute("VACUUM INTO ?", (str(copied),))


def say(*lines: str) -> None:
    """Print at once, so that a pipe sees the addresses while the galleries run."""
    print(*lines, sep="\n", flush=True)


def main() -> int:
    """Run both until they are stopped."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=8000, help="the original's port; the copy uses the next free one")
    parser.add_argument("--folder", type=Path, default=HERE / ".holdall", help="where the demo keeps its files")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)
    running: list[Gallery] = []
    try:
        say("Setting up the gallery and its copy ...")
        running.append(Gallery(folder=folder, port=arguments.port, variables={}))
        original = running[0].address()
        copy_database(folder)
        running.append(Gallery(folder=folder, port=arguments.port + 1, variables=COPY))
        copy = running[1].address()
        say(
            "",
            f"  Original     {original}   buckets media and media-public",
            f"  Copy         {copy}   buckets media-copy and media-public-copy, over the original's",
            "",
            "Open both side by side. Delete a photograph in the copy: the original still has it.",
            "Add one to the copy: the original does not show it.",
            f"{READY} to stop both; nothing is left running.",
        )
        while all(gallery.process.poll() is None for gallery in running):
            time.sleep(1)
    except KeyboardInterrupt:
        pass
    finally:
        last = [gallery.stop() for gallery in reversed(running)]
    say("", last[-1].splitlines()[-1] if last and last[-1] else "Stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
