"""What lacks a member that every whole answer has, or is a page, is no success."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from holdall.s3.whole import MEMBERS, RESULTS, flaw

BODY = b"content"
MD5 = base64.b64encode(hashlib.md5(BODY, usedforsecurity=False).digest()).decode()
ETAG = f'"{hashlib.md5(BODY, usedforsecurity=False).hexdigest()}"'


def answer(status: int = 200, headers: dict[str, str] | None = None, **members: Any) -> dict[str, Any]:
    return {**members, "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers or {}, "RetryAttempts": 0}}


@pytest.mark.parametrize("operation", [*MEMBERS, *RESULTS, "delete_object", "abort_multipart_upload"])
def test_empty_answer_is_no_success(operation: str) -> None:
    assert flaw(operation, {}, answer())


@pytest.mark.parametrize("operation", [*MEMBERS, *RESULTS])
def test_whole_answer_is_one(operation: str) -> None:
    members: dict[str, Any] = dict.fromkeys(MEMBERS.get(operation, ()), "x")
    members |= {result: {"ETag": "x"} for result in RESULTS.values()}

    assert not flaw(operation, {}, answer(**members))


@pytest.mark.parametrize("operation", ["put_object", "upload_part", "complete_multipart_upload", "head_bucket"])
def test_page_is_no_success_whatever_it_says(operation: str) -> None:
    assert "page" in flaw(operation, {}, answer(headers={"content-type": "text/html; charset=utf-8"}, ETag=ETAG))


def test_file_that_is_a_page_is_read() -> None:
    assert not flaw("get_object", {}, answer(headers={"content-type": "text/html"}, ETag=ETAG))


def test_answer_of_a_test_suite_is_believed() -> None:
    assert not flaw("put_object", {}, {})
    assert not flaw("put_object", {}, {"ResponseMetadata": {"HTTPStatusCode": 200}})


@pytest.mark.parametrize(("status", "headers"), [(204, {}), (200, {"x-amz-request-id": "1"})])
def test_deletion_is_believed_when_s3_says_so(status: int, headers: dict[str, str]) -> None:
    assert not flaw("delete_object", {}, answer(status, headers))


def test_deletion_of_many_answers_for_each() -> None:
    asked = {"Delete": {"Objects": [{"Key": "a"}, {"Key": "b"}, {"Key": "c"}]}}

    assert "2 of the objects" in flaw("delete_objects", asked, answer(Deleted=[{"Key": "b"}]))
    assert not flaw("delete_objects", asked, answer(Deleted=[{"Key": "a"}, {"Key": "b"}], Errors=[{"Key": "c"}]))


def test_etag_fits_what_was_sent_where_that_is_known() -> None:
    sent = {"Body": BODY, "ContentMD5": MD5}
    other = answer(ETag='"d41d8cd98f00b204e9800998ecf8427f"')

    assert not flaw("put_object", sent, answer(ETag=ETAG), md5_etags=True)
    assert "not what was sent" in flaw("put_object", sent, other, md5_etags=True)
    assert not flaw("put_object", sent, other, md5_etags=False)
    assert not flaw("put_object", {"Body": BODY}, other, md5_etags=True)


@pytest.mark.parametrize(
    ("parameters", "headers"),
    [
        ({}, {"x-amz-server-side-encryption": "aws:kms"}),
        ({"ServerSideEncryption": "aws:kms:dsse"}, {}),
        ({"SSECustomerAlgorithm": "AES256"}, {}),
    ],
)
def test_etag_of_what_is_encrypted_with_a_key_says_nothing(parameters: Any, headers: dict[str, str]) -> None:
    sent = {"Body": BODY, "ContentMD5": MD5, **parameters}

    assert not flaw("put_object", sent, answer(headers=headers, ETag='"another"'), md5_etags=True)
