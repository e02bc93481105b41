"""The sockets of a process: shared by all who speak with a place, patient as one says, and closed when nobody needs them.

Both lanes use them. They are urllib3's and the SDK's own classes, but for the places where those wait.
"""

from __future__ import annotations

import queue
import socket
import ssl
import sys
import threading
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import urllib3
from botocore.awsrequest import AWSHTTPConnection, AWSHTTPSConnection
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from holdall.s3 import greenlets, process
from holdall.s3.lookup import addresses
from holdall.s3.patience import LOOK_SECONDS, Kind, current, kind_of

# A connection that nobody used for this long is closed: most servers and networks have dropped it by then.
IDLE_SECONDS = 60.0
# So many may be idle in one process, beside as many as were in use at once.
MOST_IDLE = 32
# How much is handed to the system at a time, so that one sees whether bytes move.
PIECE_BYTES = 256 * 1024
# For how many hosts a process keeps connections.
MOST_HOSTS = 64


# -- sockets that wait as long as the request at hand may


if TYPE_CHECKING:
    # What the mixins of this module are mixed into.
    _AnySocket = socket.socket
    _AnyPool = HTTPConnectionPool
else:
    _AnySocket = _AnyPool = object


class _Patient(_AnySocket):
    """What both kinds of sockets have in common."""

    # What urllib3 set, and what the system was told.
    _given: float | None = None
    _told: float | None = None
    # What the beginning of each answer is received in.
    _beginning: bytearray | None = None

    def settimeout(self, value: float | None) -> None:
        self._given = self._told = value
        super().settimeout(value)

    def allow(self, seconds: float | None) -> None:
        """Let each wait take so long, if no patience says less. The system is told when there is a wait."""
        self._given = seconds

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        # To gevent's encrypted sockets, no count means no bytes; to the system's it means as many as there is room for.
        return int(self._waiting(super().recv_into, buffer, nbytes or len(buffer), flags))

    def begin_answer(self, most_bytes: int) -> bytes:
        """Wait for the first bytes of an answer; none if the connection was closed."""
        if self._beginning is None:
            self._beginning = bytearray(most_bytes)
        count = self.recv_into(self._beginning)
        return bytes(memoryview(self._beginning)[:count])

    def sendall(self, data: Any, flags: int = 0) -> None:
        # The system's own limits all of the data, however steadily it moves.
        with memoryview(data) as view, view.cast("B") as left:
            sent = 0
            while sent < len(left):
                sent += int(self._waiting(super().send, left[sent : sent + PIECE_BYTES], flags))

    def _waiting(self, operate: Any, *arguments: Any) -> Any:
        patience = current()
        if patience is None:
            self._tell(self._given)
            return operate(*arguments)
        given = None if patience.kind is Kind.WORK else self._given
        began = time.monotonic()
        while True:
            left = patience.left()
            if given is not None:
                left = min(left, given - (time.monotonic() - began))
            self._tell(max(min(left, LOOK_SECONDS), 0.001))
            try:
                done = operate(*arguments)
            except TimeoutError:
                if patience.ends() or (given is not None and time.monotonic() - began >= given):
                    patience.was_silent = True
                    raise
            else:
                patience.moved(done)
                return done

    def _tell(self, seconds: float | None) -> None:
        if seconds != self._told:
            self._told = seconds
            super().settimeout(seconds)


class _Socket(_Patient, socket.socket):
    pass


class _TLSSocket(_Patient, ssl.SSLSocket):  # type: ignore[misc]  # `recv_into` of the two differ in types alone
    pass


def refuse_late_patch() -> None:
    """Refuse to make connections of these sockets where gevent's are to be used, and came too late.

    Raises:
        HoldallError: it did.
    """
    greenlets.refuse_late_patch(_Socket, _TLSSocket)


# -- connections


class _Connecting:
    """Connect within the time that is left, the look-up of the name included, and wait for answers as a whole."""

    def getresponse(self) -> Any:
        parent: Any = super()
        if (patience := current()) is None:
            return parent.getresponse()
        with patience.heading():
            return parent.getresponse()

    def _new_conn(self) -> socket.socket:
        this: Any = self
        patience = current()
        given = this.timeout if isinstance(this.timeout, (int, float)) else None
        seconds = _least(given, patience.left() if patience else None)
        until = None if seconds is None else time.monotonic() + seconds
        try:
            made = _connect(this, seconds, until)
        except socket.gaierror as error:
            raise NameResolutionError(this.host, this, error) from error
        except TimeoutError as error:
            if patience:
                patience.was_silent = True
            raise ConnectTimeoutError(this, f"Connection to {this.host} timed out: {error}") from error
        except OSError as error:
            raise NewConnectionError(this, f"Failed to establish a new connection: {error}") from error
        sys.audit("http.client.connect", self, this.host, this.port)
        made.settimeout(seconds)
        return made


def _connect(to: Any, seconds: float | None, until: float | None) -> _Socket:
    found = addresses(to._dns_host.strip("[]"), to.port, seconds)
    failure: OSError = OSError("the name has no address")
    for number, (family, kind, protocol, _, address) in enumerate(found):
        made = _Socket(family, kind, protocol)
        try:
            for option in to.socket_options or ():
                made.setsockopt(*option)
            # An address that is silent leaves time for the next one.
            made.settimeout(None if until is None else max((until - time.monotonic()) / (len(found) - number), 0.001))
            if to.source_address:
                made.bind(to.source_address)
            made.connect(address)
        except OSError as error:
            failure = error
            made.close()
        else:
            return made
    raise failure


def _least(*limits: float | None) -> float | None:
    known = [max(limit, 0.001) for limit in limits if limit is not None]
    return min(known) if known else None


class _PlainConnection(_Connecting, HTTPConnection):
    pass


class _TLSConnection(_Connecting, HTTPSConnection):
    pass


class _SDKPlainConnection(_Connecting, AWSHTTPConnection):  # type: ignore[misc]  # the SDK is not typed
    pass


class _SDKTLSConnection(_Connecting, AWSHTTPSConnection):  # type: ignore[misc]  # the SDK is not typed
    pass


# -- those that wait to be used


class Idle:
    """The idle connections of one host, the last used first: what `urllib3` takes for the queue of a pool."""

    def __init__(self, _maxsize: int = 0) -> None:
        self._waiting: deque[tuple[float, Any]] = deque()
        with _lock:
            _idle.add(self)

    def put(self, connection: Any, block: bool = True, timeout: float | None = None) -> None:
        """Keep a connection that is no longer in use; None stands for one that broke."""
        if connection is not None:
            self._waiting.append((time.monotonic(), connection))
        close_idle()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Give the connection that was used last, if it is fresh."""
        try:
            kept_at, connection = self._waiting.pop()
        except IndexError:
            raise queue.Empty from None
        if time.monotonic() - kept_at > IDLE_SECONDS:
            # All others are older.
            connection.close()
            self.close()
            raise queue.Empty
        return connection

    def close(self, *, older_than: float = float("inf")) -> None:
        """Close those that wait since before then."""
        while True:
            try:
                entry = self._waiting.popleft()
            except IndexError:
                return
            if entry[0] > older_than:
                self._waiting.appendleft(entry)
                return
            entry[1].close()

    def oldest(self) -> float:
        """When the one that waits longest was used."""
        try:
            return self._waiting[0][0]
        except IndexError:
            return float("inf")

    def __len__(self) -> int:
        return len(self._waiting)


_idle: weakref.WeakSet[Idle] = weakref.WeakSet()
# Re-entrant: a garbage collection inside may send a request of its own.
_lock = threading.RLock()
_looked_at = 0.0


def close_idle() -> None:
    """Close what was idle for too long, for whichever host; and the oldest where there are too many."""
    global _looked_at
    now = time.monotonic()
    if now - _looked_at < 1.0:
        return
    _looked_at = now
    with _lock:
        known = list(_idle)
    for one in known:
        one.close(older_than=now - IDLE_SECONDS)
    # As many as threads: that many are in use at once.
    most = MOST_IDLE + threading.active_count()
    while sum(map(len, known)) > most:
        eldest = min(known, key=Idle.oldest)
        eldest.close(older_than=eldest.oldest())


# -- pools


class _Pooling(_AnyPool):
    """Tell the request's patience that an attempt begins."""

    QueueCls: Any = Idle

    def __str__(self) -> str:
        # It is part of the text of errors.
        return f"{self.scheme}://{self.host}:{self.port}"

    def urlopen(self, method: str, url: str, body: Any = None, headers: Any = None, *more: Any, **options: Any) -> Any:
        if (patience := current()) is not None:
            if patience.is_over():
                raise ConnectTimeoutError(None, "Nothing was sent, because the time is over.")
            patience.begin_attempt(kind_of(method, url, headers or {}))
        return super().urlopen(method, url, body, headers, *more, **options)


class _PlainPool(_Pooling, HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TLSPool(_Pooling, HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class _SDKPlainPool(_Pooling, HTTPConnectionPool):
    ConnectionCls: Any = _SDKPlainConnection


class _SDKTLSPool(_Pooling, HTTPSConnectionPool):
    ConnectionCls: Any = _SDKTLSConnection


POOLS = {"http": _PlainPool, "https": _TLSPool}
SDK_POOLS = {"http": _SDKPlainPool, "https": _SDKTLSPool}
_pools: OrderedDict[tuple[Any, ...], Any] = OrderedDict()


def pool(scheme: str, host: str, *, ca_file: str | None) -> Any:
    """Give the process's pool for a host (with its port, if it has one); all who ask share it."""
    key = (scheme, host, ca_file)
    with _lock:
        if (found := _pools.get(key)) is not None:
            _pools.move_to_end(key)
            return found
    refuse_late_patch()
    parts = urllib3.util.parse_url(f"{scheme}://{host}")
    options: dict[str, Any] = {"retries": False, "maxsize": 1}
    if scheme == "https":
        context = urllib3.util.ssl_.create_urllib3_context()
        context.sslsocket_class = _TLSSocket
        made: Any = _TLSPool(
            str(parts.host), parts.port, ssl_context=context, ca_certs=ca_file, cert_reqs="CERT_REQUIRED", **options
        )
    else:
        made = _PlainPool(str(parts.host), parts.port, **options)
    return _kept(key, made)


def manager(key: tuple[Any, ...], options_of: Callable[[], dict[str, Any]]) -> Any:
    """Give the process's pools for the SDK; those who ask with an equal key share them."""
    with _lock:
        if (found := _pools.get(key)) is not None:
            _pools.move_to_end(key)
            return found
    options = options_of()
    options["ssl_context"].sslsocket_class = _TLSSocket
    made = urllib3.PoolManager(**{**options, "num_pools": MOST_HOSTS, "maxsize": 1})
    made.pool_classes_by_scheme = SDK_POOLS
    return _kept(key, made)


def patient(made: urllib3.PoolManager) -> urllib3.PoolManager:
    """Let the sockets of somebody else's pools wait as long as one says. Its `ssl_context` is changed, if it has one."""
    made.pool_classes_by_scheme = POOLS
    be_patient(made.connection_pool_kw.get("ssl_context"))
    return made


def be_patient(context: ssl.SSLContext | None) -> None:
    """Let the encrypted sockets that are made with a context wait as long as one says."""
    if context is not None:
        context.sslsocket_class = _TLSSocket


def _kept(key: tuple[Any, ...], made: Any) -> Any:
    with _lock:
        # Of two threads that come at once, both get the one that was first.
        kept = _pools.setdefault(key, made)
        while len(_pools) > MOST_HOSTS:
            _pools.popitem(last=False)
        return kept


@process.at_fork
def _forget_after_fork() -> None:
    # A child that used its parent's sockets would read the parent's answers. Closed here, they stay open there.
    global _lock
    _lock = threading.RLock()
    for idle in list(_idle):
        idle.close()
    _pools.clear()
