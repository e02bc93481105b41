"""What the generated pages have in common: where they are, their first lines, sentences and anchors."""

import inspect
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

GENERATED = "<!-- Written by scripts/generate_docs.py out of the program; a change by hand is lost. -->"
WIDTH = 100


def anchor(name: str) -> str:
    return name.lower().replace("_", "-")


def paragraphs(described: object) -> list[str]:
    lines: list[str] = []
    for paragraph in inspect.cleandoc(described.__doc__ or "").split("\n\n"):
        lines += [*sentences(" ".join(paragraph.split())), ""]
    return lines[:-1]


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?]) (?=[A-Z`])", text)


def joined(lines: list[str]) -> str:
    return "\n".join([lines[0], "", GENERATED, *lines[1:], ""])
