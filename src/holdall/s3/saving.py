"""Save a file under a key that nobody has, without ever taking one from somebody else, or over one that may be replaced.

A small file is one conditional `PUT`. A large one is a multipart upload; where the condition is not known to hold for
its completion, the key is first reserved by an empty conditional `PUT`. Whatever fails takes everything back.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from holdall.errors import (
    AccessRefused,
    CredentialsRefused,
    HoldallError,
    NameTaken,
    ObjectChanged,
    ObjectNotFound,
    StoreFailed,
    StoreUnreachable,
)
from holdall.s3 import comparison
from holdall.s3.begun import Stage, customer_key
from holdall.s3.bodies import Joined, Readable, in_parts, read_exactly
from holdall.s3.patience import refuse_if_stopped
from holdall.s3.putting import CONFLICTS, Put, digest_of
from holdall.s3.ranges import MAX_PARTS, Source, bytes_of, ranges, unchanged

# What belongs to an object beside its bytes, in the SDK's words.
KEPT = ("ContentType", "ContentDisposition", "ContentEncoding", "ContentLanguage", "CacheControl")

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
class NewObject(Put):
    """One object that is about to be created, under a key that nobody may have yet (but with `replace`)."""

    parts: Parts
    # Whether an earlier run may have begun the same, and have been ended before it could take it back.
    resumes: bool = False
    # What it said of the parts, of an object that was sent in parts.
    part_etags: list[str] = field(default_factory=list, init=False)
    # How long each part is that was sent, by its number.
    _part_bytes: dict[int, int] = field(default_factory=dict, init=False)

    def create(self, body: Readable, *, again: bool) -> None:
        """Store the body. `again` says that the body can be read a second time, should the name be lost late.

        Requests: one PUT up to the multipart threshold; beyond it two, and one a part, and where the name is
        reserved two more: one that reserves it, and one that looks before it is filled. The first of a process to a
        server that nothing is known of takes one more, which learns what parts are compared with, and two more if that
        leaves the upload of no use.

        Raises:
            NameTaken: the key is taken; nothing was changed.
            HoldallError: whatever else failed; no object and no unfinished upload is left.
        """
        with self.taking_back():
            head = read_exactly(body, self.parts.threshold_bytes + 1)
            if len(head) <= self.parts.threshold_bytes:
                self._put(head)
            else:
                parts = in_parts(Joined(head, body), self.parts.part_bytes)
                # As long as a part, and not needed here until the last part is sent.
                del head
                self._start(again=again)
                self._finish(self.send_all(parts))

    def copy(self, source: Source) -> bool:
        """Make the object from one at the same provider; its bytes do not pass through here.

        False says that the store does not make this copy, for a reason that is the copy's own: nothing is left of it,
        and the file can be read and saved.

        Requests: two; the first reserves the name, for the condition on a copy cannot be trusted: most servers ignore it.
        Of more than 5 GiB one for each 256 MiB, and six more.

        Raises:
            NameTaken: the key is taken; nothing was changed.
            ObjectChanged: the source was replaced since it was looked at.
            HoldallError: whatever else failed; nothing is left.
        """
        if source.is_long:
            return source.look is not None and self._copy_ranges(source)
        holds = self.connection.target.provider.conditional_copy
        if source.is_pinned and self.replace and not holds:
            # What was replaced could not be brought back.
            return False
        with self.taking_back():
            if not self.replace:
                self._reserve()
            # An empty source needs no copy, and the reservation would pass for one.
            if source.size_bytes or self.replace:
                try:
                    self._fill(source)
                except HoldallError as failure:
                    if not refuses_the_copy(failure):
                        raise
                    self.abandon()
                    return False
                # The attack: content that is replaced after it was looked at. Where the condition is ignored (Ceph 16),
                # the copy's own ETag tells; where it tells nothing (of parts), reading does, which compares every answer.
                if source.is_pinned and not holds and self.etag.strip('"') != source.etag.strip('"'):
                    self.abandon()
                    return False
            self._stage = Stage.WHOLE
        return True

    # -- a copy

    def _fill(self, source: Source) -> None:
        reserved = self._stage
        self._stage = Stage.FILLING
        parameters = {"MetadataDirective": "REPLACE", **self.parameters}
        if "Tagging" in parameters or self.connection.target.provider.has_tags:
            # The copy's tags are those of an upload, not the source's: a lifecycle rule may delete by them.
            parameters["TaggingDirective"] = "REPLACE"
        try:
            answer = self._call(
                "copy_object", work_seconds=_work_seconds(source.size_bytes), **_copied(source), **parameters
            )
        except HoldallError as failure:
            if self._is_filled(failure, source.size_bytes):
                return
            if not failure.outcome_unknown:
                self._stage = reserved
            raise
        self.etag = str(answer.get("CopyObjectResult", {}).get("ETag") or "")

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

    def _copy_ranges(self, source: Source) -> bool:
        """Copy a source that is longer than one request copies."""
        holds = bool(self.connection.target.provider.conditional_copy)
        with self.taking_back():
            try:
                # What was swapped is found before anything has the name, or replaces what has it.
                with unchanged(source, name=self.name, holds=holds):
                    self.begin(again=True)
                    etags = self.each(iter(ranges(source.size_bytes)), partial(self.copy_range, source))
                self._finish(etags)
            except HoldallError as failure:
                if not refuses_the_copy(failure):
                    raise
                self.abandon()
                return False
        return True

    def copy_range(self, source: Source, number: int, span: str) -> str:
        """Make a part of a range of the source, and give its ETag."""
        refuse_if_stopped()
        answer = self._call(
            "upload_part_copy",
            work_seconds=_work_seconds(bytes_of(span)),
            UploadId=self._upload_id,
            PartNumber=number,
            CopySourceRange=span,
            **_copied(source),
            **customer_key(self.parameters),
        )
        self._part_bytes[number] = bytes_of(span)
        return str(answer["CopyPartResult"]["ETag"])

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
            work_seconds=_work_seconds(sum(self._part_bytes.values())),
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


def _copied(source: Source) -> dict[str, Any]:
    """Give the parameters of a request that say what is copied, and that it is what was looked at."""
    return {
        "CopySource": {"Bucket": source.bucket_name, "Key": source.key},
        "CopySourceIfMatch": source.etag,
        **{f"CopySource{name}": value for name, value in customer_key(source.parameters).items()},
    }


def _work_seconds(size_bytes: int) -> float:
    return size_bytes / LEAST_WORK_BYTES_PER_SECOND


def refuses_the_copy(failure: HoldallError) -> bool:
    """Say whether the store does not make this copy, although it may take the bytes.

    Hetzner's "depends on internal factors and may fail", and none of SSE-C is made:
    https://docs.hetzner.com/storage/object-storage/supported-actions/. Elsewhere the rights may not reach.
    """
    if failure.answer is None or isinstance(failure, (ObjectChanged, CredentialsRefused, NameTaken)):
        return False
    status = failure.answer.status
    return status == 501 or (400 <= status < 500 and status != 429)
