"""What a store needs is read from an environment in which what is asked for may be missing."""

from __future__ import annotations

import pytest

from holdall.errors import ContractError, HoldallError
from holdall.provision import needs
from tests.provision.environments import AMAZON, CASES, KEYS, PRIVATE_KEY, PUBLIC, R2, SPACES

PAIR = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@pytest.mark.parametrize(
    ("environ", "asked"),
    [
        (SPACES, PAIR),
        (SPACES | KEYS, ()),
        (SPACES | {"AWS_ACCESS_KEY_ID": "DO00EXAMPLEEXAMPLE00"}, PAIR[1:]),
        (SPACES | PUBLIC, (*PAIR, "AWS_S3_CUSTOM_DOMAIN")),
        (SPACES | KEYS | PUBLIC, ("AWS_S3_CUSTOM_DOMAIN",)),
        (AMAZON, ()),
        (AMAZON | PUBLIC, ("AWS_S3_CUSTOM_DOMAIN",)),
        (AMAZON | {"AWS_CLOUDFRONT_KEY": PRIVATE_KEY}, ("AWS_S3_CUSTOM_DOMAIN", "AWS_CLOUDFRONT_KEY_ID")),
        (R2, PAIR),
        (R2 | KEYS, ()),
    ],
)
def test_what_the_infrastructure_sends_back_may_be_missing(environ: dict[str, str], asked: tuple[str, ...]) -> None:
    assert needs.read(environ)[0].asked == asked


def test_what_stands_in_for_a_missing_value_is_shown_to_nobody() -> None:
    found = needs.read(SPACES | PUBLIC)[0]

    assert found.domain is None
    assert str(found.store.custom_domain) == "asked-for.invalid"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "`STORAGE_BUCKET_NAME` is missing"),
        (SPACES | {"STORAGE_MAKE_FILES_PUBLIC": "ture"}, '"ture"; write true or false'),
        (AMAZON | {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}, "is set but `AWS_SECRET_ACCESS_KEY` is not"),
        (SPACES | {"BUILD_MODE": "true"}, "an image is being built"),
    ],
)
def test_everything_else_has_to_be_there(environ: dict[str, str], said: str) -> None:
    with pytest.raises(ContractError, match=said):
        needs.read(environ)


def test_local_mode_has_nothing_to_hand_over() -> None:
    with pytest.raises(HoldallError) as caught:
        needs.read({"STORAGES_MODE": "local"})
    assert str(caught.value) == (
        "`STORAGES_MODE` is local: the embedded server needs nothing from anybody, so there is nothing to hand over."
    )


def test_live_bucket_is_not_spoken_to_without_keys() -> None:
    with pytest.raises(ContractError, match="`AWS_ACCESS_KEY_ID` is missing"):
        needs.read(SPACES | PUBLIC, live=True)
    # The domain plays no part in the bucket's settings.
    assert needs.read(SPACES | KEYS | PUBLIC, live=True)[0].asked == ("AWS_S3_CUSTOM_DOMAIN",)


def test_second_store_has_a_prefix() -> None:
    environ = {f"PRIVATE_{name}": value for name, value in SPACES.items()}

    found = needs.read(environ, prefix="PRIVATE_")[0]

    assert (found.bucket, found.asked) == ("acme-media", PAIR)


def test_parent_of_a_fork_is_asked_for_under_its_prefix() -> None:
    environ = AMAZON | {f"PARENT_{name}": value for name, value in (SPACES | {"STORAGE_LOCATION": "shop"}).items()}

    found = needs.read(environ, prefix="PARENT_", read_only=True)[0]

    assert (found.on_spaces, found.asked, found.identity[-5:]) == (True, PAIR, "-read")


def test_own_store_of_a_fork_is_asked_for_without_its_parent() -> None:
    parent = {"PARENT_STORAGES_MODE": "do", "PARENT_STORAGE_BUCKET_NAME": "other"}

    assert needs.read(AMAZON | parent)[0].bucket == "acme-media"


def test_stores_of_one_bucket_have_names_of_their_own() -> None:
    one, other = (needs.read(AMAZON | {"STORAGE_LOCATION": where})[0] for where in ("shop", "blog"))

    assert one.mark("Sites") != other.mark("Sites")
    assert one.identity != other.identity
    assert all(name.isalnum() for name in (one.mark("Sites"), other.mark("Sites")))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_identity_is_a_name_that_every_service_takes(case: object) -> None:
    name = case.needs().identity

    assert len(name) <= 64
    assert name.replace("-", "").isalnum()


def test_location_is_no_pattern_to_iam() -> None:
    found = needs.read(AMAZON | {"STORAGE_LOCATION": "a*/b?/${aws:username}"})[0]

    assert found.objects_arn == "arn:aws:s3:::acme-media/a${*}/b${?}/${$}{aws:username}/*"


@pytest.mark.parametrize(
    ("region", "arn"),
    [("cn-north-1", "arn:aws-cn:s3:::acme-media"), ("us-gov-west-1", "arn:aws-us-gov:s3:::acme-media")],
)
def test_other_partitions_have_other_names(region: str, arn: str) -> None:
    assert needs.read(AMAZON | {"AWS_S3_REGION_NAME": region})[0].bucket_arn == arn


def test_origin_is_tidied() -> None:
    assert needs.origin(" HTTPS://www.Example.com/ ") == "https://www.example.com"
    assert needs.origin("http://localhost:8000") == "http://localhost:8000"


@pytest.mark.parametrize(
    "text", ["*", "https://*.example.com", "www.example.com", "https://a.example/b", "https://a b", "", "null"]
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an origin"):
        needs.origin(text)


def test_distribution_is_a_resource_name() -> None:
    arn = "arn:aws:cloudfront::111122223333:distribution/EDFDVBD6EXAMPLE"
    assert needs.distribution(arn) == arn
    with pytest.raises(ValueError, match="is not an ARN"):
        needs.distribution("EDFDVBD6EXAMPLE")
