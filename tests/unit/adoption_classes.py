"""Storages as projects write them, for the tests of moving."""

from __future__ import annotations

from typing import Any

from storages.backends.s3 import S3ManifestStaticStorage, S3Storage
from storages.backends.s3boto3 import S3Boto3Storage


class MediaRootS3Boto3Storage(S3Boto3Storage):
    """cookiecutter-django's."""

    location = "media"
    file_overwrite = False


class StaticRootS3Boto3Storage(S3Boto3Storage):
    """cookiecutter-django's, too."""

    location = "static"
    default_acl = "public-read"


class PrivateMediaStorage(S3Boto3Storage):
    """The tutorials'."""

    location = "private"
    default_acl = "private"
    file_overwrite = False
    custom_domain = False


class TenantStorage(S3Storage):
    """django-tenants'."""

    @property
    def location(self) -> str:
        return "tenants/acme"


class FromInit(S3Storage):
    def __init__(self, **options: Any) -> None:
        super().__init__(**{"bucket_name": "acme-papers", "querystring_expire": 60, **options})


class Static(S3ManifestStaticStorage):
    location = "static"


class Broken(S3Storage):
    def __init__(self, **options: Any) -> None:
        raise RuntimeError("no tenant yet")
