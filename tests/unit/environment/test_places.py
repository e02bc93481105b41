"""Where a store is, by what people write: the endpoint with its path and scheme, the region, the addressing style."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

import holdall
from holdall.environment import contract
from holdall.environment.contract import Reading
from holdall.environment.store import Store
from holdall.environment.variables import VARIABLES

PAIR = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}
S3 = {"STORAGE_BUCKET_NAME": "acme-media", **PAIR}
SPACES = {"STORAGES_MODE": "do", **S3}


def read(environ: Mapping[str, str], **changes: str) -> Reading:
    return contract.read({**environ, **changes})


def usable(environ: Mapping[str, str], **changes: str) -> Store:
    reading = read(environ, **changes)
    assert reading.problems == ()
    assert reading.store is not None
    return reading.store


def shown(environ: Mapping[str, str], name: str, **changes: str) -> tuple[str, str]:
    return next((one.value, one.source) for one in read(environ, **changes).settings if one.name == name)


# -- the endpoint


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://abcdefghijklmnopqrst.storage.supabase.co/storage/v1/s3", None),
        (
            "https://abcdefghijklmnopqrst.supabase.co/storage/v1/s3/",
            "https://abcdefghijklmnopqrst.supabase.co/storage/v1/s3",
        ),
        ("https://proxy.example.com/minio", None),
        ("https://proxy.example.com:8443/s3/api_v1.2", None),
        ("https://s3.example.com:443", "https://s3.example.com"),
        ("http://10.0.0.5:80", "http://10.0.0.5"),
    ],
)
def test_endpoint_keeps_the_path_of_its_api(given: str, used: str | None) -> None:
    reading = read(S3, AWS_S3_ENDPOINT_URL=given)
    assert (reading.problems, reading.warnings) == ((), ())
    assert reading.store
    assert reading.store.endpoint_url == (used or given)


@pytest.mark.parametrize(
    ("given", "write"),
    [
        ("https://s3.example.com/acme-media", "write the address without it: https://s3.example.com"),
        ("https://s3.example.com/minio/acme-media", "write the address without it: https://s3.example.com/minio"),
        ("https://s3.example.com/acme-media/media", "write the address without it: https://s3.example.com"),
        (
            "https://0a1b.r2.cloudflarestorage.com/acme-media",
            "write only the address, https://0a1b.r2.cloudflarestorage.com",
        ),
        ("https://ams3.digitaloceanspaces.com/media", "write only the address, https://ams3.digitaloceanspaces.com"),
        ("https://abc.supabase.co", "write https://abc.supabase.co/storage/v1/s3"),
        ("https://s3.example.com/?x=1", "write https://s3.example.com"),
        ("https://s3.example.com/minio#a", "write https://s3.example.com/minio"),
        ("https://s3.example.com/../up", "single slashes"),
        ("https://s3.example.com/a//b", "single slashes"),
        ("https://s3.example.com/a%20b", "single slashes"),
    ],
)
def test_endpoint_with_a_wrong_path_is_told_what_to_write(given: str, write: str) -> None:
    [problem] = read(S3, AWS_S3_ENDPOINT_URL=given).problems
    assert write in problem
    assert problem.finding == "D114"  # type: ignore[attr-defined]  # each sentence has the id of its kind


def test_address_that_serves_a_buckets_files_is_no_endpoint() -> None:
    [problem] = read(S3, AWS_S3_ENDPOINT_URL="https://f004.backblazeb2.com/file/acme-media").problems
    assert "serves files but is not an S3 API" in problem


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("minio:9000", "http://minio:9000"),
        ("localhost:9000", "http://localhost:9000"),
        ("//localhost:9000", "http://localhost:9000"),
        ("127.0.0.1:8333/s3", "http://127.0.0.1:8333/s3"),
        ("192.168.1.20:9000", "http://192.168.1.20:9000"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("minio.storage.svc:9000", "http://minio.storage.svc:9000"),
        ("s3.example.com", "https://s3.example.com"),
        ("203.0.113.7:9000", "https://203.0.113.7:9000"),
    ],
)
def test_endpoint_without_a_scheme_gets_the_likely_one_and_says_so(given: str, used: str) -> None:
    reading = read(S3, AWS_S3_ENDPOINT_URL=given)
    assert reading.store
    assert reading.store.endpoint_url == used
    [warning] = [one for one in reading.warnings if "no scheme" in one]
    assert f"{used.partition('://')[0]}:// was added" in warning


# -- the region


def test_region_of_an_unknown_endpoint_is_a_default() -> None:
    assert shown(S3, "AWS_S3_REGION_NAME", AWS_S3_ENDPOINT_URL="https://s3.example.com") == ("us-east-1", "default")
    assert shown(S3, "AWS_S3_REGION_NAME", AWS_S3_ENDPOINT_URL="http://garage:3900") == ("garage", "default")


@pytest.mark.parametrize(
    ("endpoint", "region"),
    [
        ("https://mynamespace.compat.objectstorage.eu-frankfurt-1.oraclecloud.com", "eu-frankfurt-1"),
        ("https://sos-ch-gva-2.exo.io", "ch-gva-2"),
        ("https://storage.yandexcloud.net", "ru-central1"),
        ("https://bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com", "us-east-1"),
        ("https://fly.storage.tigris.dev", "auto"),
    ],
)
def test_region_that_the_endpoint_tells_is_from_there(endpoint: str, region: str) -> None:
    environ = {"AWS_S3_ENDPOINT_URL": endpoint, "AWS_REGION": "eu-west-1"}
    assert shown({**S3, **environ}, "AWS_S3_REGION_NAME") == (region, "from AWS_S3_ENDPOINT_URL")
    assert usable(S3, **environ).region_name == region


def test_region_of_the_machine_counts_where_the_endpoint_tells_none() -> None:
    assert usable(S3, AWS_S3_ENDPOINT_URL="http://garage:3900", AWS_REGION="home").region_name == "home"


@pytest.mark.parametrize("name", ["AWS_S3_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION"])
@pytest.mark.parametrize(
    ("region", "more", "said"),
    [
        ("auto", {}, ["no endpoint is set", "Set `AWS_S3_ENDPOINT_URL` to the address"]),
        ("auto", {"AWS_ENDPOINT_URL_S3": "https://fly.storage.tigris.dev"}, ["`AWS_ENDPOINT_URL_S3` holds one"]),
        ("us-west-004", {"AWS_ENDPOINT_URL": "https://s3.example.com"}, ["`AWS_ENDPOINT_URL` holds one"]),
        ("fra1", {}, ["DigitalOcean Spaces", "`STORAGES_MODE=do`", "`DO_REGION=fra1`"]),
        ("fsn1", {}, ["a region of Hetzner", "`AWS_S3_ENDPOINT_URL=https://fsn1.your-objectstorage.com`"]),
        ("fr-par", {}, ["a region of Scaleway", "`AWS_S3_ENDPOINT_URL=https://s3.fr-par.scw.cloud`"]),
        ("us-west-004", {}, ["a region of Backblaze", "`AWS_S3_ENDPOINT_URL=https://s3.us-west-004.backblazeb2.com`"]),
        ("gra", {}, ["a region of OVHcloud", "`AWS_S3_ENDPOINT_URL=https://s3.gra.io.cloud.ovh.net`"]),
        ("ewr1", {}, ["no endpoint is set", "Set `AWS_S3_ENDPOINT_URL`"]),
        ("ru-central1", {}, ["the region of some other providers", "Set `AWS_S3_ENDPOINT_URL`"]),
        ("garage", {}, ["the region of some other providers", "Set `AWS_S3_ENDPOINT_URL`"]),
    ],
)
def test_region_of_another_provider_names_what_is_missing(
    name: str, region: str, more: dict[str, str], said: list[str]
) -> None:
    # The endpoint is spoken of as well, where another tool's variable has it.
    [problem] = [
        one for one in read(S3, **{name: region}, **more).problems if one.startswith(f"`{name}` is {region}, ")
    ]
    assert all(part in problem for part in said), problem


@pytest.mark.parametrize(
    "regions",
    [
        {"AWS_S3_REGION_NAME": "fra1"},
        {"AWS_REGION": "fra1"},
        {"AWS_DEFAULT_REGION": "nyc3"},
        {"DO_REGION": "nyc3", "AWS_S3_REGION_NAME": "us-east-1"},
        {"DO_REGION": "nyc3", "AWS_REGION": "fra1"},
    ],
)
def test_region_of_a_space_in_a_variable_of_amazons_is_an_error(regions: dict[str, str]) -> None:
    [problem] = read(SPACES, **regions).problems
    assert "`DO_REGION`" in problem
    assert not read(SPACES, **regions).warnings


@pytest.mark.parametrize(
    "regions",
    [
        {"AWS_REGION": "eu-west-1"},
        {"AWS_DEFAULT_REGION": "us-east-1", "DO_REGION": "fra1"},
        {"AWS_REGION": "fra1", "DO_REGION": "fra1"},
        {"AWS_S3_REGION_NAME": "ams3"},
    ],
)
def test_region_of_the_machine_or_of_the_space_itself_is_none(regions: dict[str, str]) -> None:
    usable(SPACES, **regions)


# -- the addressing style


def style(environ: Mapping[str, str], **changes: str) -> Any:
    return holdall.from_env({**environ, **changes})["default"]["OPTIONS"]["addressing_style"]


@pytest.mark.parametrize("given", ["virtual", "path", "Virtual", "PATH"])
def test_style_that_is_written_reaches_the_storage(given: str) -> None:
    assert style(S3, AWS_S3_ENDPOINT_URL="https://s3.example.com", AWS_S3_ADDRESSING_STYLE=given) == given.lower()


def test_style_is_the_providers_where_none_is_written() -> None:
    assert style(S3) is None
    for endpoint, shows in [
        ("https://fly.storage.tigris.dev", ("virtual", "default of Tigris")),
        ("https://s3.example.com", ("path", "default of S3-compatible")),
    ]:
        assert shown(S3, "AWS_S3_ADDRESSING_STYLE", AWS_S3_ENDPOINT_URL=endpoint) == shows


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"AWS_S3_ADDRESSING_STYLE": "auto"}, "write virtual or path, or unset it"),
        ({"AWS_S3_ADDRESSING_STYLE": "vrtual"}, "did you mean virtual?"),
        ({"AWS_S3_ADDRESSING_STYLE": "virtual", "AWS_S3_ENDPOINT_URL": "http://10.0.0.5:9000"}, "has no subdomains"),
        ({"AWS_S3_ADDRESSING_STYLE": "virtual", "STORAGE_BUCKET_NAME": "media.acme.org"}, "no certificate covers"),
        (
            {"AWS_S3_ENDPOINT_URL": "https://t3.storage.dev", "STORAGE_BUCKET_NAME": "media.acme.org"},
            "use a bucket without dots",
        ),
        (
            {"AWS_S3_ENDPOINT_URL": "https://s3-accelerate.amazonaws.com", "STORAGE_BUCKET_NAME": "media.acme.org"},
            "transfer acceleration wants the bucket's name before the host",
        ),
        (
            {"AWS_S3_ENDPOINT_URL": "https://s3-accelerate.amazonaws.com", "AWS_S3_ADDRESSING_STYLE": "path"},
            "write virtual, or unset it",
        ),
    ],
)
def test_style_that_cannot_work_is_an_error(changes: dict[str, str], said: str) -> None:
    [problem] = read(S3, **changes).problems
    assert said in problem


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"AWS_S3_ADDRESSING_STYLE": "virtual", "AWS_S3_ENDPOINT_URL": "http://localhost:9000"},
            "requests go to acme-media.localhost",
        ),
        (
            {"AWS_S3_ADDRESSING_STYLE": "path", "AWS_S3_ENDPOINT_URL": "https://fly.storage.tigris.dev"},
            "Tigris refuses for newer buckets",
        ),
    ],
)
def test_style_that_may_not_work_is_a_warning(changes: dict[str, str], said: str) -> None:
    [warning] = read(S3, **changes).warnings
    assert said in warning


def test_dots_are_no_matter_in_plain_http() -> None:
    usable(
        S3,
        STORAGE_BUCKET_NAME="media.acme.org",
        AWS_S3_ADDRESSING_STYLE="virtual",
        AWS_S3_ENDPOINT_URL="http://s3.acme.internal",
    )


# -- what is not a place


@pytest.mark.parametrize(
    "given",
    [
        "https://acme-media.nyc3.digitaloceanspaces.com",
        "http://localhost:9000/acme-media",
        "s3://acme-media/media",
        "//cdn.example.com/media",
        "arn:aws:s3:::acme-media/media",
        "acme-media.nyc3.digitaloceanspaces.com/media",
        "acme-media.nyc3.cdn.digitaloceanspaces.com",
        "s3.eu-west-1.amazonaws.com/acme-media",
        "acme-media.s3.eu-west-1.amazonaws.com",
        "localhost:9000/acme-media",
        "minio.example.com:9000",
        "HTTPS://example.com",
    ],
)
def test_address_as_location_is_an_error(given: str) -> None:
    [problem] = read(S3, STORAGE_LOCATION=given).problems
    assert problem.finding == "D157"  # type: ignore[attr-defined]  # each sentence has the id of its kind


@pytest.mark.parametrize(
    "given", ["media", "example.com", "tenants/acme.org/files", "forks/pr-1", "10:30", "garage.files"]
)
def test_folder_that_resembles_an_address_is_none(given: str) -> None:
    assert usable(S3, STORAGE_LOCATION=given).location == given


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("arn:aws:s3:eu-west-1:123456789012:accesspoint/acme", "write its alias, which ends in -s3alias"),
        ("arn:aws-cn:s3:cn-north-1:123456789012:accesspoint:acme", "write its alias"),
        ("arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap", "Multi-Region Access Point"),
        ("arn:aws:s3:::acme-media", "write only the bucket's name, which is its last part"),
    ],
)
def test_arn_as_bucket_is_told_what_to_write(given: str, said: str) -> None:
    [problem] = read(PAIR, STORAGE_BUCKET_NAME=given).problems
    assert said in problem


def test_alias_of_an_access_point_is_a_bucket() -> None:
    assert usable(S3, STORAGE_BUCKET_NAME="acme-hrzrlukc5m36ft7okagglf3gmwluquse1b-s3alias")


PLACEHOLDERS = [
    *["None", "null", "undefined", "changeme", "change-me", "todo", "xxx", "<bucket>", "<your key here>"],
    *[
        "your-bucket",
        "your-bucket-name",
        "your-space",
        "your-space-name",
        "your-region",
        "your-domain",
        "your-endpoint",
    ],
    *["your-access-key", "your-access-key-id", "your-secret", "your-secret-access-key", "your-secret-key"],
    *["YOUR_BUCKET_NAME", "CHANGE_ME", "TODO", "Your_Region", "NULL"],
]
# What takes any text of some form; the others say which words or numbers they take.
FREE = [
    variable.name
    for variable in VARIABLES
    if variable.name.startswith(("AWS_", "STORAGE_BUCKET", "STORAGE_LOC", "STORAGE_ENV", "DO_"))
    and variable.name not in {"AWS_S3_ADDRESSING_STYLE", "AWS_S3_SIGN_FOR_DOMAIN"}
]


@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_placeholder_is_an_error(placeholder: str) -> None:
    [problem] = read(PAIR, STORAGE_BUCKET_NAME=placeholder).problems
    assert "a placeholder; write the value itself, or unset it." in problem


@pytest.mark.parametrize("name", FREE)
def test_placeholder_is_an_error_in_every_variable_that_takes_a_value(name: str) -> None:
    for prefix in ("", "PRIVATE_"):
        environ = {"STORAGES_MODE": "do" if name == "DO_REGION" else "s3", **S3, name: "changeme"}
        reading = contract.read({f"{prefix}{one}": value for one, value in environ.items()}, prefix=prefix)
        assert [problem for problem in reading.problems if problem.startswith(f"`{prefix}{name}` is ")], name


def test_secret_that_is_a_placeholder_is_not_shown() -> None:
    [problem] = read(S3, AWS_SECRET_ACCESS_KEY="<wJalrXUtnFEMI>").problems
    assert "wJalr" not in problem


@pytest.mark.parametrize("given", ["your-town", "todo-lists", "none-such", "xxxx", "change-me-not", "nullarbor"])
def test_name_that_resembles_a_placeholder_is_none(given: str) -> None:
    assert usable(S3, STORAGE_BUCKET_NAME=given).bucket_name == given
