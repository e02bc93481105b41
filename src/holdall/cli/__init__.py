"""The command `holdall`: parse, call one function, render. It needs no Django project.

Each command is a module here with `HELP`, `declare` and `run`. Exit codes: 0 all is well, 1 something is wrong with
what was looked at, 2 wrong use.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Protocol

import holdall
from holdall.cli import doctor, env, fork, owner, provision, serve
from holdall.cli.terminal import Session, Stream, Style
from holdall.errors import HoldallError


class Command(Protocol):
    """What a module of a command offers."""

    HELP: str

    def declare(self, parser: argparse.ArgumentParser, /) -> None: ...
    def run(self, options: argparse.Namespace, session: Session, /) -> int: ...


COMMANDS: dict[str, Command] = {
    "doctor": doctor,
    "env": env,
    "fork": fork,
    "owner": owner,
    "provision": provision,
    "serve": serve,
}


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
    for name, command in COMMANDS.items():
        command.declare(commands.add_parser(name, help=command.HELP))


def run(
    options: argparse.Namespace,
    *,
    out: Stream,
    err: Stream,
    environ: Mapping[str, str] = os.environ,
    in_project: bool = False,
) -> int:
    """Run the command that was parsed."""
    # `manage.py` has a flag of its own.
    style = Style.of(out, wanted=not getattr(options, "no_color", False))
    session = Session(out=out, err=err, environ=environ, style=style, in_project=in_project)
    try:
        return COMMANDS[options.holdall_command].run(options, session)
    except HoldallError as error:
        err.write(f"{error}\n")
        return 1
