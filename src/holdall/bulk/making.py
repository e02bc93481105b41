"""An object of the destination that a file becomes: by the destination's own rules, but for what the source says of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from holdall.bulk.entries import Entry
from holdall.errors import NameTaken
from holdall.s3 import deleting
from holdall.s3.begun import mark_of_copy
from holdall.s3.condition import conditional_put_holds
from holdall.s3.multipart import Parts
from holdall.s3.ranges import MAX_PARTS
from holdall.s3.said import said_of
from holdall.s3.saving import NewObject
from holdall.storage import MediaStorage, objects
from holdall.storage.content import SCRIPTABLE

# Files up to here are held whole, and sent by one request; longer ones in parts of this length.
PART_BYTES = 8 * 1024 * 1024
PART_WORKERS = 4
# What the parts of one file take at most that are on their way.
MOST_HELD_BYTES = 96 * 1024 * 1024
# What S3 says of an object that nobody gave a type.
NO_TYPE = "binary/octet-stream"
OWN_METADATA = "holdall-"
_SCRIPTS = frozenset(SCRIPTABLE.values())


def new_object(
    storage: MediaStorage, step: Entry, content: Any, version: str, kept: dict[str, Any] | None = None
) -> NewObject:
    """Prepare an object of the destination: by its own rules, but for what the source says of the file."""
    # The same in each run: what one that was ended had begun is known again for ours.
    mark = mark_of_copy(step.name, step.size_bytes, version)
    if not conditional_put_holds(storage.store, None, name=step.name, key=objects.key_of(storage, step.name)):
        # Without the condition a PUT replaces whatever has the name by now.
        seen = storage.look_at_own(step.name)
        if seen is not None and seen.mark != mark:
            raise NameTaken(f'"{step.name}" is taken in {storage.store.where()}. Nothing was changed.')
    made = objects.new_object(storage, step.name, content, replace=False)
    parameters = made.parameters | (kept or {})
    if (kept or {}).get("ContentType") in _SCRIPTS.difference(storage.inline_types):
        # The attack: a type that the source let an uploader choose, under a name whose own type is harmless.
        parameters.setdefault("ContentDisposition", "attachment")
    parameters["Metadata"] = made.parameters.get("Metadata", {}) | (kept or {}).get("Metadata", {})
    part_bytes = part_bytes_of(step.size_bytes)
    # Of a file of terabytes each part is long, and memory holds one for each worker and one more.
    workers = max(1, min(PART_WORKERS, MOST_HELD_BYTES // part_bytes - 1))
    parts = Parts(threshold_bytes=PART_BYTES, part_bytes=part_bytes, workers=workers)
    return replace(made, mark=mark, parameters=parameters, parts=parts)


def part_bytes_of(size_bytes: int) -> int:
    """Give the length of the parts of a file of this length."""
    return max(PART_BYTES, -(-size_bytes // MAX_PARTS))


def expected(made: NewObject, of_the_bytes: str) -> tuple[str, bool]:
    """Give the ETag that the listing must show, and whether it is made of the bytes that were sent."""
    answered = made.etag.strip('"')
    if not answered:
        return of_the_bytes, True
    return answered, answered == of_the_bytes


def kept_of(found: dict[str, Any]) -> dict[str, Any]:
    """Give what a copy keeps of what a store says of an object, in the SDK's words."""
    kept = said_of(found)
    if kept.get("ContentType") == NO_TYPE:
        del kept["ContentType"]
    kept["Metadata"] = {name: value for name, value in kept["Metadata"].items() if not name.startswith(OWN_METADATA)}
    return kept


def take_back(made: NewObject) -> None:
    """Delete what was stored for us, so that it can be sent again; never what somebody else has put there since."""
    seen = deleting.look(made.connection, None, name=made.name, key=made.key, parameters={})
    if seen is not None and seen.mark == made.mark:
        deleting.delete(made.connection, None, seen, name=made.name, parameters={})
