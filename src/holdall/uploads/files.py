"""The file that a form, its validators and a model see of a direct upload: it is in the store, and is read in ranges."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from django.core.files.uploadedfile import UploadedFile

from holdall.errors import NameTaken, ObjectNotFound
from holdall.s3.begun import customer_key
from holdall.s3.reading import ObjectReader
from holdall.s3.staging import Staging
from holdall.shown import shown
from holdall.storage.files import ObjectFile
from holdall.uploads import admission, limits, tickets, transfer
from holdall.uploads.refusals import UploadRefused
from holdall.uploads.tickets import Ticket

log = logging.getLogger("holdall")


class StagedObject(ObjectFile):
    """An object in the staging area, opened for reading and bound to what it was when its ticket was accepted."""

    # A copy is made of exactly what was looked at, or not at all.
    is_pinned = True

    def __init__(self, staging: Staging, ticket: Ticket) -> None:
        self.staging, self.ticket = staging, ticket
        # Whether it has become a file, by which this one is read on, and saved again.
        self.is_spent = False
        open_reader = partial(
            ObjectReader, staging.store, None, name=ticket.name, key=f"{staging.prefix}{ticket.key}", parameters={}
        )
        super().__init__(open_reader, name=ticket.name, mode="rb")

    def _opened(self, mode: str) -> IO[Any]:
        content = super()._opened(mode)
        if self.is_spent:
            return content
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

        The project's own code may save the same file again, as it may every other: it is copied from the file that was made.

        Requests: one PUT before it is saved, one DELETE after it was; or one DELETE if that failed. One HEAD to save it again.

        Raises:
            UploadRefused: it was saved before.
        """
        if self.is_spent:
            if self.made is not None and self.reader is not None:
                self.reader.etag = self.reader.look().get("ETag")
            yield
            return
        try:
            self.staging.spend(self.ticket.key)
        except NameTaken as taken:
            raise UploadRefused("spent", "The upload has become a file.") from taken
        try:
            yield
        except BaseException:
            # The form may be sent again.
            with self._telling("was not saved, and is noted as saved: it has to be uploaded again"):
                self.staging.give_back(self.ticket.key)
            raise
        self.is_spent = True
        self._follow()
        with self._telling("was saved, and could not be taken out of the staging area"):
            self.staging.remove(self.ticket.key)
        with self._telling("was saved, and still counts as open"):
            limits.free_slot(self.ticket.account, self.ticket.slot, self.ticket.key)

    def _follow(self) -> None:
        """Be read from the file that the store made of it: to make a thumbnail, or to send it by mail."""
        if (made := self.made) is None or self.reader is None:
            return
        at: dict[str, Any] = {"key": made.key, "parameters": customer_key(made.parameters)}
        self.reader.follow(made.connection, made.client, **at)
        self._open_content = partial(ObjectReader, made.connection, made.client, name=self.ticket.name, **at)

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Tell the log of a failure that changes nothing of what became of the save: the store's, or the cache's."""
        try:
            yield
        except Exception as failure:  # noqa: BLE001  what caches raise is their own
            log.warning('The upload of "%s" %s: %s', shown(self.ticket.name), what, failure)


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
    staging = admission.place_of(ticket)
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
