"""Claims: small objects in a store that say which environment can write there, and whose fork it is.

They are read before the first write of a process, and again by a write that comes a minute later; the first writer of
a store makes them, by a conditional create, so that two environments that start at once get one owner.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from holdall.errors import AccessRefused, NameTaken, ObjectNotFound, StoreFailed, WriteRefused
from holdall.s3 import notes
from holdall.s3.apart import Apart
from holdall.s3.notes import Call
from holdall.sites import RESERVED

# How long a claim that was read counts: the longest that an owner writes on after another environment took the store.
CLAIM_SECONDS = 60
# More than any claim is long.
MAX_BYTES = 4096
_is_unasked = ContextVar("holdall_claims_are_unasked", default=False)


@contextmanager
def unasked() -> Iterator[None]:
    """Let requests inside through without a look at the claims: those that look after them, or make the store."""
    before = _is_unasked.set(True)
    try:
        yield
    finally:
        _is_unasked.reset(before)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a small object in the store has to say, for this environment to write there."""

    # "owner" or "fork".
    kind: str
    # The environment's name, or where the parent lies.
    holder: str
    location: str = ""

    @property
    def key(self) -> str:
        """The key of the object."""
        return f"{self.location}/{self.name}" if self.location else self.name

    @property
    def name(self) -> str:
        """The object's name in the store."""
        return f"{RESERVED}/{self.kind}.json"

    def body(self, *, was_empty: bool | None = None) -> bytes:
        """Write the claim as the object that makes it; `was_empty`: the store, when it was made, if that is known."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        # By the random value a fork knows its own claim again, whichever address it is read by.
        said = {"version": 1, self.kind: self.holder, "since": now, "nonce": secrets.token_hex(16)}
        if was_empty is not None:
            said["was_empty"] = was_empty
        return f"{json.dumps(said)}\n".encode()

    def refusal(self, holder: str, where: str) -> str:
        """Say why nothing is written to a store of which another claim was found."""
        if self.kind == "owner":
            return (
                f'The files in {where} belong to the environment "{holder}"; this environment is "{self.holder}", and '
                "may read them but not write or delete. Nothing was sent or changed, and reading still works. "
                f'If "{self.holder}" is a copy of "{holder}", make it a fork: give it a bucket or a `STORAGE_LOCATION` of '
                f'its own, and add the store variables of "{holder}" with the prefix `PARENT_`; it then '
                "shows all files and writes only its own. To take over the store permanently, run `holdall owner take`."
            )
        return (
            f"The fork's own store, {where}, was started as a fork of {holder}; `PARENT_*` names {self.holder}. Nothing "
            "was sent: two forks in one store would mix their files. Give this fork a bucket or a `STORAGE_LOCATION` of "
            f"its own. If the same parent has moved, delete the object {self.key} in the fork's own store."
        )


class Claims:
    """The claims on one store, as one process knows them."""

    def __init__(
        self,
        claims: tuple[Claim, ...],
        call: Call,
        where: Callable[[], str],
        lock: AbstractContextManager[object],
        *,
        apart: Apart | None = None,
    ) -> None:
        self._claims, self._call, self._where = claims, call, where
        # What proves that a fork's parent is not in here.
        self._apart = apart
        # False while the store is only examined, which is to leave nothing behind.
        self.may_make = True
        # The connection's own, which its requests take too: a second one could be taken the other way round.
        self._lock = lock
        self._agreed_at: dict[Claim, float] = {}

    def begin_anew(self, lock: AbstractContextManager[object]) -> None:
        """Forget what was found, in a process that was forked from the one that found it."""
        self._lock = lock
        self._agreed_at = {}

    def check(self) -> None:
        """Make sure that all claims are this environment's, and make those that nobody has.

        Requests: for each claim one GET, once a minute at most, and only when something is written; two more, a listing and a PUT
        for the first writer that a store ever has.

        Raises:
            WriteRefused: another environment's claim was found.
        """
        if not self._claims or _is_unasked.get():
            return
        if all(map(self._is_agreed, self._claims)):
            return
        with self._lock:
            # All are read before any is made: a refusal leaves nothing behind. Whoever waited finds them agreed.
            for may_make in (False, self.may_make):
                for claim in self._claims:
                    if not self._is_agreed(claim):
                        self._look(claim, may_make=may_make)
            if self._apart is not None and not self.may_make:
                with unasked():
                    self._apart.look()

    def look(self) -> None:
        """Make sure, before anything is planned, that no claim here would refuse a write. Makes no claim.

        Requests: a GET for each claim, and those of `holdall.s3.apart.Apart.look`.

        Raises:
            WriteRefused: another environment's claim was found, or the parent is in here.
        """
        with self._lock, unasked():
            if self._apart is not None:
                self._apart.look()
            for claim in self._claims:
                self._check(claim, may_make=False)

    def _look(self, claim: Claim, *, may_make: bool) -> None:
        asked_at = time.monotonic()
        with unasked():
            stands = self._check(claim, may_make=may_make)
        if stands:
            self._agreed_at[claim] = asked_at

    def _is_agreed(self, claim: Claim) -> bool:
        agreed_at = self._agreed_at.get(claim)
        return agreed_at is not None and time.monotonic() - agreed_at < CLAIM_SECONDS

    def _check(self, claim: Claim, *, may_make: bool) -> bool:
        """Say whether the claim stands now; False only where it may not be made."""
        apart = self._apart if claim.kind == "fork" else None
        said = read_whole(claim, self._call)
        made = None
        if said is None and not may_make:
            return False
        if said is None:
            if apart is not None:
                apart.look()
            with suppress(NameTaken):
                made = make(claim, self._call)
            # Also after a success: the answer may be a retry's, or the server one that does not know conditions.
            said = read_whole(claim, self._call)
        holder = None if said is None else str(said[claim.kind])
        if said is None or holder != claim.holder:
            raise WriteRefused(claim.refusal(holder or "an unknown one", self._where()))
        if apart is not None:
            try:
                apart.prove(claim.key, said)
            except WriteRefused:
                if made is not None and said.get("nonce") == made:
                    # It was written into the parent's bucket.
                    self._call("delete_object", action="taking back", name=claim.name, Key=claim.key)
                raise
        return True


def read(claim: Claim, call: Call) -> str | None:
    """Tell who holds a claim; None if nobody does. One GET.

    Raises:
        StoreFailed: the object says nothing that can be understood.
    """
    said = read_whole(claim, call)
    return None if said is None else str(said[claim.kind])


def read_whole(claim: Claim, call: Call) -> dict[str, Any] | None:
    """Give all that the object of a claim says. One GET."""
    try:
        answer = call("get_object", action="reading", name=claim.name, Key=claim.key)
    except ObjectNotFound:
        return None
    except AccessRefused as refused:
        # Where the keys may not list, a missing object is refused. Making the claim will tell.
        if refused.code not in {"AccessDenied", "403"}:
            raise
        return None
    try:
        said = json.loads(answer["Body"].read(MAX_BYTES))
        if not isinstance(said[claim.kind], str):
            raise TypeError
    except (ValueError, KeyError, TypeError) as error:
        raise StoreFailed(
            f"{claim.key} cannot be read; it says which environment can write to the store, so nothing was written. Look at "
            "the object; if it is damaged, delete it."
        ) from error
    finally:
        answer["Body"].close()
    return dict(said)


def make(claim: Claim, call: Call, *, replace: bool = False) -> str:
    """Make a claim, and give its random value; `replace` takes it from whoever has it. A listing, a PUT.

    It remembers whether the store was empty.

    Where the provider lacks conditional writes the last of two that come at once has it; the other finds out when it
    looks again.

    Raises:
        NameTaken: somebody has it.
    """
    with unasked():
        body = claim.body(was_empty=_is_empty(claim.location, call))
        request = {"action": "writing", "name": claim.name, "Key": claim.key, "Body": body}
        if replace:
            call("put_object", ContentType="application/json", **request)
        else:
            notes.create(call, **request)
    return str(json.loads(body)["nonce"])


def _is_empty(location: str, call: Call) -> bool | None:
    """Say whether a store holds anything but what is Holdall's own; None where the keys may not list it."""
    prefix = f"{location}/" if location else ""
    try:
        # As a folder: what is Holdall's own is one entry of it, however much it is, and so is the folder's own mark.
        page = call("list_objects_v2", action="looking into", name=location, Prefix=prefix, Delimiter="/", MaxKeys=3)
    except AccessRefused:
        return None
    found = {entry["Key"] for entry in page.get("Contents", ())}
    found |= {entry["Prefix"] for entry in page.get("CommonPrefixes", ())}
    return not found - {prefix, f"{prefix}{RESERVED}/"}
