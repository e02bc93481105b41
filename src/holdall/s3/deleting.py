"""Delete an object only if it is the one that was looked at, and not what somebody saved under its key since.

A plain DELETE takes whatever has the key when it arrives: between the look and the request another process may have
deleted the object and saved another one. So the request names the object by its ETag, if the provider supports that.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple

from holdall.errors import HoldallError, ObjectNotFound
from holdall.s3.begun import MARK
from holdall.s3.connection import Connection
from holdall.sites import RESERVED

# What one request may delete: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
BATCH = 1000
WORKERS = 16
# Another object has the key by now, or none has.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
_ANOTHER = frozenset({"PreconditionFailed", "412"})
_NONE = frozenset({"NoSuchKey", "404"})
# A write to the key came in between; the question may be asked again.
_CONFLICTS = frozenset({"ConditionalRequestConflict", "OperationAborted", "409"})
_MAX_CONFLICTS = 5


class Seen(NamedTuple):
    """An object as it was when it was looked at."""

    key: str
    etag: str
    size_bytes: int
    # When it was stored, and the mark of the save that did it: objects of the same bytes differ in these alone.
    modified: str
    mark: str
    # Where a website sends who asks for it.
    redirect: str = ""


class Outcome(NamedTuple):
    """The result for many objects, by their names; all others are gone."""

    # Another object has the key by now.
    replaced: set[str]
    # What could not be deleted, and why.
    failed: dict[str, str]


def look(connection: Connection, client: Any, *, name: str, key: str, parameters: Mapping[str, Any]) -> Seen | None:
    """Look at an object; None if there is none. One HEAD. `parameters`: what reading needs, such as a customer's key."""
    try:
        found = connection.call("head_object", action="looking for", name=name, client=client, Key=key, **parameters)
    except ObjectNotFound:
        return None
    return Seen(
        key,
        str(found["ETag"]),
        int(found.get("ContentLength") or 0),
        str(found.get("LastModified") or ""),
        str(found.get("Metadata", {}).get(MARK) or ""),
        str(found["ResponseMetadata"]["HTTPHeaders"].get("x-amz-website-redirect-location") or ""),
    )


def delete(connection: Connection, client: Any, seen: Seen, *, name: str, parameters: Mapping[str, Any]) -> bool:
    """Delete the object that was looked at. False: another one has its key, and nothing was done.

    Requests: one DELETE. If the provider ignores the condition, one more HEAD right before; if that is unknown,
    three once per process. What is saved between that HEAD and the DELETE is deleted; where the condition holds,
    only what has the same bytes.

    Raises:
        HoldallError: it could not be deleted.
    """
    holds = conditional_delete_holds(connection, client, name=name, key=seen.key)
    condition: dict[str, Any] = {"IfMatch": seen.etag} if holds else {}
    for conflicts in range(_MAX_CONFLICTS + 1):
        if not holds:
            now = look(connection, client, name=name, key=seen.key, parameters=parameters)
            if now != seen:
                return now is None
        try:
            connection.call("delete_object", action="deleting", name=name, client=client, Key=seen.key, **condition)
        except ObjectNotFound:
            return True
        except HoldallError as failure:
            if failure.code in _ANOTHER:
                # Some answer so of a key that nobody has, as it is after a first attempt whose answer was lost.
                return look(connection, client, name=name, key=seen.key, parameters=parameters) is None
            if failure.code not in _CONFLICTS or conflicts == _MAX_CONFLICTS:
                raise
        else:
            return True
    raise AssertionError("the last conflict raises")


def delete_many(
    connection: Connection, client: Any, seen: Mapping[str, Seen], *, parameters: Mapping[str, Mapping[str, Any]]
) -> Outcome:
    """Delete the objects that were looked at, each by its name.

    Requests: one for each 1,000 if the provider supports the condition; else a HEAD and a DELETE each, a few at a time.

    Raises:
        HoldallError: nothing was sent, or nothing answers. What the store refused is in the outcome, by name.
    """
    outcome = Outcome(set(), {})
    first = next(iter(seen), None)
    if first is None:
        return outcome
    if conditional_delete_holds(connection, client, name=first, key=seen[first].key):
        rest = iter(seen.items())
        while batch := dict(islice(rest, BATCH)):
            _delete_batch(connection, client, batch, outcome)
        return outcome

    def delete_one(name: str) -> None:
        try:
            if not delete(connection, client, seen[name], name=name, parameters=parameters[name]):
                outcome.replaced.add(name)
        except HoldallError as failure:
            if failure.answer is None:
                # Nothing was sent, or nothing answers: the others would fare no better.
                raise
            outcome.failed[name] = failure.code

    with ThreadPoolExecutor(min(WORKERS, len(seen)), thread_name_prefix="holdall-delete") as pool:
        list(pool.map(delete_one, seen))
    return outcome


def _delete_batch(connection: Connection, client: Any, seen: Mapping[str, Seen], outcome: Outcome) -> None:
    pending = {one.key: name for name, one in seen.items()}
    conflicts = 0
    while pending:
        answer = connection.call(
            "delete_objects",
            action="deleting",
            name=next(iter(pending.values())),
            client=client or connection.client,
            Delete={"Objects": [{"Key": key, "ETag": seen[name].etag} for key, name in pending.items()]},
        )
        codes = {str(error["Key"]): str(error.get("Code")) for error in answer.get("Errors", ())}
        conflicts += 1
        again = {key for key, code in codes.items() if code in _CONFLICTS and conflicts <= _MAX_CONFLICTS}
        for key, code in codes.items():
            if code in _ANOTHER:
                outcome.replaced.add(pending[key])
            elif key not in again and code not in _NONE:
                outcome.failed[pending[key]] = code
        pending = {key: name for key, name in pending.items() if key in again}


def conditional_delete_holds(connection: Connection, client: Any, *, name: str, key: str) -> bool:
    """Say whether a DELETE with `If-Match` leaves another object alone here: a known fact of the provider, or a probe.

    Requests: none where it is known; otherwise three, once per process.
    """
    if (known := connection.target.provider.conditional_delete) is not None:
        return known
    if (probed := connection.known.get("conditional_delete")) is None:
        with connection.lock:
            if (probed := connection.known.get("conditional_delete")) is None:
                probed = connection.known["conditional_delete"] = _probe(connection, client, name, key)
    return bool(probed)


def _probe(connection: Connection, client: Any, name: str, key: str) -> bool:
    # In the folder of the file that will be deleted: the rights may end there. No name of a file leads to it.
    probe = posixpath.join(posixpath.dirname(key), RESERVED, "probe-delete")
    request = {"action": "deleting", "name": name, "about": key, "client": client, "Key": probe}
    try:
        connection.call("put_object", Body=b"", **request)
        try:
            connection.call("delete_object", IfMatch='"0123456789abcdef0123456789abcdef"', **request)
        finally:
            with suppress(HoldallError):
                connection.call("delete_object", **request)
    except HoldallError as failure:
        if failure.answer is None or failure.outcome_unknown:
            # No answer to the question: the next deletion asks again.
            raise
        return failure.code in _ANOTHER
    return False
