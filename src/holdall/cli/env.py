"""`holdall env`: print the contract as this environment fills it in."""

from __future__ import annotations

import argparse
import json

from holdall import contract
from holdall.cli.terminal import Session, Style, wrapped

HELP = "print every variable of the contract, its value and where it came from"
# The shape of `--json` output; raised when a key changes its meaning or goes.
JSON_VERSION = 1


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prefix", default="", help="of the variables of a second store, such as PRIVATE_")
    parser.add_argument("--json", action="store_true", dest="as_json", help="one document for programs")


def run(options: argparse.Namespace, session: Session) -> int:
    reading = contract.read(session.environ, prefix=options.prefix)
    session.out.write(as_json(reading) if options.as_json else _as_text(reading, session.style))
    return 1 if reading.problems else 0


def as_json(reading: contract.Reading) -> str:
    """Write a reading as one document for programs; its shape is frozen."""
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


def _as_text(reading: contract.Reading, style: Style) -> str:
    lines = []
    for row in reading.settings:
        shown = f"{row.value}  {style.dim(f'({row.source})')}" if row.value else style.dim(f"({row.source})")
        lines.append(f"{style.bold(row.name)} = {shown}")
        lines += [style.dim(line) for line in wrapped(row.purpose)]
    for title, texts, paint in (
        ("Warnings", reading.warnings, style.yellow),
        ("Problems", reading.problems, style.red),
    ):
        if texts:
            lines += ["", paint(f"{title} ({len(texts)})"), *(f"  {text}" for text in texts)]
    if not reading.problems:
        end = "An image is being built: any use of the storage raises."
        if reading.store is not None:
            end = f"Usable: {contract.summary(reading.store)}. Nothing was contacted."
        lines += ["", style.green(end)]
    return "\n".join(lines) + "\n"
