"""A failure that ends a command is told once: by the command, and not also by the log on the same stream."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from holdall.s3.circuit import FIRST_FAILURE


class Once(logging.Filter):
    """Holds back what the log would say of a failure on the standard error; all other handlers get it."""

    def __init__(self) -> None:
        super().__init__()
        # Whether the command has told what went wrong.
        self.is_told = False
        self.held: list[logging.LogRecord] = []

    def filter(self, record: logging.LogRecord) -> bool:
        if record.msg != FIRST_FAILURE:
            return True
        self.held.append(record)
        return False


@contextmanager
def failures_told_once() -> Iterator[Once]:
    """Hold back inside what the log says of failures, and let it out at the end if the command did not tell.

    Only handlers that write to the standard error wait: a site's files and services get everything at once.
    """
    once, handlers = Once(), _on_stderr()
    for handler in handlers:
        handler.addFilter(once)
    try:
        yield once
    finally:
        for handler in handlers:
            handler.removeFilter(once)
        if not once.is_told:
            for record in dict.fromkeys(once.held):
                for handler in handlers:
                    if record.levelno >= handler.level:
                        handler.handle(record)


def _on_stderr() -> list[logging.Handler]:
    """Give the handlers of the logger `holdall` that write to the standard error; without any, the one that Python takes."""
    found: list[logging.Handler] = []
    logger: logging.Logger | None = logging.getLogger("holdall")
    while logger is not None:
        found += logger.handlers
        logger = logger.parent if logger.propagate else None
    if not found and logging.lastResort is not None:
        found = [logging.lastResort]
    return [one for one in found if isinstance(one, logging.StreamHandler) and one.stream is sys.stderr]
