"""What is being written to a file, before it is stored: all of it in memory, or a part that a long stream has not sent."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NoReturn

from holdall.s3.multipart import Parts
from holdall.s3.reading import NothingBefore
from holdall.s3.saving import NewObject
from holdall.storage.modes import Mode

# How much is held in memory: as much as can be read again and changed before the file is closed.
HELD_BYTES = 64 * 1024 * 1024


class Draft(io.RawIOBase):
    """Hold what is written until it is closed, and store it then.

    Up to `HELD_BYTES` it can be read and changed anywhere, as on a disk. What is longer is sent in parts while it is
    written, if nothing but its end can change; of a writer that has gone back once, as much stays here for the next
    time. A mode that reads and writes goes no further.

    Requests: those of `NewObject.create`, when it is closed; of a longer file two, one a part while it is written, and
    one that reserves the name in mode "x".
    """

    def __init__(
        self,
        name: str,
        mode: Mode,
        *,
        target: Callable[[io.BytesIO], NewObject],
        parts: Parts,
        content: bytes = b"",
        around: Callable[[NewObject], AbstractContextManager[None]] = lambda _made: nullcontext(),
    ) -> None:
        self._name = name
        self._mode = mode
        self._make_target = target
        self._parts = parts
        # Encloses what stores it.
        self._around = around
        self._held = io.BytesIO(content)
        self._goes_back = False
        # The upload in parts, once there is one, and what it has taken.
        self._upload: NewObject | None = None
        self._sent_bytes = 0
        self._etags: list[str] = []

    @property
    def size_bytes(self) -> int:
        """How many bytes the file has so far."""
        return self._sent_bytes + self._held.getbuffer().nbytes

    # -- what io asks for

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        raise io.UnsupportedOperation("A file in a bucket has no file descriptor.")

    def tell(self) -> int:
        self._check_open()
        return self._sent_bytes + self._held.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._check_open()
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self.size_bytes}.get(whence)
        if base is None:
            raise ValueError(f"whence is {whence}; use 0 (start), 1 (here) or 2 (end).")
        self._goes_back = True
        self._held.seek(self._within(base + offset))
        return self.tell()

    def truncate(self, size: int | None = None) -> int:
        self._check_open()
        size = self.tell() if size is None else size
        there = self._within(size)
        with self._abandoning():
            if there > HELD_BYTES:
                self._refuse()
            position = self._held.tell()
            self._held.truncate(there)
            missing = there - self._held.getbuffer().nbytes
            if missing > 0:
                self._held.seek(0, io.SEEK_END)
                self._held.write(bytes(missing))
            self._held.seek(position)
        return size

    def readinto(self, buffer: Any) -> int:
        self._check_open()
        return self._held.readinto(buffer)

    def write(self, data: Any) -> int:
        self._check_open()
        # A caller that writes texts counts characters; the store counts bytes.
        rest = memoryview(data.encode() if isinstance(data, str) else data).cast("B")
        with self._abandoning():
            if self._mode.kind == "a":
                self._held.seek(0, io.SEEK_END)
            while rest:
                if self._held.tell() > HELD_BYTES + self._parts.part_bytes:
                    # Whoever went that far beyond the end wants zeros in between.
                    self._refuse()
                self._held.write(rest[:HELD_BYTES])
                rest = rest[HELD_BYTES:]
                self._make_room()
        return len(data)

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError(f'"{self._name}" is closed.')

    def _within(self, position: int) -> int:
        """Turn a position in the file into one in what is held."""
        if position < 0:
            raise NothingBefore(position)
        if position < self._sent_bytes:
            raise io.UnsupportedOperation(
                f'The first {self._sent_bytes:,} bytes of "{self._name}" were sent to the store already, so it cannot go '
                f"back to byte {position:,}. A file of up to {HELD_BYTES:,} bytes can be changed anywhere."
            )
        return position - self._sent_bytes

    def _refuse(self) -> NoReturn:
        remedy = 'Mode "wb" has no such limit for what is written from beginning to end.' if self._mode.is_held else ""
        raise io.UnsupportedOperation(
            f'"{self._name}" cannot be longer than {HELD_BYTES:,} bytes when it is written like this: it is held in '
            f"memory until it is closed. Nothing was saved. {remedy}".rstrip()
        )

    # -- sending

    def _make_room(self) -> None:
        """Send the parts that are full, once more is held than may be."""
        held_bytes = self._held.getbuffer().nbytes
        if self._upload is None:
            if held_bytes <= HELD_BYTES:
                return
            if self._mode.is_held:
                self._refuse()
            upload = self._target()
            # Nothing of a stream can be sent a second time: the name must be certain before the first part.
            upload.start(again=False)
            self._upload = upload
        part_bytes = self._parts.part_bytes
        stays_bytes = HELD_BYTES if self._goes_back else 0
        done = 0
        while held_bytes - done - stays_bytes >= part_bytes:
            self._send(self._held.getbuffer()[done : done + part_bytes])
            done += part_bytes
        if done:
            position = self._held.tell() - done
            self._held = io.BytesIO(self._held.getbuffer()[done:])
            self._held.seek(position)
            self._sent_bytes += done

    def _send(self, data: memoryview) -> None:
        assert self._upload is not None  # noqa: S101  for the type checker
        self._etags.append(self._upload.send(len(self._etags) + 1, bytes(data)))

    def _target(self) -> NewObject:
        # Made when the first bytes are known: they decide what the browser may do with the file.
        position = self._held.tell()
        target = self._make_target(self._held)
        self._held.seek(position)
        return target

    @contextmanager
    def _abandoning(self) -> Iterator[None]:
        """Take back what was begun when something inside fails."""
        try:
            yield
        except BaseException:
            self.abandon()
            raise

    def close(self) -> None:
        """Store the file."""
        if self.closed:
            return
        with self._abandoning():
            target = self._upload or self._target()
        with self._around(target):
            with self._abandoning():
                if self._upload is None:
                    self._held.seek(0)
                    # Held here whole, so it can be sent a second time.
                    target.create(self._held, again=True)
                else:
                    held = self._held.getbuffer()
                    for start in range(0, len(held), self._parts.part_bytes):
                        self._send(held[start : start + self._parts.part_bytes])
                    self._upload.finish(self._etags)
            self._end()

    def abandon(self) -> None:
        """Close without storing: nothing of it is left in the store."""
        if self.closed:
            return
        self._end()
        if self._upload is not None:
            self._upload.abandon()

    def _end(self) -> None:
        # `io` calls close() on whatever is garbage; it must find this one closed.
        super().close()
        self._held = io.BytesIO()

    def __del__(self) -> None:
        if hasattr(self, "_etags"):
            self.abandon()
