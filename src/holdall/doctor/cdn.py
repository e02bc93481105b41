"""Layer `cdn`: the domain in front of the bucket serves the right files, fresh, cached and whole."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from django.core.files.base import ContentFile

from holdall.doctor import addresses, intent, outside
from holdall.doctor.examination import Examination, Saved, probes
from holdall.doctor.web import Page, WebFailed
from holdall.findings import Cause, Finding, Kind, Level
from holdall.storage import content

SERVED = Kind("D800", Level.OK, "The domain serves the files", "A new file was read by its link, byte for byte.")
NAME_UNKNOWN = Kind(
    "D801",
    Level.ERROR,
    "The domain's name does not exist",
    "No name server knows it, so no visitor gets a file.",
    "Make the DNS record (CNAME to the CDN's own name), or correct `AWS_S3_CUSTOM_DOMAIN`.",
)
NOTHING_ANSWERS = Kind(
    "D802",
    Level.ERROR,
    "Nothing answers at the domain",
    "The name leads to a machine that does not answer as a web server.",
    "Check that the distribution is deployed and enabled, and that the DNS record leads to it.",
)
CERTIFICATE_ENDED = Kind(
    "D803",
    Level.ERROR,
    "The domain's certificate has expired",
    "Browsers refuse every file.",
    "Renew it where the CDN keeps it; let it be renewed by itself.",
)
CERTIFICATE_OF_ANOTHER = Kind(
    "D804",
    Level.ERROR,
    "The domain's certificate is for another name",
    "Browsers refuse every file: the CDN does not know that it serves this domain.",
    "Add the domain to the distribution (CloudFront: alternate domain name; Spaces: custom subdomain), with its certificate.",
)
CERTIFICATE_UNKNOWN = Kind(
    "D805",
    Level.ERROR,
    "Nobody knows who signed the domain's certificate",
    "Browsers refuse every file: it is self-signed, or the certificates between are not sent along.",
    "Use a certificate of a public authority, with its chain; name an authority of your own with `AWS_CA_BUNDLE`.",
)
TLS_FAILED = Kind(
    "D806",
    Level.ERROR,
    "No secure connection to the domain comes about",
    "Browsers refuse every file.",
    "Try `curl -v` with the domain; links begin with https: unless AWS_S3_URL_PROTOCOL says otherwise.",
)
PREFIX_WRONG = Kind(
    "D807",
    Level.ERROR,
    "The domain and the bucket disagree about paths",
    "The file is there, but under another path than the link's: the CDN adds or takes away a folder.",
    failures=("E2",),
)
DOMAIN_REFUSES = Kind(
    "D808",
    Level.ERROR,
    "The domain does not serve the files",
    "The bucket has the file, but the domain answers with something else: it leads to another bucket, or may not read.",
    "Point the CDN's origin at this bucket.",
    ("E2", "E6", "E7"),
)
OTHER_CONTENT = Kind(
    "D809",
    Level.ERROR,
    "The domain serves other bytes than were saved",
    "Something else answers under the file's address, or the CDN changes what passes.",
    'Point the CDN\'s origin at this bucket; turn off what rewrites, minifies or "optimises" files, and pages for errors.',
    ("E2",),
)
NO_CDN = Kind(
    "D811",
    Level.WARNING,
    "Public files come from the bucket itself, not from a CDN",
    "Every view is fetched, and billed, from the bucket.",
    failures=("E3",),
)
RANGE_IGNORED = Kind(
    "D820",
    Level.WARNING,
    "The domain ignores ranges",
    "Films cannot be wound, Safari plays none at all, and downloads begin anew.",
    "Let the CDN pass the header `Range`, or serve parts of its copy.",
)
TYPE_CHANGED = Kind(
    "D821",
    Level.WARNING,
    "The domain gives files another type than they were saved with",
    "Browsers show pictures as text, or take files for what they are not.",
    "Let the CDN pass `Content-Type` as it comes from the bucket.",
    ("G7",),
)
SCRIPT_RUNS = Kind(
    "D822",
    Level.WARNING,
    "HTML and SVG files open as pages of the media domain",
    "Whoever may upload one runs script there; where cookies are shared with the site, as its visitors.",
    "Use `holdall.storage.MediaStorage`, which stores them as attachments; keep the media on a domain of its own.",
    ("K2",),
)
DISPOSITION_DROPPED = Kind(
    "D823",
    Level.WARNING,
    "The domain drops what keeps HTML and SVG from running",
    "They are stored as attachments, but arrive without `Content-Disposition`: whoever may upload one runs script there.",
    "Let the CDN pass `Content-Disposition` as it comes from the bucket.",
    ("K2",),
)
NO_SCRIPT = Kind("D824", Level.OK, "HTML and SVG files do not open as pages", "Both arrive as attachments.")
DOMAIN_LISTED = Kind(
    "D825",
    Level.ERROR,
    "Anybody can list the bucket through the domain",
    "The bucket refuses visitors, but the CDN may list it, and shows the names of all files at its root.",
    "Take `s3:ListBucket` from the distribution, or give the root an object of its own (CloudFront: default root object).",
    ("K3",),
)
PLAIN_HTTP = Kind(
    "D826",
    Level.NOTICE,
    "The domain also serves files without encryption",
    "Links are https:, but whoever types the address without it gets files that others can read and change on the way.",
    "Redirect to https (CloudFront: viewer protocol policy; Cloudflare: Always Use HTTPS).",
)
RANGES_HOLD = Kind("D828", Level.OK, "The domain serves parts of files", "One byte was asked for, and came alone.")

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>/* the doctor\'s */</script></svg>\n'
PAGE = b"<!doctype html><title>A file of the doctor's</title>\n"
# What is told of the domain without asking: the answers would only tell the same again.
_BROKEN_LINKS = frozenset({addresses.NO_LINK.id, addresses.DOMAIN_IS_NONE.id, addresses.PROTOCOL_WITHOUT_COLON.id})
_UNSIGNED_LINKS = frozenset({addresses.PRIVATE_LINKS_UNSIGNED.id, addresses.LINKS_UNSIGNED.id})


def probe_domain(examination: Examination) -> Iterator[Finding]:
    """Ask the domain for the sample, and for its other possible paths if need be. One GET, or up to six."""
    if examination.found & _BROKEN_LINKS:
        return
    answer = outside.at_domain(examination)
    if examination.sample is None or answer is None:
        if _is_public_without_domain(examination):
            yield NO_CDN.found("no custom domain is set", do=_own_domain(examination))
    elif isinstance(answer, WebFailed):
        yield _unanswered(examination, answer)
    elif outside.shows(answer, examination.sample):
        yield SERVED.found(answer.seen())
        if outside.domain_is_bucket(examination):
            yield NO_CDN.found(f"the domain is {outside.domain(examination)}", do=_own_domain(examination))
    elif found := outside.variant(examination):
        yield _prefix_wrong(examination, answer, *found)
    elif answer.status == 200:
        yield OTHER_CONTENT.found(f"{answer.seen()}, {answer.header('content-type')}, {len(answer.body)} bytes")
    elif not (intent.is_hidden(examination) or examination.found & _UNSIGNED_LINKS):
        yield _refused(examination, answer)


def _is_public_without_domain(examination: Examination) -> bool:
    # Signed links are no CDN's business, and the layer `intent` has told that they are none of a public store's.
    sample = examination.sample
    if addresses.CDN_UNUSED.id in examination.found:
        return False
    return examination.public and sample is not None and not outside.is_signed(outside.link_to(examination, sample))


def _unanswered(examination: Examination, failure: WebFailed) -> Finding:
    seen = f"{outside.domain(examination)}: {failure}"
    if failure.reason == "name":
        return NAME_UNKNOWN.found(seen)
    if failure.reason != "certificate":
        return NOTHING_ANSWERS.found(seen)
    # OpenSSL's words are the only place where the reason is told.
    words = str(failure).lower()
    if "expired" in words:
        return CERTIFICATE_ENDED.found(seen)
    if "mismatch" in words or "doesn't match" in words or "not valid for" in words:
        return CERTIFICATE_OF_ANOTHER.found(seen)
    return (CERTIFICATE_UNKNOWN if "certificate_verify_failed" in words else TLS_FAILED).found(seen)


def _own_domain(examination: Examination) -> str:
    if examination.provider.id == "spaces":
        host = urlsplit(str(examination.connection.target.endpoint_url)).hostname or ""
        return f"AWS_S3_CUSTOM_DOMAIN={examination.bucket}.{host.replace('.', '.cdn.', 1)}   # after enabling the CDN"
    return "AWS_S3_CUSTOM_DOMAIN=<domain of the CDN>   # MEDIA_URL has no effect on the storage's links"


def _prefix_wrong(examination: Examination, answer: Page, what: str, path: str) -> Finding:
    location, bucket = examination.location.rstrip("/"), examination.bucket
    remedies = {
        "location added": f"Empty the origin path of the CDN, which adds `/{location}`: links contain the location already.",
        "location stripped": f"Let the CDN forward the whole path: it takes `/{location}` away.",
        "bucket missing": f"Set the origin path of the CDN to `/{bucket}`, or its origin to the bucket's own host.",
        "bucket superfluous": f"Take `/{bucket}` out of the custom domain: the CDN leads into the bucket already.",
    }
    do = " ".join(text for mark, text in remedies.items() if mark in what)
    asked = urlsplit(outside.link_to(examination, examination.sample)).path if examination.sample else ""
    return PREFIX_WRONG.found(f"{asked}: {answer.seen()}; but it answers under {path}", do=do)


def _refused(examination: Examination, answer: Page) -> Finding:
    where = answer.header("location")
    seen = f"{answer.seen()}{f', to {outside.bare(where)}' if where else ''}"
    if outside.is_signed(outside.link_to(examination, examination.sample)) if examination.sample else False:
        return DOMAIN_REFUSES.found(
            seen,
            means="The CDN does not accept the signature of the link, or may not read the bucket.",
            do="CloudFront: `AWS_CLOUDFRONT_KEY_ID` must be in the behaviour's key group, and `AWS_CLOUDFRONT_KEY` its key.",
        )
    return DOMAIN_REFUSES.found(
        seen,
        otherwise=[Cause("The CDN kept an error from before the files were public.", "Purge its cache.")],
    )


def probe_ranges(examination: Examination) -> Iterator[Finding]:
    """Ask the domain for one byte. One GET."""
    if not outside.has_domain(examination) or examination.sample is None:
        return
    answer = examination.web.fetch(outside.link_to(examination, examination.sample), headers={"range": "bytes=0-0"})
    if answer.status != 206 or answer.body != examination.sample.content[:1]:
        yield RANGE_IGNORED.found(f"one byte was asked for: {answer.seen()}, {len(answer.body)} bytes")
    else:
        yield RANGES_HOLD.found(answer.seen())


def probe_scripts(examination: Examination) -> Iterator[Finding]:
    """Save an HTML and an SVG file, and see what browsers are told of them. Two PUTs, two HEADs, two GETs."""
    if not outside.has_domain(examination):
        return
    found: list[Finding] = []
    for ending, body in (("page.html", PAGE), ("drawing.svg", SVG)):
        found += _delivered(examination, examination.save(ending, ContentFile(body)))
    yield from found or [NO_SCRIPT.found("page.html, drawing.svg")]


def _delivered(examination: Examination, saved: Saved) -> Iterator[Finding]:
    connection = examination.connection
    # The fast lane's answers do not tell the headers that are compared here.
    stored = connection.call(
        "head_object", action="examining", name=saved.name, client=connection.client, Key=saved.key
    )
    answer = examination.web.fetch(outside.link_to(examination, saved))
    kind = answer.header("content-type").partition(";")[0].strip()
    kept_as = str(stored.get("ContentType", "")).partition(";")[0].strip()
    ending = saved.name.rpartition("/")[2]
    if kind != kept_as:
        yield TYPE_CHANGED.found(f"{ending}: stored as {kept_as or 'nothing'}, arrives as {kind or 'nothing'}")
    if "attachment" in answer.header("content-disposition") or kind not in content.SCRIPTABLE.values():
        return
    if "attachment" in stored.get("ContentDisposition", ""):
        yield DISPOSITION_DROPPED.found(f"{ending}: {answer.seen()}, {kind}, stored as an attachment")
    elif kind not in getattr(examination.storage, "inline_types", ()):
        yield SCRIPT_RUNS.found(f"{ending}: {answer.seen()}, {kind}, Content-Disposition: none")


def probe_root(examination: Examination) -> Iterator[Finding]:
    """Ask for the domain's root, encrypted and not. Two GETs."""
    if not outside.has_domain(examination) or examination.sample is None:
        return
    parts = urlsplit(outside.link_to(examination, examination.sample))
    place = examination.connection.place()
    answer = outside.ask(examination, f"{parts.scheme}://{parts.netloc}/")
    # The bucket's own listing is told already.
    if intent.is_listing(answer) and not (place and intent.is_listing(outside.ask(examination, place.base))):
        assert isinstance(answer, Page)  # noqa: S101  for the type checker
        yield DOMAIN_LISTED.found(answer.seen())
    if parts.scheme == "https":
        plain = outside.ask(examination, f"http://{parts.netloc}{parts.path}")
        if outside.shows(plain, examination.sample):
            assert isinstance(plain, Page)  # noqa: S101  for the type checker
            yield PLAIN_HTTP.found(plain.seen())


PROBES = probes(probe_domain, probe_ranges, probe_scripts, probe_root)
