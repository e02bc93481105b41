"""One habit is one remark: what is said of several variables in the same words, such as of `KEY = value` on five lines."""

from __future__ import annotations

from collections.abc import Iterable


def together(messages: Iterable[str]) -> list[list[str]]:
    """Put messages that differ only in the variable that they are about into one group, in their order."""
    groups: dict[tuple[str, str], list[str]] = {}
    for number, said in enumerate(messages):
        variable = str(getattr(said, "variable", ""))
        words = said.removeprefix(f"`{variable}` ")
        # What names no variable of its own is alone.
        key = (str(getattr(said, "finding", "")), words) if words != said else (str(number), said)
        groups.setdefault(key, []).append(said)
    return list(groups.values())


def sentence(group: list[str]) -> str:
    """Say of all variables of a group what is said of the first."""
    first, *others = group
    return (
        f"{first} The same is true of {listed([str(getattr(one, 'variable', '')) for one in others])}."
        if others
        else first
    )


def listed(names: list[str]) -> str:
    """Write names as code: `A`, `B` and `C`."""
    *before, last = (f"`{name}`" for name in names)
    return f"{', '.join(before)} and {last}" if before else last
