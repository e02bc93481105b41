"""The file that a form, its validators and a model see of a direct upload: it is in the store, and is read in ranges."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from django.core.files.uploadedfile import UploadedFile

from holdall.errors import HoldallError, NameTaken, ObjectNotFound
from holdall.s3.reading import ObjectReader
from holdall.s3.staging import Staging
from holdall.shown import shown
from holdall.storage.files import ObjectFile
from holdall.uploads import limits, tickets, transfer
from holdall.uploads.refusals import UploadRefused
from holdall.uploads.tickets import Ticket

log = logging.getLogger("holdall")


class StagedObject(ObjectFile):
    """An object in the staging area, opened for reading and bound to what it was when its ticket was accepted."""

    # A copy is made of exactly what was looked at, or not at all.
    is_pinned = True

    def __init__(self, staging: Staging, ticket: Ticket) -> None:
        self.staging, self.ticket = staging, ticket
        open_reader = partial(
            ObjectReader, staging.store, None, name=ticket.name, key=f"{staging.prefix}{ticket.key}", parameters={}
        )
        super().__init__(open_reader, name=ticket.name, mode="rb")

    def _opened(self, mode: str) -> IO[Any]:
        content = super()._opened(mode)
        assert self.reader is not None  # noqa: S101  for the type checker
        size, etag = self.reader.size, self.reader.etag
        try:
            if etag is None:
                # Of an empty object not every store tells it when it is read.
                size, etag = self.staging.look(self.ticket.key)
            # Also when it is opened again: what was put there meanwhile is not what was looked at.
            transfer.check_arrived(self.ticket, size, etag)
        except UploadRefused:
            content.close()
            raise
        if not self.ticket.etag:
            self.ticket = replace(self.ticket, etag=etag, size=size)
        return content

    @contextmanager
    def being_saved(self) -> Iterator[None]:
        """Let it be saved once: whoever saves it again is refused, also when he does at the same moment.

        Requests: one PUT before it is saved, one DELETE after it was; or one DELETE if that failed.

        Raises:
            UploadRefused: it was saved before.
        """
        try:
            self.staging.spend(self.ticket.key)
        except NameTaken as taken:
            raise UploadRefused("spent", "The upload has become a file.") from taken
        try:
            yield
        except BaseException:
            # The form may be sent again.
            self.staging.give_back(self.ticket.key)
            raise
        limits.free_slot(self.ticket.account, self.ticket.slot, self.ticket.key)
        try:
            self.staging.remove(self.ticket.key)
        except HoldallError as failure:
            log.warning(
                'The upload of "%s" was saved, and could not be taken out of the staging area: %s',
                shown(self.ticket.name),
                failure,
            )


if TYPE_CHECKING:
    # Generic to the type checker alone.
    UploadedBytes = UploadedFile[bytes]
else:
    UploadedBytes = UploadedFile


class StagedFile(UploadedBytes):
    """A direct upload as a form's value: a file with a name, a size and a content type, that can be read and saved.

    Requests: one GET when it is made, which brings the first 64 KiB; one for each block that is read beyond.
    """

    file: StagedObject

    def __init__(self, staged: StagedObject, *, value: str) -> None:
        ticket = staged.ticket
        super().__init__(
            staged,
            name=ticket.name,
            content_type=ticket.type,
            size=staged.size,
        )
        # What a form shows again when another field has an error.
        self.ticket = value

    @contextmanager
    def for_pillow(self) -> Iterator[None]:
        """Let Django's `ImageField` give Pillow the file itself inside, which reads what it needs, and not all of its bytes."""
        self.temporary_file_path = lambda: self
        try:
            yield
        finally:
            # Outside it would be taken for a file on the disk.
            del self.temporary_file_path

    def open(self, mode: str | None = None, *_arguments: Any, **_options: Any) -> StagedFile:
        """Go back to the beginning, or open it again after it was closed."""
        self.file.open(mode)
        return self


def open_staged(text: object) -> StagedFile:
    """Open the upload that a form's value stands for. The caller decides who can. One GET.

    Raises:
        UploadRefused: the ticket is not valid, or what it is for is gone, spent or another.
    """
    ticket = tickets.read_accepted(text)
    return opened(ticket, str(text))


def opened(ticket: Ticket, value: str) -> StagedFile:
    """Open the upload of a ticket. One GET. Raises: as `open_staged`."""
    staging = transfer.place_of(ticket)
    try:
        staged = StagedObject(staging, ticket)
    except ObjectNotFound as missing:
        reason = "spent" if staging.is_spent(ticket.key) else "gone"
        raise UploadRefused(reason, "The store has no such object.") from missing
    return StagedFile(staged, value=value)


def staged_of(content: Any) -> StagedObject | None:
    """Give the object behind a file that was uploaded directly; None of any other."""
    found = getattr(content, "file", None)
    return found if isinstance(found, StagedObject) else None
