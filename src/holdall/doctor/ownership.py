"""Layer `ownership`: may this environment write to the store, and may it read, and not harm, the one it is a fork of?"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from holdall.doctor import connection
from holdall.doctor.diagnosis import FOREIGN_OWNER
from holdall.doctor.examination import Examination, probes
from holdall.doctor.web import WebFailed
from holdall.errors import AccessRefused, HoldallError
from holdall.findings import Finding, Kind, Level
from holdall.s3 import claims
from holdall.s3.claims import Claim
from holdall.s3.connection import connect

OWNED = Kind("D341", Level.OK, "The store is this environment's", "The marker in the store names this environment.")
UNOWNED = Kind(
    "D342",
    Level.NOTICE,
    "Nobody owns the store yet",
    "The first file that is saved by this environment makes it the owner; the doctor leaves no marker.",
)
NAMELESS = Kind(
    "D343",
    Level.WARNING,
    "The store has an owner, and this environment does not say who it is",
    "Without a name nothing holds this environment back from deleting the owner's files.",
    "Set `STORAGE_ENVIRONMENT` to this environment's own name; a copy should be a fork (`PARENT_*`).",
    ("L1",),
)
ANOTHER_PARENT = Kind(
    "D344",
    Level.ERROR,
    "The fork's own store was begun as a fork of another parent",
    "Its files and what it hides belong to that parent's; with another one they would mix, so every write is refused.",
    "Set `PARENT_*` to the parent named in the evidence, or give this fork a bucket or `STORAGE_LOCATION` of its own.",
    ("L1",),
)
PARENT_READS = Kind(
    "D350", Level.OK, "The parent's files can be read", "The parent was listed, and a link to one of its files opened."
)
PARENT_IS_EMPTY = Kind(
    "D351",
    Level.NOTICE,
    "The parent has no files",
    "It is new, or `PARENT_STORAGE_LOCATION` is not the prefix under which its files lie.",
    "Compare the `PARENT_*` variables with the parent's own.",
    ("L2",),
)
PARENT_REFUSES = Kind(
    "D352",
    Level.ERROR,
    "The parent's files cannot be read",
    "Rows of the copied database point at files that this fork cannot show.",
    "Give the fork a key that may get and list the parent's objects: `holdall provision --read-only`.",
    ("L2",),
)
PARENT_LINK_IS_DEAD = Kind(
    "D353",
    Level.ERROR,
    "Links to the parent's files do not open",
    "They are the parent's own: signed with the parent's keys, or on the parent's CDN.",
    "Run the doctor with the parent's own variables; what it finds there is the cause.",
    ("L2",),
)
PARENTS_KEY_MAY_WRITE = Kind(
    "D354",
    Level.WARNING,
    "The parent's key may write to the parent",
    "Holdall sends nothing but reads; whoever takes the key from this environment is not held back by that.",
    "Give the fork a key that may only read: `holdall provision --read-only`.",
    ("L1",),
)


def probe_owner(examination: Examination) -> Iterator[Finding]:
    """Read who owns the store. One GET."""
    location = examination.location.rstrip("/")
    name = getattr(examination.storage, "environment", None) or ""
    claim = Claim(kind="owner", holder=name, location=location)
    try:
        holder = claims.read(claim, examination.connection.call)
    except AccessRefused:
        # Saving tells.
        return
    if holder is None:
        if name:
            yield UNOWNED.found(f'this environment is "{name}"; there is no {claim.key}')
    elif not name:
        yield NAMELESS.found(f'{claim.key} says that it is "{holder}"')
    elif holder != name:
        refusal = claim.refusal(holder, examination.connection.where())
        yield FOREIGN_OWNER.found(
            f'{claim.key} says that the owner is "{holder}"; this environment is "{name}"', means=refusal
        )
    else:
        yield OWNED.found(f'"{name}"')


def probe_origin(examination: Examination) -> Iterator[Finding]:
    """Read what the own store is a fork of. One GET, for a fork alone."""
    if getattr(examination.storage, "parent", None) is None:
        return
    for claim in examination.connection.target.claims:
        if claim.kind == "fork" and (begun := claims.read(claim, examination.connection.call)) not in {
            None,
            claim.holder,
        }:
            yield ANOTHER_PARENT.found(
                f"{claim.key} says that it is a fork of {begun}; `PARENT_*` names {claim.holder}"
            )


def probe_parent(examination: Examination) -> Iterator[Finding]:
    """Look at each store that this one is a fork of. Some five requests each, none of which can change anything."""
    parent = getattr(examination.storage, "parent", None)
    while parent is not None:
        yield from _parent(parent, examination)
        parent = getattr(parent, "parent", None)


def _parent(parent: Any, examination: Examination) -> Iterator[Finding]:
    theirs = Examination(parent, environ=examination.environ)
    for probe in (connection.probe_endpoint, connection.probe_bucket):
        for finding in probe(theirs):
            if finding.level is Level.ERROR:
                yield theirs.addressed(finding)._replace(seen=f"of the parent: {finding.seen}")
                return
    start = theirs.key("")
    try:
        page = theirs.call("list_objects_v2", Prefix=start, MaxKeys=5)
    except HoldallError as error:
        yield PARENT_REFUSES.found(str(error))
        return
    yield from _link(parent, theirs, [entry["Key"][len(start) :] for entry in page.get("Contents", ())])
    yield from _key(parent, theirs)


def _link(parent: Any, theirs: Examination, names: list[str]) -> Iterator[Finding]:
    shown = next((name for name in names if name and not name.startswith(".")), None)
    where = theirs.connection.where()
    if shown is None:
        yield PARENT_IS_EMPTY.found(f"no file at the beginning of {where}, under {theirs.location or 'no prefix'}")
        return
    link = getattr(parent, "own_url", parent.url)(shown)
    try:
        page = theirs.web.fetch(link, headers={"range": "bytes=0-0"})
    except WebFailed as failure:
        yield PARENT_LINK_IS_DEAD.found(f"{link.partition('?')[0]}: {failure.reason}")
        return
    # An empty file has no first byte: https://httpwg.org/specs/rfc9110.html#status.416
    if page.status in {200, 206, 416}:
        yield PARENT_READS.found(f"{where}; {page.status} for {link.partition('?')[0]}")
    else:
        yield PARENT_LINK_IS_DEAD.found(f"{link.partition('?')[0]}: {page.seen()}")


def _key(parent: Any, theirs: Examination) -> Iterator[Finding]:
    """Ask to abort an upload that does not exist: it changes nothing, and only a key that may write is let so far.

    It is the one request to a parent that is no read. So it is sent only where a read has shown that the store knows
    uploads: one that does not would take it for the deletion of a key, which nobody has either.
    """
    if not _knows_uploads(parent):
        yield PARENTS_KEY_MAY_WRITE.unknown("the parent does not say which uploads are unfinished")
        return
    unbound = connect(replace(parent.store.target, read_only=False, claims=()))
    key = theirs.key(f"{theirs.folder}/none")
    try:
        unbound.call("abort_multipart_upload", action="examining", name=key, Key=key, UploadId=secrets.token_hex(32))
        code = "accepted"
    except HoldallError as error:
        code = error.code
    if code in {"accepted", "NoSuchUpload"}:
        yield PARENTS_KEY_MAY_WRITE.found(f"AbortMultipartUpload of an upload that does not exist: {code}")


def _knows_uploads(parent: Any) -> bool:
    try:
        answer = parent.store.call("list_multipart_uploads", action="examining", MaxUploads=1)
    except AccessRefused:
        # Listing files is allowed, as was seen; so it was understood to be something else.
        return True
    except HoldallError:
        return False
    return "MaxUploads" in answer


PROBES = probes(probe_owner, probe_origin, probe_parent)
