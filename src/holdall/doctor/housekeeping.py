"""Layer `housekeeping`: what lies about unseen; and the doctor's own, which is removed, with proof."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from holdall.doctor.examination import Examination, probes, refusal, statement
from holdall.doctor.remedies import aws
from holdall.errors import AccessRefused, HoldallError, ObjectNotFound, StoreFailed, StoreUnreachable
from holdall.findings import Finding, Kind, Level

LEFT_AS_FOUND = Kind(
    "D900",
    Level.OK,
    "The bucket is as it was",
    "Everything that the doctor saved was deleted, and a listing shows it gone.",
)
DELETE_NOT_GRANTED = Kind(
    "D901",
    Level.ERROR,
    "The keys may not delete files",
    "Files that are deleted or replaced in the project stay in the bucket for ever, and so do the doctor's own.",
    failures=("B5",),
)
LEFTOVERS = Kind(
    "D902",
    Level.WARNING,
    "Something of the doctor's is left in the bucket",
    "It could not be deleted; it is small, and may be deleted by anybody who may.",
)

UNFINISHED_UPLOADS = Kind(
    "D903",
    Level.WARNING,
    "Parts of uploads that never ended lie in the bucket",
    "No listing shows them, but they are stored and billed until somebody aborts them.",
    failures=("N1", "G10"),
)
NO_RULE = Kind(
    "D904",
    Level.NOTICE,
    "Nothing clears up after uploads that break off",
    "When a process dies in the middle of a large upload, the parts stay in the bucket, unseen and billed.",
    failures=("N1",),
)
RULE_THERE = Kind(
    "D905",
    Level.OK,
    "Uploads that break off are cleared up",
    "The bucket's lifecycle has a rule for them, or the provider has.",
)
VERSIONS_LEFT = Kind(
    "D906",
    Level.NOTICE,
    "Old versions of the doctor's files are left",
    "The bucket keeps versions, and the keys may delete files but not their versions. So stays every file that is "
    "deleted in the project, and is billed.",
    "Let the lifecycle end old versions (NoncurrentVersionExpiration); the right for the doctor's is s3:DeleteObjectVersion.",
)

# An upload of a day is no longer on its way.
OLD = timedelta(days=1)
# As far as a listing of unfinished uploads is followed: 5,000 are enough to be told of.
MAX_PAGES = 5
# How long a probe that was given up may take to end, before its files are removed.
PATIENCE_SECONDS = 20.0
SPACES_DAYS = 30
_UNSUPPORTED = frozenset({400, 404, 405, 501})


def probe_unfinished(examination: Examination) -> Iterator[Finding]:
    """List the uploads that began more than a day ago and did not end. One request for each 1,000."""
    try:
        uploads = list(_unfinished(examination, examination.location))
    except AccessRefused as error:
        yield UNFINISHED_UPLOADS.unknown(
            refusal(error), do=statement("s3:ListBucketMultipartUploads", examination.bucket)
        )
        return
    except HoldallError:
        # A store without this question has no answer to give.
        return
    before = datetime.now(UTC) - OLD
    ours = examination.key("holdall-doctor-")
    old = [one for one in uploads if one["Initiated"] <= before and not one["Key"].startswith(ours)]
    if not old:
        return
    oldest = min(old, key=lambda one: one["Initiated"])
    which = ("--key", oldest["Key"], "--upload-id", oldest["UploadId"])
    yield UNFINISHED_UPLOADS.found(
        f'{len(old)}, the oldest of {oldest["Initiated"]:%Y-%m-%d}: "{oldest["Key"]}"',
        do=f"{aws(examination, 'abort-multipart-upload', *which)}   # each; a lifecycle rule does it for all",
    )


def _unfinished(examination: Examination, prefix: str) -> Iterator[dict[str, Any]]:
    markers: dict[str, str] = {}
    for _ in range(MAX_PAGES):
        # Not the parameter Prefix: SeaweedFS applies it to keys that it has shortened.
        page = examination.call("list_multipart_uploads", **markers)
        yield from (one for one in page.get("Uploads", ()) if one["Key"].startswith(prefix))
        if not page.get("IsTruncated") or not page.get("NextKeyMarker"):
            return
        markers = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page.get("NextUploadIdMarker", "")}


def probe_lifecycle(examination: Examination) -> Iterator[Finding]:
    """Ask for the bucket's lifecycle. One request."""
    rules: list[dict[str, Any]] = []
    try:
        rules = examination.call("get_bucket_lifecycle_configuration").get("Rules", [])
    except AccessRefused as error:
        yield NO_RULE.unknown(refusal(error), do=statement("s3:GetLifecycleConfiguration", examination.bucket))
        return
    except HoldallError as error:
        if error.code != "NoSuchLifecycleConfiguration":
            if error.answer is None or error.answer.status not in _UNSUPPORTED:
                yield NO_RULE.unknown(refusal(error))
            return
    days = [_days(rule) for rule in rules if _covers(rule, examination.location)]
    if any(days):
        yield RULE_THERE.found(f"after {min(filter(None, days))} days")
    elif examination.provider.id == "spaces":
        # https://docs.digitalocean.com/products/spaces/details/limits
        yield RULE_THERE.found(f"after {SPACES_DAYS} days, by the provider itself")
    else:
        yield NO_RULE.found(f"{len(rules)} lifecycle rules, none for unfinished uploads", do=_rule(examination, rules))


def _covers(rule: dict[str, Any], location: str) -> bool:
    chosen = rule.get("Filter") or {}
    prefix = rule.get("Prefix") or chosen.get("Prefix") or chosen.get("And", {}).get("Prefix") or ""
    return rule.get("Status") == "Enabled" and location.startswith(prefix)


def _days(rule: dict[str, Any]) -> int | None:
    days = rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation")
    return int(days) if days else None


def _rule(examination: Examination, rules: list[dict[str, Any]]) -> str:
    rule = {
        "ID": "unfinished-uploads",
        "Status": "Enabled",
        "Filter": {"Prefix": examination.location},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }
    if rules:
        return f"Add to the rules that are there: {json.dumps(rule)}"
    document = json.dumps({"Rules": [rule]})
    return aws(examination, "put-bucket-lifecycle-configuration", "--lifecycle-configuration", document)


def clean_up(examination: Examination) -> Iterator[Finding]:
    """Delete all that was made, old versions and unfinished uploads included, and prove it.

    Requests: four, and one a file that is left.
    """
    examination.is_over = True
    if examination.strays:
        yield LEFTOVERS.found(f"{', '.join(sorted(examination.strays))}: look whether it is the doctor's, or yours")
    if not examination.made:
        return
    if late := _late(examination):
        seen = f"`{late}` still waits for an answer; what it saves will lie under {', '.join(examination.prefixes)}"
        yield LEFTOVERS.found(seen)
    refused: dict[str, HoldallError] = {}
    _abort(examination)
    for key in sorted(examination.made):
        try:
            examination.call("delete_object", Key=key)
        except ObjectNotFound:
            continue
        except StoreUnreachable as error:
            # Each further key would wait as long for nothing.
            yield LEFTOVERS.found(f"under {', '.join(examination.prefixes)}; {error}")
            return
        except HoldallError as error:
            refused[key] = error
    if not refused:
        yield from _forget_versions(examination)
    yield from _proof(examination, refused)


def _late(examination: Examination) -> str:
    """Wait for the probes that were given up or interrupted, which write no more; name one that does not end."""
    until = time.monotonic() + PATIENCE_SECONDS
    for thread in examination.threads:
        with suppress(RuntimeError):
            _join(thread, until)
    return next((thread.name.removeprefix("holdall-") for thread in examination.threads if thread.is_alive()), "")


def _join(thread: threading.Thread, until: float) -> None:
    # Ctrl-C came while it was being started: then it cannot be waited for until it runs, which is a moment.
    started_by = min(until, time.monotonic() + 1)
    while thread.ident is None and time.monotonic() < started_by:
        time.sleep(0.01)
    thread.join(max(0.0, until - time.monotonic()))


def _abort(examination: Examination) -> None:
    """Abort what a probe began and did not end, as far as the keys may."""
    with suppress(HoldallError):
        for prefix in examination.prefixes:
            for upload in list(_unfinished(examination, prefix)):
                examination.call("abort_multipart_upload", Key=upload["Key"], UploadId=upload["UploadId"])


def _forget_versions(examination: Examination) -> Iterator[Finding]:
    """Delete the versions and delete markers that a bucket with versions keeps of the doctor's files."""
    kept: list[dict[str, Any]] = []
    try:
        for prefix in examination.prefixes:
            page = examination.call("list_object_versions", Prefix=prefix)
            kept += [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
    except HoldallError:
        # Keys that may not ask, or a store without versions.
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
        under = ", ".join(examination.prefixes)
        yield VERSIONS_LEFT.found(f"{left} versions under {under}; {refusal(refusals[0])}")


def _proof(examination: Examination, refused: dict[str, HoldallError]) -> Iterator[Finding]:
    left = _left(examination)
    if refused and left != []:
        error = next(iter(refused.values()))
        if isinstance(error, AccessRefused):
            resource = f"{examination.bucket}/{examination.location}*"
            yield DELETE_NOT_GRANTED.found(refusal(error), do=statement("s3:DeleteObject", resource))
        yield LEFTOVERS.found(", ".join(left or sorted(refused)))
    elif left:
        yield LEFTOVERS.found(", ".join(left))
    else:
        how = "a listing shows none of them" if left == [] else "each was asked for again, and is gone"
        yield LEFT_AS_FOUND.found(f"{len(examination.made)} keys deleted; {how}")


def _left(examination: Examination) -> list[str] | None:
    """List what is left under the doctor's folder; None where the keys may not list."""
    try:
        return [
            entry["Key"]
            for prefix in examination.prefixes
            for page in examination.connection.pages(action="examining", name=prefix, Prefix=prefix)
            for entry in page.get("Contents", ())
        ]
    except StoreUnreachable:
        return sorted(examination.made)
    except (AccessRefused, StoreFailed):
        left = []
        for key in sorted(examination.made):
            try:
                examination.call("head_object", Key=key)
                left.append(key)
            except HoldallError:
                continue
        return left or None


PROBES = probes(probe_unfinished, probe_lifecycle)
