"""A lane for storing very many small objects: obstore, a client in Rust, which takes a fifth of the SDK's work for each.

It is an extra (`holdall[bulk]`), used by bulk work alone: it cannot say an ACL, a tag or a customer's key, and it knows one
kind of retry. Whatever it cannot say, or fails at, goes by the store's own connection. It reads nothing: it does not tell
all that a store says of an object (`Expires`, for one).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from holdall.errors import NameTaken
from holdall.s3 import greenlets
from holdall.s3.connection import Connection

try:
    import obstore
    from obstore import exceptions
    from obstore.store import S3Store
except ImportError:
    obstore = None  # type: ignore[assignment]  # the extra is not installed
    _FAILURES: tuple[type[Exception], ...] = ()
else:
    # Some of its errors are Python's own: that of a missing object is a FileNotFoundError.
    _FAILURES = (exceptions.BaseError, OSError, ValueError)

# How the headers of an object are called there; any other word is the user's own metadata.
_ATTRIBUTES = {
    "ContentType": "Content-Type",
    "ContentDisposition": "Content-Disposition",
    "ContentEncoding": "Content-Encoding",
    "ContentLanguage": "Content-Language",
    "CacheControl": "Cache-Control",
}
_HEADERS = {attribute: parameter for parameter, attribute in _ATTRIBUTES.items()}
# What it is told of the lifetime of keys that never end.
_LONG = timedelta(days=1)


class Declined(Exception):
    """The lane cannot do this, or failed at it: the connection will do it, or say what is wrong."""


class BulkLane:
    """Small whole objects of one store, many at once. Shared by threads; for the process that made it alone.

    Its client hangs in a forked process (developmentseed/obstore#441), so nothing of it is inherited.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        place = connection.place()
        if obstore is None or place is None or not connection.takes_the_fast_lane():
            raise Declined
        if greenlets.are_used():
            # It waits in Rust, where gevent does not see it, and all greenlets would wait with it.
            raise Declined
        target = connection.target
        in_path = place.path == f"/{target.bucket_name}"
        self._store = S3Store(
            bucket=target.bucket_name,
            config={
                "endpoint": f"{place.scheme}://{place.host}",
                "region": place.region,
                "virtual_hosted_style_request": not in_path,
            },
            client_options={
                "allow_http": place.scheme == "http",
                "connect_timeout": timedelta(seconds=target.connect_seconds),
                "timeout": timedelta(seconds=max(target.timeout_seconds, 30)),
            },
            retry_config={"max_retries": target.attempts - 1, "retry_timeout": timedelta(seconds=60)},
            credential_provider=self._keys,
        )
        if not in_path and place.path:
            raise Declined

    def _keys(self) -> Any:
        place = self._connection.place()
        assert place is not None  # noqa: S101  it was there
        signer, ends = self._connection.signers.signer(place)
        found = signer.keys
        lasts = _LONG if ends is None else timedelta(seconds=max(ends - time.time(), 0))
        return {
            "access_key_id": found.access_key,
            "secret_access_key": found.secret_key,
            "token": found.token,
            "expires_at": datetime.now(UTC) + lasts,
        }

    def create(self, key: str, data: bytes, parameters: Mapping[str, Any]) -> str:
        """Store an object under a key that nobody has, and give its ETag. One conditional PUT.

        Raises:
            NameTaken: the key is taken, perhaps by an attempt of this very call whose answer was lost.
            WriteRefused: the store belongs to another environment; nothing was sent.
            Declined: the lane cannot say it, or failed at it; whether the object is there is not known.
        """
        attributes = _as_attributes(parameters)
        if not is_sayable(key):
            raise Declined
        self._connection.guard.admit("put_object", key)
        try:
            stored = obstore.put(self._store, key, data, attributes=attributes, mode="create", use_multipart=False)
        except exceptions.AlreadyExistsError:
            where = self._connection.where()
            raise NameTaken(f'"{key}" is taken in {where}. Nothing was changed.', store=where, key=key) from None
        except _FAILURES as failure:
            raise Declined from failure
        return str(stored["e_tag"] or "")


def is_sayable(key: str) -> bool:
    """Say whether the lane sends a key as it is: it refuses empty and dotted segments (developmentseed/obstore#429)."""
    return key.isprintable() and not {"", ".", ".."} & set(key.split("/"))


def _as_attributes(parameters: Mapping[str, Any]) -> dict[str, str]:
    metadata = parameters.get("Metadata", {})
    if parameters.keys() - _ATTRIBUTES.keys() - {"Metadata"} or metadata.keys() & _HEADERS.keys():
        raise Declined
    said = {_ATTRIBUTES[name]: str(value) for name, value in parameters.items() if name in _ATTRIBUTES}
    values = [*said.values(), *metadata.values()]
    if not all(isinstance(value, str) and value.isascii() and value.isprintable() for value in values):
        raise Declined
    return said | dict(metadata)
