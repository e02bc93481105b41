"""Layer `housekeeping`: what is in the bucket without anyone seeing it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from holdall.doctor.catalogue import housekeeping as kinds
from holdall.doctor.cleanup import unfinished
from holdall.doctor.evidence import refusal
from holdall.doctor.examination import Examination
from holdall.doctor.grants import grant
from holdall.doctor.probe import probes
from holdall.doctor.remedies import abort, aws
from holdall.errors import AccessRefused, HoldallError
from holdall.findings import Finding, Kind
from holdall.provision import needs, settings

# An upload that began a day ago is no longer in progress.
OLD = timedelta(days=1)
SPACES_DAYS = 30
_UNSUPPORTED = frozenset({400, 404, 405, 501})


def probe_unfinished(examination: Examination) -> Iterator[Finding]:
    """List the uploads that began more than a day ago and are unfinished. One request for each 1,000."""
    try:
        uploads = list(unfinished(examination, examination.location))
    except AccessRefused as error:
        yield kinds.UNFINISHED_UPLOADS.unknown(refusal(error), do=grant(examination, "s3:ListBucketMultipartUploads"))
        return
    except HoldallError:
        # The store does not support the question.
        return
    before = datetime.now(UTC) - OLD
    ours = examination.key("holdall-doctor-")
    # Not every server tells when one began.
    old = [one for one in uploads if one.get("Initiated", before) < before and not one["Key"].startswith(ours)]
    if not old:
        return
    oldest = min(old, key=lambda one: one["Initiated"])
    yield kinds.UNFINISHED_UPLOADS.found(
        f'{len(old)}, the oldest from {oldest["Initiated"]:%Y-%m-%d}: "{oldest["Key"]}"',
        do=f"{abort(examination, oldest['Key'], oldest['UploadId'])}   # for each one; a lifecycle rule does it for all",
    )


def probe_lifecycle(examination: Examination) -> Iterator[Finding]:
    """Ask for the bucket's lifecycle. One request."""
    rules, refused = _lifecycle(examination)
    if rules is None:
        if refused:
            yield refused.of(kinds.NO_RULE)
        return
    covering = [rule for rule in rules if _covers(rule, examination.location)]
    if taking := [text for rule in covering if (text := _takes(rule))]:
        yield kinds.RULE_DELETES.found("; ".join(taking))
    days = [_days(rule) for rule in covering]
    if any(days):
        yield kinds.RULE_THERE.found(f"after {min(filter(None, days))} days")
    elif examination.provider.id == "spaces":
        # https://docs.digitalocean.com/products/spaces/details/limits
        yield kinds.RULE_THERE.found(f"after {SPACES_DAYS} days, by the provider")
    elif not examination.connection.target.local_folder:
        seen = f"lifecycle rules: {len(rules)}, none for unfinished uploads" if rules else "no lifecycle rules"
        yield kinds.NO_RULE.found(seen, do=_rule(examination, rules))


def _covers(rule: dict[str, Any], location: str) -> bool:
    return rule.get("Status") == "Enabled" and location.startswith(_prefix(rule))


def _prefix(rule: dict[str, Any]) -> str:
    chosen = rule.get("Filter") or {}
    return str(rule.get("Prefix") or chosen.get("Prefix") or chosen.get("And", {}).get("Prefix") or "")


# A file of these storage classes is restored before it can be read, which takes minutes to hours.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-class-intro.html
_ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})


def _takes(rule: dict[str, Any]) -> str:
    """Say when a rule deletes or archives all files that it covers, or "" if it does not."""
    chosen = rule.get("Filter") or {}
    if set(chosen) - {"Prefix"}:
        # By tags or size: which files these are, only the project knows.
        return ""
    name = rule.get("ID") or "without a name"
    ends = rule.get("Expiration") or {}
    if ends.get("Days") or ends.get("Date"):
        when = f"after {ends['Days']} days" if ends.get("Days") else "from a date on"
        return f"rule {name}: deletes files {when}"
    for moved in rule.get("Transitions") or ():
        if moved.get("StorageClass") in _ARCHIVES:
            return f"rule {name}: archives files as {moved['StorageClass']} after {moved.get('Days', 'some')} days"
    return ""


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
        return f"Add this to the existing rules:\n{json.dumps(rule)}"
    document = json.dumps({"Rules": [rule]})
    return aws(examination, "put-bucket-lifecycle-configuration", "--lifecycle-configuration", document)


def probe_trash(examination: Examination) -> Iterator[Finding]:
    """Compare the rules that empty the trash with `STORAGE_TRASH`. One request, where it is set."""
    kept_seconds = getattr(examination.storage, "trash", None)
    if not kept_seconds or examination.connection.target.local_folder:
        return
    rules, refused = _lifecycle(examination)
    if rules is None:
        if refused:
            yield refused.of(kinds.TRASH_STAYS)
        return
    folder, days = f"{examination.location}{settings.TRASH}", settings.trash_days(kept_seconds)
    emptying = [(after, rule) for rule in rules if (after := _expires(rule, folder))]
    do = _trash_rule(examination, rules, folder, days)
    if not emptying:
        seen = f"lifecycle rules: {len(rules)}, none that empties {folder}" if rules else "no lifecycle rules"
        yield kinds.TRASH_STAYS.found(seen, do=do, otherwise=kinds.TRASH_STAYS.remedies)
        return
    after, rule = min(emptying, key=lambda pair: pair[0])
    seen = f"rule {rule.get('ID') or 'without a name'}: after {after} days"
    if after == days:
        yield kinds.TRASH_EMPTIED.found(seen)
    else:
        # One that deletes other files too is not ours to replace.
        own = after > days or _prefix(rule) == folder
        yield kinds.TRASH_SPAN.found(f"{seen}; `STORAGE_TRASH` means {days}", do=do if own else "")


def _expires(rule: dict[str, Any], folder: str) -> int:
    """Give the days after which a rule deletes everything in a folder; 0 if it does not."""
    chosen = rule.get("Filter") or {}
    if not _covers(rule, folder) or set(chosen) - {"Prefix"}:
        return 0
    return int((rule.get("Expiration") or {}).get("Days") or 0)


def _trash_rule(examination: Examination, rules: list[dict[str, Any]], folder: str, days: int) -> str:
    """Return the command that empties the trash in time. It writes all rules again: those that are there stay."""
    if examination.provider.id == "spaces":
        # s3cmd reads its rules from a file: https://docs.digitalocean.com/products/spaces/how-to/configure-lifecycle-rules/
        prefix = examination.reading.prefix if examination.reading else ""
        return "Run what this prints:\n" + " ".join(
            filter(None, ("holdall provision --format commands", f"--prefix {prefix}" if prefix else ""))
        )
    label = needs.mark("Trash", examination.location.rstrip("/"))
    rule = {"ID": label, "Status": "Enabled", "Filter": {"Prefix": folder}, "Expiration": {"Days": days}}
    # One that empties the trash alone is of this trash, whatever it is called.
    others = [one for one in rules if one.get("ID") != label and _prefix(one) != folder]
    document = json.dumps({"Rules": [*others, rule]}, default=str)
    return aws(examination, "put-bucket-lifecycle-configuration", "--lifecycle-configuration", document)


class _Refused(NamedTuple):
    """Why the rules are not known."""

    seen: str
    do: str = ""

    def of(self, kind: Kind) -> Finding:
        return kind.unknown(self.seen, do=self.do)


def _lifecycle(examination: Examination) -> tuple[list[dict[str, Any]] | None, _Refused | None]:
    """Ask for the bucket's rules: none known, and no reason, where the store has no such thing."""
    try:
        return examination.call("get_bucket_lifecycle_configuration").get("Rules", []), None
    except AccessRefused as error:
        return None, _Refused(refusal(error), grant(examination, "s3:GetLifecycleConfiguration"))
    except HoldallError as error:
        if error.code == "NoSuchLifecycleConfiguration":
            return [], None
        if error.answer is not None and error.answer.status in _UNSUPPORTED:
            return None, None
        return None, _Refused(refusal(error))


PROBES = probes(probe_unfinished, probe_lifecycle, probe_trash)
