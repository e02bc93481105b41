"""A small CDN on loopback: a caching reverse proxy in front of a real bucket, with the faults that real ones have.

It speaks HTTP and, with a certificate, HTTPS on the same port, as a CDN does on one name.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import http.server
import re
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.providers import Keys, Provider

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"}
TLS_HANDSHAKE = b"\x16"
DEFAULT_SECONDS = 3600


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How a CDN is set up. As it stands here, everything is right."""

    keys: Keys | None = None
    """With them it reads a bucket that refuses visitors, as CloudFront does by origin access control."""
    key_group: bytes = b""
    """A public key (PEM): only links that its private key has signed are served, as CloudFront's restricted access."""
    passes_queries: bool = False
    """Sends the query on, and no signature of its own: a signed link reaches the bucket as it was made."""
    keys_queries: bool = True
    """Where it passes queries on, each query has a copy of its own; otherwise the first answer is everybody's."""
    strips_queries: bool = False
    """Something in front of it removes them."""
    host: str = ""
    """What it says in the `Host` header, instead of the server's address: a bucket's own host."""
    origin_path: str = ""
    """Put before every path."""
    strips: str = ""
    """Taken from the front of every path."""
    caches: bool = True
    tells: bool = True
    """Says in headers what the cache did."""
    says: str = ""
    """What it says instead of that: "DYNAMIC" is Cloudflare's word for what it never keeps."""
    keeps_errors_seconds: float = 0
    passes: tuple[str, ...] = ("origin",)
    """Headers of requests that reach the bucket; no others do."""
    key_headers: tuple[str, ...] = ("origin",)
    """Headers that are part of a copy's identity."""
    drops: tuple[str, ...] = ()
    """Headers that do not arrive."""
    sets: Mapping[str, str] = field(default_factory=dict)
    """Headers that arrive otherwise than they were."""
    adds: Mapping[str, str] = field(default_factory=dict)
    """Headers of its own."""
    passes_ranges: bool = True
    methods: tuple[str, ...] = ("GET", "HEAD", "OPTIONS")
    encodes_again: bool = False
    """Takes what is encoded in a path for the name itself: %20 becomes %2520."""
    page_for_errors: bytes = b""
    """Given with 200 instead of an error, as for applications of a single page."""
    transforms: Callable[[bytes], bytes] | None = None


@dataclass(frozen=True)
class Copy:
    status: int
    headers: list[tuple[str, str]]
    body: bytes
    made_at: float
    seconds: float


class Cdn:
    """A CDN in front of one bucket, from `with` to its end."""

    def __init__(
        self, provider: Provider, bucket: str, *, certificate: tuple[Path, Path] | None = None, **behaviour: Any
    ) -> None:
        self.provider, self.bucket = provider, bucket
        self.behaviour = Behaviour(**behaviour)
        self.requests: list[tuple[str, str]] = []
        self._copies: dict[tuple[str, ...], Copy] = {}
        self._lock = threading.Lock()
        self._tls = None
        if certificate:
            self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._tls.load_cert_chain(*certificate)
        self._server = _Server(("127.0.0.1", 0), _handler(self))

    @property
    def domain(self) -> str:
        """What `AWS_S3_CUSTOM_DOMAIN` is to be."""
        return f"localhost:{self._server.server_address[1]}"

    def __enter__(self) -> Cdn:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def secured(self, client: socket.socket) -> socket.socket:
        """Give the encrypted connection, where the client wants one."""
        if self._tls and client.recv(1, socket.MSG_PEEK) == TLS_HANDSHAKE:
            return self._tls.wrap_socket(client, server_side=True)
        return client

    def answer(self, method: str, target: str, headers: Mapping[str, str]) -> tuple[Copy, dict[str, str]]:
        """Answer a request, out of the cache or from the bucket; with the headers that tell which."""
        does = self.behaviour
        self.requests.append((method, target))
        path, _, query = target.partition("?")
        wanted_path = target if does.passes_queries and not does.strips_queries else path
        if method not in does.methods:
            return _refusal(403, "MethodNotAllowed"), {}
        query = "" if does.strips_queries else query
        if does.key_group and "Key-Pair-Id" not in query:
            return _refusal(403, "MissingKey"), {}
        if does.key_group and not _is_signed_well(
            f"{'https' if self._tls else 'http'}://{headers['host']}{path}", query, does.key_group
        ):
            # What CloudFront says of a key that is not in the group.
            return _refusal(403, "InvalidKey"), {}
        forwarded = {name: headers[name] for name in does.passes if name in headers}
        if does.host:
            forwarded["Host"] = does.host
        if method == "OPTIONS":
            wanted = {name: text for name, text in headers.items() if name.startswith("access-control-request")}
            return self._fetch(method, path, {**forwarded, **wanted}), {}
        identity = (
            wanted_path if does.keys_queries else path,
            *(f"{name}: {headers.get(name)}" for name in does.key_headers),
        )
        with self._lock:
            copy = self._copies.get(identity)
            hit = copy is not None and time.time() < copy.made_at + copy.seconds
            if copy is None or not hit:
                copy = self._fetch("GET", wanted_path, forwarded)
                if does.caches and copy.seconds:
                    self._copies[identity] = copy
        told = {"Via": "1.1 lab"}
        if does.tells:
            told["X-Cache"] = does.says or ("Hit from lab" if hit else "Miss from lab")
        if does.tells and hit:
            told["Age"] = str(int(time.time() - copy.made_at))
        return self._part(copy, headers.get("range", "")), told

    def _fetch(self, method: str, path: str, headers: Mapping[str, str]) -> Copy:
        does = self.behaviour
        if does.strips:
            path = path.replace(does.strips, "", 1)
        if does.encodes_again:
            path = urllib.parse.quote(path)
        path = f"{self.bucket and f'/{self.bucket}'}{does.origin_path}{path}"
        status, found, body = ask(self.provider, method, path, headers, keys=does.keys)
        kept = [(name, text) for name, text in found if name.lower() not in {*HOP_BY_HOP, *does.drops}]
        kept = [*((name, does.sets.get(name.lower(), text)) for name, text in kept), *does.adds.items()]
        if status >= 400 and does.page_for_errors:
            return Copy(200, [("Content-Type", "text/html")], does.page_for_errors, time.time(), DEFAULT_SECONDS)
        if status >= 400 or method != "GET":
            return Copy(status, kept, body, time.time(), does.keeps_errors_seconds)
        if does.transforms:
            body = does.transforms(body)
        return Copy(status, kept, body, time.time(), _seconds(dict(kept)))

    def _part(self, copy: Copy, wanted: str) -> Copy:
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", wanted)
        if not found or copy.status != 200 or not self.behaviour.passes_ranges:
            return copy
        first, last = int(found[1]), min(int(found[2]), len(copy.body) - 1)
        span = ("Content-Range", f"bytes {first}-{last}/{len(copy.body)}")
        return Copy(206, [*copy.headers, span], copy.body[first : last + 1], copy.made_at, 0)


def ask(
    provider: Provider, method: str, path: str, headers: Mapping[str, str], *, keys: Keys | None = None
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Ask the bucket, signed where keys are given. The path is encoded already."""
    parts = urllib.parse.urlsplit(provider.endpoint_url)
    sent = dict(headers)
    if keys:
        request = AWSRequest(method=method, url=f"{provider.endpoint_url}{path}", headers=sent)
        S3SigV4Auth(Credentials(keys.access_key, keys.secret_key), "s3", provider.region).add_auth(request)
        sent = dict(request.headers)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=provider.ca_file)
        connection = http.client.HTTPSConnection(str(parts.hostname), parts.port, timeout=30, context=context)
    else:
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
    with contextlib.closing(connection):
        connection.request(method, path, headers=sent)
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read()


def _seconds(headers: Mapping[str, str]) -> float:
    control = {name.lower(): text for name, text in headers.items()}.get("cache-control", "")
    if "private" in control or "no-store" in control:
        return 0
    found = re.search(r"max-age=(\d+)", control)
    return int(found[1]) if found else DEFAULT_SECONDS


def _refusal(status: int, code: str) -> Copy:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode()
    return Copy(status, [("Content-Type", "application/xml")], body, 0, 0)


def _is_signed_well(url: str, query: str, public_key: bytes) -> bool:
    """Check a link as CloudFront does, for its canned policy.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-canned-policy.html
    """
    given = dict(urllib.parse.parse_qsl(query))
    if not {"Expires", "Signature", "Key-Pair-Id"} <= given.keys() or int(given["Expires"]) < time.time():
        return False
    signature = base64.b64decode(given["Signature"].translate(str.maketrans("-_~", "+=/")))
    time_of_end = f'{{"DateLessThan":{{"AWS:EpochTime":{given["Expires"]}}}}}'
    policy = f'{{"Statement":[{{"Resource":"{url}","Condition":{time_of_end}}}]}}'
    key: Any = load_pem_public_key(public_key)
    try:
        key.verify(signature, policy.encode(), padding.PKCS1v15(), hashes.SHA1())
    except Exception:
        return False
    return True


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that refuses our certificate is what some tests are about."""


def _handler(cdn: Cdn) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            # Here and not where connections are accepted: a slow handshake must hold up nobody else.
            self.request = cdn.secured(self.request)
            super().setup()

        def version_string(self) -> str:
            return "lab"

        def finish(self) -> None:
            super().finish()
            # The server knows only the connection that came before the encrypted one.
            self.request.close()

        def _serve(self) -> None:
            if length := int(self.headers.get("content-length") or 0):
                self.rfile.read(length)
            headers = {name.lower(): text for name, text in self.headers.items()}
            found, told = cdn.answer(self.command, self.path, headers)
            self.send_response(found.status)
            for name, text in [*found.headers, *told.items(), ("Content-Length", str(len(found.body)))]:
                self.send_header(name, text)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(found.body)

        do_GET = do_HEAD = do_OPTIONS = do_PUT = do_DELETE = _serve  # noqa: N815  the names are the library's

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the standard library's name
            """Say nothing."""

    return Handler
