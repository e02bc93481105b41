"""A test suite that answers in the store's place is asked, however it puts itself there: nothing passes it by.

The store is one that nobody serves, so that a request which goes out is found by its failure, and by who was asked.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import botocore.awsrequest
import botocore.client
import botocore.endpoint
import botocore.handlers
import botocore.httpsession
import pytest
import urllib3
from botocore.awsrequest import AWSResponse
from botocore.stub import Stubber
from django.core.files.base import ContentFile

from holdall.s3 import connection, plain
from holdall.storage import MediaStorage

ETAG = '"c4ca4238a0b923820dcc509a6f75849b"'
ANSWER = {"ETag": ETAG, "ResponseMetadata": {"RetryAttempts": 0, "HTTPStatusCode": 200, "HTTPHeaders": {"etag": ETAG}}}


@pytest.fixture
def went_out(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Refuse every look-up and every connection, and remember it."""
    found: list[Any] = []

    def refuse(*arguments: Any, **_: Any) -> Any:
        found.append(arguments)
        raise socket.gaierror("no network here")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(connection, "_connections", {})
    return found


@pytest.fixture(params=["unused", "used"])
def storage(request: pytest.FixtureRequest, went_out: list[Any]) -> MediaStorage:
    """A storage of production's; its client was made before, or not."""
    made = MediaStorage(
        bucket_name="acme-production",
        region_name="eu-west-1",
        access_key="AKIAIOSFODNN7EXAMPLE",
        secret_key="x" * 40,
        provider="amazon",
    )
    if request.param == "used":
        assert made.connection.meta.client
        assert made.store._fast_lane() is not None
    return made


class Body(io.BytesIO):
    """What the SDK reads of an answer."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()

    def release_conn(self) -> None:
        pass


def answer(*_: Any, **__: Any) -> AWSResponse:
    return AWSResponse("https://s3", 200, {"etag": ETAG, "content-length": "0"}, Body())


def low_answer(*_: Any, **__: Any) -> urllib3.HTTPResponse:
    return urllib3.HTTPResponse(io.BytesIO(), {"etag": ETAG, "content-length": "0"}, 200, preload_content=False)


class NoConnection:
    """What vcrpy puts in the place of a connection's class: it knows the answer."""

    is_verified = True
    proxy_is_verified = None
    is_closed = False
    is_connected = True

    def __init__(self, *_: Any, **__: Any) -> None:
        self.sock = None
        self.timeout = None

    def connect(self) -> None:
        pass

    def request(self, *_: Any, **__: Any) -> None:
        pass

    def close(self) -> None:
        pass

    def getresponse(self) -> Any:
        return low_answer()


@contextmanager
def many(*patches: Any) -> Iterator[None]:
    with ExitStack() as stack:
        for one in patches:
            stack.enter_context(one)
        yield


@contextmanager
def builtin_handler() -> Iterator[None]:
    # As moto does.
    def respond(request: Any, **_: Any) -> Any:
        return answer()

    entry = ("before-send", respond)
    botocore.handlers.BUILTIN_HANDLERS.append(entry)
    try:
        yield
    finally:
        botocore.handlers.BUILTIN_HANDLERS.remove(entry)


def answered(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
    return ANSWER


PATCHES: dict[str, Callable[[], Any]] = {
    "_make_api_call": lambda: mock.patch("botocore.client.BaseClient._make_api_call", return_value=ANSWER),
    "_make_api_call by a function": lambda: mock.patch.object(botocore.client.BaseClient, "_make_api_call", answered),
    "_make_request": lambda: mock.patch(
        "botocore.client.BaseClient._make_request", return_value=(mock.Mock(status_code=200), ANSWER)
    ),
    "Endpoint.make_request": lambda: mock.patch(
        "botocore.endpoint.Endpoint.make_request", return_value=(mock.Mock(status_code=200), ANSWER)
    ),
    "Endpoint._send": lambda: mock.patch("botocore.endpoint.Endpoint._send", side_effect=answer),
    "URLLib3Session.send": lambda: mock.patch("botocore.httpsession.URLLib3Session.send", side_effect=answer),
    "urlopen": lambda: mock.patch("urllib3.connectionpool.HTTPConnectionPool.urlopen", side_effect=low_answer),
    "ConnectionCls": lambda: many(
        mock.patch.object(botocore.awsrequest.AWSHTTPConnectionPool, "ConnectionCls", NoConnection),
        mock.patch.object(botocore.awsrequest.AWSHTTPSConnectionPool, "ConnectionCls", NoConnection),
    ),
}


@pytest.mark.parametrize("patched", PATCHES.values(), ids=PATCHES)
def test_patch_answers_and_nothing_goes_out(
    storage: MediaStorage, went_out: list[Any], patched: Callable[[], Any]
) -> None:
    with patched():
        assert not plain.is_plain()
        assert storage.save("a.txt", ContentFile(b"1")) == "a.txt"
    assert went_out == []
    assert plain.is_plain()
    assert storage.store._sdk_is_plain()


def test_handler_that_every_client_gets_answers(went_out: list[Any]) -> None:
    with builtin_handler():
        storage = MediaStorage(
            bucket_name="acme-production", region_name="eu-west-1", access_key="AKIAIOSFODNN7EXAMPLE",
            secret_key="x" * 40, provider="amazon",
        )  # fmt: skip
        assert storage.save("a.txt", ContentFile(b"1")) == "a.txt"
    assert went_out == []


@pytest.mark.parametrize(
    "event",
    ["before-send.s3", "before-send.*.*", "before-send.s3.PutObject", "before-call.s3", "before-call.*.*"],
)
def test_handler_on_the_client_answers(storage: MediaStorage, went_out: list[Any], event: str) -> None:
    heard: list[str] = []

    def respond(**given: Any) -> Any:
        heard.append(event)
        return answer() if event.startswith("before-send") else (mock.Mock(status_code=200), ANSWER)

    events = storage.connection.meta.client.meta.events
    events.register(event, respond)
    try:
        assert storage.save("a.txt", ContentFile(b"1")) == "a.txt"
        assert heard
    finally:
        events.unregister(event, respond)
    assert went_out == []
    assert storage.store._sdk_is_plain()


@pytest.mark.parametrize("event", ["provide-client-params.s3", "before-parameter-build.s3", "request-created.s3",
                                   "before-sign.s3", "needs-retry.s3", "after-call.s3", "response-received.s3"])  # fmt: skip
def test_handler_that_only_watches_is_told(storage: MediaStorage, event: str) -> None:
    events = storage.connection.meta.client.meta.events
    assert storage.store._sdk_is_plain()

    def watch(**_: Any) -> None:
        return None

    events.register(event, watch)
    assert not storage.store._sdk_is_plain()
    events.unregister(event, watch)
    assert storage.store._sdk_is_plain()


def test_stubber_answers_in_place_of_the_store(storage: MediaStorage, went_out: list[Any]) -> None:
    with Stubber(storage.connection.meta.client) as stubber:
        stubber.add_response("put_object", {"ETag": ETAG})
        assert storage.save("a.txt", ContentFile(b"1")) == "a.txt"
        stubber.add_client_error("head_object", "404", http_status_code=404)
        storage.store.bucket_seen = True
        assert not storage.exists("b.txt")
        stubber.assert_no_pending_responses()
    assert went_out == []
    assert storage.store._sdk_is_plain()


@pytest.mark.parametrize("name", ["put_object", "_make_api_call", "_endpoint"])
def test_part_of_the_client_that_is_replaced_answers(storage: MediaStorage, went_out: list[Any], name: str) -> None:
    client = storage.connection.meta.client
    replaced = mock.Mock(return_value=ANSWER)
    replaced.make_request.return_value = (mock.Mock(status_code=200), ANSWER)
    with mock.patch.object(client, name, replaced):
        assert storage.save("a.txt", ContentFile(b"1")) == "a.txt"
    assert went_out == []
    assert storage.store._sdk_is_plain()


@pytest.mark.parametrize("name", ["boto3.Session", "boto3.session.Session.resource"])
def test_session_that_is_replaced_gives_the_client(storage: MediaStorage, went_out: list[Any], name: str) -> None:
    with mock.patch(name) as replaced:
        resource = replaced.return_value.resource.return_value if name == "boto3.Session" else replaced.return_value
        resource.meta.client.put_object.return_value = ANSWER
        assert storage.save("a.txt", ContentFile(b"1")) == "a.txt"
        resource.meta.client.put_object.assert_called_once()
    assert went_out == []


def test_socket_that_is_replaced_is_used(storage: MediaStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    # As pytest-socket does.
    class Guarded(socket.socket):
        def __new__(cls, *_: Any, **__: Any) -> Any:
            raise RuntimeError("this suite has no network")

    monkeypatch.undo()
    with mock.patch("socket.socket", Guarded):
        assert not plain.is_plain()


def test_tracer_that_only_watches_does_not_slow_anything_down() -> None:
    def watched(self: Any, *arguments: Any, **named: Any) -> Any:
        return None

    watched.__module__ = "sentry_sdk.integrations.stdlib"
    with mock.patch("http.client.HTTPConnection.putrequest", watched):
        assert plain.is_plain()
