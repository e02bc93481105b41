"""Write tables of sizes with bars: by rich where it is installed and somebody watches, else in plain characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from holdall.amounts import as_share, as_size
from holdall.cli.terminal import Session, width
from holdall.shown import shown

# What the columns of numbers take, and the least of a bar.
NUMBERS, LEAST_BAR = 30, 10
# In fewer columns than these, a bar would leave no room for names.
LEAST_WIDTH = 60
# Of a block, in eighths.
EIGHTHS = " ▏▎▍▌▋▊▉"


class Row(NamedTuple):
    """A name and its size; `level` 1 is part of the row before it."""

    name: str
    size_bytes: int
    files: int
    level: int = 0


class Tables(Protocol):
    """What writes tables."""

    def write(self, title: str, rows: Sequence[Row], *, whole_bytes: int) -> None: ...


def tables(session: Session) -> Tables:
    """Choose how tables are written."""
    if session.out.isatty():
        with suppress(ImportError):
            return Rich(session)
    return Plain(session)


class Plain:
    """Lines of characters, which fit a terminal of 80 columns and a log."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._blocks = _can_show(session.out, EIGHTHS)

    def write(self, title: str, rows: Sequence[Row], *, whole_bytes: int) -> None:
        style = self._session.style
        names, bars = self._rooms(rows)
        most = _most(rows)
        heads = f"{'size':>10}{'share':>8}{'files':>12}"
        head = style.bold(title) + ("\n" + " " * names if bars == 0 else " " * (names + bars + 2 - len(title)))
        self._session.out.write(f"\n{head}{style.dim(heads)}\n")
        for row in rows:
            name = _fitted("  " * row.level + shown(row.name), names)
            numbers = f"{as_size(row.size_bytes):>10}{as_share(row.size_bytes, whole_bytes):>8}{row.files:>12,}"
            bar = f"  {self._bar(row.size_bytes / most, bars)}" if bars else ""
            self._session.out.write(f"{name}{style.dim(bar) if row.level else style.green(bar)}{numbers}\n")

    @staticmethod
    def _rooms(rows: Iterable[Row]) -> tuple[int, int]:
        """Give the columns of the names and of the bars."""
        room = width() - NUMBERS
        if width() < LEAST_WIDTH:
            return max(8, room), 0
        longest = max((cells(shown(row.name)) + 2 * row.level for row in rows), default=0)
        names = max(12, min(longest, room - LEAST_BAR - 4))
        return names, min(room - names - 4, 30)

    def _bar(self, share: float, cells: int) -> str:
        if not self._blocks:
            return ("#" * max(round(share * cells), 1 if share else 0)).ljust(cells)
        eighths = max(round(share * cells * 8), 1 if share else 0)
        full, part = divmod(eighths, 8)
        return ("█" * full + (EIGHTHS[part] if part else "")).ljust(cells)


class Rich:
    """The same by rich, which is in `holdall[bulk]`: coloured, and as wide as the terminal.

    Raises:
        ImportError: rich is not installed.
    """

    def __init__(self, session: Session) -> None:
        from rich.bar import Bar
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        self._bar, self._table, self._text = Bar, Table, Text
        out: Any = session.out
        self._console = Console(file=out, width=width(), force_terminal=out.isatty(), highlight=False)

    def write(self, title: str, rows: Sequence[Row], *, whole_bytes: int) -> None:
        table = self._table(box=None, expand=True, padding=(0, 1, 0, 0), header_style="dim", pad_edge=False)
        has_bars = width() >= LEAST_WIDTH
        heading = self._text(title, "not dim bold")
        table.add_column(heading if has_bars else "", ratio=3, no_wrap=True, overflow="ellipsis")
        if has_bars:
            table.add_column(ratio=2, min_width=LEAST_BAR)
        for head, columns in (("size", 9), ("share", 7), ("files", 11)):
            # Where there is little room, the names get all that the numbers leave.
            table.add_column(head, justify="right", no_wrap=True, width=columns if has_bars else None)
        most = _most(rows)
        for row in rows:
            dim = "dim" if row.level else ""
            table.add_row(
                self._text("  " * row.level + shown(row.name), dim),
                *([self._bar(most, 0, row.size_bytes, color="cyan" if row.level else "blue")] if has_bars else []),
                self._text(as_size(row.size_bytes), dim),
                self._text(as_share(row.size_bytes, whole_bytes), dim),
                self._text(f"{row.files:,}", dim),
            )
        self._console.print()
        if not has_bars:
            self._console.print(heading)
        self._console.print(table)


def _most(rows: Iterable[Row]) -> int:
    return max((row.size_bytes for row in rows), default=0) or 1


def cells(text: str) -> int:
    """Say how many columns of a terminal a text takes: some letters two, and what is put on another letter none."""
    return len(text) if text.isascii() else sum(_cells(one) for one in text)


def _cells(letter: str) -> int:
    return 0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _fitted(text: str, columns: int) -> str:
    """Cut a text in its middle: of a long path both ends tell something."""
    if cells(text) > columns:
        before = _up_to(text, (columns - 1) // 2)
        text = f"{before}…{_up_to(text[::-1], columns - 1 - cells(before))[::-1]}"
    return text + " " * (columns - cells(text))


def _up_to(text: str, columns: int) -> str:
    taken = 0
    for number, letter in enumerate(text):
        taken += _cells(letter)
        if taken > columns:
            return text[:number]
    return text


def _can_show(out: Any, signs: str) -> bool:
    try:
        signs.encode(getattr(out, "encoding", None) or "utf-8")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
