"""A page of a listing, as servers write it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ExpatError

import pytest

from holdall.s3.listing import parsed, unfinished

# https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html#API_ListObjectsV2_ResponseSyntax
PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult{space}>
  <Name>media</Name><Prefix>{prefix}</Prefix><Delimiter></Delimiter>
  <Contents>
    <Key>{key}</Key>
    <LastModified>2026-01-02T03:04:05.000Z</LastModified>
    <ETag>&quot;a&#34;</ETag>
    <Size>7</Size>
    <Owner><ID>somebody</ID><DisplayName/></Owner>
    <StorageClass>STANDARD</StorageClass>
  </Contents>
  <Contents><Key>bare</Key></Contents>
  <CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>
  <CommonPrefixes><Prefix>two</Prefix><Prefix>three</Prefix></CommonPrefixes>
  <IsTruncated>true</IsTruncated>
  <NextContinuationToken> t </NextContinuationToken>
  {more}
</ListBucketResult>
"""
SPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def page(space: str = SPACE, *, prefix: str = "p", key: str = "k", folder: str = "f", more: str = "") -> bytes:
    return PAGE.format(space=space, prefix=prefix, key=key, folder=folder, more=more).encode()


@pytest.mark.parametrize(
    "body",
    [
        page(),
        page(""),
        re.sub(rb"<(/?)(\w)", rb"<\1s3:\2", page(SPACE.replace("xmlns", "xmlns:s3"))),
    ],
    ids=["namespace", "none", "prefix"],
)
def test_page_is_read_in_any_dialect(body: bytes) -> None:
    assert parsed(body) == {
        "Contents": [
            {"Key": "k", "Size": 7, "ETag": '"a"', "LastModified": "2026-01-02T03:04:05.000Z"},
            {"Key": "bare", "Size": 0, "ETag": "", "LastModified": ""},
        ],
        "CommonPrefixes": [{"Prefix": "f"}, {"Prefix": "two"}, {"Prefix": "three"}],
        "IsTruncated": True,
        "NextContinuationToken": " t ",
    }


def test_keys_are_as_they_are() -> None:
    """Blanks, what looks like markup, and more than the parser hands over at once."""
    for key, written in ((" a ", " a "), ("a&<b>%2B+", "a&amp;&lt;b>%2B+"), ("\u00e9" * 20_000, "\u00e9" * 20_000)):
        assert parsed(page(key=written))["Contents"][0]["Key"] == key


def test_encoded_keys_are_decoded_wherever_the_page_says_so() -> None:
    body = page(key="a%2B+b%0A", folder="%C3%A9/", more="<EncodingType>url</EncodingType>")
    assert parsed(body)["Contents"][0]["Key"] == "a+ b\n"
    assert parsed(body)["CommonPrefixes"][0] == {"Prefix": "\u00e9/"}


def test_what_is_no_listing_says_so() -> None:
    assert parsed(b"<html/>")["IsTruncated"] is None
    for body in (page()[:-5], b"", b"no markup"):
        with pytest.raises(ExpatError):
            parsed(body)


# https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html#API_ListMultipartUploads_ResponseSyntax
UPLOADS = b"""<?xml version="1.0" encoding="UTF-8"?>
<ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Bucket>media</Bucket><KeyMarker></KeyMarker><UploadIdMarker></UploadIdMarker>
  <NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker>
  <MaxUploads>1</MaxUploads><IsTruncated>true</IsTruncated>
  <Upload>
    <Key>k</Key><UploadId>u</UploadId>
    <Initiator><ID>somebody</ID></Initiator><Owner><ID>somebody</ID></Owner>
    <StorageClass>STANDARD</StorageClass><Initiated>2026-01-02T03:04:05.000Z</Initiated>
  </Upload>
</ListMultipartUploadsResult>
"""


def test_page_of_unfinished_uploads_is_read() -> None:
    assert unfinished(UPLOADS) == {
        "Uploads": [{"Key": "k", "UploadId": "u", "Initiated": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)}],
        "IsTruncated": True,
        "NextKeyMarker": "k",
        "NextUploadIdMarker": "u",
    }
    # Some servers tell no zone, or no time at all.
    assert unfinished(UPLOADS.replace(b"000Z", b"000"))["Uploads"] == unfinished(UPLOADS)["Uploads"]
    silent = UPLOADS.replace(b"<Initiated>2026-01-02T03:04:05.000Z</Initiated>", b"")
    assert unfinished(silent)["Uploads"] == [{"Key": "k", "UploadId": "u"}]
    assert unfinished(b"<html/>")["IsTruncated"] is None
    for body in (UPLOADS[:-5], b"", UPLOADS.replace(b"2026-01-02", b"yesterday")):
        with pytest.raises(ParseError):
            unfinished(body)
