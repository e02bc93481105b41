"""Answers that are read by hand: a plain success, or nothing is said of it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest

from holdall.s3.wire import Declined, Errand, Request, Wire

WHOLE = b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 4\r\n\r\nfile'


class Server:
    """Answers each request with the pieces of a script, on as many connections as are opened."""

    def __init__(self, script: Callable[[bytes], list[bytes]]) -> None:
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections = self.most_at_once = self._at_once = 0
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def _accept(self) -> None:
        while True:
            try:
                made, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(made,))
            thread.start()
            self._threads.append(thread)

    def _serve(self, made: socket.socket) -> None:
        with made:
            received = b""
            while True:
                try:
                    piece = made.recv(65536)
                except OSError:
                    return
                if not piece:
                    return
                received += piece
                if not received.endswith(b"\r\n\r\n"):
                    continue
                with self._lock:
                    self._at_once += 1
                    self.most_at_once = max(self.most_at_once, self._at_once)
                pieces = self._script(received)
                received = b""
                time.sleep(0.002)
                with self._lock:
                    self._at_once -= 1
                with suppress(OSError):
                    for piece in pieces:
                        if not piece:
                            return
                        made.sendall(piece)
                        time.sleep(0.001)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in (self._accepting, *self._threads):
            thread.join()


class Station:
    """As a store's, without one."""

    tls = None
    seconds = 30.0

    def __init__(self, port: int) -> None:
        self.host = ("http", "127.0.0.1", port)

    def connect(self) -> socket.socket:
        made = socket.create_connection(self.host[1:])
        made.setblocking(False)
        return made


@pytest.fixture
def serving() -> Iterator[Callable[..., tuple[Wire, Any, Server]]]:
    made: list[tuple[Wire, Server]] = []

    def serve(script: Callable[[bytes], list[bytes]], most: int = 4) -> tuple[Wire, Any, Server]:
        server = Server(script)
        wire = Wire(most, threading.Event())
        made.append((wire, server))
        return wire, Station(server.port), server

    yield serve
    for wire, server in made:
        wire.close()
        server.close()


def errand(station: Any, number: int = 0) -> Errand:
    answer = yield Request(station, b"GET /%d HTTP/1.1\r\n\r\n" % number)
    return number, answer.headers["etag"], answer.data


def test_errands_share_a_few_connections(serving: Any) -> None:
    wire, station, server = serving(lambda request: [WHOLE])
    assert wire.run(errand(station, number) for number in range(40)) == [(n, '"e"', b"file") for n in range(40)]
    assert server.connections == 4
    assert 1 < server.most_at_once <= 4


@pytest.mark.parametrize("cuts", [(9,), (20, 40), (-4,), (-1,)])
def test_answer_in_pieces_is_put_together(serving: Any, cuts: tuple[int, ...]) -> None:
    places = [0, *(cut % len(WHOLE) for cut in cuts), len(WHOLE)]
    pieces = [WHOLE[start:end] for start, end in pairwise(places)]
    wire, station, _ = serving(lambda request: pieces)
    assert wire.run([errand(station)]) == [(0, '"e"', b"file")]


@pytest.mark.parametrize(
    "pieces",
    [
        [WHOLE.replace(b"200 OK", b"412 Precondition Failed")],
        [WHOLE.replace(b"200 OK", b"503 Slow Down")],
        [WHOLE.replace(b"200 OK", b"206 Partial Content")],
        [WHOLE.replace(b"Content-Length: 4", b"Transfer-Encoding: chunked")],
        [WHOLE.replace(b"\r\nContent-Length: 4", b"")],
        [WHOLE.replace(b"ETag", b"Connection: close\r\nETag")],
        [WHOLE.replace(b"ETag", b"ETag: twice\r\nETag")],
        [WHOLE.replace(b"Content-Length: 4", b"Content-Length: -4")],
        [WHOLE.replace(b"ETag", b" folded")],
        [WHOLE + b"more than it said"],
        [WHOLE[:-2], b""],
        [WHOLE[:30], b""],
        [b""],
        [b"<html>log in first</html>" * 2_000],
    ],
)
def test_what_is_no_plain_success_is_left_to_the_other_lane(serving: Any, pieces: list[bytes]) -> None:
    wire, station, _ = serving(lambda request: pieces if b"/0 " in request else [WHOLE])
    first, *others = wire.run(errand(station, number) for number in range(3))
    assert isinstance(first, Declined)
    assert others == [(1, '"e"', b"file"), (2, '"e"', b"file")]


def test_silence_is_left_to_the_other_lane(serving: Any) -> None:
    wire, station, _ = serving(lambda request: [WHOLE[:-2]] if b"/0 " in request else [WHOLE])
    station.seconds = 0.3
    assert isinstance(wire.run([errand(station)])[0], Declined)


def test_place_that_cannot_be_reached_is_tried_once(serving: Any) -> None:
    wire, station, _ = serving(lambda request: [WHOLE])
    tried: list[int] = []

    def refused() -> socket.socket:
        tried.append(1)
        raise ConnectionRefusedError

    station.connect = refused
    assert all(isinstance(one, Declined) for one in wire.run(errand(station, number) for number in range(9)))
    assert len(tried) <= 4


def test_mistake_of_one_errand_is_its_own(serving: Any) -> None:
    def wrong(station: Any) -> Errand:
        yield Request(station, b"GET /9 HTTP/1.1\r\n\r\n")
        raise LookupError

    wire, station, _ = serving(lambda request: [WHOLE])
    first, second = wire.run([wrong(station), errand(station)])
    assert isinstance(first, LookupError)
    assert second == (0, '"e"', b"file")


def test_what_has_not_begun_when_the_work_ends_is_not_begun(serving: Any) -> None:
    ended = threading.Event()

    def last(request: bytes) -> list[bytes]:
        ended.set()
        return [WHOLE]

    wire, station, _ = serving(last, most=1)
    wire._ended = ended
    first, *others = wire.run(errand(station, number) for number in range(5))
    assert first == (0, '"e"', b"file")
    assert all(isinstance(one, Declined) for one in others)


def test_thread_that_ends_leaves_nobody_waiting(serving: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    wire, station, _ = serving(lambda request: [WHOLE])

    def broken(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(wire, "_move", broken)
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    assert all(isinstance(one, Declined) for one in wire.run(errand(station, number) for number in range(9)))
    assert isinstance(wire.run([errand(station)])[0], Declined)
