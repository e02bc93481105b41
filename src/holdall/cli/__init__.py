"""The command `holdall`: parse, call one function, render. It needs no Django project.

Each command is a module here with `HELP`, `declare` and `run`. Exit codes: 0 success, 1 a problem was found,
2 wrong use, 3 `provision --diff` could not look, 130 interrupted by Ctrl-C.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Protocol

import holdall
from holdall.cli import adopt, audit, copy, doctor, env, fork, owner, provision, serve, trash, uploads, usage
from holdall.cli.envfile import EnvFileError, applied, read_env_file
from holdall.cli.once import failures_told_once
from holdall.cli.places import Misused
from holdall.cli.terminal import Session, Stream, Style, forgiving
from holdall.errors import HoldallError


class Command(Protocol):
    """What a module of a command offers."""

    HELP: str

    def declare(self, parser: argparse.ArgumentParser, /) -> None: ...
    def run(self, options: argparse.Namespace, session: Session, /) -> int: ...


COMMANDS: dict[str, Command] = {
    "adopt": adopt,
    "audit": audit,
    "copy": copy,
    "doctor": doctor,
    "env": env,
    "fork": fork,
    "owner": owner,
    "provision": provision,
    "serve": serve,
    "trash": trash,
    "uploads": uploads,
    "usage": usage,
}
# They describe a store by themselves, or several.
_WITHOUT_ENV_FILE = {"audit", "copy", "serve"}


def main(arguments: Sequence[str] | None = None, *, prog: str = "holdall") -> int:
    """Run a command and give its exit code."""
    parser = argparse.ArgumentParser(prog=prog, description="Media storage for stateless Django.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {holdall.__version__}")
    add_commands(parser)
    return run(parser.parse_args(arguments), out=sys.stdout, err=sys.stderr)


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Declare the commands on a parser: `holdall`'s own, or that of `manage.py holdall`."""
    commands = parser.add_subparsers(dest="holdall_command", required=True, metavar="command")
    for name, command in COMMANDS.items():
        command.declare(declared := commands.add_parser(name, help=command.HELP))
        for leaf in _leaves(declared) if name not in _WITHOUT_ENV_FILE else ():
            leaf.add_argument(
                "--env-file", type=Path, help="a file of VARIABLE=value lines that override the environment"
            )


def _leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield parser
    for action in below:
        yield from action.choices.values()


def run(
    options: argparse.Namespace,
    *,
    out: Stream,
    err: Stream,
    environ: Mapping[str, str] = os.environ,
    in_project: bool = False,
) -> int:
    """Run the command that was parsed."""
    with failures_told_once() as once:
        code = _run(options, out=out, err=err, environ=environ, in_project=in_project)
        once.is_told = code != 0
    return code


def _run(options: argparse.Namespace, *, out: Stream, err: Stream, environ: Mapping[str, str], in_project: bool) -> int:
    # `manage.py` has a flag of its own.
    style = Style.of(out, wanted=not getattr(options, "no_color", False))
    sources: dict[str, str] = {}
    try:
        with ExitStack() as stack:
            for stream in (out, err):
                stack.enter_context(forgiving(stream, as_json=getattr(options, "as_json", False)))
            if file := getattr(options, "env_file", None):
                given = read_env_file(file)
                environ, sources = {**environ, **given}, dict.fromkeys(given, f"file {file.name}")
                stack.enter_context(applied(given))
            session = Session(
                out=out, err=err, environ=environ, style=style, in_project=in_project and not sources, sources=sources
            )
            return COMMANDS[options.holdall_command].run(options, session)
    except (EnvFileError, Misused) as error:
        err.write(f"{error}\n")
        return 2
    except HoldallError as error:
        err.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        err.write("\nInterrupted.\n")
        return 130
    except BrokenPipeError:
        # The reader (`head`, `grep -q`) has seen enough; the interpreter would complain again when it exits.
        with suppress(OSError, AttributeError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as failure:
        if failure.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        err.write(f"{failure.strerror}. What was written is not whole.\n")
        return 1
