"""Files of variables: read for somebody who was given nothing else, and written to be looked over."""

from __future__ import annotations

import argparse
import base64
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from holdall.environment.values import tidy
from holdall.errors import HoldallError

# What no reader of such files interprets: neither a shell nor Docker, Compose, systemd or python-dotenv.
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]*")
# What the SDK and its libraries read from the process's environment, in either case as to proxies.
# https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
# https://boto3.amazonaws.com/v1/documentation/api/latest/guide/configuration.html
_SDKS = re.compile(r"AWS_\w+|BOTO_\w+|(?i:https?|no|all)_(?:PROXY|proxy)|REQUESTS_CA_BUNDLE|SSL_CERT_(?:FILE|DIR)")


class EnvFileError(HoldallError):
    """The environment file cannot be read, or not be written."""


class Line(NamedTuple):
    """One variable of a file that is written."""

    name: str
    # None: this cannot be decided here, so the line is a comment to fill in.
    value: str | None
    # On the line above it.
    comment: str = ""


def read_env_file(path: Path) -> Mapping[str, str]:
    """Read `VARIABLE=value` lines as Docker does: quotes stay, for the contract to remark on them.

    Quotes go only where `write_env_file` would write them: around a value that readers would otherwise take apart.

    Raises:
        EnvFileError: there is no such file, or a line is not an assignment; its text is not shown, because it may be a secret.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise EnvFileError(f"The environment file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise EnvFileError(f"The environment file {path} cannot be read: it is not in UTF-8.") from error
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip().removeprefix("export ").lstrip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name.strip()):
            raise EnvFileError(f"Line {number} of {path} is not an assignment; write VARIABLE=value.")
        found[name.strip()] = _without_needed_quotes(value)
    return found


def declare_write(parser: argparse.ArgumentParser, what: str) -> None:
    """Declare the option that puts a proposal into a file."""
    parser.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help=f"write {what}, secrets included, into a new file that only you can read",
    )


def write_env_file(path: Path, lines: Iterable[Line], *, head: str) -> None:
    """Write a file of variables that only its owner can read; `head` becomes the comment at its beginning.

    `read_env_file` gives the same values back, and so does a shell.

    Raises:
        EnvFileError: there is already something with this name, or it cannot be written. Nothing is replaced, and a link is
            not followed.
    """
    text = render_env_file(lines, head=head)
    try:
        # Exclusively, and with its mode from the beginning: it holds secrets, and the name may be a link laid by another user.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise EnvFileError(f"{path} exists already and was left as it is; name a file that does not exist.") from error
    except OSError as error:
        raise EnvFileError(f"{path} cannot be written: {error}.") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        with suppress(OSError):
            path.unlink()
        raise EnvFileError(f"{path} cannot be written: {error}.") from error


def render_env_file(lines: Iterable[Line], *, head: str) -> str:
    """Give the text of such a file, secrets included."""
    parts = [f"# {line}".rstrip() for line in head.splitlines()]
    for line in lines:
        parts.append("")
        parts += [f"# {one}" for one in line.comment.splitlines()]
        value = None if line.value is None else _written(line.value)
        if line.value is not None and value is None:
            parts.append("# Its value has line breaks or control characters, which cannot be written here.")
        parts.append(f"# {line.name}=" if value is None else f"{line.name}={value}")
    return "\n".join(parts) + "\n"


def _written(value: str) -> str | None:
    """Write a value so that each reader gives it back; None if there is no way on one line."""
    if "-----BEGIN" in value:
        # The contract reads it so, and nothing in it needs quotes.
        return base64.b64encode(value.encode()).decode()
    if not value.isprintable():
        return None
    if _PLAIN.fullmatch(value):
        return value
    if "'" not in value:
        # Within these nothing is interpreted anywhere. Docker keeps them, and the contract takes them off.
        return f"'{value}'"
    # With both kinds of quotes in it there is no way that all readers understand; Docker's is to write it as it is.
    return f'"{value}"' if not re.search(r'["\\$`]', value) or value[0] == value[-1] else value


def _without_needed_quotes(value: str) -> str:
    bare = value.strip()
    if len(bare) < 2 or bare[0] != bare[-1] or bare[0] not in "\"'":
        return value
    inside = bare[1:-1]
    return inside if bare[0] not in inside and not _PLAIN.fullmatch(inside) and _written(inside) == bare else value


@contextmanager
def applied(given: Mapping[str, str]) -> Iterator[None]:
    """Let the SDK find inside what a file says: it reads the process's own environment, which is then as it was."""
    before = dict(os.environ)
    for name, raw in given.items():
        if _SDKS.fullmatch(name):
            # Empty is unset, as for our own variables, which report what else was wrong with the value.
            if (value := tidy(raw, lambda _remark: None)) is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
    _forget()
    try:
        yield
    finally:
        for name in given:
            if name in before:
                os.environ[name] = before[name]
            else:
                os.environ.pop(name, None)
        _forget()


def _forget() -> None:
    # What is not loaded remembers nothing, and commands that need no SDK should not wait for it.
    if (connection := sys.modules.get("holdall.s3.connection")) is not None:
        connection.forget()
