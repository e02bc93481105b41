"""Copy an object by the store itself in the very parts that it was sent in, so that the copy must get the source's ETag.

The ETag of an object that was sent in parts is made of the parts' MD5 and their number, and a copy by one request may be
given another, of the whole: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html. Nothing could be compared
then but the length.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence

from holdall.errors import HoldallError
from holdall.s3.ranges import Source
from holdall.s3.saving import NewObject, refuses_the_copy

_PLAIN = re.compile(r"[0-9a-f]{32}")


def composed_of(etags: Sequence[str]) -> str:
    """Give the ETag of an object that was made of these parts; empty if there are none, or theirs are no MD5."""
    plain = [etag.strip('"') for etag in etags]
    if not plain or not all(map(_PLAIN.fullmatch, plain)):
        return ""
    joined = hashlib.md5(b"".join(map(bytes.fromhex, plain)), usedforsecurity=False)
    return f"{joined.hexdigest()}-{len(plain)}"


def copy_in_parts(made: NewObject, source: Source, part_bytes: int, go_on: Callable[[], None]) -> bool:
    """Make an object from one at the same provider in parts of this length; its bytes do not pass through here.

    `go_on` is called before each part, and raises where the work is to end. False: the parts are not those that the source
    was sent in, the store gives them other ETags, or does not copy parts. Nothing is left.

    Requests: four, and one a part.

    Raises:
        NameTaken: the key is taken; nothing was changed.
        ObjectChanged: the source was replaced since it was looked at.
        HoldallError: whatever else failed; nothing is left.
    """
    spans = [
        f"bytes={at}-{min(at + part_bytes, source.size_bytes) - 1}" for at in range(0, source.size_bytes, part_bytes)
    ]

    def one(number: int, span: str) -> str:
        go_on()
        return made.copy_range(source, number, span)

    with made.taking_back():
        made.begin(again=True)
        try:
            etags = [one(1, spans[0])]
            # Where the first has another kind of ETag, the others would be copied for nothing.
            if composed_of(etags):
                etags += made.each(iter(spans[1:]), lambda number, span: one(number + 1, span))
        except HoldallError as failure:
            if not refuses_the_copy(failure):
                raise
            etags = []
        # What the condition on a copy does not tell, where it is ignored, this does: parts of another object.
        if composed_of(etags) != source.etag.strip('"'):
            made.abandon()
            return False
        made.finish(etags)
    return True
