"""What is read of an answer, whatever it looks like: the same as urllib3 and http.client read, who are the oracle."""

from __future__ import annotations

import http.client
import logging
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from urllib3.exceptions import HTTPError, IncompleteRead

from holdall.s3 import plain, sockets
from holdall.s3.exchange import Request, exchange, ordinary_head

# Sent one after the other, with a pause long enough for them to arrive apart.
Pieces = list[bytes]
CLOSE = b""
LONG = bytes(range(256)) * 1200
OK = b"HTTP/1.1 200 OK\r\n"

ANSWERS: dict[str, tuple[str, Pieces]] = {
    "ordinary": ("GET", [OK + b'ETag: "x"\r\nContent-Length: 5\r\nX-Amz-Meta-A: B\r\n\r\nhello']),
    "without-a-reason": ("GET", [b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi"]),
    "without-a-blank-after-the-status": ("GET", [b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi"]),
    "empty": ("PUT", [OK + b"Content-Length: 0\r\n\r\n"]),
    "kept-alive": ("GET", [OK + b"Connection: keep-alive\r\nContent-Length: 2\r\n\r\nhi"]),
    "part": ("GET", [b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/5\r\nContent-Length: 2\r\n\r\nhe"]),
    "refusal": ("GET", [b"HTTP/1.1 404 Not Found\r\nContent-Length: 8\r\n\r\n<Error/>"]),
    "header-twice": ("GET", [OK + b"Vary: Origin\r\nvary: Accept\r\nContent-Length: 2\r\n\r\nhi"]),
    "blanks-around-a-value": ("GET", [OK + b"Content-Length:\t 2 \r\nX: a  b\r\nEmpty:\r\n\r\nhi"]),
    "value-of-latin-1": ("GET", [OK + b"X: sp\xe4\xdfe\r\nContent-Length: 2\r\n\r\nhi"]),
    "value-with-a-colon": ("GET", [OK + b"X: a:b\r\nContent-Length: 2\r\n\r\nhi"]),
    "head-in-two": ("GET", [OK + b"Content-Le", b"ngth: 2\r\n\r\nhi"]),
    "body-in-two": ("GET", [OK + b"Content-Length: 5\r\n\r\nhe", b"llo"]),
    "body-apart": ("GET", [OK + b"Content-Length: 5\r\n\r\n", b"hello"]),
    "long": ("GET", [OK + b"Content-Length: %d\r\n\r\n" % len(LONG) + LONG]),
    "answer-to-head": ("HEAD", [OK + b"Content-Length: 5\r\n\r\n"]),
    "answer-to-head-without-length": ("HEAD", [OK + b"\r\n"]),
    "no-content": ("PUT", [b"HTTP/1.1 204 No Content\r\n\r\n"]),
    "not-modified": ("GET", [b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"]),
    "continue-first": ("PUT", [b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nhi"]),
    "continue-apart": ("PUT", [b"HTTP/1.1 100 Continue\r\n\r\n", OK + b"Content-Length: 2\r\n\r\nhi"]),
    "chunks": ("GET", [OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]),
    "chunks-in-two": ("GET", [OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhe", b"llo\r\n0\r\n\r\n"]),
    "chunks-and-length": (
        "GET",
        [OK + b"Content-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"],
    ),
    "chunks-that-break-off": ("GET", [OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhe", CLOSE]),
    "until-the-end": ("GET", [OK + b"X: y\r\n\r\nhel", b"lo", CLOSE]),
    "closed-afterwards": ("GET", [OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello", CLOSE]),
    "said-to-be-closed": ("GET", [OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello"]),
    "older": ("GET", [b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", CLOSE]),
    "older-kept-alive": ("GET", [b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello"]),
    "length-twice": ("GET", [OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"]),
    "length-with-a-sign": ("GET", [OK + b"Content-Length: +5\r\n\r\nhello", CLOSE]),
    "length-below-nothing": ("GET", [OK + b"Content-Length: -5\r\n\r\nhello", CLOSE]),
    "header-that-goes-on": ("GET", [OK + b"X: a\r\n  b\r\nContent-Length: 2\r\n\r\nhi"]),
    "line-ends-of-unix": ("GET", [b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi"]),
    "line-ends-mixed": ("GET", [OK + b"X: a\nContent-Length: 2\r\n\r\nhi"]),
    "line-end-of-old-macs": ("GET", [OK + b"X: a\rContent-Length: 3\r\nContent-Length: 2\r\n\r\nhi", CLOSE]),
    "nothing": ("GET", [CLOSE]),
    "half-a-head": ("GET", [OK + b"Content-Len", CLOSE]),
    "half-a-body": ("GET", [OK + b"Content-Length: 5\r\n\r\nhe", CLOSE]),
    "no-http": ("GET", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", CLOSE]),
    "status-that-is-none": ("GET", [b"HTTP/1.1 abc OK\r\n\r\n", CLOSE]),
}


def whole_request(client: socket.socket) -> bytes:
    data = b""
    while True:
        head, end, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if end and len(body) >= (int(length[1]) if length else 0):
            return data
        piece = client.recv(1 << 20)
        if not piece:
            return b""
        data += piece


@contextmanager
def scripted(pieces: Pieces) -> Iterator[tuple[Any, list[bytes]]]:
    """Run a server that answers each request so; give a pool for it, and the requests."""
    requests: list[bytes] = []

    def serve(client: socket.socket) -> None:
        with client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while request := whole_request(client):
                requests.append(request)
                for number, piece in enumerate(pieces):
                    if piece == CLOSE:
                        return
                    if number:
                        # Until what was sent before was read, or a moment has passed.
                        threading.Event().wait(0.02)
                    client.sendall(piece)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        pool = sockets.pool("http", f"127.0.0.1:{listener.getsockname()[1]}", ca_file=None)
        yield pool, requests
        pool.pool.close()
        listener.shutdown(socket.SHUT_RDWR)


def asked(pool: Any, method: str, *, body: bytes | None = None) -> tuple[Any, ...]:
    """Ask, and tell all that can be seen of the answer, or of its failure, and whether the connection was kept."""
    headers = {"host": pool.host} | ({} if body is None else {"content-length": str(len(body))})
    try:
        answered = exchange(pool, Request(method, "/a", headers, body), connect_seconds=5, read_seconds=5)
    except HTTPError as failure:
        return "no answer", type(failure), is_kept(pool)
    try:
        read = answered.body.read()
    except HTTPError:
        # urllib3 has more kinds of failures of a body; all of them are told alike.
        return "no body", answered.status, answered.headers, is_kept(pool)
    return answered.status, answered.headers, read, is_kept(pool)


def is_kept(pool: Any) -> bool:
    return any(not connection.is_closed for _, connection in pool.pool._waiting)


@pytest.mark.parametrize(("method", "pieces"), ANSWERS.values(), ids=ANSWERS)
def test_answer_is_read_as_urllib3_reads_it(method: str, pieces: Pieces, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for is_watched in (True, False):
        monkeypatch.setattr(plain, "_is_watched", is_watched)
        with scripted(pieces) as (pool, _):
            found.append(asked(pool, method))

    assert found[1] == found[0]


@pytest.mark.parametrize("answer", ["ordinary", "chunks", "head-in-two", "answer-to-head", "continue-apart"])
def test_connection_serves_one_request_after_the_other(answer: str) -> None:
    method, pieces = ANSWERS[answer]
    with scripted(pieces) as (pool, requests):
        found = [asked(pool, method) for _ in range(3)]

        assert len(pool.pool) == 1
    assert found[1:] == found[:1] * 2
    assert len(requests) == 3


def test_tracer_that_watches_sees_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    own = http.client.HTTPConnection.putrequest

    def putrequest(self: Any, method: str, url: str, *more: Any, **options: Any) -> None:
        seen.append(f"{method} {url}")
        own(self, method, url, *more, **options)

    putrequest.__module__ = "sentry_sdk.integrations.stdlib"
    with scripted(ANSWERS["ordinary"][1]) as (pool, _):
        with monkeypatch.context() as patched:
            patched.setattr(http.client.HTTPConnection, "putrequest", putrequest)
            assert plain.is_plain()
            assert asked(pool, "GET")[0] == 200
        assert plain.is_plain()
        # It left: the same connection goes on without it.
        assert asked(pool, "GET")[0] == 200

    assert seen == ["GET /a"]


def test_log_of_urllib3_tells_each_request(caplog: pytest.LogCaptureFixture) -> None:
    with scripted(ANSWERS["ordinary"][1]) as (pool, _), caplog.at_level(logging.DEBUG, "urllib3.connectionpool"):
        asked(pool, "GET")

    assert '"GET /a HTTP/1.1" 200 5' in caplog.text


@pytest.mark.parametrize("size", [-1, 1, 4, 5, 100])
def test_body_is_given_in_pieces(size: int) -> None:
    with scripted(ANSWERS["body-in-two"][1]) as (pool, _):
        answered = exchange(pool, Request("GET", "/a", {"host": pool.host}), connect_seconds=5, read_seconds=5)
        pieces = list(iter(lambda: answered.body.read(size), b""))

        assert b"".join(pieces) == b"hello"
        assert answered.body.read() == b""
        assert is_kept(pool)


def test_body_that_breaks_off_gives_what_came_first() -> None:
    with scripted(ANSWERS["half-a-body"][1]) as (pool, _):
        body = exchange(pool, Request("GET", "/a", {"host": pool.host}), connect_seconds=5, read_seconds=5).body

        assert body.read(5) == b"he"
        with pytest.raises(IncompleteRead):
            body.read(5)
        assert not is_kept(pool)


def test_body_that_is_closed_before_its_end_takes_the_connection_with_it() -> None:
    with scripted(ANSWERS["body-apart"][1]) as (pool, _):
        answered = exchange(pool, Request("GET", "/a", {"host": pool.host}), connect_seconds=5, read_seconds=5)
        answered.body.read(2)
        answered.body.close()

        assert len(pool.pool) == 0


@pytest.mark.parametrize("is_watched", [True, False])
@pytest.mark.parametrize("pieces", [[], [OK + b"Content-Length: 5\r\n\r\nhe"]], ids=["head", "body"])
def test_wait_for_an_answer_has_an_end(pieces: Pieces, is_watched: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "_is_watched", is_watched)
    with scripted(pieces) as (pool, _), pytest.raises(HTTPError, match="Read timed out"):
        exchange(pool, Request("GET", "/a", {"host": pool.host}), connect_seconds=5, read_seconds=0.1).body.read()


@pytest.mark.parametrize("length", [0, 1, 300_000])
def test_request_is_sent_whole(length: int) -> None:
    body = b"b" * length
    with scripted(ANSWERS["empty"][1]) as (pool, requests):
        assert asked(pool, "PUT", body=body)[0] == 200

    assert len(requests) == 1
    head, _, received = requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"PUT /a HTTP/1.1\r\naccept-encoding: identity\r\nuser-agent: python-urllib3/")
    assert received == body


def test_line_end_in_a_header_is_never_sent() -> None:
    with scripted(ANSWERS["empty"][1]) as (pool, requests):
        for value in ("a\r\nx: y", "a\nb", "a\rb"):
            with pytest.raises(ValueError, match="line end"):
                exchange(pool, Request("PUT", "/a", {"host": pool.host, "x": value}), connect_seconds=5, read_seconds=5)

    assert requests == []


@pytest.mark.parametrize(
    "answer",
    ["ordinary", "part", "refusal", "header-twice", "value-of-latin-1", "empty", "no-content", "answer-to-head"],
)
def test_what_servers_send_is_ordinary(answer: str) -> None:
    method, pieces = ANSWERS[answer]

    assert ordinary_head(pieces[0], method) is not None
