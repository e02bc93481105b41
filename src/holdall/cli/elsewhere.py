"""`holdall copy --celery`: the plan is made here, and carried out by the project's Celery workers."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from holdall.cli import places
from holdall.cli.progress import Progress
from holdall.cli.terminal import Session, as_count

if TYPE_CHECKING:
    from holdall.bulk.copying import Outcome
    from holdall.bulk.plan import Plan


def check(options: argparse.Namespace, session: Session) -> None:
    """Refuse what cannot be carried out elsewhere, before anything is listed.

    Raises:
        Misused: Celery is not installed, or a place is one that no worker could open.
        NoWorkers: the project has none.
    """
    for text in (options.source, options.destination):
        places.check_is_alias(text, session)
    from holdall.bulk.places import Folder

    if isinstance(destination := places.open_place(options.destination, session), Folder):
        raise places.Misused(
            f"The destination is {destination}: each worker would write it on its own machine. Leave out --celery."
        )
    try:
        from holdall.bulk.crew import check_workers
    except ImportError:
        raise places.Misused(
            "--celery needs Celery, which is not installed: pip install 'django-holdall[celery]'."
        ) from None
    if not options.plan_only:
        check_workers()


def applied(planned: Plan, options: argparse.Namespace, session: Session, progress: Progress) -> Outcome:
    """Carry out a plan by the workers.

    Raises:
        NoWorkers: the broker cannot be reached. Nothing was sent.
    """
    from holdall.bulk.crew import CeleryCrew
    from holdall.bulk.dispatch import Dispatch

    order = {
        "source": [options.source, str(planned.source)],
        "destination": [options.destination, str(planned.destination)],
        "workers": options.workers,
    }
    with CeleryCrew(order) as crew:
        dispatch = Dispatch(
            planned, crew, report=lambda name, files, size_bytes: progress.advance(name, size_bytes, files)
        )
        try:
            return dispatch.run()
        except KeyboardInterrupt:
            session.err.write(
                "\nWhat had not begun was taken back. "
                f"Workers are still at {as_count(dispatch.begun, 'shard')}, and will finish.\n"
                "What is done stays done: run the same command again for the rest.\n"
            )
            raise
