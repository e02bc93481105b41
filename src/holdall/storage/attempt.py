"""The attempt of a save at one name: what is known of it by then, and what `_save` tells of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from holdall.errors import NameTaken
from holdall.s3.saving import NewObject
from holdall.storage.upload import Upload

# So often one save gives way to what the mirror has. A server that calls every name taken must fail no request.
MAX_RETREATS = 10


@dataclass
class Attempt:
    """One name that `save` tries: what its own `_save` tells it, past a project's of Django's signature."""

    storage: object
    # The content that `save` was given; None where a project saves under one name and no other.
    upload: Upload | None = None
    # Whether what is stored under this name is that content, and not what a project's `_save` makes of it.
    stores_the_content: bool = False
    # How often names were given up for files that the mirror has.
    retreats: int = 0
    # The key that may be replaced, because a project's rule for names insists on it.
    replaces: str | None = None
    # What `_save` found taken, unless it had saved something before: what comes later is another file's.
    taken: NameTaken | None = None
    has_saved: bool = False
    # What was stored under a name that was given up, and has all of the content that is left.
    given_up: NewObject | None = None

    @property
    def can_give_way(self) -> bool:
        """Whether another name can be tried once the file is stored."""
        if self.upload is None or self.has_saved or self.retreats >= MAX_RETREATS:
            return False
        return self.stores_the_content or self.upload.can_rewind


_attempt: ContextVar[Attempt | None] = ContextVar("holdall_attempt", default=None)
# The attempt of the `save` that is under way here.
current = _attempt.get


@contextmanager
def tried(attempt: Attempt) -> Iterator[None]:
    """Let an attempt be the one that is under way inside."""
    entered = _attempt.set(attempt)
    try:
        yield
    finally:
        _attempt.reset(entered)
