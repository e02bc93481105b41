"""Whether a store honours `If-None-Match: *` on a PUT: a known fact of its provider, or a probe."""

from __future__ import annotations

import logging
import posixpath
from contextlib import suppress
from functools import partial
from typing import Any

from holdall.errors import HoldallError, NameTaken, StoreFailed
from holdall.s3.connection import Connection
from holdall.s3.multipart import Parts
from holdall.s3.saving import NewObject
from holdall.sites import RESERVED

log = logging.getLogger("holdall")

# What providers answer that lack the condition: not implemented, or an unknown header.
_UNSUPPORTED = frozenset({"NotImplemented", "501", "InvalidArgument", "304", "NotModified"})


def conditional_put_holds(connection: Connection, client: Any, *, name: str, key: str) -> bool:
    """Say whether `If-None-Match: *` on a PUT is honoured here: a known fact of the provider, or a probe beside `key`.

    Requests: none where it is known; otherwise three, once per process.

    Raises:
        HoldallError: the probe was refused, as the file would be; the error speaks of the file.
    """
    if connection.conditional_put is None:
        with connection.lock:
            if connection.conditional_put is None:
                connection.conditional_put = _probe(connection, client, name, key)
                if not connection.conditional_put:
                    log.warning(
                        "%s does not know conditional writes; every name gets a random suffix, so that no file is lost.",
                        connection.where(),
                    )
    return connection.conditional_put


def _probe(connection: Connection, client: Any, name: str, key: str) -> bool:
    # In the folder of the file that will be saved: the rights may end there. No name of a file leads to it. Always
    # the same: whoever finds it taken knows enough, and where it cannot be deleted there is no more than one.
    probe = posixpath.join(posixpath.dirname(key), RESERVED, "probe")
    request = partial(connection.call, action="saving", name=name, about=key, client=client, Key=probe)
    parts = Parts(threshold_bytes=0, part_bytes=0, workers=1)
    first = NewObject(connection=connection, client=client, name=name, about=key, key=probe, parameters={}, parts=parts)
    try:
        first.put(b"")
    except NameTaken:
        return True
    except StoreFailed as failure:
        if failure.code not in _UNSUPPORTED:
            raise
        return False
    try:
        request("put_object", Body=b"", IfNoneMatch="*")
    except NameTaken:
        return True
    finally:
        with suppress(HoldallError):
            request("delete_object")
    return False
