"""The upload handler: what a form sends through the server goes on into the store while it arrives.

`FILE_UPLOAD_HANDLERS = ["holdall.uploads.handlers.StoreUploadHandler"]`
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, RequestDataTooBig
from django.core.files.storage import storages
from django.core.files.uploadedfile import InMemoryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopFutureHandlers

from holdall.uploads.options import options
from holdall.uploads.stores import media_storage
from holdall.uploads.streaming import Stream, StreamedFile

CHUNK_BYTES = 256 * 1024


class StoreUploadHandler(FileUploadHandler):
    """Send the files of a request into the staging area of the store; write nothing to the disk.

    Up to `FILE_UPLOAD_MAX_MEMORY_SIZE` of a request's files stay in memory, as with Django. A file that is more than that
    leaves room for is sent in parts while it arrives; what the form does not save is deleted when the request is over, and
    so is what arrived before the visitor went away. Saving it to a field is a copy by the store.

    The store is `STORAGE` in `HOLDALL_UPLOADS`, the alias `default` unless that says otherwise; `MAX_SIZE` there is the
    longest file. Requests: those of `holdall.uploads.streaming.Stream`.

    Raises:
        ImproperlyConfigured: the store is not Holdall's.
        RequestDataTooBig: a file is longer than `MAX_SIZE`.
        HoldallError: the store does not take it.
    """

    chunk_size = CHUNK_BYTES

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        # In memory, of all files of the request.
        self._held_bytes = 0
        self._stream: Stream | None = None
        self._memory = BytesIO()
        self._streams: list[Stream] = []
        if request is not None:
            _at_the_end(request, self.take_back)

    def new_file(self, *arguments: Any, **named: Any) -> None:
        super().new_file(*arguments, **named)
        self._stream, self._memory = None, BytesIO()
        raise StopFutureHandlers

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        most = options().max_size
        if start + len(raw_data) > most:
            self.take_back()
            raise RequestDataTooBig(f"A file of the request is longer than {most:,} bytes.")
        if self._stream is None:
            if self._held_bytes + len(raw_data) <= settings.FILE_UPLOAD_MAX_MEMORY_SIZE:
                self._held_bytes += self._memory.write(raw_data)
                return
            # By what has arrived, and not by what a request says of its length. A file that is in memory costs the store
            # nothing: the attack, a hundred tiny ones, none of which any form wants.
            self._stream = Stream(_storage(), str(self.file_name))
            self._streams.append(self._stream)
            self._held_bytes -= self._memory.tell()
            self._stream.write(self._memory.getvalue())
            self._memory = BytesIO()
        self._stream.write(bytes(raw_data))

    def file_complete(self, file_size: int) -> UploadedFile[bytes]:
        told = (self.file_name, self.content_type)
        stream, self._stream = self._stream, None
        if stream is None:
            self._memory.seek(0)
            return InMemoryUploadedFile(
                self._memory, self.field_name, *told, file_size, self.charset, self.content_type_extra
            )
        return StreamedFile(stream.finish(), *told, file_size, self.charset, self.content_type_extra)

    def upload_interrupted(self) -> None:
        # The file under way alone: the view gets those before it, as from Django's own handlers.
        if self._stream is not None:
            self._streams.remove(self._stream)
            self._stream.take_back()
            self._stream = None

    def take_back(self) -> None:
        """Delete what was not saved, and what was."""
        streams, self._streams = self._streams, []
        for stream in streams:
            stream.take_back()


def _storage() -> Any:
    alias = options().storage
    found = media_storage(storages[alias])
    if found is None:
        raise ImproperlyConfigured(
            f'The upload handler needs a store, and STORAGES["{alias}"] is not Holdall\'s, or only read. Use '
            "holdall.from_env() for STORAGES, or name another alias as STORAGE in HOLDALL_UPLOADS."
        )
    return found


def _at_the_end(request: Any, deed: Callable[[], None]) -> None:
    """Do something when Django closes a request: after its answer, whatever that is."""
    closing = request.close

    def close() -> None:
        try:
            closing()
        finally:
            deed()

    request.close = close
