"""Copy an object that is longer than one request copies: range by range, by the store itself, and nothing but that object.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from holdall.errors import ObjectChanged
from holdall.s3.said import told_at

# What one request may copy: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
MAX_COPY_BYTES = 5 * 1024**3
# S3's own limit: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MAX_PARTS = 10_000
# A store copies this within seconds, and two dozen of them are more than one request may copy.
RANGE_BYTES = 256 * 1024**2
_MIB = 1024**2
# Stores tell when an object was written in whole seconds, and their machines' clocks differ a little.
_SETTLED_SECONDS = 2
_LOOKS = 4


@dataclass(frozen=True, kw_only=True)
class Source:
    """An object to copy, as it was when it was looked at."""

    bucket_name: str
    key: str
    etag: str
    size_bytes: int
    # Whether somebody else may write there: a copy of anything else than what was looked at is taken back.
    is_pinned: bool = False
    # What reading it takes: the customer's own key.
    parameters: dict[str, Any] = field(default_factory=dict, repr=False)
    # Looks at it again: the SDK's answer to a HEAD. Without it only what one request copies is copied.
    look: Callable[[], Any] | None = field(default=None, repr=False)

    @property
    def is_long(self) -> bool:
        """Whether it takes more than one request to copy it."""
        return self.size_bytes > MAX_COPY_BYTES


def ranges(size_bytes: int) -> list[str]:
    """Give the ranges that a long object is copied by, as `x-amz-copy-source-range` has them, from the first on."""
    length = max(RANGE_BYTES, -(-size_bytes // MAX_PARTS // _MIB) * _MIB)
    return [f"bytes={at}-{min(at + length, size_bytes) - 1}" for at in range(0, size_bytes, length)]


def bytes_of(span: str) -> int:
    """Give the length of a range."""
    first, _, last = span.removeprefix("bytes=").partition("-")
    return int(last) - int(first) + 1


@contextmanager
def unchanged(source: Source, *, name: str, holds: bool) -> Iterator[None]:
    """Enclose the requests that copy a source by ranges: they were all of the object that was looked at.

    Each of them is under the condition that the source has its ETag, which most servers ignore. The attack: content that is
    swapped after it was looked at, and swapped back before the end. Whoever does that makes the object younger.

    `holds`: whether the condition is known to be obeyed. Requests: two HEADs; up to three more, a second apart, of an object
    that was written a moment ago, where it is not.

    Raises:
        ObjectChanged: it was replaced.
    """
    before = _looked(source, name)
    for _ in range(_LOOKS - 1):
        if holds or _is_settled(before):
            break
        time.sleep(1)
        before = _looked(source, name)
    yield
    if _looked(source, name).get("LastModified") != before.get("LastModified"):
        raise _changed(name)


def _looked(source: Source, name: str) -> Any:
    assert source.look is not None  # noqa: S101  for the type checker
    found = source.look()
    if str(found.get("ETag")).strip('"') != source.etag.strip('"') or found.get("ContentLength") != source.size_bytes:
        raise _changed(name)
    return found


def _is_settled(found: Any) -> bool:
    """Say whether an object that were written from now on would be seen to be younger, by the store's own clock."""
    written = found.get("LastModified")
    if not isinstance(written, datetime):
        return False
    return (told_at(found) or datetime.now(UTC)) - written >= timedelta(seconds=_SETTLED_SECONDS)


def _changed(name: str) -> ObjectChanged:
    return ObjectChanged(f'What "{name}" was to be a copy of was replaced meanwhile. Open it again.')
