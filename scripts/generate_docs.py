"""Generate the parts of the documentation that come from the program; with `--check`, say which are stale.

    .venv/bin/python scripts/generate_docs.py [--check]

The pages of `reference.PAGES` are written whole. In every other page, and in README.md, the console blocks that
`reference.transcripts` runs are written, and the part that `reference.differences` writes.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

import django
from django.conf import settings

from reference import PAGES, differences, transcripts
from reference.prose import DOCS, ROOT


def wanted() -> dict[Path, str]:
    """Give the text that every file with generated parts should have."""
    if not settings.configured:
        settings.configure(USE_TZ=True, SECRET_KEY="documentation")
        django.setup()
    pages = {DOCS / "reference" / name: page() for name, page in PAGES.items()}
    for path in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]:
        if path not in pages and "_build" not in path.parts:
            pages[path] = differences.written(transcripts.run_again(path.read_text()))
    return pages


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a page is stale")
    check = parser.parse_args().check
    stale = 0
    for path, text in wanted().items():
        before = path.read_text() if path.exists() else ""
        if before == text:
            continue
        stale += 1
        name = str(path.relative_to(ROOT))
        if check:
            sys.stdout.writelines(
                difflib.unified_diff(before.splitlines(True), text.splitlines(True), name, "what the program says")
            )
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"{name} was written.")
    if check and stale:
        print("Stale documentation; `.venv/bin/python scripts/generate_docs.py` updates it.")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
