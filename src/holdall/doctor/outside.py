"""What visitors see: the same file at the bucket's own address and on the CDN, requested without keys."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from holdall.bases import base_of
from holdall.doctor.catalogue.addresses import NO_LINK
from holdall.doctor.examination import Examination, Saved
from holdall.doctor.web import Page, WebFailed
from holdall.providers import recognise
from holdall.s3.signing import public_url

# What a store or a CDN answers to those who cannot read. Without the right to list, 404 becomes 403, and in some the reverse.
REFUSALS = frozenset({401, 403, 404})
# What is sent with a page that asks a browser to prove itself.
# https://developers.cloudflare.com/cloudflare-challenges/challenge-types/challenge-pages/detect-response/
# https://docs.aws.amazon.com/waf/latest/developerguide/waf-captcha-and-challenge-how-it-works.html
_CHALLENGES = ("cf-mitigated", "x-amzn-waf-action", "x-vercel-mitigated")
# What S3 says when it refuses, in XML or on the page of a website endpoint.
_STORES_OWN = (b"<Error>", b"AccessDenied", b"NoSuchKey")
SIGNATURES = ("X-Amz-Signature", "Signature")


def ask(examination: Examination, url: str) -> Page | WebFailed:
    """Request a page once. Every further probe looks at the same answer."""
    if url not in examination.seen:
        try:
            examination.seen[url] = examination.web.fetch(url)
        except WebFailed as failure:
            examination.seen[url] = failure
    return examination.seen[url]


def domain(examination: Examination) -> str:
    """Return the CDN's domain, or "" if none is used."""
    return str(getattr(examination.storage, "custom_domain", None) or "")


def origin_url(examination: Examination, key: str) -> str | None:
    """Return the unsigned address of a key in the bucket; None if only the SDK knows it."""
    place = examination.connection.place()
    return public_url(place, key) if place else None


def url_of(examination: Examination, ending: str) -> str:
    """Return the storage's own link to a name in the doctor's folder, whether the file exists or not."""
    return str(examination.storage.url(examination.name(ending)))


def link_to(examination: Examination, saved: Saved) -> str:
    """Return the storage's own link to a file, or "" if it was already reported that none can be made."""
    return "" if NO_LINK.id in examination.found else str(examination.storage.url(saved.name))


def is_signed(url: str) -> bool:
    return bool(parse_qs(urlsplit(url).query).keys() & set(SIGNATURES))


def bare(url: str) -> str:
    """Return an address without its query, which gives access to a private file."""
    return url.partition("?")[0]


def shows(answer: Page | WebFailed | None, saved: Saved) -> bool:
    """Whether an answer is the file, byte for byte."""
    if not isinstance(answer, Page) or answer.status != 200:
        return False
    return body_of(answer) == saved.content


def body_of(page: Page) -> bytes:
    """Return the body as a browser would show it."""
    if page.header("content-encoding") != "gzip":
        return page.body
    try:
        return gzip.decompress(page.body)
    except (OSError, EOFError):
        return page.body


def at_origin(examination: Examination) -> Page | WebFailed | None:
    """Request the sample from the bucket itself, without keys."""
    if examination.sample is None or (url := origin_url(examination, examination.sample.key)) is None:
        return None
    return ask(examination, url)


def at_domain(examination: Examination) -> Page | WebFailed | None:
    """Request the sample from the CDN by the storage's own link; None if there is no CDN."""
    if examination.sample is None or not domain(examination):
        return None
    link = link_to(examination, examination.sample)
    return ask(examination, link) if link else None


def is_open_at_origin(examination: Examination) -> bool:
    return examination.sample is not None and shows(at_origin(examination), examination.sample)


def is_served(examination: Examination) -> bool:
    """Whether a visitor with the storage's own link gets the sample."""
    if examination.sample is None or not (link := link_to(examination, examination.sample)):
        return False
    return shows(ask(examination, link), examination.sample)


def variant(examination: Examination) -> tuple[str, str] | None:
    """Find the path under which the CDN does have the sample: what is wrong with ours, and the path."""
    if examination.sample is None or is_signed(url := link_to(examination, examination.sample)):
        return None
    for what, other in _variants(examination, url):
        if shows(ask(examination, other), examination.sample):
            return what, urlsplit(other).path
    return None


def _variants(examination: Examination, url: str) -> Iterator[tuple[str, str]]:
    parts = urlsplit(bare(url))
    location, bucket = quote(examination.location), f"{quote(examination.bucket)}/"
    # What the domain's own path adds comes first, and the key after it.
    base = base_of(domain(examination))
    above = f"{base.path}/" if base and parts.path.startswith(f"{base.path}/") else "/"
    path = parts.path.removeprefix(above)
    ways = [("", above, path)]
    if above.endswith(f"/{bucket}"):
        ways.append(("bucket extra", above.removesuffix(bucket), path))
    elif path.startswith(bucket):
        ways.append(("bucket extra", above, path.removeprefix(bucket)))
    else:
        ways.append(("bucket missing", f"{above}{bucket}", path))
    for what, root, key in ways:
        start = f"{parts.scheme}://{parts.netloc}{root}"
        if what:
            yield what, f"{start}{key}"
        if location and location in key:
            before, _, after = key.partition(location)
            yield f"{what} location added".strip(), f"{start}{before}{after}"
            yield f"{what} location stripped".strip(), f"{start}{before}{location}{location}{after}"


def acl_of(examination: Examination) -> str:
    """Return the ACL that the storage sends with each file, or "" if it sends none."""
    storage = examination.storage
    parameters: dict[str, Any] = getattr(storage, "object_parameters", None) or {}
    return str(parameters.get("ACL") or getattr(storage, "default_acl", None) or "")


def put(examination: Examination, ending: str, content: bytes, **headers: str) -> None:
    """Put an object directly, with the ACL that the storage would send.

    Raises:
        HoldallError: it was not accepted.
    """
    if acl := acl_of(examination):
        headers["ACL"] = acl
    examination.call("put_object", Key=examination.key(examination.name(ending)), Body=content, **headers)


def has_domain(examination: Examination) -> bool:
    """Whether there is a domain in front of the bucket and it serves the sample, so that more of it can be checked."""
    return bool(domain(examination)) and is_served(examination)


def domain_is_bucket(examination: Examination) -> bool:
    """Whether the domain is the bucket's own host or another of the provider's API, and not a CDN."""
    host = domain(examination).partition("/")[0]
    place = examination.connection.place()
    provider = recognise(f"https://{host.partition('.')[2]}")[0]
    own = {place.host if place else "", urlsplit(examination.public_endpoint).netloc}
    return provider.is_hosted or recognise(f"https://{host}")[0].is_hosted or host in own


def is_answer(answer: Page | WebFailed | None) -> bool:
    """Whether somebody answered the question, instead of saying nothing or that they cannot now."""
    return isinstance(answer, Page) and answer.is_answer


def is_hidden(examination: Examination) -> bool:
    """Whether visitors can read at neither the bucket nor the domain, under any path.

    If the domain fails in another way, the layer `cdn` reports it.
    """
    origin, through = at_origin(examination), at_domain(examination)
    if not isinstance(origin, Page) or is_open_at_origin(examination) or not examination.public:
        return False
    if not origin.refuses:
        return False
    if not domain(examination):
        return True
    refused = isinstance(through, Page) and through.status in REFUSALS and not is_challenge(through)
    return refused and variant(examination) is None


def is_challenge(answer: Page | WebFailed | None) -> bool:
    """Whether a domain wants proof that the visitor is no robot, which a browser gives and the doctor does not."""
    return isinstance(answer, Page) and any(answer.header(name) for name in _CHALLENGES)


def is_domains_own_refusal(answer: Page | WebFailed | None) -> bool:
    """Whether a domain refuses with a page of its own: what the store said would be XML."""
    if not isinstance(answer, Page) or answer.status < 400:
        return is_challenge(answer)
    is_page = "html" in answer.header("content-type") and not any(word in body_of(answer) for word in _STORES_OWN)
    return is_challenge(answer) or is_page


def is_listing(answer: Page | WebFailed) -> bool:
    return isinstance(answer, Page) and answer.status == 200 and b"<ListBucketResult" in answer.body
