"""What waits for a transaction of the database: a file is not taken away while its row may come back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import NamedTuple

from holdall.errors import HoldallError
from holdall.shown import shown

log = logging.getLogger("holdall")


class Deed(NamedTuple):
    """What is done now, and what instead once a transaction has committed."""

    now: Callable[[], object]
    later: Callable[[], object]


# Filled in place of doing anything, where another thread than the caller's does the work: only in the caller's own are
# its transactions seen.
_left_to_caller: ContextVar[list[Deed] | None] = ContextVar("holdall_left_to_caller", default=None)


@contextmanager
def leaving_to_caller() -> Iterator[list[Deed]]:
    """Collect what would be done after a transaction of this thread, for the caller to do by `after_commit`."""
    deeds: list[Deed] = []
    before = _left_to_caller.set(deeds)
    try:
        yield deeds
    finally:
        _left_to_caller.reset(before)


def after_commit(deed: Callable[[], object], later: Callable[[], object] | None = None) -> None:
    """Do something now, or once every transaction has committed that is open in this thread; never if one is rolled back.

    `later` is done instead of the deed where it had to wait. Its failure is logged: the rows are gone by then, and the
    request that deleted them did what it was asked for.
    """
    if (left := _left_to_caller.get()) is not None:
        left.append(Deed(deed, later or deed))
    elif not waits_for_commit(partial(logging_failure, later or deed)):
        deed()


def waits_for_commit(deed: Callable[[], object]) -> bool:
    """Let something be done once every transaction has committed that is open in this thread. False: there is none."""
    # Here, because it takes a while, and a command without a project has no database.
    from django.db import connections

    waiting = {one.alias: one for one in connections.all(initialized_only=True) if one.in_atomic_block}
    left = set(waiting)

    def committed(alias: str) -> None:
        left.discard(alias)
        if not left:
            deed()

    for alias, connection in waiting.items():
        connection.on_commit(partial(committed, alias), robust=True)
    return bool(waiting)


def logging_failure(deed: Callable[[], object]) -> None:
    """Do something that nobody hears of: its failure is logged."""
    try:
        deed()
    except HoldallError as failure:
        log.error(  # noqa: TRY400  the failure says all
            "A deleted file could not be moved into the trash after its transaction, and is still where it was: %s",
            shown(str(failure)),
        )
