"""Remove what the doctor saved, and prove it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

from holdall.doctor.catalogue import housekeeping as kinds
from holdall.doctor.diagnosis import no_right
from holdall.doctor.evidence import refusal
from holdall.doctor.examination import Examination
from holdall.doctor.grants import grant
from holdall.errors import AccessRefused, HoldallError, ObjectNotFound, StoreFailed, StoreUnreachable
from holdall.findings import Finding
from holdall.s3.patience import Deadline

# So many unfinished uploads are looked at: enough to report.
MAX_UPLOADS = 5_000
# How long a probe that was given up may take to end, before what it waits for is broken off.
PATIENCE_SECONDS = 20.0
# How long a probe takes to end when that was done: sockets look once a second.
ENDING_SECONDS = 1.2


def unfinished(examination: Examination, prefix: str) -> Iterator[dict[str, Any]]:
    """Give the first unfinished uploads below a prefix. One request for each 1,000."""
    return islice(examination.connection.unfinished(action="checking", prefix=prefix), MAX_UPLOADS)


def clean_up(examination: Examination, deadline: Deadline | None = None) -> Iterator[Finding]:
    """Delete everything that was made, including old versions and unfinished uploads, and prove it.

    Probes that were given up get some of the time to end: what they send may arrive after it was deleted.

    Requests: four, and one for each file.
    """
    examination.traces.is_closed = True
    if examination.traces.strays:
        yield kinds.LEFTOVERS.found(
            f"{', '.join(sorted(examination.traces.strays))}: check whether this is the doctor's file or yours"
        )
    if not examination.traces.keys:
        return
    patience = PATIENCE_SECONDS if deadline is None else min(PATIENCE_SECONDS, deadline.left() * 0.4)
    late = _late(examination, patience)
    if late:
        seen = f"`{late}` is still waiting for an answer; what it saves will be under {', '.join(examination.traces.prefixes)}"
        yield kinds.LEFTOVERS.found(seen)
        examination.deadline.end_in(0)
        _late(examination, ENDING_SECONDS)
    examination.part()
    refused: dict[str, HoldallError] = {}
    _abort(examination)
    for key in sorted(examination.traces.keys):
        try:
            examination.call("delete_object", Key=key)
        except ObjectNotFound:
            continue
        except StoreUnreachable as error:
            # Each further key would wait just as long for nothing.
            yield kinds.LEFTOVERS.found(f"under {', '.join(examination.traces.prefixes)}; {error}")
            return
        except HoldallError as error:
            refused[key] = error
    if not refused:
        yield from _forget_versions(examination)
    proof = list(_proof(examination, refused))
    if not late or proof[0].id != kinds.LEFT_AS_FOUND.id:
        # What may still arrive is not proven to be gone.
        yield from proof


def _late(examination: Examination, seconds: float) -> str:
    """Wait for the probes that were given up or interrupted, which write no more. Return the name of one that does not end."""
    until = time.monotonic() + seconds
    return next((one.name for one in examination.running if not one.ends_within(until - time.monotonic())), "")


def _abort(examination: Examination) -> None:
    """Abort uploads that a probe did not finish, as far as the keys allow."""
    with suppress(HoldallError):
        for prefix in examination.traces.prefixes:
            for upload in list(unfinished(examination, prefix)):
                examination.call("abort_multipart_upload", Key=upload["Key"], UploadId=upload["UploadId"])


def _forget_versions(examination: Examination) -> Iterator[Finding]:
    """Delete the versions and delete markers of the doctor's files that the bucket keeps."""
    kept: list[dict[str, Any]] = []
    try:
        for prefix in examination.traces.prefixes:
            page = examination.call("list_object_versions", Prefix=prefix)
            kept += [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
    except HoldallError as error:
        # The keys are not allowed to ask, or the store has no versions.
        if error.answer is None or (error.answer.status >= 500 and error.answer.status != 501):
            yield kinds.VERSIONS_LEFT.unknown(str(error))
        return
    left = 0
    refusals: list[HoldallError] = []
    for one in kept:
        try:
            examination.call("delete_object", Key=one["Key"], VersionId=one["VersionId"])
        except HoldallError as error:
            left += 1
            refusals.append(error)
    if left:
        under = ", ".join(examination.traces.prefixes)
        yield kinds.VERSIONS_LEFT.found(f"{left} versions under {under}; {refusal(refusals[0])}")


def _proof(examination: Examination, refused: dict[str, HoldallError]) -> Iterator[Finding]:
    left = _left(examination)
    if refused and left != []:
        error = next(iter(refused.values()))
        if (told := no_right(error, examination, "s3:DeleteObject")) is not None:
            yield told
        elif isinstance(error, AccessRefused):
            yield kinds.DELETE_NOT_GRANTED.found(refusal(error), do=grant(examination, "s3:DeleteObject"))
        yield kinds.LEFTOVERS.found(", ".join(left or sorted(refused)))
    elif left:
        yield kinds.LEFTOVERS.found(", ".join(left))
    else:
        how = "a listing shows none of them" if left == [] else "each was requested again, and is gone"
        yield kinds.LEFT_AS_FOUND.found(f"{len(examination.traces.keys)} keys deleted; {how}")


def _left(examination: Examination) -> list[str] | None:
    """List what is left in the doctor's folder; None if the keys are not allowed to list."""
    try:
        return [
            entry["Key"]
            for prefix in examination.traces.prefixes
            for page in examination.connection.pages(action="checking", name=prefix, Prefix=prefix)
            for entry in page.get("Contents", ())
        ]
    except StoreUnreachable:
        return sorted(examination.traces.keys)
    except (AccessRefused, StoreFailed):
        left = []
        for key in sorted(examination.traces.keys):
            try:
                examination.call("head_object", Key=key)
            except (ObjectNotFound, AccessRefused):
                # Keys that may not list are refused what is missing; they read this file before.
                continue
            except HoldallError:
                # No answer is no proof.
                pass
            left.append(key)
        return left or None
