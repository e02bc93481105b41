"""Copies that a store makes by itself: by one request, or in the parts that the source was sent in where that proves more."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from holdall.bulk.entries import Entry
from holdall.bulk.making import expected, take_back
from holdall.bulk.proof import likely_parts, parts_of
from holdall.bulk.verdict import Copied
from holdall.errors import HoldallError
from holdall.s3.partcopy import copy_in_parts
from holdall.s3.ranges import Source
from holdall.s3.saving import NewObject, refuses_the_copy
from holdall.storage import MediaStorage
from holdall.storage.objects import key_of, reading_parameters, target_of

# Where a store does not tell how long the parts are, so many lengths are tried.
GUESSES = 2
# After so many objects whose parts got other ETags, as of a bucket that encrypts with a key of KMS, no other is tried.
IN_VAIN = 3


class StoreCopies:
    """Makes copies within one provider, and remembers what its ETags tell. Shared by threads."""

    def __init__(self, destination: MediaStorage, go_on: Callable[[], None]) -> None:
        provider = target_of(destination).provider
        # Whether a copy by one request loses the ETag that is made of parts.
        self.recomposes = provider.keeps_composed_etags is False
        self._is_pinned = provider.conditional_copy is False
        self._in_vain = 0
        self._go_on = go_on

    def copy(self, step: Entry, side: MediaStorage, make: Callable[[], NewObject]) -> Copied | None:
        """Copy one file from a store at the same provider; `make` prepares its object. None: the store does not do it.

        Requests: two, and those that prepare it; in parts five, one a part, and one more that asks how long they are.
        """
        reading = reading_parameters(side, step.name)
        is_composed, tried = parts_of(step.etag) > 0, False
        source = Source(
            bucket_name=str(side.bucket_name),
            key=key_of(side, step.name),
            etag=f'"{step.etag}"',
            size_bytes=step.size_bytes,
            # Where the condition is ignored, another ETag says that it was replaced; one of parts says nothing.
            is_pinned=self._is_pinned and not is_composed,
            parameters=reading,
            look=partial(_looked, side, step.name, reading),
        )
        if is_composed and (self.recomposes or source.is_long):
            tried = True
            if (done := self._in_parts(step, side, source, make)) is not None:
                return done
        made = make()
        # One that takes long may be killed, and the next run is to find what it had begun.
        made.resumes = source.is_long
        if not made.copy(source):
            return None
        if is_composed and not tried and made.etag.strip('"') not in {"", step.etag}:
            self.recomposes = True
            if self._in_vain < IN_VAIN:
                take_back(made)
                if (done := self._in_parts(step, side, source, make)) is not None:
                    return done
                if not (made := make()).copy(source):
                    return None
        return Copied(step.name, step.size_bytes, *expected(made, step.etag))

    def _in_parts(
        self, step: Entry, side: MediaStorage, source: Source, make: Callable[[], NewObject]
    ) -> Copied | None:
        if source.parameters or self._in_vain >= IN_VAIN:
            # What is encrypted with the customer's key has no ETag that tells anything.
            return None
        for part_bytes in _lengths(step, side):
            made = make()
            made.resumes = True
            if copy_in_parts(made, source, part_bytes, self._go_on):
                return Copied(step.name, step.size_bytes, step.etag, is_proof=True)
        self._in_vain += 1
        return None


def _lengths(step: Entry, side: MediaStorage) -> list[int]:
    """Give how long the parts of an object may be: as its store says, or else likely ones. One HEAD."""
    count = parts_of(step.etag)
    if count == 1:
        return [step.size_bytes]
    found: Any = {}
    try:
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html (partNumber); others ignore it.
        found = _looked(side, step.name, {"PartNumber": 1})
    except HoldallError as failure:
        if not refuses_the_copy(failure):
            raise
    told = int(found.get("ContentLength") or 0)
    if told and -(-step.size_bytes // told) == count:
        return [told]
    return likely_parts(step.size_bytes, count)[:GUESSES]


def _looked(side: MediaStorage, name: str, asked: dict[str, Any]) -> Any:
    return side.store.call(
        "head_object", action="looking at", name=name, client=side.store.client, Key=key_of(side, name), **asked
    )
