"""Write Terraform's language: values, blocks and comments, with nothing of a value taken for language. Pure.

https://developer.hashicorp.com/terraform/language/syntax/configuration
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Expression(str):
    """A piece of language: a reference to another resource, a call. Never made of what comes from outside."""

    __slots__ = ()


@dataclass
class Block:
    """`kind "label" "label" { … }`, filled in order with attributes, blocks and comments."""

    kind: str
    labels: tuple[str, ...] = ()
    body: list[Block | tuple[str, Any] | str] = field(default_factory=list)

    def set(self, **attributes: Any) -> Block:
        """Add attributes; those that are None are left out."""
        self.body += [(name, value) for name, value in attributes.items() if value is not None]
        return self

    def comment(self, *lines: str) -> Block:
        self.body += [f"# {line}" for line in lines]
        return self

    def block(self, kind: str, *labels: str, **attributes: Any) -> Block:
        """Add a block inside this one, and give it."""
        inner = Block(kind, labels).set(**attributes)
        self.body.append(inner)
        return inner

    def render(self, indent: str = "") -> str:
        head = " ".join([self.kind, *(quoted(label) for label in self.labels)])
        lines = [f"{indent}{head} {{", *self._lines(f"{indent}  "), f"{indent}}}"]
        return "\n".join(lines)

    def _lines(self, indent: str) -> Iterator[str]:
        attributes: list[tuple[str, str]] = []
        for number, item in enumerate(self.body):
            if isinstance(item, tuple):
                attributes.append((item[0], render(item[1], indent)))
                continue
            yield from _aligned(attributes, indent)
            attributes = []
            if isinstance(item, str):
                yield f"{indent}{item}"
            else:
                if number:
                    yield ""
                yield item.render(indent)
        yield from _aligned(attributes, indent)


def _aligned(members: list[tuple[str, str]], indent: str) -> Iterator[str]:
    """Align the names that stand together, as `terraform fmt` does: a value of many lines ends a group."""
    group: list[tuple[str, str]] = []
    for member in [*members, ("", "\n")]:
        if "\n" in member[1]:
            width = max((len(name) for name, _ in group), default=0)
            yield from (f"{indent}{name.ljust(width)} = {value}" for name, value in group)
            group = []
            if member[0]:
                yield f"{indent}{member[0]} = {member[1]}"
        else:
            group.append(member)


def render(value: Any, indent: str) -> str:
    """Write a value; lists of more than one line and objects get a line for each member."""
    if isinstance(value, Expression):
        return str(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return _object(value, indent)
    return _list(list(value), indent)


def call(name: str, value: Any, indent: str = "  ") -> Expression:
    """Write a call with one argument, as the value of an attribute of a resource."""
    return Expression(f"{name}({render(value, indent)})")


def quoted(text: str) -> str:
    """Write a string.

    The attack: a location such as `${file("/etc/passwd")}`, which Terraform would evaluate.
    """
    escaped = (
        text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    )
    return '"' + escaped.replace("${", "$${").replace("%{", "%%{") + '"'


def _object(value: dict[str, Any], indent: str) -> str:
    inner = f"{indent}  "
    members = [
        (name if _IDENTIFIER.fullmatch(name) else quoted(name), render(member, inner)) for name, member in value.items()
    ]
    return "\n".join(["{", *_aligned(members, inner), f"{indent}}}"])


def _list(value: list[Any], indent: str) -> str:
    rendered = [render(member, f"{indent}  ") for member in value]
    line = f"[{', '.join(rendered)}]"
    if "\n" not in line and len(line) <= 100:
        return line
    inner = f",\n{indent}  ".join(rendered)
    return f"[\n{indent}  {inner},\n{indent}]"
