"""Remedies are for the provider that it is: its own tools and words, and nothing that opens more than was asked."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator

import pytest

from holdall import doctor
from holdall.doctor import grants, outside, remedies, stores
from holdall.doctor.doors import Doors
from holdall.doctor.examination import Examination
from holdall.doctor.web import Page
from holdall.findings import Finding
from tests.unit.doctor import PAIR

# The endpoint of each kind; None: mode `do`.
ENDPOINTS = {
    "amazon": "",
    "spaces": None,
    "r2": "https://0a1b2c.r2.cloudflarestorage.com",
    "b2": "https://s3.eu-central-003.backblazeb2.com",
    "scaleway": "https://s3.fr-par.scw.cloud",
    "ovh": "https://s3.gra.io.cloud.ovh.net",
    "hetzner": "https://fsn1.your-objectstorage.com",
    "wasabi": "https://s3.eu-central-1.wasabisys.com",
    # Ceph, MinIO, Garage and everything else.
    "generic": "https://s3.example.com",
}
# Words, and where they may appear.
POLICIES = {"amazon", "scaleway", "ovh", "hetzner", "wasabi", "generic"}
STATEMENTS = {"amazon", "ovh", "wasabi", "generic"}
WORDS = {
    r"put-public-access-block|BlockPublicPolicy": {"amazon"},
    # Hetzner has them in the policies of buckets alone.
    r'"Effect"|\barn:aws': STATEMENTS | {"hetzner"},
    r"\bIAM\b": {"amazon", "scaleway"},
    r"s3:[A-Z]": POLICIES,
    r"Principal|-bucket-policy": POLICIES,
    r"-object-acl|put-bucket-acl": POLICIES,
    r"\baws s3api": POLICIES | {"r2", "b2"},
    r"CloudFront|cloudfront|origin access control|key group": {"amazon"},
    r"\bkms:|KMS": {"amazon", "generic"},
    r"s3cmd|doctl|control panel|\bSpaces?\b|DO_REGION": {"spaces"},
    r"\bR2\b|r2\.dev|Object Read|Admin Read": {"r2"},
    r"\bb2 (bucket|key)|\bB2\b": {"b2"},
    r"Wasabi": {"wasabi"},
    r"S3 Policy": {"ovh"},
}


def at(provider: str, *, public: bool = False, location: str = "") -> Examination:
    endpoint = ENDPOINTS[provider]
    environ = {"STORAGE_BUCKET_NAME": "acme-media", **PAIR}
    if endpoint is None:
        environ |= {"STORAGES_MODE": "do", "DO_REGION": "fra1"}
    elif endpoint:
        environ["AWS_S3_ENDPOINT_URL"] = endpoint
    else:
        environ["AWS_S3_REGION_NAME"] = "eu-central-1"
    if location:
        environ["STORAGE_LOCATION"] = location
    if public:
        environ |= {"STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": "media.example.com"}
    examination = stores.of_environment(environ)
    assert examination.provider.id == provider
    return examination


def foreign(text: str, provider: str) -> list[str]:
    """Give the words in a text that belong to other providers."""
    return [
        match[0] for pattern, where in WORDS.items() if provider not in where and (match := re.search(pattern, text))
    ]


OPEN = (
    Doors(has_public_policy=True, has_public_acl=False, blocks=frozenset()),
    Doors(has_public_policy=False, has_public_acl=True, blocks=frozenset()),
    Doors(has_public_policy=None, has_public_acl=None, blocks=None),
)
ACTIONS = (
    "s3:GetObject", "s3:PutObject", "s3:PutObjectAcl", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:AbortMultipartUpload",
    "s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:GetLifecycleConfiguration",
)  # fmt: skip
SITES = ["https://www.example.com"]
REMEDIES: dict[str, Callable[[Examination], Iterator[str]]] = {
    "grant": lambda it: (grants.grant(it, action) for action in ACTIONS),
    "close": lambda it: (remedies.close(it, found) for found in OPEN),
    "close_one": lambda it: iter([remedies.close_one(it, "a/b.jpg")] if it.provider.id not in {"r2", "b2"} else []),
    "open_one": lambda it: iter([remedies.open_one(it, "a/b.jpg")]),
    "publish": lambda it: iter([remedies.publish(it)]),
    "hide_listing": lambda it: (remedies.hide_listing(it, found) for found in OPEN if it.provider.id != "r2"),
    "shut": lambda it: (remedies.shut(it, found) for found in OPEN if it.provider.id != "r2"),
    "abort": lambda it: iter([remedies.abort(it, "a/b.mp4", "2~abc")]),
    "allow_sites": lambda it: iter([remedies.allow_sites(it, SITES)]),
    "without_challenge": lambda it: iter([remedies.without_challenge(it)]),
}


@pytest.mark.parametrize("public", [False, True], ids=["private", "public"])
@pytest.mark.parametrize("name", REMEDIES)
@pytest.mark.parametrize("provider", ENDPOINTS)
def test_remedy_names_only_what_the_provider_has(provider: str, name: str, *, public: bool) -> None:
    for text in REMEDIES[name](at(provider, public=public)):
        assert text
        assert foreign(text, provider) == [], text


# The probe of each writes its own remedy, by a function above.
WRITTEN_BY_PROBES = {"D602", "D607", "D851", "D856", "D857", "D903"}
# Found only where somebody has set a key of CloudFront, or at Amazon.
AT_AMAZON_ALONE = {"D007", "D223", "D224"}
# Their variable, or what is set in it, says which mode or provider it is.
OF_VARIABLES = re.compile(r"D1\d\d")


def catalogued(examination: Examination) -> Iterator[Finding]:
    for kind in doctor.kinds():
        if kind.id not in WRITTEN_BY_PROBES | AT_AMAZON_ALONE and not OF_VARIABLES.match(kind.id):
            yield remedies.fitting(kind.found("seen"), examination)


@pytest.mark.parametrize("provider", ENDPOINTS)
def test_catalogue_names_only_what_the_provider_has(provider: str) -> None:
    examination = at(provider, public=True)
    for found in catalogued(examination):
        for cause in (found.cause, *found.otherwise):
            assert foreign(cause.do, provider) == [], f"{found.id}: {cause.do}"


@pytest.mark.parametrize("provider", ENDPOINTS)
def test_something_to_do_is_left_at_every_provider(provider: str) -> None:
    examination = at(provider, public=True)
    for found in catalogued(examination):
        if found.kind.do or found.kind.remedies:
            assert any(cause.do for cause in (found.cause, *found.otherwise)), found.id


@pytest.mark.parametrize("provider", sorted(STATEMENTS))
def test_statement_stands_below_the_place_to_paste_it(provider: str) -> None:
    where, line = grants.grant(at(provider, location="media"), "s3:GetObject").splitlines()
    assert where.endswith(":")
    assert json.loads(line) == {
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::acme-media/media/*",
    }


def test_policy_for_the_distribution_stands_below_the_place_to_paste_it() -> None:
    where, line = remedies.publish(at("amazon", public=True)).splitlines()
    assert where.endswith("(S3 console: the bucket → Permissions → Bucket policy):")
    assert json.loads(line)["Principal"] == {"Service": "cloudfront.amazonaws.com"}


# -- no more than was asked


@pytest.mark.parametrize("provider", ENDPOINTS)
def test_remedy_for_one_file_opens_no_other(provider: str) -> None:
    for location in ("", "media"):
        text = remedies.open_one(at(provider, public=True, location=location), "media/old.jpg")
        assert "It may be private on purpose." in text
        for line in text.splitlines():
            if line.startswith(("aws", "s3cmd")):
                assert any(word.endswith("media/old.jpg") for word in shlex.split(line))
                assert not {"--recursive", "put-bucket-policy", "put-bucket-acl"} & set(shlex.split(line))


@pytest.mark.parametrize("provider", ["spaces", "scaleway"])
def test_files_that_exist_are_opened_by_folder_and_not_the_whole_bucket(provider: str) -> None:
    text = remedies.publish(at(provider, public=True))
    assert "acme-media --acl-public" not in text
    assert "acme-media/ --acl-public" not in text
    assert "s3://acme-media/media/" in remedies.publish(at("spaces", public=True, location="media"))


@pytest.mark.parametrize("provider", ["r2", "b2"])
def test_remedy_that_opens_the_whole_bucket_says_so(provider: str) -> None:
    assert "every file in the bucket" in remedies.publish(at(provider, public=True, location="media"))


@pytest.mark.parametrize("provider", ENDPOINTS)
def test_statement_for_everyone_covers_the_location_alone(provider: str) -> None:
    text = remedies.publish(at(provider, public=True, location="media"))
    for resource in re.findall(r"arn:aws:s3:::[^\"]*", text):
        assert resource == "arn:aws:s3:::acme-media/media/*"


def page(status: int, body: bytes = b"", **headers: str) -> Page:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Page(url="https://media.example.com/a.txt", status=status, headers=named, body=body)


@pytest.mark.parametrize(
    "answer",
    [
        # https://developers.cloudflare.com/cloudflare-challenges/challenge-types/challenge-pages/detect-response/
        page(
            403, b"<!DOCTYPE html><title>Just a moment...</title>", cf_mitigated="challenge", content_type="text/html"
        ),
        # https://docs.aws.amazon.com/waf/latest/developerguide/waf-captcha-and-challenge-how-it-works.html
        page(202, x_amzn_waf_action="challenge"),
        page(405, b"<!DOCTYPE html>", x_amzn_waf_action="captcha", content_type="text/html"),
        page(403, b"<html>Request blocked.</html>", content_type="text/html; charset=utf-8"),
    ],
)
def test_refusal_of_the_domain_itself_is_none_of_the_bucket(answer: Page) -> None:
    assert outside.is_domains_own_refusal(answer)


@pytest.mark.parametrize(
    "answer",
    [
        page(403, b"<Error><Code>AccessDenied</Code></Error>", content_type="application/xml"),
        page(403, b"<html><ul><li>Code: AccessDenied</li></ul></html>", content_type="text/html"),
        page(404, b"", content_type="application/json"),
        page(200, b"<html>", content_type="text/html"),
    ],
)
def test_refusal_of_the_store_is_passed_on_by_the_domain(answer: Page) -> None:
    assert not outside.is_domains_own_refusal(answer)


@pytest.mark.parametrize("provider", ENDPOINTS)
def test_nothing_is_opened_for_a_domain_that_challenges_visitors(provider: str) -> None:
    text = remedies.without_challenge(at(provider, public=True))
    assert "media.example.com" in text
    assert not re.search(r"aws |s3cmd |b2 |public", text)
