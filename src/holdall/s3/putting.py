"""One conditional `PUT`: nobody's name is taken, and whatever the answers are, it is known afterwards what became of it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from holdall.errors import AccessRefused, HoldallError, NameTaken, StoreFailed, StoreUnreachable
from holdall.s3 import whole
from holdall.s3.begun import Begun, Stage, Standing
from holdall.s3.connection import Connection
from holdall.s3.patience import refuse_if_stopped

# Two writes of one key met.
CONFLICTS = frozenset({"ConditionalRequestConflict", "OperationAborted"})
_MAX_CONFLICTS = 5


@dataclass(kw_only=True, eq=False)
class Put(Begun):
    """An object that one request creates."""

    # What the store said of the object, in quotes as it says it; empty where its answer was lost.
    etag: str = field(default="", init=False)
    # Whether it was found there with our mark, so that the store may not have compared it with what was sent.
    was_found: bool = field(default=False, init=False)

    def put(self, data: bytes) -> None:
        """Store all of the bytes with one request.

        Requests: one PUT; one HEAD more where it is not known what became of it.

        Raises:
            NameTaken: the key is taken; nothing was changed.
            HoldallError: whatever else failed; no object is left.
        """
        with self.taking_back():
            self._put(data)

    def _put(self, data: bytes) -> None:
        condition = {} if self.replace else {"IfNoneMatch": "*"}
        sent = {"Body": data, **digest_of(data, self.connection), **self.parameters}
        conflicts = 0
        self.was_found = False
        while True:
            self._stage = Stage.SENT
            try:
                answer = self._call("put_object", **condition, **sent)
            except HoldallError as failure:
                if self._was_done(failure, sent):
                    break
                # Two conditional writes met; neither is refused, both may try again. Or the store says that the name
                # is taken, and then that nobody has it.
                conflicts += 1
                again = failure.code in CONFLICTS or isinstance(failure, NameTaken)
                if not again or conflicts > _MAX_CONFLICTS:
                    raise self._explained(failure) from failure.__cause__
            else:
                self.etag = str(answer.get("ETag") or "")
                break
        self._stage = Stage.WHOLE

    def _was_done(self, failure: HoldallError, sent: Mapping[str, Any]) -> bool:
        """Say whether the request that failed had been carried out all the same, by an attempt of our own.

        The SDK repeats, and so do proxies, who tell nobody. An error of the question is better than a second file of
        the same content.

        Raises:
            NameTaken: somebody else has the name.
            HoldallError: whose the object is cannot be known, or it is ours and damaged.
        """
        taken = isinstance(failure, NameTaken)
        unknown = failure.outcome_unknown or failure.retries > 0
        if not taken and not unknown:
            if failure.code not in CONFLICTS:
                # Refused for certain.
                self._stage = Stage.NOTHING
            return False
        # Where nobody waits for the answer, taking back asks the same question.
        refuse_if_stopped()
        try:
            found = self._look()
        except AccessRefused:
            if taken and unknown:
                raise self._undecided(failure) from failure
            if taken:
                # Nothing was repeated, as far as is known here: it is somebody else's.
                self._stage = Stage.NOTHING
                raise failure from failure.__cause__
            return False
        except HoldallError:
            # The one question was asked, and the failure says what to do. To ask it again would take as long again.
            self._stage = Stage.NOTHING
            if taken:
                raise
            return False
        if found.is_mine:
            self._check_sent(found, sent)
            self.etag, self.was_found = str(found.answer.get("ETag") or ""), True
            return True
        self._stage = Stage.NOTHING
        if found.exists and taken:
            raise failure from failure.__cause__
        return False

    def _check_sent(self, found: Standing, sent: Mapping[str, Any]) -> None:
        """Make sure that the store has all of what was sent."""
        if self._shares_mark and not sent["Body"]:
            # The reservation of another run, which may have filled it by now.
            return
        provider = self.connection.target.provider
        damaged = whole.flaw("head_object", sent, found.answer, md5_etags=provider.md5_etags)
        if damaged or found.size_bytes not in {None, len(sent["Body"])}:
            raise StoreFailed(
                f'Saving "{self.name}" failed in {self.connection.where()}: what the store has is not what was sent. '
                "Try again; if it happens again, check any proxy in between."
            )

    def _explained(self, failure: HoldallError) -> HoldallError:
        if not isinstance(failure, NameTaken):
            return failure
        contradiction = StoreFailed(
            f'Saving "{self.name}" was refused by {self.connection.where()}: it answers that the name is taken, and '
            f"then that nobody has it, {_MAX_CONFLICTS} times in a row. Check any proxy in between; if there is none, ask "
            "whoever runs the store."
        )
        contradiction.code = failure.code
        return contradiction

    def _undecided(self, failure: HoldallError) -> HoldallError:
        unknown = StoreUnreachable(
            f'Saving "{self.name}" failed in {self.connection.where()}: an answer was lost, the name was found taken when '
            f"the request was repeated, and the keys may not read, so whether the file is this one cannot be asked. "
            "Grant s3:GetObject, or look whether it is there."
        )
        unknown.code, unknown.retries, unknown.outcome_unknown = failure.code, failure.retries, True
        return unknown

    def _reserve(self) -> None:
        self._put(b"")
        self._stage, self.etag = Stage.RESERVED, ""

    def _taken(self, what: str) -> NameTaken:
        where = self.connection.where()
        return NameTaken(f'"{self.name}" {what} in {where}. Nothing was changed.', store=where, key=self.key)


def digest_of(data: bytes, connection: Connection) -> dict[str, str]:
    """Give what the store compares a body with, where the SDK does not send it by itself."""
    # On Amazon boto3 sends a checksum of its own; everywhere else the server verifies this one.
    if connection.target.provider.sdk_checksums:
        return {}
    digest = hashlib.md5(data, usedforsecurity=False).digest()
    return {"ContentMD5": base64.b64encode(digest).decode()}
