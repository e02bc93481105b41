"""A proxy in front of a plain HTTP server that does to requests and answers what networks do.

It reads whole requests and whole answers, so it can tell what the server did from what the client learned of it.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import struct
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType

# Headers of one connection, not of the request; `Expect` is answered by the proxy itself. None of them is signed.
_HOP_BY_HOP = {"connection", "keep-alive", "expect", "transfer-encoding", "proxy-connection"}


@dataclass(frozen=True)
class Request:
    """One request, as the client sent it."""

    method: str
    target: str
    """Path and query."""
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)

    @property
    def operation(self) -> str:
        """The name that S3 gives to such a request."""
        parts = urllib.parse.urlsplit(self.target)
        query = urllib.parse.parse_qs(parts.query, keep_blank_values=True)
        about_object = parts.path.count("/") > 1 and not parts.path.endswith("/")
        if self.header("x-amz-copy-source"):
            return "CopyObject"
        if self.method == "POST" and "delete" in query:
            return "DeleteObjects"
        if "uploads" in query:
            return "CreateMultipartUpload" if self.method == "POST" else "ListMultipartUploads"
        if "uploadId" in query:
            names = {"PUT": "UploadPart", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}
            return names[self.method]
        if about_object:
            return f"{self.method.title()}Object"
        return "ListObjects" if self.method == "GET" else f"{self.method.title()}Bucket"

    def header(self, name: str) -> str | None:
        """Give the value of a header, in whatever case its name was sent."""
        return {given.lower(): value for given, value in self.headers}.get(name.lower())

    @property
    def same(self) -> tuple[str, str]:
        """What this request and its repetition have in common."""
        return self.method, self.target


@dataclass(frozen=True)
class Answer:
    """One answer, as the client is to get it."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)
    is_head: bool = False

    @property
    def declared_bytes(self) -> int:
        """The length that the header tells; that of what there would be, where only the head was asked for."""
        named = [value for name, value in self.headers if name.lower() == "content-length"]
        return int(named[0]) if self.is_head and named else len(self.body)


class Gone(ConnectionError):
    """One side ended the connection."""


# What can be done to one exchange. It returns to go on with the connection, and raises `Gone` to reset it.
Fault = Callable[["Exchange"], None]


class Exchange:
    """One request on its way: what a fault can do with it."""

    def __init__(self, proxy: FaultProxy, client: socket.socket, request: Request) -> None:
        self.proxy, self.client, self.request = proxy, client, request

    def forward(self, *, body: bytes | None = None) -> Answer:
        """Send the request to the server, whole, and give its answer."""
        return self.proxy.ask(self.request, self.request.body if body is None else body)

    def forward_begin(self, body_bytes: int) -> None:
        """Send so much of the body to the server, and end that connection."""
        self.proxy.ask_half(self.request, body_bytes)

    def answer(self, answer: Answer, *, body_bytes: int | None = None, framed: bool = True) -> None:
        """Give the client an answer, or so much of its body.

        `framed`: the header tells the length. Otherwise the end of the connection is the end of the body, and nothing
        tells the client that something is missing.
        """
        lines = [f"HTTP/1.1 {answer.status} {http.client.responses.get(answer.status, '')}"]
        kept = _HOP_BY_HOP | {"content-length"}
        lines += [f"{name}: {value}" for name, value in answer.headers if name.lower() not in kept]
        lines.append(f"Content-Length: {answer.declared_bytes}" if framed else "Connection: close")
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        body = b"" if answer.is_head else answer.body[:body_bytes]
        self.client.sendall(head)
        self.client.sendall(body)
        self.proxy.answer_bytes += len(head) + len(body)

    def wait_for_client_to_give_up(self) -> None:
        """Say nothing until the client closes the connection."""
        with contextlib.suppress(OSError):
            self.client.settimeout(None)
            self.client.recv(1)
        raise Gone


# -- faults


def passes(exchange: Exchange) -> None:
    """Do nothing out of the ordinary."""
    exchange.answer(exchange.forward())


def resets_before(exchange: Exchange) -> None:
    """Reset the connection before the server hears anything."""
    raise Gone


def resets_after(exchange: Exchange) -> None:
    """Let the server do it, and reset the connection instead of answering."""
    exchange.forward()
    raise Gone


def stalls_before(exchange: Exchange) -> None:
    """Swallow the request; the client waits for nothing."""
    exchange.wait_for_client_to_give_up()


def stalls_after(exchange: Exchange) -> None:
    """Let the server do it; the client waits for nothing."""
    exchange.forward()
    exchange.wait_for_client_to_give_up()


def answers_500_before(exchange: Exchange) -> None:
    """Answer for a server that is broken."""
    exchange.answer(_failure(exchange, 500, "InternalError"))


def answers_500_after(exchange: Exchange) -> None:
    """Let the server do it, and say that it failed."""
    exchange.forward()
    exchange.answer(_failure(exchange, 500, "InternalError"))


def answers_503_before(exchange: Exchange) -> None:
    """Answer for a server that has too much to do."""
    exchange.answer(_failure(exchange, 503, "SlowDown"))


def answers_503_after(exchange: Exchange) -> None:
    """Let the server do it, and say that it has too much to do."""
    exchange.forward()
    exchange.answer(_failure(exchange, 503, "SlowDown"))


def duplicates(exchange: Exchange) -> None:
    """Send it twice and give the second answer, as a proxy that repeats what it need not.

    A `POST` goes once: no proxy may repeat one (RFC 9110, 9.2.2).
    """
    first = exchange.forward()
    exchange.answer(first if exchange.request.method == "POST" else exchange.forward())


def is_overtaken(exchange: Exchange) -> None:
    """Hold it back until it is repeated, and let the retry reach the server first.

    Who holds a request does no more; `FaultProxy` sends it when it has sent the retry.
    """
    exchange.proxy.hold(exchange.request)
    exchange.wait_for_client_to_give_up()


def cuts_request(at: int) -> Fault:
    """Break the connection when the server has had so many bytes of the body."""

    def cuts_request_short(exchange: Exchange) -> None:
        exchange.forward_begin(at)
        raise Gone

    return cuts_request_short


def cuts_answer(at: int, *, framed: bool = True) -> Fault:
    """Break the connection when the client has had so many bytes of the body."""

    def cuts_answer_short(exchange: Exchange) -> None:
        exchange.answer(exchange.forward(), body_bytes=at, framed=framed)
        raise Gone

    return cuts_answer_short


def stalls_answer(at: int) -> Fault:
    """Stop when the client has had so many bytes of the body."""

    def stalls_within_answer(exchange: Exchange) -> None:
        exchange.answer(exchange.forward(), body_bytes=at)
        exchange.wait_for_client_to_give_up()

    return stalls_within_answer


def flips_a_bit(exchange: Exchange) -> None:
    """Change the last byte of the body on its way to the server."""
    body = exchange.request.body
    exchange.answer(exchange.forward(body=body[:-1] + bytes([body[-1] ^ 1]) if body else body))


def answers_a_page(exchange: Exchange) -> None:
    """Answer 200 in the server's place, as a captive portal does, with an ETag of the page's own."""
    page = b"<!doctype html><title>Welcome</title>"
    headers = (("Content-Type", "text/html; charset=utf-8"), ("ETag", '"d41d8cd98f00b204e9800998ecf8427f"'))
    is_head = exchange.request.method == "HEAD"
    exchange.answer(Answer(200, headers, page, is_head))


def answers_nothing(exchange: Exchange) -> None:
    """Begin a success in the server's place and break off; no header tells the length."""
    exchange.answer(Answer(200, (("Content-Type", "application/xml"),)), framed=False)
    raise Gone


def answers(make: Callable[[Request], Answer]) -> Fault:
    """Answer in the server's place, with what it would never say."""

    def answers_itself(exchange: Exchange) -> None:
        exchange.answer(make(exchange.request))

    return answers_itself


def after(deed: Callable[[], object], fault: Fault) -> Fault:
    """Do something else first, such as changing what the server keeps."""

    def does_and_then(exchange: Exchange) -> None:
        deed()
        fault(exchange)

    return does_and_then


def _failure(exchange: Exchange, status: int, code: str) -> Answer:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>Injected.</Message></Error>".encode()
    is_head = exchange.request.method == "HEAD"
    return Answer(status, (("Content-Type", "application/xml"),), b"" if is_head else body, is_head)


# -- the proxy


@dataclass
class Rule:
    """Do this to the requests of one operation, from one on (counted from 0) and as often as said."""

    operation: str
    fault: Fault
    first: int = 0
    times: int = 1
    seen: int = 0

    def applies(self, request: Request) -> bool:
        """Say whether this request is one of them, and count it."""
        if self.operation not in {"*", request.operation}:
            return False
        self.seen += 1
        return self.first < self.seen <= self.first + self.times


class FaultProxy:
    """Forward requests, each by the first rule that fits, else by what `choose` draws; remember them all."""

    def __init__(
        self, upstream_url: str, *rules: Rule, choose: Callable[[Request], Fault | None] | None = None
    ) -> None:
        parts = urllib.parse.urlsplit(upstream_url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._upstream = (parts.hostname, parts.port)
        self._rules = rules
        self._choose = choose or (lambda request: None)
        self._lock = threading.Lock()
        self._held: dict[tuple[str, str], list[Request]] = {}
        self._open: set[socket.socket] = set()
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.exchanges: list[Request] = []
        """Every request, in order."""
        self.connections = 0
        """How many connections were made."""
        self.faults = 0
        """How often something was done to one."""
        self.answer_bytes = 0
        """How much was answered in all, heads included."""

    @property
    def requests(self) -> list[tuple[str, str]]:
        """Method and path with query of every request, in order."""
        return [request.same for request in self.exchanges]

    @property
    def operations(self) -> list[str]:
        """What was asked, in S3's words, in order."""
        return [request.operation for request in self.exchanges]

    def __enter__(self) -> FaultProxy:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        # A close alone does not wake the thread that waits in accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            left = list(self._open)
        for one in left:
            self._end(one)

    def fault_for(self, request: Request) -> Fault:
        """Choose what happens to a request. Called once for each, one at a time."""
        # All rules count, so that a second one for an operation can begin where the first ends.
        applying = [rule for rule in self._rules if rule.applies(request)]
        return applying[0].fault if applying else self._choose(request) or passes

    # -- to the server

    def ask(self, request: Request, body: bytes) -> Answer:
        """Send a request on a connection of its own, and read all of the answer."""
        with self._connected() as server:
            server.sendall(_head(request, len(body)) + body)
            response = http.client.HTTPResponse(server, method=request.method)
            try:
                response.begin()
                content = response.read()
                return Answer(response.status, tuple(response.getheaders()), content, request.method == "HEAD")
            except http.client.HTTPException as error:
                raise Gone from error
            finally:
                response.close()

    def ask_half(self, request: Request, body_bytes: int) -> None:
        with self._connected() as server:
            server.sendall(_head(request, len(request.body)) + request.body[:body_bytes])
            # What was sent must arrive before the end does: a reset would throw it away.
            server.shutdown(socket.SHUT_WR)
            with contextlib.suppress(OSError):
                while server.recv(65_536):
                    pass

    def hold(self, request: Request) -> None:
        with self._lock:
            self._held.setdefault(request.same, []).append(request)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        with socket.create_connection(self._upstream, timeout=60) as server:
            with self._lock:
                self._open.add(server)
            try:
                yield server
            finally:
                with self._lock:
                    self._open.discard(server)

    # -- to the client

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(client)
                self.connections += 1
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with client.makefile("rb") as reader:
                while request := _read_request(reader, client):
                    self._exchange(client, request)
        except Gone:
            self._reset(client)
        except (OSError, ValueError):
            # The client went away, or the test ended.
            pass
        finally:
            self._end(client)

    def _exchange(self, client: socket.socket, request: Request) -> None:
        with self._lock:
            self.exchanges.append(request)
            held = self._held.pop(request.same, [])
            fault = self.fault_for(request)
            self.faults += fault is not passes
        exchange = Exchange(self, client, request)
        if not held:
            return fault(exchange)
        # Both have reached the server, in the wrong order, before the client hears of either.
        answer = exchange.forward()
        for late in held:
            self.ask(late, late.body)
        return exchange.answer(answer)

    def _reset(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            # A client that half reads an answer is to get what was sent; only one that waits for a head is reset.
            client.shutdown(socket.SHUT_WR)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))

    def _end(self, one: socket.socket) -> None:
        with self._lock:
            self._open.discard(one)
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


def _head(request: Request, body_bytes: int) -> bytes:
    lines = [f"{request.method} {request.target} HTTP/1.1"]
    kept = [(name, value) for name, value in request.headers if name.lower() not in _HOP_BY_HOP | {"content-length"}]
    lines += [f"{name}: {value}" for name, value in kept]
    lines += [f"Content-Length: {body_bytes}", "Connection: close"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def _read_request(reader: socket.SocketIO, client: socket.socket) -> Request | None:
    lines = []
    while (line := reader.readline()) not in (b"\r\n", b""):
        lines.append(line.decode("latin-1").rstrip("\r\n"))
    if not line:
        return None
    method, target, _ = lines[0].split(" ", 2)
    headers = tuple((name, value) for name, _, value in (line.partition(": ") for line in lines[1:]))
    given = {name.lower(): value for name, value in headers}
    assert "transfer-encoding" not in given, "the SDK tells the length of what it sends"
    if re.fullmatch("100-continue", given.get("expect", ""), re.IGNORECASE):
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    length = int(given.get("content-length", 0))
    body = reader.read(length) if length else b""
    return Request(method, target, headers, body) if len(body) == length else None
