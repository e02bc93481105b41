"""The settings of the bucket itself, in the shapes of the S3 API. Pure."""

from __future__ import annotations

from typing import Any

from holdall.provision.needs import Needs
from holdall.provision.rights import Statement, cloudfront_statements, public_statement
from holdall.sites import RESERVED

# The parts of an upload that was cut off are billed, and no listing shows them.
UNFINISHED_DAYS = 7
# Folders of Holdall's own below the location, and how long their content is of use.
STAGING, STAGING_DAYS = f"{RESERVED}/uploads/", 7
TRASH, TRASH_DAYS = f"{RESERVED}/trash/", 30

# How Amazon makes buckets since April 2023: https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html
PUBLIC_ACCESS_BLOCK = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
OWNERSHIP = "BucketOwnerEnforced"

Rule = dict[str, Any]


def cors_rules(needs: Needs) -> list[Rule]:
    """Let pages of the given sites read files with fetch, in a canvas and as fonts, and upload them where that is wanted.

    Nothing where no site is given.
    """
    if not needs.origins:
        return []
    return [
        {
            "ID": needs.mark("Sites"),
            "AllowedOrigins": list(needs.origins),
            "AllowedMethods": ["GET", "HEAD", *(["PUT", "POST"] if needs.with_uploads else [])],
            "AllowedHeaders": ["*"],
            "ExposeHeaders": ["Accept-Ranges", "Content-Length", "Content-Range", "ETag"],
            "MaxAgeSeconds": 3600,
        }
    ]


def lifecycle_rules(needs: Needs) -> list[Rule]:
    """End unfinished uploads, and expire the folders of Holdall's own where that is wanted.

    With the rules of the environment's other stores in the bucket: it has one list of rules for all of them.
    """
    if needs.read_only:
        return []
    rules: dict[str, Rule] = {}
    for rule in (rule for one in (needs, *needs.neighbours) for rule in _own_rules(one)):
        # Two storages of one store have one folder: it keeps what either has promised to keep.
        if _days(rule) >= _days(rules.get(rule["ID"], {})):
            rules[rule["ID"]] = rule
    return list(rules.values())


def _own_rules(needs: Needs) -> list[Rule]:
    unfinished: Rule = {
        "ID": needs.mark("UnfinishedUploads"),
        "Status": "Enabled",
        "Filter": {"Prefix": needs.key_prefix},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UNFINISHED_DAYS},
    }
    return [
        unfinished,
        *(
            {
                "ID": needs.mark(what),
                "Status": "Enabled",
                "Filter": {"Prefix": f"{needs.key_prefix}{folder}"},
                "Expiration": {"Days": days},
            }
            for what, folder, days in areas(needs)
        ),
    ]


def _days(rule: Rule) -> int:
    return int(rule.get("Expiration", {}).get("Days", 0))


def areas(needs: Needs) -> list[tuple[str, str, int]]:
    """Give the folders of Holdall's own whose content expires, and after how many days."""
    kept = needs.store.trash_seconds
    found = [("Staging", STAGING, STAGING_DAYS)] if needs.with_areas or needs.with_uploads else []
    if needs.with_areas or kept:
        found.append(("Trash", TRASH, trash_days(kept) if kept else TRASH_DAYS))
    return found


def trash_days(kept_seconds: int) -> int:
    """Give the days of the rule that empties a trash: a file is in it for at least as long as was promised."""
    return max(1, -(-kept_seconds // 86_400))


def policy_statements(needs: Needs) -> list[Statement]:
    """Give the statements of the bucket policy, as far as they are known: CloudFront's needs the distribution's name."""
    if needs.read_only:
        return []
    if needs.through_cloudfront:
        return cloudfront_statements(needs, needs.distribution_arn) if needs.distribution_arn else []
    if needs.store.public and not needs.sends_acl and not needs.on_amazon and not needs.on_r2:
        return [public_statement(needs)]
    return []
