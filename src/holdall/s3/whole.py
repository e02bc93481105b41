"""What a whole answer has: whatever lacks it is half an answer, or somebody else's, and no success. Pure.

A connection that breaks off where no header tells the length looks like the end of an answer, and the SDK makes an
empty one of it. A captive portal, or a proxy that is not configured, answers 200 and a page to whatever it is asked.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

# The members without which an answer is not whole, in the SDK's words.
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
MEMBERS: dict[str, tuple[str, ...]] = {
    "put_object": ("ETag",),
    "get_object": ("ETag",),
    "head_object": ("ETag",),
    "create_multipart_upload": ("UploadId",),
    "upload_part": ("ETag",),
    "complete_multipart_upload": ("ETag",),
    "list_objects_v2": ("IsTruncated",),
    "list_multipart_uploads": ("IsTruncated",),
}
# The same, of copies: what has their ETag.
RESULTS = {"copy_object": "CopyObjectResult", "upload_part_copy": "CopyPartResult"}
# What S3 answers 204 to. Some servers answer 200, and say by this header that they are S3.
NO_CONTENT = frozenset({"delete_object", "abort_multipart_upload"})
REQUEST_ID = "x-amz-request-id"
# Where the type is the object's own, a page says nothing.
ABOUT_THE_OBJECT = frozenset({"get_object", "head_object"})
PAGES = ("text/html", "application/xhtml")


def flaw(operation: str, parameters: Mapping[str, Any], answer: Any, *, md5_etags: bool = False) -> str:
    """Say what an answer lacks, in words that complete "… failed: "; nothing if it is whole.

    `md5_etags`: the provider's ETag of what one request stores is its MD5, unless it is encrypted with a key.
    """
    meta = answer.get("ResponseMetadata") if isinstance(answer, Mapping) else None
    if not isinstance(meta, Mapping) or "HTTPHeaders" not in meta:
        # It did not come over a wire: a test suite answers in the store's place, and says as much as it wants to.
        return ""
    headers = meta["HTTPHeaders"]
    kind = str(headers.get("content-type") or "")
    if operation not in ABOUT_THE_OBJECT and kind.startswith(PAGES):
        return "the answer is a page, not S3's; something between here and the store answers in its place"
    if operation in NO_CONTENT and meta.get("HTTPStatusCode") != 204 and REQUEST_ID not in headers:
        return "the answer is not S3's; something between here and the store answers in its place"
    if any(answer.get(member) is None for member in MEMBERS.get(operation, ())):
        return "the answer broke off, or is not S3's"
    if (result := RESULTS.get(operation)) and not (answer.get(result) or {}).get("ETag"):
        return "the answer broke off, or is not S3's"
    if operation == "delete_objects" and (missing := _unanswered(parameters, answer)):
        return f"the answer says nothing of {len(missing)} of the objects that were to be deleted, the first {missing[0]!r}"
    if md5_etags and not _fits(parameters, answer, headers):
        return "what the store says that it has is not what was sent"
    return ""


def _unanswered(parameters: Mapping[str, Any], answer: Mapping[str, Any]) -> list[str]:
    told = {one.get("Key") for member in ("Deleted", "Errors") for one in answer.get(member) or ()}
    return [one["Key"] for one in parameters["Delete"]["Objects"] if one["Key"] not in told]


def _fits(parameters: Mapping[str, Any], answer: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
    """Say whether the ETag is that of what was sent, where it can be known."""
    sent = parameters.get("ContentMD5")
    if sent is None or "Body" not in parameters:
        return True
    # Encrypted with a key of KMS or of the customer's, the ETag is not an MD5.
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
    kms = str(headers.get("x-amz-server-side-encryption") or parameters.get("ServerSideEncryption") or "")
    if kms.startswith("aws:") or "SSECustomerAlgorithm" in parameters:
        return True
    return str(answer.get("ETag")).strip('"').lower() == base64.b64decode(sent).hex()
