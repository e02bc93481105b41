"""The contract: an environment in, a store or all that is wrong with it out."""

from __future__ import annotations

import base64
import os
import pickle
import pprint
import traceback
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

import holdall
from holdall.bases import Base
from holdall.environment import contract
from holdall.environment.contract import Reading
from holdall.environment.store import Store
from holdall.errors import ContractError, ContractWarning
from holdall.secret import Secret

ACCESS = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
PAIR = {"AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET}
S3 = {"STORAGE_BUCKET_NAME": "acme-media"}
SPACES = {"STORAGES_MODE": "do", "STORAGE_BUCKET_NAME": "acme-media", **PAIR}


def usable(environ: Mapping[str, str], *, prefix: str = "") -> Store:
    reading = contract.read(environ, prefix=prefix)
    assert reading.problems == ()
    assert reading.store is not None
    return reading.store


def problems(environ: Mapping[str, str], *, prefix: str = "") -> list[str]:
    reading = contract.read(environ, prefix=prefix)
    assert reading.store is None
    return list(reading.problems)


def warned(environ: Mapping[str, str], *, prefix: str = "") -> list[str]:
    reading = contract.read(environ, prefix=prefix)
    assert reading.problems == ()
    return list(reading.warnings)


def row(reading: Reading, name: str) -> tuple[str, str]:
    found = next(setting for setting in reading.settings if setting.name == name)
    return found.value, found.source


def options(environ: Mapping[str, str], **arguments: Any) -> dict[str, Any]:
    made: dict[str, Any] = holdall.from_env(environ, **arguments)["default"]["OPTIONS"]
    return made


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in list(os.environ):
        if name.startswith(("AWS_", "STORAGE", "PARENT_", "DO_", "BUILD_")):
            monkeypatch.delenv(name)
    return monkeypatch


# -- the three modes


def test_amazon_is_the_default_mode() -> None:
    store = usable(S3)
    assert (store.mode, store.provider.id, store.bucket_name) == ("s3", "amazon", "acme-media")
    assert (store.endpoint_url, store.region_name, store.keys) == (None, None, None)


def test_private_files_are_the_default() -> None:
    made = options(S3)
    assert (made["public"], made["querystring_auth"], made["default_acl"]) == (False, True, None)


def test_options_of_private_files_on_amazon_are_complete() -> None:
    assert options(S3) == {
        "provider": "amazon",
        "public": False,
        "bucket_name": "acme-media",
        "location": "",
        "endpoint_url": None,
        "public_endpoint_url": None,
        "region_name": None,
        "addressing_style": None,
        "custom_domain": None,
        "domain_is_limited": False,
        "sign_for_domain": False,
        "querystring_auth": True,
        "querystring_expire": 3600,
        "cache_lifetime": 3600,
        "default_acl": None,
        "file_overwrite": False,
        "access_key": None,
        "secret_key": None,
        "security_token": None,
        "session_profile": None,
        "cloudfront_key_id": None,
        "cloudfront_key": None,
        "environment": None,
        "timeout": 10,
        "trash": None,
        "env_prefix": "",
    }


def test_options_of_public_files_on_amazon_send_no_acl() -> None:
    made = options({**S3, "STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": "media.example.com"})
    assert (made["public"], made["querystring_auth"], made["default_acl"]) == (True, False, None)
    assert made["custom_domain"] == "media.example.com"


def test_spaces_default_to_amsterdam() -> None:
    store = usable(SPACES)
    assert store.provider.id == "spaces"
    assert (store.region_name, store.endpoint_url) == ("ams3", "https://ams3.digitaloceanspaces.com")
    assert row(contract.read(SPACES), "DO_REGION") == ("ams3", "default")


def test_spaces_lie_in_the_region_given() -> None:
    store = usable({**SPACES, "DO_REGION": "NYC3"})
    assert (store.region_name, store.endpoint_url) == ("nyc3", "https://nyc3.digitaloceanspaces.com")
    assert row(contract.read({**SPACES, "DO_REGION": "nyc3"}), "DO_REGION") == ("nyc3", "environment")


def test_public_files_on_spaces_are_made_so_by_acl() -> None:
    made = options({**SPACES, "STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": "media.example.com"})
    assert (made["default_acl"], made["querystring_auth"]) == ("public-read", False)


def test_private_files_on_spaces_carry_no_acl() -> None:
    assert options(SPACES)["default_acl"] is None


@pytest.mark.parametrize("environ", [{}, {"STORAGE_BUCKET_NAME": "acme-media"}])
def test_spaces_without_keys_are_refused(environ: dict[str, str]) -> None:
    assert problems({"STORAGES_MODE": "do", **environ})[-2:] == [
        "`AWS_ACCESS_KEY_ID` is missing; in mode do it is the id of the Spaces key.",
        "`AWS_SECRET_ACCESS_KEY` is missing; in mode do it is the secret of the Spaces key.",
    ]


def test_local_mode_needs_no_other_variable(tmp_path: Path) -> None:
    made = options({"STORAGES_MODE": "local"}, local_folder=tmp_path)
    assert (made["bucket_name"], made["provider"], made["local_folder"]) == ("media", "seaweedfs", str(tmp_path))
    assert (made["access_key"], made["endpoint_url"], made["public"]) == (None, None, False)


def test_local_mode_keeps_its_files_beside_manage_py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "manage.py").touch()
    (tmp_path / "app" / "inner").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "app" / "inner")
    assert options({"STORAGES_MODE": "local"})["local_folder"] == str(tmp_path / ".holdall")


def test_local_mode_without_a_project_keeps_its_files_where_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert options({"STORAGES_MODE": "local"})["local_folder"] == str(tmp_path / ".holdall")


def test_local_folder_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert options({"STORAGES_MODE": "local"}, local_folder="files")["local_folder"] == str(tmp_path / "files")


def test_local_mode_ignores_what_belongs_to_the_others() -> None:
    environ = {
        "STORAGES_MODE": "local",
        "AWS_S3_ENDPOINT_URL": "not an address",
        "AWS_ACCESS_KEY_ID": ACCESS,
        "AWS_S3_CUSTOM_DOMAIN": "media.example.com",
        "DO_REGION": "ams3",
    }
    reading = contract.read(environ)
    assert (reading.problems, reading.warnings) == ((), ())
    assert reading.store is not None
    assert (reading.store.keys, reading.store.custom_domain, reading.store.endpoint_url) == (None, None, None)
    assert row(reading, "AWS_S3_ENDPOINT_URL") == ("", "not used in mode local")


def test_local_mode_may_be_public_without_a_domain() -> None:
    made = options({"STORAGES_MODE": "local", "STORAGE_MAKE_FILES_PUBLIC": "true"})
    assert (made["public"], made["querystring_auth"], made["default_acl"]) == (True, False, None)


def test_second_local_store_gets_a_bucket_of_its_own() -> None:
    assert usable({"PRIVATE_STORAGES_MODE": "local"}, prefix="PRIVATE_").bucket_name == "media-private"


@pytest.mark.parametrize("mode", ["S3", "s3", " s3 "])
def test_mode_is_read_in_any_case(mode: str) -> None:
    assert usable({**S3, "STORAGES_MODE": mode}).mode == "s3"


@pytest.mark.parametrize(
    ("mode", "hint"),
    [
        ("Spaces", " (did you mean do?)."),
        ("DigitalOcean", " (did you mean do?)."),
        ("aws", " (did you mean s3?)."),
        ("lokal", " (did you mean local?)."),
        ("azure", "."),
    ],
)
def test_unknown_mode_is_refused(mode: str, hint: str) -> None:
    assert problems({**S3, "STORAGES_MODE": mode}) == [f'`STORAGES_MODE` is "{mode}"; write s3, do or local{hint}']


def test_mode_of_spaces_is_asked_for_where_its_region_is_given() -> None:
    assert warned({**S3, "DO_REGION": "fra1"}) == ["`DO_REGION` is not used in mode s3. Is `STORAGES_MODE=do` missing?"]


def test_variables_of_amazon_are_not_used_on_spaces() -> None:
    assert warned({**SPACES, "AWS_S3_REGION_NAME": "ams3", "AWS_CLOUDFRONT_KEY_ID": "K2JCJMDEHXQW5F"}) == [
        "`AWS_S3_REGION_NAME` is not used in mode do.",
        "`AWS_CLOUDFRONT_KEY_ID` is not used in mode do.",
    ]


def test_region_of_the_machine_is_passed_over_in_silence_on_spaces() -> None:
    assert warned({**SPACES, "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "NOT ONE"}) == []


# -- the bucket


def test_missing_bucket_is_refused() -> None:
    assert problems({"STORAGES_MODE": "s3"}) == [
        "`STORAGE_BUCKET_NAME` is missing; it names the bucket that keeps the files."
    ]


def test_first_start_is_told_of_local_mode() -> None:
    assert problems({"PATH": "/bin"}) == [
        (
            "`STORAGE_BUCKET_NAME` is missing; it names the bucket that keeps the files. "
            "For development, `STORAGES_MODE=local` needs no other variable."
        )
    ]


@pytest.mark.parametrize("begun", ["STORAGE_LOCATION", "STORAGE_BUCKET", "AWS_REGION"])
def test_local_mode_is_not_spoken_of_where_anything_is_set(begun: str) -> None:
    assert "STORAGES_MODE=local" not in str(problems({begun: "eu-west-1"}))


@pytest.mark.parametrize("empty", ["", "   ", '""', "''", "\n"])
def test_empty_bucket_is_missing(empty: str) -> None:
    assert problems({"STORAGE_BUCKET_NAME": empty}) == problems({})


@pytest.mark.parametrize("name", ["acme", "a.b-c.1", "a" * 63])
def test_bucket_name_is_accepted(name: str) -> None:
    assert usable({"STORAGE_BUCKET_NAME": name}).bucket_name == name


@pytest.mark.parametrize("name", ["ab", "a" * 64, "Acme", "acme_media", "-acme", "acme-", "a..b", "ümlaut"])
def test_bucket_name_that_no_provider_takes_is_refused(name: str) -> None:
    [problem] = problems({"STORAGE_BUCKET_NAME": name})
    assert problem.endswith("; a bucket's name has 3 to 63 lower-case letters, digits, hyphens and dots.")


@pytest.mark.parametrize("name", ["s3://acme", "acme/media", "https://acme.ams3.digitaloceanspaces.com"])
def test_bucket_given_as_an_address_is_refused(name: str) -> None:
    assert problems({"STORAGE_BUCKET_NAME": name}) == [
        f'`STORAGE_BUCKET_NAME` is "{name}"; write only the bucket\'s name, without an address or a folder.'
    ]


def test_bucket_is_taken_from_its_other_name() -> None:
    environ = {"AWS_STORAGE_BUCKET_NAME": "acme-media"}
    assert usable(environ).bucket_name == "acme-media"
    assert row(contract.read(environ), "STORAGE_BUCKET_NAME") == (
        "acme-media",
        "environment, as AWS_STORAGE_BUCKET_NAME",
    )


def test_two_names_of_one_bucket_are_accepted() -> None:
    assert usable({**S3, "AWS_STORAGE_BUCKET_NAME": "acme-media"}).bucket_name == "acme-media"


def test_two_different_buckets_are_refused() -> None:
    assert problems({**S3, "AWS_STORAGE_BUCKET_NAME": "other"}) == [
        '`STORAGE_BUCKET_NAME` is "acme-media", but `AWS_STORAGE_BUCKET_NAME` is "other"; keep one of the two.'
    ]


# -- regions


def test_regions_are_looked_for_in_order() -> None:
    environ = {**S3, "AWS_DEFAULT_REGION": "eu-west-3"}
    assert usable(environ).region_name == "eu-west-3"
    assert row(contract.read(environ), "AWS_S3_REGION_NAME") == ("eu-west-3", "from AWS_DEFAULT_REGION")
    environ["AWS_REGION"] = "eu-west-2"
    assert usable(environ).region_name == "eu-west-2"
    assert row(contract.read(environ), "AWS_S3_REGION_NAME") == ("eu-west-2", "from AWS_REGION")
    environ["AWS_S3_REGION_NAME"] = "eu-west-1"
    assert usable(environ).region_name == "eu-west-1"
    assert row(contract.read(environ), "AWS_S3_REGION_NAME") == ("eu-west-1", "environment")


def test_region_that_nobody_names_is_asked_for_later() -> None:
    assert row(contract.read(S3), "AWS_S3_REGION_NAME") == (
        "",
        "found by boto3, else the bucket is asked once per process",
    )


def test_availability_zone_is_refused_with_its_region() -> None:
    assert problems({**S3, "AWS_S3_REGION_NAME": "eu-west-1a"}) == [
        '`AWS_S3_REGION_NAME` is "eu-west-1a", an availability zone; write its region, eu-west-1.'
    ]


def test_region_given_by_its_city_is_refused() -> None:
    assert problems({**S3, "AWS_S3_REGION_NAME": "Frankfurt"}) == [
        '`AWS_S3_REGION_NAME` is "Frankfurt"; write the region\'s code, such as eu-central-1.'
    ]


@pytest.mark.parametrize("name", ["AWS_S3_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION"])
@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("us-east1", " (did you mean us-east-1?)."),
        ("eucentral1", " (did you mean eu-central-1?)."),
        ("frankfurt", " (did you mean eu-central-1?)."),
        ("eu-west", "."),
    ],
)
def test_region_that_amazon_can_not_have_is_refused(name: str, given: str, hint: str) -> None:
    assert problems({**S3, name: given}) == [
        f'`{name}` is "{given}"; write the code of one of Amazon\'s regions, such as eu-central-1{hint}'
    ]


@pytest.mark.parametrize(
    "given",
    [
        "us-east-1",
        "ap-southeast-7",
        "us-gov-west-1",
        "us-iso-east-1",
        "us-isob-east-1",
        "eu-isoe-west-1",
        "eusc-de-east-1",
        "cn-northwest-1",
        "mx-central-1",
    ],
)
def test_region_of_every_partition_is_accepted(given: str) -> None:
    assert usable({**S3, "AWS_S3_REGION_NAME": given}).region_name == given


@pytest.mark.parametrize("given", ["us-east1", "garage", "fr-par"])
def test_region_of_other_servers_has_any_form(given: str) -> None:
    environ = {**S3, "AWS_S3_ENDPOINT_URL": "https://s3.example.com", "AWS_S3_REGION_NAME": given}
    assert usable(environ).region_name == given


@pytest.mark.parametrize("given", ["ams", "eu-west-1", "ams33", "amsterdam"])
def test_region_that_spaces_can_not_have_is_refused(given: str) -> None:
    assert problems({**SPACES, "DO_REGION": given}) == [
        f'`DO_REGION` is "{given}"; write the code of a Spaces region, such as ams3, fra1 or nyc3.'
    ]


# -- endpoints


@pytest.mark.parametrize(
    ("endpoint", "provider", "region"),
    [
        ("https://0123456789abcdef.r2.cloudflarestorage.com", "r2", "auto"),
        ("https://s3.us-west-004.backblazeb2.com", "b2", "us-west-004"),
        ("https://s3.fr-par.scw.cloud", "scaleway", "fr-par"),
        ("https://fsn1.your-objectstorage.com", "hetzner", "fsn1"),
        ("https://s3.gra.io.cloud.ovh.net", "ovh", "gra"),
        ("https://fra1.digitaloceanspaces.com", "spaces", "fra1"),
        ("https://s3.eu-central-1.amazonaws.com", "amazon", "eu-central-1"),
        ("https://ceph.example.com:8443", "generic", "us-east-1"),
    ],
)
def test_endpoint_tells_provider_and_region(endpoint: str, provider: str, region: str) -> None:
    store = usable({**S3, "AWS_S3_ENDPOINT_URL": endpoint})
    assert (store.endpoint_url, store.provider.id, store.region_name) == (endpoint, provider, region)


def test_region_of_the_machine_does_not_replace_the_one_that_the_endpoint_names() -> None:
    for endpoint, region in (
        ("https://s3.fr-par.scw.cloud", "fr-par"),
        ("https://s3.eu-west-1.amazonaws.com", "eu-west-1"),
    ):
        environ = {**S3, "AWS_S3_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-2"}
        assert usable(environ).region_name == region
        assert row(contract.read(environ), "AWS_S3_REGION_NAME") == (region, "from AWS_S3_ENDPOINT_URL")


def test_region_of_the_bucket_replaces_the_one_that_the_endpoint_names() -> None:
    environ = {**S3, "AWS_S3_ENDPOINT_URL": "https://s3.fr-par.scw.cloud", "AWS_S3_REGION_NAME": "nl-ams"}
    assert usable(environ).region_name == "nl-ams"


def test_region_of_the_machine_serves_where_the_endpoint_names_none() -> None:
    for endpoint in ("https://ceph.example.com", "https://s3.amazonaws.com"):
        assert usable({**S3, "AWS_S3_ENDPOINT_URL": endpoint, "AWS_REGION": "eu-west-2"}).region_name == "eu-west-2"


def test_endpoint_without_scheme_gets_https_with_a_warning() -> None:
    environ = {**S3, "AWS_S3_ENDPOINT_URL": "s3.fr-par.scw.cloud"}
    assert usable(environ).endpoint_url == "https://s3.fr-par.scw.cloud"
    assert warned(environ) == ["`AWS_S3_ENDPOINT_URL` had no scheme; https:// was added."]


@pytest.mark.parametrize(
    ("endpoint", "without"),
    [
        ("https://acme-media.nyc3.digitaloceanspaces.com", "https://nyc3.digitaloceanspaces.com"),
        ("https://acme-media.s3.eu-west-1.amazonaws.com", "https://s3.eu-west-1.amazonaws.com"),
        ("https://acme-media.s3.example.com:9000", "https://s3.example.com:9000"),
    ],
)
def test_bucket_inside_the_endpoint_is_refused(endpoint: str, without: str) -> None:
    assert problems({**S3, "AWS_S3_ENDPOINT_URL": endpoint}) == [
        f'`AWS_S3_ENDPOINT_URL` begins with the bucket "acme-media"; write the address without it: {without}'
    ]


def test_bucket_inside_the_endpoint_is_refused_on_spaces() -> None:
    assert problems({**SPACES, "AWS_S3_ENDPOINT_URL": "https://acme-media.ams3.digitaloceanspaces.com"}) == [
        (
            '`AWS_S3_ENDPOINT_URL` begins with the bucket "acme-media"; write the address without it: '
            "https://ams3.digitaloceanspaces.com"
        )
    ]


def test_server_named_like_its_bucket_is_only_warned_of() -> None:
    environ = {"STORAGE_BUCKET_NAME": "garage", "AWS_S3_ENDPOINT_URL": "http://garage.internal:3900"}
    environ["AWS_S3_PUBLIC_ENDPOINT_URL"] = "http://localhost:3900"
    assert usable(environ).endpoint_url == "http://garage.internal:3900"
    assert warned(environ) == [
        (
            '`AWS_S3_ENDPOINT_URL` begins with the bucket\'s name, "garage"; if that is the bucket, '
            "write the address without it: http://internal:3900"
        )
    ]


def test_space_named_like_its_region_is_usable() -> None:
    assert warned({**SPACES, "STORAGE_BUCKET_NAME": "ams3"}) == []


@pytest.mark.parametrize(
    "host",
    ["acme-media.ams3.cdn.digitaloceanspaces.com", "d111111abcdef8.cloudfront.net", "pub-0123.r2.dev"],
)
def test_delivery_host_as_endpoint_is_refused(host: str) -> None:
    assert problems({**S3, "AWS_S3_ENDPOINT_URL": f"https://{host}"}) == [
        (
            f'`AWS_S3_ENDPOINT_URL` is "{host}", which serves files but is not an S3 API; '
            "write the API's address here and this domain in `AWS_S3_CUSTOM_DOMAIN`."
        )
    ]


def test_endpoint_with_credentials_is_refused_without_showing_them() -> None:
    assert problems({**S3, "AWS_S3_ENDPOINT_URL": "https://ada:lovelace@s3.example.com"}) == [
        (
            "`AWS_S3_ENDPOINT_URL` contains a user name or password; write only the address, "
            "and put the keys into their own variables."
        )
    ]


@pytest.mark.parametrize(
    "endpoint", ["ftp://s3.example.com", "https://", "https://exa mple.com", "https://a:99999", "https://[::1"]
)
def test_endpoint_that_is_no_address_is_refused(endpoint: str) -> None:
    assert problems({**S3, "AWS_S3_ENDPOINT_URL": endpoint}) == [
        "`AWS_S3_ENDPOINT_URL` is not the address of a server; write something like https://s3.example.com."
    ]


def test_trailing_slash_of_the_endpoint_is_nothing_to_speak_of() -> None:
    environ = {**S3, "AWS_S3_ENDPOINT_URL": "https://s3.example.com/"}
    assert usable(environ).endpoint_url == "https://s3.example.com"
    assert warned(environ) == []


def test_plain_http_across_the_network_is_warned_of() -> None:
    assert warned({**S3, "AWS_S3_ENDPOINT_URL": "http://s3.example.com"}) == [
        (
            "`AWS_S3_ENDPOINT_URL` is plain HTTP: files and signatures cross the network unencrypted; "
            "use https:// if the server supports it."
        )
    ]


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8333", "localhost:9000", "[::1]:9000", "10.0.0.7", "minio:9000", "s3.internal"]
)
def test_plain_http_nearby_is_in_order(host: str) -> None:
    environ = {**S3, "AWS_S3_ENDPOINT_URL": f"http://{host}", "AWS_S3_PUBLIC_ENDPOINT_URL": "https://s3.example.com"}
    assert usable(environ).endpoint_url == f"http://{host}"
    assert warned(environ) == []


def test_proxy_before_spaces_keeps_their_rules() -> None:
    store = usable({**SPACES, "AWS_S3_ENDPOINT_URL": "http://127.0.0.1:9000", "DO_REGION": "fra1"})
    assert (store.provider.id, store.endpoint_url, store.region_name) == ("spaces", "http://127.0.0.1:9000", "fra1")


def test_endpoint_in_another_region_of_spaces_is_refused() -> None:
    assert problems({**SPACES, "DO_REGION": "nyc3", "AWS_S3_ENDPOINT_URL": "https://fra1.digitaloceanspaces.com"}) == [
        (
            "`AWS_S3_ENDPOINT_URL` is in region fra1, but `DO_REGION` is nyc3; "
            "leave the endpoint out and set `DO_REGION` to the region of the Space."
        )
    ]
    [problem] = problems({**SPACES, "AWS_S3_ENDPOINT_URL": "https://fra1.digitaloceanspaces.com"})
    assert "but `DO_REGION` is ams3 by default; leave the endpoint out and set `DO_REGION`" in problem


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
def test_endpoint_of_the_sdk_does_not_redirect_the_storage(name: str) -> None:
    environ = {**S3, name: "http://127.0.0.1:1"}
    assert usable(environ).endpoint_url is None
    assert warned(environ) == [f"`{name}` does not redirect the storage; `AWS_S3_ENDPOINT_URL` does."]
    assert warned({**environ, "AWS_S3_ENDPOINT_URL": "https://s3.example.com"}) == []


# -- keys


def test_keys_are_left_to_boto3_when_there_are_none() -> None:
    reading = contract.read(S3)
    assert row(reading, "AWS_ACCESS_KEY_ID") == ("", "found by boto3")
    assert row(reading, "AWS_SECRET_ACCESS_KEY") == ("", "found by boto3")


@pytest.mark.parametrize(
    ("present", "missing"),
    [("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")],
)
def test_half_a_key_pair_is_refused(present: str, missing: str) -> None:
    assert problems({**S3, present: PAIR[present]}) == [
        f"`{present}` is set but `{missing}` is not; set both, or neither on an AWS instance."
    ]


def test_half_a_key_pair_is_named_once_on_spaces() -> None:
    environ = {name: value for name, value in SPACES.items() if name != "AWS_SECRET_ACCESS_KEY"}
    assert problems(environ) == ["`AWS_SECRET_ACCESS_KEY` is missing; in mode do it is the secret of the Spaces key."]


def test_temporary_key_without_its_token_is_refused() -> None:
    assert problems({**S3, **PAIR, "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE"}) == [
        "`AWS_ACCESS_KEY_ID` is a temporary key (ASIA…), which works only with its `AWS_SESSION_TOKEN`; set all three."
    ]


def test_temporary_key_with_its_token_is_accepted() -> None:
    store = usable({**S3, **PAIR, "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE", "AWS_SESSION_TOKEN": "token=="})
    assert store.keys is not None
    assert store.keys.token is not None
    assert store.keys.token.reveal() == "token=="


@pytest.mark.parametrize("key_id", [ACCESS, "DO00EXAMPLEEXAMPLE12"])
@pytest.mark.parametrize("secret", [SECRET, f"{SECRET}abc"])
def test_swapped_pair_is_warned_of_without_showing_it(key_id: str, secret: str) -> None:
    swapped = {"AWS_ACCESS_KEY_ID": secret, "AWS_SECRET_ACCESS_KEY": key_id}
    assert warned({**S3, **swapped}) == [
        "`AWS_ACCESS_KEY_ID` looks like a secret, and `AWS_SECRET_ACCESS_KEY` looks like a key id; swap the two."
    ]
    assert warned({**S3, "AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret}) == []


def test_token_without_keys_is_refused() -> None:
    assert problems({**S3, "AWS_SESSION_TOKEN": "token=="}) == [
        "`AWS_SESSION_TOKEN` is set but the key pair it belongs to is not; set all three, or none."
    ]


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
@pytest.mark.parametrize("value", ["two words", "line\nbreak", "ключ", "tab\there"])
def test_key_with_anything_odd_inside_is_refused_without_showing_it(name: str, value: str) -> None:
    assert problems({**S3, **PAIR, name: value}) == [
        f"`{name}` contains spaces, line breaks or non-ASCII characters; copy it again, in full and on its own."
    ]


@pytest.mark.parametrize("nothing", ['""', "  ", "'  '"])
def test_key_of_quotes_alone_is_refused_because_boto3_would_use_it(nothing: str) -> None:
    environ = {**S3, "AWS_ACCESS_KEY_ID": nothing, "AWS_SECRET_ACCESS_KEY": nothing}
    assert problems(environ) == [
        "`AWS_ACCESS_KEY_ID` contains only spaces or quotes, which boto3 would use as a key; unset it.",
        "`AWS_SECRET_ACCESS_KEY` contains only spaces or quotes, which boto3 would use as a key; unset it.",
    ]


def test_empty_keys_are_unset() -> None:
    assert usable({**S3, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}).keys is None


def keys_in(made: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    return made["access_key"], made["secret_key"], made["security_token"]


def test_keys_never_enter_settings_when_boto3_reads_them(bare_environment: pytest.MonkeyPatch) -> None:
    for name, value in {**S3, **PAIR, "AWS_SESSION_TOKEN": "token=="}.items():
        bare_environment.setenv(name, value)
    assert keys_in(options(os.environ)) == (None, None, None)
    assert SECRET not in repr(holdall.from_env())


def test_keys_enter_settings_from_a_mapping_that_boto3_does_not_see() -> None:
    access, secret, token = keys_in(options({**S3, **PAIR, "AWS_SESSION_TOKEN": "token=="}))
    assert all(isinstance(key, Secret) for key in (access, secret, token))
    assert (access.reveal(), secret.reveal(), token.reveal()) == (ACCESS, SECRET, "token==")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_SECRET_ACCESS_KEY", f'"{SECRET}"'),
        ("AWS_ACCESS_KEY_ID", f"{ACCESS}\n"),
        ("AWS_SESSION_TOKEN", " token== "),
    ],
)
def test_keys_enter_settings_when_boto3_would_read_them_with_their_dirt(
    name: str, value: str, bare_environment: pytest.MonkeyPatch
) -> None:
    for each, text in {**S3, **PAIR, "AWS_SESSION_TOKEN": "token==", name: value}.items():
        bare_environment.setenv(each, text)
    with pytest.warns(ContractWarning, match=name):
        made = options(os.environ)
    access, secret, token = keys_in(made)
    assert (access.reveal(), secret.reveal(), token.reveal()) == (ACCESS, SECRET, "token==")


def test_keys_under_a_prefix_enter_settings(bare_environment: pytest.MonkeyPatch) -> None:
    for name, value in {**S3, **PAIR}.items():
        bare_environment.setenv(f"MEDIA_{name}", value)
    access, secret, _ = keys_in(options(os.environ, aliases={"default": "MEDIA_"}))
    assert (access.reveal(), secret.reveal()) == (ACCESS, SECRET)


def test_keys_enter_settings_where_an_old_token_would_be_added_to_them(bare_environment: pytest.MonkeyPatch) -> None:
    for name, value in {**S3, **PAIR, "AWS_SESSION_TOKEN": "token==", "AWS_SECURITY_TOKEN": "of another key"}.items():
        bare_environment.setenv(name, value)
    with pytest.warns(ContractWarning, match="`AWS_SECURITY_TOKEN` is not read by Holdall"):
        made = options(os.environ)
    assert keys_in(made)[2].reveal() == "token=="


# -- public, private and the domain


def test_public_files_need_a_domain() -> None:
    assert problems({**S3, "STORAGE_MAKE_FILES_PUBLIC": "true"}) == [
        (
            "`AWS_S3_CUSTOM_DOMAIN` is missing; public files are served from the CDN in front of the bucket, "
            "and this names its domain."
        )
    ]


@pytest.mark.parametrize("yes", ["true", "True", "TRUE", "yes", "on", "1", " true\n"])
def test_true_is_written_in_these_ways(yes: str) -> None:
    assert usable({**S3, "STORAGE_MAKE_FILES_PUBLIC": yes, "AWS_S3_CUSTOM_DOMAIN": "a.example"}).public is True


@pytest.mark.parametrize("no", ["false", "False", "no", "off", "0", "", "  "])
def test_false_is_written_in_these_ways(no: str) -> None:
    assert usable({**S3, "STORAGE_MAKE_FILES_PUBLIC": no}).public is False


@pytest.mark.parametrize("typo", ["ture", "t", "y", "2", "none", "public", "tru e", "yes!", "ja"])
def test_anything_else_is_neither_true_nor_false(typo: str) -> None:
    assert problems({**S3, "STORAGE_MAKE_FILES_PUBLIC": typo, "AWS_S3_CUSTOM_DOMAIN": "a.example"}) == [
        f'`STORAGE_MAKE_FILES_PUBLIC` is "{typo}"; write true or false.'
    ]


CLOUDFRONT = {**S3, "AWS_S3_CUSTOM_DOMAIN": "media.example.com", "AWS_CLOUDFRONT_KEY_ID": "K2JCJMDEHXQW5F"}


@pytest.mark.parametrize("form", ["whole", "literal newlines", "base64", "quoted", "windows"])
def test_cloudfront_key_is_read_in_every_form_that_an_environment_can_hold(form: str, pem: str) -> None:
    given = {
        "whole": pem,
        "literal newlines": pem.replace("\n", "\\n"),
        "base64": base64.b64encode(pem.encode()).decode(),
        "quoted": f'"{pem}"',
        "windows": pem.replace("\n", "\r\n"),
    }[form]
    store = usable({**CLOUDFRONT, "AWS_CLOUDFRONT_KEY": given})
    assert store.cloudfront_key is not None
    assert store.cloudfront_key.reveal() == pem
    assert store.custom_domain == Base("https", "media.example.com")


@pytest.mark.parametrize("breakage", ["cut in the middle", "without its end", "a letter lost", "public"])
def test_broken_cloudfront_key_is_refused_without_showing_it(breakage: str, pem: str) -> None:
    lines = pem.splitlines()
    given = {
        "cut in the middle": "\n".join([*lines[:4], lines[-1]]),
        "without its end": "\n".join(lines[:-1]),
        "a letter lost": pem.replace(lines[2], lines[2][1:]),
        "public": pem.replace("PRIVATE", "PUBLIC"),
    }[breakage]
    assert problems({**CLOUDFRONT, "AWS_CLOUDFRONT_KEY": given}) == [
        "`AWS_CLOUDFRONT_KEY` is not a complete, unencrypted PEM private key (-----BEGIN … PRIVATE KEY----- to -----END …)."
    ]


def test_cloudfront_key_that_is_neither_pem_nor_base64_is_refused() -> None:
    said = "`AWS_CLOUDFRONT_KEY` is neither a PEM private key nor its base64 encoding."
    assert problems({**CLOUDFRONT, "AWS_CLOUDFRONT_KEY": "not a key"}) == [said]
    assert problems({**CLOUDFRONT, "AWS_CLOUDFRONT_KEY": "/run/secrets/key.pem"}) == [
        f"{said} A path belongs in the variable whose name ends in _FILE."
    ]


def test_half_of_the_cloudfront_pair_is_refused(pem: str) -> None:
    assert problems(CLOUDFRONT) == [
        "`AWS_CLOUDFRONT_KEY_ID` is set but `AWS_CLOUDFRONT_KEY` is not; set both, or neither."
    ]
    assert problems({**S3, "AWS_S3_CUSTOM_DOMAIN": "media.example.com", "AWS_CLOUDFRONT_KEY": pem}) == [
        "`AWS_CLOUDFRONT_KEY` is set but `AWS_CLOUDFRONT_KEY_ID` is not; set both, or neither."
    ]


def test_cloudfront_keys_without_a_domain_are_refused(pem: str) -> None:
    assert problems({**S3, "AWS_CLOUDFRONT_KEY_ID": "K2JCJMDEHXQW5F", "AWS_CLOUDFRONT_KEY": pem}) == [
        "`AWS_CLOUDFRONT_KEY_ID` signs links for `AWS_S3_CUSTOM_DOMAIN`, which is missing."
    ]


def test_cloudfront_keys_are_not_used_for_public_files(pem: str) -> None:
    environ = {**CLOUDFRONT, "AWS_CLOUDFRONT_KEY": pem, "STORAGE_MAKE_FILES_PUBLIC": "true"}
    assert usable(environ).cloudfront_key is None
    assert warned(environ) == ["`AWS_CLOUDFRONT_KEY_ID` is not used: links to public files are not signed."]


def test_cloudfront_links_carry_the_id_of_their_key(pem: str) -> None:
    from holdall.storage import MediaStorage

    storage = MediaStorage(**options({**CLOUDFRONT, "AWS_CLOUDFRONT_KEY": pem, "AWS_REGION": "eu-west-1"}))
    link = storage.url("ada.png")
    assert link.startswith("https://media.example.com/ada.png?Expires=")
    assert link.endswith("&Key-Pair-Id=K2JCJMDEHXQW5F")


# -- location, lifetime, environment


@pytest.mark.parametrize(("given", "used"), [("media", "media"), ("/forks/pr-123/", "forks/pr-123"), ("a//b", "a/b")])
def test_location_is_kept_without_superfluous_slashes(given: str, used: str) -> None:
    environ = {**S3, "STORAGE_LOCATION": given}
    assert usable(environ).location == used
    expected = [] if given == used else [f'`STORAGE_LOCATION` had extra slashes; "{used}" is used.']
    assert warned(environ) == expected


@pytest.mark.parametrize("given", ["../other", "a/../b", "./a", "a\\b", "a\tb"])
def test_location_that_climbs_or_hides_is_refused(given: str) -> None:
    [problem] = problems({**S3, "STORAGE_LOCATION": given})
    assert problem.endswith("; write folder names joined by slashes, such as media or forks/pr-123.")


def test_location_that_leaves_no_room_for_names_is_refused() -> None:
    assert problems({**S3, "STORAGE_LOCATION": "ü" * 257}) == [
        "`STORAGE_LOCATION` is longer than 512 bytes; a key has 1,024 in all, which leaves too little for names."
    ]


@pytest.mark.parametrize(
    ("given", "seconds"), [("900", 900), ("90s", 90), ("15m", 900), ("1h", 3600), ("7d", 604800), ("1 H", 3600)]
)
def test_lifetime_is_read_with_and_without_unit(given: str, seconds: int) -> None:
    assert options({**S3, "STORAGE_URL_LIFETIME": given})["querystring_expire"] == seconds


@pytest.mark.parametrize(("given", "seconds"), [("", 3600), ("0", 0), ("15m", 900), ("7d", 604800), ("365d", 31536000)])
def test_cache_lifetime_is_read_with_and_without_unit(given: str, seconds: int) -> None:
    assert options({**S3, "STORAGE_CACHE_LIFETIME": given})["cache_lifetime"] == seconds


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("366d", 'is "366d"; a file is cached for 365d at most.'),
        ("never", 'is "never"; write seconds, or a number with s, m, h or d: 900, 15m, 1h, 7d.'),
    ],
)
def test_cache_lifetime_out_of_bounds_is_refused(given: str, said: str) -> None:
    assert problems({**S3, "STORAGE_CACHE_LIFETIME": given}) == [f"`STORAGE_CACHE_LIFETIME` {said}"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("8d", 'is "8d"; a signed link works for 7d at most.'),
        ("604801", 'is "604801"; a signed link works for 7d at most.'),
        ("0", "is zero: no link would ever work; write at least 1s."),
        ("-1", 'is "-1"; write seconds, or a number with s, m, h or d: 900, 15m, 1h, 7d.'),
        ("1w", 'is "1w"; write seconds, or a number with s, m, h or d: 900, 15m, 1h, 7d.'),
        ("1.5h", 'is "1.5h"; write seconds, or a number with s, m, h or d: 900, 15m, 1h, 7d.'),
    ],
)
def test_lifetime_out_of_bounds_is_refused(given: str, said: str) -> None:
    assert problems({**S3, "STORAGE_URL_LIFETIME": given}) == [f"`STORAGE_URL_LIFETIME` {said}"]


def test_name_of_the_environment_is_noted() -> None:
    environ = {**S3, "STORAGE_ENVIRONMENT": "production"}
    assert usable(environ).environment == "production"
    assert warned(environ) == []
    assert holdall.from_env(environ)["default"]["OPTIONS"]["environment"] == "production"


def test_odd_name_of_an_environment_is_refused() -> None:
    assert problems({**S3, "STORAGE_ENVIRONMENT": "my env"}) == [
        '`STORAGE_ENVIRONMENT` is "my env"; write a short name of letters, digits, dots and hyphens, such as production.'
    ]


# -- what is put right, with a warning

BLANKS = "had spaces around its value, which were removed."
LINE = "had line breaks around its value, which were removed."
QUOTES = "had quotes around its value, which were removed; the tool that read the file kept them."


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (" acme-media", [BLANKS]),
        ("acme-media\t", [BLANKS]),
        ("acme-media\n", [LINE]),
        ("acme-media \r\n", [LINE]),
        ('"acme-media"', [QUOTES]),
        ("'acme-media'", [QUOTES]),
        (" 'acme-media'\n", [LINE, QUOTES]),
        ("' acme-media '", [QUOTES]),
    ],
)
def test_dirt_around_a_value_is_removed_with_a_warning(given: str, said: list[str]) -> None:
    environ = {"STORAGE_BUCKET_NAME": given}
    assert usable(environ).bucket_name == "acme-media"
    assert warned(environ) == [f"`STORAGE_BUCKET_NAME` {text}" for text in said]


@pytest.mark.parametrize("given", ["''acme''", "'acme\"", '"acme', '"'])
def test_one_pair_of_quotes_is_removed_and_no_more(given: str) -> None:
    [problem] = problems({"STORAGE_BUCKET_NAME": given})
    assert problem.startswith("`STORAGE_BUCKET_NAME` is ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STORAGE_BUCKET_NAME", "media # the bucket"),
        ("STORAGES_MODE", "local # in development"),
        ("STORAGE_MAKE_FILES_PUBLIC", "true\t#everybody"),
        ("AWS_S3_CUSTOM_DOMAIN", "# none yet"),
    ],
)
def test_comment_after_a_refused_value_is_named(name: str, value: str) -> None:
    [problem] = problems({**S3, name: value})
    assert problem.endswith(" A comment after a value becomes part of the value; put it on its own line.")


def test_comment_after_a_location_is_warned_of_and_kept() -> None:
    environ = {**S3, "STORAGE_LOCATION": "media # the folder"}
    assert usable(environ).location == "media # the folder"
    assert warned(environ) == [
        "`STORAGE_LOCATION` has a # in its value, which is kept; put comments on their own line."
    ]
    assert warned({**S3, "STORAGE_LOCATION": "media#1"}) == []


def test_secret_is_cleaned_without_being_shown() -> None:
    reading = contract.read({**S3, **PAIR, "AWS_SECRET_ACCESS_KEY": f'"{SECRET}"\n'})
    assert reading.warnings == (f"`AWS_SECRET_ACCESS_KEY` {LINE}", f"`AWS_SECRET_ACCESS_KEY` {QUOTES}")
    assert reading.store is not None
    assert reading.store.keys is not None
    assert reading.store.keys.secret_key.reveal() == SECRET


def test_warnings_are_given_to_whoever_calls() -> None:
    with pytest.warns(ContractWarning, match="`STORAGE_BUCKET_NAME` had spaces") as caught:
        holdall.from_env({"STORAGE_BUCKET_NAME": " acme-media"})
    assert [record.filename for record in caught] == [__file__]


# -- names that nobody reads


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("STORAGE_MODE", "STORAGES_MODE"),
        ("AWS_SECERT_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
        ("AWS_S3_REGION", "AWS_S3_REGION_NAME"),
        ("AWS_BUCKET_NAME", "STORAGE_BUCKET_NAME"),
        ("AWS_S3_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
        ("AWS_S3_ENDPOINT", "AWS_S3_ENDPOINT_URL"),
        ("STORAGE_MAKE_FILE_PUBLIC", "STORAGE_MAKE_FILES_PUBLIC"),
        ("STORAGE_LOCATOIN", "STORAGE_LOCATION"),
        ("storage_location", "STORAGE_LOCATION"),
        ("AWS_LOCATION", "STORAGE_LOCATION"),
        ("AWS_QUERYSTRING_EXPIRE", "STORAGE_URL_LIFETIME"),
        ("BULD_MODE", "BUILD_MODE"),
    ],
)
def test_near_miss_is_refused_while_the_real_one_is_unset(name: str, meant: str) -> None:
    assert f"`{name}` is not read by Holdall; did you mean `{meant}`?" in problems({name: "something"})


def test_near_miss_is_a_warning_when_the_real_one_is_set() -> None:
    environ = {**S3, **PAIR, "STORAGES_MODE": "s3", "STORAGE_MODE": "do", "AWS_SECERT_ACCESS_KEY": SECRET}
    assert warned(environ) == [
        "`STORAGE_MODE` is not read by Holdall; `STORAGES_MODE` is used.",
        "`AWS_SECERT_ACCESS_KEY` is not read by Holdall; `AWS_SECRET_ACCESS_KEY` is used.",
    ]


@pytest.mark.parametrize("name", ["AWS_BUCKET_NAME", "AWS_STORAGE_BUCKET_NAMES", "STORAGE_BUCKET_NAMES"])
@pytest.mark.parametrize("used", ["STORAGE_BUCKET_NAME", "AWS_STORAGE_BUCKET_NAME"])
def test_near_miss_of_the_bucket_is_a_warning_under_either_of_its_names(name: str, used: str) -> None:
    assert warned({used: "acme-media", name: "old"}) == [f"`{name}` is not read by Holdall; `{used}` is used."]


def test_near_miss_is_looked_for_under_the_prefix() -> None:
    environ = {"PRIVATE_STORAGE_BUCKET_NAME": "acme", "PRIVATE_STORAGE_MODE": "do", "STORAGE_MODE": "do"}
    assert problems(environ, prefix="PRIVATE_") == [
        "`PRIVATE_STORAGE_MODE` is not read by Holdall; did you mean `PRIVATE_STORAGES_MODE`?"
    ]


def test_empty_near_miss_is_none() -> None:
    assert warned({**S3, "STORAGE_MODE": " "}) == []


@pytest.mark.parametrize(
    "name",
    [
        "AWS_PROFILE",
        "AWS_EXECUTION_ENV",
        "AWS_ROLE_ARN",
        "AWS_CA_BUNDLE",
        "PATH",
        "DEBUG",
        "STORAGE",
        "AWS_SDK_LOAD_CONFIG",
    ],
)
def test_names_of_others_are_left_alone(name: str) -> None:
    assert warned({**S3, name: "something"}) == []


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("S3_ENDPOINT_URL", "AWS_S3_ENDPOINT_URL"),
        ("S3_ENDPOINT", "AWS_S3_ENDPOINT_URL"),
        ("AWS_ENDPOINT", "AWS_S3_ENDPOINT_URL"),
        ("STORAGE_PUBLIC", "STORAGE_MAKE_FILES_PUBLIC"),
        ("AWS_DEFAULT_ACL", "STORAGE_MAKE_FILES_PUBLIC"),
        ("AWS_QUERYSTRING_AUTH", "STORAGE_MAKE_FILES_PUBLIC"),
    ],
)
def test_name_of_another_tool_is_a_warning_while_ours_is_unset(name: str, meant: str) -> None:
    assert warned({**S3, name: "something"}) == [
        f"`{name}` is not read by Holdall; set `{meant}` if it is meant for the storage."
    ]
    ours = {"AWS_S3_ENDPOINT_URL": "https://s3.example.com", "STORAGE_MAKE_FILES_PUBLIC": "false"}
    assert warned({**S3, **ours, name: "something"}) == []


def test_bucket_under_another_tools_name_is_refused_where_one_is_required() -> None:
    told = problems({"AWS_BUCKET": "acme-media"})
    assert told[0] == "`AWS_BUCKET` is not read by Holdall; did you mean `STORAGE_BUCKET_NAME`?"
    assert warned({**S3, "AWS_BUCKET": "acme-backup"}) == []
    assert warned({"STORAGES_MODE": "local", "AWS_BUCKET": "acme-backup"}) == [
        "`AWS_BUCKET` is not read by Holdall; set `STORAGE_BUCKET_NAME` if it is meant for the storage."
    ]


def test_near_miss_with_control_characters_is_shown_escaped() -> None:
    [problem] = problems({**S3, "STORAGES_MODE\x1b": "do"})
    assert problem == "`STORAGES_MODE\\x1b` is not read by Holdall; did you mean `STORAGES_MODE`?"


def test_near_miss_of_a_variable_that_the_mode_does_not_use_is_none() -> None:
    assert warned({**SPACES, "AWS_S3_REGION": "x"}) == []


# -- building


def test_nothing_is_required_while_an_image_is_built() -> None:
    assert holdall.from_env({"BUILD_MODE": "true"}) == {
        "default": {"BACKEND": "holdall.environment.build.BuildModeStorage", "OPTIONS": {"alias": "default"}},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


def test_nothing_is_complained_of_while_an_image_is_built() -> None:
    environ = {
        "BUILD_MODE": "1",
        "STORAGES_MODE": "BUILD_MODE",
        "STORAGE_MAKE_FILES_PUBLIC": "ture",
        "PARENT_DO_REGION": "x",
    }
    reading = contract.read(environ)
    assert (reading.building, reading.store, reading.problems) == (True, None, ())


def test_all_stores_of_an_image_are_built_together() -> None:
    made = holdall.from_env({"BUILD_MODE": "true"}, aliases={"default": "", "private": "PRIVATE_"})
    assert made["private"] == {"BACKEND": "holdall.environment.build.BuildModeStorage", "OPTIONS": {"alias": "private"}}


def test_one_store_may_be_built_alone() -> None:
    made = holdall.from_env({**S3, "PRIVATE_BUILD_MODE": "true"}, aliases={"default": "", "private": "PRIVATE_"})
    assert made["default"]["BACKEND"] == "holdall.storage.MediaStorage"
    assert made["private"]["BACKEND"] == "holdall.environment.build.BuildModeStorage"


def test_misspelt_build_mode_is_refused() -> None:
    assert problems({**S3, "BUILD_MODE": "release"}) == ['`BUILD_MODE` is "release"; write true or false.']


@pytest.mark.parametrize(
    "extra", [{"OPTIONS": {"gzip": True}}, {"BACKEND": "holdall.storage.MediaStorage", "OPTIONS": {"gzip": True}}]
)
def test_options_of_the_real_storage_do_not_reach_the_one_for_building(extra: dict[str, Any]) -> None:
    made = holdall.from_env({"BUILD_MODE": "true"}, storages={"default": extra})
    assert made["default"] == {"BACKEND": "holdall.environment.build.BuildModeStorage", "OPTIONS": {"alias": "default"}}


# -- the whole setting


def test_both_aliases_that_django_needs_are_there() -> None:
    made = holdall.from_env(S3)
    assert sorted(made) == ["default", "staticfiles"]
    assert made["default"]["BACKEND"] == "holdall.storage.MediaStorage"


def test_aliases_are_stores_of_their_own() -> None:
    environ = {
        **S3,
        "PRIVATE_STORAGES_MODE": "do",
        "PRIVATE_STORAGE_BUCKET_NAME": "acme-private",
        "PRIVATE_AWS_ACCESS_KEY_ID": ACCESS,
        "PRIVATE_AWS_SECRET_ACCESS_KEY": SECRET,
    }
    made = holdall.from_env(environ, aliases={"default": "", "private": "PRIVATE_"})
    assert made["default"]["OPTIONS"]["provider"] == "amazon"
    assert made["private"]["OPTIONS"]["provider"] == "spaces"
    assert made["private"]["OPTIONS"]["bucket_name"] == "acme-private"


def test_problems_of_all_aliases_are_told_at_once() -> None:
    with pytest.raises(ContractError) as caught:
        holdall.from_env({}, aliases={"default": "", "private": "PRIVATE_"})
    assert caught.value.problems == (
        (
            "`STORAGE_BUCKET_NAME` is missing; it names the bucket that keeps the files. "
            "For development, `STORAGES_MODE=local` needs no other variable."
        ),
        "`PRIVATE_STORAGE_BUCKET_NAME` is missing; it names the bucket that keeps the files.",
    )


def test_own_storages_are_merged_option_by_option() -> None:
    made = holdall.from_env(
        S3,
        storages={
            "default": {"OPTIONS": {"gzip": True, "querystring_expire": 60}},
            "staticfiles": {"BACKEND": "project.storage.Manifest"},
            "backups": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        },
    )
    assert made["default"]["BACKEND"] == "holdall.storage.MediaStorage"
    assert made["default"]["OPTIONS"]["gzip"] is True
    assert made["default"]["OPTIONS"]["querystring_expire"] == 60
    assert made["default"]["OPTIONS"]["bucket_name"] == "acme-media"
    assert made["staticfiles"] == {"BACKEND": "project.storage.Manifest"}
    assert made["backups"] == {"BACKEND": "django.core.files.storage.FileSystemStorage"}


def test_own_storage_of_another_class_gets_no_options_of_ours() -> None:
    own = {"BACKEND": "django.core.files.storage.InMemoryStorage", "OPTIONS": {"location": "x"}}
    assert holdall.from_env(S3, storages={"default": own})["default"] == own


def test_given_storages_are_not_changed() -> None:
    own: dict[str, dict[str, Any]] = {"default": {"OPTIONS": {"gzip": True}}}
    holdall.from_env(S3, storages=own)
    assert own == {"default": {"OPTIONS": {"gzip": True}}}


def test_environment_is_read_when_nothing_is_given(bare_environment: pytest.MonkeyPatch) -> None:
    bare_environment.setenv("STORAGE_BUCKET_NAME", "from-the-process")
    assert holdall.from_env()["default"]["OPTIONS"]["bucket_name"] == "from-the-process"


def test_working_directory_that_is_gone_is_no_matter_outside_local_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert options(S3)["bucket_name"] == "acme-media"


# -- all problems at once


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ContractError) as caught:
        holdall.from_env({"STORAGE_MAKE_FILES_PUBLIC": "ture", "AWS_ACCESS_KEY_ID": ACCESS})
    assert str(caught.value) == (
        "The environment does not describe a usable store (3 problems).\n"
        '`STORAGE_MAKE_FILES_PUBLIC` is "ture"; write true or false.\n'
        "`STORAGE_BUCKET_NAME` is missing; it names the bucket that keeps the files.\n"
        "`AWS_ACCESS_KEY_ID` is set but `AWS_SECRET_ACCESS_KEY` is not; set both, or neither on an AWS instance.\n"
        "Nothing was contacted. `holdall env` prints the whole contract."
    )


def test_one_problem_is_told_in_the_singular() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"usable store \(1 problem\)\."):
        holdall.from_env({})


def test_every_kind_of_problem_is_in_one_message() -> None:
    environ = {
        "STORAGES_MODE": "do",
        "STORAGE_MAKE_FILES_PUBLIC": "true",
        "DO_REGION": "amsterdam",
        "STORAGE_URL_LIFETIME": "9d",
        "AWS_S3_ENDPOINT_URL": "https://x.r2.dev",
        "STORAGE_LOCATOIN": "a",
        "PARENT_STORAGES_MODE": "od",
    }
    told = problems(environ)
    for name in ("DO_REGION", "STORAGE_URL_LIFETIME", "AWS_S3_ENDPOINT_URL", "STORAGE_LOCATOIN", "STORAGE_BUCKET_NAME",
                 "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_S3_CUSTOM_DOMAIN", "PARENT_STORAGES_MODE"):  # fmt: skip
        assert sum(problem.startswith(f"`{name}` ") for problem in told) == 1, name
    assert len(told) == 9


# -- secrets show themselves nowhere


def test_secrets_are_in_no_repr_and_no_print_of_the_settings(pem: str) -> None:
    environ = {**CLOUDFRONT, **PAIR, "AWS_SESSION_TOKEN": "very-secret-token", "AWS_CLOUDFRONT_KEY": pem}
    made = holdall.from_env(environ)
    reading = contract.read(environ)
    inside = pem.splitlines()[3]
    for text in (repr(made), str(made), pprint.pformat(made, width=40), f"{made}", repr(reading), repr(reading.store)):
        for secret in (SECRET, ACCESS, "very-secret-token", inside):
            assert secret not in text


def test_secrets_are_in_no_traceback_even_with_its_locals() -> None:
    environ = {**PAIR, "AWS_SESSION_TOKEN": "bad token"}
    with pytest.raises(ContractError) as caught:
        holdall.from_env(environ)
    text = "".join(traceback.format_exception(caught.value))
    assert SECRET not in text
    assert "bad token" not in text
    assert SECRET not in repr(contract._Reader(environ, "").env)


def test_secret_in_a_wrong_variable_is_refused_without_showing_it() -> None:
    for name in ("STORAGE_BUCKET_NAME", "STORAGE_LOCATION", "AWS_S3_CUSTOM_DOMAIN", "STORAGES_MODE"):
        assert (
            f"`{name}` contains the secret of `AWS_SECRET_ACCESS_KEY`; write its own value, and treat that secret as exposed."
            in problems({**S3, **PAIR, name: SECRET})
        )


def test_secret_of_another_prefix_is_recognised_too() -> None:
    environ = {"STORAGE_BUCKET_NAME": "correct-horse-battery", "PRIVATE_AWS_SECRET_ACCESS_KEY": "correct-horse-battery"}
    [problem] = problems(environ)
    assert problem.startswith("`STORAGE_BUCKET_NAME` contains the secret of `PRIVATE_AWS_SECRET_ACCESS_KEY`;")


@pytest.mark.parametrize("name", ["STORAGE_BUCKET_NAME", "DO_REGION", "AWS_S3_CUSTOM_DOMAIN", "STORAGE_URL_LIFETIME"])
def test_what_looks_like_a_key_is_not_quoted_where_it_does_not_belong(name: str) -> None:
    environ = {**SPACES, "STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": "a.example", name: f"{SECRET} x"}
    del environ["AWS_SECRET_ACCESS_KEY"]
    told = problems(environ)
    assert SECRET not in "".join(told)
    assert any(f"`{name}` is a text of 42 characters (not shown: it looks like a key);" in problem for problem in told)


def test_short_keys_of_a_test_server_may_stand_anywhere() -> None:
    assert usable({"STORAGE_BUCKET_NAME": "test", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"})


@pytest.mark.parametrize("word", ["localstack", "minioadmin", "minio", "test", "storage1", "objectstore"])
def test_word_as_a_key_may_stand_in_a_host(word: str) -> None:
    environ = {
        "STORAGE_BUCKET_NAME": "acme-media",
        "AWS_ACCESS_KEY_ID": word,
        "AWS_SECRET_ACCESS_KEY": word,
        "AWS_S3_ENDPOINT_URL": f"http://{word}:4566",
        "AWS_S3_PUBLIC_ENDPOINT_URL": "http://localhost:4566",
    }
    reading = contract.read(environ)
    assert (reading.problems, reading.warnings) == ((), ())
    assert row(reading, "AWS_S3_ENDPOINT_URL") == (f"http://{word}:4566", "environment")


def test_word_that_every_guide_uses_is_no_secret_anywhere() -> None:
    assert (
        usable({"STORAGE_BUCKET_NAME": "minioadmin", **dict.fromkeys(PAIR, "minioadmin")}).bucket_name == "minioadmin"
    )


@pytest.mark.parametrize("value", ["hunter2-hunter2", "/hunter2-hunter2/", "Hunter2-Hunter2"])
def test_short_secret_is_recognised_as_a_whole_value(value: str) -> None:
    environ = {**S3, "AWS_ACCESS_KEY_ID": "acme", "AWS_SECRET_ACCESS_KEY": "hunter2-hunter2"}
    [problem] = problems({**environ, "STORAGE_LOCATION": value})
    assert problem.startswith("`STORAGE_LOCATION` contains the secret of `AWS_SECRET_ACCESS_KEY`;")
    assert usable({**environ, "STORAGE_LOCATION": "hunter2-hunter2-media"})


def test_id_of_a_key_is_shown_by_its_end() -> None:
    reading = contract.read({**S3, **PAIR})
    assert row(reading, "AWS_ACCESS_KEY_ID") == ("(…MPLE, 20 characters)", "environment")
    assert row(reading, "AWS_SECRET_ACCESS_KEY") == ("(40 characters)", "environment")


def test_secret_in_place_of_the_id_shows_nothing_of_itself() -> None:
    reading = contract.read({**S3, "AWS_ACCESS_KEY_ID": SECRET, "AWS_SECRET_ACCESS_KEY": ACCESS})
    assert row(reading, "AWS_ACCESS_KEY_ID") == ("(40 characters)", "environment")


def test_error_of_the_contract_survives_another_process() -> None:
    with pytest.raises(ContractError) as caught:
        holdall.from_env({})
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.problems) == (str(caught.value), caught.value.problems)


def test_reading_again_is_the_same() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert holdall.from_env(SPACES) == holdall.from_env(SPACES)
