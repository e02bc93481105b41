"""Decide where a store is: its provider, endpoint, region and addressing style. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from holdall import providers
from holdall.environment import values, whereabouts
from holdall.environment.entries import Entries
from holdall.environment.store import Store
from holdall.environment.unread import AMBIENT_ENDPOINTS
from holdall.environment.variables import DEFAULT_SPACES_REGION
from holdall.hosts import is_loopback

# In the order in which they count.
REGIONS = ("AWS_S3_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION")
# The form of a Space's region, which is none of Amazon's.
_SPACES_REGION = re.compile(r"[a-z]{3}\d").fullmatch
# https://docs.digitalocean.com/platform/regional-availability/
SPACES_REGIONS = frozenset(
    [
        "nyc1",
        "nyc2",
        "nyc3",
        "ams2",
        "ams3",
        "sfo1",
        "sfo2",
        "sfo3",
        "sgp1",
        "lon1",
        "fra1",
        "tor1",
        "blr1",
        "syd1",
        "atl1",
        "ric1",
    ]
)


def on_spaces(env: Entries, store: Store, unused: Mapping[str, Any]) -> Store:
    """Place a Space. `unused` are the variables that are set and have no meaning in this mode."""
    region = env.get("DO_REGION", DEFAULT_SPACES_REGION)
    endpoint = env.get("AWS_S3_ENDPOINT_URL")
    if "DO_REGION" not in env.broken:
        env.effective["DO_REGION"] = (region, "environment" if "DO_REGION" in env.parsed else "default")
        _region_elsewhere(env, region, unused)
    if endpoint is None:
        endpoint = f"https://{region}.digitaloceanspaces.com"
        env.effective["AWS_S3_ENDPOINT_URL"] = (endpoint, f"from {env.prefix}DO_REGION")
    elif (named := providers.recognise(endpoint)) != (providers.SPACES, region) and named[0] is providers.SPACES:
        by_default = "" if env.is_set("DO_REGION") else " by default"
        env.problem(
            "AWS_S3_ENDPOINT_URL",
            f"is in region {named[1]}, but `{env.prefix}DO_REGION` is {region}{by_default}; leave the endpoint out "
            f"and set `{env.prefix}DO_REGION` to the region of the Space.",
            "D132",
        )
    bucket_within(env, endpoint, store.bucket_name)
    store = store._replace(provider=providers.SPACES, endpoint_url=endpoint, region_name=region)
    return _styled(env, store)


def _region_elsewhere(env: Entries, region: str, unused: Mapping[str, Any]) -> None:
    """Find the region of the Space in a variable that is Amazon's: files would go to another one's."""
    for name in REGIONS:
        said = unused.get(name)
        # As Lambda and others set it, AWS_REGION is a region of Amazon's, and of the machine.
        if said and said != region and (name == REGIONS[0] or _SPACES_REGION(said)):
            by_default = "" if "DO_REGION" in env.parsed else ", the default"
            env.problem(
                name,
                f"is {said}, but in mode do the region is in `{env.prefix}DO_REGION`, which is {region}{by_default}. Set "
                f"`{env.prefix}DO_REGION` to the region of the Space, and unset `{env.prefix}{name}`.",
                "D155",
            )
            # Not a remark as well.
            env.warnings = [warning for warning in env.warnings if not warning.startswith(env.mark(name))]
            return


def elsewhere(env: Entries, store: Store) -> Store:
    """Place a store at Amazon, or at another provider's endpoint."""
    endpoint = env.get("AWS_S3_ENDPOINT_URL")
    provider, region = providers.recognise(endpoint)
    if endpoint:
        bucket_within(env, endpoint, store.bucket_name)
    is_told = providers.region_is_told(endpoint)
    if region:
        source = f"from {env.prefix}AWS_S3_ENDPOINT_URL" if is_told else "default"
        env.effective["AWS_S3_REGION_NAME"] = (region, source)
    for name in REGIONS:
        # On AWS, AWS_REGION is the region of the machine: it says nothing of a bucket whose endpoint names its own.
        if name in env.parsed and (name == REGIONS[0] or not is_told):
            region = env.parsed[name]
            if provider is providers.AMAZON and "AWS_S3_ENDPOINT_URL" not in env.broken:
                _region_of_amazon(env, name, endpoint)
            env.effective["AWS_S3_REGION_NAME"] = (
                region,
                "environment" if name == REGIONS[0] else f"from {env.prefix}{name}",
            )
            break
    if region is None:
        env.effective["AWS_S3_REGION_NAME"] = ("", "found by boto3, else the bucket is asked once per process")
    return _styled(env, store._replace(provider=provider, endpoint_url=endpoint, region_name=region))


def _region_of_amazon(env: Entries, name: str, endpoint: str | None) -> None:
    region = env.parsed[name]
    try:
        values.amazon_region(region, lambda _remark: None)
    except ValueError as refusal:
        _no_region_of_amazon(env, name, endpoint, refusal)


def _no_region_of_amazon(env: Entries, name: str, endpoint: str | None, refusal: ValueError) -> None:
    """Say what is missing beside a region that another provider has, or else what Amazon's regions look like."""
    region, ambient = env.parsed[name], _ambient_endpoint(env)
    if not endpoint and region in SPACES_REGIONS and not ambient:
        said = (
            f"is {region}, a region of DigitalOcean Spaces, and the mode is s3. Set `{env.prefix}STORAGES_MODE=do` and "
            f"`{env.prefix}DO_REGION={region}`."
        )
    elif not endpoint and not ambient and (place := whereabouts.of_region(region)):
        said = (
            f"is {region}, a region of {place.title}, and no endpoint is set. Set "
            f"`{env.prefix}AWS_S3_ENDPOINT_URL={place.address}`."
        )
    elif not endpoint and (_is_anothers(region) or _SPACES_REGION(region) or ambient):
        whose = "the region of some other providers" if _is_anothers(region) else "none of Amazon's regions"
        said = f"is {region}, {whose}, and no endpoint is set. {ambient or 'Set'} `{env.prefix}AWS_S3_ENDPOINT_URL`" + (
            "." if ambient else " to the address of the provider's S3 API."
        )
    else:
        env.problems.append(env.said(name, refusal.args[0]))
        return
    env.problem(name, said, "D154")


def _is_anothers(region: str) -> bool:
    """Say whether a known provider has this region, whatever its host: "auto", "garage", "ru-central1"."""
    return any(region == one.region for one in providers.PROVIDERS.values())


def _ambient_endpoint(env: Entries) -> str:
    """Say where an endpoint is that was meant for the storage, perhaps; empty if there is none."""
    for name in AMBIENT_ENDPOINTS:
        if env.environ.get(name, "").strip():
            return f"`{name}` holds one, which the storage does not follow; write its value into"
    return ""


def bucket_within(env: Entries, endpoint: str, bucket: str, *, name: str = "AWS_S3_ENDPOINT_URL") -> None:
    """Find the bucket in the endpoint, as control panels show it: files would be in a folder with its name."""
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    if not bucket:
        return
    segments = parts.path.split("/")
    if bucket in segments:
        before = "/".join(segments[: segments.index(bucket)])
        env.problem(
            name,
            f'contains the bucket, "{bucket}"; write the address without it: {parts.scheme}://{parts.netloc}{before}',
            "D114",
        )
        return
    if not host.startswith(f"{bucket}.") or providers.recognise(endpoint)[0].is_hosted:
        # A Space may be named "ams3" in ams3.
        return
    address = endpoint.replace(f"//{bucket}.", "//", 1)
    if providers.recognise(address)[0].is_hosted or "//s3." in address:
        env.problem(
            name,
            f'begins with the bucket "{bucket}"; write the address without it: {address}',
            "D133",
        )
    else:
        env.warning(
            name,
            f'begins with the bucket\'s name, "{bucket}"; if that is the bucket, write the address without it: {address}',
            "D134",
        )


def _styled(env: Entries, store: Store) -> Store:
    """Decide where the bucket's name stands in addresses."""
    chosen, provider = env.get("AWS_S3_ADDRESSING_STYLE"), store.provider
    if "AWS_S3_ADDRESSING_STYLE" not in env.broken and chosen is None:
        env.effective["AWS_S3_ADDRESSING_STYLE"] = (provider.addressing, f"default of {provider.title}")
    parts = urlsplit(store.endpoint_url or "https://s3.amazonaws.com")
    host, bucket = parts.hostname or "", store.bucket_name
    is_dotted = "." in bucket and parts.scheme == "https"
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/transfer-acceleration.html
    is_accelerated = host.startswith("s3-accelerate.") and provider is providers.AMAZON
    whose = "transfer acceleration" if is_accelerated else provider.title
    if (provider.refuses_path_style or is_accelerated) and is_dotted and chosen != "path":
        env.problem(
            "STORAGE_BUCKET_NAME",
            f'is "{bucket}", and {whose} wants the bucket\'s name before the host, where no certificate covers a '
            "name with dots; use a bucket without dots in its name.",
            "D158",
        )
    elif chosen == "path" and is_accelerated:
        env.problem(
            "AWS_S3_ADDRESSING_STYLE", f"is path, which {whose} does not have; write virtual, or unset it.", "D158"
        )
    elif chosen == "virtual" and (why := _no_subdomains(host) or (is_dotted and _DOTS)):
        env.problem("AWS_S3_ADDRESSING_STYLE", f"is virtual, but {why}; write path.", "D158")
    elif chosen == "virtual" and is_loopback(host):
        env.warning(
            "AWS_S3_ADDRESSING_STYLE",
            f"is virtual, so requests go to {bucket}.{host}, which not every system resolves; write path if it does not.",
            "D159",
        )
    elif chosen == "path" and provider.refuses_path_style:
        env.warning(
            "AWS_S3_ADDRESSING_STYLE",
            f"is path, which {provider.title} refuses for newer buckets; unset it if requests are refused.",
            "D159",
        )
    return store._replace(addressing_style=chosen)


_DOTS = "the bucket's name has dots, and no certificate covers such a host"


def _no_subdomains(host: str) -> str:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return ""
    return "the endpoint is an IP address, which has no subdomains"
