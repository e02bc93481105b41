"""`holdall uploads sweep`: take away what direct uploads left behind."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from holdall.cli import places
from holdall.cli.terminal import Session, as_count, as_size, confirmed
from holdall.shown import shown

if TYPE_CHECKING:
    from holdall.s3.staging import Waiting
    from holdall.storage import MediaStorage

HELP = "delete direct uploads that were never saved"
# The shape of `--json` output; raised when a key changes its meaning or goes.
JSON_VERSION = 1
# A form is filled in within a day, and the ticket of an upload is not older.
DEFAULT_SPAN = "2d"


def declare(parser: argparse.ArgumentParser) -> None:
    deeds = parser.add_subparsers(dest="deed", required=True, metavar="action")
    swept = deeds.add_parser("sweep", help="delete uploads that were not saved, and cancel unfinished ones")
    swept.add_argument("--older-than", metavar="SPAN", default=DEFAULT_SPAN, help=f"minimum age ({DEFAULT_SPAN})")
    swept.add_argument("--plan", action="store_true", help="say what would be deleted, and delete nothing")
    swept.add_argument("--yes", action="store_true", help="delete without asking")
    swept.add_argument("--place", help=places.STORE_HELP)
    swept.add_argument("--json", action="store_true", dest="as_json", help="print one JSON document")


def run(options: argparse.Namespace, session: Session) -> int:
    return _sweep(places.open_store(options.place, session), options, session)


def _sweep(storage: MediaStorage, options: argparse.Namespace, session: Session) -> int:
    from holdall.bulk.entries import Spool
    from holdall.s3.staging import left_behind
    from holdall.uploads.stores import staging_of

    staging = staging_of(storage)
    # Kept outside of the memory where they are many: what is shown is what is deleted.
    found: Spool[Waiting] = Spool()
    size_bytes = unfinished = 0
    for one in left_behind(staging.waiting(), seconds=places.span_seconds(options.older_than)):
        found.append(one)
        size_bytes += one.size_bytes
        unfinished += bool(one.upload_id)
        if not options.as_json:
            what = " (unfinished)" if one.upload_id else ""
            session.out.write(f"- {shown(one.key)}{what}  {session.style.dim(f'{one.since:%Y-%m-%d %H:%M}')}\n")
    if not options.as_json:
        said = f"{as_count(len(found), 'upload')} ({as_size(size_bytes)}), {unfinished} of them unfinished"
        session.out.write(f"Left behind: {said}.\n")
    asked = options.yes or not options.as_json
    swept = bool(
        len(found) and not options.plan and asked and confirmed(session, "Delete them permanently?", yes=options.yes)
    )
    if swept:
        staging.sweep(found)
    if options.as_json:
        uploads = [
            {
                "key": one.key,
                "since": one.since.isoformat(),
                "size_bytes": one.size_bytes,
                "unfinished": bool(one.upload_id),
            }
            for one in found
        ]
        document = {"version": JSON_VERSION, "swept": swept, "uploads": uploads}
        session.out.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    elif swept:
        session.out.write(f"Done: {as_count(len(found), 'upload')} deleted.\n")
    return 0 if swept or options.plan or not len(found) else 1
