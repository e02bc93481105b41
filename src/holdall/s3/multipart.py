"""A long file in parts: begun, sent a few parts at a time, and made one object of, under a name that is still nobody else's."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from holdall.errors import (
    AccessRefused,
    CredentialsRefused,
    HoldallError,
    NameTaken,
    ObjectNotFound,
    StoreFailed,
    StoreUnreachable,
)
from holdall.s3 import comparison
from holdall.s3.begun import Stage, customer_key
from holdall.s3.patience import refuse_if_stopped
from holdall.s3.putting import CONFLICTS, Put, digest_of
from holdall.s3.ranges import MAX_PARTS

# A copy, or the completion of an upload, is answered when it is done, by servers that do not say meanwhile that they are at it.
LEAST_WORK_BYTES_PER_SECOND = 10 * 1024**2


# What a part is made of: its bytes, or a range of another object.
Part = TypeVar("Part")


@dataclass(frozen=True, kw_only=True)
class Parts:
    """When a file is sent in parts, how long they are, and how many are sent at a time."""

    threshold_bytes: int
    part_bytes: int
    workers: int


@dataclass(kw_only=True, eq=False)
class Multipart(Put):
    """An object that is made of parts."""

    parts: Parts
    # Whether an earlier run may have begun the same, and have been ended before it could take it back.
    resumes: bool = False
    # What the store said of the parts, of an object that was sent in parts.
    part_etags: list[str] = field(default_factory=list, init=False)
    # How long each part is that was sent, by its number.
    _part_bytes: dict[int, int] = field(default_factory=dict, init=False)

    # -- multipart

    def start(self, *, again: bool) -> None:
        """Make sure of the name and begin the upload.

        Raises:
            NameTaken: the key is taken; nothing was begun.
        """
        with self.taking_back():
            self._start(again=again)

    def begin(self, *, again: bool) -> None:
        """As `start`, for parts that the store has already. Taking back is the caller's."""
        self._claim(again=again)
        self._begin_upload()

    def _start(self, *, again: bool) -> None:
        self.begin(again=again)
        if self.client is None and not customer_key(self.parameters) and comparison.is_unknown(self.connection):
            self._learn_comparison()
        # What was taken back on the way may have let go of the content.
        refuse_if_stopped()

    def _claim(self, *, again: bool) -> None:
        """Make sure of the name, by a reservation or by a condition on the completion."""
        self._note_upload()
        # Of an attempt before: parts are counted by their number.
        self._part_bytes.clear()
        if not self.replace:
            if again and not self.resumes and self.connection.target.provider.conditional_complete:
                # Asking first is cheap beside uploading everything only to hear that the name is taken.
                if self._exists():
                    raise self._taken("is taken")
                self._condition = {"IfNoneMatch": "*"}
            else:
                self._reserve()

    def _begin_upload(self) -> None:
        before, self._has_strays = self._has_strays, True
        try:
            answer = self._call("create_multipart_upload", **self.parameters)
        except HoldallError as failure:
            self._has_strays = before or failure.outcome_unknown or failure.retries > 0
            raise
        self._upload_id = answer["UploadId"]
        if self.resumes:
            # Those of runs that were killed. Not at the end: a run that is killed there would leave them for good.
            self._take_back(self._abort_strays)
        self._has_strays = before or answer["ResponseMetadata"]["RetryAttempts"] > 0

    def _learn_comparison(self) -> None:
        upload_id = str(self._upload_id)
        if comparison.learn(self.connection, name=self.name, about=self.about, key=self.key, upload_id=upload_id):
            return
        # If it arrived late, the byte would replace the first part of the file.
        self._take_back(self._abort)
        self._has_strays |= self._upload_id is not None
        self._begin_upload()

    def send(self, number: int, data: bytes) -> str:
        """Send one part and give its ETag."""
        if number > MAX_PARTS:
            raise StoreFailed(
                f"The file is longer than {MAX_PARTS:,} parts, the most that S3 allows. Raise `multipart_chunksize` in "
                "the storage's `transfer_config`."
            )
        answer = self._call(
            "upload_part",
            UploadId=self._upload_id,
            PartNumber=number,
            Body=data,
            **self._part_digest(data),
            **customer_key(self.parameters),
        )
        self._part_bytes[number] = len(data)
        return str(answer["ETag"])

    def _part_digest(self, data: bytes) -> dict[str, str]:
        """Give what the server compares a part with. Its ETag says nothing more: the completion names it."""
        checks_by = self.connection.target.provider.checks_parts_by
        if self.client is None and not customer_key(self.parameters):
            checks_by = comparison.compared_by(self.connection)
        if checks_by == "signature":
            # The signature covers it, by either lane.
            return {}
        if checks_by == "checksum":
            return {"ChecksumSHA256": base64.b64encode(hashlib.sha256(data).digest()).decode()}
        return digest_of(data, self.connection)

    def finish(self, etags: Sequence[str]) -> None:
        """Make one object of the parts, which are numbered from 1 in the order of their ETags.

        Raises:
            NameTaken: the reservation is gone, and somebody else has the name.
        """
        with self.taking_back():
            self._finish(etags)

    def _finish(self, etags: Sequence[str]) -> None:
        self.part_etags = list(etags)
        if self._stage is Stage.RESERVED:
            self._check_reservation()
        before, self._stage = self._stage, Stage.FILLING
        try:
            self._complete(etags)
        except HoldallError as failure:
            if not self._is_filled(failure, sum(self._part_bytes.values())):
                if not failure.outcome_unknown:
                    self._stage = before
                if failure.code in CONFLICTS and not self.replace:
                    raise self._taken("was taken while it was uploaded") from failure
                raise
        self._note_whole()
        # Now and not when they were made: by now the last that was on its way has arrived.
        self._take_back(self._abort_strays)

    def _complete(self, etags: Sequence[str]) -> None:
        send = partial(
            self._call,
            "complete_multipart_upload",
            work_seconds=work_seconds(sum(self._part_bytes.values())),
            UploadId=self._upload_id,
            MultipartUpload={"Parts": [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]},
            **self._condition,
            **customer_key(self.parameters),
        )
        try:
            answer = send()
        except StoreUnreachable as silence:
            # The request may be lost. It is sent again only if the store answers, and has not done it.
            if not (silence.outcome_unknown and self._is_undone()):
                raise
            try:
                answer = send()
            except HoldallError as second:
                second.retries += 1
                second.outcome_unknown |= isinstance(second, StoreUnreachable)
                raise
        self.etag = str(answer.get("ETag") or "")

    def _is_undone(self) -> bool:
        with suppress(HoldallError):
            found = self._look()
            return not (found.is_mine and found.size_bytes)
        return False

    def _check_reservation(self) -> None:
        """Look whether the name is still ours: what deletes empty files, or overwrites, may have been there."""
        try:
            found = self._look()
        except CredentialsRefused:
            raise
        except AccessRefused:
            # It cannot be asked.
            return
        if found.exists and not found.is_mine:
            self._stage = Stage.NOTHING
            raise self._taken("was taken while it was uploaded")
        if not found.exists:
            self._reserve()

    def _exists(self) -> bool:
        try:
            self._call("head_object", **customer_key(self.parameters))
        except ObjectNotFound:
            return False
        return True

    def send_all(self, parts: Iterator[bytes]) -> list[str]:
        """Send the parts, a few at a time, and give their ETags: memory holds one for each worker, and one more."""
        return self.each(parts, self.send)

    def each(self, parts: Iterator[Part], send: Callable[[int, Part], str]) -> list[str]:
        """Bring the parts into the store, a few at a time, and give their ETags in their order."""
        if self.parts.workers <= 1:
            return [send(number, part) for number, part in enumerate(parts, 1)]
        etags: dict[int, str] = {}
        running: dict[Future[str], int] = {}
        # Leaving the pool waits for what still runs: an abort must not be overtaken by a part.
        with ThreadPoolExecutor(self.parts.workers, thread_name_prefix="holdall-part") as pool:
            for number, part in enumerate(parts, 1):
                try:
                    # With what holds for this save: a time limit, that nobody waits for it any more.
                    running[pool.submit(copy_context().run, send, number, part)] = number
                except RuntimeError:
                    # The interpreter is shutting down and starts no more threads (boto/boto3#3113).
                    etags[number] = send(number, part)
                if len(running) >= self.parts.workers:
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    etags |= {running.pop(future): future.result() for future in done}
            etags |= {number: future.result() for future, number in running.items()}
        return [etags[number] for number in sorted(etags)]

    def _is_filled(self, failure: HoldallError, size_bytes: int | None) -> bool:
        """Say whether the request that failed had filled the reservation, or replaced the file, all the same."""
        # The answer to the first attempt was lost, so the retry found nothing left to complete, or the name
        # taken by what the first attempt had completed.
        lost = failure.outcome_unknown or failure.retries > 0
        if not (lost or failure.code == "NoSuchUpload" or isinstance(failure, NameTaken)):
            return False
        with suppress(HoldallError):
            found = self._look()
            # The reservation carries the mark too, and is empty.
            return found.is_mine and bool(found.size_bytes) and size_bytes in {None, found.size_bytes}
        return False


def work_seconds(size_bytes: int) -> float:
    """Give how long a store may take for so many bytes that it moves by itself."""
    return size_bytes / LEAST_WORK_BYTES_PER_SECOND
