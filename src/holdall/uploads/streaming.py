"""A file on its way through the server into the staging area: sent in parts while it arrives, and taken back unless saved.

It is never whole in memory, and never on a disk. When it has arrived it is a file in the store, like a direct upload: a form
reads it in ranges, and the store copies it when it is saved.
"""

from __future__ import annotations

import logging
import sys
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.files.uploadedfile import UploadedFile
from django.forms import ImageField

from holdall.errors import HoldallError
from holdall.s3.greenlets import where_one_can_wait
from holdall.s3.reading import ObjectReader
from holdall.s3.saving import NewObject
from holdall.s3.staging import Staging, new_key
from holdall.shown import shown
from holdall.storage import MediaStorage
from holdall.storage.files import ObjectFile
from holdall.storage.objects import client_of, parts_of, reading_parameters
from holdall.uploads.stores import staging_of

if TYPE_CHECKING:
    # Generic to the type checker alone.
    UploadedBytes = UploadedFile[bytes]
else:
    UploadedBytes = UploadedFile

log = logging.getLogger("holdall")
# What the store does with an object, beside its bytes: how it encrypts it. Without it, the project's key is not used.
_ENCRYPTION = ("SSECustomer", "ServerSideEncryption", "SSEKMS", "BucketKey")


class Stream:
    """Sends what it is given into the staging area; holds two parts in memory at most.

    Requests: one PUT if it is no longer than a part; else two, and one a part. One DELETE when it is taken back.
    """

    def __init__(self, storage: MediaStorage, name: str) -> None:
        self._storage, self._name = storage, name
        self._staging: Staging = staging_of(storage)
        self._key = new_key()
        chosen = storage.get_object_parameters(name)
        # Nobody else knows the key, so nothing need be reserved.
        self._object = NewObject(
            connection=self._staging.store,
            client=client_of(storage),
            name=name,
            key=f"{self._staging.prefix}{self._key}",
            parameters={
                "ContentType": "application/octet-stream",
                **{key: value for key, value in chosen.items() if key.startswith(_ENCRYPTION)},
            },
            replace=True,
            parts=parts_of(storage),
        )
        self._pieces: list[bytes] = []
        self._held_bytes = self.size_bytes = 0
        self._etags: list[str] = []
        self._pool: ThreadPoolExecutor | None = None
        self._sending: Future[str] | None = None
        # However it ends: with the request, as garbage, with the interpreter.
        self._taking_back = weakref.finalize(self, _take_back, self._object, self._staging, self._key, [])

    def write(self, data: bytes) -> None:
        """Take what arrived; send it when it makes a part.

        Raises:
            HoldallError: the store did not take a part.
        """
        self._pieces.append(data)
        self._held_bytes += len(data)
        self.size_bytes += len(data)
        if self._held_bytes >= self._object.parts.part_bytes:
            self._send_part()

    def finish(self) -> StreamedObject:
        """Store what is left, and give the file.

        Raises:
            HoldallError: the store did not take it.
        """
        if self._pool is None:
            self._object.put(self._taken())
        else:
            if self._held_bytes:
                self._send_part()
            self._wait()
            self._pool.shutdown()
            self._object.finish(self._etags)
        self._taking_back.detach()
        # From here on it is an object, and no upload.
        self._taking_back = weakref.finalize(self, _take_back, self._object, self._staging, self._key, [True])
        parameters = reading_parameters(self._storage, self._name)
        return StreamedObject(self, self._staging, self._key, name=self._name, parameters=parameters)

    def take_back(self) -> None:
        """Leave nothing in the staging area. Never raises."""
        if self._sending is not None:
            # An abort must not be overtaken by a part.
            with suppress(HoldallError):
                self._sending.result()
        if self._pool is not None:
            self._pool.shutdown()
        self._taking_back()

    def _taken(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces, self._held_bytes = [], 0
        return data

    def _send_part(self) -> None:
        if self._pool is None:
            self._object.start(again=False)
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="holdall-stream")
        # One part is sent while the next arrives.
        self._wait()
        number = len(self._etags) + 1
        self._sending = self._pool.submit(copy_context().run, self._object.send, number, self._taken())

    def _wait(self) -> None:
        if self._sending is not None:
            sending, self._sending = self._sending, None
            self._etags.append(sending.result())


def _take_back(upload: NewObject, staging: Staging, key: str, is_whole: list[bool]) -> None:
    if not staging.store.is_own:
        # A copy that a fork made: it belongs to the process that began it.
        return
    upload.abandon()
    if is_whole:
        where_one_can_wait(partial(_remove, upload, staging, key))


def _remove(upload: NewObject, staging: Staging, key: str) -> None:
    try:
        staging.remove(key)
    except HoldallError as failure:
        log.warning(
            'What was uploaded as "%s" could not be taken out of the staging area: %s', shown(upload.name), failure
        )


class StreamedObject(ObjectFile):
    """What was streamed into the staging area, opened for reading."""

    def __init__(self, stream: Stream, staging: Staging, key: str, *, name: str, parameters: Mapping[str, Any]) -> None:
        # It is there as long as somebody has this.
        self.stream = stream
        open_reader = partial(
            ObjectReader, staging.store, None, name=name, key=f"{staging.prefix}{key}", parameters=dict(parameters)
        )
        super().__init__(open_reader, name=name, mode="rb")


class StreamedFile(UploadedBytes):
    """A file of a form that is in the staging area: it has a name, a size and a content type, and is read in ranges.

    Requests: one GET when it is made, which brings the first 64 KiB; one for each block that is read beyond.
    """

    file: StreamedObject

    @property
    def temporary_file_path(self) -> Callable[[], StreamedFile]:
        """Let Django's `ImageField` give Pillow the file itself, which reads what it needs; nobody else finds this here.

        The attack: a picture of some gigabytes. What has no path on the disk, the field reads whole into memory.
        """
        if sys._getframe(1).f_code is not ImageField.to_python.__code__:
            raise AttributeError("temporary_file_path")
        return lambda: self

    def open(self, mode: str | None = None, *_arguments: Any, **_options: Any) -> StreamedFile:
        """Go back to the beginning, or open it again after it was closed."""
        self.file.open(mode)
        return self
