"""Public files beside private ones in a bucket: exactly the public folder is granted, or nothing at all."""

from __future__ import annotations

from typing import Any

import pytest

from holdall.errors import ContractError
from holdall.provision import commands, handover, needs, plan, rights, settings, terraform
from tests.provision.environments import AMAZON, ARN, CASES, LIMITED, OTHER, R2

SISTER = {"PRIVATE_STORAGE_BUCKET_NAME": "acme-media", "PRIVATE_STORAGE_LOCATION": "private"}
UNLIMITED = {name: value for name, value in LIMITED.items() if name != "STORAGE_DOMAIN_IS_LIMITED"}


def limited(place: dict[str, str] = AMAZON) -> needs.Needs:
    endpoint = {f"PRIVATE_{name}": value for name, value in place.items() if name == "AWS_S3_ENDPOINT_URL"}
    return needs.read(place | LIMITED | endpoint, distribution_arn=ARN if place is AMAZON else None)[0]


@pytest.mark.parametrize("place", [AMAZON, OTHER], ids=["amazon", "other"])
def test_public_folder_alone_is_granted(place: dict[str, str]) -> None:
    [statement] = settings.policy_statements(limited(place))
    assert statement["Resource"] == "arn:aws:s3:::acme-media/public/*"
    written = handover.render(limited(place)) + commands.render(limited(place))
    assert "arn:aws:s3:::acme-media/*" not in written
    assert "The bucket also holds private files" in handover.render(limited(place))
    assert "The bucket also holds private files" in commands.render(limited(place))
    assert "STORAGE_DOMAIN_IS_LIMITED=true" in handover.render(limited(place))


def test_terraform_grants_the_public_folder_alone() -> None:
    written = terraform.render(limited())
    assert "acme-media/public/*" in written
    assert "acme-media/*" not in written
    assert "may read the public folder alone" in written


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (AMAZON | UNLIMITED, "may serve the whole bucket"),
        (AMAZON | LIMITED | {"STORAGE_LOCATION": ""}, "have no `STORAGE_LOCATION`"),
        (
            R2 | LIMITED | {"PRIVATE_AWS_S3_ENDPOINT_URL": R2["AWS_S3_ENDPOINT_URL"]},
            "a bucket on Cloudflare R2 is public as a whole",
        ),
    ],
    ids=["not limited", "limited to the whole bucket", "r2"],
)
@pytest.mark.parametrize("prefix", ["", "PRIVATE_"])
def test_nothing_is_granted_that_would_open_private_files(environ: dict[str, str], said: str, prefix: str) -> None:
    # The domain is still to be made, for whichever store is asked.
    environ = environ | {"AWS_S3_CUSTOM_DOMAIN": "cdn.example.com"} if prefix else environ
    with pytest.raises(ContractError, match=said):
        needs.read(environ, prefix=prefix)


def policy_of(live: Any) -> plan.Change | None:
    wanted = limited()
    [setting] = [one for one in plan.settings_of(wanted) if one.name == "bucket policy"]
    return plan.change(setting, live)


def test_what_was_granted_of_the_whole_bucket_is_taken_back() -> None:
    before = CASES["amazon-public-own-domain"].needs()
    whole = rights.cloudfront_statement(before, ARN)
    theirs = {**whole, "Sid": "Backup", "Principal": {"AWS": "arn:aws:iam::111122223333:role/backup"}}
    found = policy_of(rights.bucket_policy(whole, theirs))
    assert found is not None
    wanted = [line for line in found.lines if line.startswith(("+", "-"))]
    assert any(line.startswith("-") and '"HoldallCloudFront"' in line for line in wanted)
    assert '"Backup"' in found.parameters["Policy"]
    assert '"HoldallCloudFront"' not in found.parameters["Policy"]
    assert policy_of(rights.bucket_policy(theirs, rights.cloudfront_statement(limited(), ARN))) is None
