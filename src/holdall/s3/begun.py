"""What was begun in the store for one new object: what may exist by now, and how it is taken back."""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from holdall.errors import (
    AccessRefused,
    CredentialsRefused,
    HoldallError,
    ObjectNotFound,
    StoreFailed,
    StoreUnreachable,
)
from holdall.s3.circuit import taking_back
from holdall.s3.connection import Connection
from holdall.s3.greenlets import where_one_can_wait
from holdall.s3.patience import is_stopped, refuse_if_stopped, unstopped
from holdall.shown import shown

log = logging.getLogger("holdall")

# Each save leaves its own random mark in the object's metadata. When an answer is lost and the SDK repeats the
# request, or a proxy on the way does, the retry finds the name taken by its own first attempt; the mark tells that
# from another writer.
MARK = "holdall-save"


def mark_of_copy(name: str, size_bytes: int, version: str) -> str:
    """Give the mark of what `holdall copy` makes of a version of a file: the same in each run, and known by others."""
    return hashlib.sha256(f"copy\n{name}\n{size_bytes}\n{version}".encode()).hexdigest()[:16]


class Stage(Enum):
    """What may exist under the key because of us."""

    NOTHING = "nothing"
    # A request that creates the object was sent, and what became of it is not known yet.
    SENT = "sent"
    # The reservation: ours, and empty.
    RESERVED = "reserved"
    # What fills the reservation was sent, and what became of it is not known yet.
    FILLING = "filling"
    WHOLE = "whole"


class Standing(NamedTuple):
    """What exists under the key."""

    exists: bool
    is_mine: bool = False
    # None where the answer does not tell.
    size_bytes: int | None = None
    answer: Any = None


@dataclass(kw_only=True, eq=False)
class Begun:
    """One object that is about to be created under a key.

    What may exist by now is noted before each request that could bring it about, and settled in one place,
    `abandon`: by an error, by an exception from outside (Ctrl-C, a task's time limit), at the exit of the interpreter.
    """

    connection: Connection
    # A client of the project's own to send through, if there is one.
    client: Any = None
    name: str
    key: str
    # The SDK's parameters of the object: content type, ACL, cache control…
    parameters: dict[str, Any]
    # Whether an object that has the key may be replaced.
    replace: bool = False
    # Left in the object's metadata. Random, unless several runs are to know each other's work.
    mark: str = ""
    # What the error speaks of, where it is not the key.
    about: str = ""
    _stage: Stage = field(default=Stage.NOTHING, init=False)
    _shares_mark: bool = field(default=False, init=False)
    _upload_id: str | None = field(default=None, init=False)
    # Whether there may be uploads of which only the store knows, because the answer was lost.
    _has_strays: bool = field(default=False, init=False)
    # The condition on the completion, where it holds there.
    _condition: dict[str, str] = field(default_factory=dict, init=False)

    # Whether the request that may bring it about was left without waiting for its answer.
    _was_stopped: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._shares_mark = bool(self.mark)
        self.mark = self.mark or os.urandom(8).hex()
        metadata = {**self.parameters.get("Metadata", {}), MARK: self.mark}
        self.parameters = {**self.parameters, "Metadata": metadata}

    @property
    def is_shared(self) -> bool:
        """Whether several runs know it as their own, so that it stays once it is whole."""
        return self._shares_mark

    @contextmanager
    def taking_back(self) -> Iterator[None]:
        """Take back what was begun, whatever ends the block early."""
        try:
            yield
            refuse_if_stopped()
        except BaseException:
            self.abandon()
            raise

    def _look(self) -> Standing:
        """Look at what exists under the key. One HEAD.

        Raises:
            AccessRefused: the keys may not read; or there is nothing, and they may not list.
        """
        try:
            answer = self._call("head_object", **customer_key(self.parameters))
        except ObjectNotFound:
            return Standing(exists=False)
        is_mine = answer.get("Metadata", {}).get(MARK) == self.mark
        return Standing(True, is_mine, answer.get("ContentLength"), answer)

    def _note_upload(self) -> None:
        """Let the exit of the interpreter abandon it."""
        _begun.add(self)

    def _note_whole(self) -> None:
        self._stage, self._upload_id = Stage.WHOLE, None
        _begun.discard(self)

    # -- taking back

    def abandon(self) -> None:
        """Take back what was begun: uploads, and what exists under the key because of us. Never raises.

        Only the process that began it takes it back; in any other this does nothing.
        """
        where_one_can_wait(self._abandon)

    def _abandon(self) -> None:
        _begun.discard(self)
        self._was_stopped = is_stopped()
        if self.connection.is_own:
            # The object last: as long as the reservation stands, uploads to this key are ours.
            self._take_back(self._abort, self._abort_strays, self._remove)

    def _take_back(self, *steps: Callable[[], None]) -> None:
        for step in steps:
            try:
                with taking_back(), unstopped():
                    step()
            except HoldallError as failure:
                log.warning(
                    'The unfinished save of "%s" could not be cleaned up; an unfinished upload is billed until it is '
                    "aborted: %s",
                    shown(self.name),
                    failure,
                )
                if isinstance(failure, StoreUnreachable):
                    # Each further question would take as long again.
                    return

    def _abort(self) -> None:
        if self._upload_id is not None:
            self._abort_upload(self._upload_id)
            self._upload_id = None

    def _abort_upload(self, upload_id: str) -> None:
        try:
            self._call("abort_multipart_upload", UploadId=upload_id)
        except StoreFailed as failure:
            # The answer to the first attempt was lost.
            if failure.code != "NoSuchUpload":
                raise

    def _abort_strays(self) -> None:
        """Abort the uploads that were begun for us and whose answers were lost.

        Only where the name is reserved, so that nobody else uploads to this key. Elsewhere one of them may be another
        writer's; an upload without parts costs nothing, and a lifecycle rule ends it.
        """
        if not self._has_strays or self.replace or self._condition or self._stage is Stage.NOTHING:
            return
        for upload in self.connection.unfinished(action="saving", prefix=self.key, name=self.name, client=self.client):
            if upload["Key"] == self.key and upload["UploadId"] != self._upload_id:
                self._abort_upload(upload["UploadId"])
        self._has_strays = False

    def _remove(self) -> None:
        """Delete the object that was made for us. Never what somebody else put there since."""
        stage, self._stage = self._stage, Stage.NOTHING
        if self.replace or stage is Stage.NOTHING:
            # What was replaced is gone, and its successor is whole or was never there.
            return
        try:
            found = self._look_as_it_stays()
        except CredentialsRefused:
            raise
        except AccessRefused:
            if stage is Stage.RESERVED and self._is_listed_empty():
                self._call("delete_object")
            return
        if not found.is_mine:
            return
        # A reservation is empty: what is not was finished, by a late answer or another run with the same mark.
        if not found.size_bytes or (stage is not Stage.RESERVED and not self._shares_mark):
            self._call("delete_object")

    def _look_as_it_stays(self) -> Standing:
        """Look at what exists under the key; where nothing does yet, again until a server has done what it was sent.

        It does so also for whoever has gone away. Nobody waits for this.
        """
        found = self._look()
        for pause_seconds in LATE_SECONDS if self._was_stopped else ():
            if found.exists:
                break
            time.sleep(pause_seconds)
            found = self._look()
        return found

    def _is_listed_empty(self) -> bool:
        """Say whether an empty object has the key, for keys that may list and not read. One listing of one key."""
        page = self.connection.call(
            "list_objects_v2", action="saving", name=self.name, client=self.client, Prefix=self.key, MaxKeys=1
        )
        return any(one["Key"] == self.key and int(one["Size"]) == 0 for one in page.get("Contents", ()))

    def _call(self, operation: str, *, client: Any = None, **parameters: Any) -> Any:
        return self.connection.call(
            operation,
            action="saving",
            name=self.name,
            about=self.about,
            client=self.client or client,
            Key=self.key,
            **parameters,
        )


# When it is looked again for what a server still does.
LATE_SECONDS = (0.2, 0.5, 1.0)
# Uploads that were begun and not finished. An interpreter that exits has no use for them.
_begun: weakref.WeakSet[Begun] = weakref.WeakSet()


@atexit.register
def _abandon_what_was_begun() -> None:
    for one in list(_begun):
        one.abandon()


def customer_key(parameters: dict[str, Any]) -> dict[str, Any]:
    """Give the parameters that requests about an object encrypted with the customer's key must repeat."""
    return {name: value for name, value in parameters.items() if name.startswith("SSECustomer")}
