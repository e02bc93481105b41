"""The files that the storage opens and is given: read, written as a stream, or read a second time."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, cast

from django.core.files.base import File

from holdall.s3.bodies import Readable, read_exactly
from holdall.s3.reading import BUFFER_BYTES, ObjectReader
from holdall.s3.saving import NewObject, Parts

if TYPE_CHECKING:
    # Generic to the type checker alone.
    BytesFile = File[bytes]
else:
    BytesFile = File

MODES = frozenset({"r", "rb", "rt", "w", "wb", "wt"})


class ObjectFile(BytesFile):
    """A file of the store, opened for reading: seekable, buffered, fetched in ranges as it is read.

    Nothing of it touches the disk. In text mode it is UTF-8. After `close` only `open` is allowed, which begins anew.
    `unpacks`: what was stored packed (by the option `gzip`) is unpacked as it is read; `size` is that of the object.

    Requests: one GET when it is opened, which brings a small file whole; then one for each block beyond.
    """

    def __init__(self, open_reader: Callable[[], ObjectReader], *, name: str, mode: str, unpacks: bool = False) -> None:
        self._open_reader = open_reader
        self._unpacks = unpacks
        super().__init__(self._opened(mode), name)
        self.mode = mode

    def _opened(self, mode: str) -> IO[Any]:
        self.reader = self._open_reader()
        content: Any = io.BufferedReader(self.reader, BUFFER_BYTES)
        if self.is_unpacked:
            content = _Unpacking(content)
        return content if "b" in mode else io.TextIOWrapper(content, encoding="utf-8")

    @property
    def is_unpacked(self) -> bool:
        """Whether what is read is not what lies in the store."""
        return self._unpacks and self.reader.encoding == "gzip"

    @property
    def size(self) -> int:
        """The size of the object in bytes."""
        return self.reader.size

    def open(self, mode: str | None = None, *_arguments: Any, **_options: Any) -> ObjectFile:
        wanted = mode or self.mode
        if "r" not in wanted or wanted not in MODES:
            raise ValueError(f'"{self.name}" was opened for reading; open it through the storage for mode "{mode}".')
        if self.closed or wanted != self.mode:
            # A field keeps its file, and may be asked for bytes once and for text another time.
            self.close()
            self.file = self._opened(wanted)
            self.mode = wanted
        else:
            self.seek(0)
        return self

    def readlines(self, _hint: int = -1) -> list[Any]:
        # Django's own iteration, which ends lines at a carriage return too.
        return list(self)


class _Unpacking(gzip.GzipFile):
    """Unpack what is read, and close it with itself."""

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed = packed
        super().__init__(fileobj=packed, mode="rb")

    def close(self) -> None:
        super().close()
        self._packed.close()


class NewFile(BytesFile):
    """A file that is written as a stream, under a name that nobody has unless the storage overwrites.

    It appears in the store when it is closed, whole; an exception inside `with`, or forgetting to close it, leaves
    nothing, or what was there before. Texts are written as UTF-8.

    Requests: one PUT when it is closed; beyond the multipart threshold two, one a part, and one that reserves the name
    where nothing is overwritten.

    Raises:
        NameTaken: when it is closed, or when the threshold is passed; the file that has the name is untouched.
    """

    def __init__(self, name: str, target: Callable[[IO[bytes]], NewObject], *, parts: Parts, mode: str) -> None:
        self._sink = _Sink(name, target, parts)
        # A raw stream that is written to is as much of a file as `File` needs here.
        super().__init__(cast("IO[bytes]", self._sink), name)
        self.mode = mode

    @property
    def size(self) -> int:
        """How many bytes were written so far."""
        return self._sink.tell()

    def open(self, mode: str | None = None, *_arguments: Any, **_options: Any) -> NewFile:
        if self.closed:
            raise ValueError(f'"{self.name}" was written and closed; open it through the storage to read it.')
        return self

    def abandon(self) -> None:
        """Close without saving: nothing of it is left in the store."""
        self._sink.abandon()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()


class _Sink(io.RawIOBase):
    """Collect what is written into parts, and send each that is full."""

    def __init__(self, name: str, target: Callable[[IO[bytes]], NewObject], parts: Parts) -> None:
        self._name = name
        self._make_target = target
        self._parts = parts
        self._buffer = bytearray()
        self._etags: list[str] = []
        self._written = 0
        # The upload in parts, once there is one.
        self._upload: NewObject | None = None

    def _target(self) -> NewObject:
        # Made when the first bytes are known: they decide what the browser may do with the file.
        return self._make_target(io.BytesIO(self._buffer))

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._written

    def write(self, data: Any) -> int:
        if self.closed:
            raise ValueError(f'"{self._name}" is closed.')
        # A caller that writes texts counts characters; the store counts bytes.
        piece = data.encode() if isinstance(data, str) else bytes(data)
        self._buffer += piece
        self._written += len(piece)
        try:
            self._send_full_parts()
        except BaseException:
            self.abandon()
            raise
        return len(data)

    def _send_full_parts(self) -> None:
        if self._upload is None:
            if len(self._buffer) <= self._parts.threshold_bytes:
                return
            # Nothing of a stream can be sent a second time: the name must be certain before the first part.
            upload = self._target()
            upload.start(again=False)
            self._upload = upload
        part_bytes = self._parts.part_bytes
        while len(self._buffer) >= part_bytes:
            self._send(self._upload, bytes(self._buffer[:part_bytes]))
            del self._buffer[:part_bytes]

    def _send(self, upload: NewObject, data: bytes) -> None:
        self._etags.append(upload.send(len(self._etags) + 1, data))

    def close(self) -> None:
        if self.closed:
            return
        try:
            if self._upload is None:
                self._target().put(bytes(self._buffer))
            else:
                if self._buffer:
                    self._send(self._upload, bytes(self._buffer))
                self._upload.finish(self._etags)
        except BaseException:
            self.abandon()
            raise
        super().close()

    def abandon(self) -> None:
        if not self.closed:
            self._buffer.clear()
            # `io` calls close() on whatever is garbage; it must find this one closed.
            super().close()
            if self._upload is not None:
                self._upload.abandon()

    def __del__(self) -> None:
        if hasattr(self, "_upload"):
            self.abandon()


def is_seekable(content: Any) -> bool:
    """Say whether a content can be read again from its beginning; something that has `read` alone cannot."""
    try:
        return bool(content.seekable())
    except AttributeError:
        # `File` asks what it wraps for more than a reader needs to have.
        return hasattr(content, "seek")


class Replayed(BytesFile):
    """A stream that can be read once, made to give its beginning a second time.

    A name that turns out to be taken must not cost the first bytes of a stream that cannot be rewound.
    """

    def __init__(self, stream: Readable, *, name: str | None, remembered_bytes: int) -> None:
        self._head = io.BytesIO(read_exactly(stream, remembered_bytes))
        self._rest: Readable | None = stream
        self._rest_was_read = False
        super().__init__(self._head, name)

    def seekable(self) -> bool:
        return not self._rest_was_read

    def seek(self, offset: int, whence: int = 0) -> int:
        if self._rest_was_read or (offset, whence) != (0, 0):
            raise io.UnsupportedOperation(
                "This stream goes back to its beginning alone, and only until more of it was read."
            )
        return self._head.seek(0)

    def read(self, size: int = -1, /) -> bytes:
        piece = self._head.read(size)
        if (piece and size >= 0) or self._rest is None:
            return piece
        more = self._rest.read(size)
        self._rest_was_read = self._rest_was_read or bool(more)
        return piece + more
