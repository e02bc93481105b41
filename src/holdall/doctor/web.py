"""Send requests as a visitor's browser would: without keys, one at a time, without following redirects."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ProxySchemeUnknown,
    ReadTimeoutError,
    SSLError,
)

from holdall.s3 import sockets
from holdall.s3.patience import Kind, Patience, applied
from holdall.s3.proxies import Proxy, proxy_of
from holdall.s3.unanswered import in_words

CONNECT_SECONDS = 5
READ_SECONDS = 15
# This much of a body is enough to tell what it is.
KEPT_BYTES = 64 * 1024
# How long to wait before asking again for what was no answer to the question.
PAUSES_SECONDS = (0.2, 0.6)
# Answers that say nothing about what was asked. 501 does: the server cannot do it.
# https://httpwg.org/specs/rfc9110.html#status.5xx
_NO_ANSWERS = frozenset({408, 425, 429})
# https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonResponseHeaders.html
_OF_S3 = ("x-amz-request-id", "x-amz-id-2", "x-amz-bucket-region")
# Refusals with a 4xx status that say nothing of the rights of whoever asks.
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_PASSING_CODES = frozenset(
    {"RequestTimeout", "RequestTimeTooSkewed", "SlowDown", "TooManyRequests", "OperationAborted", "NoSuchBucket"}
)


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

    @property
    def is_answer(self) -> bool:
        """Whether it answers the question, and does not only say that the server cannot answer now."""
        return self.status not in _NO_ANSWERS and (self.status < 500 or self.status == 501)

    @property
    def is_s3(self) -> bool:
        """Whether it is an answer of S3's, by its error, its listing or its headers."""
        return bool(self.code) or b"<ListBucketResult" in self.body or any(map(self.header, _OF_S3))

    @property
    def is_page(self) -> bool:
        """Whether it is a web page, which S3 never answers by itself."""
        return "html" in self.header("content-type")

    @property
    def refuses(self) -> bool:
        """Whether the store refuses: with an error of S3's own, or to a HEAD, which gets no body.

        A proxy, a captive portal or a bot challenge that refuses says nothing about the store.
        https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
        """
        if not 400 <= self.status < 500 or not self.is_answer or self.code in _PASSING_CODES:
            return False
        if self.code:
            return True
        return self.status in {401, 403, 404, 405} and not self.body and not self.is_page

    def seen(self) -> str:
        """Say in a few words what was answered, and by which server."""
        server = self.header("server") or self.header("via")
        host = urllib3.util.parse_url(self.url).netloc or ""
        return f"{self.status}{f' {self.code}' if self.code else ''} from {host}{f' ({server})' if server else ''}"


Failure = Literal["name", "connection", "certificate", "time", "address", "proxy"]


class WebFailed(Exception):
    """No answer came. `reason` says at which step: the host's name, the connection, the proxy, the certificate or the time."""

    def __init__(self, reason: Failure, text: str, *, passes: bool = False) -> None:
        super().__init__(text)
        self.reason = reason
        # Whether the same request may be answered a moment later.
        self.passes = passes


class Web:
    """A visitor without keys. It follows no redirects, so that each answer is the server's own.

    It goes out as the SDK does: by the proxy that the storage was given, or by the environment's.
    """

    def __init__(
        self, proxies: Iterable[tuple[str, str]] = (), *, under_way: MutableMapping[int, str] | None = None
    ) -> None:
        self._proxies = tuple(proxies)
        self._managers: dict[str, urllib3.PoolManager] = {}
        # What each thread waits for.
        self._under_way = {} if under_way is None else under_way

    def fetch(
        self, url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Page:
        """Send a request, up to two times more while the server says that it cannot answer now.

        Raises:
            WebFailed: no answer came.
        """
        me = threading.get_ident()
        self._under_way[me] = f"{method} {url.partition('?')[0]}"
        try:
            for pause in PAUSES_SECONDS:
                try:
                    page = self._fetch(url, method, headers or {}, body)
                except WebFailed as failure:
                    if not failure.passes:
                        raise
                else:
                    if page.is_answer:
                        return page
                time.sleep(pause)
            return self._fetch(url, method, headers or {}, body)
        finally:
            self._under_way.pop(me, None)

    def proxy(self, url: str) -> Proxy | None:
        """Give the proxy by which it goes to an address. Requests: none."""
        return proxy_of(url, self._proxies)

    def _manager(self, proxy: Proxy | None) -> urllib3.PoolManager:
        key = proxy.url if proxy else ""
        if key not in self._managers:
            context = urllib3.util.ssl_.create_urllib3_context()
            options: dict[str, Any] = {
                "retries": False,
                "timeout": urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
                "ssl_context": context,
                "cert_reqs": "CERT_REQUIRED",
            }
            authorities = os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE")
            if authorities:
                options["ca_cert_dir" if Path(authorities).is_dir() else "ca_certs"] = authorities
            else:
                context.load_default_certs()
            made = (
                urllib3.ProxyManager(proxy.url, proxy_headers=proxy.headers, **options)
                if proxy
                else urllib3.PoolManager(**options)
            )
            self._managers[key] = sockets.patient(made)
        return self._managers[key]

    def _fetch(self, url: str, method: str, headers: Mapping[str, str], body: bytes | None) -> Page:
        proxy = self.proxy(url)
        try:
            with applied(Patience(READ_SECONDS, attempts=1, kind=Kind.QUESTION)):
                return self._asked(self._manager(proxy), url, method, headers, body)
        except (HTTPError, ValueError, OSError) as error:
            # The query of a signed link gives access to a private file.
            said = re.sub(r"\?\S+", "?…", in_words(error))
            reason = _reason(error)
            if reason == "proxy" and proxy:
                said = f"the proxy {proxy.where} did not let it through: {said.replace(proxy.url, proxy.where)}"
            raise WebFailed(reason, said, passes=_passes(error)) from error

    def _asked(
        self,
        manager: urllib3.PoolManager,
        url: str,
        method: str,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Page:
        answer = manager.request(
            method,
            url,
            headers={"user-agent": "holdall-doctor", "accept-encoding": "identity", **headers},
            body=body,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        kept = answer.read(KEPT_BYTES)
        if answer.length_remaining == 0:
            answer.drain_conn()
        else:
            # There may be gigabytes more.
            answer.close()
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


def _passes(error: Exception) -> bool:
    """Whether a connection broke off, as that of a busy server does; one that was never made is not made a moment later."""
    cause: BaseException | None = error.reason if isinstance(error, MaxRetryError) else error
    never = (NewConnectionError, ConnectTimeoutError, ReadTimeoutError, ProxyError, SSLError, ValueError)
    return not isinstance(cause, never)


def _reason(error: Exception) -> Failure:
    cause: BaseException | None = error.reason if isinstance(error, MaxRetryError) else error
    if isinstance(cause, (ProxyError, ProxySchemeUnknown)):
        return "proxy"
    if isinstance(cause, NameResolutionError):
        return "name"
    if isinstance(cause, SSLError):
        return "certificate"
    if isinstance(cause, (ConnectTimeoutError, ReadTimeoutError)):
        return "time"
    return "address" if isinstance(cause, (LocationParseError, ValueError)) else "connection"
