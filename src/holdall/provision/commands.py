"""Write what is needed as commands of a shell: the AWS CLI, and for Spaces doctl and s3cmd. Pure."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from holdall.provision import merging, rights, settings, shell
from holdall.provision.needs import Needs
from holdall.provision.terraform import CACHING_OPTIMIZED, CLOUDFRONT_DOMAIN, CORS_S3_ORIGIN, SPACES_CDN_DOMAIN


def render(needs: Needs) -> str:
    """Write the commands, with what they do."""
    lines = [
        f"# What the media store in the bucket {needs.bucket} needs. Written by `holdall provision --format commands`."
    ]
    if not needs.read_only:
        lines += [
            "# Read it before you run it. Lifecycle rules of others are kept, and so are their CORS rules, except on Spaces; any",
            "# other put-… replaces the whole setting of its kind. `holdall provision --apply` keeps all of them.",
        ]
    lines.append("set -eu")
    sections = _spaces(needs) if needs.on_spaces else _amazon(needs) if needs.on_amazon else _others(needs)
    return "\n".join([*lines, *sections]) + "\n"


# -- Amazon


def _amazon(needs: Needs) -> list[str]:
    region = needs.region or shell.variable("AWS_S3_REGION_NAME")
    lines = [
        *([] if needs.region else [': "${AWS_S3_REGION_NAME:?set it to the region of the bucket}"']),
        f"export AWS_PAGER= AWS_REGION={shell.argument(region)} AWS_DEFAULT_REGION={shell.argument(region)}",
    ]
    if not needs.read_only:
        lines += shell.section("The bucket. Leave this out if it already exists.", _create(needs, region))
        lines += shell.section("Block public access, and disable ACLs.", *_closed(needs))
        lines += _rules(needs, bucket=needs.bucket)
    if needs.through_cloudfront:
        lines += _cloudfront(needs, region)
    return [*lines, *_identity(needs)]


def _create(needs: Needs, region: str) -> str:
    # The oldest region is the one that may not be named.
    place = None if region == "us-east-1" else f"LocationConstraint={region}"
    return shell.command("aws s3api create-bucket", bucket=needs.bucket, create_bucket_configuration=place)


def _closed(needs: Needs) -> list[str]:
    return [
        shell.command(
            "aws s3api put-public-access-block",
            bucket=needs.bucket,
            public_access_block_configuration=settings.PUBLIC_ACCESS_BLOCK,
        ),
        shell.command(
            "aws s3api put-bucket-ownership-controls",
            bucket=needs.bucket,
            ownership_controls={"Rules": [{"ObjectOwnership": settings.OWNERSHIP}]},
        ),
    ]


def _rules(needs: Needs, **place: str | None) -> list[str]:
    """Write lifecycle and CORS, which are the same calls everywhere."""
    lifecycle, cors = settings.lifecycle_rules(needs), settings.cors_rules(needs)
    lines = merging.function() if lifecycle or cors else []
    if lifecycle:
        title = f"Unfinished uploads are billed but not listed: abort them after {settings.UNFINISHED_DAYS} days."
        if len(lifecycle) > 1:
            title += "\nFiles in Holdall's own folders expire."
        lines += shell.section(title, *merging.command("lifecycle", "Rules", lifecycle, **place))
    if cors:
        also = ", and upload files" if needs.with_uploads else ""
        title = f"Pages of these sites may read files with fetch, in a canvas or as fonts{also}."
        lines += shell.section(title, *merging.command("cors", "CORSRules", cors, **place))
    return lines


def _cloudfront(needs: Needs, region: str) -> list[str]:
    lines = []
    if needs.signed_by_cloudfront:
        lines += shell.section(
            "The public key that belongs to AWS_CLOUDFRONT_KEY, in public_key.pem; its id is AWS_CLOUDFRONT_KEY_ID.",
            shell.into("public_key", r"""awk '{ printf "%s\\n", $0 }' public_key.pem"""),
            shell.into("key_id", _create_public_key(needs)),
            shell.into("key_group", _create_key_group(needs)),
            'echo "AWS_CLOUDFRONT_KEY_ID=$key_id"',
        )
    control = {
        "Name": needs.identity,
        "OriginAccessControlOriginType": "s3",
        "SigningBehavior": "always",
        "SigningProtocol": "sigv4",
    }
    access = shell.command(
        "aws cloudfront create-origin-access-control",
        origin_access_control_config=control,
        query="OriginAccessControl.Id",
        output="text",
    )
    title = "CloudFront, which is the only reader of the bucket."
    if needs.is_limited:
        title = "CloudFront. The bucket also holds private files: it may read the public folder alone. Do not widen its policy."
    lines += shell.section(title, shell.into("access", access))
    lines += _own_certificate(needs)
    if headers := settings.cors_rules(needs):
        lines.append(shell.into("headers", _create_response_headers(needs, headers[0])))
    create = shell.command(
        "aws cloudfront create-distribution",
        distribution_config=_distribution(needs, region),
        query="Distribution.[ARN, DomainName]",
        output="text",
    )
    policy = rights.bucket_policy(*rights.cloudfront_statements(needs, shell.variable("distribution")))
    return [
        *lines,
        shell.into("made", create),
        'distribution=$(echo "$made" | cut -f 1)',
        shell.command("aws s3api put-bucket-policy", bucket=needs.bucket, policy=policy),
        *([] if needs.domain else ['echo "AWS_S3_CUSTOM_DOMAIN=$(echo "$made" | cut -f 2)"']),
    ]


def _create_public_key(needs: Needs) -> str:
    config = {"CallerReference": needs.identity, "Name": needs.identity, "EncodedKey": shell.variable("public_key")}
    return shell.command(
        "aws cloudfront create-public-key", public_key_config=config, query="PublicKey.Id", output="text"
    )


def _create_key_group(needs: Needs) -> str:
    config = {"Name": needs.identity, "Items": [shell.variable("key_id")]}
    return shell.command("aws cloudfront create-key-group", key_group_config=config, query="KeyGroup.Id", output="text")


def _own_certificate(needs: Needs) -> list[str]:
    if not needs.domain or needs.domain.endswith(CLOUDFRONT_DOMAIN):
        return []
    return [f': "${{CERTIFICATE_ARN:?set it to the certificate of {needs.domain} in us-east-1}}"']


def _items(values: list[Any]) -> dict[str, Any]:
    """Write a list as CloudFront has them."""
    return {"Quantity": len(values), "Items": values}


def _create_response_headers(needs: Needs, rule: settings.Rule) -> str:
    cors = {
        f"AccessControl{ours}": _items(rule[theirs])
        for ours, theirs in (
            ("AllowOrigins", "AllowedOrigins"),
            ("AllowMethods", "AllowedMethods"),
            ("AllowHeaders", "AllowedHeaders"),
            ("ExposeHeaders", "ExposeHeaders"),
        )
    }
    config = {
        "Name": needs.identity,
        "CorsConfig": {
            **cors,
            "AccessControlAllowCredentials": False,
            "AccessControlMaxAgeSec": rule["MaxAgeSeconds"],
            "OriginOverride": True,
        },
    }
    return shell.command(
        "aws cloudfront create-response-headers-policy",
        response_headers_policy_config=config,
        query="ResponseHeadersPolicy.Id",
        output="text",
    )


def _distribution(needs: Needs, region: str) -> dict[str, Any]:
    """Give the configuration that `terraform` writes, in the words of CloudFront's own API."""
    own = bool(needs.domain and not needs.domain.endswith(CLOUDFRONT_DOMAIN))
    methods = ["GET", "HEAD", *(["OPTIONS"] if needs.origins else [])]
    behaviour: dict[str, Any] = {
        "TargetOriginId": "media",
        "ViewerProtocolPolicy": "redirect-to-https",
        "AllowedMethods": {**_items(methods), "CachedMethods": _items(["GET", "HEAD"])},
        "Compress": True,
        "CachePolicyId": CACHING_OPTIMIZED,
    }
    if needs.origins:
        behaviour |= {"OriginRequestPolicyId": CORS_S3_ORIGIN, "ResponseHeadersPolicyId": shell.variable("headers")}
    if needs.signed_by_cloudfront:
        behaviour["TrustedKeyGroups"] = {"Enabled": True, **_items([shell.variable("key_group")])}
    origin = {
        "Id": "media",
        "DomainName": f"{needs.bucket}.s3.{region}.amazonaws.com{'.cn' if needs.partition == 'aws-cn' else ''}",
        "OriginAccessControlId": shell.variable("access"),
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    certificate = {
        "ACMCertificateArn": shell.variable("CERTIFICATE_ARN"),
        "SSLSupportMethod": "sni-only",
        "MinimumProtocolVersion": "TLSv1.2_2021",
    }
    return {
        "CallerReference": needs.identity,
        "Comment": f"Media of {needs.bucket}",
        "Enabled": True,
        "Aliases": _items([needs.domain] if own and needs.domain else []),
        "Origins": _items([origin]),
        "DefaultCacheBehavior": behaviour,
        "ViewerCertificate": certificate if own else {"CloudFrontDefaultCertificate": True},
    }


def _identity(needs: Needs) -> list[str]:
    name, arn = needs.identity, shell.variable("policy")
    create = shell.command(
        "aws iam create-policy",
        policy_name=name,
        policy_document=rights.app_policy(needs),
        query="Policy.Arn",
        output="text",
    )
    key = shell.command(
        "aws iam create-access-key",
        user_name=name,
        query="AccessKey.[AccessKeyId, SecretAccessKey]",
        output="text",
    )
    title = (
        "The permissions of the application. Set ROLE to the role of the instance, container or function that it runs on;\n"
        "without it, a user is created and its key is printed."
    )
    return shell.section(
        title,
        shell.into("policy", create),
        'if [ -n "${ROLE:-}" ]; then',
        shell.command("  aws iam attach-role-policy", role_name=shell.variable("ROLE"), policy_arn=arn),
        "else",
        shell.command("  aws iam create-user", user_name=name),
        shell.command("  aws iam attach-user-policy", user_name=name, policy_arn=arn),
        f"  {key}",
        "fi",
    )


# -- DigitalOcean


def _spaces(needs: Needs) -> list[str]:
    lines = []
    if not needs.read_only:
        lines += shell.section(
            "The Space, with s3cmd and a full-access key in ~/.s3cfg: the application's own key cannot change settings.\n"
            "Its ACL stays private: a public one shows every file's name.",
            *_s3cmd(needs),
        )
        if needs.through_spaces_cdn:
            lines += _spaces_cdn(needs)
    return [
        *lines,
        *shell.section(
            "The application's key, for this Space only; it is printed once. Such a key does not work with a bucket policy.",
            shell.command(
                f"doctl spaces keys create {needs.identity}",
                grants=f"bucket={needs.bucket};permission={rights.spaces_permission(needs)}",
            ),
        ),
    ]


def _s3cmd(needs: Needs) -> list[str]:
    parts = urlsplit(needs.store.endpoint_url or "")
    host = parts.netloc
    # Another endpoint, such as a proxy, may know no subdomains.
    by_bucket = f"%(bucket)s.{host}" if host.endswith(".digitaloceanspaces.com") else host
    plain = " --no-ssl" if parts.scheme == "http" else ""
    lines = [
        f'space() {{ s3cmd --host={shell.argument(host)} --host-bucket={shell.argument(by_bucket)}{plain} "$@"; }}',
        f"space mb s3://{needs.bucket}  # leave this out if it already exists",
    ]
    if lifecycle := settings.lifecycle_rules(needs):
        lines += merging.lifecycle_by_s3cmd(needs.bucket, lifecycle)
    if cors := settings.cors_rules(needs):
        lines += [
            shell.file("holdall-cors.xml", shell.xml("CORSConfiguration", {"CORSRule": cors})),
            f"space setcors holdall-cors.xml s3://{needs.bucket}",
        ]
    return lines


def _spaces_cdn(needs: Needs) -> list[str]:
    origin = f"{needs.bucket}.{needs.region}.digitaloceanspaces.com"
    domain = needs.domain
    if domain is None or domain.endswith(SPACES_CDN_DOMAIN):
        return shell.section("The CDN in front of it.", f"doctl compute cdn create {origin}")
    make = shell.command(
        "doctl compute certificate create --type lets_encrypt",
        name=f"holdall-{domain.replace('.', '-')}",
        dns_names=domain,
        format="ID",
    )
    return shell.section(
        "The CDN in front of it; DigitalOcean issues certificates only for domains whose DNS it serves.",
        shell.into("certificate", f"{make} --no-header"),
        shell.command(
            f"doctl compute cdn create {origin}", domain=domain, certificate_id=shell.variable("certificate")
        ),
    )


# -- everybody else


def _others(needs: Needs) -> list[str]:
    place = {"bucket": needs.bucket, "endpoint_url": needs.store.endpoint_url, "region": needs.region}
    lines = []
    if not needs.read_only:
        lines += shell.section(
            "The bucket. Leave this out if it already exists. It needs a key that can change settings.",
            shell.command("aws s3api create-bucket", **place),
        )
        lines += _rules(needs, **place)
        if statements := settings.policy_statements(needs):
            call = shell.command("aws s3api put-bucket-policy", **place, policy=rights.bucket_policy(*statements))
            title = "Everybody may read the files; nobody may list them."
            if needs.is_limited:
                title += (
                    "\nThe bucket also holds private files: make public what this names, and never the whole bucket."
                )
            lines += shell.section(title, call)
    if needs.on_r2:
        if needs.store.public and not needs.read_only:
            lines += shell.section(
                "Public files need a custom domain on the bucket, which you add in Cloudflare's dashboard."
            )
        return [*lines, *shell.section("\n".join(key_by_hand(needs)))]
    policy = shell.file("holdall-rights.json", rights.as_json(rights.app_policy(needs)))
    lines += shell.section("\n".join(key_by_hand(needs)), policy)
    if not needs.read_only:
        lines += shell.section(
            f"{needs.where} answers NotImplemented to a setting that it does not support;\n"
            "`holdall provision --apply` names it and goes on with the others."
        )
    return lines


def key_by_hand(needs: Needs) -> list[str]:
    """Say how the app gets its key where no command makes one."""
    if needs.on_r2:
        may = "Object Read only" if needs.read_only else "Object Read & Write"
        return [
            f'The key is an API token with the permission "{may}", limited to this bucket.',
            "Create it in Cloudflare's dashboard: https://developers.cloudflare.com/r2/api/tokens/",
        ]
    return [
        "The application's key needs these permissions and no others.",
        "Creating a key is not part of the S3 API. If the provider supports IAM policies, use this one; if not, grant the",
        "closest permissions that it has.",
    ]
