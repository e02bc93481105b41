"""The page for the infrastructure person."""

from __future__ import annotations

import re
import shlex

import pytest

from holdall.environment import contract
from holdall.provision import handover, needs
from tests.provision.environments import CASES, HOSTILE, KEYS, SECRET, Case

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def env_file(text: str) -> dict[str, str]:
    [block] = re.findall(r"^~~~sh\n(.*?)^~~~$", text, re.MULTILINE | re.DOTALL)
    return dict(word.split("=", 1) for word in shlex.split(block))


@every_case
def test_filled_in_it_is_the_same_store(case: Case) -> None:
    """What is sent back describes the store that was asked for."""
    wanted = case.needs()
    answer = env_file(handover.render(wanted))
    filled = {**KEYS, "AWS_S3_CUSTOM_DOMAIN": "media.example.com", "AWS_S3_REGION_NAME": "eu-west-1"}
    blank = {name for name, value in answer.items() if not value}

    environ = answer | {name: filled.get(name, "K2JCJMDEHXQW5F") for name in blank}
    if wanted.signed_by_cloudfront:
        environ["AWS_CLOUDFRONT_KEY"] = case.environ["AWS_CLOUDFRONT_KEY"]
    reading = contract.read(environ)

    assert reading.problems == ()
    assert blank >= {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert reading.store is not None
    same = ("mode", "provider", "bucket_name", "public", "location", "endpoint_url")
    assert [getattr(reading.store, name) for name in same] == [getattr(wanted.store, name) for name in same]


@every_case
def test_page_has_no_secret_and_no_stand_in(case: Case) -> None:
    text = handover.render(case.needs())

    assert SECRET not in text
    assert "PRIVATE KEY" not in text
    assert "asked-for" not in text


@every_case
def test_tables_have_the_same_number_of_cells_in_every_row(case: Case) -> None:
    text = handover.render(case.needs())
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1


@every_case
def test_blocks_are_closed(case: Case) -> None:
    assert handover.render(case.needs()).count("\n~~~") % 2 == 0


def test_second_store_is_asked_for_under_its_prefix() -> None:
    environ = {f"PRIVATE_{name}": value for name, value in CASES["spaces-public"].environ.items()}

    text = handover.render(needs.read(environ, prefix="PRIVATE_")[0])

    assert "PRIVATE_AWS_ACCESS_KEY_ID=\n" in text
    assert "holdall env --prefix PRIVATE_" in text


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "spaces-public",
            [
                "Read/Write/Delete",
                "enable the CDN of the Space",
                "does not allow a limited key",
                "public-read",
            ],
        ),
        ("spaces-private", ["Read/Write/Delete", "does not allow a limited key"]),
        ("spaces-read-only", ["permission Read (`read`)", "cannot be limited to the folder `shop/`"]),
        ("amazon-private", ["BucketOwnerEnforced", "s3:ListBucketMultipartUploads", "For the role"]),
        ("amazon-public", ["origin access control", "<the distribution's ARN>", "`CORS-S3Origin`"]),
        ("amazon-signed-by-cloudfront", ["Restrict viewer access to a key group", "AWS_CLOUDFRONT_KEY_ID="]),
        ("r2-public", ["Object Read & Write", "custom domain"]),
        ("other-public", ["HoldallPublicRead", "If the provider supports IAM policies", "at https://s3.example.com"]),
        ("scaleway-public", ["public-read", "The ACL lets everybody read them", "`fr-par`"]),
        ("spaces-private-on-its-cdn", ["enable the CDN of the Space", "passes signed links on to the Space"]),
        (
            "other-signed-for-a-domain",
            [
                "the domain that the files are served from",
                "the whole query part of the cache key",
                "AWS_S3_CUSTOM_DOMAIN=\n",
                "AWS_S3_SIGN_FOR_DOMAIN=true",
                "AWS_S3_PUBLIC_ENDPOINT_URL=https://files.example.com",
            ],
        ),
        (
            "other-public-below-a-path",
            [
                "below `10.0.0.7:9000/acme-media/`: after it comes the whole key",
                "AWS_S3_CUSTOM_DOMAIN=10.0.0.7:9000/acme-media",
            ],
        ),
        (
            "other-private",
            [".holdall/trash/", ".holdall/uploads/"],
        ),
    ],
)
def test_page_says_what_is_particular(name: str, says: list[str]) -> None:
    text = handover.render(CASES[name].needs())

    for words in says:
        assert words in text, words


@every_case
def test_page_begins_with_how_to_get_the_program(case: Case) -> None:
    first, *_ = re.findall(r"^## (.*)$", handover.render(case.needs()), re.MULTILINE)
    assert first == "How to get `holdall`"


@every_case
def test_page_says_what_may_be_chosen_freely(case: Case) -> None:
    text = handover.render(case.needs())
    _, heading, rest = text.partition("## What you may choose freely\n\n")
    assert bool(heading) is not case.needs().read_only
    if heading:
        table = rest.partition("\n\n")[0]
        for what in ("versioning", "encryption", "access logs", "deletion protection"):
            assert f"\n| {what}" in table
        assert ("kms:Decrypt" in table) is case.needs().on_amazon


def test_location_with_a_backtick_stays_code() -> None:
    assert f"`` {HOSTILE}/ ``" in handover.render(CASES["amazon-hostile"].needs())
