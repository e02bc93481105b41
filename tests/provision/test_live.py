"""`holdall provision --diff` and `--apply` on live buckets."""

from __future__ import annotations

import argparse
import io
import json
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from holdall import cli
from holdall.providers import AMAZON
from holdall.provision import live, needs
from holdall.provision.needs import Needs
from holdall.provision.plan import canonical
from holdall.s3.connection import Connection, connect
from holdall.s3.target import Target
from holdall.secret import Secret
from tests.contract import only
from tests.providers import Keys, Provider
from tests.provision.environments import ARN, KEYS, PUBLIC
from tests.servers.identities import with_policy

SERVERS = ("ministack", "ceph-http", "seaweedfs-http")
SITE = ("--origin", "https://www.example.com")


@dataclass
class Told:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


def provision(environ: dict[str, str], *arguments: str) -> Told:
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    out, err = io.StringIO(), io.StringIO()
    options = parser.parse_args(["provision", *arguments])
    code = cli.run(options, out=out, err=err, environ=environ)
    return Told(code, out.getvalue(), err.getvalue())


def lifecycle(provider: Provider, bucket: str) -> dict[str, Any]:
    rules = provider.client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    return {rule["ID"]: rule for rule in rules}


def cors(provider: Provider, bucket: str) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = provider.client.get_bucket_cors(Bucket=bucket)["CORSRules"]
    return rules


def policy(provider: Provider, bucket: str) -> dict[str, Any]:
    found = json.loads(provider.client.get_bucket_policy(Bucket=bucket)["Policy"])
    return {statement["Sid"]: statement for statement in found["Statement"]}


@only(*SERVERS)
@pytest.mark.parametrize("location", ["", "shop/media"])
def test_apply_does_what_diff_misses_and_then_there_is_nothing_to_do(provider: Provider, location: str) -> None:
    bucket = provider.create_bucket()
    environ = provider.environ(bucket, location=location)

    missed = provision(environ, "--diff", *SITE, "--with-areas")
    done = provision(environ, "--apply", "--yes", *SITE, "--with-areas")
    again = provision(environ, "--apply", "--yes", *SITE, "--with-areas")
    same = provision(environ, "--diff", *SITE, "--with-areas")

    assert (missed.code, missed.err) == (1, "")
    assert "To change: lifecycle\n  +{\n" in missed.out
    assert "To change: CORS" in missed.out
    assert done.code == 0
    assert done.out == missed.out + "Done: CORS.\nDone: lifecycle.\n"
    assert (again.code, same.code) == (0, 0)
    assert again.out == same.out == "Already correct: CORS.\nAlready correct: lifecycle.\nNothing to do.\n"
    suffix = needs.read(environ)[0].suffix
    assert set(lifecycle(provider, bucket)) == {
        f"Holdall{what}{suffix}" for what in ("UnfinishedUploads", "Staging", "Trash")
    }


@only(*SERVERS)
def test_rules_of_others_are_kept(provider: Provider) -> None:
    bucket = provider.create_bucket()
    environ = provider.environ(bucket)
    theirs = {"ID": "logs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 30}}
    provider.client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [theirs]})
    rule = {"AllowedOrigins": ["https://other.example"], "AllowedMethods": ["GET", "PUT"], "AllowedHeaders": ["X-A"]}
    provider.client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    before = (lifecycle(provider, bucket)["logs"], cors(provider, bucket)[0])

    assert provision(environ, "--apply", "--yes", *SITE).code == 0
    # Another site: our rule is replaced, and no second one is made.
    assert provision(environ, "--apply", "--yes", "--origin", "https://new.example").code == 0

    assert lifecycle(provider, bucket)["logs"] == before[0]
    assert len(lifecycle(provider, bucket)) == 2
    assert before[1] in cors(provider, bucket)
    assert [one["AllowedOrigins"] for one in cors(provider, bucket)] == [
        ["https://other.example"],
        ["https://new.example"],
    ]


@only(*SERVERS)
def test_two_stores_share_a_bucket(provider: Provider) -> None:
    bucket = provider.create_bucket()
    stores = [provider.environ(bucket, location=location) for location in ("", "shop", "blog")]
    for environ in stores:
        assert provision(environ, "--apply", "--yes").code == 0

    assert len(lifecycle(provider, bucket)) == 3
    assert {provision(environ, "--diff").code for environ in stores} == {0}


@only("seaweedfs-http")
def test_public_files_of_other_providers_are_public_by_a_policy(provider: Provider) -> None:
    bucket = provider.create_bucket()
    environ = provider.environ(bucket, location="shop", is_public=True)
    theirs = {"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject"}
    theirs["Resource"] = f"arn:aws:s3:::{bucket}/shop/hidden/*"
    provider.client.put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [theirs]})
    )
    for key in ("shop/a.txt", "shop/hidden/b.txt", "elsewhere.txt"):
        provider.write(bucket, key, b"content")

    assert provision(environ, "--apply", "--yes").code == 0

    assert provider.fetch_anonymously(bucket, "shop/a.txt").status == 200
    assert provider.fetch_anonymously(bucket, "shop/hidden/b.txt").status == 403
    assert provider.fetch_anonymously(bucket, "elsewhere.txt").status == 403
    assert provider.fetch(f"{provider.endpoint_url}/{bucket}?list-type=2").status == 403
    assert len(policy(provider, bucket)) == 2
    assert provision(environ, "--diff").code == 0


def amazon(provider: Provider, bucket: str, keys: Keys | None = None, **changes: Any) -> tuple[Needs, Connection]:
    """Take MiniStack for Amazon: the settings that only Amazon has are planned for Amazon alone."""
    used = keys or provider.keys
    environ = {"STORAGE_BUCKET_NAME": bucket, "AWS_S3_REGION_NAME": provider.region, **PUBLIC}
    target = Target(
        provider=AMAZON,
        bucket_name=bucket,
        endpoint_url=provider.endpoint_url,
        region_name=provider.region,
        access_key=Secret(used.access_key),
        secret_key=Secret(used.secret_key),
        addressing_style="path",
    )
    return needs.read(environ, **changes)[0], connect(target)


@only("ministack")
def test_bucket_on_amazon_is_closed_and_read_by_cloudfront_alone(provider: Provider) -> None:
    bucket = provider.create_bucket()
    provider.client.delete_public_access_block(Bucket=bucket)
    wanted, connection = amazon(provider, bucket, distribution_arn=ARN)

    plan = live.plan(wanted, connection)
    outcomes = list(live.apply(plan, connection))

    assert [outcome.failure for outcome in outcomes] == [None] * len(plan.changes)
    block = provider.client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert all(block.values())
    [rule] = provider.client.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rule == {"ObjectOwnership": "BucketOwnerEnforced"}
    assert policy(provider, bucket)["HoldallCloudFront"]["Condition"] == {"StringEquals": {"AWS:SourceArn": ARN}}
    again = live.plan(wanted, connection)
    assert (again.changes, again.obstacles) == ((), ())
    assert len(again.same) == 4


@only("ministack")
def test_policy_for_an_unknown_distribution_is_said_and_not_planned(provider: Provider) -> None:
    wanted, connection = amazon(provider, provider.create_bucket())

    plan = live.plan(wanted, connection)

    assert "bucket policy" not in {change.setting for change in plan.changes}
    [obstacle] = plan.obstacles
    assert "--distribution-arn" in obstacle


def limited(provider: Provider, bucket: str, *actions: str) -> Keys:
    statement = {"Sid": "Some", "Effect": "Allow", "Action": list(actions), "Resource": f"arn:aws:s3:::{bucket}"}
    return with_policy(provider, {"Version": "2012-10-17", "Statement": [statement]})


@only("ministack")
def test_refused_call_is_said_and_the_others_go_on(provider: Provider) -> None:
    bucket = provider.create_bucket()
    keys = limited(provider, bucket, "s3:GetBucketCORS", "s3:GetLifecycleConfiguration", "s3:PutLifecycleConfiguration")
    environ = provider.environ(bucket, keys=keys)

    told = provision(environ, "--apply", "--yes", *SITE)

    assert told.code == 1
    assert "Not done: Setting the CORS was refused (403 AccessDenied)" in told.out
    assert "Grant s3:PutBucketCORS on" in told.out
    assert told.out.endswith("Done: lifecycle.\n")
    assert list(lifecycle(provider, bucket)) == ["HoldallUnfinishedUploads"]


@only("ministack")
def test_what_can_not_be_read_is_not_overwritten(provider: Provider) -> None:
    bucket = provider.create_bucket()
    rule = {"AllowedOrigins": ["https://other.example"], "AllowedMethods": ["GET"]}
    provider.client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    keys = limited(provider, bucket, "s3:PutBucketCORS", "s3:GetLifecycleConfiguration", "s3:PutLifecycleConfiguration")
    environ = provider.environ(bucket, keys=keys)

    diff = provision(environ, "--diff", *SITE)
    told = provision(environ, "--apply", "--yes", *SITE)

    # The lifecycle differs, and CORS may.
    assert (diff.code, told.code) == (3, 1)
    assert "To change: lifecycle" in diff.out
    assert "Not compared: Reading the CORS was refused (403 AccessDenied)" in diff.out
    assert "Not possible: Reading the CORS was refused (403 AccessDenied)" in told.out
    assert "The CORS is left as it is." in " ".join(told.out.split())
    assert "Done: lifecycle." in told.out
    assert [one["AllowedOrigins"] for one in cors(provider, bucket)] == [["https://other.example"]]


@only("seaweedfs-http")
def test_call_that_a_provider_does_not_know_is_said(provider: Provider) -> None:
    wanted, connection = amazon(provider, provider.create_bucket(), distribution_arn=ARN)

    plan = live.plan(wanted, connection)

    assert any("public access block" in obstacle for obstacle in plan.obstacles)
    assert {change.setting for change in plan.changes} >= {"lifecycle", "bucket policy"}


@only("ministack")
@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("yes\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
def test_it_asks_before_it_changes(provider: Provider, answer: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = provider.create_bucket()
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))

    told = provision(provider.environ(bucket), "--apply")

    assert told.code == code
    assert "Change the bucket like this? [y/N] " in told.out
    if code:
        assert told.out.endswith("Nothing was changed.\n")
        with pytest.raises(ClientError, match="NoSuchLifecycleConfiguration"):
            lifecycle(provider, bucket)
    else:
        assert lifecycle(provider, bucket)


@only("ministack")
def test_bucket_that_is_not_there_is_said_once(provider: Provider) -> None:
    told = provision(provider.environ("there-is-no-such-bucket"), "--diff", *SITE)

    assert (told.code, told.out) == (3, "")
    assert told.err.startswith('There is no bucket "there-is-no-such-bucket"')
    assert told.err.endswith(" Nothing was compared.\n")
    assert told.err.count("\n") == 1


@pytest.mark.parametrize(("deed", "code"), [("--diff", 3), ("--apply", 1)])
def test_store_that_does_not_answer_could_not_be_looked_at(deed: str, code: int) -> None:
    environ = {
        "STORAGE_BUCKET_NAME": "acme-media",
        "AWS_S3_ENDPOINT_URL": "http://127.0.0.1:9",
        "STORAGE_TIMEOUT": "1s",
        **KEYS,
    }
    told = provision(environ, deed)

    assert (told.code, told.out) == (code, "")
    assert "127.0.0.1:9" in told.err
    assert told.err.endswith(" Nothing was compared.\n") is (deed == "--diff")


def test_rule_of_ours_is_recognised_however_a_server_writes_it_down() -> None:
    ours = {"ID": "a", "Filter": {"Prefix": ""}, "Methods": ["GET", "HEAD"], "Action": ["s3:GetObject"]}
    theirs = {"Methods": ["HEAD", "GET"], "ID": "a", "Action": "s3:GetObject", "Filter": {}}

    assert canonical([ours]) == canonical([theirs])
    assert canonical([ours]) != canonical([{**ours, "Methods": ["GET"]}])
