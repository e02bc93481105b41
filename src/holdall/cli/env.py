"""`holdall env`: print the contract as this environment fills it in."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from holdall.cli.terminal import Session, wrapped
from holdall.environment import contract, exposure, store
from holdall.environment.entries import Setting
from holdall.environment.habits import sentence, together

HELP = "print every variable, its value and where the value came from"
# The shape of `--json` output; raised when a key changes its meaning or goes.
JSON_VERSION = 1


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prefix", default="", help="prefix of the store's variables, such as PRIVATE_")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON document")


def run(options: argparse.Namespace, session: Session) -> int:
    reading = contract.read(session.environ, prefix=options.prefix)
    if not reading.problems:
        published = exposure.of_environment(session.environ, prefix=options.prefix)
        reading = reading._replace(problems=tuple(published))
    session.out.write(as_json(reading) if options.as_json else _as_text(reading, session))
    return 1 if reading.problems else 0


def as_json(reading: contract.Reading) -> str:
    """Write a reading as one JSON document; its shape is frozen."""
    document = {
        "version": JSON_VERSION,
        "prefix": reading.prefix,
        "building": reading.building,
        "variables": _rows(reading),
        "warnings": list(reading.warnings),
        "problems": list(reading.problems),
        "parent": _parent(reading.parent),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _rows(reading: contract.Reading) -> list[dict[str, Any]]:
    return [
        {"name": row.name, "value": row.value or None, "source": row.source, "purpose": row.purpose}
        for row in reading.settings
    ]


def _parent(parent: contract.Reading | None) -> dict[str, Any] | None:
    if parent is None:
        return None
    return {"prefix": parent.prefix, "variables": _rows(parent), "parent": _parent(parent.parent)}


def _as_text(reading: contract.Reading, session: Session) -> str:
    lines, style = [], session.style
    for row in _settings(reading):
        shown = f"{row.value}  {style.dim(f'({row.source})')}" if row.value else style.dim(f"({row.source})")
        lines.append(f"{style.bold(row.name)} = {shown}")
        lines += [style.dim(line) for line in wrapped(row.purpose)]
    for title, texts, paint in (
        ("Warnings", reading.warnings, style.yellow),
        ("Problems", reading.problems, style.red),
    ):
        if said := [sentence(group) for group in together(texts)]:
            lines += ["", paint(f"{title} ({len(said)})")]
            lines += [line for text in said for line in wrapped(text, indent="    ", first="  ")]
    if not reading.problems:
        end = "An image is being built: any use of the storage raises an error."
        if reading.store is not None:
            above = reading.parent and reading.parent.store
            fork = f", as a fork of {store.site(above)}" if above else ""
            end = f"Usable: {store.summary(reading.store)}{fork}. Nothing was contacted."
        # The last line is what scripts look at.
        last = wrapped(end, indent="") if session.out.isatty() else [end]
        lines += ["", *map(style.green, last)]
    return "\n".join(lines) + "\n"


def _settings(reading: contract.Reading) -> Iterator[Setting]:
    """Give the rows of a store, and of its parents those that say something: the rest is as above."""
    yield from reading.settings
    parent = reading.parent
    while parent:
        yield from (row for row in parent.settings if row.value)
        parent = parent.parent
