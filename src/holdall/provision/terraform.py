"""Write what is needed as Terraform, for the providers of Amazon and DigitalOcean. Pure."""

from __future__ import annotations

from typing import Any

from holdall.provision import rights, settings
from holdall.provision.hcl import Block, Expression, call
from holdall.provision.needs import Needs

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
CORS_S3_ORIGIN = "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf"
CLOUDFRONT_DOMAIN = ".cloudfront.net"
SPACES_CDN_DOMAIN = ".cdn.digitaloceanspaces.com"

BUCKET = Expression("aws_s3_bucket.media.id")
SPACE = Expression("digitalocean_spaces_bucket.media")


def writes(needs: Needs) -> bool:
    """Say whether there is Terraform for this provider here."""
    return needs.on_amazon or needs.on_spaces


def render(needs: Needs) -> str:
    """Write the whole configuration."""
    blocks = _amazon(needs) if needs.on_amazon else _spaces(needs)
    return "\n\n".join([_opening(needs), *(block.render() for block in blocks)]) + "\n"


def _opening(needs: Needs) -> str:
    lines = [
        f"What the media store in the bucket {needs.bucket} needs. Written by `holdall provision --format terraform`.",
        "Read `terraform plan` before you apply it.",
    ]
    if not needs.read_only:
        kind, name = (
            ("aws_s3_bucket", needs.bucket) if needs.on_amazon else ("digitalocean_spaces_bucket", _space_id(needs))
        )
        lines.append(f"If the bucket already exists: terraform import {kind}.media {name}")
    return "\n".join(f"# {line}" for line in lines)


def _space_id(needs: Needs) -> str:
    return f"{needs.region},{needs.bucket}"


def _resource(kind: str, /, **attributes: Any) -> Block:
    return Block("resource", (kind, "media")).set(**attributes)


def _variable(name: str, description: str, *, default: str | None = None) -> Block:
    return Block("variable", (name,)).set(description=description, type=Expression("string"), default=default)


def _output(variable: str, value: Any, *, sensitive: bool = False) -> Block:
    return Block("output", (variable,)).set(value=value, sensitive=True if sensitive else None)


def _provider(kind: str, source: str, version: str) -> Block:
    block = Block("terraform")
    block.block("required_providers").set(**{kind: {"source": source, "version": version}})
    return block


# -- Amazon


def _amazon(needs: Needs) -> list[Block]:
    region = _variable("region", "The region of the bucket.", default=needs.region)
    blocks = [
        _provider("aws", "hashicorp/aws", ">= 5.0"),
        region,
        Block("provider", ("aws",)).set(region=Expression("var.region")),
    ]
    if not needs.read_only:
        blocks += _amazon_bucket(needs)
    if needs.through_cloudfront:
        blocks += _cloudfront(needs)
    return [*blocks, *_identity(needs), *_amazon_outputs(needs)]


# Terraform has no way to add a rule to those that are there.
_ALL_RULES = ("These are all lifecycle rules of the bucket: add any that it has already, or Terraform removes them.",)


def _amazon_bucket(needs: Needs) -> list[Block]:
    block = settings.PUBLIC_ACCESS_BLOCK
    bucket = _resource("aws_s3_bucket", bucket=needs.bucket)
    closed = _resource(
        "aws_s3_bucket_public_access_block",
        bucket=BUCKET,
        block_public_acls=block["BlockPublicAcls"],
        ignore_public_acls=block["IgnorePublicAcls"],
        block_public_policy=block["BlockPublicPolicy"],
        restrict_public_buckets=block["RestrictPublicBuckets"],
    )
    owned = _resource("aws_s3_bucket_ownership_controls", bucket=BUCKET)
    owned.block("rule", object_ownership=settings.OWNERSHIP)
    lifecycle = _resource("aws_s3_bucket_lifecycle_configuration", bucket=BUCKET).comment(*_ALL_RULES)
    for rule in settings.lifecycle_rules(needs):
        inner = lifecycle.block("rule", id=rule["ID"], status=rule["Status"])
        inner.block("filter", prefix=rule["Filter"]["Prefix"])
        if abort := rule.get("AbortIncompleteMultipartUpload"):
            inner.block("abort_incomplete_multipart_upload", days_after_initiation=abort["DaysAfterInitiation"])
        else:
            inner.block("expiration", days=rule["Expiration"]["Days"])
    return [bucket, closed, owned, lifecycle, *_cors(needs, "aws_s3_bucket_cors_configuration", bucket=BUCKET)]


def _cors(needs: Needs, kind: str, **place: Any) -> list[Block]:
    rules = settings.cors_rules(needs)
    configuration = _resource(kind, **place)
    for rule in rules:
        configuration.block(
            "cors_rule",
            id=rule["ID"],
            allowed_origins=rule["AllowedOrigins"],
            allowed_methods=rule["AllowedMethods"],
            allowed_headers=rule["AllowedHeaders"],
            expose_headers=rule["ExposeHeaders"],
            max_age_seconds=rule["MaxAgeSeconds"],
        )
    return [configuration] if rules else []


def _cloudfront(needs: Needs) -> list[Block]:
    access = _resource(
        "aws_cloudfront_origin_access_control",
        name=needs.identity,
        origin_access_control_origin_type="s3",
        signing_behavior="always",
        signing_protocol="sigv4",
    )
    statements = rights.cloudfront_statements(needs, Expression("aws_cloudfront_distribution.media.arn"))
    policy = _resource(
        "aws_s3_bucket_policy", bucket=BUCKET, policy=call("jsonencode", rights.bucket_policy(*statements))
    )
    if needs.is_limited:
        policy.comment(
            "The bucket also holds private files: the distribution may read the public folder alone. Do not widen this."
        )
    return [*_certificate(needs), *_signers(needs), access, *_response_headers(needs), _distribution(needs), policy]


def _own_domain(needs: Needs, delivery: str) -> str | None:
    """Give the domain if it is one of the project's own, which needs a certificate."""
    return needs.domain if needs.domain and not needs.domain.endswith(delivery) else None


def _certificate(needs: Needs) -> list[Block]:
    domain = _own_domain(needs, CLOUDFRONT_DOMAIN)
    if domain is None:
        return []
    return [
        _variable(
            "certificate_arn", f"The ARN of the certificate of {domain} in us-east-1, where CloudFront looks for it."
        )
    ]


def _signers(needs: Needs) -> list[Block]:
    if not needs.signed_by_cloudfront:
        return []
    return [
        _variable("public_key", "The public key that matches AWS_CLOUDFRONT_KEY, as PEM."),
        _resource("aws_cloudfront_public_key", name=needs.identity, encoded_key=Expression("var.public_key")),
        _resource(
            "aws_cloudfront_key_group",
            name=needs.identity,
            items=[Expression("aws_cloudfront_public_key.media.id")],
        ),
    ]


def _response_headers(needs: Needs) -> list[Block]:
    """Let CloudFront answer with the CORS headers: a cached copy has those of whoever asked first, or none."""
    rules = settings.cors_rules(needs)
    if not rules:
        return []
    policy = _resource("aws_cloudfront_response_headers_policy", name=needs.identity)
    cors = policy.block(
        "cors_config",
        access_control_allow_credentials=False,
        access_control_max_age_sec=rules[0]["MaxAgeSeconds"],
        origin_override=True,
    )
    for name, member in (
        ("access_control_allow_origins", "AllowedOrigins"),
        ("access_control_allow_methods", "AllowedMethods"),
        ("access_control_allow_headers", "AllowedHeaders"),
        ("access_control_expose_headers", "ExposeHeaders"),
    ):
        cors.block(name, items=rules[0][member])
    return [policy]


def _distribution(needs: Needs) -> Block:
    domain = _own_domain(needs, CLOUDFRONT_DOMAIN)
    sites = bool(needs.origins)
    distribution = _resource(
        "aws_cloudfront_distribution",
        enabled=True,
        is_ipv6_enabled=True,
        comment=f"Media of {needs.bucket}",
        aliases=[domain] if domain else None,
    )
    distribution.block(
        "origin",
        domain_name=Expression("aws_s3_bucket.media.bucket_regional_domain_name"),
        origin_id="media",
        origin_access_control_id=Expression("aws_cloudfront_origin_access_control.media.id"),
    )
    distribution.block(
        "default_cache_behavior",
        target_origin_id="media",
        viewer_protocol_policy="redirect-to-https",
        allowed_methods=["GET", "HEAD", "OPTIONS"] if sites else ["GET", "HEAD"],
        cached_methods=["GET", "HEAD"],
        compress=True,
        cache_policy_id=CACHING_OPTIMIZED,
        origin_request_policy_id=CORS_S3_ORIGIN if sites else None,
        response_headers_policy_id=Expression("aws_cloudfront_response_headers_policy.media.id") if sites else None,
        trusted_key_groups=[Expression("aws_cloudfront_key_group.media.id")] if needs.signed_by_cloudfront else None,
    )
    distribution.block("restrictions").block("geo_restriction", restriction_type="none")
    if domain:
        distribution.block(
            "viewer_certificate",
            acm_certificate_arn=Expression("var.certificate_arn"),
            ssl_support_method="sni-only",
            minimum_protocol_version="TLSv1.2_2021",
        )
    else:
        distribution.block("viewer_certificate", cloudfront_default_certificate=True)
    return distribution


def _identity(needs: Needs) -> list[Block]:
    """Give the rights to the role that the app runs with or, without one, to a user with a key."""
    name = needs.identity
    role = _variable(
        "role_name",
        "The role of the instance, container or function that the application runs on. If empty, a user with a key is created.",
        default="",
    )
    policy = _resource("aws_iam_policy", name=name, policy=call("jsonencode", rights.app_policy(needs)))
    arn = Expression("aws_iam_policy.media.arn")
    for_role = _resource(
        "aws_iam_role_policy_attachment",
        count=Expression('var.role_name == "" ? 0 : 1'),
        role=Expression("var.role_name"),
        policy_arn=arn,
    )
    without = Expression('var.role_name == "" ? 1 : 0')
    user = _resource("aws_iam_user", count=without, name=name)
    user_name = Expression("aws_iam_user.media[0].name")
    attachment = _resource("aws_iam_user_policy_attachment", count=without, user=user_name, policy_arn=arn)
    key = _resource("aws_iam_access_key").comment(
        "The secret is stored in Terraform's state: protect the state as you protect the key."
    )
    key.set(count=without, user=user_name)
    return [role, policy, for_role, user, attachment, key]


def _amazon_outputs(needs: Needs) -> list[Block]:
    prefix = needs.prefix
    blocks = [
        _output(f"{prefix}STORAGE_BUCKET_NAME", needs.bucket if needs.read_only else BUCKET),
        _output(f"{prefix}AWS_S3_REGION_NAME", Expression("var.region")),
    ]
    if needs.through_cloudfront:
        domain = _own_domain(needs, CLOUDFRONT_DOMAIN)
        value = domain or Expression("aws_cloudfront_distribution.media.domain_name")
        blocks.append(_output(f"{prefix}AWS_S3_CUSTOM_DOMAIN", value))
    if needs.signed_by_cloudfront:
        blocks.append(_output(f"{prefix}AWS_CLOUDFRONT_KEY_ID", Expression("aws_cloudfront_public_key.media.id")))
    key = "one(aws_iam_access_key.media[*]"
    return [
        *blocks,
        _output(f"{prefix}AWS_ACCESS_KEY_ID", Expression(f"{key}.id)")),
        _output(f"{prefix}AWS_SECRET_ACCESS_KEY", Expression(f"{key}.secret)"), sensitive=True),
    ]


# -- DigitalOcean


def _spaces(needs: Needs) -> list[Block]:
    blocks = [
        _provider("digitalocean", "digitalocean/digitalocean", ">= 2.50"),
        Block("provider", ("digitalocean",)).comment(
            "From DIGITALOCEAN_TOKEN and, for the Space itself, SPACES_ACCESS_KEY_ID and SPACES_SECRET_ACCESS_KEY",
            "(a full-access key: the one created below cannot change the Space's settings).",
        ),
    ]
    if not needs.read_only:
        blocks += _space(needs)
        if needs.through_spaces_cdn:
            blocks += _spaces_cdn(needs)
    key = _resource("digitalocean_spaces_key").comment(
        "A limited key does not work with a bucket policy: do not set a policy on this Space."
    )
    key.set(name=needs.identity)
    bucket: Any = needs.bucket if needs.read_only else Expression(f"{SPACE}.name")
    key.block("grant", bucket=bucket, permission=rights.spaces_permission(needs))
    return [*blocks, key, *_spaces_outputs(needs)]


def _space(needs: Needs) -> list[Block]:
    space = _resource("digitalocean_spaces_bucket", name=needs.bucket, region=needs.region)
    space.comment("The Space's ACL controls listing, not files: a public one shows every file's name.")
    space.set(acl="private")
    space.comment(*_ALL_RULES)
    for rule in settings.lifecycle_rules(needs):
        abort = rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation")
        inner = space.block(
            "lifecycle_rule",
            id=rule["ID"],
            enabled=True,
            prefix=rule["Filter"]["Prefix"] or None,
            abort_incomplete_multipart_upload_days=abort,
        )
        if "Expiration" in rule:
            inner.block("expiration", days=rule["Expiration"]["Days"])
    place = {"bucket": Expression(f"{SPACE}.id"), "region": Expression(f"{SPACE}.region")}
    return [space, *_cors(needs, "digitalocean_spaces_bucket_cors_configuration", **place)]


def _spaces_cdn(needs: Needs) -> list[Block]:
    domain = _own_domain(needs, SPACES_CDN_DOMAIN)
    cdn = _resource("digitalocean_cdn", origin=Expression(f"{SPACE}.bucket_domain_name"))
    if domain is None:
        return [cdn]
    certificate = _resource(
        "digitalocean_certificate",
        name=f"holdall-{domain.replace('.', '-')}",
        type="lets_encrypt",
        domains=[domain],
    )
    certificate.comment("DigitalOcean issues it only for domains whose DNS it serves.")
    cdn.set(custom_domain=domain, certificate_name=Expression("digitalocean_certificate.media.name"))
    return [certificate, cdn]


def _spaces_outputs(needs: Needs) -> list[Block]:
    prefix = needs.prefix
    blocks = [
        _output(f"{prefix}STORAGE_BUCKET_NAME", needs.bucket if needs.read_only else Expression(f"{SPACE}.name")),
        _output(f"{prefix}DO_REGION", needs.region),
    ]
    if needs.through_spaces_cdn:
        own = _own_domain(needs, SPACES_CDN_DOMAIN)
        blocks.append(_output(f"{prefix}AWS_S3_CUSTOM_DOMAIN", own or Expression("digitalocean_cdn.media.endpoint")))
    return [
        *blocks,
        _output(f"{prefix}AWS_ACCESS_KEY_ID", Expression("digitalocean_spaces_key.media.access_key")),
        _output(
            f"{prefix}AWS_SECRET_ACCESS_KEY", Expression("digitalocean_spaces_key.media.secret_key"), sensitive=True
        ),
    ]
