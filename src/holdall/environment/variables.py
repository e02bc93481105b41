"""The variables of the contract, each declared once; `holdall.environment.contract` reads them.

They are named tuples, because they are read at every start: a dataclass costs ten times as much to declare, and
`dataclasses` itself as much as the rest.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from holdall.environment import domains, endpoints, values

DEFAULT_LIFETIME_SECONDS = 3600
DEFAULT_CACHE_SECONDS = 3600
DEFAULT_TIMEOUT_SECONDS = 10
DEFAULT_SPACES_REGION = "ams3"
LOCAL_BUCKET = "media"


class Variable(NamedTuple):
    """One variable of the contract; the reference page and `holdall env` are made of these."""

    name: str
    purpose: str
    parse: values.Parser
    default: str = "none"
    # A value that is never shown. "key id": its last letters are.
    secret: Literal[False, "whole", "key id"] = False
    # In which modes it has a meaning.
    modes: tuple[str, ...] = ("s3", "do", "local")
    # Part of the specification that this project exists to implement.
    specified: bool = False


VARIABLES = (
    Variable(
        name="STORAGES_MODE",
        purpose="`s3` (Amazon S3, or any S3-compatible endpoint), `do` (DigitalOcean Spaces) or `local` "
        "(an S3 server embedded in development, which needs no other variable)",
        parse=values.mode,
        default="`s3`",
        specified=True,
    ),
    Variable(
        name="STORAGE_BUCKET_NAME",
        purpose="the bucket that keeps the files",
        parse=values.bucket,
        default="required; mode `local`: `media`",
        specified=True,
    ),
    Variable(
        name="STORAGE_MAKE_FILES_PUBLIC",
        purpose="`true`: every file is public, served from the CDN domain. Otherwise files are private, served by signed links",
        parse=values.boolean,
        default="`false`",
        specified=True,
    ),
    Variable(
        name="AWS_S3_CUSTOM_DOMAIN",
        purpose="the domain of the CDN in front of the bucket (Spaces: an option of the bucket; AWS: a CloudFront "
        "distribution), with a scheme, port and path if it has them: links are this and the key",
        parse=domains.domain,
        default="none; required when files are public",
        modes=("s3", "do"),
        specified=True,
    ),
    Variable(
        name="DO_REGION",
        purpose="the region of the Space",
        parse=values.spaces_region,
        default="`ams3`",
        modes=("do",),
        specified=True,
    ),
    Variable(
        name="AWS_ACCESS_KEY_ID",
        purpose="the access key id. Mode `s3`: only needed outside AWS; on an AWS instance (Fargate, EC2, EKS, Lambda…) "
        "boto3 finds it",
        parse=values.key_text,
        default="mode `do`: required; mode `s3`: boto3's",
        secret="key id",
        modes=("s3", "do"),
        specified=True,
    ),
    Variable(
        name="AWS_SECRET_ACCESS_KEY",
        purpose="the secret of that key. Mode `s3`: only needed outside AWS",
        parse=values.key_text,
        default="mode `do`: required; mode `s3`: boto3's",
        secret="whole",
        modes=("s3", "do"),
        specified=True,
    ),
    Variable(
        name="AWS_SESSION_TOKEN",
        purpose="the session token that belongs to temporary keys",
        parse=values.key_text,
        secret="whole",
        modes=("s3", "do"),
    ),
    Variable(
        name="AWS_S3_REGION_NAME",
        purpose="the bucket's region",
        parse=values.region,
        default="the region in the endpoint, else `AWS_REGION`, else `AWS_DEFAULT_REGION`, else boto3's, else the "
        "bucket is asked once per process",
        modes=("s3",),
    ),
    Variable(
        name="AWS_REGION", purpose="the region, if `AWS_S3_REGION_NAME` is unset", parse=values.region, modes=("s3",)
    ),
    Variable(
        name="AWS_DEFAULT_REGION",
        purpose="the region, if `AWS_S3_REGION_NAME` and `AWS_REGION` are unset",
        parse=values.region,
        modes=("s3",),
    ),
    Variable(
        name="AWS_S3_ENDPOINT_URL",
        purpose="another endpoint: another provider in mode `s3` (R2, B2, Scaleway, Hetzner, OVH, Ceph, SeaweedFS…), "
        "a proxy or a test server in mode `do`; with its path, where the API is below one",
        parse=endpoints.endpoint,
        default="Amazon's; mode `do`: Spaces' in `DO_REGION`",
        modes=("s3", "do"),
    ),
    Variable(
        name="AWS_S3_PUBLIC_ENDPOINT_URL",
        purpose="the address at which browsers reach the same server, where it is another than the endpoint (compose, "
        "Kubernetes): links are signed for it, requests go to the endpoint",
        parse=endpoints.endpoint,
        default="the endpoint",
        modes=("s3", "do"),
    ),
    Variable(
        name="AWS_S3_SIGN_FOR_DOMAIN",
        purpose="`true`: private links are signed for the bucket's own host and carry the CDN domain instead, for a CDN or "
        "proxy that passes signed links on. Mode `do`: always so",
        parse=values.boolean,
        default="`false`; mode `do`: always so",
        modes=("s3", "do"),
    ),
    Variable(
        name="AWS_S3_ADDRESSING_STYLE",
        purpose="where the bucket's name is in addresses: before the host (`virtual`) or after it (`path`)",
        parse=endpoints.addressing_style,
        default="the provider's",
        modes=("s3", "do"),
    ),
    Variable(name="STORAGE_LOCATION", purpose="the prefix of every key in the bucket", parse=values.location),
    Variable(
        name="STORAGE_DOMAIN_IS_LIMITED",
        purpose="`true`: the CDN domain serves this store's location alone, although the bucket also holds private files of "
        "another store",
        parse=values.boolean,
        default="`false`",
        modes=("s3", "do"),
    ),
    Variable(
        name="STORAGE_URL_LIFETIME",
        purpose="the shortest time that a signed link keeps working (`900`, `15m`, `1h`, `7d`)",
        parse=values.duration_seconds,
        default="`1h`",
    ),
    Variable(
        name="STORAGE_CACHE_LIFETIME",
        purpose="longest time that a browser or CDN shows a file whose name can be used again, after a delete, without "
        "asking the store (`0`, `15m`, `1h`, `7d`)",
        parse=values.cache_seconds,
        default="`1h`",
    ),
    Variable(
        name="STORAGE_TIMEOUT",
        purpose="the longest that an operation waits without progress, all attempts together (`10s`, `30`, `1m`)",
        parse=values.timeout_seconds,
        default="`10s`",
    ),
    Variable(
        name="STORAGE_TRASH",
        purpose="how long deleted files are kept in the trash (`30d`); unset: deletes are final",
        parse=values.trash_seconds,
    ),
    Variable(
        name="STORAGE_ENVIRONMENT",
        purpose="this environment's name, for the owner marker that keeps other environments from writing",
        parse=values.environment_name,
    ),
    Variable(
        name="AWS_CLOUDFRONT_KEY_ID",
        purpose="the id of the public key that verifies signed links on the CDN domain",
        parse=values.key_text,
        secret="key id",
        modes=("s3",),
    ),
    Variable(
        name="AWS_CLOUDFRONT_KEY",
        purpose="the matching private key: PEM, with literal `\\n` or as base64 if necessary",
        parse=values.private_key,
        secret="whole",
        modes=("s3",),
    ),
    Variable(name="AWS_STORAGE_BUCKET_NAME", purpose="another name for `STORAGE_BUCKET_NAME`", parse=values.bucket),
    Variable(
        name="BUILD_MODE",
        purpose="`true` while an image is built: no variable is required, and any use of the storage raises an error",
        parse=values.boolean,
        default="`false`",
    ),
)
BY_NAME = {variable.name: variable for variable in VARIABLES}
PARENT = "PARENT_"
MIRROR = "MIRROR_"
# A variable of the contract in a text, without the prefix of a second store.
_NAMED = re.compile(rf"(?<![A-Z0-9_])(?:{PARENT}|{MIRROR})*(?:{'|'.join(BY_NAME)})(?![A-Z0-9_])")


def addressed(text: str, prefix: str) -> str:
    """Name the variables in a text as the environment of a store does that has a prefix: `PRIVATE_STORAGE_LOCATION`."""
    return _NAMED.sub(lambda found: f"{prefix}{found[0]}", text)
