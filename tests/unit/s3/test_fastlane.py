"""When the fast lane steps aside, as docs/decisions/fast-lane.md says; what it sends is what every other test sends."""

from __future__ import annotations

import base64
import hashlib
import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.config import Config
from urllib3.exceptions import NewConnectionError

from holdall.errors import HoldallError, StoreFailed
from holdall.s3 import fastlane
from holdall.s3.connection import REST_SECONDS
from holdall.s3.exchange import Request
from holdall.s3.fastlane import Declined, FastLane, Refused
from holdall.s3.signing import Place, Signer, SigningKeys
from holdall.s3.smuggling import Unsigned
from holdall.s3.staging import Staging
from holdall.secret import Secret
from holdall.storage import MediaStorage

PLAIN = {"bucket_name": "acme-media", "region_name": "eu-central-1", "access_key": "HOLDALLKEY", "secret_key": "s" * 40}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def test_lane_is_taken_where_nothing_is_unusual() -> None:
    assert MediaStorage(**PLAIN).store._fast_lane() is not None


@pytest.mark.parametrize(
    "unusual",
    [
        {"fast_lane": False},
        {"proxies": {"https": "http://proxy.example.com:3128"}},
        {"verify": False},
        {"client_config": Config(connect_timeout=1)},
        {"signature_version": "s3"},
        {"bucket_name": "arn:aws:s3:eu-central-1:123456789012:accesspoint/media"},
        {"bucket_name": "media--euc1-az1--x-s3"},
    ],
    ids=lambda unusual: "-".join(unusual),
)
def test_lane_is_not_taken_where_something_is_unusual(unusual: dict[str, Any]) -> None:
    assert MediaStorage(**PLAIN | unusual).store._fast_lane() is None


def test_lane_is_not_taken_behind_a_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    # Another bucket, because equal targets share a connection.
    assert MediaStorage(**PLAIN | {"bucket_name": "behind-a-proxy"}).store._fast_lane() is None


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("put_object", {"Key": "a", "Body": b"", "SSECustomerKey": "k"}),
        ("put_object", {"Key": "a", "Body": b"", "Metadata": {"title": "späße"}}),
        ("put_object", {"Key": "a", "Body": b"", "CacheControl": "two\nlines"}),
        ("create_multipart_upload", {"Key": "a"}),
    ],
)
def test_request_with_something_unknown_is_declined_alone(operation: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(Declined) as caught:
        fastlane._request(operation, parameters, Place(scheme="http", host="s3.example.com", region="r1"))

    assert not caught.value.of_place


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("parameters", "signed"),
    [
        ({"ContentMD5": "XUFAKrxLKna5cZ2REBfFkg=="}, "UNSIGNED-PAYLOAD"),
        ({"ChecksumSHA256": base64.b64encode(b"known already").decode()}, b"known already".hex()),
        ({}, hashlib.sha256(b"hello").hexdigest()),
    ],
    ids=["md5", "checksum", "neither"],
)
def test_body_is_hashed_once(
    scheme: str, parameters: dict[str, str], signed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[dict[str, str]] = []

    def exchange(_pool: Any, request: Request, **_: Any) -> Any:
        sent.append(request.headers)
        raise NewConnectionError(None, "nobody is there")

    place = Place(scheme=scheme, host="s3.example.com", region="r1")
    signer = Signer(place, SigningKeys("HOLDALLKEY", Secret("s" * 40)))
    lane = FastLane(place, lambda: signer, ca_file=None, connect_seconds=1, read_seconds=1, attempts=1)
    monkeypatch.setattr(fastlane, "exchange", exchange)

    with pytest.raises(NewConnectionError):
        lane.send("put_object", {"Key": "a", "Body": b"hello", **parameters})

    assert sent[0]["x-amz-content-sha256"] == signed
    # The signature covers the other hash.
    covered = sent[0]["authorization"]
    assert ("content-md5" in covered, "x-amz-checksum-sha256" in covered) == (
        "ContentMD5" in parameters,
        "ChecksumSHA256" in parameters,
    )


@contextmanager
def answering(status: int, body: str, **headers: str) -> Iterator[Place]:
    """Run a store that gives everybody one answer: no server here redirects, or has a clock of its own."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield Place(scheme="http", host=f"127.0.0.1:{server.server_port}", path="/acme", region="r1")
        finally:
            server.shutdown()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (301, "PermanentRedirect"),
        (307, "TemporaryRedirect"),
        (400, "AuthorizationHeaderMalformed"),
    ],
)
def test_lane_is_left_when_the_sdk_knows_the_remedy(status: int, code: str) -> None:
    with answering(status, f"<Error><Code>{code}</Code></Error>", Location="http://127.0.0.1:9/") as place:
        signer = Signer(place, SigningKeys("HOLDALLKEY", Secret("s" * 40)))
        lane = FastLane(place, lambda: signer, ca_file=None, connect_seconds=5, read_seconds=5, attempts=2)
        with pytest.raises(Declined) as caught:
            lane.send("get_object", {"Key": "a.jpg"})

    assert caught.value.of_place


def test_wrong_clock_is_a_refusal_of_that_request_alone() -> None:
    with answering(403, "<Error><Code>RequestTimeTooSkewed</Code></Error>") as place:
        signer = Signer(place, SigningKeys("HOLDALLKEY", Secret("s" * 40)))
        lane = FastLane(place, lambda: signer, ca_file=None, connect_seconds=5, read_seconds=5, attempts=2)
        with pytest.raises(Refused) as caught:
            lane.send("get_object", {"Key": "a.jpg"})
    assert (caught.value.code, caught.value.retries) == ("RequestTimeTooSkewed", 0)


def test_lane_is_taken_again_some_time_after_an_odd_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(301, "<Error><Code>PermanentRedirect</Code></Error>") as place:
        store = MediaStorage(**PLAIN, endpoint_url=place.base.removesuffix("/acme"), addressing_style="path").store
        assert store.takes_the_fast_lane()
        with pytest.raises(HoldallError):
            store.call("get_object", action="reading", name="a.jpg", Key="a.jpg")
        assert not store.takes_the_fast_lane()
        # What only a link could find out is not decided for as long as this process lives; until then no part is signed.
        staging = Staging(store, store, prefix="")
        assert staging.unsigned() is Unsigned.OBEYED
        assert "unsigned_headers" not in store.known
        with pytest.raises(StoreFailed, match="at present"):
            staging.part_permit("a", "id", 1, size_bytes=5, seconds=60)
        later = time.monotonic() + REST_SECONDS + 1
        monkeypatch.setattr(time, "monotonic", lambda: later)
        assert store.takes_the_fast_lane()
