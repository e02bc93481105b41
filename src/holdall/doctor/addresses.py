"""Layer `addresses`: where requests and links lead, told from hosts, region and a link made here, without a request."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from holdall.doctor.examination import Examination, probes
from holdall.environment.unread import AMBIENT_ENDPOINTS
from holdall.environment.values import amazon_region, is_local
from holdall.findings import Finding, Kind, Level
from holdall.providers import AMAZON, DELIVERY_HOST, GENERIC, MAX_SIGNED_SECONDS, R2, SPACES, recognise

BUCKET_IN_ENDPOINT = Kind(
    "D230",
    Level.ERROR,
    "The bucket stands in the endpoint too",
    "Files lie in a folder named like the bucket, or the host does not exist; links and uploads disagree.",
    failures=("C1",),
)
CDN_AS_ENDPOINT = Kind(
    "D231",
    Level.ERROR,
    "A CDN's host stands for the endpoint",
    "It delivers files but is no S3 API: every upload is refused.",
    "Put this host into `custom_domain` (AWS_S3_CUSTOM_DOMAIN), and the API's address into `endpoint_url`.",
    ("C1",),
)
PLAIN_HTTP = Kind(
    "D232",
    Level.WARNING,
    "The endpoint is plain http",
    "Files and signatures cross the network unprotected, and browsers block http links on https pages.",
    "Write the endpoint with https://.",
    ("C2",),
)
REGION_MISSING = Kind(
    "D233",
    Level.ERROR,
    "The region is missing, or not the endpoint's",
    "boto3 signs for us-east-1 and makes links the old way: uploads may work while every link is refused.",
    failures=("C3", "F1"),
)
REGION_UNSET = Kind(
    "D234",
    Level.WARNING,
    "No region is set for this endpoint",
    "boto3 signs links the old way then, which many servers refuse while uploads work.",
    'AWS_S3_REGION_NAME = "us-east-1"   # or what the server calls its region',
    ("C3",),
)
REGION_IS_NONE = Kind(
    "D235",
    Level.ERROR,
    "The region is not a region's code",
    "It becomes a part of host names and of every signature; boto3 does not check it.",
    'AWS_S3_REGION_NAME = "eu-central-1"   # the code, as the console shows it',
    ("C5",),
)
GLOBAL_HOST = Kind(
    "D236",
    Level.WARNING,
    "Links name Amazon's global host, not the region's",
    "Outside us-east-1 that host redirects, for new buckets at least, and the signature is for another host then.",
    'AWS_S3_ADDRESSING_STYLE = "virtual"',
    ("C4",),
)
DOTTED_BUCKET = Kind(
    "D237",
    Level.WARNING,
    "The bucket's name has dots",
    "Certificates cover one label: https://my.bucket.s3… is refused, so the name must stand in the path instead.",
    "Use a bucket without dots in its name, or a CDN domain for every link.",
    ("C6",),
)
CONFIG_CANCELS = Kind(
    "D238",
    Level.WARNING,
    "A client configuration cancels other options",
    "With `client_config`, django-storages drops `addressing_style`, `signature_version` and `proxies`, without a word.",
    "Say all of it in the one `Config`: Config(signature_version=…, s3={'addressing_style': …}, proxies=…)",
    ("C7",),
)
AMBIENT_ENDPOINT = Kind(
    "D239",
    Level.WARNING,
    "A variable of the environment redirects the storage",
    "boto3 follows it, as the storage names no endpoint of its own.",
    "Unset it, or set `endpoint_url` (AWS_S3_ENDPOINT_URL); holdall.storage.MediaStorage does not follow it.",
    ("A8",),
)
LINK_MADE = Kind("D250", Level.OK, "Links can be made", "One was made here, without a request.")
NO_LINK = Kind(
    "D251",
    Level.ERROR,
    "No link can be made",
    "Every page that shows a file fails.",
)
OLD_SIGNATURE = Kind(
    "D252",
    Level.ERROR,
    "Links are signed the old way",
    "Newer regions, R2 and buckets with KMS refuse signature version 2, while uploads, which are signed anew, work.",
    'AWS_S3_SIGNATURE_VERSION = "s3v4"',
    ("F1", "B7"),
)
LINK_TOO_LONG = Kind(
    "D253",
    Level.ERROR,
    "Links are asked to live longer than a signature may",
    "S3 refuses every link that is signed for more than seven days; boto3 makes it without complaint.",
    f"AWS_QUERYSTRING_EXPIRE = {MAX_SIGNED_SECONDS}   # at most",
    ("F2",),
)
KEYS_END_BEFORE_LINKS = Kind(
    "D254",
    Level.WARNING,
    "Links are signed with temporary keys for longer than these may live",
    "A link dies with the session that signed it, mostly after an hour, whatever it was asked for.",
    "Ask for an hour at most, sign with keys that last, or with CloudFront's.",
    ("F2",),
)
LINKS_CHANGE = Kind(
    "D255",
    Level.NOTICE,
    "Every page view makes another link",
    "The same file gets a new address each second, so that neither browsers nor CDNs can keep it.",
    "Use holdall.storage.MediaStorage, whose links stay the same for half of their lifetime.",
    ("F3",),
)
OVERRIDES_UNSIGNED = Kind(
    "D256",
    Level.NOTICE,
    "`url(parameters=…)` has no effect on these links",
    "S3 heeds response overrides in signed links only; here they would be added to the address and ignored.",
    "Store `ContentDisposition` with the file instead (get_object_parameters).",
    ("F5",),
)
DOMAIN_IS_NONE = Kind(
    "D257",
    Level.ERROR,
    "The CDN domain is more than a domain",
    "Links become https://https://… or get two slashes, which in S3 are another key.",
    failures=("E1",),
)
PROTOCOL_WITHOUT_COLON = Kind(
    "D258",
    Level.ERROR,
    "`url_protocol` has no colon",
    "Links become https//…, which browsers take for a path on the page's own host.",
    'AWS_S3_URL_PROTOCOL = "https:"',
    ("E1",),
)
CDN_UNUSED = Kind(
    "D259",
    Level.WARNING,
    "Public files are served without the Space's CDN",
    "Links lead to the origin: slow for visitors far away, and every view is the bucket's traffic.",
    failures=("E3",),
)
PRIVATE_LINKS_UNSIGNED = Kind(
    "D260",
    Level.ERROR,
    "Links to private files are not signed",
    "With a CDN domain only CloudFront's keys sign; without them everyone is refused.",
    "Remove `custom_domain`, or give `cloudfront_key_id` and `cloudfront_key`.",
    ("E4",),
)
LINKS_UNSIGNED = Kind(
    "D261",
    Level.WARNING,
    "Links are not signed, although `querystring_auth` is on",
    "With `custom_domain` only CloudFront's keys sign: if the files are private, everyone is refused.",
    "AWS_QUERYSTRING_AUTH = False   # if everybody may see every file; else remove the custom domain",
    ("E4",),
)
SESSION_SECONDS = 3600
# Links that botocore signs with second precision differ after this long.
NEXT_SECOND = 1.05


def probe_endpoint_address(examination: Examination) -> Iterator[Finding]:
    """Look at the endpoint's host. What the contract has read it has judged already."""
    endpoint = getattr(examination.storage, "endpoint_url", None)
    if not examination.is_s3 or not endpoint or examination.reading:
        return
    host, bucket = urlsplit(endpoint).hostname or "", examination.storage.bucket_name
    if DELIVERY_HOST.search(host):
        yield CDN_AS_ENDPOINT.found(f"the endpoint is {endpoint}")
    elif bucket and host.startswith(f"{bucket}.") and recognise(endpoint)[0] is GENERIC:
        address = endpoint.replace(f"//{bucket}.", "//", 1)
        yield BUCKET_IN_ENDPOINT.found(
            f'the endpoint is {endpoint}, the bucket "{bucket}"', do=f'AWS_S3_ENDPOINT_URL = "{address}"'
        )
    if urlsplit(endpoint).scheme == "http" and not is_local(host):
        yield PLAIN_HTTP.found(f"the endpoint is {endpoint}")


def probe_region(examination: Examination) -> Iterator[Finding]:
    """Compare the region with what the endpoint's host says."""
    storage = examination.storage
    if not examination.is_s3 or (examination.is_ours and not storage.region_name):
        return
    endpoint = storage.endpoint_url or None
    chosen = storage.region_name or os.environ.get("AWS_DEFAULT_REGION")
    provider, named = recognise(endpoint)
    # R2 takes the oldest region for its own.
    same = {named, "us-east-1"} if provider is R2 else {named}
    if chosen and provider is AMAZON and (why := _no_region(chosen)):
        yield REGION_IS_NONE.found(why)
    elif endpoint and provider is not GENERIC and named and chosen not in same:
        yield REGION_MISSING.found(
            f"the region is {chosen or 'unset'}, the endpoint {endpoint}", do=f'AWS_S3_REGION_NAME = "{named}"'
        )
    elif endpoint and provider is GENERIC and not chosen and not DELIVERY_HOST.search(endpoint):
        yield REGION_UNSET.found(f"the region is unset, the endpoint {endpoint}")


def _no_region(chosen: str) -> str:
    try:
        amazon_region(chosen, lambda _remark: None)
    except ValueError as error:
        return f"the region {error}"
    return ""


def probe_bucket_name(examination: Examination) -> Iterator[Finding]:
    bucket = getattr(examination.storage, "bucket_name", None)
    if getattr(examination.storage, "custom_domain", None):
        # Links do not name the bucket's host.
        return
    if examination.is_s3 and bucket and "." in bucket and examination.provider.addressing == "virtual":
        yield DOTTED_BUCKET.found(f'the bucket is "{bucket}"')


def probe_client_options(examination: Examination) -> Iterator[Finding]:
    """Find what the SDK does otherwise than the options say."""
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
        yield CONFIG_CANCELS.found(f"dropped: {', '.join(f'`{name}`' for name in dropped)}")
    ambient = [name for name in AMBIENT_ENDPOINTS if os.environ.get(name)]
    if ambient and not storage.endpoint_url:
        yield AMBIENT_ENDPOINT.found(f"`{ambient[0]}` is {os.environ[ambient[0]]}")


# -- links


def can_link(examination: Examination) -> bool:
    """Say whether a link can be made without a request: with keys and a region that are known here."""
    storage = examination.storage
    if not examination.is_s3 or (examination.is_ours and storage.local_folder):
        return False
    if storage.custom_domain:
        return True
    if not storage.bucket_name or (examination.is_ours and not (storage.region_name or storage.endpoint_url)):
        return False
    pair = storage.access_key and storage.secret_key
    known = os.environ.get("AWS_ACCESS_KEY_ID") and os.environ.get("AWS_SECRET_ACCESS_KEY")
    return bool(not storage.querystring_auth or pair or (known and not storage.session_profile))


def link_host(examination: Examination) -> str:
    """Tell the host of links, by a link where one can be made; "" where it cannot be told without a request."""
    storage = examination.storage
    if link := _link(examination):
        return urlsplit(link).hostname or ""
    if not examination.is_s3 or (examination.is_ours and storage.local_folder):
        return ""
    if examination.is_ours:
        # The keys are a role's, which only a request fetches; the host does not depend on them.
        place = examination.target.place(storage.endpoint_url or None, storage.region_name)
        return (urlsplit(place.base).hostname or "") if place else ""
    # At Amazon it depends on region and addressing, which are the SDK's to choose.
    return urlsplit(storage.endpoint_url or "").hostname or ""


def _link(examination: Examination, **more: Any) -> str:
    """Make a link; "" where it takes a request, or fails, which `probe_link` names."""
    if not can_link(examination):
        return ""
    try:
        return _made(examination, **more)
    except Exception:  # noqa: BLE001  a project's own class may raise anything
        return ""


def _made(examination: Examination, **more: Any) -> str:
    storage = examination.storage
    # A fork looks into its own store before it links, and the system checks ask nobody.
    return str(getattr(storage, "own_url", storage.url)(examination.name("a.jpg"), **more))


def probe_link(examination: Examination) -> Iterator[Finding]:
    """Make a link and look at it."""
    if not can_link(examination):
        return
    try:
        link = _made(examination)
    except Exception as error:  # noqa: BLE001  a project's own class may raise anything
        yield NO_LINK.found(f"{type(error).__name__}: {error}")
        return
    wrong = [*_domain(examination), *_signature(examination, link)]
    yield from wrong
    if not any(finding.level is Level.ERROR for finding in wrong):
        parts = urlsplit(link)
        query = parse_qs(parts.query)
        signed = "signed" if {"X-Amz-Signature", "Signature"} & set(query) else "unsigned"
        yield LINK_MADE.found(f"{parts.scheme}://{parts.netloc}{parts.path}, {signed}")


def _domain(examination: Examination) -> Iterator[Finding]:
    """Look at the CDN domain that links begin with."""
    storage = examination.storage
    domain = storage.custom_domain
    if not domain:
        if examination.public and recognise(storage.endpoint_url or None)[0] is SPACES:
            host = urlsplit(storage.endpoint_url).hostname or ""
            cdn = f"{storage.bucket_name}.{host.replace('.digitalocean', '.cdn.digitalocean')}"
            yield CDN_UNUSED.found(
                f"links lead to {host}", do=f'AWS_S3_CUSTOM_DOMAIN = "{cdn}"   # with its CDN enabled'
            )
        return
    if "//" in domain or domain.strip("/") != domain:
        bare = domain.rpartition("//")[2].strip("/")
        yield DOMAIN_IS_NONE.found(f'`custom_domain` is "{domain}"', do=f'AWS_S3_CUSTOM_DOMAIN = "{bare}"')
    if not str(storage.url_protocol).endswith(":"):
        yield PROTOCOL_WITHOUT_COLON.found(f'`url_protocol` is "{storage.url_protocol}"')
    if storage.querystring_auth and not storage.cloudfront_signer:
        declared = getattr(storage, "public", None) is False
        kind = PRIVATE_LINKS_UNSIGNED if declared else LINKS_UNSIGNED
        yield kind.found(f'`custom_domain` is "{domain}", and there are no CloudFront keys')


def _signature(examination: Examination, link: str) -> Iterator[Finding]:
    """Look at how a link to the bucket itself is signed, and for how long."""
    storage = examination.storage
    if storage.custom_domain or not storage.querystring_auth:
        return
    query, host = parse_qs(urlsplit(link).query), urlsplit(link).hostname or ""
    named = recognise(storage.endpoint_url or None)
    # At an endpoint without its region, that is the cause, and has been named.
    explained = storage.endpoint_url and not storage.region_name and named[0] is not AMAZON
    if "AWSAccessKeyId" in query and not explained:
        yield OLD_SIGNATURE.found(f"the link has AWSAccessKeyId and Signature in place of X-Amz-Algorithm (to {host})")
    if host == f"{storage.bucket_name}.s3.amazonaws.com" and storage.region_name not in {None, "", "us-east-1"}:
        yield GLOBAL_HOST.found(f"links lead to {host}, the region is {storage.region_name}")
    lifetime_seconds = storage.querystring_expire
    if not isinstance(lifetime_seconds, int):
        return
    if lifetime_seconds > MAX_SIGNED_SECONDS:
        yield LINK_TOO_LONG.found(f"`querystring_expire` is {lifetime_seconds} s")
    elif "X-Amz-Security-Token" in query and lifetime_seconds > SESSION_SECONDS:
        yield KEYS_END_BEFORE_LINKS.found(f"a session token signs, for {lifetime_seconds} s")


def probe_link_stability(examination: Examination) -> Iterator[Finding]:
    """Make a link twice. Takes a second where each is new."""
    if examination.is_ours or not examination.storage.querystring_auth or not (first := _link(examination)):
        return
    time.sleep(NEXT_SECOND)
    if _link(examination) != first:
        yield LINKS_CHANGE.found("two links to one file, made a second apart, differ")


def probe_link_parameters(examination: Examination) -> Iterator[Finding]:
    """See whether response overrides end in the address, where nothing heeds them."""
    link = _link(examination, parameters={"ResponseContentDisposition": "attachment"})
    query = parse_qs(urlsplit(link).query)
    if "ResponseContentDisposition" in query and not {"Signature", "X-Amz-Signature"} & set(query):
        yield OVERRIDES_UNSIGNED.found("ResponseContentDisposition stands in the unsigned link as it is")


PROBES = probes(
    probe_endpoint_address,
    probe_region,
    probe_bucket_name,
    probe_client_options,
    probe_link,
    probe_link_stability,
    probe_link_parameters,
)
