"""Small objects that Holdall keeps in a store for itself: each is made once, by whoever comes first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdall.errors import HoldallError

# Sends one request about the store's bucket: the SDK's method and its parameters.
Call = Callable[..., Any]

# What providers answer that lack conditional writes.
_UNSUPPORTED = frozenset({"NotImplemented", "501", "InvalidArgument"})
# Two conditional writes met; neither is refused, both may try again.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
_CONFLICTS = frozenset({"ConditionalRequestConflict", "OperationAborted", "409"})
_MAX_CONFLICTS = 5


def create(call: Call, **request: Any) -> None:
    """Make a note, unless there is one. One PUT; another one where the provider lacks conditional writes.

    Raises:
        NameTaken: there is one.
    """
    conflicts = 0
    condition = {"IfNoneMatch": "*"}
    while True:
        try:
            call("put_object", ContentType="application/json", **condition, **request)
        except HoldallError as failure:
            conflicts += 1
            if failure.code in _UNSUPPORTED and condition:
                condition = {}
            elif failure.code not in _CONFLICTS or conflicts > _MAX_CONFLICTS:
                raise
        else:
            return
