"""`holdall trash`: see what was deleted, bring it back, or delete it for good."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from holdall.cli import places
from holdall.cli.terminal import Session, as_count, as_size, confirmed
from holdall.shown import shown

if TYPE_CHECKING:
    from holdall.s3.trash import Trashed
    from holdall.storage import MediaStorage

HELP = "list, restore or empty the trash of a store (STORAGE_TRASH)"
# The shape of `--json` output; raised when a key changes its meaning or goes.
JSON_VERSION = 1


def declare(parser: argparse.ArgumentParser) -> None:
    deeds = parser.add_subparsers(dest="deed", required=True, metavar="action")
    listed = deeds.add_parser("list", help="list the deleted files, the oldest first")
    back = deeds.add_parser("restore", help="bring files back under their own names; a name that is taken is refused")
    back.add_argument("names", nargs="*", metavar="NAME", help="the name that the file had")
    back.add_argument(
        "--missing",
        action="store_true",
        help="with manage.py: all files that a row refers to and the store does not have",
    )
    emptied = deeds.add_parser("empty", help="delete for good what has outlived STORAGE_TRASH")
    which = emptied.add_mutually_exclusive_group()
    which.add_argument("--older-than", metavar="SPAN", help="delete what was deleted longer ago than this: 10d")
    which.add_argument("--all", action="store_true", dest="everything", help="delete all that is in the trash")
    emptied.add_argument("--yes", action="store_true", help="delete without asking")
    for deed in (listed, back, emptied):
        deed.add_argument("--place", help=places.STORE_HELP)
        deed.add_argument("--json", action="store_true", dest="as_json", help="print one JSON document")


def run(options: argparse.Namespace, session: Session) -> int:
    deed = {"list": _list, "restore": _restore, "empty": _empty}[options.deed]
    return deed(places.open_store(options.place, session), options, session)


def _list(storage: MediaStorage, options: argparse.Namespace, session: Session) -> int:
    from holdall.bulk import trash

    found = trash.entries(storage)
    if options.as_json:
        _write_files(session, found)
        return 0
    count = size_bytes = 0
    for one in found:
        count, size_bytes = count + 1, size_bytes + one.size_bytes
        session.out.write(f"{one.deleted:%Y-%m-%d %H:%M}  {as_size(one.size_bytes):>10}  {shown(one.name)}\n")
    session.out.write(f"{as_count(count, 'file')} in the trash ({as_size(size_bytes)}).\n")
    return 0


def _restore(storage: MediaStorage, options: argparse.Namespace, session: Session) -> int:
    from holdall.bulk import trash

    if options.names and options.missing:
        raise places.Misused("Name the files to restore or give --missing, not both. Nothing was restored.")
    if not options.names and not options.missing:
        raise places.Misused("Name the files to restore, or give --missing.")
    if options.missing:
        names = _missing(storage, session)
        wanted = trash.latest(trash.entries(storage), names)
        # Not missed any more: a restore that was killed left an empty file under the name, or the file itself.
        wanted |= {one.name: one for one in trash.unfinished(storage)}
    else:
        wanted = trash.latest(trash.entries(storage), options.names)
        names = list(options.names)
    done, failed = list[str](), {name: "is not in the trash" for name in names if name not in wanted}
    for one in trash.restore_all(storage, wanted):
        if one.failure is not None:
            failed[one.name] = str(one.failure)
            continue
        done.append(one.name)
        if not options.as_json:
            # At once: of many files it takes long, and may be ended early.
            how = ", which was back already; it is out of the trash now" if one.was_back else ""
            session.out.write(f"restored {shown(one.name)}{how}\n")
    if options.as_json:
        _write(session, {"restored": done, "failed": failed})
        return 1 if failed else 0
    for name, why in failed.items():
        session.out.write(session.style.yellow(f"! {shown(name)}: {shown(why)}") + "\n")
    session.out.write(f"{as_count(len(done), 'file')} restored.\n")
    return 1 if failed else 0


def _missing(storage: MediaStorage, session: Session) -> list[str]:
    if not session.in_project:
        raise places.Misused(
            "--missing asks the rows of a project; run it as `python manage.py holdall trash restore --missing`."
        )
    from holdall.bulk.references import missing_names

    return missing_names(storage)


def _empty(storage: MediaStorage, options: argparse.Namespace, session: Session) -> int:
    from holdall.bulk import trash
    from holdall.bulk.entries import Spool

    seconds = None
    if not options.everything:
        seconds = places.span_seconds(options.older_than) if options.older_than else float(storage.trash or 0)
        if not options.older_than and not storage.trash:
            raise places.Misused("`STORAGE_TRASH` is not set, so nothing is due; give --older-than SPAN or --all.")
    # Kept outside of the memory where they are many: what is shown is what is deleted.
    due: Spool[Trashed] = Spool()
    size_bytes = 0
    # A file that was deleted by a clock that is ahead is one of all.
    for one in trash.entries(storage) if seconds is None else trash.due(storage, kept_seconds=seconds):
        due.append(one)
        size_bytes += one.size_bytes
        if not options.as_json:
            session.out.write(f"- {shown(one.name)}  {session.style.dim(f'{one.deleted:%Y-%m-%d %H:%M}')}\n")
    if not options.as_json:
        session.out.write(f"To delete for good: {as_count(len(due), 'file')} ({as_size(size_bytes)}).\n")
        if not len(due) and next(trash.entries(storage), None) is not None:
            session.out.write("Newer files stay in the trash; --all deletes them too.\n")
    asked = options.yes or not options.as_json
    emptied = bool(len(due) and asked and confirmed(session, "Delete them permanently?", yes=options.yes))
    if emptied:
        trash.empty(storage, due)
    if options.as_json:
        _write_files(session, due, emptied=emptied)
    elif emptied:
        session.out.write(f"Done: {as_count(len(due), 'file')} deleted.\n")
    return 0 if emptied or not len(due) else 1


def _as_json(one: Trashed) -> dict[str, Any]:
    return {"name": one.name, "deleted": one.deleted.isoformat(), "size_bytes": one.size_bytes}


def _write_files(session: Session, files: Iterable[Trashed], **more: bool) -> None:
    """Write what can be longer than the memory."""
    session.out.write(f'{{\n  "version": {JSON_VERSION},\n')
    for name, value in more.items():
        session.out.write(f'  "{name}": {json.dumps(value)},\n')
    session.out.write('  "files": [')
    separator, end = "\n    ", "]\n}\n"
    for one in files:
        session.out.write(separator + json.dumps(_as_json(one), ensure_ascii=False))
        separator, end = ",\n    ", "\n  ]\n}\n"
    session.out.write(end)


def _write(session: Session, content: dict[str, Any]) -> None:
    session.out.write(json.dumps({"version": JSON_VERSION} | content, indent=2, ensure_ascii=False) + "\n")
