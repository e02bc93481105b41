"""The Terraform that is written: parsed by a real parser, and held to what the providers document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import hcl2
import pytest

from holdall.provision import rights, terraform
from tests.provision.environments import CASES, HOSTILE, SECRET, Case
from tests.provision.terraform_schema import ATTRIBUTES, META, RESOURCES, Schema

WRITTEN = {name: case for name, case in CASES.items() if terraform.writes(case.needs())}
every_case = pytest.mark.parametrize("case", WRITTEN.values(), ids=WRITTEN)


def parsed(case: Case) -> dict[str, Any]:
    found: dict[str, Any] = hcl2.loads(terraform.render(case.needs()))
    return found


def resources(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for block in document.get("resource", []):
        for kind, named in block.items():
            for name, body in named.items():
                if kind != "__is_block__" and name != "__is_block__":
                    yield kind.strip('"'), name.strip('"'), body


def check(body: dict[str, Any], schema: Schema, where: str) -> None:
    known = {name.rstrip("!"): inner for name, inner in schema.items()}
    given = {name: value for name, value in body.items() if not name.startswith("__")}
    assert given.keys() <= known.keys(), where
    assert {name.rstrip("!") for name in schema if name.endswith("!")} <= given.keys(), where
    for name, value in given.items():
        if known[name] is not None:
            for block in value:
                check(block, known[name], f"{where}.{name}")


@every_case
def test_resources_and_arguments_are_the_documented_ones(case: Case) -> None:
    found = list(resources(parsed(case)))
    assert found
    for kind, name, body in found:
        assert name == "media"
        check(body, RESOURCES[kind][1] | META, kind)


@every_case
def test_references_lead_to_what_is_there(case: Case) -> None:
    text = terraform.render(case.needs())
    there = {kind for kind, _name, _body in resources(parsed(case))}
    code = re.sub(r"#.*", "", text)
    for kind, attribute in re.findall(r"\b((?:aws|digitalocean)_\w+)\.media(?:\[\d\]|\[\*\])?\.(\w+)", code):
        assert kind in there
        arguments = {name.rstrip("!") for name in RESOURCES[kind][1]}
        assert attribute in ATTRIBUTES.get(kind, set()) | arguments, kind
    assert set(re.findall(r"\bvar\.(\w+)", code)) == set(re.findall(r'^variable "(\w+)"', code, re.MULTILINE))


@every_case
def test_variables_and_outputs_are_declared_once(case: Case) -> None:
    declared = re.findall(r'^(\w+ "[^"]+"(?: "[^"]+")?) \{', terraform.render(case.needs()), re.MULTILINE)

    assert len(declared) == len(set(declared))


@every_case
def test_secrets_are_not_written(case: Case) -> None:
    text = terraform.render(case.needs())

    assert SECRET not in text
    assert "PRIVATE KEY" not in text
    assert "asked" not in text


@pytest.mark.parametrize("name", ["amazon-hostile", "spaces-hostile"])
def test_location_stays_a_value(name: str) -> None:
    """Terraform evaluates `${…}` and `%{…}` in a string, and ends it at a quotation mark."""
    text = terraform.render(WRITTEN[name].needs())
    [rule] = [
        body
        for kind, _name, body in resources(hcl2.loads(text))
        if kind in {"aws_s3_bucket_lifecycle_configuration", "digitalocean_spaces_bucket"}
    ]
    inner = rule["rule"][0]["filter"][0] if "rule" in rule else rule["lifecycle_rule"][0]
    written = inner["prefix"][1:-1]

    assert re.search(r"(?<!\$)\$\{", written) is None
    assert re.search(r"(?<!%)%\{", written) is None
    assert json.loads(f'"{written}"').replace("$${", "${").replace("%%{", "%{") == f"{HOSTILE}/"


def test_policy_in_terraform_is_the_policy() -> None:
    """Terraform's objects are those of JSON with other signs, so that they can be read back."""
    case = WRITTEN["amazon-everything"]
    [body] = [body for kind, _name, body in resources(parsed(case)) if kind == "aws_iam_policy"]
    written = body["policy"].removeprefix("${jsonencode(").removesuffix(")}")

    assert json.loads(re.sub(r"\b(\w+) = ", r'"\1": ', written)) == rights.app_policy(case.needs())


@pytest.mark.parametrize(
    ("name", "has", "lacks"),
    [
        ("amazon-private", {"aws_iam_policy", "aws_s3_bucket_public_access_block"}, {"aws_cloudfront_distribution"}),
        ("amazon-public", {"aws_cloudfront_distribution", "aws_s3_bucket_policy"}, {"aws_cloudfront_key_group"}),
        ("amazon-signed-by-cloudfront", {"aws_cloudfront_key_group", "aws_cloudfront_public_key"}, set()),
        ("amazon-read-only", {"aws_iam_policy"}, {"aws_s3_bucket"}),
        ("spaces-private", {"digitalocean_spaces_key"}, {"digitalocean_cdn"}),
        ("spaces-public", {"digitalocean_cdn"}, {"digitalocean_certificate"}),
        ("spaces-public-own-domain", {"digitalocean_certificate"}, set()),
        ("spaces-public-cdn-domain", {"digitalocean_cdn"}, {"digitalocean_certificate"}),
        ("spaces-read-only", {"digitalocean_spaces_key"}, {"digitalocean_spaces_bucket"}),
    ],
)
def test_what_is_needed_is_made_and_nothing_else(name: str, has: set[str], lacks: set[str]) -> None:
    kinds = {kind for kind, _name, _body in resources(parsed(WRITTEN[name]))}

    assert has <= kinds
    assert not lacks & kinds


def test_listing_of_a_space_is_never_public() -> None:
    [body] = [body for kind, _, body in resources(parsed(WRITTEN["spaces-public"])) if kind.endswith("spaces_bucket")]

    assert body["acl"] == '"private"'
