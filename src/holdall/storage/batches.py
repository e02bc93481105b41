"""Cut what a request may name only so many of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

# What one request may delete: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
DELETE_BATCH = 1000


def batched(items: Iterable[Any], size: int = DELETE_BATCH) -> Iterator[list[Any]]:
    """Cut into lists of no more than `size`, in order."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
