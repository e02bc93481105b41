"""Whether two files are the same, byte for byte: by what the store says of its bytes where that tells, else by reading.

The ETag of an object that was sent in one piece is its MD5 at most stores, and that of one that was sent in parts is made
of the parts' MD5 and their number: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html.
"""

from __future__ import annotations

import hashlib
import re
from typing import BinaryIO

from holdall.bulk.entries import Entry
from holdall.bulk.places import Folder, Place, Store
from holdall.s3.bodies import PIECE_BYTES, sha256_of
from holdall.s3.partcopy import composed_of

_MIB = 1024 * 1024
# The parts of the programs that upload, the most common first: https://docs.aws.amazon.com/cli/latest/topic/s3-config.html,
# https://rclone.org/s3/#s3-chunk-size, s5cmd's --part-size (50 MiB).
PART_SIZES = tuple(size * _MIB for size in (8, 5, 10, 16, 15, 20, 25, 32, 50, 64, 100, 128, 256, 512, 1024))
_PLAIN = re.compile(r"[0-9a-f]{32}")
_COMPOSED = re.compile(r"([0-9a-f]{32})-(\d{1,5})")


def is_same(source: Place, here: Entry, destination: Place, there: Entry) -> bool:
    """Say whether two files are the same.

    Requests: none if an ETag tells. If their lengths differ a HEAD to each store, for a packed file has another length
    than its content; of a packed file, and where no ETag tells, each store's file is read whole.
    """
    if here.size_bytes != there.size_bytes:
        stored = [place for place in (source, destination) if isinstance(place, Store)]
        if not any(place.is_packed(here.name) for place in stored):
            return False
        return digest(source, here.name) == digest(destination, there.name)
    if here.etag and here.etag == there.etag:
        return True
    for one, entry, other in ((source, here, there), (destination, there, here)):
        if isinstance(one, Folder) and other.etag:
            with one.open(entry.name) as file:
                told = fits(file, entry.size_bytes, other.etag)
            if told is not None:
                return told
    return digest(source, here.name) == digest(destination, there.name)


def fits(file: BinaryIO, size_bytes: int, etag: str) -> bool | None:
    """Say whether an ETag is that of these bytes; None if it does not tell."""
    if _PLAIN.fullmatch(etag):
        # A store that encrypts has other ETags, which look the same: only a yes is certain.
        return True if md5_of(file) == etag else None
    if composed := _COMPOSED.fullmatch(etag):
        count = int(composed[2])
        for part_bytes in likely_parts(size_bytes, count):
            file.seek(0)
            if _composed(file, part_bytes) == etag:
                return True
    return None


def is_likely_told(size_bytes: int, etag: str) -> bool:
    """Say whether an ETag looks like one that `fits` knows for the right bytes."""
    return _PLAIN.fullmatch(etag) is not None or bool(likely_parts(size_bytes, parts_of(etag)))


def parts_of(etag: str) -> int:
    """Give the number of parts that an ETag tells of; 0 if it is that of an object that was sent whole."""
    composed = _COMPOSED.fullmatch(etag)
    return int(composed[2]) if composed else 0


def likely_parts(size_bytes: int, count: int) -> list[int]:
    """Give the lengths that so many parts of an object may have, the likeliest first."""
    return [size for size in PART_SIZES if -(-size_bytes // size) == count]


def _composed(file: BinaryIO, part_bytes: int) -> str:
    parts = []
    while part := _md5(file, part_bytes, at_end=""):
        parts.append(part)
    return composed_of(parts)


def md5_of(file: BinaryIO) -> str:
    """Read a file whole, from its beginning, and give its MD5."""
    file.seek(0)
    return _md5(file)


def _md5(file: BinaryIO, limit_bytes: int | None = None, *, at_end: str | None = None) -> str:
    """Give the MD5 of what comes next, of no more than so many bytes; `at_end` is given where nothing comes."""
    found, left, any_came = hashlib.md5(usedforsecurity=False), limit_bytes, False
    while piece := file.read(PIECE_BYTES if left is None else min(PIECE_BYTES, left)):
        any_came = True
        found.update(piece)
        left = None if left is None else left - len(piece)
    return found.hexdigest() if any_came or at_end is None else at_end


def digest(place: Place, name: str) -> bytes:
    """Read a file whole and give a digest of its bytes."""
    with place.open(name) as file:
        return sha256_of(file)
