"""Save a file under a key that nobody has, without ever taking one from somebody else, or over one that may be replaced.

A small file is one conditional `PUT`. A large one is a multipart upload; where the condition is not known to hold for
its completion, the key is first reserved by an empty conditional `PUT`. Whatever fails takes everything back.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from holdall.errors import (
    CredentialsRefused,
    HoldallError,
    NameTaken,
    ObjectChanged,
)
from holdall.s3.begun import Stage, customer_key
from holdall.s3.bodies import Joined, Readable, in_parts, read_exactly
from holdall.s3.multipart import Multipart, work_seconds
from holdall.s3.patience import refuse_if_stopped
from holdall.s3.ranges import Source, bytes_of, ranges, unchanged


@dataclass(kw_only=True, eq=False)
class NewObject(Multipart):
    """One object that is about to be created, under a key that nobody may have yet (but with `replace`)."""

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
                "copy_object", work_seconds=work_seconds(source.size_bytes), **copied(source), **parameters
            )
        except HoldallError as failure:
            if self._is_filled(failure, source.size_bytes):
                return
            if not failure.outcome_unknown:
                self._stage = reserved
            raise
        self.etag = str(answer.get("CopyObjectResult", {}).get("ETag") or "")

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
            work_seconds=work_seconds(bytes_of(span)),
            UploadId=self._upload_id,
            PartNumber=number,
            CopySourceRange=span,
            **copied(source),
            **customer_key(self.parameters),
        )
        self._part_bytes[number] = bytes_of(span)
        return str(answer["CopyPartResult"]["ETag"])


def copied(source: Source) -> dict[str, Any]:
    """Give the parameters of a request that say what is copied, and that it is what was looked at."""
    return {
        "CopySource": {"Bucket": source.bucket_name, "Key": source.key},
        "CopySourceIfMatch": source.etag,
        **{f"CopySource{name}": value for name, value in customer_key(source.parameters).items()},
    }


def refuses_the_copy(failure: HoldallError) -> bool:
    """Say whether the store does not make this copy, although it may take the bytes.

    Hetzner's "depends on internal factors and may fail", and none of SSE-C is made:
    https://docs.hetzner.com/storage/object-storage/supported-actions/. Elsewhere the rights may not reach.
    """
    if failure.answer is None or isinstance(failure, (ObjectChanged, CredentialsRefused, NameTaken)):
        return False
    status = failure.answer.status
    return status == 501 or (400 <= status < 500 and status != 429)
