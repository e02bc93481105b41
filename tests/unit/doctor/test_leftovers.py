"""Layer `leftovers`: settings of django-storages beside an environment that says something else."""

from __future__ import annotations

from typing import Any

import pytest

import holdall
from holdall.storage import MediaStorage
from tests.doctor import errors, the, told, warnings
from tests.unit.doctor import PUBLIC, S3, SPACES
from tests.unit.doctor.conftest import MakeApp
from tests.unit.doctor.test_backend import plain, project

HERE = {**S3, "STORAGE_LOCATION": "media"}
PUBLIC_SPACE = {**SPACES, **PUBLIC, "STORAGE_LOCATION": "media"}


class Elsewhere(MediaStorage):
    location = "elsewhere"


@pytest.mark.parametrize(
    ("environ", "setting", "finding"),
    [
        (HERE, {"AWS_LOCATION": "uploads"}, "D060"),
        (S3, {"AWS_LOCATION": "media"}, "D060"),
        (HERE, {"AWS_STORAGE_BUCKET_NAME": "acme-old"}, "D060"),
        (HERE, {"AWS_S3_ENDPOINT_URL": "https://ams3.digitaloceanspaces.com"}, "D060"),
        (SPACES, {"AWS_S3_ENDPOINT_URL": "https://fra1.digitaloceanspaces.com"}, "D060"),
        (PUBLIC_SPACE, {"AWS_DEFAULT_ACL": "private"}, "D061"),
        ({**S3, **PUBLIC}, {"AWS_QUERYSTRING_AUTH": True}, "D061"),
        (HERE, {"AWS_DEFAULT_ACL": "public-read"}, "D062"),
        # Behind CloudFront without OAC, files were public by their ACL.
        ({**S3, **PUBLIC}, {"AWS_DEFAULT_ACL": "public-read"}, "D062"),
        (HERE, {"AWS_QUERYSTRING_AUTH": False}, "D062"),
        (HERE, {"AWS_S3_CUSTOM_DOMAIN": "media.example.com"}, "D062"),
        (HERE, {"AWS_QUERYSTRING_EXPIRE": 60}, "D062"),
        (HERE, {"AWS_S3_REGION_NAME": "us-west-2"}, "D062"),
        (HERE, {"AWS_S3_FILE_OVERWRITE": True}, "D062"),
    ],
)
def test_setting_that_says_something_else_is_named(
    settings: Any, environ: dict[str, str], setting: dict[str, Any], finding: str
) -> None:
    settings.STORAGES = holdall.from_env(environ)
    [(name, value)] = setting.items()
    setattr(settings, name, value)
    [report] = project()

    assert [*errors(report), *warnings(report)] == [finding], told(report)
    assert f"`{name}`" in the(report, finding).seen
    assert (finding in errors(report)) == (finding != "D062")


@pytest.mark.parametrize(
    ("environ", "left"),
    [
        (HERE, {"AWS_LOCATION": "/media/", "AWS_STORAGE_BUCKET_NAME": "acme-media", "AWS_DEFAULT_ACL": None}),
        (HERE, {"AWS_S3_FILE_OVERWRITE": False, "AWS_S3_REGION_NAME": "eu-central-1", "AWS_QUERYSTRING_AUTH": True}),
        (
            PUBLIC_SPACE,
            {"AWS_DEFAULT_ACL": "public-read", "AWS_S3_ENDPOINT_URL": "https://ams3.digitaloceanspaces.com"},
        ),
        # With a domain django-storages signs no links.
        (PUBLIC_SPACE, {"AWS_S3_CUSTOM_DOMAIN": "media.example.com", "AWS_QUERYSTRING_AUTH": True}),
        (
            {**SPACES, "STORAGE_LOCATION": "acme-media/media"},
            {"AWS_S3_ENDPOINT_URL": "https://acme-media.ams3.digitaloceanspaces.com", "AWS_LOCATION": "media"},
        ),
        # In development files are elsewhere on purpose.
        ({"STORAGES_MODE": "local"}, {"AWS_STORAGE_BUCKET_NAME": "acme-media", "AWS_LOCATION": "media"}),
        ({"BUILD_MODE": "true"}, {"AWS_STORAGE_BUCKET_NAME": "acme-media", "AWS_LOCATION": "media"}),
    ],
)
def test_setting_that_says_the_same_is_not(settings: Any, environ: dict[str, str], left: dict[str, Any]) -> None:
    settings.STORAGES, settings.DEBUG = holdall.from_env(environ), True
    for name, value in left.items():
        setattr(settings, name, value)
    [report] = project()

    assert not {"D060", "D061", "D062"} & {*errors(report), *warnings(report)}, told(report)


def test_remedy_names_the_variable_of_the_store(settings: Any) -> None:
    settings.STORAGES = holdall.from_env(
        {f"MEDIA_{name}": value for name, value in S3.items()}, aliases={"default": "MEDIA_"}
    )
    settings.AWS_LOCATION = "media"
    [report] = project()

    assert "`MEDIA_STORAGE_LOCATION=media`" in the(report, "D060").cause.do


def test_setting_that_another_storage_reads_is_not_left_over(settings: Any) -> None:
    """Static files may still be django-storages'."""
    static = {"BACKEND": "storages.backends.s3.S3StaticStorage"}
    settings.STORAGES = holdall.from_env(S3, storages={"staticfiles": static})
    settings.AWS_LOCATION, settings.AWS_STORAGE_BUCKET_NAME = "static", "acme-static"
    assert errors(project()[0]) == []

    settings.STORAGES = holdall.from_env(
        S3, storages={"staticfiles": {**static, "OPTIONS": {"bucket_name": "acme-static", "location": "static"}}}
    )
    assert len([one for one in project()[0].findings if one.id == "D060"]) == 2


def test_setting_that_a_class_overrides_is_not_left_over(settings: Any) -> None:
    settings.STORAGES = holdall.from_env(S3, backends={"default": f"{__name__}.Elsewhere"})
    settings.AWS_LOCATION = "media"
    assert errors(project()[0]) == []


def test_storage_that_is_not_ours_reads_its_settings(settings: Any) -> None:
    settings.STORAGES = {"default": plain(), "staticfiles": holdall.from_env(S3)["staticfiles"]}
    settings.AWS_LOCATION = "media"
    assert not {"D060", "D062"} & {*errors(project()[0]), *warnings(project()[0])}


FIELD = """
from storages.backends.s3 import S3Storage

class Item(models.Model):
    photo = models.FileField(storage=S3Storage({}))
"""


@pytest.mark.parametrize(("options", "finding"), [("", "D201"), ("bucket_name='acme-old'", "D065")])
def test_field_that_stayed_is_named(settings: Any, make_app: MakeApp, options: str, finding: str) -> None:
    settings.STORAGES = holdall.from_env(S3)
    make_app(FIELD.format(options))
    assert "Item.photo" in the(project()[0], finding).seen

    # It reads this one.
    settings.AWS_LOCATION = "media"
    assert "D060" not in errors(project()[0])


def test_public_acl_of_private_files_is_an_error(settings: Any) -> None:
    """The accident: the option was kept for production, and another environment declares nothing."""
    settings.STORAGES = holdall.from_env(S3, storages={"default": {"OPTIONS": {"default_acl": "public-read"}}})
    assert "D063" in errors(project()[0])
    settings.STORAGES = holdall.from_env(
        {**S3, **PUBLIC}, storages={"default": {"OPTIONS": {"default_acl": "public-read"}}}
    )
    assert "D063" not in errors(project()[0])

    # This setting is read as before.
    settings.STORAGES = holdall.from_env(S3)
    settings.AWS_S3_OBJECT_PARAMETERS = {"ACL": "public-read"}
    assert "D063" in errors(project()[0])
