"""What will be saved: a content that gives its bytes from the beginning, for each name that is tried, and who has them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any

from django.core.files.base import File
from storages.backends.s3 import S3File
from storages.utils import ReadBytesWrapper

from holdall.s3.bodies import Readable, read_exactly
from holdall.s3.saving import NewObject
from holdall.storage.files import ObjectFile

if TYPE_CHECKING:
    # Generic to the type checker alone.
    BytesFile = File[bytes]
else:
    BytesFile = File

# Files around a file; more than a project has.
_MOST_LAYERS = 8
# What decides which bytes a file gives.
_READS = {"read", "read1", "readall", "readinto", "readline", "readlines", "chunks", "multiple_chunks", "open", "file"}
_READS |= {"seek", "tell", "_get_file", "__iter__", "__next__", "__getattr__", "__getattribute__"}
# Files that give what they wrap, unchanged. By name, because Django's fields are slow to import.
_PLAIN = frozenset(
    {
        "django.core.files.base.File",
        "django.core.files.images.ImageFile",
        "django.core.files.uploadedfile.UploadedFile",
        "django.db.models.fields.files.FieldFile",
        "django.db.models.fields.files.ImageFieldFile",
        "holdall.uploads.files.StagedFile",
        "holdall.uploads.streaming.StreamedFile",
    }
)
_OURS = frozenset({f"{ObjectFile.__module__}.{ObjectFile.__qualname__}"})
_THEIRS = frozenset({f"{S3File.__module__}.{S3File.__qualname__}"})


class Upload:
    """A content that will be saved.

    `file` can be read again from its beginning, if not forever, and `starts_again` says that it can be wholly.
    """

    def __init__(self, content: Any, *, name: str | None, remembered_bytes: int) -> None:
        if not hasattr(content, "chunks"):
            content = File(content, name)
        self.file: Any = Chunked(content) if _counts_by_chunks(content) else content
        self.starts_again = is_seekable(self.file)
        if isinstance(content, Replayed):
            # A stream gives no more than its beginning a second time; what is sent in parts is longer.
            self.starts_again = False
        elif not self.starts_again:
            self.file = Replayed(self.body(), name=name, remembered_bytes=remembered_bytes)

    @property
    def can_rewind(self) -> bool:
        """Whether the next read can give the first bytes again."""
        return self.starts_again or is_seekable(self.file)

    def rewind(self) -> None:
        """Go back to the beginning, if that can be."""
        if self.can_rewind:
            self.file.seek(0)

    def body(self) -> Readable:
        """Give the bytes from here on; texts as UTF-8."""
        body: Readable = ReadBytesWrapper(self.file)
        return body

    def being_saved(self) -> AbstractContextManager[None]:
        """Give what is entered while the content is saved: a direct upload is saved once, whatever was put around it."""
        content = self.file
        for _ in range(_MOST_LAYERS):
            if (enter := getattr(content, "being_saved", None)) is not None:
                entered: AbstractContextManager[None] = enter()
                return entered
            content = getattr(content, "file", None)
        return nullcontext()

    def was_copied(self, made: NewObject) -> None:
        """Hear that the store made an object of it by a copy of its own."""
        if isinstance(file := self.stored_file(), ObjectFile):
            file.made = made

    def stored_file(self) -> ObjectFile | S3File | None:
        """Find the file of a store of which the content gives every byte unchanged, if it is one.

        The attack, or the mishap: a file that encrypts or redacts what it wraps, around one of the store, looked
        through: the plain text would be stored.
        """
        content = self.file
        while _is_unchanged(content, _PLAIN):
            content = content.file
        if isinstance(content, ObjectFile) and _is_unchanged(content, _OURS):
            # In text mode the ends of lines are changed.
            reads = content.file
            if isinstance(reads, io.BufferedReader) and reads.raw is content.reader:
                return content
        if isinstance(content, S3File) and _is_unchanged(content, _THEIRS) and content._mode == "rb":
            # As it was fetched, and not what somebody put in its place.
            fetched = content._file
            return content if fetched is None or type(fetched) is SpooledTemporaryFile else None
        return None


def _is_unchanged(content: Any, kinds: frozenset[str]) -> bool:
    """Say whether a file is of one of these kinds and nothing about its reading was changed, nor on this one file."""
    if _READS & (getattr(content, "__dict__", {}).keys() - {"file"}):
        return False
    return _kind_is_unchanged(type(content), kinds)


def _kind_is_unchanged(kind: type, kinds: frozenset[str]) -> bool:
    for one in kind.__mro__:
        if f"{one.__module__}.{one.__qualname__}" in kinds:
            return True
        if _READS & vars(one).keys():
            return False
    return False


def _counts_by_chunks(content: Any) -> bool:
    """Say whether a file changes what `chunks` gives and not what `read` does: Django's own storages save the chunks."""
    if not hasattr(content, "read"):
        return True
    if not isinstance(content, File):
        return False
    changed = _changed_by_kind(type(content)) | getattr(content, "__dict__", {}).keys()
    return "chunks" in changed and "read" not in changed


def _changed_by_kind(kind: type) -> frozenset[str]:
    """Give what a class has of its own, beyond what it inherits of Django and of storages."""
    changed: set[str] = set()
    for one in kind.__mro__:
        if one.__module__.startswith(("django.", "storages.", "holdall.")):
            break
        changed |= vars(one).keys() & {"chunks", "read"}
    return frozenset(changed)


def is_seekable(content: Any) -> bool:
    """Say whether a content can be read again from its beginning; something that has `read` alone cannot."""
    try:
        return bool(content.seekable())
    except AttributeError:
        # `File` asks what it wraps for more than a reader needs to have.
        return hasattr(content, "seek")


class Chunked(BytesFile):
    """A file of which its chunks count, made readable; everything else of it is as it was."""

    def __init__(self, content: Any) -> None:
        self._content = content
        self._left = b""
        self._chunks: Iterator[Any] | None = None
        super().__init__(content, getattr(content, "name", None))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    def seekable(self) -> bool:
        return is_seekable(self._content)

    def tell(self) -> int:
        return 0

    def seek(self, offset: int, whence: int = 0) -> int:
        if (offset, whence) != (0, 0):
            raise io.UnsupportedOperation("Chunks go back to their beginning alone.")
        if self.seekable():
            self._content.seek(0)
        self._left, self._chunks = b"", None
        return 0

    def read(self, size: int = -1, /) -> bytes:
        if self._chunks is None:
            self._chunks = iter(self._content.chunks())
        pieces = [self._left]
        there = len(self._left)
        while size < 0 or there < size:
            piece = next(self._chunks, None)
            if piece is None:
                break
            pieces.append(piece.encode() if isinstance(piece, str) else bytes(piece))
            there += len(pieces[-1])
        data = b"".join(pieces)
        size = len(data) if size < 0 else size
        self._left = data[size:]
        return data[:size]


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
