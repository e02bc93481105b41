"""Save a file under a key that nobody has, without ever taking one from somebody else, or over one that may be replaced.

A small file is one conditional `PUT`. A large one is a multipart upload; where the condition is not known to hold for
its completion, the key is first reserved by an empty conditional `PUT`. Whatever fails takes everything back.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from holdall.errors import AccessRefused, HoldallError, NameTaken, ObjectNotFound, StoreFailed, StoreUnreachable
from holdall.s3.bodies import Joined, Readable, in_parts, read_exactly
from holdall.s3.connection import Connection

log = logging.getLogger("holdall")

# S3's own limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MAX_PARTS = 10_000

# Each save leaves its own random mark in the object's metadata. When an answer is lost and the SDK repeats the
# request, or a proxy on the way does, the retry finds the name taken by its own first attempt; the mark tells that
# from another writer.
MARK = "holdall-save"

_CONFLICTS = frozenset({"ConditionalRequestConflict", "OperationAborted"})
_MAX_CONFLICTS = 5


@dataclass(frozen=True, kw_only=True)
class Parts:
    """When a file is sent in parts, how long they are, and how many are sent at a time."""

    threshold_bytes: int
    part_bytes: int
    workers: int


# What one request may copy: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
MAX_COPY_BYTES = 5 * 1024**3


@dataclass(frozen=True, kw_only=True)
class Source:
    """An object to copy, as it was when it was looked at."""

    bucket_name: str
    key: str
    etag: str


@dataclass(kw_only=True)
class NewObject:
    """One object that is about to be created, under a key that nobody may have yet (but with `replace`)."""

    connection: Connection
    # A client of the project's own to send through, if there is one.
    client: Any = None
    name: str
    key: str
    # The SDK's parameters of the object: content type, ACL, cache control…
    parameters: dict[str, Any]
    parts: Parts
    # Whether an object that has the key may be replaced.
    replace: bool = False
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    # What the error speaks of, where it is not the key.
    about: str = ""
    _upload_id: str | None = None
    # Whether there may be uploads of which only the store knows, because the answer was lost.
    _has_strays: bool = False
    _reserved: bool = False
    _condition: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        metadata = {**self.parameters.get("Metadata", {}), MARK: self.mark}
        self.parameters = {**self.parameters, "Metadata": metadata}

    def create(self, body: Readable, *, again: bool) -> None:
        """Store the body. `again` says that the body can be read a second time, should the name be lost late.

        Requests: one PUT up to the multipart threshold; beyond it two, and one a part, and where the name is
        reserved one more.

        Raises:
            NameTaken: the key is taken; nothing was changed.
            HoldallError: whatever else failed; no object and no unfinished upload is left.
        """
        head = read_exactly(body, self.parts.threshold_bytes + 1)
        if len(head) <= self.parts.threshold_bytes:
            self.put(head)
        else:
            parts = in_parts(Joined(head, body), self.parts.part_bytes)
            # As long as a part, and not needed here until the last part is sent.
            del head
            self.multipart(parts, again=again)

    def copy(self, source: Source) -> None:
        """Make the object out of one that lies in the same provider; its bytes do not pass through here.

        Requests: two; the first reserves the name, for the condition on a copy is not to be trusted: most ignore it.

        Raises:
            NameTaken: the key is taken; nothing was changed.
            HoldallError: whatever else failed; nothing is left.
        """
        if not self.replace:
            self.put(b"")
            self._reserved = True
        try:
            self._call(
                "copy_object",
                CopySource={"Bucket": source.bucket_name, "Key": source.key},
                CopySourceIfMatch=source.etag,
                MetadataDirective="REPLACE",
                **self.parameters,
            )
        except BaseException:
            self.abandon()
            raise

    # -- one PUT

    def put(self, data: bytes) -> None:
        """Store all of the bytes with one request."""
        condition = {} if self.replace else {"IfNoneMatch": "*"}
        conflicts = 0
        while True:
            try:
                self._call("put_object", Body=data, **condition, **_digest(data, self.connection), **self.parameters)
            except NameTaken:
                # By an attempt of our own, for all that is known here: the SDK repeats, and so do proxies, who tell
                # nobody. An error of the question is better than a second file of the same content.
                if self._is_mine():
                    return
                raise
            except (StoreFailed, StoreUnreachable) as failure:
                if failure.outcome_unknown and self._is_certainly_mine():
                    return
                # Two conditional writes met; neither is refused, both may try again.
                conflicts += 1
                if failure.code not in _CONFLICTS or conflicts > _MAX_CONFLICTS:
                    raise
            else:
                return

    def _is_certainly_mine(self, *, complete: bool = False) -> bool:
        with suppress(HoldallError):
            return self._is_mine(complete=complete)
        return False

    def _is_mine(self, *, complete: bool = False) -> bool:
        try:
            answer = self._call("head_object", **_customer_key(self.parameters))
        except (ObjectNotFound, AccessRefused):
            return False
        marked = answer.get("Metadata", {}).get(MARK) == self.mark
        # The reservation carries the mark too, and is empty; what is uploaded in parts never is.
        return marked and (not complete or (answer.get("ContentLength") or 0) > 0)

    # -- multipart

    def multipart(self, parts: Iterator[bytes], *, again: bool) -> None:
        """Store the parts as one object that appears whole or not at all."""
        self.start(again=again)
        try:
            self.finish(self._send_all(parts))
        except BaseException:
            self.abandon()
            raise

    def start(self, *, again: bool) -> None:
        """Make sure of the name and begin the upload.

        Raises:
            NameTaken: the key is taken; nothing was begun.
        """
        if not self.replace:
            if again and self.connection.target.provider.conditional_complete:
                # Asking first is cheap beside uploading everything only to hear that the name is taken.
                if self._exists():
                    raise NameTaken(f'"{self.name}" is taken in {self.connection.where()}. Nothing was changed.')
                self._condition = {"IfNoneMatch": "*"}
            else:
                self.put(b"")
                self._reserved = True
        try:
            answer = self._call("create_multipart_upload", **self.parameters)
        except BaseException as failure:
            answered = isinstance(failure, HoldallError) and not failure.outcome_unknown and not failure.retries
            self._has_strays = not answered
            self.abandon()
            raise
        self._upload_id = answer["UploadId"]
        self._has_strays = answer["ResponseMetadata"]["RetryAttempts"] > 0

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
            **_digest(data, self.connection),
            **_customer_key(self.parameters),
        )
        return str(answer["ETag"])

    def finish(self, etags: Sequence[str]) -> None:
        """Make one object of the parts, which are numbered from 1 in the order of their ETags."""
        listed = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
        try:
            self._call(
                "complete_multipart_upload",
                UploadId=self._upload_id,
                MultipartUpload={"Parts": listed},
                **self._condition,
                **_customer_key(self.parameters),
            )
        except HoldallError as failure:
            # The answer to the first attempt was lost, so the retry found nothing left to complete, or the name
            # taken by what the first attempt had completed.
            lost = failure.outcome_unknown or failure.code == "NoSuchUpload" or isinstance(failure, NameTaken)
            if not (lost and self._is_certainly_mine(complete=True)):
                if failure.code in _CONFLICTS and not self.replace:
                    raise NameTaken(f'"{self.name}" was taken while it was uploaded. Nothing was changed.') from failure
                raise
        # Now and not when they were made: by now the last that was on its way has arrived.
        self._take_back(self._abort_strays)

    def abandon(self) -> None:
        """Take back what was begun: uploads, and the reservation of the name. Never raises."""
        if not self.connection.is_own:
            # Dropped by a fork of the process that still writes it.
            return
        # The reservation last: as long as it stands, uploads to this key are ours.
        self._take_back(self._abort, self._abort_strays, self._release)

    def _take_back(self, *steps: Callable[[], None]) -> None:
        for step in steps:
            try:
                step()
            except HoldallError as failure:
                log.warning(
                    'What was begun for "%s" could not be taken back; an unfinished upload is billed until it is '
                    "aborted: %s",
                    self.name,
                    failure,
                )
                if isinstance(failure, StoreUnreachable):
                    # Each further question would take as long again.
                    return

    def _abort(self, upload_id: str | None = None) -> None:
        upload_id = upload_id or self._upload_id
        if upload_id is not None:
            try:
                self._call("abort_multipart_upload", UploadId=upload_id)
            except StoreFailed as failure:
                # The answer to the first attempt was lost.
                if failure.code != "NoSuchUpload":
                    raise

    def _abort_strays(self) -> None:
        """Abort the uploads that were begun for us and whose answers were lost.

        Only where the name is reserved, so that nobody else uploads to this key. Elsewhere one of them may be another
        writer's; an upload without parts costs nothing, and a lifecycle rule ends it.
        """
        if not (self._has_strays and self._reserved):
            return
        listed = self.connection.call(
            "list_multipart_uploads", action="saving", name=self.name, client=self.client, Prefix=self.key
        )
        for upload in listed.get("Uploads", ()):
            if upload["Key"] == self.key and upload["UploadId"] != self._upload_id:
                self._abort(upload["UploadId"])
        self._has_strays = False

    def _release(self) -> None:
        # Never what somebody else put there since, which a store that overwrites might have done.
        # A reservation is empty: what is not was finished, perhaps by another run with the same mark.
        if self._reserved and self._is_mine() and not self._is_mine(complete=True):
            self._call("delete_object")

    def _exists(self) -> bool:
        try:
            self._call("head_object", **_customer_key(self.parameters))
        except ObjectNotFound:
            return False
        return True

    def _send_all(self, parts: Iterator[bytes]) -> list[str]:
        """Send the parts, a few at a time: memory holds one for each worker, and one more."""
        if self.parts.workers <= 1:
            return [self.send(number, data) for number, data in enumerate(parts, 1)]
        etags: dict[int, str] = {}
        running: dict[Future[str], int] = {}
        # Leaving the pool waits for what still runs: an abort must not be overtaken by a part.
        with ThreadPoolExecutor(self.parts.workers, thread_name_prefix="holdall-part") as pool:
            for number, data in enumerate(parts, 1):
                try:
                    running[pool.submit(self.send, number, data)] = number
                except RuntimeError:
                    # The interpreter is shutting down and starts no more threads (boto/boto3#3113).
                    etags[number] = self.send(number, data)
                if len(running) >= self.parts.workers:
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    etags |= {running.pop(future): future.result() for future in done}
            etags |= {number: future.result() for future, number in running.items()}
        return [etags[number] for number in sorted(etags)]

    def _call(self, operation: str, **parameters: Any) -> Any:
        return self.connection.call(
            operation,
            action="saving",
            name=self.name,
            about=self.about,
            client=self.client,
            Key=self.key,
            **parameters,
        )


def _digest(data: bytes, connection: Connection) -> dict[str, str]:
    # On Amazon boto3 sends a checksum of its own; everywhere else the server verifies this one.
    if connection.target.provider.sdk_checksums:
        return {}
    digest = hashlib.md5(data, usedforsecurity=False).digest()
    return {"ContentMD5": base64.b64encode(digest).decode()}


def _customer_key(parameters: dict[str, Any]) -> dict[str, Any]:
    """Give the parameters that requests about an object encrypted with the customer's key must repeat."""
    return {name: value for name, value in parameters.items() if name.startswith("SSECustomer")}
