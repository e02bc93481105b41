"""The arguments of the resources that are written, as the providers document them.

Recorded by hand from the pages `website/docs/r/<resource>.html.markdown` of hashicorp/terraform-provider-aws and
`docs/resources/<resource>.md` of digitalocean/terraform-provider-digitalocean, at the commits beside them. Recorded are
the arguments that are used here and the ones that are required (marked with `!`); a nested dictionary is a block.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
# A value, of whatever type.
V = None

META: Schema = {"count": V}
_ITEMS: Schema = {"items!": V}

RESOURCES: dict[str, tuple[str, Schema]] = {
    "aws_s3_bucket": ("0015017ad4056c21b70ab87f24a39c720202878f", {"bucket": V}),
    "aws_s3_bucket_public_access_block": (
        "07e0d0b940f57c782f8fcc9ccfd8b19f59383b51",
        {
            "bucket!": V,
            "block_public_acls": V,
            "block_public_policy": V,
            "ignore_public_acls": V,
            "restrict_public_buckets": V,
        },
    ),
    "aws_s3_bucket_ownership_controls": (
        "0047cfed038223ff290ff0bfc7b024bc1e6163ca",
        {"bucket!": V, "rule!": {"object_ownership!": V}},
    ),
    "aws_s3_bucket_policy": ("0c68aa1cd8712a7b610b6f696ff92892f3c69dbc", {"bucket!": V, "policy!": V}),
    "aws_s3_bucket_cors_configuration": (
        "0413c661ec1b94f3033c98f3fbd1e8c1b2725589",
        {
            "bucket!": V,
            "cors_rule!": {
                "allowed_headers": V,
                "allowed_methods!": V,
                "allowed_origins!": V,
                "expose_headers": V,
                "id": V,
                "max_age_seconds": V,
            },
        },
    ),
    "aws_s3_bucket_lifecycle_configuration": (
        "0f44f39f7143d43a07a73f676883408d2fb7733d",
        {
            "bucket!": V,
            "rule!": {
                "id!": V,
                "status!": V,
                "filter": {"prefix": V},
                "abort_incomplete_multipart_upload": {"days_after_initiation": V},
                "expiration": {"days": V},
            },
        },
    ),
    "aws_cloudfront_origin_access_control": (
        "1bf14ce2417cb8628a750634bac3dc28975387c4",
        {"name!": V, "origin_access_control_origin_type!": V, "signing_behavior!": V, "signing_protocol!": V},
    ),
    "aws_cloudfront_public_key": ("0b7aab212c92131b54b9948efeb29c85b974862a", {"name": V, "encoded_key!": V}),
    "aws_cloudfront_key_group": ("39604135b651ee6ac154f93a75c082c1ed4143d3", {"name!": V, "items!": V}),
    "aws_cloudfront_response_headers_policy": (
        "0c87d7d0850f417355f971218afed65c58c0ab8a",
        {
            "name!": V,
            "cors_config": {
                "access_control_allow_credentials!": V,
                "access_control_allow_headers!": _ITEMS,
                "access_control_allow_methods!": _ITEMS,
                "access_control_allow_origins": _ITEMS,
                "access_control_expose_headers": _ITEMS,
                "access_control_max_age_sec!": V,
                # In the page's example and in the API, not in its list of arguments.
                "origin_override!": V,
            },
        },
    ),
    "aws_cloudfront_distribution": (
        "01d86f2a198c8aca804f3e09ec6798162c3f1e3d",
        {
            "aliases": V,
            "comment": V,
            "enabled!": V,
            "is_ipv6_enabled": V,
            "origin!": {"domain_name!": V, "origin_id!": V, "origin_access_control_id": V},
            "default_cache_behavior!": {
                "allowed_methods!": V,
                "cached_methods!": V,
                "cache_policy_id": V,
                "compress": V,
                "origin_request_policy_id": V,
                "response_headers_policy_id": V,
                "target_origin_id!": V,
                "trusted_key_groups": V,
                "viewer_protocol_policy!": V,
            },
            "restrictions!": {"geo_restriction!": {"restriction_type!": V}},
            "viewer_certificate!": {
                "acm_certificate_arn": V,
                "cloudfront_default_certificate": V,
                "minimum_protocol_version": V,
                "ssl_support_method": V,
            },
        },
    ),
    "aws_iam_policy": ("1b95a29b5b1ed4b913ab954798b0bcf409ba7ad0", {"name": V, "policy!": V}),
    "aws_iam_user": ("1e334cd6b428fe1976dc31132647eb6511e7e1ad", {"name!": V}),
    "aws_iam_access_key": ("0bc9ebe6b02c6b9a5bcf2d918333f720187b04e0", {"user!": V}),
    "aws_iam_user_policy_attachment": ("8d4a969e15f91a8dc612dfd1566d2a55a6420b49", {"user!": V, "policy_arn!": V}),
    "aws_iam_role_policy_attachment": ("25612875d737d15bd1f48e1ce10682dac9b0886f", {"role!": V, "policy_arn!": V}),
    "digitalocean_spaces_bucket": (
        "105bf92822891174839eb8babea7f4a316534797",
        {
            "name!": V,
            "region": V,
            "acl": V,
            # The page asks for an expiration in each rule; the provider does not (resource_spaces_bucket.go at
            # 10cf44469f34a17d1d4dcf80f95a9dc6c7808fa9 sends a rule that only ends uploads as it is).
            "lifecycle_rule": {
                "id": V,
                "prefix": V,
                "enabled!": V,
                "abort_incomplete_multipart_upload_days": V,
                "expiration": {"days": V},
            },
        },
    ),
    "digitalocean_spaces_bucket_cors_configuration": (
        "2a6fdf8d8da8ec4d3106e82c40035b3adcfb8b98",
        {
            "bucket!": V,
            "region!": V,
            "cors_rule!": {
                "allowed_headers": V,
                "allowed_methods!": V,
                "allowed_origins!": V,
                "expose_headers": V,
                "id": V,
                "max_age_seconds": V,
            },
        },
    ),
    "digitalocean_spaces_key": (
        "855e09849d1ba60753798248b44d6ef20b7c8113",
        {"name!": V, "grant": {"bucket!": V, "permission!": V}},
    ),
    "digitalocean_cdn": (
        "7d41d7c41db44b282257391db96d3bdd898cce14",
        {"origin!": V, "custom_domain": V, "certificate_name": V},
    ),
    "digitalocean_certificate": (
        "17555be10ac19ac4a74586c531bb20aca22221f5",
        {"name!": V, "type": V, "domains": V},
    ),
}

# What a reference to a resource may end in, beyond its arguments: the attributes that the same pages list.
ATTRIBUTES: dict[str, set[str]] = {
    "aws_s3_bucket": {"id", "bucket_regional_domain_name"},
    "aws_cloudfront_distribution": {"arn", "domain_name"},
    "aws_cloudfront_origin_access_control": {"id"},
    "aws_cloudfront_public_key": {"id"},
    "aws_cloudfront_key_group": {"id"},
    "aws_cloudfront_response_headers_policy": {"id"},
    "aws_iam_policy": {"arn"},
    "aws_iam_access_key": {"id", "secret"},
    # The page leaves out `id`, which every resource has and its own example of CORS uses.
    "digitalocean_spaces_bucket": {"id", "bucket_domain_name"},
    "digitalocean_spaces_key": {"access_key", "secret_key"},
    "digitalocean_cdn": {"endpoint"},
}
