"""One request and its answer over a connection of the process, at a fraction of what urllib3 and http.client take.

An ordinary answer is read here: HTTP/1.1, its head whole and plain, and the length of its body told. `http.client` reads
any other. Where somebody watches what urllib3 or http.client does, a tracer or a log, they do all of it.

https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import errno
import io
import logging
import re
import ssl
import sys
from http.client import HTTPException, HTTPResponse
from typing import Any, NamedTuple

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    IncompleteRead,
    InvalidHeader,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util.ssl_match_hostname import CertificateError

from holdall.s3 import plain
from holdall.s3.patience import current, kind_of

# A body up to this length is sent together with the head: one call of the system, and one packet less.
TOGETHER_BYTES = 256 * 1024
# So much of an answer is asked of the system at a time: the head and all of a small file.
BUFFER_BYTES = 64 * 1024
# As urllib3 would say; nothing on the way is to pack what passes.
_HEADERS = f"accept-encoding: identity\r\nuser-agent: python-urllib3/{getattr(urllib3, '__version__', '2')}\r\n"
# A value that goes on in the next line begins it with a blank, and a blank before the colon is a smuggler's: neither fits.
_HEAD = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9]{2})(?: [^\r\n]*)?\r\n((?:[0-9A-Za-z!#$%&'*+.^_`|~-]+:[^\r\n]*\r\n)*)\r\n"
).match
_FIELDS = re.compile(r"([^:]+):[ \t]*([^\r]*)\r\n").findall
_DIGITS = re.compile(r"[0-9]{1,18}").fullmatch
# A value that goes on in the next line.
_FOLD = re.compile(r"[ \t]*\r?\n[ \t]+")
_log = logging.getLogger("urllib3.connectionpool")


class Request(NamedTuple):
    """What is sent. The headers are complete: host, length and signature included."""

    method: str
    # Path and query, encoded.
    target: str
    headers: dict[str, str]
    body: bytes | None = None


class Answered(NamedTuple):
    """An answer whose body is still to be read, or closed. The names of its headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: Any


class Head(NamedTuple):
    """The head of an ordinary answer: how long it is, and its body."""

    status: int
    headers: dict[str, str]
    head_bytes: int
    body_bytes: int


def exchange(pool: Any, request: Request, *, connect_seconds: float, read_seconds: float) -> Answered:
    """Send a request and give its answer.

    Raises:
        urllib3.exceptions.HTTPError: no answer came.
    """
    if plain.is_watched() or _log.isEnabledFor(logging.DEBUG):
        return _by_urllib3(pool, request, urllib3.Timeout(connect=connect_seconds, read=read_seconds))
    if (patience := current()) is not None:
        if patience.is_over():
            raise ConnectTimeoutError(None, "Nothing was sent, because the time is over.")
        patience.begin_attempt(kind_of(request.method, request.target, request.headers))
    connection = pool._get_conn()
    try:
        if connection.is_closed:
            connection.timeout = connect_seconds
            connection.connect()
        connection.sock.allow(read_seconds)
        _send(connection, _packed(request), request.body)
        return _received(pool, connection, request)
    except (OSError, HTTPException, CertificateError) as failure:
        connection.close()
        raise _as_urllib3(failure, pool, request, read_seconds) from failure
    except BaseException:
        connection.close()
        raise


def _packed(request: Request) -> bytes:
    headers = request.headers
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    head = f"{request.method} {request.target} HTTP/1.1\r\n{_HEADERS}{lines}\r\n"
    # The attack: a line end in a value begins a header, or a request, of its own.
    if head.count("\n") != len(headers) + 4 or head.count("\r") != len(headers) + 4:
        raise ValueError("A header contains a line end; nothing was sent.")
    return head.encode("latin-1")


def _send(connection: Any, head: bytes, body: bytes | None) -> None:
    try:
        for piece in (head + body,) if body and len(body) <= TOGETHER_BYTES else (head, body):
            if piece:
                sys.audit("http.client.send", connection, piece)
                connection.sock.sendall(piece)
    except OSError as failure:
        # A server may answer before it has read everything, and close; the answer can still be read.
        if failure.errno not in {errno.EPIPE, errno.ECONNRESET, errno.EPROTOTYPE}:
            raise


def _received(pool: Any, connection: Any, request: Request) -> Answered:
    if (patience := current()) is None:
        return _answered(pool, connection, request)
    with patience.heading():
        return _answered(pool, connection, request)


def _answered(pool: Any, connection: Any, request: Request) -> Answered:
    start = connection.sock.begin_answer(BUFFER_BYTES)
    head = ordinary_head(start, request.method)
    if head is not None and len(start) == head.head_bytes + head.body_bytes:
        pool._put_conn(connection)
        return Answered(head.status, head.headers, io.BytesIO(start[head.head_bytes :]))
    file = io.BufferedReader(_Begun(start, connection.sock.makefile("rb", buffering=0)), BUFFER_BYTES)
    if head is not None:
        file.read(head.head_bytes)
        return Answered(head.status, head.headers, _Body(pool, connection, request.target, file, head.body_bytes))
    try:
        return _by_http_client(pool, connection, request, file)
    except BaseException:
        file.close()
        raise


def _by_http_client(pool: Any, connection: Any, request: Request, file: Any) -> Answered:
    """Read what is out of the ordinary, from its first byte."""
    # All that it does with a socket is to ask for its file.
    socket: Any = _Handed(file)
    raw = HTTPResponse(socket, method=request.method)
    try:
        raw.begin()
        if raw.will_close:
            # The file holds the socket open until it is read.
            connection.close()
        headers = urllib3.HTTPHeaderDict([(name, _FOLD.sub(" ", value)) for name, value in raw.msg.items()])
        if len(set(headers.getlist("content-length"))) > 1:
            raise InvalidHeader(f"The answer has more than one length: {headers['content-length']}.")
    except BaseException:
        # Before its file is closed, which Python 3.13 flushes when it lets go of the answer.
        raw.close()
        raise
    return Answered(raw.status, _lowered(headers), _Body(pool, connection, request.target, raw, raw.length))


def ordinary_head(data: bytes, method: str) -> Head | None:
    """Read the head with which the bytes of an answer begin; None if it is not wholly there, or out of the ordinary."""
    found = _HEAD(data)
    if found is None:
        return None
    fields = [(name.lower(), value) for name, value in _FIELDS(found[2].decode("latin-1"))]
    headers = dict(fields)
    if len(headers) < len(fields):
        headers = {}
        for name, value in fields:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if "transfer-encoding" in headers or headers.get("connection", "keep-alive").lower() != "keep-alive":
        return None
    code, length = int(found[1]), headers.get("content-length")
    if method == "HEAD" or code in {204, 304}:
        length = "0"
    if length is None or not _DIGITS(length):
        return None
    return Head(code, headers, found.end(), int(length))


def _lowered(headers: urllib3.HTTPHeaderDict) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.itermerged()}


class _Begun(io.RawIOBase):
    """What is received, with the bytes of it that were received already."""

    def __init__(self, start: bytes, rest: io.RawIOBase) -> None:
        self._start, self._rest = start, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if not self._start:
            return self._rest.readinto(buffer)
        count = min(len(buffer), len(self._start))
        buffer[:count], self._start = self._start[:count], self._start[count:]
        return count

    def close(self) -> None:
        self._rest.close()
        super().close()


class _Handed:
    """What `http.client` takes for a socket whose answer begins: it asks for the file to read, and that alone."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def makefile(self, *_: Any) -> Any:
        return self._file


class _Body:
    """The body of an answer. Read to its end, the connection goes back to its pool; closed before, it is closed too.

    Raises:
        urllib3.exceptions.HTTPError: it broke off, or stayed away for too long.
    """

    def __init__(self, pool: Any, connection: Any, target: str, file: Any, left_bytes: int | None) -> None:
        self._pool, self._connection, self._target, self._file = pool, connection, target, file
        # None: only the end tells.
        self._left_bytes = left_bytes
        if left_bytes == 0:
            self._release()

    def read(self, size: int = -1, /) -> bytes:
        if self._file is None:
            return b""
        left = self._left_bytes
        wanted = size if left is None else left if size < 0 else min(size, left)
        try:
            data: bytes = self._file.read() if wanted < 0 else self._file.read(wanted)
        except TimeoutError as failure:
            self.close()
            raise ReadTimeoutError(self._pool, self._target, "Read timed out.") from failure
        except ssl.SSLError as failure:
            self.close()
            raise SSLError(failure) from failure
        except (HTTPException, OSError) as failure:
            self.close()
            raise ProtocolError(f"Connection broken: {failure!r}", failure) from failure
        except BaseException:
            self.close()
            raise
        if left is None:
            if len(data) < wanted or wanted < 0:
                self._release()
            return data
        self._left_bytes = left = left - len(data)
        if len(data) < wanted and (size < 0 or not data):
            # What came before it broke off was given: whoever takes it up goes on from there.
            self.close()
            raise IncompleteRead(len(data), left)
        if not left:
            self._release()
        return data

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()
            self._connection.close()

    def _release(self) -> None:
        file, self._file = self._file, None
        file.close()
        if not self._connection.is_closed:
            self._pool._put_conn(self._connection)

    def __del__(self) -> None:
        self.close()


def _by_urllib3(pool: Any, request: Request, timeout: urllib3.Timeout) -> Answered:
    response = pool.urlopen(
        request.method,
        request.target,
        body=request.body,
        headers=request.headers,
        redirect=False,
        preload_content=False,
        decode_content=False,
        timeout=timeout,
    )
    return Answered(response.status, _lowered(response.headers), response)


def _as_urllib3(failure: Exception, pool: Any, request: Request, read_seconds: float) -> HTTPError:
    """Give what urllib3 would raise."""
    if isinstance(failure, TimeoutError):
        return ReadTimeoutError(pool, request.target, f"Read timed out. (read timeout={read_seconds})")
    if isinstance(failure, (ssl.SSLError, CertificateError)):
        return SSLError(failure)
    return ProtocolError("Connection aborted.", failure)
