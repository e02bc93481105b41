"""Direct uploads: what the bucket must let the pages of the sites do, and nobody else."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest

from holdall.doctor import examination
from holdall.doctor import uploads as layer
from holdall.findings import Level
from holdall.provision import needs, settings
from tests.contract import only
from tests.doctor import ids, report_on, the, told
from tests.providers import Provider
from tests.stores import build_storage

SITE, OTHER = "https://www.example.com", "https://other.example"
everywhere = only("seaweedfs-http", "ceph-http")


@pytest.fixture
def place(provider: Provider, own_bucket: str, location: str, settings: Any) -> dict[str, str]:
    """The environment of a project with direct uploads, in a bucket of its own."""
    settings.INSTALLED_APPS = ["holdall", "holdall.uploads"]
    return provider.environ(own_bucket, location=location)


def looked_at(place: dict[str, str], *origins: str) -> Any:
    one = examination.Examination(build_storage(place), origins=origins, entry=examination.Entry())
    return report_on(one, only=["uploads"])


def allow(provider: Provider, place: dict[str, str], change: Callable[[Any], None] | None = None) -> None:
    """Set the CORS rules that `holdall provision --with-uploads` gives."""
    wanted, _ = needs.read(place, origins=(SITE,), with_uploads=True)
    rules = settings.cors_rules(wanted)
    if change:
        change(rules[0])
    provider.client.put_bucket_cors(Bucket=place["STORAGE_BUCKET_NAME"], CORSConfiguration={"CORSRules": rules})


@everywhere
def test_generated_rules_are_enough(provider: Provider, place: dict[str, str]) -> None:
    allow(provider, place)
    report = looked_at(place, SITE)
    assert ids(report, Level.ERROR, Level.WARNING, Level.NOTICE) == [], told(report)
    assert the(report, "D870").seen == SITE
    assert "D900" in ids(report, Level.OK)


@everywhere
@pytest.mark.failure("J1")
@pytest.mark.parametrize("missing", ["PUT", "site", "header"])
def test_site_that_cannot_upload_is_named(provider: Provider, place: dict[str, str], missing: str) -> None:
    def change(rule: Any) -> None:
        if missing == "PUT":
            rule["AllowedMethods"] = ["GET", "HEAD"]
        elif missing == "header":
            rule["AllowedHeaders"] = ["range"]

    allow(provider, place, change)
    site = OTHER if missing == "site" else SITE
    report = looked_at(place, site)
    assert ids(report, Level.WARNING) == ["D871"], told(report)
    assert "--with-uploads --" in the(report, "D871").cause.do
    assert site in the(report, "D871").cause.do


@everywhere
def test_etag_that_cannot_be_read_is_a_notice(provider: Provider, place: dict[str, str]) -> None:
    allow(provider, place, lambda rule: rule.update(ExposeHeaders=["Content-Length"]))
    assert ids(looked_at(place, SITE), Level.WARNING, Level.NOTICE) == ["D872"]


@everywhere
def test_without_a_site_it_says_so(place: dict[str, str]) -> None:
    assert ids(looked_at(place), Level.WARNING, Level.NOTICE) == ["D873"]


@only("ceph-http")  # SeaweedFS has no policy of one folder for everybody
def test_uploads_that_everyone_can_read_are_found(provider: Provider, place: dict[str, str], own_bucket: str) -> None:
    allow(provider, place)
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{own_bucket}/*"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    provider.client.put_bucket_policy(Bucket=own_bucket, Policy=policy)
    report = looked_at(place, SITE)
    assert ids(report, Level.WARNING) == ["D874"], told(report)


@everywhere
@pytest.mark.failure("N1")
def test_old_uploads_are_found(provider: Provider, place: dict[str, str], own_bucket: str) -> None:
    allow(provider, place)
    storage: Any = build_storage(place)
    key = f"{storage._prefix('')}.holdall/uploads/2026-01-01/0123/file"
    provider.client.put_object(Bucket=own_bucket, Key=key, Body=b"left")
    assert "D875" not in ids(looked_at(place, SITE), Level.WARNING)
    with mock.patch.object(layer, "LEFT_SECONDS", timedelta(seconds=-60).total_seconds()):
        report = looked_at(place, SITE)
    assert ids(report, Level.WARNING) == ["D875"], told(report)
    assert the(report, "D875").seen.startswith("1, the oldest from 20")


@everywhere
def test_project_without_uploads_is_not_examined(place: dict[str, str], settings: Any) -> None:
    settings.INSTALLED_APPS = ["holdall"]
    assert ids(looked_at(place, SITE), Level.WARNING, Level.NOTICE) == []
