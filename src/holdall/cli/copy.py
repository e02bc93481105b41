"""`holdall copy`: bring files from one place to another, by a plan, verified, and taken up where it was ended."""

from __future__ import annotations

import argparse
import json
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdall.cli import batch, elsewhere, places
from holdall.cli.progress import Bar, JsonLines, Lines, Progress, as_span
from holdall.cli.terminal import Session, as_count, as_size, confirmed
from holdall.errors import HoldallError
from holdall.shown import shown

if TYPE_CHECKING:
    from holdall.bulk.copying import Outcome
    from holdall.bulk.places import Place
    from holdall.bulk.plan import Plan

HELP = "copy files between folders and stores: a plan, then exactly that plan, verified"
# The shape of `--json` output; raised when a key changes its meaning or goes.
JSON_VERSION = 1
WORKERS = 16
MAX_WORKERS = 256
# So many names are shown of each kind.
SHOWN = 20
# What the estimate takes for granted: a request to a store, and what a line of 200 Mbit/s carries.
REQUEST_SECONDS = 0.06
BYTES_PER_SECOND = 25_000_000


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help=places.HELP)
    parser.add_argument("destination", metavar="DESTINATION", help="the same; a folder may be new")
    parser.add_argument(
        "--prefix", default="", help="copy only files whose names begin with this; they keep their whole names"
    )
    parser.add_argument(
        "--since", help="copy only files that were saved since then: 2026-11-26, 2026-11-26T14:30 or 10d"
    )
    parser.add_argument(
        "--on-conflict",
        choices=("leave", "replace"),
        default="leave",
        help="leave what is there and different (the default), or replace it; what was there goes into the trash",
    )
    parser.add_argument("--plan", action="store_true", dest="plan_only", help="print the plan and change nothing")
    parser.add_argument("--yes", action="store_true", help="carry out the plan without asking")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object a line")
    parser.add_argument("--workers", type=int, default=WORKERS, help="how many files are copied at a time (16)")
    parser.add_argument(
        "--celery",
        action="store_true",
        help="let the project's Celery workers copy; both places are aliases of STORAGES",
    )
    parser.add_argument(
        "--s3-batch",
        type=Path,
        metavar="FOLDER",
        help="at Amazon: write a job of S3 Batch Operations into this folder instead of copying",
    )
    parser.add_argument(
        "--report", type=Path, help="write what was left out, in conflict or failed into this file, as JSON"
    )


def run(options: argparse.Namespace, session: Session) -> int:
    from holdall.bulk import copying, plan
    from holdall.bulk.places import overlap

    if not 1 <= options.workers <= MAX_WORKERS:
        raise places.Misused(f"--workers is {options.workers}; write a number from 1 to {MAX_WORKERS}.")
    since = places.moment(options.since) if options.since is not None else None
    if options.celery:
        elsewhere.check(options, session)
    source, destination = _opened(options, session)
    if objection := overlap(source, destination):
        raise places.Misused(objection)
    if options.s3_batch:
        batch.check(source, destination, options)
    _check_report(options, source, destination)
    planned = plan.make(
        source,
        destination,
        prefix=options.prefix,
        since=since,
        workers=options.workers,
        replaces=options.on_conflict == "replace",
    )
    if planned.live is not None and (options.celery or options.s3_batch):
        raise places.Misused(
            "Between a store and its mirror, one process repeats what changes meanwhile. Leave out "
            f"{'--celery' if options.celery else '--s3-batch'}. Nothing was done."
        )
    _say_plan(session, planned, options)
    left = 0 if planned.replaces else planned.in_conflict.files
    is_clear = not left and not planned.troubles
    if options.plan_only or not planned.all_to_do.files:
        _write_report(options, planned, None)
        if planned.live is not None and not options.plan_only:
            planned.live.clear(one.name for one in planned.troubles)
        if options.as_json and not options.plan_only:
            _event(session, "outcome", _outcome_as_json(None))
        return 0 if is_clear or (options.plan_only and not left) else 1
    if options.s3_batch:
        return batch.written(planned, options, session) or (0 if is_clear else 1)
    if not _is_agreed(options, session):
        return 1
    progress = _progress(options, session)
    progress.begin(planned.all_to_do.files, planned.all_to_do.size_bytes)
    try:
        with _ending_when_told():
            if options.celery:
                outcome = elsewhere.applied(planned, options, session, progress)
            else:
                outcome = copying.apply(
                    planned,
                    workers=options.workers,
                    report=lambda step, _done: progress.advance(step.name, step.size_bytes),
                )
    except KeyboardInterrupt as interrupt:
        with suppress(OSError):
            # The terminal may be the very thing that has gone.
            session.err.write("\nInterrupted. What was copied stays: run the same line again for the rest.\n")
        return 128 + (interrupt.signal if isinstance(interrupt, _Terminated) else signal.SIGINT)
    finally:
        progress.end()
    _say_outcome(session, planned, outcome, options)
    _write_report(options, planned, outcome)
    return 0 if is_clear and not outcome.conflicts and not outcome.failures else 1


class _Terminated(KeyboardInterrupt):
    """A container, or a machine, is being stopped; or a terminal was closed."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = number


@contextmanager
def _ending_when_told() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the work as Ctrl-C does, so that what is under way is taken back.

    Under `nohup`, SIGHUP is ignored, and stays so.
    """

    def terminated(number: int, _: object) -> None:
        raise _Terminated(number)

    found = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    ours = [one for one in found if signal.getsignal(one) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        ours = []
    for one in ours:
        signal.signal(one, terminated)
    try:
        yield
    finally:
        for one in ours:
            signal.signal(one, signal.SIG_DFL)


def _opened(options: argparse.Namespace, session: Session) -> tuple[Place, Place]:
    """Open both places.

    Raises:
        Misused: with all that is wrong with either.
    """
    from holdall.bulk.places import Folder

    found: list[Place] = []
    wrong: list[str] = []
    for text, may_be_new in ((options.source, False), (options.destination, True)):
        try:
            found.append(places.open_place(text, session, may_be_new=may_be_new))
        except places.Misused as failure:
            wrong.append(str(failure))
    if not wrong and isinstance(found[0], Folder) and not found[0].path.is_dir():
        # The accident: a disk that is not mounted, of which nothing would be copied, successfully.
        wrong.append(f"The source, {shown(str(found[0]))}, is not there.")
    if wrong:
        raise places.Misused("\n".join(wrong))
    return found[0], found[1]


def _becomes_public(planned: Plan) -> bool:
    """Say whether everybody can read what is private in the source."""
    from holdall.bulk.places import Store

    source, destination = planned.source, planned.destination
    return (
        isinstance(source, Store)
        and isinstance(destination, Store)
        and bool(source.storage.querystring_auth)
        and not destination.storage.querystring_auth
    )


def _is_agreed(options: argparse.Namespace, session: Session) -> bool:
    if options.as_json and not options.yes:
        # A question would be no JSON.
        session.err.write("Nothing was done. Run it again with --yes to do this.\n")
        return False
    return confirmed(session, "Copy them?", yes=options.yes)


def _progress(options: argparse.Namespace, session: Session) -> Progress:
    if options.as_json:
        return JsonLines(session.out)
    if session.out.isatty():
        with suppress(ImportError):
            return Bar()
    return Lines(session.out)


# -- the plan


def _say_plan(session: Session, planned: Plan, options: argparse.Namespace) -> None:
    if options.as_json:
        _event(session, "plan", _plan_as_json(planned))
        return
    write, style = session.out.write, session.style
    write(f"From: {shown(str(planned.source))}\nTo:   {shown(str(planned.destination))}\n\n")
    fate = "to be replaced, and moved into the trash" if planned.replaces else "left as they are"
    for count, what in (
        (planned.to_copy, "to copy"),
        (planned.same, "there already, and the same"),
        (planned.in_conflict, f"in conflict: there already, and different; {fate}"),
        (planned.only_there, "only there; left as they are"),
    ):
        if count.files or what == "to copy":
            write(f"{count.files:>10,} {what}  {style.dim(as_size(count.size_bytes))}\n")
    if len(planned.missed):
        write(f"{len(planned.missed):>10,} missed by the mirror (replaced or deleted), to be repeated\n")
    if planned.troubles:
        write(f"{len(planned.troubles):>10,} left out\n")
    write("\n")
    conflicts = (entry.name for entry in planned.conflicts)
    _list(session, "In conflict", conflicts, planned.in_conflict.files, options)
    _list(
        session, "Left out", (f"{name}: {reason}" for name, reason in planned.troubles), len(planned.troubles), options
    )
    if planned.all_to_do.files:
        requests, seconds = _estimate(planned, options.workers)
        line = (
            "60 ms a request, and the store's own copying" if _passes_by(planned) else "200 Mbit/s and 60 ms a request"
        )
        write(f"About {requests:,} requests, and {as_span(max(seconds, 1))} at {line}.\n")
        if _becomes_public(planned):
            write(style.yellow("The source's files are private. Everybody can read them in the destination.") + "\n")
    elif not (planned.in_conflict.files or planned.same.files or planned.troubles):
        begins = f' whose name begins with "{shown(options.prefix)}"' if options.prefix else ""
        write(f"Nothing to copy: the source has no file{begins}{' saved since then' if options.since else ''}.\n")
    elif not planned.in_conflict.files:
        write("Nothing is left to copy.\n")


def _list(session: Session, title: str, lines: Iterable[str], count: int, options: argparse.Namespace) -> None:
    if not count:
        return
    session.out.write(session.style.yellow(f"{title}:") + "\n")
    for line in islice(lines, SHOWN):
        session.out.write(f"  {shown(line)}\n")
    if count > SHOWN:
        more = "" if options.report else "; --report FILE lists them all"
        session.out.write(f"  … and {count - SHOWN:,} more{more}\n")
    session.out.write("\n")


def _estimate(planned: Plan, workers: int) -> tuple[int, float]:
    """Say how many requests copying takes, roughly, and how long."""
    from holdall.bulk.making import PART_BYTES

    files, size_bytes = planned.all_to_do.files, planned.all_to_do.size_bytes
    each = 1 if type(planned.source) is not type(planned.destination) else 2
    if _passes_by(planned):
        # What it takes the store is not known; nothing of it goes over the line.
        each, size_bytes = 4, 0
    # To replace a file: a HEAD, a copy and a DELETE.
    replaced = 3 * planned.in_conflict.files if planned.replaces else 0
    requests = each * files + replaced + size_bytes // PART_BYTES + files // 1000 + 1
    return requests, max(requests * REQUEST_SECONDS / workers, size_bytes / BYTES_PER_SECOND)


def _passes_by(planned: Plan) -> bool:
    """Say whether most of the files are copied by the store itself."""
    from holdall.bulk.copier import FETCHED_BYTES
    from holdall.bulk.places import Store
    from holdall.storage.objects import target_of

    source, destination, todo = planned.source, planned.destination, planned.all_to_do
    return (
        isinstance(source, Store)
        and isinstance(destination, Store)
        and todo.size_bytes > FETCHED_BYTES * todo.files
        and target_of(source.storage).with_bucket(None) == target_of(destination.storage).with_bucket(None)
    )


def _plan_as_json(planned: Plan) -> dict[str, Any]:
    return {
        "source": str(planned.source),
        "destination": str(planned.destination),
        "to_copy": vars(planned.to_copy),
        "same": vars(planned.same),
        "in_conflict": vars(planned.in_conflict),
        "on_conflict": "replace" if planned.replaces else "leave",
        "only_there": vars(planned.only_there),
        "missed": len(planned.missed),
        "left_out": len(planned.troubles),
        "becomes_public": _becomes_public(planned),
    }


# -- the outcome


def _say_outcome(session: Session, planned: Plan, outcome: Outcome, options: argparse.Namespace) -> None:
    if options.as_json:
        _event(session, "outcome", _outcome_as_json(outcome))
        return
    write = session.out.write
    copied = outcome.copied
    if outcome.slowed:
        write(f"The store was too busy {as_count(outcome.slowed, 'time')}, so it was sent fewer requests at a time.\n")
    if outcome.conflicts:
        _list(
            session, "Taken by another file since the plan was made", outcome.conflicts, len(outcome.conflicts), options
        )
    failed = (f"{name}: {reason}" for name, reason in outcome.failures)
    _list(session, "Failed", failed, len(outcome.failures), options)
    if len(outcome.unproven):
        write(
            f"For {as_count(len(outcome.unproven), 'file')} only the length was compared: the store has no checksum.\n"
        )
    write(
        f"Done: {copied.files:,} of {as_count(planned.all_to_do.files, 'file')} copied and verified "
        f"({as_size(copied.size_bytes)}).\n"
    )
    if outcome.failures or outcome.conflicts:
        write("What was copied stays: run it again for the rest.\n")


def _outcome_as_json(outcome: Outcome | None) -> dict[str, Any]:
    if outcome is None:
        return {"copied": {"files": 0, "size_bytes": 0}, "unproven": 0, "conflicts": [], "failures": []}
    return {
        "copied": vars(outcome.copied),
        "unproven": len(outcome.unproven),
        "conflicts": outcome.conflicts,
        "failures": [one._asdict() for one in outcome.failures],
    }


def _event(session: Session, event: str, content: dict[str, Any]) -> None:
    session.out.write(json.dumps({"version": JSON_VERSION, "event": event} | content, ensure_ascii=False) + "\n")
    session.out.flush()


def _check_report(options: argparse.Namespace, *ends: Place) -> None:
    """Refuse a report that cannot be written before hours of work instead of after them; or that would be copied."""
    from holdall.bulk.places import Folder

    if options.report is not None:
        for end in ends:
            if isinstance(end, Folder) and end.path.resolve() in options.report.resolve().parents:
                raise places.Misused(
                    f"The report {options.report} would be one of the files in {shown(str(end))}. Write it somewhere else."
                )
        try:
            options.report.open("a").close()
        except OSError as failure:
            raise places.Misused(
                f"The report {options.report} cannot be written: {failure.strerror}. Nothing was done."
            ) from failure


def _write_report(options: argparse.Namespace, planned: Plan, outcome: Outcome | None) -> None:
    if options.report is None:
        return
    report = {
        "version": JSON_VERSION,
        **_plan_as_json(planned),
        "conflicts": [entry.name for entry in planned.conflicts] + (outcome.conflicts if outcome else []),
        "left_out": [one._asdict() for one in planned.troubles],
        "failures": [one._asdict() for one in outcome.failures] if outcome else [],
        "unproven": list(outcome.unproven) if outcome else [],
        "copied": vars(outcome.copied) if outcome else None,
    }
    try:
        options.report.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as failure:
        # The work is done; this is no misuse.
        raise HoldallError(f"The report {options.report} cannot be written: {failure.strerror}.") from failure
