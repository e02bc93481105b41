"""Move an object into the trash of its store, instead of deleting it: a copy by the store, with all that it says, then a DELETE.

The trash is a folder of Holdall's own below the store's location, one folder a day, so that a lifecycle rule can empty it:
`.holdall/trash/2026-11-26/143000-0123456789abcdef/<name>`. The random part keeps two deletions of one name apart, and lets
nobody guess where a file is on a domain that serves the whole bucket.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from storages.backends.s3 import _filter_download_params

from holdall.errors import HoldallError, InvalidName, ObjectChanged, ObjectNotFound, StoreFailed
from holdall.providers import MAX_KEY_BYTES
from holdall.s3 import deleting
from holdall.s3.begun import customer_key
from holdall.s3.connection import Connection
from holdall.s3.multipart import Parts
from holdall.s3.ranges import RANGE_BYTES, Source
from holdall.s3.said import all_said_of
from holdall.s3.saving import NewObject, copied
from holdall.s3.target import PART_WORKERS
from holdall.sites import RESERVED

FOLDER = f"{RESERVED}/trash/"
# What a copy does not take along by itself, in the SDK's words.
_KEPT = ("ServerSideEncryption", "SSEKMS", "BucketKeyEnabled", "StorageClass", "Tagging")
_CHANGED = frozenset({"PreconditionFailed", "412"})


class Trashed(NamedTuple):
    """A file in the trash."""

    name: str
    # When it was deleted, to the second.
    deleted: datetime
    key: str
    size_bytes: int
    etag: str


def new_key(prefix: str, name: str) -> str:
    """Give a key for a file that is deleted now, in a store whose keys begin with `prefix`.

    Raises:
        InvalidName: there is no room for the name behind the trash's folder.
    """
    now = datetime.now(UTC)
    # Of two deletions in one second the later one has the later key.
    order = f"{now.microsecond:05x}{os.urandom(8).hex()}"
    key = f"{prefix}{FOLDER}{now:%Y-%m-%d/%H%M%S}-{order}/{name}"
    if len(key.encode()) > MAX_KEY_BYTES:
        raise InvalidName(
            f"{name!r} is too long to be moved into the trash: its key there would be longer than {MAX_KEY_BYTES:,} bytes. "
            "Nothing was changed. Rename it first, or delete it with a storage whose option `trash` is None."
        )
    return key


def read_key(key: str, prefix: str) -> tuple[str, datetime] | None:
    """Give the name of a file in the trash and when it was deleted; None if the key is none of a trash."""
    day, _, rest = key.removeprefix(f"{prefix}{FOLDER}").partition("/")
    at, _, name = rest.partition("/")
    try:
        deleted = datetime.strptime(f"{day} {at.partition('-')[0]}", "%Y-%m-%d %H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return (name, deleted) if name else None


def move(
    connection: Connection, client: Any, seen: deleting.Seen, *, name: str, to: str, parameters: Mapping[str, Any]
) -> bool:
    """Move the object that was looked at into the trash. False: another one has its key, and that one is left alone.

    `parameters`: the storage's own for this file. How it is encrypted, stored and tagged goes along; who can read it does
    not.

    Requests: a copy, and those of `holdall.s3.deleting.delete`. Of more than 5 GiB a HEAD, and those of `NewObject.copy`.

    Raises:
        StoreFailed: the store does not make the copy; nothing was deleted.
        HoldallError: another failure. The file is where it was, or in the trash, or both.
    """
    source = Source(
        bucket_name=str(connection.target.bucket_name),
        key=seen.key,
        etag=seen.etag,
        size_bytes=seen.size_bytes,
        parameters=customer_key(dict(parameters)),
        look=partial(
            connection.call,
            "head_object",
            action="moving into the trash",
            name=name,
            client=client or connection.client,
            Key=seen.key,
            **customer_key(dict(parameters)),
        ),
    )
    try:
        if source.is_long:
            _copy_long(connection, client, source, name=name, to=to, parameters=parameters)
        else:
            connection.call(
                "copy_object",
                action="moving into the trash",
                name=name,
                client=client,
                Key=to,
                MetadataDirective="COPY",
                **copied(source),
                **_redirect(seen),
                **_kept(parameters),
                **source.parameters,
            )
    except ObjectNotFound:
        return True
    except ObjectChanged:
        return False
    except HoldallError as failure:
        if failure.code in _CHANGED:
            return False
        raise
    return deleting.delete(connection, client, seen, name=name, parameters=_filter_download_params(dict(parameters)))


def _copy_long(
    connection: Connection, client: Any, source: Source, *, name: str, to: str, parameters: Mapping[str, Any]
) -> None:
    """Copy what one request does not copy. What the object says of itself is said again: such a copy takes nothing along."""
    assert source.look is not None  # noqa: S101  for the type checker
    found = source.look()
    kept = {word: value for word, value in _kept(parameters).items() if word != "TaggingDirective"}
    made = NewObject(
        connection=connection,
        client=client,
        name=name,
        key=to,
        parameters={**all_said_of(found), **kept, **source.parameters},
        parts=Parts(threshold_bytes=0, part_bytes=RANGE_BYTES, workers=PART_WORKERS),
    )
    if not made.copy(source):
        raise StoreFailed(
            f'"{name}" is longer than 5 GiB, and its store does not copy it in ranges, so it was not moved into the trash and '
            "not deleted. Delete it with a storage whose option `trash` is None."
        )


def _redirect(seen: deleting.Seen) -> dict[str, str]:
    # The one header that a copy does not take along: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
    return {"WebsiteRedirectLocation": seen.redirect} if seen.redirect else {}


def _kept(parameters: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in parameters.items() if name.startswith(_KEPT)}
    # The SDK's own choice is to read the source's tags, which takes a right of its own.
    return kept | ({"TaggingDirective": "REPLACE"} if "Tagging" in kept else {})
