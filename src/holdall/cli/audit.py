"""`manage.py holdall audit`: find what no row refers to and what rows miss, and move the first into the trash."""

from __future__ import annotations

import argparse
import json
import shlex
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdall.cli import places
from holdall.cli.terminal import Session, as_count, as_size, confirmed, wrapped
from holdall.cli.writing import written
from holdall.shown import shown

if TYPE_CHECKING:
    from holdall.bulk.audit import Audit
    from holdall.bulk.places import Trouble
    from holdall.bulk.plan import Count
    from holdall.bulk.tidying import Tidied
    from holdall.storage import MediaStorage

HELP = (
    "with manage.py: find files that no row refers to and rows whose file is missing; changes nothing without --apply"
)
# The shape of what `--apply --json` prints; raised when a key changes its meaning or goes.
JSON_VERSION = 1
# So many of each kind are named on the terminal; the report has all.
NAMED = 10
LINE_SECONDS = 5.0
PLACE, MIN_AGE = "default", "24h"


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--report", type=Path, metavar="FILE", help="write everything that was found, as signed JSON")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print the report instead of a summary")
    parser.add_argument("--place", default=PLACE, metavar="ALIAS", help="an alias of STORAGES (default: default)")
    parser.add_argument(
        "--min-age",
        default=MIN_AGE,
        metavar="SPAN",
        help="a file saved more recently is never an orphan; 24h unless given. Shorter is dangerous",
    )
    parser.add_argument(
        "--look",
        default="1000",
        metavar="NUMBER",
        help="compare type, name and first bytes of this many files, chosen at random (1000), or of `all`; one request each",
    )
    parser.add_argument(
        "--apply", type=Path, metavar="REPORT", help="move the orphans of a report less than a day old into the trash"
    )
    parser.add_argument("--yes", action="store_true", help="with --apply: move without asking")


def run(options: argparse.Namespace, session: Session) -> int:
    storage = _storage(options, session)
    return (_audit if options.apply is None else _apply)(storage, options, session)


def _storage(options: argparse.Namespace, session: Session) -> MediaStorage:
    if not session.in_project:
        raise places.Misused("The audit reads the database of a project; run it as `python manage.py holdall audit`.")
    if options.yes and options.apply is None:
        raise places.Misused("`--yes` belongs to `--apply REPORT`; an audit alone changes nothing.")
    if options.apply is not None and options.report is not None:
        raise places.Misused("`--apply` acts on a report and writes none; leave `--report` out.")
    return places.open_store(options.place, session)


def _audit(storage: MediaStorage, options: argparse.Namespace, session: Session) -> int:
    from holdall.bulk import audit, dossier, tidying

    seconds, look_at = places.span_seconds(options.min_age), _look_at(options.look)
    with written(options.report) if options.report else nullcontext() as file:
        tidying.refuse_foreign(storage)
        found = audit.make(storage, min_age_seconds=seconds, look_at=look_at, progress=_progress(session))
        if file is not None:
            dossier.write(found, file.write)
    if options.as_json:
        dossier.write(found, session.out.write)
    else:
        _show(found, options, session)
    return 1 if found.problems else 0


def _look_at(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal():
        raise places.Misused(f'`--look` takes a number or `all`, not "{text}".')
    return int(text)


def _progress(session: Session) -> Callable[[str, int], None]:
    """Tell every few seconds how far it is, where a person waits for it or a log is kept."""
    told_at = time.monotonic()

    def tell(what: str, number: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= LINE_SECONDS:
            told_at = time.monotonic()
            session.err.write(f"{what}{f': {number:,} files' if number else ''}\n")
            session.err.flush()

    return tell


def _show(audit: Audit, options: argparse.Namespace, session: Session) -> None:
    from holdall.fork.storage import ForkedStorage
    from holdall.storage.objects import site_of

    paint, out = session.style, session.out
    out.write(paint.bold(f"{shown(str(site_of(audit.storage)))}") + "\n")
    referenced = f"; rows refer to {audit.referenced.files:,} of them" if audit.rows_known else ""
    out.write(f"  {_files(audit.files)}{referenced}.\n")
    if isinstance(audit.storage, ForkedStorage):
        out.write("  Only the fork's own files were looked at; the parent's are its own.\n")
    out.write("\n")
    if not audit.rows_known:
        _say(session, paint.red("Orphans and missing files are unknown:"), audit.problems)
    else:
        _section(session, f"Orphans: {_files(audit.orphaned)} that no row refers to", map(_sized, audit.orphans))
        for count, what in (
            (audit.young, f"saved less than {_span(audit.min_age.total_seconds())} ago"),
            (audit.cached, "in a folder that a package keeps without rows"),
            (audit.others, "in a folder of another store"),
            (audit.unreachable, "under a name that no file of a storage can have, such as a//b, or a/ with content"),
        ):
            if count.files:
                said = wrapped(f"{_files(count)} more without a row: {what}. Not orphans.", indent="  ")
                out.write("".join(f"{line}\n" for line in said))
        if audit.missing_known:
            _section(session, f"Missing: {as_count(len(audit.missing), 'name')} in rows", map(_missed, audit.missing))
    _section(session, f"Empty: {as_count(len(audit.empty), 'file')}", (shown(one.name) for one in audit.empty))
    _section(
        session,
        f"Wrong type: {len(audit.mistyped):,} of {as_count(audit.looked_at, 'file')} looked at",
        (f"{shown(one.name)}: {shown(one.reason)}" for one in audit.mistyped),
    )
    _section(
        session,
        f"Unfinished uploads: {len(audit.uploads):,}",
        (f"{shown(one.name)}, begun {one.begun[:16].replace('T', ' ')}" for one in audit.uploads),
    )
    if audit.rows_known and audit.problems:
        _say(session, paint.red("Not done:"), audit.problems)
    for note in audit.notes:
        _say(session, paint.yellow("Look at this:"), [note])
    if not audit.problems and 2 * audit.orphaned.files > audit.files.files:
        _say(
            session,
            paint.yellow("Look at this:"),
            ["More than half of all files are orphans. Is this the store's own database?"],
        )
    last = "Nothing was changed."
    if options.report is not None:
        last += f" The report is {options.report}."
    report = shlex.quote(str(options.report or "audit.json"))
    lines = [_command(options, f"--apply {report}")] if len(audit.orphans) else []
    if lines and options.report is None:
        floor = f" --min-age {shlex.quote(options.min_age)}" if options.min_age != MIN_AGE else ""
        lines.insert(0, _command(options, f"--report {report}{floor}"))
    if lines:
        last += " To move the orphans into the trash:"
    out.write("".join(f"{line}\n" for line in ["", last, *(f"  {line}" for line in lines)]))


def _command(options: argparse.Namespace, what: str) -> str:
    place = f" --place {shlex.quote(options.place)}" if options.place != PLACE else ""
    return f"python manage.py holdall audit {what}{place}"


def _say(session: Session, title: str, texts: Iterable[str]) -> None:
    session.out.write(f"{title}\n")
    for text in texts:
        session.out.write("".join(f"{line}\n" for line in wrapped(shown(text), indent="  ")))


def _section(session: Session, title: str, lines: Iterable[str]) -> None:
    session.out.write(f"{title}\n")
    for number, line in enumerate(lines):
        if number == NAMED:
            session.out.write(session.style.dim("  …") + "\n")
            return
        session.out.write(f"  {line}\n")


def _sized(one: Any) -> str:
    return f"{shown(one.name)}  {as_size(one.size_bytes)}"


def _missed(one: Any) -> str:
    # One database may have two aliases.
    where = ", ".join(dict.fromkeys(source.label for source, _ in one.rows))
    near = f"; nearest: {shown(one.nearest)} (other {one.differs})" if one.nearest else ""
    return f"{shown(one.name)}  in {where}{near}"


def _files(count: Count) -> str:
    return f"{as_count(count.files, 'file')} ({as_size(count.size_bytes)})"


def _span(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length and not seconds % length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds / 3_600:,.0f} hours" if seconds == 86_400 else f"{seconds:,.0f} seconds"


def _apply(storage: MediaStorage, options: argparse.Namespace, session: Session) -> int:
    from holdall.bulk import dossier, tidying

    tidying.refuse_foreign(storage)
    orphans, min_age_seconds = dossier.read_orphans(options.apply, storage)
    size_bytes = sum(one.size_bytes for one in orphans)
    if not options.as_json:
        _section(session, "To be moved into the trash:", map(_sized, orphans))
        session.out.write(f"  {as_count(len(orphans), 'file')} ({as_size(size_bytes)}) in all\n")
    if len(orphans) and not (
        (options.yes or not options.as_json)
        and confirmed(session, "Move those that still nothing refers to?", yes=options.yes)
    ):
        if options.as_json:
            session.out.write(json.dumps({"version": JSON_VERSION, "applied": False}) + "\n")
        return 1
    tidied = tidying.apply(storage, orphans, min_age_seconds=min_age_seconds)
    if options.as_json:
        _write(tidied, session)
    else:
        _show_tidied(tidied, storage, session)
    return 1 if len(tidied.failures) else 0


def _show_tidied(tidied: Tidied, storage: MediaStorage, session: Session) -> None:
    out, paint = session.out, session.style
    out.write(paint.green(f"Moved into the trash: {_files(tidied.moved)}.") + "\n")
    if len(tidied.left):
        _section(session, f"Left where they are: {as_count(len(tidied.left), 'file')}", map(_trouble, tidied.left))
    if len(tidied.failures):
        _section(
            session, paint.red(f"Failed: {as_count(len(tidied.failures), 'file')}"), map(_trouble, tidied.failures)
        )
    if tidied.moved.files:
        kept = "as long as STORAGE_TRASH says" if storage.trash else "until somebody empties the trash"
        out.write(f"They are kept {kept}; `holdall trash restore NAME` brings one back.\n")


def _trouble(one: Trouble) -> str:
    return f"{shown(one.name)}: {shown(one.reason)}"


def _write(tidied: Tidied, session: Session) -> None:
    """Write what can be longer than the memory, a line each."""
    out = session.out
    out.write(
        f'{{\n  "version": {JSON_VERSION},\n  "applied": true,\n'
        f'  "moved_files": {tidied.moved.files},\n  "moved_size_bytes": {tidied.moved.size_bytes},\n'
    )
    lists: dict[str, Iterable[dict[str, Any]]] = {
        "trashed": ({"name": one.name, "size_bytes": one.size_bytes} for one in tidied.trashed),
        "left": (one._asdict() for one in tidied.left),
        "failed": (one._asdict() for one in tidied.failures),
    }
    for number, (name, items) in enumerate(lists.items()):
        out.write(f'  "{name}": [\n')
        before = None
        for item in items:
            if before is not None:
                out.write(f"    {before},\n")
            before = json.dumps(item, ensure_ascii=False)
        if before is not None:
            out.write(f"    {before}\n")
        out.write("  ]\n}\n" if number == len(lists) - 1 else "  ],\n")
