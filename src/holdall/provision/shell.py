"""Write commands for a shell, and the files that they read, with nothing of a value taken for language. Pure."""

from __future__ import annotations

import re
import shlex
from typing import Any
from xml.sax.saxutils import escape

from holdall.provision.rights import as_json

# Stands around the name of a shell variable inside a value. No value from outside holds one: it cannot be printed.
_MARK = "\ue000"
_CONTINUED = " \\\n    "


def variable(name: str) -> str:
    """Stand for a shell variable inside a value."""
    return f"{_MARK}{name}{_MARK}"


def argument(value: Any) -> str:
    """Quote a value; anything but a text is written as JSON.

    The attack: a location such as `$(…)`, which the shell would run.
    """
    text = value if isinstance(value, str) else as_json(value)
    if match := re.fullmatch(f"{_MARK}(\\w+){_MARK}", text):
        return f'"${match[1]}"'
    return re.sub(f"{_MARK}(\\w+){_MARK}", r"""'"$\1"'""", shlex.quote(text))


def command(*words: str, **options: Any) -> str:
    """Write a command; options that are None are left out."""
    given = [f"--{name.replace('_', '-')} {argument(value)}" for name, value in options.items() if value is not None]
    return _CONTINUED.join([" ".join(words), *given])


def into(name: str, command: str) -> str:
    return f"{name}=$({command})"


def section(title: str, *lines: str) -> list[str]:
    return ["", *(f"# {line}" for line in title.split("\n")), *lines]


def file(name: str, content: str) -> str:
    return f"cat > {name} <<'END-OF-FILE'\n{content}\nEND-OF-FILE"


_SINGULAR = {"AllowedOrigins": "AllowedOrigin", "AllowedMethods": "AllowedMethod", "AllowedHeaders": "AllowedHeader"}
_SINGULAR |= {"ExposeHeaders": "ExposeHeader"}


def xml(name: str, value: Any, indent: str = "") -> str:
    """Write a setting in the words of the S3 API's own documents, which s3cmd sends as they are."""
    if isinstance(value, list):
        return "\n".join(xml(_SINGULAR.get(name, name), member, indent) for member in value)
    if isinstance(value, dict):
        inner = "\n".join(xml(key, member, f"{indent}  ") for key, member in value.items())
        return f"{indent}<{name}>\n{inner}\n{indent}</{name}>"
    return f"{indent}<{name}>{escape(str(value))}</{name}>"
