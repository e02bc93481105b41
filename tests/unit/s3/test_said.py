"""What is said of an object is said again, and not encoded twice."""

from __future__ import annotations

from datetime import UTC, datetime
from email.header import decode_header, make_header

import pytest

from holdall.s3.said import said_of


def as_header(text: str) -> str:
    """As the SDK reads the header of a program that sent UTF-8."""
    return text.encode().decode("latin-1")


@pytest.mark.parametrize("text", ["Gr\u00f6\u00dfe.pdf", "\u5199\u771f.pdf", "plain.pdf"])
@pytest.mark.parametrize("read", [as_header, str])
def test_letters_are_those_that_were_stored(text: str, read: object) -> None:
    value = read(text)  # type: ignore[operator]  # a parameter has no type
    said = said_of({"ContentDisposition": f'attachment; filename="{value}"', "Metadata": {"title": value}})
    assert said["ContentDisposition"] == f'attachment; filename="{text}"'
    assert said["Metadata"]["title"].isascii()
    assert str(make_header(decode_header(said["Metadata"]["title"]))) == text


def test_what_is_not_said_is_left_out() -> None:
    assert said_of({"ContentType": "", "ETag": "x", "CacheControl": "no-store"}) == {
        "CacheControl": "no-store",
        "Metadata": {},
    }
    # Bytes of no encoding that is known stay the letters that they are.
    assert said_of({"ContentDisposition": "\xff\xfe"})["ContentDisposition"] == "\xff\xfe"


def test_time_stays_a_time_and_what_is_none_is_left_out() -> None:
    ends = datetime(2031, 1, 2, tzinfo=UTC)
    assert said_of({"Expires": ends})["Expires"] == ends
    assert "Expires" not in said_of({"Expires": "0"})


@pytest.mark.parametrize(
    ("stored", "said"),
    [("aws-chunked,gzip", "gzip"), ("aws-chunked", None), ("br, AWS-CHUNKED,", "br"), ("br, gzip", "br,gzip")],
)
def test_how_an_upload_came_is_no_coding_of_the_file(stored: str, said: str | None) -> None:
    assert said_of({"ContentEncoding": stored}).get("ContentEncoding") == said
