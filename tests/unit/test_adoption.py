"""Moving from django-storages: each shape of a project becomes the variables and the line that keep its files as they are."""

from __future__ import annotations

import argparse
import io
import json
import socket
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from django.core.files.storage import storages
from django.core.files.storage.handler import StorageHandler
from django.db import models
from django.test.utils import isolate_apps

import holdall
from holdall import adoption, cli
from holdall.adoption import Adoption, differences
from holdall.environment import contract
from tests.unit import adoption_classes

ACCESS = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
KEYS = {"AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET}
S3 = "storages.backends.s3.S3Storage"
OURS = "tests.unit.adoption_classes"
SPACES = {"AWS_STORAGE_BUCKET_NAME": "acme", "AWS_S3_ENDPOINT_URL": "https://ams3.digitaloceanspaces.com", **KEYS}
AMAZON = {"AWS_STORAGE_BUCKET_NAME": "acme", "AWS_S3_REGION_NAME": "eu-central-1", **KEYS}
DEFAULT = {"STORAGES_MODE": "s3", "STORAGE_BUCKET_NAME": "acme", "STORAGE_MAKE_FILES_PUBLIC": "false"}

Adopt = Callable[..., Adoption]


@pytest.fixture(autouse=True)
def _no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any, **_options: Any) -> Any:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def project(settings: Any) -> Callable[..., None]:
    """Give the project these settings, and one entry of `STORAGES`, or several."""

    def have(given: Mapping[str, Any], entry: Mapping[str, Any] | None = None, **entries: Any) -> None:
        for name, value in given.items():
            setattr(settings, name, value)
        default = {} if entry is None and entries else {"default": entry or {"BACKEND": S3}}
        static = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
        settings.STORAGES = {"staticfiles": static, **default, **entries}

    return have


@pytest.fixture
def adopt(project: Callable[..., None]) -> Adopt:
    def made(given: Mapping[str, Any], entry: Mapping[str, Any] | None = None, **entries: Any) -> Adoption:
        project(given, entry, **entries)
        return adoption.adopt(adoption.read(), {})

    return made


def without_keys(found: Adoption) -> dict[str, str]:
    return {name: value for name, value in found.variables.items() if value not in {ACCESS, SECRET}}


def ids(found: Adoption) -> set[str]:
    return {one.id for one in found.differences} - {one.id for one in (*differences.ALWAYS, differences.CACHE)}


def storages_of(found: Adoption) -> dict[str, Any]:
    """Run the line, with the proposed variables as the environment."""
    line = found.line.replace("holdall.from_env(", "holdall.from_env(ENVIRON, ").replace("(ENVIRON, )", "(ENVIRON)")
    namespace: dict[str, Any] = {"ENVIRON": found.variables}
    exec(line, namespace)
    made: dict[str, Any] = namespace["STORAGES"]
    return made


PUBLIC_SPACES = {
    "STORAGES_MODE": "do",
    "DO_REGION": "ams3",
    "STORAGE_BUCKET_NAME": "acme",
    "STORAGE_MAKE_FILES_PUBLIC": "true",
}
VIRTUAL = Config(s3={"addressing_style": "virtual"})
CASES: dict[str, tuple[dict[str, Any], dict[str, Any] | None, dict[str, str]]] = {
    "private on Amazon": (AMAZON, None, {**DEFAULT, "AWS_S3_REGION_NAME": "eu-central-1"}),
    "Amazon's own endpoint": (
        {**SPACES, "AWS_S3_ENDPOINT_URL": "https://s3.eu-central-1.amazonaws.com"},
        None,
        {**DEFAULT, "AWS_S3_REGION_NAME": "eu-central-1"},
    ),
    "location and lifetime": (
        {**AMAZON, "AWS_LOCATION": "media/", "AWS_QUERYSTRING_EXPIRE": 600},
        None,
        {**DEFAULT, "AWS_S3_REGION_NAME": "eu-central-1", "STORAGE_LOCATION": "media", "STORAGE_URL_LIFETIME": "600"},
    ),
    "cookiecutter's class": (
        AMAZON,
        {"BACKEND": f"{OURS}.MediaRootS3Boto3Storage"},
        {**DEFAULT, "AWS_S3_REGION_NAME": "eu-central-1", "STORAGE_LOCATION": "media"},
    ),
    "cookiecutter's options behind CloudFront": (
        {**AMAZON, "AWS_S3_CUSTOM_DOMAIN": "media.example.com", "AWS_QUERYSTRING_AUTH": False},
        {"BACKEND": S3, "OPTIONS": {"location": "media", "file_overwrite": False}},
        {
            **DEFAULT,
            "AWS_S3_REGION_NAME": "eu-central-1",
            "STORAGE_LOCATION": "media",
            "STORAGE_MAKE_FILES_PUBLIC": "true",
            "AWS_S3_CUSTOM_DOMAIN": "media.example.com",
        },
    ),
    "public on Spaces, behind its CDN": (
        {**SPACES, "AWS_DEFAULT_ACL": "public-read", "AWS_S3_CUSTOM_DOMAIN": "acme.ams3.cdn.digitaloceanspaces.com"},
        None,
        {**PUBLIC_SPACES, "AWS_S3_CUSTOM_DOMAIN": "acme.ams3.cdn.digitaloceanspaces.com"},
    ),
    "public on Spaces by parameters, without a domain": (
        {**SPACES, "AWS_S3_OBJECT_PARAMETERS": {"ACL": "public-read"}, "AWS_QUERYSTRING_AUTH": False},
        None,
        {**PUBLIC_SPACES, "AWS_S3_CUSTOM_DOMAIN": "acme.ams3.digitaloceanspaces.com"},
    ),
    "public ACL and signed links": (
        {**SPACES, "AWS_DEFAULT_ACL": "public-read"},
        None,
        {**PUBLIC_SPACES, "STORAGE_MAKE_FILES_PUBLIC": "false"},
    ),
    "private ACL and bare links": (
        {**SPACES, "AWS_S3_CUSTOM_DOMAIN": "cdn.example.com"},
        None,
        {**PUBLIC_SPACES, "STORAGE_MAKE_FILES_PUBLIC": "false"},
    ),
    "bucket in the endpoint": (
        {**SPACES, "AWS_S3_ENDPOINT_URL": "https://acme.ams3.digitaloceanspaces.com", "AWS_LOCATION": "media"},
        None,
        {**PUBLIC_SPACES, "STORAGE_MAKE_FILES_PUBLIC": "false", "STORAGE_LOCATION": "acme/media"},
    ),
    "another endpoint": (
        {**SPACES, "AWS_S3_ENDPOINT_URL": "http://localhost:9000", "AWS_S3_REGION_NAME": "us-east-1"},
        None,
        {**DEFAULT, "AWS_S3_ENDPOINT_URL": "http://localhost:9000", "AWS_S3_REGION_NAME": "us-east-1"},
    ),
    "from its __init__": (
        AMAZON,
        {"BACKEND": f"{OURS}.FromInit"},
        {
            **DEFAULT,
            "STORAGE_BUCKET_NAME": "acme-papers",
            "AWS_S3_REGION_NAME": "eu-central-1",
            "STORAGE_URL_LIFETIME": "60",
        },
    ),
    "path style": (
        {**AMAZON, "AWS_S3_ADDRESSING_STYLE": "path"},
        None,
        {**DEFAULT, "AWS_S3_REGION_NAME": "eu-central-1", "AWS_S3_ADDRESSING_STYLE": "path"},
    ),
    "virtual style by its configuration": (
        {**SPACES, "AWS_S3_ENDPOINT_URL": "https://s3.example.com", "AWS_S3_CLIENT_CONFIG": VIRTUAL},
        None,
        {**DEFAULT, "AWS_S3_ENDPOINT_URL": "https://s3.example.com", "AWS_S3_ADDRESSING_STYLE": "virtual"},
    ),
    "a profile": (
        {"AWS_STORAGE_BUCKET_NAME": "acme", "AWS_S3_SESSION_PROFILE": "acme-media"},
        None,
        {**DEFAULT, "AWS_PROFILE": "acme-media"},
    ),
}


@pytest.mark.parametrize(("given", "entry", "variables"), CASES.values(), ids=CASES)
def test_project_becomes_these_variables(
    adopt: Adopt, given: dict[str, Any], entry: dict[str, Any] | None, variables: dict[str, str]
) -> None:
    found = adopt(given, entry)

    assert without_keys(found) == variables
    assert ("AWS_ACCESS_KEY_ID" in given) == (found.variables.get("AWS_SECRET_ACCESS_KEY") == SECRET)


# A class with code is to be rewritten first.
AS_THEY_ARE = {name: case for name, case in CASES.items() if name != "from its __init__"}


@pytest.mark.parametrize(("given", "entry", "variables"), AS_THEY_ARE.values(), ids=AS_THEY_ARE)
def test_proposal_keeps_keys_and_intent(
    adopt: Adopt, given: dict[str, Any], entry: dict[str, Any] | None, variables: dict[str, str]
) -> None:
    found = adopt(given, entry)
    before = StorageHandler({"default": entry or {"BACKEND": S3}})["default"]  # type: ignore[dict-item]  # as settings are written
    after = StorageHandler(storages_of(found))["default"]

    assert found.problems == ()
    twice = "acme/" if "//acme." in str(given) else ""
    assert after._normalize_name("a/b.txt") == twice + before._normalize_name("a/b.txt")
    assert after.bucket_name == before.bucket_name
    assert (after.public, after.default_acl) in {(True, None), (True, "public-read"), (False, None)}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, {"saving-never-replaces"}),
        ({"AWS_S3_FILE_OVERWRITE": False}, set()),
        ({**SPACES, "AWS_DEFAULT_ACL": "public-read"}, {"saving-never-replaces", "public-files-with-signed-links"}),
        (
            {**SPACES, "AWS_S3_CUSTOM_DOMAIN": "cdn.example.com"},
            {"saving-never-replaces", "private-files-with-bare-links"},
        ),
        (
            {**SPACES, "AWS_S3_ENDPOINT_URL": "https://acme.ams3.digitaloceanspaces.com"},
            {"saving-never-replaces", "bucket-in-the-endpoint"},
        ),
        ({"AWS_QUERYSTRING_EXPIRE": 10**7}, {"saving-never-replaces", "links-of-more-than-a-week"}),
        ({"AWS_S3_MAX_MEMORY_SIZE": 5}, {"saving-never-replaces", "options-without-a-meaning"}),
        ({"AWS_DEFAULT_ACL": "authenticated-read"}, {"saving-never-replaces", "other-acl"}),
        ({"MEDIA_URL": "/media/"}, {"saving-never-replaces", "media-url"}),
    ],
)
def test_differences_are_those_of_the_project(adopt: Adopt, given: dict[str, Any], told: set[str]) -> None:
    assert ids(adopt({**AMAZON, **given})) == told


def test_cache_control_of_the_project_is_no_difference(adopt: Adopt) -> None:
    assert "cache-control" in {one.id for one in adopt(AMAZON).differences}
    own = {"AWS_S3_OBJECT_PARAMETERS": {"CacheControl": "no-store"}}
    assert "cache-control" not in {one.id for one in adopt({**AMAZON, **own}).differences}


def test_usual_project_needs_one_line(adopt: Adopt) -> None:
    assert adopt(AMAZON).line == "import holdall\n\nSTORAGES = holdall.from_env()\n"


def test_public_acl_elsewhere_than_on_spaces_is_kept_and_explained(adopt: Adopt) -> None:
    found = adopt({**AMAZON, "AWS_DEFAULT_ACL": "public-read", "AWS_QUERYSTRING_AUTH": False})

    assert storages_of(found)["default"]["OPTIONS"]["default_acl"] == "public-read"
    assert found.variables["AWS_S3_CUSTOM_DOMAIN"].startswith("acme.s3.")
    [told] = [one for one in found.differences if one.id == "public-acl"]
    assert "AccessControlListNotSupported" in told.why
    assert "holdall provision" in told.keep


def test_several_storages_become_aliases(adopt: Adopt) -> None:
    found = adopt(
        {**AMAZON, "AWS_LOCATION": "media"},
        {"BACKEND": S3},
        private={"BACKEND": S3, "OPTIONS": {"bucket_name": "acme-papers", "location": ""}},
        parents={"BACKEND": S3, "OPTIONS": {"location": "parents"}},
    )
    made = storages_of(found)

    assert {alias: made[alias]["OPTIONS"]["location"] for alias in made if alias != "staticfiles"} == {
        "default": "media",
        "private": "",
        "parents": "parents",
    }
    assert found.variables["PRIVATE_STORAGE_BUCKET_NAME"] == "acme-papers"
    assert "THE_PARENTS_STORAGE_BUCKET_NAME" in found.variables
    assert contract.read(found.variables).parent is None


def test_store_that_publishes_what_another_one_keeps_private_is_a_problem(adopt: Adopt) -> None:
    """It was so before; now it is said."""
    private = {"BACKEND": S3, "OPTIONS": {"location": "private", "custom_domain": None, "querystring_auth": True}}
    found = adopt({**AMAZON, "AWS_S3_CUSTOM_DOMAIN": "media.example.com"}, {"BACKEND": S3}, private=private)

    assert len(found.problems) == 1
    assert "shows the private files to everybody" in found.problems[0]


def test_only_storage_on_s3_needs_no_prefix(adopt: Adopt) -> None:
    disk = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": "/srv/media"}}
    found = adopt(AMAZON, disk, cloud={"BACKEND": S3})
    made = storages_of(found)

    assert made["default"] == disk
    assert made["cloud"]["OPTIONS"]["bucket_name"] == "acme"
    assert "STORAGE_BUCKET_NAME" in found.variables


def test_what_was_no_setting_is_taken_along_and_settings_are_read_as_before(adopt: Adopt) -> None:
    found = adopt(
        {**AMAZON, "AWS_S3_OBJECT_PARAMETERS": {"CacheControl": "max-age=60"}},
        {"BACKEND": S3, "OPTIONS": {"gzip": True, "file_overwrite": True}},
    )
    after = StorageHandler(storages_of(found))["default"]

    assert found.still_read == ("AWS_S3_OBJECT_PARAMETERS",)
    assert '"gzip": True' in found.line
    assert (after.gzip, after.object_parameters) == (True, {"CacheControl": "max-age=60"})
    assert set(found.removed) == {*AMAZON}


def test_acl_among_the_parameters_does_not_open_what_is_proposed_private(adopt: Adopt) -> None:
    """The most copied tutorial for Spaces."""
    parameters = {"CacheControl": "max-age=86400", "ACL": "public-read"}
    found = adopt({**SPACES, "AWS_S3_OBJECT_PARAMETERS": parameters})
    assert {"public-files-with-signed-links", "acl-in-parameters"} <= ids(found)
    assert found.variables["STORAGE_MAKE_FILES_PUBLIC"] == "false"

    without = {**SPACES, "AWS_S3_OBJECT_PARAMETERS": {}}
    found = adopt(without, {"BACKEND": S3, "OPTIONS": {"object_parameters": parameters}})
    assert '{"object_parameters": {"CacheControl": "max-age=86400"}}' in found.line
    found = adopt(without, {"BACKEND": S3, "OPTIONS": {"object_parameters": parameters, "querystring_auth": False}})
    assert '"ACL": "public-read"' in found.line


def test_what_is_no_text_is_not_written_but_named(adopt: Adopt) -> None:
    from boto3.s3.transfer import TransferConfig

    found = adopt(
        AMAZON,
        {"BACKEND": S3, "OPTIONS": {"transfer_config": TransferConfig(), "proxies": {"https": "http://u:hunter22@p"}}},
    )

    assert found.line == "import holdall\n\nSTORAGES = holdall.from_env()\n"
    assert {one.keep for one in found.differences if one.id == "options-that-are-no-literals"} == {
        "Give it as the setting `AWS_S3_TRANSFER_CONFIG`.",
        "Give it as the setting `AWS_S3_PROXIES`.",
    }
    assert "hunter22" not in str(found)


def test_class_with_code_stays_and_its_location_counts(adopt: Adopt) -> None:
    found = adopt(AMAZON, {"BACKEND": f"{OURS}.TenantStorage"})

    assert f'backends={{"default": "{OURS}.TenantStorage"}}' in found.line
    assert "STORAGE_LOCATION" not in found.variables
    assert "classes-of-your-own" in ids(found)
    assert storages_of(found)["default"]["BACKEND"] == f"{OURS}.TenantStorage"


def test_class_that_only_sets_options_goes(adopt: Adopt) -> None:
    found = adopt(AMAZON, {"BACKEND": f"{OURS}.MediaRootS3Boto3Storage"})

    assert "backends" not in found.line
    assert ids(found) == {"classes-that-only-set-options"}


def test_storage_that_a_field_makes_gets_an_alias(
    project: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The accident: a private class keeps reading settings that are gone, or of the public store."""
    public = {**SPACES, "AWS_DEFAULT_ACL": "public-read", "AWS_S3_CUSTOM_DOMAIN": "cdn.example.com"}
    project(public)
    with isolate_apps("holdall"):

        class Paper(models.Model):  # noqa: DJ008  nobody looks at it
            scan = models.FileField(storage=adoption_classes.PrivateMediaStorage())
            cover = models.FileField()
            sheet = models.FileField(storage=lambda: storages["default"])

            class Meta:
                app_label = "holdall"

        monkeypatch.setattr("holdall.adoption.project.apps.get_models", lambda: [Paper])
        found = adoption.adopt(adoption.read(), {})

    made = storages_of(found)
    assert made["private_media"]["OPTIONS"]["location"] == "private"
    assert (made["default"]["OPTIONS"]["public"], made["private_media"]["OPTIONS"]["public"]) == (True, False)
    [told] = [one for one in found.differences if one.id == "storages-made-by-fields"]
    assert "holdall.Paper.scan" in told.what
    assert "cover" not in str(found.differences)


def test_static_files_keep_their_entry_and_the_settings_it_read(adopt: Adopt) -> None:
    found = adopt(AMAZON, staticfiles={"BACKEND": f"{OURS}.Static", "OPTIONS": {"gzip": True}}, default={"BACKEND": S3})
    entry = storages_of(found)["staticfiles"]

    assert entry["BACKEND"] == f"{OURS}.Static"
    # What the class sets is there too: `from_env` loads no class, and has to know what is public.
    assert entry["OPTIONS"] == {
        "bucket_name": "acme", "location": "static", "region_name": "eu-central-1", "querystring_auth": False,
        "gzip": True,
    }  # fmt: skip
    manifest = {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
    assert storages_of(adopt(AMAZON, staticfiles=manifest, default={"BACKEND": S3}))["staticfiles"] == manifest


def test_static_files_of_a_class_beside_private_files_are_no_problem(adopt: Adopt) -> None:
    given = {**AMAZON, "AWS_QUERYSTRING_AUTH": False, "AWS_S3_OBJECT_PARAMETERS": {"CacheControl": "max-age=60"}}
    static = {"BACKEND": f"{OURS}.StaticRootS3Boto3Storage"}
    private = {"BACKEND": f"{OURS}.PrivateMediaStorage", "OPTIONS": {"querystring_auth": True}}
    found = adopt(given, staticfiles=static, default=private)
    entry = storages_of(found)["staticfiles"]

    assert not found.problems
    assert (entry["BACKEND"], entry["OPTIONS"]["location"]) == (static["BACKEND"], "static")
    assert entry["OPTIONS"]["default_acl"] == "public-read"
    assert entry["OPTIONS"]["querystring_auth"] is False
    # That setting stays, and is read as before.
    assert "object_parameters" not in entry["OPTIONS"]
    assert "static-files" in ids(found)
    assert "other-storages" not in ids(found)


def test_storage_elsewhere_is_kept_without_a_secret_in_the_line(adopt: Adopt) -> None:
    azure = "django.core.files.storage.InMemoryStorage"
    found = adopt(AMAZON, {"BACKEND": S3}, backup={"BACKEND": azure, "OPTIONS": {"account_key": "hunter22"}})

    assert "hunter22" not in str(found)
    assert [one.alias for one in found.differences if one.id == "other-storages"] == ["backup"]


def test_setting_of_before_django_5_1_is_taken_for_what_it_meant(settings: Any) -> None:
    for name, value in AMAZON.items():
        setattr(settings, name, value)
    settings.DEFAULT_FILE_STORAGE = "storages.backends.s3boto3.S3Boto3Storage"
    found = adoption.adopt(adoption.read(), {})

    assert found.variables["STORAGE_BUCKET_NAME"] == "acme"
    assert "default-file-storage" in ids(found)
    assert "DEFAULT_FILE_STORAGE" in found.removed


def test_setting_of_another_package_that_names_a_class_is_told(adopt: Adopt) -> None:
    found = adopt({**AMAZON, "THUMBNAIL_DEFAULT_STORAGE": f"{OURS}.MediaRootS3Boto3Storage"})

    [told] = [one for one in found.differences if one.id == "settings-of-other-packages"]
    assert "THUMBNAIL_DEFAULT_STORAGE" in told.what


def test_endpoint_that_the_sdk_took_from_the_environment_is_written(project: Callable[..., None]) -> None:
    """The accident: boto3 followed it, Holdall does not, and the files are elsewhere."""
    project(AMAZON)
    found = adoption.adopt(adoption.read(), {"AWS_ENDPOINT_URL": "http://minio:9000"})

    assert found.variables["AWS_S3_ENDPOINT_URL"] == "http://minio:9000"
    assert "endpoint-of-the-environment" in ids(found)


# -- the command


def run(*arguments: str, in_project: bool = True) -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    out = io.StringIO()
    code = cli.run(parser.parse_args(["adopt", *arguments]), out=out, err=out, environ={}, in_project=in_project)
    return code, out.getvalue()


def test_command_shows_no_secret_and_writes_it_where_only_its_owner_reads(
    project: Callable[..., None], tmp_path: Path
) -> None:
    project(AMAZON)
    file = tmp_path / "store.env"
    code, text = run("--write", str(file))

    assert code == 0
    assert SECRET not in text
    assert "STORAGES = holdall.from_env()" in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert f"AWS_SECRET_ACCESS_KEY={SECRET}\n" in file.read_text()
    code, text = run("--write", str(file))
    assert (code, "exists already" in text) == (2, True)


def test_command_prints_one_document(project: Callable[..., None]) -> None:
    project(AMAZON)
    code, text = run("--json")
    document = json.loads(text)

    assert code == 0
    assert SECRET not in text
    assert document.keys() == {
        "version", "line", "variables", "settings", "differences", "warnings", "problems",
    }  # fmt: skip
    assert document["differences"][0].keys() == {"id", "alias", "what", "why", "keep"}


def test_command_says_once_what_is_the_same_for_several_storages(project: Callable[..., None]) -> None:
    entry = {"BACKEND": f"{OURS}.PrivateMediaStorage"}
    project(AMAZON, default=entry, papers={**entry, "OPTIONS": {"location": "papers"}})
    _code, said = run()

    assert "[default, papers] The class only sets options" in said
    assert said.count("The class only sets options") == 1


def test_command_fails_where_there_is_nothing_to_move(project: Callable[..., None]) -> None:
    project({}, {"BACKEND": "django.core.files.storage.FileSystemStorage"})
    code, text = run()

    assert code == 1
    assert "--settings" in text


def test_command_fails_where_a_storage_cannot_be_made(project: Callable[..., None]) -> None:
    project(AMAZON, {"BACKEND": f"{OURS}.Broken"})
    code, text = run()

    assert code == 1
    assert "no tenant yet" in text


def test_command_says_what_the_contract_refuses(project: Callable[..., None]) -> None:
    project({**AMAZON, "AWS_STORAGE_BUCKET_NAME": "Acme Media"})
    code, text = run()

    assert code == 1
    assert "`STORAGE_BUCKET_NAME`" in text


def test_command_works_without_a_secret_key(project: Callable[..., None], settings: Any) -> None:
    project(AMAZON)
    settings.SECRET_KEY = ""
    assert run()[0] == 0


def test_project_that_has_moved_has_nothing_to_do(settings: Any) -> None:
    settings.STORAGES = holdall.from_env({"STORAGE_BUCKET_NAME": "acme"})
    assert run() == (0, 'STORAGES["default"] is Holdall\'s already.\n')
    settings.AWS_LOCATION = "media"
    assert "Settings to remove\n    AWS_LOCATION\n" in run()[1]


def test_command_needs_a_project() -> None:
    code, text = run(in_project=False)
    assert (code, "manage.py holdall adopt" in text) == (2, True)
