"""Layer `addresses`: where requests and links lead, judged without a request."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from holdall.doctor.catalogue import addresses as kinds
from holdall.doctor.examination import Examination
from holdall.doctor.linking import can_link, link_or_none, make_link
from holdall.doctor.probe import probes
from holdall.environment.unread import AMBIENT_ENDPOINTS
from holdall.environment.values import amazon_region
from holdall.findings import Finding, Level
from holdall.hosts import is_local
from holdall.providers import AMAZON, DELIVERY_HOST, MAX_SIGNED_SECONDS, R2, SPACES, recognise, region_is_told

SESSION_SECONDS = 3600
# Links that botocore signs with second precision differ after this long.
NEXT_SECOND = 1.05


def probe_endpoint_address(examination: Examination) -> Iterator[Finding]:
    """Check the endpoint's host. If it came from the environment, that was checked when it was read."""
    endpoint = getattr(examination.storage, "endpoint_url", None)
    if not examination.is_s3 or not endpoint or examination.reading:
        return
    host, bucket = urlsplit(endpoint).hostname or "", examination.storage.bucket_name
    if DELIVERY_HOST.search(host):
        yield kinds.CDN_AS_ENDPOINT.found(f"the endpoint is {endpoint}")
    elif bucket and host.startswith(f"{bucket}.") and not recognise(endpoint)[0].is_hosted:
        address = endpoint.replace(f"//{bucket}.", "//", 1)
        yield kinds.BUCKET_IN_ENDPOINT.found(
            f'the endpoint is {endpoint}, the bucket "{bucket}"', do=f'AWS_S3_ENDPOINT_URL = "{address}"'
        )
    if urlsplit(endpoint).scheme == "http" and not is_local(host):
        yield kinds.PLAIN_HTTP.found(f"the endpoint is {endpoint}")


def probe_region(examination: Examination) -> Iterator[Finding]:
    """Compare the region with what the endpoint's host says."""
    storage = examination.storage
    if not examination.is_s3 or (examination.is_ours and not storage.region_name):
        return
    endpoint = storage.endpoint_url or None
    chosen = storage.region_name or os.environ.get("AWS_DEFAULT_REGION")
    provider, named = recognise(endpoint)
    # R2 accepts the oldest region as its own; others of which only the address is known may accept any.
    same = {named, "us-east-1"} if provider is R2 else {named}
    if chosen and provider is AMAZON and (why := _no_region(chosen)):
        yield kinds.REGION_IS_NONE.found(why)
    elif endpoint and region_is_told(endpoint) and not provider.domains and chosen not in same:
        yield kinds.REGION_MISSING.found(
            f"the region is {chosen or 'unset'}, the endpoint {endpoint}", do=f'AWS_S3_REGION_NAME = "{named}"'
        )
    elif endpoint and provider.region and not (chosen or region_is_told(endpoint) or DELIVERY_HOST.search(endpoint)):
        yield kinds.REGION_UNSET.found(f"the region is unset, the endpoint {endpoint}")


def _no_region(chosen: str) -> str:
    try:
        amazon_region(chosen, lambda _remark: None)
    except ValueError as error:
        return f"the region {error}"
    return ""


def probe_bucket_name(examination: Examination) -> Iterator[Finding]:
    bucket = getattr(examination.storage, "bucket_name", None)
    if getattr(examination.storage, "custom_domain", None):
        # Links do not use the bucket's host.
        return
    if examination.is_s3 and bucket and "." in bucket and examination.provider.addressing == "virtual":
        yield kinds.DOTTED_BUCKET.found(f'the bucket is "{bucket}"')


def probe_client_options(examination: Examination) -> Iterator[Finding]:
    """Find where the SDK does something else than the options say."""
    storage = examination.storage
    if not examination.is_s3 or examination.is_ours:
        return
    config = storage.client_config
    real = {
        "addressing_style": (getattr(config, "s3", None) or {}).get("addressing_style"),
        "signature_version": getattr(config, "signature_version", None),
        "proxies": getattr(config, "proxies", None),
    }
    wished = {name: getattr(storage, name) for name in real}
    if dropped := [name for name, wish in wished.items() if wish and wish != real[name]]:
        yield kinds.CONFIG_CANCELS.found(f"ignored: {', '.join(f'`{name}`' for name in dropped)}")
    ambient = [name for name in AMBIENT_ENDPOINTS if os.environ.get(name)]
    if ambient and not storage.endpoint_url:
        yield kinds.AMBIENT_ENDPOINT.found(f"`{ambient[0]}` is {os.environ[ambient[0]]}")


# -- links


def probe_link(examination: Examination) -> Iterator[Finding]:
    """Make a link and check it."""
    if not can_link(examination):
        return
    try:
        link = make_link(examination)
    except Exception as error:  # noqa: BLE001  a project's own class may raise anything
        yield kinds.NO_LINK.found(f"{type(error).__name__}: {error}")
        return
    wrong = [*_domain(examination), *_signature(examination, link)]
    yield from wrong
    if not any(finding.level is Level.ERROR for finding in wrong):
        parts = urlsplit(link)
        query = parse_qs(parts.query)
        signed = "signed" if {"X-Amz-Signature", "Signature"} & set(query) else "unsigned"
        yield kinds.LINK_MADE.found(f"{parts.scheme}://{parts.netloc}{parts.path}, {signed}")


def _domain(examination: Examination) -> Iterator[Finding]:
    """Check the CDN domain that links begin with."""
    storage = examination.storage
    domain = storage.custom_domain
    if not domain:
        if examination.public and recognise(storage.endpoint_url or None)[0] is SPACES:
            host = urlsplit(storage.endpoint_url).hostname or ""
            cdn = f"{storage.bucket_name}.{host.replace('.digitalocean', '.cdn.digitalocean')}"
            yield kinds.CDN_UNUSED.found(
                f"links lead to {host}", do=f'AWS_S3_CUSTOM_DOMAIN = "{cdn}"   # after you enable the CDN'
            )
        return
    if "//" in domain or domain.strip("/") != domain:
        bare = domain.rpartition("//")[2].strip("/")
        yield kinds.DOMAIN_IS_NONE.found(f'`custom_domain` is "{domain}"', do=f'AWS_S3_CUSTOM_DOMAIN = "{bare}"')
    if not str(storage.url_protocol).endswith(":"):
        yield kinds.PROTOCOL_WITHOUT_COLON.found(f'`url_protocol` is "{storage.url_protocol}"')
    if storage.querystring_auth and not storage.cloudfront_signer and not examination.signs_for_domain:
        declared = getattr(storage, "public", None) is False
        kind = kinds.PRIVATE_LINKS_UNSIGNED if declared else kinds.LINKS_UNSIGNED
        yield kind.found(f'`custom_domain` is "{domain}", and there are no CloudFront keys')


def _signature(examination: Examination, link: str) -> Iterator[Finding]:
    """Check how a link to the bucket itself is signed, and for how long."""
    storage = examination.storage
    if (storage.custom_domain and not examination.signs_for_domain) or not storage.querystring_auth:
        return
    query, host = parse_qs(urlsplit(link).query), urlsplit(link).hostname or ""
    named = recognise(storage.endpoint_url or None)
    # An endpoint without its region is the cause, and has been reported.
    explained = storage.endpoint_url and not storage.region_name and named[0] is not AMAZON
    if "AWSAccessKeyId" in query and not explained:
        yield kinds.OLD_SIGNATURE.found(
            f"the link to {host} has AWSAccessKeyId and Signature instead of X-Amz-Algorithm"
        )
    if host == f"{storage.bucket_name}.s3.amazonaws.com" and storage.region_name not in {None, "", "us-east-1"}:
        yield kinds.GLOBAL_HOST.found(f"links lead to {host}, the region is {storage.region_name}")
    lifetime_seconds = storage.querystring_expire
    if not isinstance(lifetime_seconds, int):
        return
    if lifetime_seconds > MAX_SIGNED_SECONDS:
        yield kinds.LINK_TOO_LONG.found(f"`querystring_expire` is {lifetime_seconds} s")
    elif "X-Amz-Security-Token" in query and lifetime_seconds > SESSION_SECONDS:
        yield kinds.KEYS_END_BEFORE_LINKS.found(
            f"links are signed for {lifetime_seconds} s, by keys with a session token"
        )


def probe_link_stability(examination: Examination) -> Iterator[Finding]:
    """Make a link twice. This takes a second if links are not kept."""
    if examination.is_ours or not examination.storage.querystring_auth or not (first := link_or_none(examination)):
        return
    time.sleep(NEXT_SECOND)
    if link_or_none(examination) != first:
        yield kinds.LINKS_CHANGE.found("two links to one file, made a second apart, are different")


def probe_link_parameters(examination: Examination) -> Iterator[Finding]:
    """Check whether response overrides end up in an unsigned link, where nothing reads them."""
    link = link_or_none(examination, parameters={"ResponseContentDisposition": "attachment"})
    query = parse_qs(urlsplit(link or "").query)
    if "ResponseContentDisposition" in query and not {"Signature", "X-Amz-Signature"} & set(query):
        yield kinds.OVERRIDES_UNSIGNED.found("an unsigned link contains ResponseContentDisposition")


PROBES = probes(
    probe_endpoint_address,
    probe_region,
    probe_bucket_name,
    probe_client_options,
    probe_link,
    probe_link_stability,
    probe_link_parameters,
)
