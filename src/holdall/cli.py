"""The command `holdall`: parse, call one function, render. It needs no Django project.

Exit codes: 0 all is well, 1 something is wrong with what was looked at, 2 wrong use.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import holdall
from holdall import contract, devserver
from holdall.errors import HoldallError


class Stream(Protocol):
    """What is written to: a file, or a management command's wrapper of one."""

    def write(self, text: str, /) -> object: ...
    def flush(self) -> object: ...
    def isatty(self) -> bool: ...


# The shape of `--json` output; raised when a key changes its meaning or goes.
JSON_VERSION = 1
WIDTH = 100


def main(arguments: Sequence[str] | None = None, *, prog: str = "holdall") -> int:
    """Run a command and give its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal or pipe that can not show a letter is no reason to say nothing.
            stream.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(prog=prog, description="Media storage for stateless Django.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {holdall.__version__}")
    add_commands(parser)
    return run(parser.parse_args(arguments), out=sys.stdout, err=sys.stderr)


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Declare the commands on a parser: `holdall`'s own, or that of `manage.py holdall`."""
    commands = parser.add_subparsers(dest="holdall_command", required=True, metavar="command")

    env = commands.add_parser("env", help="print every variable of the contract, its value and where it came from")
    env.add_argument("--prefix", default="", help="of the variables of a second store, such as PRIVATE_")
    env.add_argument("--json", action="store_true", dest="as_json", help="one document for programs")

    serve = commands.add_parser("serve", help="run the embedded S3 server until Ctrl-C")
    serve.add_argument("--folder", type=Path, help="where it keeps its files (default: .holdall in the project)")
    serve.add_argument("--port", type=int, help="the first of ten ports in a row (default: a free one, kept)")


def run(options: argparse.Namespace, *, out: Stream, err: Stream, environ: Mapping[str, str] = os.environ) -> int:
    """Run the command that was parsed."""
    try:
        if options.holdall_command == "serve":
            devserver.serve(
                options.folder or holdall.default_local_folder(),
                options.port,
                announce=lambda text: (out.write(f"{text}\n"), out.flush()),
            )
            return 0
        # `manage.py` has a flag of its own.
        style = _Style.of(out, wanted=not getattr(options, "no_color", False))
        return _env(contract.read(environ, prefix=options.prefix), as_json=options.as_json, out=out, style=style)
    except HoldallError as error:
        err.write(f"{error}\n")
        return 1


def _env(reading: contract.Reading, *, as_json: bool, out: Stream, style: _Style) -> int:
    out.write(_env_as_json(reading) if as_json else _env_as_text(reading, style))
    return 1 if reading.problems else 0


def _env_as_json(reading: contract.Reading) -> str:
    document = {
        "version": JSON_VERSION,
        "prefix": reading.prefix,
        "building": reading.building,
        "variables": [
            {"name": row.name, "value": row.value or None, "source": row.source, "purpose": row.purpose}
            for row in reading.settings
        ],
        "warnings": list(reading.warnings),
        "problems": list(reading.problems),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _env_as_text(reading: contract.Reading, style: _Style) -> str:
    lines = []
    for row in reading.settings:
        shown = f"{row.value}  {style.dim(f'({row.source})')}" if row.value else style.dim(f"({row.source})")
        lines.append(f"{style.bold(row.name)} = {shown}")
        lines += [style.dim(line) for line in _wrapped(row.purpose)]
    for title, texts, paint in (
        ("Warnings", reading.warnings, style.yellow),
        ("Problems", reading.problems, style.red),
    ):
        if texts:
            lines += ["", paint(f"{title} ({len(texts)})"), *(f"  {text}" for text in texts)]
    if not reading.problems:
        end = "An image is being built: any use of the storage raises." if reading.building else _summary(reading)
        lines += ["", style.green(end)]
    return "\n".join(lines) + "\n"


def _summary(reading: contract.Reading) -> str:
    store = reading.store
    if store is None:
        return ""
    who = "public" if store.public else "private"
    under = f', under "{store.location}"' if store.location else ""
    return (
        f'Usable: {who} files in bucket "{store.bucket_name}"{under} on {store.provider.title}. Nothing was contacted.'
    )


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="    ", subsequent_indent="    ")


class _Style:
    """Colours, where a person looks and did not ask for none (https://no-color.org)."""

    def __init__(self, *, coloured: bool) -> None:
        self._coloured = coloured

    @classmethod
    def of(cls, out: Stream, *, wanted: bool) -> _Style:
        possible = out.isatty() and os.environ.get("TERM") != "dumb"
        return cls(coloured=wanted and possible and not os.environ.get("NO_COLOR"))

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._coloured else text

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
