"""Layer `ownership`: whether this environment may write to the store, and can read but not harm its parent."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from holdall.doctor import connection
from holdall.doctor.catalogue import ownership as kinds
from holdall.doctor.examination import Described, Examination
from holdall.doctor.probe import probes
from holdall.doctor.web import WebFailed
from holdall.errors import AccessRefused, HoldallError
from holdall.findings import Finding, Level
from holdall.s3 import claims, owed
from holdall.s3.claims import Claim
from holdall.s3.connection import connect

# A note of a deletion that is still under way is younger.
UNDER_WAY = timedelta(minutes=10)
MOST_NOTES = 100


def probe_owner(examination: Examination) -> Iterator[Finding]:
    """Read who owns the store. One GET."""
    location = examination.location.rstrip("/")
    name = getattr(examination.storage, "environment", None) or ""
    claim = Claim(kind="owner", holder=name, location=location)
    try:
        holder = claims.read(claim, examination.connection.call)
    except AccessRefused:
        # Saving a file will show it.
        return
    if holder is None:
        if name:
            yield kinds.UNOWNED.found(f'this environment is "{name}"; there is no {claim.key}')
    elif not name:
        yield kinds.NAMELESS.found(f'{claim.key} names "{holder}"')
    elif holder != name:
        refusal = claim.refusal(holder, examination.connection.where())
        yield kinds.FOREIGN_OWNER.found(
            f'{claim.key} names "{holder}", and this environment is "{name}"', means=refusal
        )
    else:
        yield kinds.OWNED.found(f'"{name}"')


def probe_origin(examination: Examination) -> Iterator[Finding]:
    """Read which store this one was created as a fork of. One GET, for a fork only."""
    if getattr(examination.storage, "parent", None) is None:
        return
    for claim in examination.connection.target.claims:
        if claim.kind == "fork" and (begun := claims.read(claim, examination.connection.call)) not in {
            None,
            claim.holder,
        }:
            yield kinds.ANOTHER_PARENT.found(f"{claim.key} names {begun}, and `PARENT_*` names {claim.holder}")


def probe_parent(examination: Examination) -> Iterator[Finding]:
    """Check each store that this one is a fork of. About five requests each, and none can change anything."""
    parent = getattr(examination.storage, "parent", None)
    while parent is not None:
        yield from _parent(parent, examination)
        parent = getattr(parent, "parent", None)


def _parent(parent: Any, examination: Examination) -> Iterator[Finding]:
    theirs = Examination(parent, described=Described(examination.environ))
    for probe in (connection.probe_endpoint, connection.probe_bucket):
        for finding in probe(theirs):
            if finding.level is Level.ERROR:
                yield theirs.addressed(finding)._replace(seen=f"parent: {finding.seen}")
                return
    start = theirs.key("")
    try:
        page = theirs.call("list_objects_v2", Prefix=start, MaxKeys=5)
    except HoldallError as error:
        yield kinds.PARENT_REFUSES.found(str(error))
        return
    yield from _link(parent, theirs, [entry["Key"][len(start) :] for entry in page.get("Contents", ())])
    yield from _key(parent, theirs)


def _link(parent: Any, theirs: Examination, names: list[str]) -> Iterator[Finding]:
    shown = next((name for name in names if name and not name.startswith(".")), None)
    where = theirs.connection.where()
    if shown is None:
        yield kinds.PARENT_IS_EMPTY.found(
            f"the first page of {where} lists no file under {theirs.location or 'the root'}"
        )
        return
    link = getattr(parent, "own_url", parent.url)(shown)
    try:
        page = theirs.web.fetch(link, headers={"range": "bytes=0-0"})
    except WebFailed as failure:
        yield kinds.PARENT_LINK_IS_DEAD.found(f"{link.partition('?')[0]}: {failure.reason}")
        return
    # An empty file has no first byte: https://httpwg.org/specs/rfc9110.html#status.416
    if page.status in {200, 206, 416}:
        yield kinds.PARENT_READS.found(f"{where}; {page.status} for {link.partition('?')[0]}")
    else:
        yield kinds.PARENT_LINK_IS_DEAD.found(f"{link.partition('?')[0]}: {page.seen()}")


def _key(parent: Any, theirs: Examination) -> Iterator[Finding]:
    """Ask to abort an upload that does not exist. It changes nothing, and only a key that may write gets that far.

    It is the only request to a parent that is not a read. A store without multipart uploads might treat it as the
    deletion of a key, so a read must first show that the store supports them. The key does not exist either.
    """
    if not _knows_uploads(parent):
        yield kinds.PARENTS_KEY_MAY_WRITE.unknown("the parent does not list unfinished uploads")
        return
    unbound = connect(replace(parent.store.target, read_only=False, claims=()))
    key = theirs.key(f"{theirs.traces.folder}/none")
    try:
        unbound.call("abort_multipart_upload", action="checking", name=key, Key=key, UploadId=secrets.token_hex(32))
        code = "accepted"
    except HoldallError as error:
        code = error.code
    if code in {"accepted", "NoSuchUpload"}:
        yield kinds.PARENTS_KEY_MAY_WRITE.found(f"AbortMultipartUpload of an upload that does not exist: {code}")


def _knows_uploads(parent: Any) -> bool:
    # Not by `Connection.unfinished`: what counts is whether the answer repeats the question, and not what it lists.
    try:
        answer = parent.store.call("list_multipart_uploads", action="checking", MaxUploads=1)
    except AccessRefused:
        # Listing files is allowed, so the store understood this as another question.
        return True
    except HoldallError:
        return False
    return "MaxUploads" in answer


def probe_mirror(examination: Examination) -> Iterator[Finding]:
    """Say that every change goes to a mirror too, and whether it missed some. One listing, and a GET for each note."""
    there = examination.mirror
    if there is None:
        return
    yield kinds.MIRRORED.found(f"the mirror is {there.store.where()}")
    try:
        notes = list(islice(owed.entries(examination.connection, examination.key("")), MOST_NOTES))
    except AccessRefused:
        # Saving a file will show it.
        return
    old = [note for note in notes if datetime.now(UTC) - note.written > UNDER_WAY]
    if old:
        names = list(dict.fromkeys(name for note in old for name in note.names))
        more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
        yield kinds.MIRROR_OWES.found(f'"{names[0]}"{more}' if names else f"{len(old)} notes")


PROBES = probes(probe_owner, probe_origin, probe_parent, probe_mirror)
