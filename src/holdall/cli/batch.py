"""`holdall copy --s3-batch`: Amazon copies by itself, by a job that is written here."""

from __future__ import annotations

import argparse
import json
from itertools import islice
from typing import TYPE_CHECKING

from holdall.cli import places
from holdall.cli.terminal import Session, as_count, as_size
from holdall.shown import shown

if TYPE_CHECKING:
    from holdall.bulk.places import Place
    from holdall.bulk.plan import Plan

# So many names are shown.
SHOWN = 20


def check(source: Place, destination: Place, options: argparse.Namespace) -> None:
    """Refuse what S3 Batch Operations cannot copy, before anything is listed.

    Raises:
        Misused: and why.
    """
    from holdall.bulk import s3batch

    if options.celery:
        raise places.Misused("--celery and --s3-batch do not work together; choose one. Nothing was done.")
    try:
        s3batch.check(source, destination)
    except s3batch.NotForBatch as refusal:
        raise places.Misused(str(refusal)) from refusal


def written(planned: Plan, options: argparse.Namespace, session: Session) -> int:
    """Write the job, say what it is, and give the exit code: 1 if files are left that it cannot copy.

    Raises:
        Misused: the folder cannot be written.
    """
    from holdall.bulk import s3batch

    folder = options.s3_batch
    try:
        job = s3batch.write(planned, folder)
    except OSError as failure:
        raise places.Misused(f"{folder} cannot be written: {failure.strerror}. Nothing was started.") from failure
    if options.as_json:
        told = {
            "version": 1,
            "event": "s3_batch",
            "folder": str(folder),
            "in_manifest": vars(job.in_manifest),
            "left": [one._asdict() for one in job.left],
        }
        session.out.write(json.dumps(told, ensure_ascii=False) + "\n")
        return 1 if job.left else 0
    write = session.out.write
    write(
        f"\nWritten to {shown(str(folder))}: a job for {as_count(job.in_manifest.files, 'file')} "
        f"({as_size(job.in_manifest.size_bytes)}). Nothing was started.\n"
        f"Look at job.json and role-policy.json, then run {shown(str(folder))}/start.sh, which needs the AWS CLI.\n"
        "A job replaces whatever has the name: until it is complete, nothing else may write into the destination.\n"
        "Afterwards run this command again without --s3-batch: it verifies what is there, and copies what is left.\n"
    )
    if job.left:
        write("\n" + session.style.yellow("Left for that run:") + "\n")
        for name, reason in islice(job.left, SHOWN):
            write(f"  {shown(name)}: {reason}\n")
        if len(job.left) > SHOWN:
            write(f"  … and {len(job.left) - SHOWN:,} more\n")
    return 1 if job.left else 0
