"""The how-to *Upload straight to the bucket*, as a project: its blocks are files of an app, which the site runs."""

from __future__ import annotations

from pathlib import Path

from tests.docs.pages import DOCS, blocks

PAGE = DOCS / "how-to" / "upload.md"
SCRIPT = "letters/uppy.js"


def files() -> dict[str, str]:
    """Give the blocks that are files, by their names."""
    return {block.comment: block.text for block in blocks(PAGE) if block.comment.startswith("letters/")}


def write(folder: Path) -> None:
    """Write the app into a folder."""
    for name, text in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "letters" / "__init__.py").touch()
    bundle_of(folder).parent.mkdir(parents=True)


def bundle_of(folder: Path) -> Path:
    """Say where the site looks for the script with all that it imports."""
    return folder / "letters" / "static" / SCRIPT
