"""Env files as other people have them, and what `holdall env --write` makes of each: the store that its owner means."""

from __future__ import annotations

import argparse
import io
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from holdall import cli
from holdall.cli.envfile import read_env_file
from holdall.environment import contract, proposal

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SPACES_KEY, SPACES_SECRET = "DO00EXAMPLEEXAMPLE12", "abcdEFGH1234abcdEFGH1234abcdEFGH12345678123"
ACCOUNT = "0123456789abcdef0123456789abcdef"
R2_KEY, R2_SECRET = "fedcba9876543210fedcba9876543210", "00112233445566778899aabbccddeeff" * 2
PAIR = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
MEDIA = {"STORAGE_BUCKET_NAME": "acme-media"}


class Owner(NamedTuple):
    """Somebody's environment, and what they mean by it."""

    environ: Mapping[str, str]
    meant: Mapping[str, str]
    # What only they can decide.
    open: tuple[str, ...] = ()


OWNERS = {
    # https://github.com/cookiecutter/cookiecutter-django: .envs/.production/.django
    "cookiecutter-django": Owner(
        {
            "DJANGO_SECRET_KEY": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ",
            "DJANGO_AWS_ACCESS_KEY_ID": KEY,
            "DJANGO_AWS_SECRET_ACCESS_KEY": SECRET,
            "DJANGO_AWS_STORAGE_BUCKET_NAME": "acme-media",
            "DJANGO_AWS_S3_REGION_NAME": "eu-west-1",
        },
        {**MEDIA, **PAIR, "AWS_S3_REGION_NAME": "eu-west-1"},
    ),
    # fly storage create
    "fly": Owner(
        {
            **PAIR,
            "AWS_ENDPOINT_URL_S3": "https://fly.storage.tigris.dev",
            "AWS_REGION": "auto",
            "BUCKET_NAME": "acme-media",
            "FLY_REGION": "ams",
        },
        {**MEDIA, **PAIR, "AWS_S3_ENDPOINT_URL": "https://fly.storage.tigris.dev"},
    ),
    "railway": Owner(
        {
            "BUCKET": "acme-media",
            "ACCESS_KEY_ID": KEY,
            "SECRET_ACCESS_KEY": SECRET,
            "ENDPOINT": "https://storage.railway.app",
            "REGION": "auto",
            "RAILWAY_PUBLIC_DOMAIN": "acme.up.railway.app",
        },
        {**MEDIA, **PAIR, "AWS_S3_ENDPOINT_URL": "https://storage.railway.app"},
    ),
    "heroku-bucketeer": Owner(
        {
            "BUCKETEER_AWS_ACCESS_KEY_ID": KEY,
            "BUCKETEER_AWS_SECRET_ACCESS_KEY": SECRET,
            "BUCKETEER_AWS_REGION": "us-east-1",
            "BUCKETEER_BUCKET_NAME": "bucketeer-0123",
            "DATABASE_URL": "postgres://ada:word@db/acme",
        },
        {"STORAGE_BUCKET_NAME": "bucketeer-0123", **PAIR, "AWS_S3_REGION_NAME": "us-east-1"},
    ),
    "heroku-cloudcube": Owner(
        {
            "CLOUDCUBE_ACCESS_KEY_ID": KEY,
            "CLOUDCUBE_SECRET_ACCESS_KEY": SECRET,
            "CLOUDCUBE_URL": "https://cloud-cube-eu.s3.amazonaws.com/abc123",
        },
        {"STORAGE_BUCKET_NAME": "cloud-cube-eu", **PAIR, "STORAGE_LOCATION": "abc123"},
    ),
    "backblaze-region": Owner(
        {
            "B2_APPLICATION_KEY_ID": "0012345678901230000000001",
            "B2_APPLICATION_KEY": "K001abcdefghijklmnopqrstuvwxyz1",
            "B2_BUCKET_NAME": "acme-media",
            "B2_REGION": "us-west-004",
        },
        {
            **MEDIA,
            "AWS_ACCESS_KEY_ID": "0012345678901230000000001",
            "AWS_SECRET_ACCESS_KEY": "K001abcdefghijklmnopqrstuvwxyz1",
            "AWS_S3_ENDPOINT_URL": "https://s3.us-west-004.backblazeb2.com",
        },
    ),
    "backblaze-endpoint": Owner(
        {
            "B2_KEY_ID": KEY,
            "B2_APP_KEY": SECRET,
            "B2_BUCKET": "acme-media",
            "B2_ENDPOINT": "s3.us-west-004.backblazeb2.com",
        },
        {**MEDIA, **PAIR, "AWS_S3_ENDPOINT_URL": "https://s3.us-west-004.backblazeb2.com"},
    ),
    "r2": Owner(
        {
            "R2_ACCOUNT_ID": ACCOUNT,
            "R2_ACCESS_KEY_ID": R2_KEY,
            "R2_SECRET_ACCESS_KEY": R2_SECRET,
            "R2_BUCKET_NAME": "acme-media",
            "R2_PUBLIC_URL": "https://media.example.com",
        },
        {
            **MEDIA,
            "AWS_ACCESS_KEY_ID": R2_KEY,
            "AWS_SECRET_ACCESS_KEY": R2_SECRET,
            "AWS_S3_ENDPOINT_URL": f"https://{ACCOUNT}.r2.cloudflarestorage.com",
            "AWS_S3_CUSTOM_DOMAIN": "https://media.example.com",
        },
    ),
    "r2-with-the-bucket-in-its-endpoint": Owner(
        {
            "CLOUDFLARE_R2_ACCESS_KEY": R2_KEY,
            "CLOUDFLARE_R2_SECRET_KEY": R2_SECRET,
            "CLOUDFLARE_R2_BUCKET": "acme-media",
            "CLOUDFLARE_R2_BUCKET_ENDPOINT": f"https://{ACCOUNT}.r2.cloudflarestorage.com/acme-media",
        },
        {
            **MEDIA,
            "AWS_ACCESS_KEY_ID": R2_KEY,
            "AWS_SECRET_ACCESS_KEY": R2_SECRET,
            "AWS_S3_ENDPOINT_URL": f"https://{ACCOUNT}.r2.cloudflarestorage.com",
        },
    ),
    "localstack-compose": Owner(
        {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": "http://localstack:4566",
            "S3_BUCKET": "acme-media",
        },
        {
            **MEDIA,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_S3_REGION_NAME": "us-east-1",
            "AWS_S3_ENDPOINT_URL": "http://localstack:4566",
        },
    ),
    "minio-compose": Owner(
        {
            "MINIO_ROOT_USER": "minioadmin",
            "MINIO_ROOT_PASSWORD": "minioadmin",
            "MINIO_ENDPOINT": "minio:9000",
            "MINIO_BUCKET_NAME": "media",
            "MINIO_USE_SSL": "false",
        },
        {
            "STORAGE_BUCKET_NAME": "media",
            "AWS_ACCESS_KEY_ID": "minioadmin",
            "AWS_SECRET_ACCESS_KEY": "minioadmin",
            "AWS_S3_ENDPOINT_URL": "http://minio:9000",
        },
    ),
    "minio-host-and-port": Owner(
        {
            "MINIO_HOST": "files.example.com",
            "MINIO_PORT": "9443",
            "MINIO_SECURE": "true",
            "MINIO_ACCESS_KEY": KEY,
            "MINIO_SECRET_KEY": SECRET,
            "MINIO_BUCKET": "media",
        },
        {"STORAGE_BUCKET_NAME": "media", **PAIR, "AWS_S3_ENDPOINT_URL": "https://files.example.com:9443"},
    ),
    "django-minio-storage": Owner(
        {
            "MINIO_STORAGE_ENDPOINT": "minio:9000",
            "MINIO_STORAGE_ACCESS_KEY": KEY,
            "MINIO_STORAGE_SECRET_KEY": SECRET,
            "MINIO_STORAGE_USE_HTTPS": "False",
            "MINIO_STORAGE_MEDIA_BUCKET_NAME": "local-media",
            "MINIO_STORAGE_AUTO_CREATE_MEDIA_BUCKET": "True",
            "MINIO_STORAGE_STATIC_BUCKET_NAME": "local-static",
        },
        {"STORAGE_BUCKET_NAME": "local-media", **PAIR, "AWS_S3_ENDPOINT_URL": "http://minio:9000"},
    ),
    "spaces-tutorial": Owner(
        {
            "SPACES_KEY": SPACES_KEY,
            "SPACES_SECRET": SPACES_SECRET,
            "SPACES_BUCKET": "acme-media",
            "SPACES_REGION": "nyc3",
        },
        {
            **MEDIA,
            "STORAGES_MODE": "do",
            "DO_REGION": "nyc3",
            "AWS_ACCESS_KEY_ID": SPACES_KEY,
            "AWS_SECRET_ACCESS_KEY": SPACES_SECRET,
        },
    ),
    "spaces-origin-endpoint": Owner(
        {
            "DO_SPACES_ACCESS_KEY_ID": SPACES_KEY,
            "DO_SPACES_SECRET_ACCESS_KEY": SPACES_SECRET,
            "DO_SPACES_ENDPOINT": "https://acme-media.fra1.digitaloceanspaces.com",
            "DO_SPACES_CDN_ENDPOINT": "acme-media.fra1.cdn.digitaloceanspaces.com",
        },
        {
            **MEDIA,
            "STORAGES_MODE": "do",
            "DO_REGION": "fra1",
            "AWS_ACCESS_KEY_ID": SPACES_KEY,
            "AWS_SECRET_ACCESS_KEY": SPACES_SECRET,
            "AWS_S3_CUSTOM_DOMAIN": "acme-media.fra1.cdn.digitaloceanspaces.com",
        },
    ),
    "spaces-by-names-of-django-storages": Owner(
        {
            "AWS_ACCESS_KEY_ID": SPACES_KEY,
            "AWS_SECRET_ACCESS_KEY": SPACES_SECRET,
            "AWS_STORAGE_BUCKET_NAME": "acme-media",
            "S3_ENDPOINT_URL": "https://sfo3.digitaloceanspaces.com",
        },
        {
            **MEDIA,
            "STORAGES_MODE": "do",
            "DO_REGION": "sfo3",
            "AWS_ACCESS_KEY_ID": SPACES_KEY,
            "AWS_SECRET_ACCESS_KEY": SPACES_SECRET,
        },
    ),
    # https://testdriven.io/blog/storing-django-static-and-media-files-on-amazon-s3/
    "use-s3": Owner({"USE_S3": "TRUE", **PAIR, "AWS_STORAGE_BUCKET_NAME": "acme-media"}, {**MEDIA, **PAIR}),
    "wagtail": Owner(
        {
            "AWS_S3_ACCESS_KEY_ID": KEY,
            "AWS_S3_SECRET_ACCESS_KEY": SECRET,
            "AWS_STORAGE_BUCKET_NAME": "acme-media",
            "AWS_S3_REGION_NAME": "eu-west-2",
            "AWS_DEFAULT_ACL": "public-read",
            "AWS_QUERYSTRING_AUTH": "False",
            "AWS_S3_FILE_OVERWRITE": "False",
            "CLOUDFRONT_DOMAIN": "d111111abcdef8.cloudfront.net",
        },
        {**MEDIA, **PAIR, "AWS_S3_REGION_NAME": "eu-west-2", "AWS_S3_CUSTOM_DOMAIN": "d111111abcdef8.cloudfront.net"},
        ("STORAGE_MAKE_FILES_PUBLIC",),
    ),
    "saleor": Owner(
        {
            **PAIR,
            "AWS_MEDIA_BUCKET_NAME": "acme-media",
            "AWS_STORAGE_BUCKET_NAME": "",
            "AWS_MEDIA_CUSTOM_DOMAIN": "media.example.com",
            "AWS_STATIC_CUSTOM_DOMAIN": "static.example.com",
        },
        {**MEDIA, **PAIR, "AWS_S3_CUSTOM_DOMAIN": "media.example.com"},
    ),
    "laravel": Owner(
        {
            "FILESYSTEM_DISK": "s3",
            **PAIR,
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_BUCKET": "acme-media",
            "AWS_URL": "https://cdn.example.com",
            "AWS_USE_PATH_STYLE_ENDPOINT": "false",
        },
        {**MEDIA, **PAIR, "AWS_S3_REGION_NAME": "eu-central-1", "AWS_S3_CUSTOM_DOMAIN": "https://cdn.example.com"},
    ),
    "mastodon": Owner(
        {
            "S3_ENABLED": "true",
            "S3_BUCKET": "acme-media",
            "S3_REGION": "fr-par",
            "S3_PROTOCOL": "https",
            "S3_HOSTNAME": "s3.fr-par.scw.cloud",
            "S3_ENDPOINT": "https://s3.fr-par.scw.cloud",
            "S3_ALIAS_HOST": "media.example.com",
            **PAIR,
        },
        {
            **MEDIA,
            **PAIR,
            "AWS_S3_ENDPOINT_URL": "https://s3.fr-par.scw.cloud",
            "AWS_S3_CUSTOM_DOMAIN": "media.example.com",
        },
    ),
    "scaleway": Owner(
        {
            "SCW_ACCESS_KEY": KEY,
            "SCW_SECRET_KEY": SECRET,
            "SCW_DEFAULT_REGION": "fr-par",
            "SCW_BUCKET_NAME": "acme-media",
        },
        {**MEDIA, **PAIR, "AWS_S3_ENDPOINT_URL": "https://s3.fr-par.scw.cloud"},
    ),
    "linode": Owner(
        {
            "LINODE_BUCKET": "acme-media",
            "LINODE_BUCKET_REGION": "us-east-1",
            "LINODE_BUCKET_ACCESS_KEY": KEY,
            "LINODE_BUCKET_SECRET_KEY": SECRET,
        },
        {**MEDIA, **PAIR, "AWS_S3_ENDPOINT_URL": "https://us-east-1.linodeobjects.com"},
    ),
    "clever-cloud-cellar": Owner(
        {
            "CELLAR_ADDON_HOST": "cellar-c2.services.clever-cloud.com",
            "CELLAR_ADDON_KEY_ID": KEY,
            "CELLAR_ADDON_KEY_SECRET": SECRET,
            "CELLAR_BUCKET": "acme-media",
        },
        {**MEDIA, **PAIR, "AWS_S3_ENDPOINT_URL": "https://cellar-c2.services.clever-cloud.com"},
    ),
    "wasabi": Owner(
        {
            "WASABI_ACCESS_KEY_ID": KEY,
            "WASABI_SECRET_ACCESS_KEY": SECRET,
            "WASABI_BUCKET": "acme-media",
            "WASABI_REGION": "eu-central-1",
        },
        {**MEDIA, **PAIR, "AWS_S3_ENDPOINT_URL": "https://s3.eu-central-1.wasabisys.com"},
    ),
    "one-address": Owner(
        {"STORAGE_URL": f"s3://{KEY}:{SECRET.replace('/', '%2F')}@s3.eu-west-1.amazonaws.com/acme-media"},
        {**MEDIA, **PAIR, "AWS_S3_REGION_NAME": "eu-west-1"},
    ),
    "fargate": Owner(
        {
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/abc",
            "AWS_REGION": "eu-west-1",
            "S3_BUCKET_NAME": "acme-media",
            "STRIPE_SECRET_KEY": "sk_live_x",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317",
        },
        {**MEDIA, "AWS_S3_REGION_NAME": "eu-west-1"},
    ),
    "two-buckets": Owner(
        {**PAIR, "S3_BUCKET": "acme-media", "AWS_BUCKET": "acme-files"}, PAIR, ("STORAGE_BUCKET_NAME",)
    ),
    "minio-without-address": Owner(
        {"STORAGE_BUCKET_NAME": "media", "MINIO_ACCESS_KEY": KEY, "MINIO_SECRET_KEY": SECRET},
        {"STORAGE_BUCKET_NAME": "media", **PAIR},
        ("AWS_S3_ENDPOINT_URL",),
    ),
    "a-space-without-keys": Owner(
        {"STORAGES_MODE": "do", "STORAGE_BUCKET_NAME": "acme-media"},
        {"STORAGES_MODE": "do", **MEDIA},
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    ),
}


def env(environ: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    out = io.StringIO()
    return cli.run(parser.parse_args(["env", *arguments]), out=out, err=out, environ=environ), out.getvalue()


@pytest.mark.parametrize("owner", OWNERS)
def test_environment_of_other_people_is_understood(owner: str) -> None:
    environ, meant, left = OWNERS[owner]
    made = proposal.propose(environ)
    assert {line.name: line.value for line in made.lines if line.value is not None} == dict(meant)
    assert {line.name for line in made.lines if line.value is None} == set(left)
    assert made.is_complete is not bool(left)


@pytest.mark.parametrize("owner", OWNERS)
def test_written_file_says_what_the_proposal_says(owner: str, tmp_path: Path) -> None:
    environ, meant, left = OWNERS[owner]
    path = tmp_path / "store.env"
    _, said = env(environ, "--write", str(path))
    assert f"{path} was written" in said.replace("\n", " ")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # What would mean another place if it were left out is refused until it is filled in.
    refused = {name: "your-endpoint" for name in left if name == "AWS_S3_ENDPOINT_URL"}
    assert read_env_file(path) == {**meant, **refused}
    assert all(f"\n# {name}=\n" in path.read_text() for name in left if name not in refused)
    assert not refused or contract.read(read_env_file(path)).problems
    # Nothing of a secret is printed, nor in a comment of the file.
    comments = "\n".join(line for line in path.read_text().splitlines() if line.startswith("#"))
    for secret in {value for name, value in meant.items() if "KEY" in name and len(value) > 12}:
        assert secret not in said + comments
        assert secret.replace("/", "%2F") not in said + comments
    # Over the environment that it was made of, it is as good as alone.
    if not left:
        assert contract.read({**environ, **read_env_file(path)}).problems == ()


def test_prefix_of_a_second_store_is_kept(tmp_path: Path) -> None:
    environ = {"PRIVATE_S3_BUCKET": "acme-papers", **{f"PRIVATE_{name}": value for name, value in PAIR.items()}}
    path = tmp_path / "store.env"
    env({**MEDIA, **environ}, "--prefix", "PRIVATE_", "--write", str(path))
    assert read_env_file(path)["PRIVATE_STORAGE_BUCKET_NAME"] == "acme-papers"
    assert contract.read(read_env_file(path), prefix="PRIVATE_").problems == ()


def test_fork_keeps_its_parent(tmp_path: Path) -> None:
    environ = {"S3_BUCKET": "acme-copy", "PARENT_STORAGE_BUCKET_NAME": "acme-media"}
    path = tmp_path / "store.env"
    env(environ, "--write", str(path))
    assert read_env_file(path) == {"STORAGE_BUCKET_NAME": "acme-copy", "PARENT_STORAGE_BUCKET_NAME": "acme-media"}


def test_nothing_is_published_by_a_proposal() -> None:
    for name, value in {"AWS_DEFAULT_ACL": "public-read", "S3_PUBLIC": "true", "AWS_QUERYSTRING_AUTH": "False"}.items():
        lines = {line.name: line for line in proposal.propose({**MEDIA, name: value}).lines}
        assert lines["STORAGE_MAKE_FILES_PUBLIC"].value is None
        assert name in lines["STORAGE_MAKE_FILES_PUBLIC"].reason


def test_value_that_the_contract_refuses_is_left_to_people() -> None:
    made = proposal.propose({"S3_BUCKET": "Acme_Media", "STORAGE_URL_LIFETIME": "a week"})
    assert {line.name for line in made.lines if line.value is None} == {"STORAGE_BUCKET_NAME", "STORAGE_URL_LIFETIME"}
    assert all("write" in line.reason or "has" in line.reason for line in made.lines)


def test_names_of_files_stay_names_of_files() -> None:
    environ = {"MINIO_ROOT_USER_FILE": "/run/secrets/user", "MINIO_ROOT_PASSWORD_FILE": "/run/secrets/password"}
    made = proposal.propose({**MEDIA, **environ, "MINIO_ENDPOINT": "http://minio:9000"})
    assert {line.name: line.shown for line in made.lines} == {
        **MEDIA,
        "AWS_ACCESS_KEY_ID_FILE": "/run/secrets/user",
        "AWS_SECRET_ACCESS_KEY_FILE": "/run/secrets/password",
        "AWS_S3_ENDPOINT_URL": "http://minio:9000",
    }


def test_existing_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "store.env"
    path.write_text("mine")
    code, said = env(MEDIA, "--write", str(path))
    assert (code, path.read_text()) == (2, "mine")
    assert "exists already and was left as it is" in said


def test_proposal_is_shown_where_it_is_news() -> None:
    code, said = env(OWNERS["spaces-tutorial"].environ)
    assert code == 1
    assert "\nWhat is probably meant\n  STORAGES_MODE=do  # from SPACES_KEY\n" in said
    assert "  AWS_SECRET_ACCESS_KEY=(43 characters)  # from SPACES_SECRET\n" in said
    assert "What is probably meant" not in env({**MEDIA, **PAIR})[1]
    assert "What is probably meant" not in env({})[1]
    said = env(OWNERS["heroku-bucketeer"].environ)[1]
    assert "\nor, in settings.py:\n  STORAGES = holdall.from_env({**os.environ, " in said
