"""The files that the storage opens and is given: read, written, or read a second time."""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import IO, Any, cast

from django.core.files.base import File

from holdall.s3.reading import BUFFER_BYTES, ObjectReader
from holdall.s3.saving import NewObject
from holdall.storage.awaited import AwaitedFile
from holdall.storage.draft import Draft
from holdall.storage.modes import Mode


class ObjectFile(AwaitedFile):
    """A file of the store, opened in any of Python's modes.

    Opened for reading it is seekable, buffered, and fetched in ranges as it is read. Opened for writing it appears in
    the store when it is closed, whole; an exception inside `with`, or forgetting to close it, leaves what was there
    before. Nothing of it touches the disk. In text mode it is UTF-8.

    `async for` and `async with` work as `for` (in pieces, not lines) and `with` do, and `aread`, `awrite`, `aseek` and
    `aclose` do not block an event loop.

    `open` opens it again, also in another mode. `unpacks`: what was stored packed (by the option `gzip`) is unpacked as
    it is read, and `size` is then that of what is read.

    Requests: to read, one GET when it is opened, which brings a small file whole; then one for each block beyond. To
    write, see `Draft`.

    Raises:
        NameTaken: in mode "x", when it is closed or has outgrown its memory; the file that has the name is untouched.
    """

    # Set while it is open for reading, and while it is open for writing.
    reader: ObjectReader | None = None
    draft: Draft | None = None
    # Whether a copy must be of exactly what was read, although somebody else may write there.
    is_pinned = False
    # What the store made of it by a copy of its own, when it was saved.
    made: NewObject | None = None

    def __init__(
        self,
        open_content: Callable[[], ObjectReader | Draft],
        *,
        name: str,
        mode: str,
        unpacks: bool = False,
        storage: Any = None,
    ) -> None:
        self._open_content = open_content
        self._unpacks = unpacks
        # Where it is, and where it is opened again: a fork writes its parent's files in its own store.
        self._origin = self._storage = storage
        # Shown by error pages, also of a file that could not be opened.
        self.name = name
        super().__init__(self._opened(mode), name)
        self.mode = mode

    def _opened(self, mode: str) -> IO[Any]:
        content: Any = self._open_content()
        self.reader = self.draft = None
        is_text = Mode.of(mode).is_text
        if isinstance(content, Draft):
            self.draft = content
            return _DraftText(content) if is_text else cast("IO[Any]", content)
        self.reader = content
        content = _Buffered(content, BUFFER_BYTES)
        if self.is_unpacked:
            content = _Unpacking(content)
        return io.TextIOWrapper(content, encoding="utf-8") if is_text else content

    def belongs_to(self, storage: Any) -> None:
        """Let it be opened again through another storage, which shows it as its own."""
        self._storage = storage

    @property
    def is_unpacked(self) -> bool:
        """Whether what is read differs from what is in the store."""
        return self._unpacks and self.reader is not None and self.reader.encoding == "gzip"

    @property
    def size(self) -> int:
        """How many bytes can be read from it, or were written so far.

        Requests: none; of a packed file of more than 64 KiB one GET.
        """
        if self.draft is not None:
            return self.draft.size_bytes
        assert self.reader is not None  # noqa: S101  for the type checker
        return _unpacked_size(self.reader) if self.is_unpacked else self.reader.size

    @property
    def obj(self) -> Any:
        """The SDK's object of this file, as django-storages' files have it. Requests: none until it is used."""
        if self._origin is None:
            raise AttributeError("obj")
        return self._origin.bucket.Object(self._origin._key(self.name))

    def open(self, mode: str | None = None, *_arguments: Any, **_options: Any) -> ObjectFile:
        """Go back to the beginning, or open the file again: when it is closed, or in another mode.

        What was written until then is stored first. A field keeps its file, and opens it to read once and to write
        another time.
        """
        if mode is None and self.closed and self.draft is not None:
            raise ValueError(f'"{self.name}" was written and closed; say in which mode to open it again.')
        wanted = mode or self.mode
        if not self.closed and Mode.of(wanted) == Mode.of(self.mode):
            self.seek(0)
            return self
        self.close()
        self._is_given_up = False
        if self._storage is None:
            if not Mode.of(wanted).is_reading:
                raise ValueError(f'"{self.name}" was opened for reading; open it through its storage to write.')
            self.file = self._opened(wanted)
        else:
            again = self._storage._open(self.name, wanted)
            self.file, self.reader, self.draft = again.file, again.reader, again.draft
            self._origin, self._open_content = again._origin, again._open_content
        self.mode = wanted
        return self

    def readlines(self, _hint: int = -1) -> list[Any]:
        # Django's own iteration, which ends lines at a carriage return too.
        return list(File.__iter__(self))

    def abandon(self) -> None:
        """Close without saving: nothing of what was written is left in the store."""
        if self.draft is not None:
            self.draft.abandon()

    def close(self) -> None:
        if self.draft is not None and (self._is_given_up or _leaves_by_an_exception(sys._getframe(1))):
            self.abandon()
        else:
            super().close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.abandon()
        self.close()


def _leaves_by_an_exception(frame: FrameType | None) -> bool:
    """Say whether a file is being closed by the end of `with field.open(...)` in which something failed.

    The `with` of a field is Django's, and tells `close` nothing of the exception: half a file would be stored.
    """
    for _ in range(2):
        if frame is not None and frame.f_code is File.__exit__.__code__:
            return frame.f_locals.get("exc_type") is not None
        frame = frame.f_back if frame is not None else None
    return False


def _unpacked_size(reader: ObjectReader) -> int:
    """Read how long a packed file is when it is unpacked, without unpacking it: gzip says so at its end.

    It counts to 4 GiB and starts again: https://www.rfc-editor.org/rfc/rfc1952 (ISIZE).
    """
    position = reader.tell()
    try:
        reader.seek(max(reader.size - 4, 0))
        return int.from_bytes(reader.readall(), "little")
    finally:
        reader.seek(position)


NO_DESCRIPTOR = (
    "A file in a bucket has no file descriptor. Where a program needs one, copy it to the disk first: "
    "`shutil.copyfileobj(file, tempfile.NamedTemporaryFile())`."
)


class _Buffered(io.BufferedReader):
    """Say in words what a file in a bucket cannot have. Callers expect this type of error, and manage without."""

    def fileno(self) -> int:
        raise io.UnsupportedOperation(NO_DESCRIPTOR)


class _Unpacking(gzip.GzipFile):
    """Unpack what is read, and close it with itself."""

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed = packed
        super().__init__(fileobj=packed, mode="rb")

    def close(self) -> None:
        super().close()
        self._packed.close()


class _DraftText(io.TextIOWrapper):
    """Write texts; bytes are taken too, as django-storages takes them."""

    def __init__(self, draft: Draft) -> None:
        # Nothing is held back: whoever abandons the draft abandons all.
        super().__init__(cast("IO[bytes]", draft), encoding="utf-8", write_through=True)
        self._draft = draft

    def write(self, text: Any) -> int:
        return super().write(text if isinstance(text, str) else bytes(text).decode())

    def __del__(self) -> None:
        # `io` would close it, and so store what was forgotten.
        self._draft.abandon()
