"""What would be changed on a live bucket, as a value: our settings are corrected, those of others stay. Pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from holdall.provision import rights, settings
from holdall.provision.needs import Needs

# What a setting is, as `live` reads it: None where the bucket has none.
Document = Any


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting of a bucket: how it is read and written, and how what is needed is put into what is there."""

    name: str
    # The SDK's methods, the member of their documents, and the code that says that there is none.
    get: str
    put: str
    member: str
    absent: str
    # The document that should be there, given the one that is.
    wanted: Callable[[Document], Document]
    # What is answered with the document and is written beside it: left out, it goes back to its default.
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Change:
    """One call that would be made, and what it would change, line by line."""

    setting: str
    operation: str
    parameters: dict[str, Any]
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that would be done, and what could not be looked at or cannot be done."""

    bucket: str
    changes: tuple[Change, ...]
    same: tuple[str, ...]
    obstacles: tuple[str, ...]


def settings_of(needs: Needs) -> tuple[Setting, ...]:
    """Give the settings that a store has an opinion on."""
    found: list[Setting] = []
    if needs.on_amazon and not needs.read_only:
        found += [
            Setting(
                name="public access block",
                get="get_public_access_block",
                put="put_public_access_block",
                member="PublicAccessBlockConfiguration",
                absent="NoSuchPublicAccessBlockConfiguration",
                wanted=lambda _live: dict(settings.PUBLIC_ACCESS_BLOCK),
            ),
            Setting(
                name="object ownership",
                get="get_bucket_ownership_controls",
                put="put_bucket_ownership_controls",
                member="OwnershipControls",
                absent="OwnershipControlsNotFoundError",
                wanted=lambda _live: {"Rules": [{"ObjectOwnership": settings.OWNERSHIP}]},
            ),
        ]
    if statements := settings.policy_statements(needs):
        found.append(
            Setting(
                name="bucket policy",
                get="get_bucket_policy",
                put="put_bucket_policy",
                member="Policy",
                absent="NoSuchBucketPolicy",
                wanted=lambda live: _merged_policy(_without_the_whole(live, needs), statements),
            )
        )
    if cors := settings.cors_rules(needs):
        found.append(
            Setting(
                name="CORS",
                get="get_bucket_cors",
                put="put_bucket_cors",
                member="CORSConfiguration",
                absent="NoSuchCORSConfiguration",
                wanted=lambda live: {"CORSRules": _merged((live or {}).get("CORSRules", []), cors, "ID")},
            )
        )
    if lifecycle := settings.lifecycle_rules(needs):
        found.append(
            Setting(
                name="lifecycle",
                get="get_bucket_lifecycle_configuration",
                put="put_bucket_lifecycle_configuration",
                member="LifecycleConfiguration",
                absent="NoSuchLifecycleConfiguration",
                wanted=lambda live: {"Rules": _merged((live or {}).get("Rules", []), lifecycle, "ID")},
                # Which sizes the transitions of others' rules move:
                # https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html
                beside=("TransitionDefaultMinimumObjectSize",),
            )
        )
    return tuple(found)


def change(setting: Setting, live: Document) -> Change | None:
    """Compare what is there with what should be; None where it is so already."""
    kept = {name: live[name] for name in setting.beside if live and name in live}
    if kept:
        live = {name: value for name, value in live.items() if name not in kept}
    wanted = setting.wanted(live)
    if canonical(live) == canonical(wanted):
        return None
    value = json.dumps(wanted) if setting.member == "Policy" else wanted
    return Change(
        setting=setting.name,
        operation=setting.put,
        parameters={setting.member: value, **kept},
        lines=tuple(_difference(live, wanted)),
    )


def obstacles(needs: Needs) -> list[str]:
    """Say what is needed and cannot be planned yet."""
    if needs.through_cloudfront and not needs.distribution_arn:
        made = "create it with `--format terraform` or `--format commands`, then give `--distribution-arn`"
        return [f"The bucket policy names a CloudFront distribution whose ARN is not known: {made}."]
    return []


def canonical(document: Document) -> Document:
    """Write a document as one of its kind that compares: servers reorder lists, and a list of one may be a text.

    Members that are empty say nothing: some servers leave them out.
    """
    if isinstance(document, dict):
        pairs = ((name, canonical(value)) for name, value in document.items())
        return {name: value for name, value in pairs if value not in ({}, [], None, "")}
    if isinstance(document, Sequence) and not isinstance(document, str):
        members = [canonical(member) for member in document]
        if len(members) == 1 and isinstance(members[0], str):
            return members[0]
        return sorted(members, key=lambda member: json.dumps(member, sort_keys=True))
    return document


def _merged(live: list[Any], ours: list[Any], label: str) -> list[Any]:
    """Put our rules in the place of those with the same label; all others stay as they are, where they are."""
    replaced = {rule[label] for rule in ours}
    return [rule for rule in live if rule.get(label) not in replaced] + ours


def _merged_policy(live: Document, ours: list[rights.Statement]) -> Document:
    theirs = (live or {}).get("Statement", [])
    listed = theirs if isinstance(theirs, list) else [theirs]
    kept = {**live} if live else {"Version": rights.bucket_policy()["Version"]}
    return {**kept, "Statement": _merged(listed, ours, "Sid")}


def _without_the_whole(live: Document, needs: Needs) -> Document:
    """Leave out what was granted of the whole bucket for public files, where only a part of it is public now."""
    if not (live and needs.is_limited):
        return live
    statements = live.get("Statement", [])
    listed = statements if isinstance(statements, list) else [statements]
    kept = [
        one
        for one in listed
        if one.get("Sid") not in rights.WHOLE_BUCKET_SIDS or canonical(one.get("Resource")) != f"{needs.bucket_arn}/*"
    ]
    return {**live, "Statement": kept}


def _difference(live: Document, wanted: Document) -> list[str]:
    """Say which lines of the document go, and which come."""
    before, after = (_lines(document) for document in (live, wanted))
    return [
        line
        for line in difflib.unified_diff(before, after, lineterm="", n=1)
        if not line.startswith(("---", "+++", "@@"))
    ]


def _lines(document: Document) -> list[str]:
    return [] if document is None else rights.as_json(document).splitlines()
