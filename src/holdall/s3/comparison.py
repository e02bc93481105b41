"""What a store compares a part with: a known fact of its provider, or a question that is asked once per process."""

from __future__ import annotations

import base64
import hashlib

from holdall.errors import HoldallError
from holdall.s3.connection import Connection

_KNOWN = "what parts are compared with"
# What is sent, and what is hashed: as long, for the length is signed too.
_BODY = b"!"
OTHER = b"?"

# The refusals that say which hash does not fit. "InvalidDigest" may be about how it is written, and
# "SignatureDoesNotMatch" about a header that was lost on the way: they prove nothing.
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
# XAmzContentChecksumMismatch is MinIO's: https://github.com/minio/minio/blob/master/cmd/api-errors.go
_SAID_BY = {
    "XAmzContentSHA256Mismatch": "signature",
    "BadDigest": "checksum",
    "XAmzContentChecksumMismatch": "checksum",
}


def compared_by(connection: Connection) -> str:
    """Say what a part is compared with here, as `checks_parts_by` of its provider, or as it was learned."""
    return str(connection.known.get(_KNOWN) or connection.target.provider.checks_parts_by)


def is_unknown(connection: Connection) -> bool:
    """Say whether it is worth a question, and nobody has asked.

    Only of servers whose address does not tell the provider, and by the fast lane, which signs what it is told to.
    """
    provider = connection.target.provider
    if provider.checks_parts_by != "md5" or provider.sdk_checksums or provider.is_hosted:
        return False
    return _KNOWN not in connection.known and connection.takes_the_fast_lane()


def learn(connection: Connection, *, name: str, about: str, key: str, upload_id: str) -> bool:
    """Send one byte as part 1 of an upload, with the SHA-256 of others in the signature and as its checksum.

    A part has both where a checksum is sent, so the refusal tells what the store does with a damaged part. Whatever else
    comes of it, parts carry their MD5 for as long as this process lives: what can hang is asked once. It counts for no
    circuit, and raises no error of the store.

    False says that the byte may be in the upload, or may still arrive there: the upload is of no use for a file.

    Requests: one.
    """
    # Others do not wait for the answer.
    connection.known[_KNOWN] = "md5"
    try:
        connection.ask(
            "upload_part",
            action="saving",
            name=name,
            about=about,
            Key=key,
            UploadId=upload_id,
            PartNumber=1,
            Body=_BODY,
            ChecksumSHA256=base64.b64encode(hashlib.sha256(OTHER).digest()).decode(),
        )
    except HoldallError as refused:
        answer = refused.answer
        said = _SAID_BY.get(answer.code) if answer is not None and answer.status == 400 else None
        if said is None:
            # What was sent again may have arrived the first time.
            return answer is not None and answer.status < 500 and not refused.retries
        connection.known[_KNOWN] = said
        return True
    return False
