"""Variables from a file, for somebody who was given nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from holdall.errors import HoldallError


class EnvFileError(HoldallError):
    """The environment file cannot be read."""


def read_env_file(path: Path) -> Mapping[str, str]:
    """Read `VARIABLE=value` lines as Docker does: quotes stay, for the contract to remark on them.

    Raises:
        EnvFileError: there is no such file, or a line is not an assignment; its text is not shown, because it may be a secret.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise EnvFileError(f"The environment file {path} cannot be read: {error}.") from error
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip().removeprefix("export ").lstrip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name.strip()):
            raise EnvFileError(f"Line {number} of {path} is not an assignment; write VARIABLE=value.")
        found[name.strip()] = value
    return found
