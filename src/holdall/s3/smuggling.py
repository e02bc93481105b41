"""What a server does with headers that come with a signed link and that the signature does not cover.

The attack: a link that permits one PUT under one key, sent with `x-amz-copy-source: /bucket/other-file`. Amazon and SeaweedFS
refuse every `x-amz-` header that is not signed. Ceph, which Spaces and many others run, takes it for a copy: whoever may
upload anything reads every file of the bucket. With `x-amz-acl: public-read` he publishes what nobody has checked.

Ceph leaves out of the signature what was not sent, so there such headers are named as signed and not sent: one that is sent
all the same breaks the signature. Where neither holds a browser sends a form, whose policy fixes every field.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum

from holdall.errors import HoldallError
from holdall.s3.connection import Connection
from holdall.s3.signing import Window

# What changes what a PUT does, or what is stored with it.
UNSENT = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
    "x-amz-acl",
    "x-amz-copy-source",
    "x-amz-copy-source-range",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
    "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-server-side-encryption-customer-key",
    "x-amz-storage-class",
    "x-amz-tagging",
    "x-amz-website-redirect-location",
)
_BODY = b"holdall"
_ACTION = "preparing uploads"


class Unsigned(Enum):
    """What the server does with headers that are not signed."""

    # The request is refused.
    REFUSED = "refused"
    # It is refused if they are named as signed.
    LISTED = "listed"
    # They are obeyed.
    OBEYED = "obeyed"


class _Undecided(Exception):
    """An answer says nothing of what the store does."""


def of(connection: Connection, prefix: str) -> Unsigned:
    """Tell it of a store: a known fact of its provider, or a probe under `prefix`.

    Requests: none where it is known, or only the SDK can ask at present; otherwise at most four, and as many that clean up,
    once per process. If only the SDK can ask, or the store answers with a failure of its own, the worst is assumed, and
    not remembered.

    Raises:
        HoldallError: the probe could not be made.
    """
    if known := connection.target.provider.unsigned_headers:
        return Unsigned(known)
    found: Unsigned | None = connection.known.get("unsigned_headers")
    if found is None and not connection.can_try_links():
        return Unsigned.OBEYED
    if found is None:
        with connection.lock:
            found = connection.known.get("unsigned_headers")
            if found is None:
                try:
                    found = connection.known["unsigned_headers"] = _probe(connection, prefix)
                except _Undecided:
                    return Unsigned.OBEYED
    return found


def _probe(connection: Connection, prefix: str) -> Unsigned:
    folder = f"{prefix}probe-{os.urandom(8).hex()}"
    first, second = f"{folder}/1", f"{folder}/2"
    length = {"content-length": str(len(_BODY))}
    smuggled = {"x-amz-copy-source": f"/{connection.target.bucket_name}/{first}"}
    try:
        connection.call("put_object", action=_ACTION, Key=first, Body=_BODY)
        if _status(connection, second, length, {}, ()) >= 300:
            # A link with headers does not work here at all.
            return Unsigned.OBEYED
        if _status(connection, second, length, smuggled, ()) == 403:
            return Unsigned.REFUSED
        if _status(connection, second, length, {}, UNSENT) >= 300:
            return Unsigned.OBEYED
        refused = _status(connection, second, length, smuggled, UNSENT) == 403
        return Unsigned.LISTED if refused else Unsigned.OBEYED
    finally:
        for key in (first, second):
            with suppress(HoldallError):
                connection.call("delete_object", action=_ACTION, Key=key)


def _status(
    connection: Connection, key: str, headers: Mapping[str, str], more: Mapping[str, str], unsent: tuple[str, ...]
) -> int:
    """Send what a browser would, and give the status of the answer.

    Raises:
        _Undecided: it says nothing of the headers, or nothing was sent: the fast lane may be left meanwhile, for some minutes.
    """
    place = connection.place()
    if place is None:
        raise _Undecided
    signer, _ = connection.signers.signer(place)
    url = signer.url(key, Window(int(time.time()), 300, 0.0), method="PUT", headers=headers, unsent=unsent)
    status = connection.try_link("PUT", url, {"host": place.host, **headers, **more}, _BODY, action=_ACTION)
    if status >= 500:
        raise _Undecided
    return status
