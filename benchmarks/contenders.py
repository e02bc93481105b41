"""What is compared: Holdall, Holdall with the SDK in place of its fast lane, and django-storages as documented.

The plain clients that small operations are compared with are in `benchmarks.clients`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from django.core.files.storage import Storage
from tests.stores import build_storage

Builder = Callable[..., Storage]


def ours(environ: Mapping[str, str], **options: Any) -> Storage:
    """Build Holdall's storage as a project gets it."""
    return build_storage(environ, **options)


def named(environ: Mapping[str, str], **options: Any) -> Storage:
    """Build Holdall's storage told that its server is SeaweedFS, which an address alone does not say."""
    return build_storage(environ, provider="seaweedfs", **options)


def without_fast_lane(environ: Mapping[str, str], **options: Any) -> Storage:
    """Build Holdall's storage with every request sent by the SDK."""
    return build_storage(environ, fast_lane=False, **options)


def theirs(environ: Mapping[str, str], **options: Any) -> Storage:
    """Build django-storages' own class as its documentation says, told to overwrite nothing, and to sign with SigV4."""
    from storages.backends.s3 import S3Storage

    given = {
        "bucket_name": environ["STORAGE_BUCKET_NAME"],
        "endpoint_url": environ.get("AWS_S3_ENDPOINT_URL"),
        "access_key": environ.get("AWS_ACCESS_KEY_ID"),
        "secret_key": environ.get("AWS_SECRET_ACCESS_KEY"),
        "region_name": environ.get("AWS_S3_REGION_NAME", "us-east-1"),
        "location": environ.get("STORAGE_LOCATION", ""),
        "custom_domain": environ.get("AWS_S3_CUSTOM_DOMAIN"),
        "file_overwrite": False,
        "verify": os.environ.get("AWS_CA_BUNDLE"),
        "client_config": sdk_config(environ),
    }
    return S3Storage(**given | options)


def sdk_config(environ: Mapping[str, str]) -> Any:
    """Configure the SDK for those who use it plainly."""
    from botocore.config import Config

    # Without these no upload to Ceph over HTTPS succeeds at all.
    return Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if "AWS_S3_ENDPOINT_URL" in environ else "virtual"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


def sdk(environ: Mapping[str, str]) -> Any:
    """Build the SDK's client as django-storages has it."""
    import boto3

    return boto3.session.Session().client(
        "s3",
        endpoint_url=environ["AWS_S3_ENDPOINT_URL"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        region_name=environ.get("AWS_S3_REGION_NAME", "us-east-1"),
        verify=os.environ.get("AWS_CA_BUNDLE"),
        config=sdk_config(environ),
    )


CONTENDERS: dict[str, Builder] = {"holdall": ours, "without_fast_lane": without_fast_lane, "django_storages": theirs}
