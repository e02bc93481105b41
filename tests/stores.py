"""Make a storage as a project would: from an environment, through Django's own `STORAGES` machinery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.files.storage import Storage
from django.core.files.storage.handler import StorageHandler

try:
    from holdall import from_env
except ImportError:
    from_env = None


def build_storage(environ: Mapping[str, str], **options: Any) -> Storage:
    """Build the default storage of a project with this environment; `options` are put over those of the contract."""
    setting = from_env(environ)["default"] if from_env else _by_hand(environ)
    setting["OPTIONS"] = setting.get("OPTIONS", {}) | options
    return StorageHandler({"default": setting})["default"]


def _by_hand(environ: Mapping[str, str]) -> dict[str, Any]:
    from botocore.config import Config

    is_public = environ.get("STORAGE_MAKE_FILES_PUBLIC") == "true"
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": environ["STORAGE_BUCKET_NAME"],
            "endpoint_url": environ["AWS_S3_ENDPOINT_URL"],
            "access_key": environ["AWS_ACCESS_KEY_ID"],
            "secret_key": environ["AWS_SECRET_ACCESS_KEY"],
            "region_name": environ.get("AWS_S3_REGION_NAME", "us-east-1"),
            "location": environ.get("STORAGE_LOCATION", ""),
            "file_overwrite": False,
            "querystring_auth": not is_public,
            "custom_domain": environ.get("AWS_S3_CUSTOM_DOMAIN"),
            "default_acl": "public-read" if is_public and environ["STORAGES_MODE"] == "do" else None,
            "client_config": Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                max_pool_connections=64,
            ),
        },
    }
