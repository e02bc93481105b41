"""What a client of the SDK is given before it is used: sockets that it shares, retries that end, and one process.

What is private to the SDK here is watched by a test; where it is not found, the client stays as the SDK made it.
"""

from __future__ import annotations

import weakref
from typing import Any

from botocore import exceptions as sdk
from botocore.httpsession import URLLib3Session

from holdall.s3 import process, sockets
from holdall.s3.patience import current
from holdall.s3.plain import is_plain


class _Sharing(URLLib3Session):
    """The SDK's own session, but for whose sockets it uses."""

    @classmethod
    def of(cls, made: Any) -> _Sharing:
        shared = cls.__new__(cls)
        shared.__dict__ = {**vars(made), "_proxy_managers": {}, "_pool_classes_by_scheme": sockets.SDK_POOLS}
        return shared

    def _get_connection_manager(self, url: str, proxy_url: str | None = None) -> Any:
        # The SDK's stubs do not know what is private to it.
        own: Any = self
        if proxy_url:
            made = own._get_proxy_manager(proxy_url)
            # Their connections are the process's already, but not what is encrypted on top of one.
            sockets.be_patient(made.connection_pool_kw.get("ssl_context"))
            return made
        # Looked up for each request: pools are let go when others are used more, and after a fork.
        key = ("sdk", repr(own._verify), repr(own._timeout), own._cert_file, own._key_file)
        return sockets.manager(key, own._get_pool_manager_kwargs)


class _Session:
    """Send by the process's own sockets, and by the SDK's where a test has patched anything of it."""

    def __init__(self, made: Any, shared: Any) -> None:
        self._made, self._shared = made, shared

    def send(self, request: Any) -> Any:
        return (self._shared if is_plain() else self._made).send(request)

    def close(self) -> None:
        # The shared sockets are others' too, and closed when nobody has used them for a while.
        self._made.close()


def prepare(client: Any) -> None:
    """Do all of it to a client that is new."""
    share_sockets(client)
    end_in_time(client)
    keep_to_one_process(client)


def share_sockets(client: Any) -> None:
    """Let a client of ours use the process's sockets, which wait as long as the request at hand may."""
    endpoint: Any = getattr(client, "_endpoint", None)
    made = getattr(endpoint, "http_session", None)
    if type(made) is URLLib3Session:
        endpoint.http_session = _Session(made, _Sharing.of(made))


def end_in_time(client: Any) -> None:
    """Let a client of ours give up when the time of its operation is over, and not by the number of attempts alone."""
    client.meta.events.register_first("needs-retry.s3", _give_up, unique_id="holdall-in-time")


def _give_up(
    response: Any = None, caught_exception: Any = None, attempts: int = 1, operation: Any = None, **_event: Any
) -> None:
    if response is not None and _leads_nowhere(*response):
        # The SDK would ask in which region the bucket lies, be redirected, ask again, and so on until Python's stack ends.
        raise sdk.ClientError(response[1], operation.name)
    patience = current()
    # The SDK pauses for up to so long now, the first time a second at most.
    pause = min(2 ** (attempts - 1), 20) / 2 if attempts > 1 else 0
    if patience is None or not patience.is_spent(pause=pause):
        return
    if caught_exception is not None:
        raise caught_exception
    if response is not None and (response[0].status_code >= 500 or response[0].status_code == 429):
        said = response[1]
        said.setdefault("ResponseMetadata", {})["RetryAttempts"] = attempts - 1
        raise sdk.ClientError(said, operation.name)


def _leads_nowhere(answer: Any, said: Any) -> bool:
    """Say whether an answer redirects without a word about a region, as a captive portal does, and S3 never."""
    error = said.get("Error", {})
    return (
        300 <= answer.status_code < 400
        and "x-amz-bucket-region" not in answer.headers
        and not (error.get("Region") or error.get("Endpoint"))
    )


def keep_to_one_process(client: Any) -> None:
    """Let a client that a fork copied drop the sockets that it shares with the other process, before it sends."""
    events = getattr(getattr(client, "meta", None), "events", None)
    if events is None:
        # A test's own.
        return
    found, made_in = weakref.ref(client), process.number()

    def drop_the_others(**_event: Any) -> None:
        nonlocal made_in
        if made_in != process.number():
            made_in = process.number()
            # It is the one that sends, so it is there.
            if (sending := found()) is not None:
                sending.close()

    # Registered once, however often it is asked for.
    events.register_first("before-send.s3", drop_the_others, unique_id="holdall-one-process")
