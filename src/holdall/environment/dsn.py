"""A store in one address, `s3://key:secret@host/bucket`, as other tools write it: taken apart. Pure."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote

from holdall.hosts import is_local
from holdall.providers import AMAZON, GENERIC, SPACES, recognise

# The last "@" ends the keys: a secret that nobody percent-encoded may hold anything but that.
_DSN = re.compile(
    r"(?P<scheme>s3|s3s|s3\+https?|https?\+s3|minio|minios|r2|b2|spaces|do)://"
    r"(?:(?P<key>[^:@/?#]+):(?P<secret>[^@]*)@)?(?P<rest>[^@\s]*)",
    re.IGNORECASE,
)
# A name without dots that is a server in compose, and no bucket.
_SERVERS = re.compile(r"(?:s3|minio|localstack|garage|rustfs|seaweedfs|ceph|rgw|storage|localhost)\d*")


def parse(value: str) -> dict[str, str] | None:
    """Give the variables that an address with keys says; None if it is none of a store.

    Whoever writes `s3://bucket` without keys names a bucket, which is not enough to be taken for a store.
    """
    match = _DSN.fullmatch(value.strip().strip("\"'"))
    if not match or not match["key"] or not unquote(match[0]).isprintable():
        return None
    rest, _, query = match["rest"].partition("?")
    asked = {name.lower().replace("-", "_"): text for name, text in parse_qsl(query)}
    host, _, path = rest.partition("/")
    parts = [unquote(part) for part in path.split("/") if part]
    bucket = asked.get("bucket") or asked.get("bucket_name") or ""
    given = asked.get("endpoint") or asked.get("endpoint_url") or ""
    if given:
        endpoint, bucket = given, bucket or unquote(host)
    elif front := bucket_before(host):
        endpoint, bucket = host.removeprefix(f"{front}."), front
    elif _is_endpoint(host, parts):
        endpoint = host
        if not bucket and parts:
            bucket, parts = parts[0], parts[1:]
    else:
        endpoint, bucket = "", bucket or unquote(host)
    found = {"STORAGE_BUCKET_NAME": bucket, "STORAGE_LOCATION": "/".join(parts)}
    found |= {"AWS_ACCESS_KEY_ID": unquote(match["key"]), "AWS_SECRET_ACCESS_KEY": unquote(match["secret"])}
    region = asked.get("region") or asked.get("region_name") or asked.get("aws_region") or ""
    found |= address(_with_scheme(endpoint, match["scheme"].lower(), asked) if endpoint else "", bucket, region)
    return {name: text for name, text in found.items() if text}


def raw_secret(value: str) -> str:
    """Give the secret of such an address as it is written there."""
    match = _DSN.fullmatch(value.strip().strip("\"'"))
    return match["secret"] or "" if match else ""


def address(endpoint: str, bucket: str, region: str) -> dict[str, str]:
    """Give the variables that an endpoint is: of a Space and of Amazon its region, and without the bucket in it."""
    endpoint = endpoint.rstrip("/")
    if bucket:
        endpoint = endpoint.replace(f"//{bucket}.", "//", 1).removesuffix(f"/{bucket}")
    if not endpoint:
        return {"AWS_S3_REGION_NAME": region}
    provider, named = recognise(endpoint)
    if provider is SPACES:
        return {"STORAGES_MODE": "do", "DO_REGION": named or region}
    if provider is AMAZON:
        return {"AWS_S3_REGION_NAME": named or region}
    return {"AWS_S3_ENDPOINT_URL": endpoint, "AWS_S3_REGION_NAME": "" if tells_region(endpoint) else region}


def tells_region(endpoint: str) -> bool:
    """Whether the host of an endpoint tells the region to sign for, so that no other can be right."""
    provider, named = recognise(endpoint)
    return provider not in {GENERIC, AMAZON} and named is not None and (named in endpoint or named == "auto")


def bucket_before(host: str) -> str | None:
    """Give the bucket in front of a host that is known: `acme.s3.eu-west-1.amazonaws.com`."""
    bucket, _, behind = host.partition(".")
    while behind:
        if recognise(f"https://{host}")[0] is GENERIC and recognise(f"https://{behind}")[0] is not GENERIC:
            return bucket
        label, _, behind = behind.partition(".")
        bucket = f"{bucket}.{label}"
    return None


def _is_endpoint(host: str, parts: list[str]) -> bool:
    if ":" in host:
        return True
    if "." not in host:
        return bool(parts) and _SERVERS.fullmatch(host.lower()) is not None
    # A bucket's name may have dots; then no other bucket follows.
    return bool(parts) or recognise(f"https://{host}")[0] is not GENERIC


def _with_scheme(endpoint: str, scheme: str, asked: dict[str, str]) -> str:
    if "://" in endpoint:
        return endpoint
    host = endpoint.rpartition(":")[0] if re.search(r":\d+$", endpoint) else endpoint
    plain = "http" in re.split(r"\+", scheme) or is_local(host.strip("[]"))
    for name in ("secure", "ssl", "use_ssl", "tls", "https"):
        if name in asked:
            plain = asked[name].lower() in {"false", "0", "no", "off"}
    return f"{'http' if plain else 'https'}://{endpoint}"
