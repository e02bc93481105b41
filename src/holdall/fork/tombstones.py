"""The files of the parent that a fork hid: for each a small object in the own store, which says which file it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

from holdall.errors import NameTaken, ObjectNotFound, StoreFailed
from holdall.providers import MAX_KEY_BYTES
from holdall.s3 import notes
from holdall.s3.connection import Connection
from holdall.sites import RESERVED, stamp

# Where they are in the own store.
HIDDEN = f"{RESERVED}/hidden/"
# More than any tombstone is long: a name has no more bytes than a key, each at most six characters in JSON.
MAX_BYTES = 8192


class Hidden(NamedTuple):
    """A file of the parent, as it was when it was hidden."""

    name: str
    size_bytes: int
    etag: str


def tombstone(name: str, location: str) -> str:
    """Give the name under `HIDDEN` by which a parent's file is hidden: its own, or its digest where that is too long."""
    room_bytes = MAX_KEY_BYTES - len(location.encode()) - len(HIDDEN) - 1
    if len(name) * 4 <= room_bytes or len(name.encode()) <= room_bytes:
        return name
    return f"~{hashlib.sha256(name.encode()).hexdigest()}"


class Tombstones:
    """The tombstones in one fork's own store. `client`: one of the project's own to send through, if there is one."""

    def __init__(self, store: Connection, location: str, client: Any = None) -> None:
        self._store, self._location, self._client = store, location, client
        self._start = f"{location}/{HIDDEN}" if location else HIDDEN
        self._stamp = stamp(str(store.target.bucket_name), location)

    def key(self, name: str) -> str:
        """Give the key of the object that hides a name."""
        return f"{self._start}{tombstone(name, self._location)}"

    def is_aside(self, name: str) -> bool:
        """Say whether the tombstone of a name is outside its folder, because the name is too long."""
        return tombstone(name, self._location) != name

    def is_hidden(self, name: str) -> bool:
        """Ask whether a file of the parent was hidden here. One HEAD."""
        try:
            self._store.call("head_object", action="looking for", name=name, client=self._client, Key=self.key(name))
        except ObjectNotFound:
            return False
        return True

    def hide(self, hidden: Hidden) -> None:
        """Hide a file of the parent. One PUT; where the provider lacks conditional writes one HEAD more.

        What was hidden first counts, so that `promote` deletes no file of the parent that this fork never saw.
        """
        body = {
            "version": 1,
            "fork": self._stamp,
            **hidden._asdict(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        if self._store.conditional_put or not self.is_hidden(hidden.name):
            with suppress(NameTaken):
                notes.create(
                    self._store.call,
                    action="hiding",
                    name=hidden.name,
                    client=self._client,
                    Key=self.key(hidden.name),
                    Body=f"{json.dumps(body)}\n".encode(),
                )

    def unhide(self, name: str) -> None:
        """Let the parent's file of this name, if there is one, show again. One DELETE."""
        self._store.call("delete_object", action="showing", name=name, client=self._client, Key=self.key(name))

    def in_folder(self, above: str) -> tuple[set[str], set[str]]:
        """Give the folders in which something is hidden, and the files that are. One request for each 1,000.

        `above` is the folder with its slash, or "". Tombstones that lie aside are not among them.
        """
        folders: set[str] = set()
        files: set[str] = set()
        prefix = f"{self._start}{above}"
        for page in self._store.pages(action="listing", name=above, Delimiter="/", Prefix=prefix):
            folders.update(entry["Prefix"][len(prefix) :].rstrip("/") for entry in page.get("CommonPrefixes", ()))
            files.update(entry["Key"][len(prefix) :] for entry in page.get("Contents", ()))
        return folders, files

    def below(self, prefix: str) -> HiddenNames:
        """Learn all names that are hidden and begin so. One request for each 1,000, and one for those that lie aside."""
        # The tombstones of long names do not begin as the names do.
        found = (key for beginning in ({prefix, "~"} if prefix else {""}) for key in self._keys(beginning))
        return HiddenNames({key[len(self._start) :] for key in found}, self._location)

    def all(self) -> Iterator[str]:
        """Give the keys of all tombstones. One request for each 1,000."""
        return self._keys("")

    def _keys(self, beginning: str) -> Iterator[str]:
        for page in self._store.pages(action="listing", name=beginning, Prefix=f"{self._start}{beginning}"):
            yield from (found["Key"] for found in page.get("Contents", ()))

    def read(self, key: str) -> Hidden | None:
        """Read which file a tombstone hides; None if it is gone. One GET.

        Where key and body disagree, or another fork made it, it is a file without an ETag: nobody may act on it.

        Raises:
            StoreFailed: its content is not what Holdall wrote.
        """
        try:
            answer = self._store.call("get_object", action="reading", name=key, Key=key)
        except ObjectNotFound:
            return None
        try:
            said = json.loads(answer["Body"].read(MAX_BYTES))
            hidden = Hidden(str(said["name"]), int(said["size_bytes"]), str(said["etag"]))
            # The attack: whoever can write into the fork's folder forges or copies a tombstone, and `promote`, which
            # may write to the parent, deletes there what this fork never deleted.
            if self.key(hidden.name) == key and said.get("fork") == self._stamp:
                return hidden
            return Hidden(key[len(self._start) :], 0, "")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreFailed(
                f"{key} cannot be read; it says which file of the parent this fork hid. Look at the object; if it "
                "is damaged, delete it, and delete the file again."
            ) from error
        finally:
            answer["Body"].close()


class HiddenNames:
    """Names that are hidden, each to be asked for."""

    def __init__(self, tombstones: set[str], location: str) -> None:
        self._tombstones, self._location = tombstones, location

    def __contains__(self, name: str) -> bool:
        return tombstone(name, self._location) in self._tombstones
