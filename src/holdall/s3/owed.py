"""What a mirror may have missed, as notes in the store itself: `copy` reads them, also when the process that left one is gone.

A file that a mirror lacks is found by comparing the two stores. One that the mirror should not have any more is not: it
looks like any other file; and one that was replaced looks like one that was there before. So whatever deletes or replaces a
file leaves a note before it begins, `.holdall/mirror/<time>-<random>`, and takes it away when the mirror has followed.

A new file is noted only if the mirror's answer was lost, with the mark of its save: what has that mark there may have
arrived late. Of any other file under that name the note says nothing: it may be somebody else's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from holdall.errors import HoldallError, ObjectNotFound, StoreFailed
from holdall.s3.connection import Connection
from holdall.sites import RESERVED

FOLDER = f"{RESERVED}/mirror/"
# Says which store is the mirror, for who copies without its variables.
PLACE = "place.json"
# A thousand names of the longest that there are.
MAX_BYTES = 8 * 1024 * 1024


class Owed(NamedTuple):
    """One note: files of which the mirror may have another state than the store."""

    key: str
    names: tuple[str, ...]
    # When it was written, by the store's clock.
    written: datetime
    # Of a new file: the mark of its save. Empty: whatever the mirror has of the names is older.
    mark: str = ""


def write(connection: Connection, prefix: str, names: Iterable[str], *, mark: str = "") -> str:
    """Leave a note in a store whose keys begin with `prefix`, and give its key. One PUT."""
    key = f"{prefix}{FOLDER}{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.urandom(8).hex()}"
    said = {"version": 1, "names": list(names)} | ({"mark": mark} if mark else {})
    body = json.dumps(said, ensure_ascii=False)
    connection.call(
        "put_object",
        action="noting for the mirror",
        name=key,
        Key=key,
        Body=f"{body}\n".encode(),
        ContentType="application/json",
    )
    return key


def settle(connection: Connection, key: str) -> None:
    """Take a note away. One DELETE."""
    connection.call("delete_object", action="noting for the mirror", name=key, Key=key)


def tell(connection: Connection, prefix: str, place: Mapping[str, str]) -> None:
    """Say in a store which one is its mirror. One PUT."""
    connection.call(
        "put_object",
        action="noting for the mirror",
        name=PLACE,
        Key=f"{prefix}{FOLDER}{PLACE}",
        Body=f"{json.dumps({'version': 1, **place})}\n".encode(),
        ContentType="application/json",
    )


def told(connection: Connection, prefix: str) -> Mapping[str, str]:
    """Read which store is the mirror of one; empty if that was never said. One GET."""
    try:
        answer = connection.call("get_object", action="reading", name=PLACE, Key=f"{prefix}{FOLDER}{PLACE}")
    except HoldallError:
        return {}
    try:
        with connection.translating("reading", name=PLACE, is_request=False):
            said = json.loads(answer["Body"].read(MAX_BYTES))
        return {str(name): str(value) for name, value in said.items()}
    except (ValueError, AttributeError):
        return {}
    finally:
        answer["Body"].close()


def entries(connection: Connection, prefix: str) -> Iterator[Owed]:
    """Give the notes of a store, the oldest first. One request for each 1,000, and one GET for each.

    Raises:
        StoreFailed: one of them is not what Holdall wrote.
    """
    for page in connection.pages(action="reading what the mirror missed", Prefix=f"{prefix}{FOLDER}"):
        for found in page.get("Contents", ()):
            is_note = not found["Key"].endswith(f"/{PLACE}")
            if is_note and (said := _said(connection, found["Key"])) is not None:
                modified = found["LastModified"]
                written = modified if isinstance(modified, datetime) else datetime.fromisoformat(modified)
                yield Owed(found["Key"], said[0], written, said[1])


def _said(connection: Connection, key: str) -> tuple[tuple[str, ...], str] | None:
    try:
        answer = connection.call("get_object", action="reading", name=key, Key=key)
    except ObjectNotFound:
        # The mirror has followed meanwhile.
        return None
    try:
        with connection.translating("reading", name=key, is_request=False):
            body = answer["Body"].read(MAX_BYTES)
        said = json.loads(body)
        return tuple(str(name) for name in said["names"]), str(said.get("mark") or "")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreFailed(
            f"{key} in {connection.where()} cannot be read; it says which files the mirror may have missed. Look at the "
            "object; if it is damaged, delete it."
        ) from error
    finally:
        answer["Body"].close()
