"""The line for settings.py, written as a person would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WIDTH = 88


def text(*, aliases: Mapping[str, str], backends: Mapping[str, str], storages: Mapping[str, Any]) -> str:
    """Write the import and the assignment; arguments that say nothing are left out."""
    arguments: dict[str, Mapping[str, Any]] = {}
    if dict(aliases) != {"default": ""}:
        arguments["aliases"] = aliases
    if backends:
        arguments["backends"] = backends
    if storages:
        arguments["storages"] = storages
    whole = ", ".join(f"{name}={_written(value, 0, _WIDTH * 2)}" for name, value in arguments.items())
    call = f"STORAGES = holdall.from_env({whole})"
    if len(call) > _WIDTH:
        lines = [f"    {name}={_written(value, 4, _WIDTH - 5 - len(name))},\n" for name, value in arguments.items()]
        call = f"STORAGES = holdall.from_env(\n{''.join(lines)})"
    return f"import holdall\n\n{call}\n"


def _written(value: Any, indent: int, width: int) -> str:
    if isinstance(value, str):
        # As the rest of the settings is written.
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' if value.isprintable() else repr(value)
    if not isinstance(value, Mapping):
        return repr(value)
    pairs = [f"{_written(key, 0, width)}: {_written(one, indent + 4, width)}" for key, one in value.items()]
    flat = f"{{{', '.join(pairs)}}}"
    if "\n" not in flat and len(flat) + indent <= width:
        return flat
    inner = "".join(f"{' ' * (indent + 4)}{pair},\n" for pair in pairs)
    return f"{{\n{inner}{' ' * indent}}}"
