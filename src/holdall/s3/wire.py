"""Very many small requests at once, by one thread: on sockets that wait for nobody, with answers read by hand.

A GET and a PUT of 20 kB cost it 0.2 ms of CPU together, where obstore takes 0.7 with a thread for each file. It
knows the plainest of answers alone. Whatever else comes, or does not come, it declines, and the store's own connection
does it again, knows what it means, and says so.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

import urllib3

from holdall.errors import HoldallError
from holdall.s3 import fastlane
from holdall.s3.connection import Connection, authorities

# How often it is looked whether the work was ended, or a store is silent.
LOOK_SECONDS = 0.5
# What is received at a time, and the longest beginning that an answer of S3's has.
PIECE_BYTES, MOST_HEAD_BYTES = 256 * 1024, 32 * 1024


# So many connections are opened at a time.
AT_ONCE = 16
# Scheme, name and port.
Host = tuple[str, str, int]


class Declined(Exception):
    """Nothing is said of what was sent: the store's own connection is to do it, or to look."""


class Answer(NamedTuple):
    """A whole answer, with its headers in lower case."""

    headers: dict[str, str]
    data: bytes


class Request(NamedTuple):
    """A request, signed, and the place that it goes to."""

    station: Station
    sent: bytes


# What asks one thing after another, and gives something in the end.
Errand = Generator[Request, Answer, Any]


class Station:
    """One store, as requests go to it. Raises `Declined` where they do not go there in the plain way."""

    def __init__(self, connection: Connection) -> None:
        place = connection.place()
        if place is None or not connection.takes_the_fast_lane():
            raise Declined
        self.connection, self.place = connection, place
        parts = urllib3.util.parse_url(place.base)
        self.address = str(parts.host).strip("[]"), parts.port or (443 if place.scheme == "https" else 80)
        # Two buckets of one host share its connections.
        self.host = place.scheme, *self.address
        self.seconds = connection.target.timeout_seconds
        self.tls: ssl.SSLContext | None = None
        if place.scheme == "https":
            self.tls = ssl.create_default_context(cafile=authorities())

    def request(self, operation: str, parameters: Mapping[str, Any]) -> Request:
        """Sign a request, said in the SDK's words.

        Raises:
            Declined: it cannot be said.
            WriteRefused: the store belongs to another environment.
        """
        try:
            method, path, query, headers, body = fastlane._request(operation, parameters, self.place)
        except fastlane.Declined:
            raise Declined from None
        if method != "GET":
            self.connection.guard.admit(operation, str(parameters["Key"]))
        if body is not None:
            headers["content-length"] = str(len(body))
        digest = fastlane._payload_digest(headers, body)
        signer, _ = self.connection.signers.signer(self.place)
        signed = signer.headers(method, path, query, headers, digest, now=time.time())
        lines = "".join([f"{name}: {value}\r\n" for name, value in signed.items()])
        target = f"{path}?{query}" if query else path
        return Request(self, f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("ascii") + (body or b""))

    def connect(self) -> socket.socket:
        """Open a connection.

        Raises:
            OSError: it cannot be reached, or does not prove who it is.
        """
        made = socket.create_connection(self.address, timeout=self.connection.target.connect_seconds)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls is not None:
            made = self.tls.wrap_socket(made, server_hostname=self.address[0])
        made.setblocking(False)
        return made


class _Batch:
    """Errands that somebody waits for together: to be woken for each would cost as much as to send it."""

    def __init__(self, errands: Iterable[Errand]) -> None:
        self.tasks = [_Task(errand, self) for errand in errands]
        self.left = len(self.tasks)
        self.is_done = threading.Event()


class _Task:
    """An errand on its way."""

    def __init__(self, errand: Errand, batch: _Batch) -> None:
        self.errand, self.batch = errand, batch
        self.result: Any = None


class _Line:
    """One connection, and what it is used for just now."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.socket = station.connect()
        self.task: _Task | None = None
        # Whether it is watched for room to send more.
        self.needs_room = False
        self._begin(b"")

    def _begin(self, sent: bytes) -> None:
        self.to_send: Any = memoryview(sent)
        self.received = b""
        self.whole_bytes = self.head_bytes = 0
        self.head: dict[str, str] = {}
        self.heard_at = time.monotonic()

    def ask(self, task: _Task, sent: bytes) -> None:
        self.task = task
        self._begin(sent)

    def send(self) -> bool:
        """Send what the system takes, and say whether that is all."""
        while self.to_send:
            try:
                count = self.socket.send(self.to_send)
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return False
            self.to_send = self.to_send[count:]
            self.heard_at = time.monotonic()
        return True

    def receive(self) -> Answer | None:
        """Receive what there is; None as long as the answer is not whole.

        Raises:
            Declined: it is no plain success.
            OSError: the connection broke off.
        """
        while True:
            try:
                piece = self.socket.recv(PIECE_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return None
            if not piece:
                raise ConnectionResetError("the connection was closed")
            self.heard_at = time.monotonic()
            self.received = self.received + piece if self.received else piece
            if not self.whole_bytes:
                self._read_head()
            if self.whole_bytes:
                if len(self.received) > self.whole_bytes:
                    raise Declined
                if len(self.received) == self.whole_bytes:
                    return Answer(self.head, self.received[self.head_bytes :])
            if self.station.tls is None:
                # There is more when the system says so.
                return None

    def _read_head(self) -> None:
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            if len(self.received) > MOST_HEAD_BYTES:
                raise Declined
            return
        status, *lines = self.received[:end].decode("latin-1").split("\r\n")
        if status[:12] != "HTTP/1.1 200" and status[:12] != "HTTP/1.1 204":
            raise Declined
        head = {}
        for line in lines:
            name, colon, value = line.partition(":")
            name = name.lower()
            if not colon or name in head or name.strip() != name:
                # Folded, said twice, or no header.
                raise Declined
            head[name] = value.strip()
        length = head.get("content-length", "")
        if "transfer-encoding" in head or head.get("connection", "").lower() == "close" or not length.isdecimal():
            raise Declined
        self.head, self.head_bytes = head, end + 4
        self.whole_bytes = self.head_bytes + int(length)


class Wire:
    """A thread that runs errands, so many at a time. For the process that made it; `close` ends it."""

    def __init__(self, most: int, ended: threading.Event) -> None:
        self._most, self._ended = most, ended
        self._waiting: deque[_Task] = deque()
        # Those that nothing is asked on, and how many there are in all.
        self._lines: dict[Host, list[_Line]] = defaultdict(list)
        self._open: Counter[Host] = Counter()
        self._running = 0
        # Places that could not be reached once are left alone.
        self._dead: set[Host] = set()
        self._is_closed = False
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._bell, self._ear = socket.socketpair()
        self._ear.setblocking(False)
        self._selector.register(self._ear, selectors.EVENT_READ)
        self._thread: threading.Thread | None = None

    def run(self, errands: Iterable[Errand]) -> list[Any]:
        """Run errands, and give the result of each, or the `Declined` or error that ended it. From any thread."""
        batch = _Batch(errands)
        if not batch.tasks:
            return []
        with self._lock:
            if self._is_closed:
                return [Declined() for _ in batch.tasks]
            if self._thread is None:
                self._thread = threading.Thread(target=self._live, name="holdall-wire", daemon=True)
                self._thread.start()
            self._waiting.extend(batch.tasks)
        self._bell.send(b"!")
        batch.is_done.wait()
        return [task.result for task in batch.tasks]

    def close(self) -> None:
        """End the thread, and close its connections."""
        with self._lock:
            self._is_closed, thread = True, self._thread
        if thread is not None:
            self._bell.send(b"!")
            thread.join()
        self._selector.close()
        self._bell.close()
        self._ear.close()

    # -- the thread

    def _live(self) -> None:
        try:
            self._loop()
        finally:
            # Whatever ended it, nobody waits for what will not come.
            with self._lock:
                self._is_closed = True
                left = [*self._waiting]
                self._waiting.clear()
            for key in list(self._selector.get_map().values()):
                if (line := key.data) is not None:
                    left += [line.task] if line.task is not None else []
                    line.socket.close()
            for task in left:
                self._finish(task, Declined())

    def _loop(self) -> None:
        looked_at = time.monotonic()
        while not self._is_closed:
            while self._waiting and self._running < self._most and not self._ended.is_set():
                self._begin(self._waiting.popleft())
            if self._ended.is_set():
                while self._waiting:
                    self._finish(self._waiting.popleft(), Declined())
            for key, events in self._selector.select(LOOK_SECONDS):
                if key.data is None:
                    with suppress(BlockingIOError):
                        self._ear.recv(4096)
                else:
                    self._move(key.data, events)
            if (now := time.monotonic()) - looked_at > LOOK_SECONDS:
                looked_at = now
                self._give_up_silent(now)

    def _begin(self, task: _Task) -> None:
        self._running += 1
        self._step(task, lambda: next(task.errand))

    def _step(self, task: _Task, on: Callable[[], Request]) -> None:
        """Let an errand go on to its next question, and ask it."""
        try:
            request = on()
        except StopIteration as end:
            self._end(task, end.value)
            return
        except (Declined, HoldallError, OSError) as failure:
            self._end(task, failure)
            return
        except Exception as failure:  # noqa: BLE001  one errand's mistake is its own, and whoever waits must hear of it
            self._end(task, failure)
            return
        try:
            line = self._free(request.station)
        except (OSError, Declined):
            self._dead.add(request.station.host)
            self._end(task, Declined())
            return
        line.ask(task, request.sent)
        self._move(line, selectors.EVENT_WRITE)

    def _end(self, task: _Task, result: Any) -> None:
        self._running -= 1
        task.errand.close()
        self._finish(task, result)

    def _finish(self, task: _Task, result: Any) -> None:
        task.result, batch = result, task.batch
        batch.left -= 1
        if not batch.left:
            batch.is_done.set()

    def _free(self, station: Station) -> _Line:
        if station.host in self._dead:
            raise Declined
        lines = self._lines[station.host]
        if not lines:
            # If many will be needed, they are opened at the same time: each takes several ways there and back.
            count = max(1, min(self._most - self._open[station.host], len(self._waiting) + 1, AT_ONCE))
            with ThreadPoolExecutor(count, thread_name_prefix="holdall-connect") as pool:
                made = list(pool.map(_Line, [station] * count))
            for line in made:
                self._selector.register(line.socket, selectors.EVENT_READ, line)
            self._open[station.host] += count
            lines += made
        return lines.pop()

    def _move(self, line: _Line, events: int) -> None:
        task = line.task
        if task is None:
            # Closed by the other end, or something unasked: of no use either way.
            self._drop(line)
            return
        try:
            if events & selectors.EVENT_WRITE:
                self._watch(line, needs_room=not line.send())
            answer = line.receive() if events & selectors.EVENT_READ else None
        except (OSError, Declined, ValueError):
            self._drop(line)
            self._end(task, Declined())
            return
        if answer is None:
            return
        line.task = None
        if line.to_send:
            # Answered before all was sent.
            self._drop(line)
        else:
            self._lines[line.station.host].append(line)
        self._step(task, lambda: task.errand.send(answer))

    def _watch(self, line: _Line, *, needs_room: bool) -> None:
        if needs_room != line.needs_room:
            line.needs_room = needs_room
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if needs_room else 0)
            self._selector.modify(line.socket, events, line)

    def _drop(self, line: _Line) -> None:
        with suppress(KeyError, ValueError):
            self._selector.unregister(line.socket)
        with suppress(ValueError):
            self._lines[line.station.host].remove(line)
        self._open[line.station.host] -= 1
        line.socket.close()

    def _give_up_silent(self, now: float) -> None:
        for key in list(self._selector.get_map().values()):
            line = key.data
            if line is not None and line.task is not None and now - line.heard_at > line.station.seconds:
                task = line.task
                self._drop(line)
                self._end(task, Declined())
