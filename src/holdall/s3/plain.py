"""Whether the SDK is its plain self: a test suite that patches it wants to answer in the store's place.

The fast lane does without the SDK, and the sockets that both lanes share are none of its own; so neither is used while
anything of the SDK, or of what it stands on, is patched. A request that passed a test's patch by would reach the store
that the environment names, which may be production.
"""

from __future__ import annotations

import http.client
import socket
import sys
from pathlib import Path
from types import FunctionType
from typing import Any

import boto3
import boto3.session
import botocore
import botocore.awsrequest
import botocore.client
import botocore.endpoint
import botocore.handlers
import botocore.hooks
import botocore.httpsession
import botocore.signers
import urllib3
import urllib3.connection
import urllib3.connectionpool
import urllib3.poolmanager
import urllib3.util.connection

# Those that only watch: what they put in the SDK's place does what the SDK does.
OBSERVERS = ("sentry_sdk.",)

# What the SDK's requests pass on their way out. Tests patch one or another: moto, vcrpy and pytest-socket too.
_WATCHED: tuple[tuple[Any, str], ...] = (
    (botocore.client.BaseClient, "_make_api_call"),
    (botocore.client.BaseClient, "_make_request"),
    (botocore.client.BaseClient, "__init__"),
    (botocore.endpoint.Endpoint, "make_request"),
    (botocore.endpoint.Endpoint, "_send_request"),
    (botocore.endpoint.Endpoint, "_get_response"),
    (botocore.endpoint.Endpoint, "_do_get_response"),
    (botocore.endpoint.Endpoint, "_send"),
    (botocore.httpsession.URLLib3Session, "__init__"),
    (botocore.httpsession.URLLib3Session, "send"),
    (botocore.hooks.HierarchicalEmitter, "_emit"),
    (botocore.signers.RequestSigner, "sign"),
    (botocore.endpoint, "URLLib3Session"),
    (botocore.httpsession, "URLLib3Session"),
    (botocore.httpsession, "PoolManager"),
    (botocore.awsrequest, "AWSHTTPConnection"),
    (botocore.awsrequest, "AWSHTTPSConnection"),
    (botocore.awsrequest, "AWSHTTPConnectionPool"),
    (botocore.awsrequest, "AWSHTTPSConnectionPool"),
    (botocore.awsrequest.AWSHTTPConnectionPool, "ConnectionCls"),
    (botocore.awsrequest.AWSHTTPSConnectionPool, "ConnectionCls"),
    (botocore.awsrequest.AWSConnection, "request"),
    (urllib3.connectionpool.HTTPConnectionPool, "urlopen"),
    (urllib3.connectionpool.HTTPConnectionPool, "_make_request"),
    (urllib3.connectionpool.HTTPConnectionPool, "ConnectionCls"),
    (urllib3.connectionpool.HTTPSConnectionPool, "ConnectionCls"),
    (urllib3.connectionpool, "HTTPConnection"),
    (urllib3.connection, "HTTPConnection"),
    (urllib3.connection, "HTTPSConnection"),
    (urllib3.connection.HTTPConnection, "request"),
    (urllib3.connection.HTTPConnection, "getresponse"),
    (urllib3.connection.HTTPConnection, "_new_conn"),
    (urllib3.connection.HTTPConnection, "connect"),
    (urllib3.connection.HTTPSConnection, "connect"),
    (urllib3.poolmanager.PoolManager, "connection_from_url"),
    (http.client, "HTTPConnection"),
    (http.client, "HTTPSConnection"),
    (http.client.HTTPConnection, "request"),
    (http.client.HTTPConnection, "putrequest"),
    (http.client.HTTPConnection, "endheaders"),
    (http.client.HTTPConnection, "send"),
    (http.client.HTTPConnection, "connect"),
    (http.client.HTTPConnection, "getresponse"),
    (socket, "socket"),
    (urllib3.util.connection, "create_connection"),
    (boto3, "client"),
    (boto3, "resource"),
    (boto3, "Session"),
    (boto3.session, "Session"),
    (boto3.session.Session, "client"),
    (boto3.session.Session, "resource"),
)
_FOLDERS = (
    *(str(Path(str(one.__file__)).parent) for one in (boto3, botocore, urllib3)),
    str(Path(socket.__file__)),
    str(Path(http.client.__file__)),
)
_MODULES = ("boto3.", "botocore.", "urllib3.", "http.client", "socket", "_socket")

# What gives each, and its name: this is asked of every request.
_PLACES = tuple((vars(owner).get, name) for owner, name in _WATCHED)
# What they were found to be when all were the SDK's own.
_own: list[Any] = []
_is_watched = False
_handlers = -1


def is_plain() -> bool:
    """Say whether nothing is patched that requests of the SDK pass. Costs a few microseconds."""
    global _own, _is_watched
    found = [get(name) for get, name in _PLACES]
    # Lists compare what they hold by identity first.
    if found != _own:
        if not all(map(_is_own, found)):
            return False
        _own, _is_watched = found, any(map(_watches, found))
    # moto answers by a handler that every client has as soon as it is loaded.
    return "moto" not in sys.modules and _handlers_are_own()


def is_watched() -> bool:
    """Say whether somebody who only watches was found when `is_plain` was asked last."""
    return _is_watched


def maker() -> tuple[Any, ...]:
    """Give what makes sessions and clients now; what something else made is not what a test wants to be used."""
    made_by = vars(boto3.session.Session)
    return boto3.Session, made_by["client"], made_by["resource"], len(botocore.handlers.BUILTIN_HANDLERS)


def _handlers_are_own() -> bool:
    global _handlers
    handlers = botocore.handlers.BUILTIN_HANDLERS
    if len(handlers) != _handlers:
        if not all(str(getattr(entry[1], "__module__", "botocore.")).startswith("botocore.") for entry in handlers):
            return False
        _handlers = len(handlers)
    return True


def _is_own(found: Any) -> bool:
    if isinstance(found, FunctionType):
        # What `functools.wraps` dresses up keeps its code.
        return found.__code__.co_filename.startswith(_FOLDERS) or _watches(found)
    if isinstance(found, type):
        return found.__module__.startswith(_MODULES) or found.__module__.startswith("gevent.")
    return False


def _watches(found: Any) -> bool:
    return isinstance(found, FunctionType) and found.__module__.startswith(OBSERVERS)


class Plainness:
    """Whether one client of the SDK is as it was made: nobody listens to its events, and none of its parts is replaced."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._seen: Any = None
        self._listeners = self._listening()
        self._parts = self._held()

    def holds(self) -> bool:
        """Say so. Costs a microsecond."""
        emitter = _emitter(self._client)
        # A new one for each change of who listens.
        cache = getattr(emitter, "_lookup_cache", None)
        if cache is None:
            return False
        if cache is not self._seen:
            if self._listening() != self._listeners:
                return False
            self._seen = emitter._lookup_cache
        return self._held() == self._parts

    def _held(self) -> tuple[Any, ...]:
        client = self._client
        endpoint = getattr(client, "_endpoint", None)
        session = getattr(endpoint, "http_session", None)
        return (
            type(client),
            len(vars(client)),
            id(client.meta),
            id(endpoint),
            len(vars(endpoint)) if endpoint is not None else 0,
            id(session),
            len(vars(session)) if session is not None else 0,
        )

    def _listening(self) -> frozenset[str]:
        handlers = getattr(_emitter(self._client), "_handlers", None)
        return frozenset(_described(getattr(handlers, "_root", None)))


def _emitter(client: Any) -> Any:
    events = client.meta.events
    return getattr(events, "_emitter", events)


def _described(node: Any, path: str = "") -> list[str]:
    if node is None:
        return []
    found = [f"{path} {id(getattr(one, '__func__', one))}" for section in (node["values"] or ()) for one in section]
    for name, child in node["children"].items():
        found += _described(child, f"{path}.{name}")
    return found
