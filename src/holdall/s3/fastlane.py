"""Send plain requests with Holdall's own signature, at a fraction of the SDK's CPU.

It knows a handful of operations and their ordinary parameters, speaks the SDK's names for both, and answers with the
part of the SDK's answers that Holdall reads. Whatever else is asked of it, it declines, and the SDK does it.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import base64
import hashlib
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET
from xml.parsers.expat import ExpatError

from urllib3.exceptions import HTTPError, ProtocolError, SSLError

from holdall.s3 import listing, sockets
from holdall.s3.exchange import Answered, Request, exchange
from holdall.s3.patience import current
from holdall.s3.signing import Place, Signer

METHODS = {
    "put_object": "PUT",
    "upload_part": "PUT",
    "get_object": "GET",
    "head_object": "HEAD",
    "head_bucket": "HEAD",
    "list_objects_v2": "GET",
    "list_multipart_uploads": "GET",
}
# What a request asks for that is not about an object, beside its parameters.
ASKED = {
    "list_objects_v2": {"encoding-type": "url", "list-type": "2"},
    # As the SDK asks: it does not ask for encoded keys here.
    "list_multipart_uploads": {"uploads": ""},
}
# The SDK's parameters, and the headers that they become.
HEADERS = {
    "ACL": "x-amz-acl",
    "CacheControl": "cache-control",
    "ChecksumSHA256": "x-amz-checksum-sha256",
    "ContentDisposition": "content-disposition",
    "ContentEncoding": "content-encoding",
    "ContentLanguage": "content-language",
    "ContentMD5": "content-md5",
    "ContentType": "content-type",
    "IfMatch": "if-match",
    "IfNoneMatch": "if-none-match",
    "Range": "range",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "StorageClass": "x-amz-storage-class",
}
QUERIES = {
    "ContinuationToken": "continuation-token",
    "Delimiter": "delimiter",
    "KeyMarker": "key-marker",
    "MaxKeys": "max-keys",
    "PartNumber": "partNumber",
    "Prefix": "prefix",
    "StartAfter": "start-after",
    "UploadId": "uploadId",
    "UploadIdMarker": "upload-id-marker",
}
# What may be asked again. https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
TRANSIENT = frozenset({500, 502, 503, 504, 429})
TRANSIENT_CODES = frozenset({"RequestTimeout", "RequestTimeoutException", "SlowDown", "InternalError", "Throttling"})
# What the SDK knows how to correct: another region, another address. A wrong clock is as wrong there.
OUT_OF_THE_ORDINARY = frozenset({301, 302, 307, 308})
OUT_OF_THE_ORDINARY_CODES = frozenset({"AuthorizationHeaderMalformed", "PermanentRedirect"})
MAX_PAUSE_SECONDS = 20.0
# The hash of no bytes.
NO_PAYLOAD = hashlib.sha256(b"").hexdigest()
_LABEL = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+").fullmatch


class Declined(Exception):
    """The request, or (`of_place`) the place, is out of the ordinary: the SDK is to do it."""

    def __init__(self, *, of_place: bool = False) -> None:
        super().__init__()
        self.of_place = of_place


@dataclass
class Refused(Exception):
    """The store answered with a failure."""

    operation: str
    status: int
    code: str
    message: str
    retries: int
    headers: Mapping[str, str]


class FastLane:
    """Sends requests about one bucket. Shared by all threads of a process."""

    def __init__(
        self,
        place: Place,
        signer: Callable[[], Signer],
        *,
        ca_file: str | None,
        connect_seconds: float,
        read_seconds: float,
        attempts: int,
    ) -> None:
        self._place = place
        self._signer = signer
        self._attempts = attempts
        self._ca_file = ca_file
        self._connect_seconds, self._read_seconds = connect_seconds, read_seconds

    def send(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Send one request, again if what went wrong is likely to pass, and give the answer in the SDK's terms.

        Raises:
            Declined: the SDK is to do it.
            Refused: the store said no.
            urllib3.exceptions.HTTPError: no answer came.
        """
        method, path, query, headers, body = _request(operation, parameters, self._place)
        if body is not None:
            headers["content-length"] = str(len(body))
        digest = _payload_digest(headers, body)
        for attempt in range(self._attempts):
            pause = min(random.random() * 2**attempt, MAX_PAUSE_SECONDS)  # noqa: S311  spreads, hides nothing
            is_last = attempt == self._attempts - 1
            try:
                response = self._send_once(method, path, query, headers, digest, body)
                if response.status < 300:
                    return _answer(operation, response, attempt)
                refused = _refused(operation, response, attempt)
            except SSLError as error:
                # The SDK may know an authority that this machine's own list lacks.
                raise Declined(of_place=True) from error
            except (ExpatError, ET.ParseError) as error:
                # Where no header tells the length, a connection that broke off looks like the end of an answer.
                if is_last or _is_spent(pause):
                    raise ProtocolError("the answer broke off") from error
            except HTTPError:
                if is_last or _is_spent(pause):
                    raise
            else:
                if refused.status in OUT_OF_THE_ORDINARY or refused.code in OUT_OF_THE_ORDINARY_CODES:
                    raise Declined(of_place=True)
                if (
                    is_last
                    or _is_spent(pause)
                    or (refused.status not in TRANSIENT and refused.code not in TRANSIENT_CODES)
                ):
                    raise refused
            time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def send_as_it_is(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> int:
        """Send a request as somebody else would, who has a link and no keys, and give the status of the answer.

        Raises:
            urllib3.exceptions.HTTPError: no answer came.
        """
        answer = self._exchange(Request(method, target, dict(headers), body))
        answer.body.read()
        return answer.status

    def _send_once(
        self, method: str, path: str, query: str, headers: dict[str, str], digest: str, body: bytes | None
    ) -> Answered:
        signed = self._signer().headers(method, path, query, headers, digest, now=time.time())
        target = f"{path}?{query}" if query else path
        return self._exchange(Request(method, target, signed, body))

    def _exchange(self, request: Request) -> Answered:
        pool = sockets.pool(self._place.scheme, self._place.host, ca_file=self._ca_file)
        return exchange(pool, request, connect_seconds=self._connect_seconds, read_seconds=self._read_seconds)


def _is_spent(pause: float) -> bool:
    patience = current()
    return patience is not None and patience.is_spent(pause=pause)


def _request(
    operation: str, parameters: Mapping[str, Any], place: Place
) -> tuple[str, str, str, dict[str, str], bytes | None]:
    """Turn the SDK's words into a request; decline what is not known."""
    method = METHODS.get(operation)
    if method is None:
        raise Declined
    key, body = "", None
    headers: dict[str, str] = {}
    queries = dict(ASKED.get(operation, {}))
    for name, value in parameters.items():
        if name == "Key" and value:
            # Without one the request would be about the bucket: its listing, or its creation.
            key = value
        elif name == "Body" and isinstance(value, bytes):
            body = value
        elif name == "Metadata":
            headers.update(_metadata(value))
        elif name == "Range" and method == "PUT":
            # The SDK refuses what means nothing there.
            raise Declined
        elif name in HEADERS and isinstance(value, str):
            headers[HEADERS[name]] = value
        elif name in QUERIES:
            queries[QUERIES[name]] = str(value)
        else:
            raise Declined
    # All at once: this is asked of every request.
    texts = list(headers.values())
    together = "".join(texts)
    if not (together.isascii() and together.isprintable()) or texts != [text.strip() for text in texts]:
        raise Declined
    query = "&".join(f"{name}={quote(value, safe='-._~')}" for name, value in sorted(queries.items()))
    path = f"{place.path}/{quote(key, safe='/-._~')}" if key or not place.path else place.path
    return method, path, query, headers, body


def _payload_digest(headers: Mapping[str, str], body: bytes | None) -> str:
    """Give what stands for the body in the signature: one hash is enough, and the headers that tell one are signed."""
    if "content-md5" in headers:
        return "UNSIGNED-PAYLOAD"
    if (known := headers.get("x-amz-checksum-sha256")) is not None:
        return base64.b64decode(known).hex()
    return hashlib.sha256(body).hexdigest() if body else NO_PAYLOAD


def _metadata(given: Any) -> dict[str, str]:
    """Give the headers of metadata; decline what the SDK refuses, or knows another form of."""
    headers = {}
    for label, text in dict(given).items():
        if not isinstance(label, str) or not isinstance(text, str) or _LABEL(label) is None:
            raise Declined
        headers[f"x-amz-meta-{label.lower()}"] = text
    if len(headers) < len(given):
        raise Declined
    return headers


def _refused(operation: str, response: Answered, attempt: int) -> Refused:
    body = response.body.read()
    code = message = ""
    if body:
        try:
            root = ET.fromstring(body)  # noqa: S314  the store's own answer, to a signed request
            code, message = root.findtext("{*}Code") or "", root.findtext("{*}Message") or ""
        except ET.ParseError:
            message = "the answer is not S3's"
    sdk_operation = "".join(part.title() for part in operation.split("_"))
    return Refused(sdk_operation, response.status, code or str(response.status), message, attempt, response.headers)


def _answer(operation: str, response: Answered, attempt: int) -> dict[str, Any]:
    headers = response.headers
    meta = {"HTTPStatusCode": response.status, "HTTPHeaders": headers, "RetryAttempts": attempt}
    if operation == "list_objects_v2":
        return {**listing.parsed(response.body.read()), "ResponseMetadata": meta}
    if operation == "list_multipart_uploads":
        return {**listing.unfinished(response.body.read()), "ResponseMetadata": meta}
    answer: dict[str, Any] = {"ResponseMetadata": meta, "ETag": headers.get("etag")}
    if METHODS[operation] == "PUT":
        # It says no more of what was stored. Read to its end, the connection goes back to the pool.
        response.body.read()
        return answer
    answer["Metadata"] = {
        name.removeprefix("x-amz-meta-"): value for name, value in headers.items() if name.startswith("x-amz-meta-")
    }
    if operation == "get_object":
        answer["Body"] = response.body
        answer["ContentEncoding"] = headers.get("content-encoding")
        if (span := headers.get("content-range")) is not None:
            answer["ContentRange"] = span
    else:
        response.body.read()
    if (length := headers.get("content-length")) is not None:
        answer["ContentLength"] = int(length)
    if modified := headers.get("last-modified"):
        answer["LastModified"] = parsedate_to_datetime(modified)
    return answer
