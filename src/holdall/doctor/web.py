"""Send requests as a visitor's browser would: without keys, one at a time, without following redirects."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    MaxRetryError,
    NameResolutionError,
    ReadTimeoutError,
    SSLError,
)

CONNECT_SECONDS = 5
READ_SECONDS = 15
# This much of a body is enough to tell what it is.
KEPT_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Page:
    """One answer. Header names are in lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    # As it came over the wire, not decompressed; its first 64 KiB.
    body: bytes

    def header(self, name: str) -> str:
        return self.headers.get(name.lower(), "")

    @property
    def code(self) -> str:
        """S3's error code, if the body has one."""
        return between(self.body, b"<Code>", b"</Code>")

    @property
    def message(self) -> str:
        return between(self.body, b"<Message>", b"</Message>")

    def seen(self) -> str:
        """Say in a few words what was answered, and by which server."""
        server = self.header("server") or self.header("via")
        host = urllib3.util.parse_url(self.url).netloc or ""
        return f"{self.status}{f' {self.code}' if self.code else ''} from {host}{f' ({server})' if server else ''}"


Failure = Literal["name", "connection", "certificate", "time", "address"]


class WebFailed(Exception):
    """No answer came. `reason` says at which step: the host's name, the connection, the certificate or the time."""

    def __init__(self, reason: Failure, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class Web:
    """A visitor without keys. It follows no redirects and retries nothing, so that each answer is the server's own."""

    def __init__(self) -> None:
        ca_file = os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE") or None
        self._pool = urllib3.PoolManager(
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            ca_certs=ca_file,
        )

    def fetch(
        self, url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Page:
        """Send one request.

        Raises:
            WebFailed: no answer came.
        """
        try:
            answer = self._pool.request(
                method,
                url,
                headers={"user-agent": "holdall-doctor", "accept-encoding": "identity", **(headers or {})},
                body=body,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            kept = answer.read(KEPT_BYTES)
            answer.drain_conn()
        except (HTTPError, ValueError) as error:
            # The query of a signed link gives access to a private file.
            raise WebFailed(_reason(error), re.sub(r"\?\S+", "?…", str(error))) from error
        return Page(
            url=url,
            status=answer.status,
            headers={name.lower(): value for name, value in answer.headers.items()},
            body=kept,
        )


def between(body: bytes, begin: bytes, end: bytes) -> str:
    """Return what is between two marks, or "" if they are not there."""
    _, found, rest = body.partition(begin)
    text, closed, _ = rest.partition(end)
    return text.decode("utf-8", "replace").strip() if found and closed else ""


def _reason(error: Exception) -> Failure:
    cause: BaseException | None = error.reason if isinstance(error, MaxRetryError) else error
    if isinstance(cause, NameResolutionError):
        return "name"
    if isinstance(cause, SSLError):
        return "certificate"
    if isinstance(cause, (ConnectTimeoutError, ReadTimeoutError)):
        return "time"
    return "address" if isinstance(cause, (LocationParseError, ValueError)) else "connection"
