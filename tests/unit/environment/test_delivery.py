"""How files reach people: the address in links, what signs them, and what is said where nobody could open one."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import pytest

import holdall
from holdall.environment import contract
from holdall.environment.store import Store

PAIR = {
    "AWS_ACCESS_KEY_ID": "ACMEKEYACMEKEYACMEKE",
    "AWS_SECRET_ACCESS_KEY": "acmesecretacmesecretacmesecretacmesecret",
}
S3 = {"STORAGE_BUCKET_NAME": "acme-media", "AWS_S3_REGION_NAME": "eu-central-1", **PAIR}
SPACES = {"STORAGES_MODE": "do", "DO_REGION": "fra1", "STORAGE_BUCKET_NAME": "acme-media", **PAIR}
R2 = {**S3, "AWS_S3_REGION_NAME": "auto", "AWS_S3_ENDPOINT_URL": "https://abcdef.r2.cloudflarestorage.com"}
COMPOSE = {**S3, "AWS_S3_ENDPOINT_URL": "http://minio:9000"}
DOMAIN = {"AWS_S3_CUSTOM_DOMAIN": "media.example.com"}
PUBLIC = {"STORAGE_MAKE_FILES_PUBLIC": "true"}
SIGNING = {"AWS_S3_SIGN_FOR_DOMAIN": "true"}


def usable(environ: Mapping[str, str]) -> Store:
    reading = contract.read(environ)
    assert reading.problems == ()
    assert reading.store is not None
    return reading.store


def found(environ: Mapping[str, str], *, prefix: str = "") -> dict[str, str]:
    """Give what is said, by the id of its kind."""
    reading = contract.read(environ, prefix=prefix)
    return {getattr(said, "finding", ""): said for said in (*reading.problems, *reading.warnings)}


# -- private files on a domain


def test_domain_of_a_space_carries_links_that_are_signed_for_the_space() -> None:
    environ = {**SPACES, "AWS_S3_CUSTOM_DOMAIN": "acme-media.fra1.cdn.digitaloceanspaces.com"}
    store = usable(environ)
    assert (str(store.custom_domain), store.signs_for_domain) == ("acme-media.fra1.cdn.digitaloceanspaces.com", True)
    assert found(environ) == {}
    assert found({**environ, **SIGNING}) == {}


def test_domain_of_a_space_carries_signed_links_whatever_the_variable_says() -> None:
    environ = {**SPACES, **DOMAIN, "AWS_S3_SIGN_FOR_DOMAIN": "false"}
    assert usable(environ).signs_for_domain
    assert list(found(environ)) == ["D129"]


@pytest.mark.parametrize("named", [{"STORAGE_BUCKET_NAME": "media.acme.example"}, {"AWS_S3_ADDRESSING_STYLE": "path"}])
def test_domain_of_a_space_is_not_used_where_its_name_is_in_the_path(named: dict[str, str]) -> None:
    environ = {**SPACES, **DOMAIN, **named}
    assert usable(environ).custom_domain is None
    assert list(found(environ)) == ["D165"]


@pytest.mark.parametrize("environ", [S3, R2])
def test_domain_that_passes_signed_links_on_carries_them(environ: dict[str, str]) -> None:
    store = usable({**environ, **DOMAIN, **SIGNING})
    assert (str(store.custom_domain), store.signs_for_domain) == ("media.example.com", True)
    assert found({**environ, **DOMAIN, **SIGNING}) == {}


def test_domain_on_private_files_is_not_used_where_nothing_signs_for_it() -> None:
    reading = contract.read({**S3, **DOMAIN})
    assert reading.store is not None
    assert reading.store.custom_domain is None
    row = next(row for row in reading.settings if row.name == "AWS_S3_CUSTOM_DOMAIN")
    assert (row.value, row.source) == (
        "",
        "not used for private files without CloudFront keys or AWS_S3_SIGN_FOR_DOMAIN",
    )
    assert found({**S3, **DOMAIN}) == {
        "D143": "`AWS_S3_CUSTOM_DOMAIN` is not used: files are private, and nothing signs links for it. Set the CloudFront "
        "keys, or `AWS_S3_SIGN_FOR_DOMAIN=true` if the domain passes signed links on to the bucket, or "
        "`STORAGE_MAKE_FILES_PUBLIC=true` if everybody may see every file."
    }


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fra1.digitaloceanspaces.com",
        "https://abcdef.r2.cloudflarestorage.com",
        "https://s3.us-west-004.backblazeb2.com",
        "https://s3.example.com",
    ],
)
def test_cloudfront_is_advised_at_amazon_alone(endpoint: str) -> None:
    said = found({**S3, **DOMAIN, "AWS_S3_ENDPOINT_URL": endpoint})
    assert "CloudFront" not in said["D143"]
    assert "AWS_S3_SIGN_FOR_DOMAIN=true" in said["D143"]


AT_AMAZON = [
    "acme-media.s3.amazonaws.com",
    "acme-media.s3.eu-west-1.amazonaws.com",
    "s3.eu-west-1.amazonaws.com/acme-media",
]
PUBLIC_FILES = {"STORAGE_MAKE_FILES_PUBLIC": "true"}


@pytest.mark.parametrize("domain", AT_AMAZON)
def test_bucket_itself_as_the_domain_of_public_files_is_named(domain: str) -> None:
    said = found({**S3, **PUBLIC_FILES, "AWS_S3_CUSTOM_DOMAIN": domain})
    assert said == {
        "D224": f"`AWS_S3_CUSTOM_DOMAIN` is {domain}, the bucket's own host and no CDN: public files open there only if the "
        "bucket's policy lets everybody read them and Block Public Access is off; `holdall provision` prints what to ask for. "
        "If CloudFront is in front of the bucket, write its domain."
    }


@pytest.mark.parametrize(
    ("asked", "warned"),
    [
        ({}, 1),
        ({"default_acl": "private"}, 1),
        ({"default_acl": "public-read"}, 0),
        ({"object_parameters": {"ACL": "public-read"}}, 0),
    ],
)
def test_bucket_itself_is_no_matter_where_an_acl_is_sent(asked: dict[str, object], warned: int) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        holdall.from_env(
            {**S3, **PUBLIC_FILES, "AWS_S3_CUSTOM_DOMAIN": AT_AMAZON[0]}, storages={"default": {"OPTIONS": asked}}
        )
    assert len([one for one in caught if "the bucket's own host" in str(one.message)]) == warned


@pytest.mark.parametrize("domain", AT_AMAZON)
def test_bucket_itself_as_the_domain_of_private_files_is_not_needed(domain: str) -> None:
    said = found({**S3, "AWS_S3_CUSTOM_DOMAIN": domain})
    assert list(said) == ["D143"]
    assert "not needed: it is the bucket's own host" in said["D143"]
    assert "CloudFront" not in said["D143"]


@pytest.mark.parametrize(
    ("endpoint", "domain"),
    [
        ("https://fra1.digitaloceanspaces.com", "acme-media.fra1.digitaloceanspaces.com"),
        ("https://s3.fr-par.scw.cloud", "https://acme-media.s3.fr-par.scw.cloud"),
        ("http://localhost:9000", "localhost:9000/acme-media"),
    ],
)
def test_bucket_itself_elsewhere_is_not_needed_for_private_files(endpoint: str, domain: str) -> None:
    said = found({**S3, "AWS_S3_ENDPOINT_URL": endpoint, "AWS_S3_CUSTOM_DOMAIN": domain})
    assert "not needed" in said["D143"]


def test_website_of_a_bucket_is_its_own_host_and_answers_no_https() -> None:
    host = "acme-media.s3-website-eu-west-1.amazonaws.com"
    assert "answers no https" in found({**S3, **PUBLIC_FILES, "AWS_S3_CUSTOM_DOMAIN": host})["D224"]
    plain = found({**S3, **PUBLIC_FILES, "AWS_S3_CUSTOM_DOMAIN": f"http://{host}"})
    assert "no https" not in plain["D224"]


def test_host_of_another_bucket_is_named() -> None:
    said = found({**S3, **PUBLIC_FILES, "AWS_S3_CUSTOM_DOMAIN": "acme.old.s3.amazonaws.com"})
    assert list(said) == ["D166"]
    assert 'the host of the bucket "acme.old"' in said["D166"]


@pytest.mark.parametrize("domain", ["d111111abcdef8.cloudfront.net", "media.example.com"])
def test_cdn_as_the_domain_of_public_files_is_right(domain: str) -> None:
    assert found({**S3, **PUBLIC_FILES, "AWS_S3_CUSTOM_DOMAIN": domain}) == {}


@pytest.mark.parametrize("bucket", ["%(AWS_STORAGE_BUCKET_NAME)s", "${AWS_STORAGE_BUCKET_NAME}", "{bucket}", "$BUCKET"])
def test_template_in_a_domain_is_named(bucket: str) -> None:
    said = found({**S3, **PUBLIC_FILES, "AWS_S3_CUSTOM_DOMAIN": f"{bucket}.s3.amazonaws.com"})
    assert "a template that nothing fills in here" in said["D118"]


def test_advice_names_variables_with_the_prefix_of_the_store() -> None:
    said = found({f"PRIVATE_{name}": value for name, value in {**R2, **DOMAIN}.items()}, prefix="PRIVATE_")
    assert "`PRIVATE_AWS_S3_SIGN_FOR_DOMAIN=true`" in said["D143"]


def test_signing_for_no_domain_is_refused() -> None:
    assert found({**S3, **SIGNING}) == {
        "D162": "`AWS_S3_SIGN_FOR_DOMAIN` signs links for `AWS_S3_CUSTOM_DOMAIN`, which is missing."
    }


def test_two_signers_of_one_link_are_refused(pem: str) -> None:
    keys = {"AWS_CLOUDFRONT_KEY_ID": "K2JCJMDEHXQW5F", "AWS_CLOUDFRONT_KEY": pem}
    assert list(found({**S3, **DOMAIN, **SIGNING, **keys})) == ["D163"]
    assert list(found({**S3, **DOMAIN, **keys})) == []


def test_signing_of_public_files_is_not_used() -> None:
    store = usable({**S3, **DOMAIN, **PUBLIC, **SIGNING})
    assert not store.signs_for_domain
    assert list(found({**S3, **DOMAIN, **PUBLIC, **SIGNING})) == ["D164"]


def test_scheme_in_another_tools_variable_is_led_to_the_domain() -> None:
    environ = {**S3, **PUBLIC, **DOMAIN}
    assert found({**environ, "AWS_S3_URL_PROTOCOL": "https:"}) == {}
    assert found({**environ, "AWS_S3_URL_PROTOCOL": "http:"}) == {
        "D148": "`AWS_S3_URL_PROTOCOL` is not read by Holdall; write the scheme before the domain: "
        "`AWS_S3_CUSTOM_DOMAIN=http://media.example.com`."
    }


# -- the address at which browsers reach the server


def test_public_endpoint_is_that_of_links_alone() -> None:
    store = usable({**COMPOSE, "AWS_S3_PUBLIC_ENDPOINT_URL": "http://localhost:9000"})
    assert (store.endpoint_url, store.public_endpoint_url) == ("http://minio:9000", "http://localhost:9000")
    assert found({**COMPOSE, "AWS_S3_PUBLIC_ENDPOINT_URL": "http://localhost:9000"}) == {}


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://minio:9000",
        "http://minio.media.svc:9000",
        "http://minio.media.svc.cluster.local:9000",
        "http://host.docker.internal:9000",
        "http://nas.local:9000",
    ],
)
def test_endpoint_that_no_browser_knows_is_warned_of_with_what_to_set(endpoint: str) -> None:
    said = found({**S3, "AWS_S3_ENDPOINT_URL": endpoint})
    assert list(said) == ["D161"]
    assert "set `AWS_S3_PUBLIC_ENDPOINT_URL` to the address" in said["D161"]
    assert "such as http://localhost:9000 on a development machine." in said["D161"]


@pytest.mark.parametrize(
    "name", ["MINIO_EXTERNAL_ENDPOINT", "AWS_S3_EXTERNAL_ENDPOINT_URL", "AWS_S3_PUBLIC_ENDPOINT", "S3_PUBLIC_URL"]
)
def test_address_for_browsers_under_another_tools_name_is_named(name: str) -> None:
    said = found({**COMPOSE, name: "http://localhost:9000"})
    assert said["D161"].endswith(f"Holdall does not read `{name}`, which may hold it.")


def test_outside_address_as_the_domain_of_private_files_is_led_to_the_public_endpoint() -> None:
    said = found({**COMPOSE, "AWS_S3_CUSTOM_DOMAIN": "localhost:9000/acme-media"})
    assert "Set `AWS_S3_PUBLIC_ENDPOINT_URL=http://localhost:9000` if it is the same server" in said["D143"]


@pytest.mark.parametrize(
    "environ",
    [
        {"AWS_S3_ENDPOINT_URL": "http://localhost:9000"},
        {"AWS_S3_ENDPOINT_URL": "http://127.0.0.1:9000"},
        # Browsers of the same house reach it; a public site beside it is told by the layer `site`.
        {"AWS_S3_ENDPOINT_URL": "http://192.168.1.20:9000"},
        {"AWS_S3_ENDPOINT_URL": "https://s3.example.com"},
        {"AWS_S3_ENDPOINT_URL": "http://minio:9000", "AWS_S3_PUBLIC_ENDPOINT_URL": "https://s3.example.com"},
        {"AWS_S3_ENDPOINT_URL": "http://minio:9000", **PUBLIC, "AWS_S3_CUSTOM_DOMAIN": "localhost:9000/media"},
        {"AWS_S3_ENDPOINT_URL": "http://minio:9000", **PUBLIC, **DOMAIN},
        {"AWS_S3_ENDPOINT_URL": "http://minio:9000", **DOMAIN, **SIGNING},
    ],
)
def test_links_that_browsers_reach_are_not_warned_of(environ: dict[str, str]) -> None:
    assert found({**S3, **environ}) == {}


@pytest.mark.parametrize(
    ("environ", "variable"),
    [
        ({"AWS_S3_PUBLIC_ENDPOINT_URL": "http://minio.media.svc:9000"}, "AWS_S3_PUBLIC_ENDPOINT_URL"),
        ({**PUBLIC, "AWS_S3_CUSTOM_DOMAIN": "minio:9000/media"}, "AWS_S3_CUSTOM_DOMAIN"),
    ],
)
def test_address_of_links_that_no_browser_knows_is_warned_of_by_its_own_name(
    environ: dict[str, str], variable: str
) -> None:
    said = found({**COMPOSE, **environ})
    assert list(said) == ["D161"]
    assert said["D161"].startswith(f"`{variable}` is ")
    assert said["D161"].endswith("write the address at which they reach the server.")


def test_bucket_at_the_front_of_the_public_endpoint_is_found_as_in_the_endpoint() -> None:
    said = found({**COMPOSE, "AWS_S3_PUBLIC_ENDPOINT_URL": "https://acme-media.s3.example.com"})
    assert list(said) == ["D133"]
    assert said["D133"].startswith('`AWS_S3_PUBLIC_ENDPOINT_URL` begins with the bucket "acme-media"')


def test_cdn_as_the_public_endpoint_is_led_to_the_domain() -> None:
    said = found({**COMPOSE, "AWS_S3_PUBLIC_ENDPOINT_URL": "https://acme-media.fra1.cdn.digitaloceanspaces.com"})
    assert "this domain in `AWS_S3_CUSTOM_DOMAIN`" in said["D113"]


def test_store_under_a_prefix_and_a_parent_are_warned_of_too() -> None:
    prefixed = {f"PRIVATE_{name}": value for name, value in COMPOSE.items()}
    assert "set `PRIVATE_AWS_S3_PUBLIC_ENDPOINT_URL`" in found(prefixed, prefix="PRIVATE_")["D161"]
    parent = {f"PARENT_{name}": value for name, value in COMPOSE.items()}
    said = found({**S3, "STORAGE_BUCKET_NAME": "acme-fork", **parent})
    assert said["D161"].startswith("`PARENT_AWS_S3_ENDPOINT_URL` is http://minio:9000")


def test_parent_has_a_public_endpoint_of_its_own() -> None:
    parent = {f"PARENT_{name}": value for name, value in COMPOSE.items()}
    reading = contract.read(
        {
            **S3,
            "STORAGE_BUCKET_NAME": "acme-fork",
            **parent,
            "PARENT_AWS_S3_PUBLIC_ENDPOINT_URL": "http://localhost:9000",
        }
    )
    assert (reading.problems, reading.warnings) == ((), ())
    assert reading.parent is not None
    assert reading.parent.store is not None
    assert reading.parent.store.public_endpoint_url == "http://localhost:9000"


def test_addresses_of_links_are_not_used_in_local_mode() -> None:
    environ = {"STORAGES_MODE": "local", "AWS_S3_PUBLIC_ENDPOINT_URL": "http://localhost:9000", **SIGNING}
    store = usable(environ)
    assert (store.public_endpoint_url, store.signs_for_domain) == (None, False)
