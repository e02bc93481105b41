"""The connection to a store: it makes the client, sends every request and translates every error.

No module outside of this package imports the SDK or catches its errors.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, TypeVar

from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies

from holdall.errors import StoreUnreachable, WriteRefused
from holdall.s3 import clients, hosts, keys, local, process, sessions, whole
from holdall.s3.answers import what_of
from holdall.s3.apart import Apart, Side
from holdall.s3.claims import Claims
from holdall.s3.fastlane import Declined, FastLane
from holdall.s3.guard import READS, Guard
from holdall.s3.line import line_of
from holdall.s3.patience import current
from holdall.s3.resources import Resources
from holdall.s3.signers import Signers
from holdall.s3.signing import Place
from holdall.s3.target import Target
from holdall.sites import Site

_Made = TypeVar("_Made")
# How long all requests go by the SDK after a place was found to be out of the ordinary.
REST_SECONDS = 300.0


class Connection(Resources):
    """The way to one store: one a process and target, shared by all threads.

    After a fork each process has sockets of its own. What was made of a connection before the fork reads on in both;
    what it had begun to write, the process that began it ends alone.
    """

    def __init__(self, target: Target, *, signed: bool = True) -> None:
        super().__init__(target, signed=signed)
        self._process = process.number()
        self.line = line_of(target)
        self._circuit = self.line.circuit_of(target.bucket_name)
        self.bucket_seen = False
        # Whether `If-None-Match: *` holds here; None until it is known or probed.
        self.conditional_put = target.provider.conditional_put
        # What those who use the store remember of it, as long as this process does.
        self.known: dict[object, Any] = {}
        apart = None
        if target.site is not None:
            apart = Apart(
                Side(target.site, target.address, self.call), lambda: [_side(*above) for above in target.above]
            )
        self.claims = Claims(target.claims, self.call, self.where, self.lock, apart=apart)
        self.guard = Guard(
            bucket_name=target.bucket_name,
            read_only=target.read_only,
            alone=target.site is not None,
            within=target.within,
            claims=self.claims,
        )
        self.signers = Signers(target, self.translating, admit=self.guard.admit)
        # Where the embedded server was when the client was made.
        self._served_at: str | None = None
        self._place: Place | None = None
        self._place_is_known = False
        self._lane: FastLane | None = None
        self._lane_is_known = False
        self._lane_rests_until = 0.0
        _all.add(self)

    # -- processes

    @property
    def is_own(self) -> bool:
        """Whether this process made the connection: it is not a copy that a fork left of another's."""
        return self._process == process.number()

    def bound(self, begin: Callable[..., _Made]) -> Callable[..., _Made]:
        """Let what begins a write be called by the process alone that has the connection; elsewhere it raises.

        For files that are opened before anything is sent.
        """

        def begun(*arguments: Any) -> _Made:
            self._refuse_from_elsewhere("what was written")
            return begin(*arguments)

        return begun

    def _refuse_from_elsewhere(self, what: str) -> None:
        # Of two processes that hold one upload, each would complete or abort what the other still sends.
        if not self.is_own:
            raise WriteRefused(
                f"{what} belongs to the process that began it, and this one was forked from it; nothing was sent. Open "
                "files for writing after the fork."
            )

    def _begin_anew(self) -> None:
        """Forget what cannot be shared with the process that this one was forked from."""
        # A lock that was held at the fork stays held; a socket would give either process the other's answers.
        self.lock = threading.RLock()
        self.known = {}
        self.line = line_of(self.target)
        self._circuit = self.line.circuit_of(self.target.bucket_name)
        self.claims.begin_anew(self.lock)
        self.signers.begin_anew()
        self._resource = self._lane = None
        self._place_is_known = self._lane_is_known = False
        self._generation += 1

    @property
    def generation(self) -> int:
        """Count the clients that were given up; what threads made of an earlier one is of no use."""
        self._follow_server()
        return self._generation

    def _follow_server(self) -> None:
        """Give up what leads to the embedded server's last port, if it was restarted on another."""
        if not self.target.local_folder:
            return
        endpoint_url = local.server(self.target).endpoint_url
        if endpoint_url == self._served_at:
            return
        with self.lock:
            if self._served_at not in {None, endpoint_url}:
                self.signers.forget()
                self._resource = self._lane = None
                self._place_is_known = self._lane_is_known = False
                self._generation += 1
            self._served_at = endpoint_url

    # -- what links are made of

    def place(self) -> Place | None:
        """Tell where links lead. None: only the SDK can tell.

        Requests: none, but for a region that is neither configured nor boto3's, which is asked once per process.
        """
        self._follow_server()
        if not self._place_is_known:
            with self.lock, self.translating("connecting", learn=False, is_request=False):
                endpoint_url = (
                    local.server(self.target).endpoint_url if self.target.local_folder else self.target.endpoint_url
                )
                self._place = hosts.place(self.target, endpoint_url, self._region())
                self._place_is_known = True
        return self._place

    def credential_source(self) -> str:
        """Tell where the keys come from, in the SDK's words: "explicit", "env", "container-role", "iam-role"…

        Requests: those of the source, once per process (none for keys in the environment).

        Raises:
            CredentialsRefused: no source has any.
        """
        with self.translating("looking for keys", is_request=False), self.lock:
            return keys.source(self.target)

    # -- requests

    def call(
        self,
        operation: str,
        *,
        action: str,
        name: str = "",
        about: str = "",
        client: Any = None,
        work_seconds: Any = 0.0,
        **parameters: Any,
    ) -> Any:
        """Send one request about the store's bucket and translate its failure.

        `operation` is the SDK's method ("put_object"); `action` completes the error's sentence ('saving "a.jpg"' is
        made of "saving" and the name). `about` is the key that the error speaks of, where it is not the request's.
        `work_seconds` is how long the store may take for what it does by itself, where that is known to be long.
        With a `client` the request goes through it; otherwise by the fast lane, or by the SDK where that declines.
        """
        key = about or str(parameters.get("Key", ""))
        is_answered = operation != "get_object"
        with self.translating(action, name=name, key=key, client=client, is_answered=is_answered):
            if (patience := current()) is not None:
                patience.work_seconds = max(patience.work_seconds, work_seconds)
            answer = self._send(operation, parameters, client)
        self.check_whole(operation, parameters, answer, action=action, name=name)
        self.bucket_seen = True
        return answer

    def ask(self, operation: str, *, action: str, name: str = "", about: str = "", **parameters: Any) -> Any:
        """Send one request whose failure is an answer too: it counts for no circuit, and a success is not looked at."""
        key = about or str(parameters.get("Key", ""))
        with self.translating(action, name=name, key=key, learn=False, is_request=False):
            return self._send(operation, parameters, None)

    def pages(self, *, action: str, name: str = "", client: Any = None, **parameters: Any) -> Iterator[Any]:
        """Give the pages of a listing, each when it is asked for. One request for each 1,000 entries."""
        token: dict[str, Any] = {}
        while True:
            page = self.call("list_objects_v2", action=action, name=name, client=client, **parameters, **token)
            yield page
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def unfinished(self, *, action: str, prefix: str, name: str = "", client: Any = None) -> Iterator[Any]:
        """Give the uploads that were begun under a prefix and not finished. One request for each 1,000."""
        request = {"action": action, "name": name, "client": client, "Prefix": prefix}
        markers: dict[str, str] = {}
        while True:
            page = self.call("list_multipart_uploads", **request, **markers)
            # Not every server keeps to the prefix.
            yield from (one for one in page.get("Uploads", ()) if one["Key"].startswith(prefix))
            if not page.get("IsTruncated") or not page.get("NextKeyMarker"):
                return
            markers = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page.get("NextUploadIdMarker") or ""}

    def _send(self, operation: str, parameters: Mapping[str, Any], client: Any) -> Any:
        if not operation.startswith(READS):
            self._refuse_from_elsewhere(f'{operation} of "{parameters.get("Key", "")}"')
            deleted = parameters.get("Delete", {}).get("Objects", ())
            key = str(parameters.get("Key", ""))
            self.guard.admit(operation, key, keys=[str(entry["Key"]) for entry in deleted])
        if (patience := current()) is not None:
            patience.restart()
        # A test that answers in S3's place hears of the SDK's requests alone.
        if client is None and self._sdk_is_plain() and (lane := self._fast_lane()) is not None:
            try:
                return lane.send(operation, parameters)
            except Declined as declined:
                if declined.of_place:
                    # One odd answer, of a gateway for one, must not slow this process down until it ends.
                    self._lane_rests_until = time.monotonic() + REST_SECONDS
        if client is not None:
            clients.keep_to_one_process(client)
        return getattr(client or self.client, operation)(Bucket=self.target.bucket_name, **parameters)

    def try_link(self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, action: str) -> int:
        """Send what a browser with a link would send, and give the status of the answer; 501 where only the SDK can send.

        Raises:
            StoreUnreachable: no answer came.
        """
        place, lane = self.place(), self._fast_lane()
        if place is None or lane is None:
            return 501
        with self.translating(action):
            return lane.send_as_it_is(method, url.removeprefix(f"{place.scheme}://{place.host}"), headers, body)

    def can_try_links(self) -> bool:
        """Say whether `try_link` sends anything at present."""
        return self.place() is not None and self._fast_lane() is not None

    def takes_the_fast_lane(self) -> bool:
        """Say whether plain requests go past the SDK: nothing about the store, or in the project, needs it for them."""
        return self._sdk_is_plain() and self._fast_lane() is not None

    def _fast_lane(self) -> FastLane | None:
        self._follow_server()
        if not self._lane_is_known:
            with self.lock:
                if not self._lane_is_known:
                    self._lane = self._make_fast_lane()
                    self._lane_is_known = True
        return None if time.monotonic() < self._lane_rests_until else self._lane

    def _make_fast_lane(self) -> FastLane | None:
        target = self.target
        if not (target.fast and self.signed) or target.proxies or target.verify is not None:
            return None
        if target.retry_mode != "standard":
            return None
        if target.local_folder:
            # Makes the bucket.
            self._built()
        place = self.place()
        if place is None or get_environ_proxies(place.base):
            return None
        return FastLane(
            place,
            lambda: self.signers.signer(place)[0],
            ca_file=authorities(),
            connect_seconds=target.connect_seconds,
            read_seconds=target.timeout_seconds,
            attempts=target.attempts,
        )

    def _redacted(self, text: str) -> str:
        return self.signers.redacted(text)

    def check_whole(
        self, operation: str, parameters: Mapping[str, Any], answer: Any, *, action: str, name: str
    ) -> None:
        """Make sure that an answer is a whole one, and S3's. `call` does; this is for what the SDK's own methods gave.

        Raises:
            StoreUnreachable: it is not; whether the store did what was asked is unknown.
        """
        if said := whole.flaw(operation, parameters, answer, md5_etags=self.target.provider.md5_etags):
            if operation == "get_object":
                answer["Body"].close()
            what = what_of(action, name)
            broken = StoreUnreachable(
                f"{what[:1].upper()}{what[1:]} failed in {self.where()}: {said}. Check the network between; try again."
            )
            broken.outcome_unknown = True
            raise broken


# -- one connection a process and target


_connections: MutableMapping[tuple[Target, bool], Connection] = weakref.WeakValueDictionary()
# Those that were asked for last, kept though no storage holds them: a project makes one for each request, or tenant.
_recent: deque[Connection] = deque(maxlen=32)
_all: weakref.WeakSet[Connection] = weakref.WeakSet()
_lock = threading.RLock()


def authorities() -> Any:
    """Give the file of the authorities that a server may prove itself by: the environment's, else the SDK's."""
    return os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE") or get_cert_path(True)


def _side(site: Site, target: Target) -> Side:
    """Give a store above a fork, as it is looked at."""
    return Side(site, target.address, connect(target).call)


def connect(target: Target, *, signed: bool = True) -> Connection:
    """Give the process's connection for a target. Costs nothing until it is used. Requests: none."""
    with _lock:
        found = _connections.get((target, signed))
        if found is None:
            found = _connections[target, signed] = Connection(target, signed=signed)
            _recent.append(found)
        return found


def forget() -> None:
    """Let what is connected from now on read the SDK's variables and files again; what is held stays as it is."""
    with _lock:
        _connections.clear()
        _recent.clear()
    sessions.forget_all()


@process.at_fork
def _forget_after_fork() -> None:
    global _lock
    _lock = threading.RLock()
    _connections.clear()
    _recent.clear()
    for connection in list(_all):
        connection._begin_anew()
