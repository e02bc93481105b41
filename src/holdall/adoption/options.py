"""The options of django-storages, the settings that they come from, and the variables that they become."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from holdall.providers import recognise

# https://django-storages.readthedocs.io/en/latest/backends/amazon-S3.html#configuration-settings
# The first setting that is set counts.
SETTINGS = {
    "access_key": ("AWS_S3_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"),
    "secret_key": ("AWS_S3_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
    "security_token": ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
    "session_profile": ("AWS_S3_SESSION_PROFILE",),
    "bucket_name": ("AWS_STORAGE_BUCKET_NAME",),
    "location": ("AWS_LOCATION",),
    "endpoint_url": ("AWS_S3_ENDPOINT_URL",),
    "region_name": ("AWS_S3_REGION_NAME",),
    "addressing_style": ("AWS_S3_ADDRESSING_STYLE",),
    "custom_domain": ("AWS_S3_CUSTOM_DOMAIN",),
    "url_protocol": ("AWS_S3_URL_PROTOCOL",),
    "default_acl": ("AWS_DEFAULT_ACL",),
    "querystring_auth": ("AWS_QUERYSTRING_AUTH",),
    "querystring_expire": ("AWS_QUERYSTRING_EXPIRE",),
    "cloudfront_key_id": ("AWS_CLOUDFRONT_KEY_ID",),
    "cloudfront_key": ("AWS_CLOUDFRONT_KEY",),
    "file_overwrite": ("AWS_S3_FILE_OVERWRITE",),
    "signature_version": ("AWS_S3_SIGNATURE_VERSION",),
    "object_parameters": ("AWS_S3_OBJECT_PARAMETERS",),
    "gzip": ("AWS_IS_GZIPPED",),
    "gzip_content_types": ("GZIP_CONTENT_TYPES",),
    "file_name_charset": ("AWS_S3_FILE_NAME_CHARSET",),
    "proxies": ("AWS_S3_PROXIES",),
    "use_ssl": ("AWS_S3_USE_SSL",),
    "verify": ("AWS_S3_VERIFY",),
    "max_memory_size": ("AWS_S3_MAX_MEMORY_SIZE",),
    "use_threads": ("AWS_S3_USE_THREADS",),
    "transfer_config": ("AWS_S3_TRANSFER_CONFIG",),
    "client_config": ("AWS_S3_CLIENT_CONFIG",),
}
# `MediaStorage` reads these from the settings as before. All others come from variables, or have no meaning any more.
STILL_READ = (
    "object_parameters", "gzip", "gzip_content_types", "file_name_charset", "proxies", "use_ssl", "verify",
    "use_threads", "transfer_config", "client_config",
)  # fmt: skip
# Nothing of these is printed or written into code: proxies contain passwords, too.
SECRET = frozenset({"access_key", "secret_key", "security_token", "cloudfront_key", "proxies"})


def setting_of(option: str) -> str | None:
    """Give the name of the setting that an option comes from, if one is set."""
    return next((name for name in SETTINGS[option] if getattr(settings, name, None) is not None), None)


# What may give access, in the options of any storage.
_SECRET_NAME = re.compile(r"key|secret|token|password|credential|auth|url|connection|dsn", re.IGNORECASE)


def is_printable(options: Mapping[str, Any]) -> bool:
    """Whether the options of a storage of any kind can be written into settings, with nothing secret in them."""
    return all(not _SECRET_NAME.search(name) and is_literal(value) for name, value in options.items())


def is_literal(value: Any) -> bool:
    """Whether a value can be written into settings as it is, and says nothing secret."""
    if isinstance(value, dict):
        # A customer's own key among the parameters of uploads.
        return all(isinstance(key, str) and "Key" not in key and is_literal(one) for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(is_literal, value))
    return value is None or isinstance(value, (bool, int, float, str))


def without_bucket(endpoint: str, bucket: str) -> tuple[str, bool]:
    """Take the bucket from the front of an endpoint's host: Spaces' panel shows it so."""
    host = urlsplit(endpoint).hostname or ""
    if not bucket or not host.startswith(f"{bucket}."):
        return endpoint, False
    rest = endpoint.replace(f"//{bucket}.", "//", 1)
    is_store = recognise(rest)[0].host is not None or urlsplit(rest).netloc.startswith("s3.")
    return (rest, True) if is_store else (endpoint, False)
