"""Where commands write, and how: colours, widths, and what a test can put in place of a terminal."""

from __future__ import annotations

import io
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

from holdall.amounts import as_count as as_count
from holdall.amounts import as_size as as_size

# What is good to read, and what is assumed where nobody says how wide it is: a pipe, a log, a file.
WIDTH, UNKNOWN_WIDTH = 100, 80


class Stream(Protocol):
    """What is written to: a file, or a management command's wrapper of one."""

    def write(self, text: str, /) -> object: ...
    def flush(self) -> object: ...
    def isatty(self) -> bool: ...


@dataclass(frozen=True, kw_only=True)
class Session:
    """What a command runs in: its streams, its colours and its environment."""

    out: Stream
    err: Stream
    environ: Mapping[str, str]
    style: Style
    # Whether the stores are those of a Django project, whose settings are loaded.
    in_project: bool = False
    # Where a variable came from, if not from the environment.
    sources: Mapping[str, str] = field(default_factory=dict)


class Style:
    """Colours, where a person looks and did not ask for none (https://no-color.org)."""

    def __init__(self, *, coloured: bool) -> None:
        self._coloured = coloured

    @classmethod
    def of(cls, out: Stream, *, wanted: bool) -> Style:
        possible = out.isatty() and os.environ.get("TERM") != "dumb"
        return cls(coloured=wanted and possible and not os.environ.get("NO_COLOR"))

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._coloured and text else text

    def bold(self, text: str) -> str:
        return self._paint("1", text)

    def dim(self, text: str) -> str:
        return self._paint("2", text)

    def red(self, text: str) -> str:
        return self._paint("31", text)

    def yellow(self, text: str) -> str:
        return self._paint("33", text)

    def green(self, text: str) -> str:
        return self._paint("32", text)


@contextmanager
def forgiving(stream: Stream, *, as_json: bool) -> Iterator[None]:
    """Let a stream take every letter, also one that its encoding does not have; JSON for programs is in UTF-8."""
    # A management command's wrapper hides the file.
    file = getattr(stream, "_out", stream)
    if not isinstance(file, io.TextIOWrapper):
        yield
        return
    encoding, errors = file.encoding, file.errors
    # A lone surrogate, which no encoding has, becomes what JSON calls it.
    file.reconfigure(encoding="utf-8" if as_json and not file.isatty() else encoding, errors="backslashreplace")
    try:
        yield
    finally:
        with suppress(ValueError):
            # It is closed.
            file.reconfigure(encoding=encoding, errors=errors)


def confirmed(session: Session, question: str, *, yes: bool) -> bool:
    """Ask the user, unless they gave `--yes`; without a terminal the answer is no."""
    if yes:
        return True
    if sys.stdin is None or not sys.stdin.isatty() or not session.out.isatty():
        session.out.write("Nothing was done. Run it again with --yes to do this.\n")
        return False
    session.out.write(f"{question} [y/N] ")
    session.out.flush()
    if sys.stdin.readline().strip().lower() in {"y", "yes"}:
        return True
    session.out.write("Nothing was done.\n")
    return False


def width() -> int:
    """Give the columns that a line may have: those of the terminal, as long as that is good to read."""
    if "COLUMNS" not in os.environ:
        # `holdall doctor | less` is read on the terminal that the errors go to.
        for descriptor in (1, 2):
            with suppress(OSError):
                return max(40, min(WIDTH, os.get_terminal_size(descriptor).columns or UNKNOWN_WIDTH))
    return max(40, min(WIDTH, shutil.get_terminal_size((UNKNOWN_WIDTH, 24)).columns))


def wrapped(text: str, *, indent: str = "    ", first: str | None = None) -> list[str]:
    """Break a text into lines that the terminal shows whole. `first` is the indent of the first one, if it differs."""
    return textwrap.wrap(
        text,
        width(),
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
