"""Ranges, as RFC 9110 has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall.serving.ranges import Span, Unsatisfiable, requested, still_holds

ETAG = '"5eb63bbbe01eeed093cb22bb8f5acdc3"'


@pytest.mark.parametrize(
    ("header", "size", "span"),
    [
        ("bytes=0-4", 10, (0, 5)),
        ("bytes=5-", 10, (5, 10)),
        ("bytes=-3", 10, (7, 10)),
        ("bytes=-30", 10, (0, 10)),
        ("bytes=9-9", 10, (9, 10)),
        ("bytes=5-99999999999999999999", 10, (5, 10)),
        ("Bytes= 0-4 ", 10, (0, 5)),
        # Whole: no range, several, other units, and what means nothing.
        (None, 10, None),
        ("", 10, None),
        ("bytes=0-1,3-4", 10, None),
        ("bytes=0-1, 0-1, 0-1", 10, None),
        ("bytes=4-2", 10, None),
        ("bytes=-", 10, None),
        ("bytes=a-b", 10, None),
        ("bytes=٣-٤", 10, None),
        ("bytes=" + "9" * 5_000 + "-", 10, None),
        ("lines=0-4", 10, None),
        ("0-4", 10, None),
        # An empty file has no part.
        ("bytes=-5", 0, None),
    ],
)
def test_range_is_a_span_or_the_whole_file(header: str | None, size: int, span: tuple[int, int] | None) -> None:
    assert requested(header, size) == (None if span is None else Span(*span))


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=10-", 10), ("bytes=10-12", 10), ("bytes=-0", 10), ("bytes=0-", 0)]
)
def test_range_behind_the_end_cannot_be_satisfied(header: str, size: int) -> None:
    with pytest.raises(Unsatisfiable):
        requested(header, size)


@given(st.text(max_size=40), st.integers(0, 100))
def test_any_header_gives_a_span_within_the_file(header: str, size: int) -> None:
    for given_header in (header, f"bytes={header}"):
        try:
            span = requested(given_header, size)
        except Unsatisfiable:
            continue
        assert span is None or 0 <= span.start < span.stop <= size


@pytest.mark.parametrize(
    ("header", "etag", "holds"),
    [
        (None, ETAG, True),
        (ETAG, ETAG, True),
        (f" {ETAG} ", ETAG, True),
        ('"another"', ETAG, False),
        # A weak one never means the same bytes.
        (f"W/{ETAG}", ETAG, False),
        (f"W/{ETAG}", f"W/{ETAG}", False),
        ("Thu, 26 Nov 2026 03:00:00 GMT", ETAG, True),
        ("Thu, 26 Nov 2026 03:00:01 GMT", ETAG, False),
        ("Thu, 26 Nov 2026 02:59:59 GMT", ETAG, False),
        ("yesterday", ETAG, False),
        ("*", ETAG, False),
        ("", ETAG, False),
    ],
)
def test_if_range_holds_for_the_same_file_alone(header: str | None, etag: str, holds: bool) -> None:
    assert still_holds(header, etag=etag, modified=1_795_662_000) is holds
