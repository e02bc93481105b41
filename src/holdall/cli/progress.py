"""Show how far bulk work is: a bar for who watches, a line every few seconds for a log."""

from __future__ import annotations

import json
import time
from typing import Any, Protocol

from holdall.cli.terminal import Stream, as_size
from holdall.shown import shown

# How often a log hears of it.
LINE_SECONDS = 5.0
# How long a rate is looked back on, at least.
RATE_SECONDS = 0.5
# The columns of a terminal from which on a bar also has the size, the rate, and the name of the file.
SIZE_WIDTH, SPEED_WIDTH, NAME_WIDTH = 60, 75, 110


class Progress(Protocol):
    """What is told how far the work is."""

    def begin(self, files: int, size_bytes: int) -> None: ...
    def advance(self, name: str, size_bytes: int, files: int = 1) -> None: ...
    def end(self) -> None: ...


class Lines:
    """A line every few seconds, for logs and pipes."""

    def __init__(self, out: Stream) -> None:
        self._out = out
        self._files = self._bytes = self._all_files = self._all_bytes = 0
        self._began = self._told_at = 0.0

    def begin(self, files: int, size_bytes: int) -> None:
        self._all_files, self._all_bytes = files, size_bytes
        self._began = self._told_at = time.monotonic()

    def advance(self, name: str, size_bytes: int, files: int = 1) -> None:
        self._files += files
        self._bytes += size_bytes
        if time.monotonic() - self._told_at >= LINE_SECONDS:
            self._told_at = time.monotonic()
            self._tell(name)

    def _tell(self, name: str) -> None:
        left = f", {as_span(left_seconds)} left" if (left_seconds := self._left_seconds()) is not None else ""
        self._out.write(
            f"{self._files:,} of {self._all_files:,} files, {as_size(self._bytes)} of "
            f"{as_size(self._all_bytes)}{left}: {shown(name)}\n"
        )
        self._out.flush()

    def _left_seconds(self) -> float | None:
        elapsed = time.monotonic() - self._began
        # Small files cost by their number, large ones by their length.
        shares = [
            part / whole for part, whole in ((self._files, self._all_files), (self._bytes, self._all_bytes)) if whole
        ]
        share = sum(shares) / len(shares) if shares else 0
        return elapsed / share - elapsed if share and elapsed > RATE_SECONDS else None

    def end(self) -> None:
        pass


class JsonLines(Lines):
    """The same, one JSON object a line."""

    def _tell(self, name: str) -> None:
        seconds = self._left_seconds()
        told: dict[str, Any] = {
            "event": "progress",
            "files": self._files,
            "size_bytes": self._bytes,
            "of_files": self._all_files,
            "of_size_bytes": self._all_bytes,
            "seconds_left": None if seconds is None else round(seconds),
            "name": name,
        }
        self._out.write(json.dumps(told, ensure_ascii=False) + "\n")
        self._out.flush()


class Bar:
    """A bar with rate, time left and the file that is on its way; by rich, which is in `holdall[bulk]`.

    Raises:
        ImportError: rich is not installed.
    """

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )
        from rich.progress import Progress as Shown

        console = Console(stderr=False)
        # A line that is wider than the terminal breaks, and each new one leaves a piece of the last.
        self._bytes = Shown(
            BarColumn(bar_width=None),
            *([DownloadColumn()] if console.width >= SIZE_WIDTH else []),
            *([TransferSpeedColumn()] if console.width >= SPEED_WIDTH else []),
            TextColumn("[dim]left[/]"),
            TimeRemainingColumn(),
            # The attack: a file whose name is markup of rich's, and draws a link to somewhere else.
            TextColumn("{task.fields[files]}", style="dim", markup=False),
            console=console,
            transient=True,
        )
        self._task: Any = None
        self._files = self._all = 0

    def begin(self, files: int, size_bytes: int) -> None:
        self._all = files
        self._bytes.start()
        self._task = self._bytes.add_task("copying", total=size_bytes or 1, files=f"0 of {files:,}")

    def advance(self, name: str, size_bytes: int, files: int = 1) -> None:
        self._files += files
        last = f" files · {shown(name.rpartition('/')[2])[-32:]}" if self._bytes.console.width >= NAME_WIDTH else ""
        self._bytes.update(self._task, advance=size_bytes, files=f"{self._files:,} of {self._all:,}{last}")

    def end(self) -> None:
        self._bytes.stop()


def as_span(seconds: float) -> str:
    """Write how long something takes."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
