"""How a store becomes the options of its storage. Pure."""

from __future__ import annotations

from typing import Any

from holdall.environment.store import Store

# What says where a store is, how it is reached and by whom: nothing of it holds for another store.
PLACE_OPTIONS = frozenset(
    {
        "provider",
        "bucket_name",
        "location",
        "endpoint_url",
        "public_endpoint_url",
        "region_name",
        "addressing_style",
        "custom_domain",
        "url_protocol",
        "domain_is_limited",
        "sign_for_domain",
        "access_key",
        "secret_key",
        "security_token",
        "session_profile",
        "cloudfront_key_id",
        "cloudfront_key",
        "local_folder",
        "env_prefix",
        "parent",
        "mirror",
    }
)


def options(store: Store, *, boto3_sees_environment: bool, local_folder: str | None = None) -> dict[str, Any]:
    """Give the `OPTIONS` of `holdall.storage.MediaStorage` for a store.

    Each option that the contract decides is written out, `None` included: a forgotten `AWS_DEFAULT_ACL` in a
    project's settings must not publish private files. Keys are left out wherever boto3 reads them itself.
    """
    chosen: dict[str, Any] = {
        "provider": store.provider.id,
        "public": store.public,
        "bucket_name": store.bucket_name,
        "location": store.location,
        "endpoint_url": store.endpoint_url,
        "public_endpoint_url": store.public_endpoint_url,
        "region_name": store.region_name,
        "addressing_style": store.addressing_style,
        "custom_domain": store.custom_domain.address if store.custom_domain else None,
        "domain_is_limited": store.domain_is_limited,
        "sign_for_domain": store.signs_for_domain,
        "querystring_auth": not store.public,
        "querystring_expire": store.url_lifetime_seconds,
        "cache_lifetime": store.cache_lifetime_seconds,
        "default_acl": "public-read" if store.public and store.provider.public_by_acl else None,
        "file_overwrite": False,
        "access_key": None,
        "secret_key": None,
        "security_token": None,
        "session_profile": None,
        # Every link contains it, so it is not secret.
        "cloudfront_key_id": store.cloudfront_key_id.reveal() if store.cloudfront_key_id else None,
        "cloudfront_key": store.cloudfront_key,
        "environment": store.environment,
        "timeout": store.timeout_seconds,
        "trash": store.trash_seconds,
        "env_prefix": store.env_prefix,
    }
    if store.custom_domain:
        chosen["url_protocol"] = f"{store.custom_domain.scheme}:"
    if store.keys and not (store.boto3_reads_keys and boto3_sees_environment):
        chosen |= {
            "access_key": store.keys.access_key,
            "secret_key": store.keys.secret_key,
            "security_token": store.keys.token,
        }
    if store.mode == "local":
        chosen["local_folder"] = local_folder
    return chosen
