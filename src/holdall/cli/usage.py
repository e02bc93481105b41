"""`holdall usage`: see what fills a place, in the terminal, as JSON, or as a page to hand on."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdall.cli import places, stores
from holdall.cli.bars import Row, tables
from holdall.cli.terminal import Session, as_count, as_size, wrapped
from holdall.cli.writing import written
from holdall.shown import shown

if TYPE_CHECKING:
    from holdall.bulk.places import Place
    from holdall.usage.counting import Usage
    from holdall.usage.folders import Folder
    from holdall.usage.tally import Count

HELP = "see what fills a bucket or folder: by folder, type, age, month and model field"
# The shape of `--json` output; raised when a key changes its meaning or goes.
JSON_VERSION = 1
# So many rows each table of the terminal has, and so many months.
ROWS, MONTHS = 10, 12
# A folder with so much of everything is shown with the largest ones in it.
LARGE, INSIDE = 0.2, 3
# How often a person hears how many objects were seen.
STEP = 20_000


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "place", nargs="?", metavar="PLACE", help=f"{places.HELP}; else `default`, or the environment's store"
    )
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="write one HTML page with drawings, which needs no network"
    )
    parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON document, in whole bytes")


def run(options: argparse.Namespace, session: Session) -> int:
    place = _place(options, session)
    if options.html:
        _check_page(options.html)
    seen = _Seen(session)
    try:
        usage = _counted(place, session, seen)
    finally:
        seen.end()
    if options.as_json:
        session.out.write(json.dumps(as_document(usage), indent=2, ensure_ascii=False) + "\n")
    else:
        _write(usage, session)
    if options.html:
        from holdall.usage import page

        rendered = page.render(usage)
        with written(options.html) as file:
            file.write(rendered)
        if not options.as_json:
            session.out.write(f"\nWritten: {shown(str(options.html))} ({as_size(len(rendered.encode()))}).\n")
    return 0


def _counted(place: Place, session: Session, seen: _Seen) -> Usage:
    from holdall.bulk.places import Store
    from holdall.usage import counting

    if not session.in_project or not isinstance(place, Store):
        return counting.count(place, report=seen.report)
    from holdall.bulk.references import walk
    from holdall.bulk.tables import RowsUnknown

    storage = place.storage
    try:
        return counting.count(
            place, references=lambda: ((one.name, one.source.label) for one in walk(storage)), report=seen.report
        )
    except RowsUnknown as failure:
        session.err.write(f"{failure} The rest is counted without the model fields.\n")
        return counting.count(place, report=seen.report)


def _place(options: argparse.Namespace, session: Session) -> Place:
    from holdall.bulk.places import Store

    if options.place or session.in_project:
        return places.open_place(options.place or "default", session)
    return Store(stores.open_storage(stores.options_of(session, "")))


def _check_page(path: Path) -> None:
    """Refuse a page that cannot be written before a long walk instead of after it.

    Raises:
        Misused: the file cannot be written.
        HoldallError: what draws is not installed.
    """
    from holdall.usage import drawing

    drawing.check()
    is_new = not path.exists()
    try:
        path.open("a").close()
        if is_new:
            path.unlink()
    except OSError as failure:
        raise places.Misused(f"The page {path} cannot be written: {failure.strerror}. Nothing was done.") from failure


class _Seen:
    """Tells a person who waits how many objects were seen."""

    def __init__(self, session: Session) -> None:
        self._err = session.err if session.err.isatty() else None
        self._told = False

    def report(self, seen: int) -> None:
        if self._err and seen % STEP == 0:
            self._told = True
            self._err.write(f"\r{seen:,} objects so far")
            self._err.flush()

    def end(self) -> None:
        if self._err and self._told:
            self._err.write("\r\x1b[K")


# -- the terminal


def _write(usage: Usage, session: Session) -> None:
    from holdall.usage import kinds
    from holdall.usage.counting import NO_FIELD
    from holdall.usage.notes import notes

    write, style = session.out.write, session.style
    write(f"{style.bold(shown(usage.place))}  {style.dim(f'{usage.at:%Y-%m-%d %H:%M} UTC')}\n")
    write(f"{as_size(usage.files.size_bytes)} in {as_count(usage.files.files, 'file')}\n")
    written, whole = tables(session), usage.files.size_bytes
    types = [
        (", ".join((one.name if kinds.is_known(one.name) else "unknown", *one.extensions[:3])), one.count)
        for one in usage.types
    ]
    fields = [(label if label != NO_FIELD else "(no row refers to it)", one) for label, one in usage.fields or ()]
    for title, rows in (
        ("By folder", _folder_rows(usage)),
        ("By type (from extension)", _cut(types, "types")),
        ("By age", [Row(called, one.size_bytes, one.files) for called, one in usage.ages]),
        ("By month, as saved", _month_rows(usage)),
        ("By model field", _cut(fields, "fields")),
    ):
        if rows:
            written.write(title, rows, whole_bytes=whole)
    if said := notes(usage):
        write("\n")
        for line in said:
            write("\n".join(wrapped(line, indent="")) + "\n")


def _cut(rows: list[tuple[str, Count]], what: str) -> list[Row]:
    first = [Row(name, one.size_bytes, one.files) for name, one in rows[:ROWS]]
    rest = [one for _, one in rows[ROWS:]]
    if rest:
        others = f"{len(rest):,} other {what}"
        first.append(Row(others, sum(one.size_bytes for one in rest), sum(one.files for one in rest)))
    return first


def _folder_rows(usage: Usage) -> list[Row]:
    rows: list[Row] = []
    whole, root = usage.files, usage.root
    for folder in root.folders[:ROWS]:
        rows.append(_row(f"{folder.name}/", folder.whole))
        if folder.whole.size_bytes >= LARGE * whole.size_bytes:
            rows += [_row(f"{one.last_name}/", one.whole, level=1) for one in folder.folders[:INSIDE]]
    top = [row for row in rows if not row.level]
    files, size_bytes = (
        whole.files - root.here.files - sum(row.files for row in top),
        whole.size_bytes - root.here.size_bytes - sum(row.size_bytes for row in top),
    )
    if files:
        rows.append(Row("other folders", size_bytes, files))
    if root.here.files:
        rows.append(_row("files in no folder", root.here))
    return rows


def _row(name: str, count: Count, *, level: int = 0) -> Row:
    return Row(name, count.size_bytes, count.files, level)


def _month_rows(usage: Usage) -> list[Row]:
    from holdall.usage.counting import NO_MONTH

    dated = [(month, one) for month, one in usage.months if month != NO_MONTH]
    before = dated[:-MONTHS]
    rows = [_row(month, one) for month, one in dated[-MONTHS:]]
    if before:
        size_bytes, files = (sum(getattr(one, what) for _, one in before) for what in ("size_bytes", "files"))
        rows.insert(0, Row("before", size_bytes, files))
    return rows


# -- for programs


def as_document(usage: Usage) -> dict[str, Any]:
    """Give it all for programs, in whole bytes. Its keys are frozen."""
    from holdall.usage.counting import NO_FIELD, NO_MONTH
    from holdall.usage.walking import Part

    parts, waiting, root = usage.parts, usage.unfinished, usage.root
    return {
        "version": JSON_VERSION,
        "place": usage.place,
        "at": usage.at.isoformat(timespec="seconds"),
        **vars(usage.files),
        "trash": vars(parts[Part.TRASH]),
        "uploads": vars(parts[Part.UPLOADS]),
        "holdall": vars(parts[Part.HOLDALL]),
        "folder_marks": vars(parts[Part.MARKS]),
        "everything": vars(usage.everything),
        "unfinished_uploads": {"uploads": waiting.uploads, "size_bytes": waiting.size_bytes} if waiting else None,
        "parent": vars(usage.from_parent) if usage.from_parent is not None else None,
        "left_out": usage.left_out,
        "folders": list(_folders(root)),
        "types": [
            {"type": one.name, "extensions": [end.removeprefix(".") for end in one.extensions], **vars(one.count)}
            for one in usage.types
        ],
        "ages": [{"age": called, **vars(one)} for called, one in usage.ages],
        "months": [{"month": month if month != NO_MONTH else None, **vars(one)} for month, one in usage.months],
        "fields": None
        if usage.fields is None
        else [{"field": label if label != NO_FIELD else None, **vars(one)} for label, one in usage.fields],
        "largest": [
            {
                "name": one.name,
                "size_bytes": one.size_bytes,
                "modified": one.modified.isoformat() if one.modified else None,
            }
            for one in usage.largest
        ],
    }


def _folders(folder: Folder) -> Iterator[dict[str, Any]]:
    """Give what is in a folder: the parts add up to it. `folder` is null for those that are too small to be told apart."""
    for one in folder.folders:
        yield {"folder": one.name, **vars(one.whole), "folders": list(_folders(one)) if _has_parts(one) else []}
    if folder.smaller_folders:
        yield {"folder": None, **vars(folder.smaller), "folder_count": folder.smaller_folders}
    if folder.here.files:
        yield {"folder": folder.name, "own_files": True, **vars(folder.here)}


def _has_parts(folder: Folder) -> bool:
    return bool(folder.folders or folder.smaller_folders)
