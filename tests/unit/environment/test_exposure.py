"""Which stores of an environment would publish what another one keeps private, however their bucket is addressed."""

from __future__ import annotations

from typing import Any

import pytest

import holdall
from holdall.environment import exposure

CDN = {"STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": "cdn.example.com"}
R2 = "https://abc123.r2.cloudflarestorage.com"
B2 = "https://s3.us-west-004.backblazeb2.com"
KEYS = {"AWS_ACCESS_KEY_ID": "minioadmin-id", "AWS_SECRET_ACCESS_KEY": "minioadmin-secret"}
SPACES = {"STORAGES_MODE": "do", "DO_REGION": "fra1", **KEYS}
SCALEWAY = {"AWS_S3_ENDPOINT_URL": "https://s3.fr-par.scw.cloud", **KEYS}


def environment(public: dict[str, str], private: dict[str, str], *, prefix: str = "PRIVATE_") -> dict[str, str]:
    """Describe two stores, both in the bucket "acme" where nothing else is said; the first is public."""
    both = {"STORAGE_BUCKET_NAME": "acme"}
    return {**both, **CDN, **public, **{f"{prefix}{name}": value for name, value in {**both, **private}.items()}}


def at(endpoint: str, location: str = "", **more: str) -> dict[str, str]:
    where = {"AWS_S3_ENDPOINT_URL": endpoint, **KEYS, **more}
    return {**where, "STORAGE_LOCATION": location} if location else where


LIMITED = {"STORAGE_DOMAIN_IS_LIMITED": "true"}
MEDIA, PRIVATE = {"STORAGE_LOCATION": "media"}, {"STORAGE_LOCATION": "private"}
LEAKS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "a folder of a public bucket": ({}, PRIVATE),
    "folders side by side": (MEDIA, PRIVATE),
    "the same folder": (MEDIA, MEDIA),
    "public files inside of private ones": (MEDIA, {}),
    "another region's spelling": ({"AWS_REGION": "eu-west-1"}, {**PRIVATE, "AWS_S3_REGION_NAME": "eu-west-1"}),
    "amazon by its endpoint": (MEDIA, at("https://s3.eu-west-1.amazonaws.com", "private")),
    "amazon by two endpoints": (
        at("https://s3.amazonaws.com", "media"),
        at("https://s3.dualstack.eu-west-1.amazonaws.com", "private"),
    ),
    "another name for the bucket": ({}, {**PRIVATE, "STORAGE_BUCKET_NAME": "", "AWS_STORAGE_BUCKET_NAME": "acme"}),
    "r2": (at(R2, "media"), at(R2, "private")),
    "r2, said to be limited": ({**at(R2, "media"), **LIMITED}, at(R2, "private")),
    "b2": (at(B2, "media"), at(B2, "private")),
    "b2, said to be limited": ({**at(B2, "media"), **LIMITED}, at(B2, "private")),
    "a server by path and by host": (
        at("https://objects.example.com"),
        at("https://acme.objects.example.com", "private"),
    ),
    "a server with its port and without": (at("https://s3.example.com"), at("https://S3.example.com:443", "private")),
    "a server by http and https": (at("https://s3.example.com"), at("http://s3.example.com", "private")),
    "this machine by two names": (at("http://localhost:9000", "a"), at("http://127.0.0.1:9000", "b")),
    "a server by its inside and its outside address": (
        at("http://minio:9000", "media", AWS_S3_PUBLIC_ENDPOINT_URL="https://files.example.com"),
        at("https://files.example.com", "private"),
    ),
    "limited to a folder that holds the private one": ({**MEDIA, **LIMITED}, {"STORAGE_LOCATION": "media/private"}),
    "limited to the whole bucket": (LIMITED, PRIVATE),
}


@pytest.mark.filterwarnings("ignore::holdall.ContractWarning")
@pytest.mark.parametrize("case", LEAKS)
@pytest.mark.parametrize("is_first", [True, False])
def test_public_store_in_a_private_ones_bucket_is_refused(case: str, *, is_first: bool) -> None:
    public, private = LEAKS[case]
    environ = environment(public, private)
    aliases = {"default": "", "private": "PRIVATE_"}
    if not is_first:
        # The private store is `default`, and the public one the alias.
        environ = {
            name.removeprefix("PRIVATE_") if name.startswith("PRIVATE_") else f"PUBLIC_{name}": value
            for name, value in environ.items()
        }
        aliases = {"default": "", "public": "PUBLIC_"}
    with pytest.raises(holdall.ContractError) as refused:
        holdall.from_env(environ, aliases=aliases)
    text = str(refused.value)
    whose, other = ("", "PRIVATE_") if is_first else ("PUBLIC_", "")
    assert f"`{whose}STORAGE_MAKE_FILES_PUBLIC` makes files in the bucket" in text
    assert f"`{other}STORAGE_BUCKET_NAME`" in text
    assert [problem.finding for problem in refused.value.problems] == ["D170"]
    # What the sentence advises would be accepted.
    holds = holdall.from_env(
        {**environ, f"{other}STORAGE_BUCKET_NAME": "acme-papers", f"{other}AWS_STORAGE_BUCKET_NAME": ""},
        aliases=aliases,
    )
    assert set(holds) == {"staticfiles", *aliases}


HARMLESS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "two buckets": (MEDIA, {"STORAGE_BUCKET_NAME": "acme-papers"}),
    "two buckets on r2": (at(R2), at(R2, STORAGE_BUCKET_NAME="acme-papers")),
    "two servers": (at("https://s3.example.com"), at("https://s3.example.org", "private")),
    "two ports": (at("http://localhost:9000"), at("http://localhost:9001", "private")),
    "two providers": ({}, at(R2, "private")),
    "two accounts on r2": (at(R2), at("https://def456.r2.cloudflarestorage.com", "private")),
    "spaces, where the file's acl decides": ({**SPACES, **MEDIA}, {**SPACES, **PRIVATE}),
    "scaleway, where the file's acl decides": (SCALEWAY, {**SCALEWAY, **PRIVATE}),
    "a domain that is limited": ({**MEDIA, **LIMITED}, PRIVATE),
    "a domain that is limited to a part of a private store": ({**MEDIA, **LIMITED}, {}),
    "a neighbour with a longer name": ({**MEDIA, **LIMITED}, {"STORAGE_LOCATION": "media-private"}),
    "a server's domain that is limited": (
        {**at("https://s3.example.com", "media"), **LIMITED},
        at("https://s3.example.com", "private"),
    ),
    "public both": (MEDIA, {**CDN, **PRIVATE}),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_stores_that_publish_nothing_of_each_other_are_accepted(case: str) -> None:
    made = holdall.from_env(environment(*HARMLESS[case]), aliases={"default": "", "private": "PRIVATE_"})
    assert set(made) == {"default", "private", "staticfiles"}


def test_private_stores_alone_are_accepted() -> None:
    environ = {"STORAGE_BUCKET_NAME": "acme", "OLD_STORAGE_BUCKET_NAME": "acme", "OLD_STORAGE_LOCATION": "a"}
    assert holdall.from_env(environ, aliases={"default": "", "old": "OLD_"})


@pytest.mark.parametrize("provider", ["amazon", "r2"])
def test_fork_is_refused_where_its_public_parent_would_publish_it(provider: str) -> None:
    place = {} if provider == "amazon" else at(R2)
    environ = {"STORAGE_BUCKET_NAME": "acme", "STORAGE_LOCATION": "forks/pr-1", **place}
    parent = {"STORAGE_BUCKET_NAME": "acme", **CDN, **place}
    environ |= {f"PARENT_{name}": value for name, value in parent.items()}
    with pytest.raises(holdall.ContractError, match="`PARENT_STORAGE_MAKE_FILES_PUBLIC` makes files in the bucket"):
        holdall.from_env(environ)


def test_fork_is_refused_that_would_publish_its_parent() -> None:
    environ = {
        "STORAGE_BUCKET_NAME": "acme",
        "STORAGE_LOCATION": "forks/pr-1",
        **CDN,
        "PARENT_STORAGE_BUCKET_NAME": "acme",
    }
    with pytest.raises(holdall.ContractError, match=r"private files of `PARENT_STORAGE_BUCKET_NAME`"):
        holdall.from_env(environ)
    assert holdall.from_env({**environ, **LIMITED})


STATIC: dict[str, dict[str, Any]] = {
    "ours": {
        "BACKEND": "holdall.storage.MediaStorage",
        "OPTIONS": {"bucket_name": "acme", "location": "static", "public": True, "custom_domain": "cdn.example.com"},
    },
    "django-storages'": {
        "BACKEND": "storages.backends.s3.S3StaticStorage",
        "OPTIONS": {"bucket_name": "acme", "location": "static", "custom_domain": "cdn.example.com"},
    },
    "an alias from the environment": {},
}


@pytest.mark.parametrize("case", STATIC)
def test_static_files_beside_private_media_are_refused(case: str) -> None:
    environ = {"STORAGE_BUCKET_NAME": "acme"}
    aliases = {"default": ""}
    if not STATIC[case]:
        aliases["staticfiles"] = "STATIC_"
        environ |= {f"STATIC_{name}": value for name, value in {**environ, **CDN, "STORAGE_LOCATION": "static"}.items()}
    storages = {"staticfiles": STATIC[case]} if STATIC[case] else None
    with pytest.raises(holdall.ContractError, match="private files of `STORAGE_BUCKET_NAME`"):
        holdall.from_env(environ, aliases=aliases, storages=storages)
    limited: dict[str, Any] = {"staticfiles": {"OPTIONS": {"domain_is_limited": True}}}
    if storages:
        limited = {"staticfiles": {**STATIC[case], "OPTIONS": {**STATIC[case]["OPTIONS"], "domain_is_limited": True}}}
    assert holdall.from_env(environ, aliases=aliases, storages=limited)


def test_static_files_without_a_domain_may_have_a_policy_of_their_own() -> None:
    # A bucket's policy names folders, and only the doctor can see which.
    options = {"bucket_name": "acme", "location": "static"}
    entry = {"BACKEND": "storages.backends.s3.S3StaticStorage", "OPTIONS": options}
    environ = {"STORAGE_BUCKET_NAME": "acme", "STORAGE_LOCATION": "media"}
    assert holdall.from_env(environ, storages={"staticfiles": entry})
    inside = {**entry, "OPTIONS": {"bucket_name": "acme"}}
    with pytest.raises(holdall.ContractError, match="no `location` among their `OPTIONS`"):
        holdall.from_env(environ, storages={"staticfiles": inside})


def test_options_of_the_settings_count() -> None:
    environ = environment(MEDIA, PRIVATE)
    aliases = {"default": "", "private": "PRIVATE_"}
    assert holdall.from_env(environ, aliases=aliases, storages={"private": {"OPTIONS": {"bucket_name": "acme-papers"}}})


def test_files_on_amazon_with_an_acl_of_their_own_are_accepted() -> None:
    acl = {"bucket_name": "acme", "default_acl": "public-read", "querystring_auth": False}
    entry = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {**acl, "location": "static"}}
    assert holdall.from_env({"STORAGE_BUCKET_NAME": "acme"}, storages={"staticfiles": entry})
    through = {**entry, "OPTIONS": {**acl, "custom_domain": "d123.cloudfront.net"}}
    with pytest.raises(holdall.ContractError, match=r'STORAGES\["staticfiles"\] makes files'):
        holdall.from_env({"STORAGE_BUCKET_NAME": "acme"}, storages={"staticfiles": through})


def test_nothing_is_refused_while_an_image_is_built() -> None:
    environ = {**environment({}, PRIVATE), "BUILD_MODE": "true"}
    assert holdall.from_env(environ, aliases={"default": "", "private": "PRIVATE_"})


def test_stores_of_mode_local_are_left_alone() -> None:
    local = {"STORAGES_MODE": "local", "STORAGE_BUCKET_NAME": "acme"}
    environ = {**local, **{f"PRIVATE_{name}": value for name, value in {**local, **PRIVATE}.items()}}
    environ["STORAGE_MAKE_FILES_PUBLIC"] = "true"
    assert holdall.from_env(environ, aliases={"default": "", "private": "PRIVATE_"})


def test_remedy_names_the_variable_only_where_it_helps() -> None:
    def said(public: dict[str, str], private: dict[str, str]) -> str:
        with pytest.raises(holdall.ContractError) as refused:
            holdall.from_env(environment(public, private), aliases={"default": "", "private": "PRIVATE_"})
        return str(refused.value)

    assert "`STORAGE_DOMAIN_IS_LIMITED=true`" in said(MEDIA, PRIVATE)
    assert "DOMAIN_IS_LIMITED" not in said({}, PRIVATE)
    assert "DOMAIN_IS_LIMITED" not in said(at(R2, "media"), at(R2, "private"))


def test_prefixes_of_an_environment_are_found() -> None:
    environ = {
        "STORAGE_BUCKET_NAME": "a",
        "PRIVATE_STORAGE_BUCKET_NAME": "b",
        "STATIC_AWS_STORAGE_BUCKET_NAME": "c",
        "PARENT_STORAGE_BUCKET_NAME": "d",
        "PRIVATE_PARENT_STORAGE_BUCKET_NAME": "e",
        "EMPTY_STORAGE_BUCKET_NAME": " ",
        "MYSTORAGE_BUCKET_NAME": "f",
    }
    assert exposure.prefixes(environ) == ["", "PRIVATE_", "STATIC_"]
