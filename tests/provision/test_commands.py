"""The commands that are written: run by a real shell, their arguments held to the models that the AWS CLI is made of."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import botocore.session
import pytest
from botocore import xform_name
from botocore.validate import ParamValidator

from holdall.provision import commands
from tests.provision.environments import ARN, CASES, HOSTILE, SECRET, Case

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)

# In the place of each tool: it notes how it was called, and says what a script reads of its answer.
RECORDER = """#!{python} -IS
import json, os, sys
with open(os.environ["CALLS"], "a") as calls:
    print(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:]]), file=calls)
if "create-distribution" in sys.argv:
    print("{arn}\\td111111abcdef8.cloudfront.net")
elif "create" in " ".join(sys.argv):
    print("made-id-as-long-as-a-resource-name")
"""
MADE = "made-id-as-long-as-a-resource-name"
# What belongs to the CLI and not to the operation.
GLOBAL = {"query", "output", "endpoint-url", "region"}


def run(case: Case, folder: Path, **variables: str) -> list[list[str]]:
    """Run the commands with tools that only note; give how they were called."""
    tools = folder / "tools"
    tools.mkdir()
    for name in ("aws", "doctl", "s3cmd"):
        tool = tools / name
        tool.write_text(RECORDER.format(python=sys.executable, arn=ARN))
        tool.chmod(0o755)
    (folder / "public_key.pem").write_text("-----BEGIN PUBLIC KEY-----\nbase64\n-----END PUBLIC KEY-----\n")
    environ = {"PATH": f"{tools}:/usr/bin:/bin", "CALLS": str(folder / "calls"), **variables}
    done = subprocess.run(
        ["sh", "-c", commands.render(case.needs())],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    calls = folder / "calls"
    return [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []


REQUIRED = {"AWS_S3_REGION_NAME": "eu-west-3", "CERTIFICATE_ARN": "arn:aws:acm:us-east-1:111122223333:certificate/1"}


def given(words: list[str]) -> dict[str, str]:
    options = dict(zip(words[::2], words[1::2], strict=True))
    assert all(name.startswith("--") for name in options)
    return {name.removeprefix("--"): value for name, value in options.items()}


@functools.cache
def model_of(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def validated(call: list[str]) -> dict[str, Any]:
    """Hold a call of the AWS CLI to the API's own model, and give its parameters."""
    _tool, service, operation, *rest = call
    model = model_of("s3" if service == "s3api" else service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    shape = model.operation_model(operations[operation]).input_shape
    assert shape is not None
    members = {xform_name(name, "-"): name for name in shape.members}
    parameters: dict[str, Any] = {}
    for name, text in given(rest).items():
        if name in GLOBAL:
            continue
        kind = shape.members[members[name]].type_name
        if kind == "structure":
            parameters[members[name]] = json.loads(text) if text[0] == "{" else dict([text.split("=", 1)])
        else:
            parameters[members[name]] = text
    report = ParamValidator().validate(parameters, shape)
    assert not report.has_errors(), report.generate_report()
    return parameters


@every_case
def test_arguments_are_those_of_the_api(case: Case, tmp_path: Path) -> None:
    for call in run(case, tmp_path, **REQUIRED):
        if call[0] == "aws":
            parameters = validated(call)
            for name in {"Policy", "PolicyDocument"} & parameters.keys():
                assert json.loads(parameters[name])["Statement"]


@every_case
def test_secrets_are_not_written(case: Case) -> None:
    text = commands.render(case.needs())

    assert SECRET not in text
    assert "PRIVATE KEY" not in text
    assert "asked-for" not in text


@pytest.mark.parametrize("name", ["amazon-hostile", "spaces-hostile", "other-hostile"])
def test_location_stays_a_value(name: str, tmp_path: Path) -> None:
    """A shell runs `$(…)` and backticks, and ends a word at a quotation mark and a file at its last line."""
    calls = run(CASES[name], tmp_path, **REQUIRED)

    assert not (tmp_path / "owned").exists()
    files = {path.name for path in tmp_path.iterdir()} - {"tools", "calls", "public_key.pem"}
    assert files <= {"holdall-lifecycle.xml", "holdall-cors.xml", "holdall-rights.json"}
    if name == "spaces-hostile":
        prefix = ET.parse(tmp_path / "holdall-lifecycle.xml").findtext(".//Prefix")
    else:
        [call] = [call for call in calls if "put-bucket-lifecycle-configuration" in call]
        prefix = validated(call)["LifecycleConfiguration"]["Rules"][0]["Filter"]["Prefix"]
    assert prefix == f"{HOSTILE}/"


def test_values_of_earlier_commands_are_put_in(tmp_path: Path) -> None:
    calls = run(CASES["amazon-public-own-domain"], tmp_path, **REQUIRED)
    by_name = {call[2]: validated(call) for call in calls}

    distribution = by_name["create-distribution"]["DistributionConfig"]
    assert distribution["Origins"]["Items"][0]["OriginAccessControlId"] == MADE
    assert distribution["ViewerCertificate"]["ACMCertificateArn"] == REQUIRED["CERTIFICATE_ARN"]
    [statement] = json.loads(by_name["put-bucket-policy"]["Policy"])["Statement"]
    assert statement["Condition"] == {"StringEquals": {"AWS:SourceArn": ARN}}


def test_public_key_is_one_line_of_json(tmp_path: Path) -> None:
    calls = run(CASES["amazon-signed-by-cloudfront"], tmp_path, **REQUIRED)
    [key] = [validated(call) for call in calls if "create-public-key" in call]

    assert key["PublicKeyConfig"]["EncodedKey"].splitlines()[1] == "base64"


@pytest.mark.parametrize(
    ("variables", "made"),
    [({"ROLE": "app"}, ["attach-role-policy"]), ({}, ["create-user", "attach-user-policy", "create-access-key"])],
)
def test_rights_go_to_a_role_or_to_a_user(variables: dict[str, str], made: list[str], tmp_path: Path) -> None:
    calls = run(CASES["amazon-private"], tmp_path, **variables)

    assert [call[2] for call in calls if call[1] == "iam"] == ["create-policy", *made]


def test_what_only_the_reader_knows_is_asked_for(tmp_path: Path) -> None:
    script = commands.render(CASES["amazon-region-unknown"].needs())
    done = subprocess.run(["/bin/sh", "-c", script], env={}, capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "AWS_S3_REGION_NAME: set it to the region of the bucket" in done.stderr


def test_oldest_region_is_not_named(tmp_path: Path) -> None:
    [create] = [call for call in run(CASES["amazon-oldest-region"], tmp_path) if "create-bucket" in call]

    assert create == ["aws", "s3api", "create-bucket", "--bucket", "acme-media"]


def test_spaces_get_a_key_for_one_bucket_and_a_cdn(tmp_path: Path) -> None:
    calls = run(CASES["spaces-public-own-domain"], tmp_path)

    assert calls[-1][:-1] == ["doctl", "spaces", "keys", "create", "holdall-acme-media", "--grants"]
    assert calls[-1][-1] == "bucket=acme-media;permission=readwrite"
    assert calls[-2][-4:] == ["--domain", "media.example.com", "--certificate-id", MADE]


@pytest.mark.parametrize("name", ["spaces-read-only", "amazon-read-only", "other-read-only"])
def test_reading_alone_changes_no_bucket(name: str, tmp_path: Path) -> None:
    text = commands.render(CASES[name].needs())

    assert not re.search(r"\b(put-|create-bucket|mb\b|PutObject|--apply)", text)
    assert run(CASES[name], tmp_path) or "holdall-rights.json" in text


def test_tokens_of_r2_are_told_of_in_its_own_words() -> None:
    text = commands.render(CASES["r2-public"].needs())

    assert '"Object Read & Write"' in text
    assert '"Object Read only"' in commands.render(CASES["r2-private"].needs(read_only=True))
    # R2 knows no policies.
    assert "holdall-rights.json" not in text
    assert "put-bucket-policy" not in text


@every_case
def test_script_is_one_that_a_shell_can_read(case: Case) -> None:
    text = commands.render(case.needs())

    subprocess.run(["sh", "-n"], input=text, text=True, check=True)
    assert all(len(line) <= 130 for line in text.splitlines() if line.startswith("#"))
