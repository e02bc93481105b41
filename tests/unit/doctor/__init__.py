"""The offline half of the doctor: each failure gives its own finding and no other error, without a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storages.backends.s3 import S3Storage

from holdall.findings import Report
from tests.doctor import examine, examine_storage

ACCESS = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
PAIR = {"AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET}
S3 = {"STORAGE_BUCKET_NAME": "acme-media", "AWS_S3_REGION_NAME": "eu-central-1", **PAIR}
SPACES = {
    "STORAGES_MODE": "do",
    "STORAGE_BUCKET_NAME": "acme-media",
    "AWS_ACCESS_KEY_ID": "DO00EXAMPLEEXAMPLE00",
    "AWS_SECRET_ACCESS_KEY": SECRET,
}
PUBLIC = {"STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": "media.example.com"}
# django-storages' own storage, set up as it should be.
PLAIN: dict[str, Any] = {
    "bucket_name": "acme-media",
    "region_name": "eu-central-1",
    "access_key": ACCESS,
    "secret_key": SECRET,
    "signature_version": "s3v4",
    "addressing_style": "virtual",
    "file_overwrite": False,
    "max_memory_size": 5_000_000,
}


def offline(environ: Mapping[str, str], **chosen: Any) -> Report:
    return examine(environ, offline=True, **chosen)


def offline_plain(*, skip: tuple[str, ...] = ("link_stability",), **options: Any) -> Report:
    """Examine django-storages' own storage with these options, without the second that comparing links takes."""
    return examine_storage(S3Storage(**{**PLAIN, **options}), offline=True, skip=skip)
