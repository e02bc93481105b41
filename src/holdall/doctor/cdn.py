"""Layer `cdn`: the domain in front of the bucket serves the right files, complete and safely."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from django.core.files.base import ContentFile

from holdall.bases import base_of
from holdall.doctor import outside, remedies
from holdall.doctor.catalogue import addresses
from holdall.doctor.catalogue import cdn as kinds
from holdall.doctor.examination import Examination, Saved
from holdall.doctor.probe import probes
from holdall.doctor.web import Page, WebFailed
from holdall.findings import Finding
from holdall.storage import content

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>/* the doctor\'s */</script></svg>\n'
PAGE = b"<!doctype html><title>A file of the doctor's</title>\n"
# What was reported about the domain offline. Requests would only report it again.
_BROKEN_LINKS = frozenset({addresses.NO_LINK.id, addresses.DOMAIN_IS_NONE.id, addresses.PROTOCOL_WITHOUT_COLON.id})
_UNSIGNED_LINKS = frozenset({addresses.PRIVATE_LINKS_UNSIGNED.id, addresses.LINKS_UNSIGNED.id})


def probe_domain(examination: Examination) -> Iterator[Finding]:
    """Request the sample from the domain, and from its other possible paths if needed. One GET, or up to six."""
    if examination.found & _BROKEN_LINKS:
        return
    answer = outside.at_domain(examination)
    if examination.sample is None or answer is None:
        if _is_public_without_domain(examination):
            yield kinds.NO_CDN.found("no custom domain is set", do=_own_domain(examination))
    elif isinstance(answer, WebFailed):
        yield _unanswered(examination, answer)
    elif outside.shows(answer, examination.sample):
        yield kinds.SERVED.found(answer.seen())
        if outside.domain_is_bucket(examination):
            yield kinds.NO_CDN.found(f"the domain is {outside.domain(examination)}", do=_own_domain(examination))
    elif found := outside.variant(examination):
        yield _prefix_wrong(examination, answer, *found)
    elif answer.status == 200:
        yield kinds.OTHER_CONTENT.found(f"{answer.seen()}, {answer.header('content-type')}, {len(answer.body)} bytes")
    elif not (outside.is_hidden(examination) or examination.found & _UNSIGNED_LINKS):
        yield _refused(examination, answer)


def _is_public_without_domain(examination: Examination) -> bool:
    # Signed links do not use a CDN, and the layer `intent` reports them for a public store.
    sample = examination.sample
    if addresses.CDN_UNUSED.id in examination.found:
        return False
    return examination.public and sample is not None and not outside.is_signed(outside.link_to(examination, sample))


def _unanswered(examination: Examination, failure: WebFailed) -> Finding:
    seen = f"{outside.domain(examination)}: {failure}"
    if failure.reason == "name":
        return kinds.NAME_UNKNOWN.found(seen)
    if failure.reason != "certificate":
        return kinds.NOTHING_ANSWERS.found(seen)
    # Only OpenSSL's words tell the reason.
    words = str(failure).lower()
    if "expired" in words:
        return kinds.CERTIFICATE_ENDED.found(seen)
    if "mismatch" in words or "doesn't match" in words or "not valid for" in words:
        return kinds.CERTIFICATE_OF_ANOTHER.found(seen)
    return (kinds.CERTIFICATE_UNKNOWN if "certificate_verify_failed" in words else kinds.TLS_FAILED).found(seen)


def _own_domain(examination: Examination) -> str:
    if examination.provider.id == "spaces":
        host = urlsplit(str(examination.connection.target.endpoint_url)).hostname or ""
        return f"AWS_S3_CUSTOM_DOMAIN={examination.bucket}.{host.replace('.', '.cdn.', 1)}   # after you enable the CDN"
    return "AWS_S3_CUSTOM_DOMAIN=<domain of the CDN>   # MEDIA_URL has no effect on links"


def _prefix_wrong(examination: Examination, answer: Page, what: str, path: str) -> Finding:
    location, bucket = examination.location.rstrip("/"), examination.bucket
    ways = {
        "location added": f"Remove the CDN's origin path, which adds `/{location}`: links already contain it.",
        "location stripped": f"Let the CDN forward the whole path: it removes `/{location}`.",
        "bucket missing": f"Write the bucket after the domain: AWS_S3_CUSTOM_DOMAIN={outside.domain(examination)}/{bucket}. Or "
        f"set the CDN's origin path to `/{bucket}`, or its origin to the bucket's own host.",
        "bucket extra": f"Remove `/{bucket}` from the custom domain: the CDN already leads into the bucket.",
    }
    do = " ".join(text for mark, text in ways.items() if mark in what)
    asked = urlsplit(outside.link_to(examination, examination.sample)).path if examination.sample else ""
    return kinds.PREFIX_WRONG.found(f"{asked}: {answer.seen()}; the file is at {path}", do=do)


def _refused(examination: Examination, answer: Page) -> Finding:
    where = answer.header("location")
    cached, signature = kinds.DOMAIN_REFUSES.remedies
    seen = f"{answer.seen()}{f', to {outside.bare(where)}' if where else ''}"
    if outside.is_domains_own_refusal(answer) and not where:
        return kinds.DOMAIN_REFUSES.found(
            f"{seen}, with a page of the domain's own",
            means="The domain refuses visitors before the bucket is asked, as a bot challenge or a firewall does.",
            do=remedies.without_challenge(examination),
            otherwise=[] if outside.is_challenge(answer) else [remedies.allow_distribution(examination)],
        )
    if examination.signs_for_domain:
        place = examination.connection.place()
        signed_for = f"; the link is signed for {place.host}" if place else ""
        do = kinds.SIGNED_LINK_REFUSED.do
        if examination.provider.id == "spaces":
            do = (
                "Enable the CDN of the Space, and check that the domain is its. Another CDN in front of it must send the whole "
                "query on, and the Space's own host."
            )
        return kinds.SIGNED_LINK_REFUSED.found(f"{seen}{signed_for}", do=do)
    link = outside.link_to(examination, examination.sample) if examination.sample else ""
    if answer.code == "MissingKey" and "Key-Pair-Id" in link:
        # What CloudFront says of a link without a signature; a key that is wrong is `InvalidKey`.
        # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/http-403-permission-denied.html
        return kinds.QUERY_REMOVED.found(seen)
    if outside.is_signed(link):
        return kinds.DOMAIN_REFUSES.found(
            seen,
            means="The CDN does not accept the signature of the link, or is not allowed to read the bucket.",
            do=signature.do,
        )
    return kinds.DOMAIN_REFUSES.found(
        seen,
        otherwise=[cached],
    )


def probe_signatures(examination: Examination) -> Iterator[Finding]:
    """Request a file that the domain has just served, without a signature and with a wrong one. Three GETs."""
    if not examination.signs_for_domain or not outside.has_domain(examination) or examination.sample is None:
        return
    link = outside.link_to(examination, examination.sample)
    # The cache has it now, if it keeps any.
    examination.web.fetch(link)
    before, mark, signature = link.partition("X-Amz-Signature=")
    wrong = f"{before}{mark}{'0' if signature[:1] != '0' else '1'}{signature[1:]}"
    answers = {
        "without a signature": examination.web.fetch(outside.bare(link)),
        "with a wrong signature": examination.web.fetch(wrong),
    }
    told = "; ".join(f"GET {what}: {answer.seen()}" for what, answer in answers.items())
    if any(outside.shows(answer, examination.sample) for answer in answers.values()):
        yield kinds.COPY_FOR_EVERYBODY.found(told)
    elif all(answer.status in outside.REFUSALS for answer in answers.values()):
        yield kinds.SIGNATURES_PASSED_ON.found(told)
    else:
        yield kinds.SIGNATURES_PASSED_ON.unknown(told)


def probe_ranges(examination: Examination) -> Iterator[Finding]:
    """Request one byte from the domain. One GET."""
    if not outside.has_domain(examination) or examination.sample is None:
        return
    answer = examination.web.fetch(outside.link_to(examination, examination.sample), headers={"range": "bytes=0-0"})
    if not answer.is_answer:
        yield kinds.RANGES_HOLD.unknown(answer.seen())
    elif answer.status != 206 or answer.body != examination.sample.content[:1]:
        yield kinds.RANGE_IGNORED.found(f"one byte was requested: {answer.seen()}, {len(answer.body)} bytes")
    else:
        yield kinds.RANGES_HOLD.found(answer.seen())


def probe_scripts(examination: Examination) -> Iterator[Finding]:
    """Save an HTML and an SVG file, and check their headers on the domain. Two PUTs, two HEADs, two GETs."""
    if not outside.has_domain(examination):
        return
    found: list[Finding] = []
    for ending, body in (("page.html", PAGE), ("drawing.svg", SVG)):
        found += _delivered(examination, examination.save(ending, ContentFile(body)))
    yield from found or [kinds.NO_SCRIPT.found("page.html, drawing.svg")]


def _delivered(examination: Examination, saved: Saved) -> Iterator[Finding]:
    connection = examination.connection
    # The fast lane's answers do not contain the headers that are compared here.
    stored = connection.call("head_object", action="checking", name=saved.name, client=connection.client, Key=saved.key)
    answer = examination.web.fetch(outside.link_to(examination, saved))
    if answer.status != 200:
        # What arrives in place of the file says nothing about its headers.
        yield kinds.NO_SCRIPT.unknown(f"{saved.name.rpartition('/')[2]}: {answer.seen()}")
        return
    kind = answer.header("content-type").partition(";")[0].strip()
    kept_as = str(stored.get("ContentType", "")).partition(";")[0].strip()
    ending = saved.name.rpartition("/")[2]
    if kind != kept_as:
        yield kinds.TYPE_CHANGED.found(f"{ending}: stored as {kept_as or 'nothing'}, arrives as {kind or 'nothing'}")
    if "attachment" in answer.header("content-disposition") or kind not in content.SCRIPTABLE.values():
        return
    if "attachment" in stored.get("ContentDisposition", ""):
        yield kinds.DISPOSITION_DROPPED.found(f"{ending}: {answer.seen()}, {kind}, stored as an attachment")
    elif kind not in getattr(examination.storage, "inline_types", ()):
        yield kinds.SCRIPT_RUNS.found(f"{ending}: {answer.seen()}, {kind}, Content-Disposition: none")


def probe_root(examination: Examination) -> Iterator[Finding]:
    """Request the root of the domain and of its path, with and without encryption. Up to three GETs."""
    if not outside.has_domain(examination) or examination.sample is None:
        return
    parts = urlsplit(outside.link_to(examination, examination.sample))
    place = examination.connection.place()
    base = base_of(outside.domain(examination))
    for path in dict.fromkeys(("/", f"{base.path}/" if base else "/")):
        answer = outside.ask(examination, f"{parts.scheme}://{parts.netloc}{path}")
        # The bucket's own listing was reported already.
        if outside.is_listing(answer) and not (place and outside.is_listing(outside.ask(examination, place.base))):
            assert isinstance(answer, Page)  # noqa: S101  for the type checker
            yield kinds.DOMAIN_LISTED.found(answer.seen())
            break
    if parts.scheme == "https":
        plain = outside.ask(examination, f"http://{parts.netloc}{parts.path}")
        if outside.shows(plain, examination.sample):
            assert isinstance(plain, Page)  # noqa: S101  for the type checker
            yield kinds.PLAIN_HTTP.found(plain.seen())


PROBES = probes(probe_domain, probe_signatures, probe_ranges, probe_scripts, probe_root)
