"""The pages as the tests see them: paths, blocks, links."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAPERS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]


def pages() -> list[Path]:
    """Every page that people read."""
    return PAPERS + sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@dataclass(frozen=True)
class Block:
    """A fenced block, with the comment on the line before it."""

    page: Path
    comment: str
    language: str
    text: str


_BLOCK = re.compile(
    r"(?:^<!-- (?P<comment>.*?) -->\n\n?)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


def blocks(path: Path) -> list[Block]:
    return [
        Block(path, match["comment"] or "", match["language"], match["text"])
        for match in _BLOCK.finditer(path.read_text())
    ]
