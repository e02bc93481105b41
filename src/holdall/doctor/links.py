"""Layer `links`: the storage's own links work as they are given out, for as long as promised, and for nothing else.

Nothing here shows a link with its query: whoever has it reads the file.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from django.core.files.base import ContentFile

from holdall.doctor import addresses, outside, site
from holdall.doctor.diagnosis import REGION_WRONG, expected_region
from holdall.doctor.examination import Examination, Saved, probes
from holdall.doctor.web import Page, WebFailed
from holdall.errors import HoldallError
from holdall.findings import Cause, Finding, Kind, Level
from holdall.s3.signing import Window

LINK_WORKS = Kind(
    "D700", Level.OK, "Links work", "A file was read by the storage's own link, whole and by its first byte."
)
LINK_REDIRECTED = Kind(
    "D701",
    Level.ERROR,
    "Links lead to a host that sends visitors elsewhere",
    "The link is signed for its host. A browser follows the redirect to the bucket's own host, where the signature is "
    "wrong: visitors see SignatureDoesNotMatch, while uploads work.",
    'Set the bucket\'s region and addressing_style="virtual" (AWS_S3_REGION_NAME, AWS_S3_ADDRESSING_STYLE).',
    ("C4",),
)
SIGNATURE_BROKEN = Kind(
    "D702",
    Level.ERROR,
    "The signature of links does not match",
    "What arrives at the store is not what was signed: the host, the path or the query was changed on the way.",
    failures=("C8", "C4"),
)
HOST_UNREACHABLE = Kind(
    "D703",
    Level.ERROR,
    "The host of links cannot be reached",
    "Files are saved through one address and linked to under another, which nothing answers for from here.",
    "Give links a host that visitors reach, and sign them for it: `AWS_S3_ENDPOINT_URL` names both.",
    ("C8",),
)
OLD_SIGNATURE = Kind(
    "D704",
    Level.ERROR,
    "Links are signed in the old way, which is refused",
    "Uploads are signed with SigV4, but links with SigV2: boto3's default in some regions, and with an endpoint but no "
    "region. Newer buckets and providers refuse it.",
    'Set signature_version="s3v4" and a region (AWS_S3_SIGNATURE_VERSION, AWS_S3_REGION_NAME); '
    "`holdall.storage.MediaStorage` does.",
    ("F1",),
)
KEYS_ENDED = Kind(
    "D706",
    Level.ERROR,
    "Links are dead: the temporary keys that signed them have ended",
    "A link lives no longer than the session of its keys, whatever it promises.",
    "Sign with keys that last (a user's, or CloudFront's), or promise less: STORAGE_URL_LIFETIME=15m.",
    ("F2",),
)
LIFETIME_CUT = Kind(
    "D707",
    Level.NOTICE,
    "Links die before their time",
    "They are signed with temporary keys, and end with these: earlier than promised.",
    "Sign with keys that last (a user's, or CloudFront's), or promise less: STORAGE_URL_LIFETIME=15m.",
    ("F2",),
)
LINK_REFUSED = Kind(
    "D709",
    Level.ERROR,
    "The store's answer to a link is not the file",
    "Visitors cannot read what was saved, although the keys can.",
    "Read the store's answer in the evidence; `holdall doctor --only links` asks again.",
)
LINKS_CHANGE = Kind(
    "D711",
    Level.WARNING,
    "Every view of a page makes a new link, so the CDN keeps nothing",
    "Each query string is an entry of its own in the CDN's cache: every view is paid for twice.",
    "Use `holdall.storage.MediaStorage`, whose links stay the same for half of their lifetime.",
    ("F3",),
)
ENDS_AND_HOLDS = Kind(
    "D712",
    Level.OK,
    "Links end in time and cannot be changed",
    "A link of an hour ago was refused, one with another signature, and one used for another file.",
)
EXPIRED_TAKEN = Kind(
    "D713",
    Level.ERROR,
    "Links that have ended still work",
    "Whoever was ever given a link reads the file for good.",
    "Ask whoever runs the store: it does not check how long links are valid. Keep no private files there until it does.",
)
TAMPERED_TAKEN = Kind(
    "D714",
    Level.ERROR,
    "Links with a false signature work",
    "The store does not check signatures: whoever knows or guesses a name reads the file.",
    "Ask whoever runs the store: it does not check signatures. Keep no private files there until it does.",
)
OVERRIDE_IGNORED = Kind(
    "D715",
    Level.WARNING,
    "What a link says about the answer is ignored",
    "Downloads get the key for a name, and open in the browser: `response-content-disposition` has no effect.",
    "Store the header with the object instead (`get_object_parameters`, or object_parameters in STORAGES).",
    ("F5",),
)
OVERRIDE_NEEDS_SIGNATURE = Kind(
    "D716",
    Level.NOTICE,
    "Links without S3's signature cannot name a download",
    "`url(name, parameters={'ResponseContentDisposition': …})` appends the words, and nothing reads them: only links "
    "that are signed for the bucket itself may change the answer.",
    "Store the header with the object instead (`get_object_parameters`, or object_parameters in STORAGES).",
    ("F5",),
)
HEAD_REFUSED = Kind(
    "D717",
    Level.NOTICE,
    "Links answer to GET only",
    "The method is signed too: `curl -I` and link checkers are refused although the link is good.",
    "Test with curl -r 0-0 -o /dev/null -w '%{http_code}' '<link>'; sign others with url(name, http_method=\"HEAD\").",
    ("F5",),
)
NAMES_BROKEN = Kind(
    "D718",
    Level.ERROR,
    "Files with special characters in their name cannot be read by their link",
    "Something between encodes names once more, or not at all: files with spaces, +, %, # or accents are not found.",
    failures=("G11",),
)
NAMES_HOLD = Kind(
    "D719", Level.OK, "Special characters in names are no obstacle", "A name with blank, +, %, # and accent was read."
)

NAME = "blank plus+ 100% né #1.txt"
# What is told of links without asking: those below would only tell the same again, as the store does.
_TOLD_OFFLINE = frozenset({addresses.OLD_SIGNATURE.id, addresses.LINK_TOO_LONG.id, site.INTERNAL_HOST.id})


def probe_signed_link(examination: Examination) -> Iterator[Finding]:
    """Fetch the storage's own link to the sample: its first byte, then whole. Two GETs and a HEAD.

    A link to the CDN's domain is left to the layer `cdn`, and a plain one to `intent`: they know more reasons.
    """
    if examination.sample is None or not outside.is_signed(link := outside.link_to(examination, examination.sample)):
        return
    if outside.domain(examination) or examination.found & _TOLD_OFFLINE:
        return
    try:
        first = examination.web.fetch(link, headers={"range": "bytes=0-0"})
    except WebFailed as failure:
        yield HOST_UNREACHABLE.found(f"{urlsplit(link).netloc}: {failure}")
        return
    if first.status not in {200, 206}:
        yield _why_refused(examination, link, first)
        return
    whole = outside.ask(examination, link)
    if not outside.shows(whole, examination.sample):
        seen = whole.seen() if isinstance(whole, Page) else str(whole)
        yield LINK_REFUSED.found(f"{seen}; the bytes are not those that were saved")
        return
    yield LINK_WORKS.found(f"{first.seen()}, the same bytes")
    if (head := examination.web.fetch(link, method="HEAD")).status >= 400:
        yield HEAD_REFUSED.found(f"HEAD: {head.seen()}")


def _why_refused(examination: Examination, link: str, answer: Page) -> Finding:
    if answer.status in {301, 302, 307, 308}:
        region = answer.header("x-amz-bucket-region")
        target = urlsplit(answer.header("location")).netloc
        return LINK_REDIRECTED.found(
            f"{answer.seen()}{f', to {target}' if target else ''}",
            do=f'AWS_S3_REGION_NAME={region}   # and addressing_style="virtual" in STORAGES' if region else "",
        )
    if _is_old(link) and answer.status in {400, 401, 403}:
        return OLD_SIGNATURE.found(_said(answer))
    if region := expected_region(answer.message):
        return REGION_WRONG.found(_said(answer), do=f"AWS_S3_REGION_NAME={region}")
    if answer.code == "SignatureDoesNotMatch":
        return _broken(examination, link, answer)
    if answer.code in {"ExpiredToken", "InvalidToken", "TokenRefreshRequired"}:
        return KEYS_ENDED.found(_said(answer))
    return LINK_REFUSED.found(_said(answer))


def _said(answer: Page) -> str:
    return f'{answer.seen()}: "{answer.message}"' if answer.message else answer.seen()


def _broken(examination: Examination, link: str, answer: Page) -> Finding:
    place, host = examination.connection.place(), urlsplit(link).netloc
    if place and host != place.host:
        return SIGNATURE_BROKEN.found(
            f"{answer.seen()}; requests of the keys go to {place.host}",
            means="The link names another host than the one that it was signed for: something replaced it afterwards.",
            do="Sign links for the host that visitors use: set `AWS_S3_ENDPOINT_URL` to it, and let no code replace it.",
            otherwise=[
                Cause(
                    "The link is signed for Amazon's global host, and the bucket lies in another region.",
                    LINK_REDIRECTED.do,
                )
            ],
        )
    return SIGNATURE_BROKEN.found(
        answer.seen(),
        do=f"Let the proxy in front of the store pass the header `Host: {host}`, path and query unchanged.",
    )


def _is_old(link: str) -> bool:
    query = parse_qs(urlsplit(link).query)
    return "Signature" in query and "AWSAccessKeyId" in query


def probe_lifetime(examination: Examination) -> Iterator[Finding]:
    """Compare how long links are promised to work with when their keys end. No request."""
    storage = examination.storage
    promised = int(getattr(storage, "querystring_expire", 0) or 0)
    if examination.sample is None or not outside.is_signed(link := outside.link_to(examination, examination.sample)):
        return
    if addresses.KEYS_END_BEFORE_LINKS.id in examination.found:
        return
    if "X-Amz-Algorithm" not in link or (place := examination.connection.place()) is None:
        return
    _, keys_end_at = examination.connection.signer(place)
    if keys_end_at is None or promised <= (left := max(0, int(keys_end_at - time.time()))):
        return
    until = datetime.fromtimestamp(keys_end_at, UTC)
    yield LIFETIME_CUT.found(f"promised are {promised} s; the keys end in {left} s, at {until:%Y-%m-%d %H:%M} UTC")


def probe_sameness(examination: Examination) -> Iterator[Finding]:
    """Make the same link to the CDN again a second later. No request."""
    if examination.sample is None or not outside.domain(examination):
        return
    if not outside.is_signed(first := outside.link_to(examination, examination.sample)):
        return
    links = [first]
    # A link that stays the same changes once in a while, but not twice in a row.
    while len(links) < 3 and len(set(links)) == len(links):
        time.sleep(1.1)
        links.append(outside.link_to(examination, examination.sample))
    if len(set(links)) == len(links):
        yield LINKS_CHANGE.found(f"{len(links)} links made a second apart are all different")


def probe_forgeries(examination: Examination) -> Iterator[Finding]:
    """Try a link that has ended, one with another signature, and one used for another file. Three GETs."""
    place = examination.connection.place()
    if examination.sample is None or examination.public or place is None or outside.is_open_at_origin(examination):
        return
    try:
        signer, _ = examination.connection.signer(place)
    except HoldallError:
        return
    key, now = examination.sample.key, int(time.time())
    ended = signer.url(key, Window(now - 3600, 1, now - 3599))
    good = signer.url(key, Window(now - 10, 600, now + 300))
    forged = good[:-1] + ("0" if good[-1] != "0" else "1")
    borrowed = signer.url(examination.key(examination.name("another.txt")), Window(now - 10, 600, now + 300))
    borrowed = f"{outside.bare(good)}?{borrowed.partition('?')[2]}"
    answers = {
        what: examination.web.fetch(url)
        for what, url in (("ended", ended), ("forged", forged), ("another's", borrowed))
    }
    if answers["ended"].status in {200, 206}:
        yield EXPIRED_TAKEN.found(f"a link that ended an hour ago: {answers['ended'].seen()}")
    taken = [what for what in ("forged", "another's") if answers[what].status in {200, 206}]
    if taken:
        yield TAMPERED_TAKEN.found("; ".join(f"{what} signature: {answers[what].seen()}" for what in taken))
    if not taken and answers["ended"].status not in {200, 206}:
        yield ENDS_AND_HOLDS.found(
            ", ".join(f"{what}: {answer.status} {answer.code}" for what, answer in answers.items())
        )


def probe_overrides(examination: Examination) -> Iterator[Finding]:
    """Ask by link for another disposition than the stored one. One GET."""
    if examination.sample is None or not outside.is_served(examination):
        return
    if (
        _is_old(outside.link_to(examination, examination.sample))
        or addresses.OVERRIDES_UNSIGNED.id in examination.found
    ):
        # Told already.
        return
    wanted = 'attachment; filename="holdall-doctor.txt"'
    try:
        link = str(examination.storage.url(examination.sample.name, parameters={"ResponseContentDisposition": wanted}))
    except TypeError:
        # A class of the project's own, whose `url` takes the name alone.
        return
    answer = examination.web.fetch(link)
    if "holdall-doctor.txt" in answer.header("content-disposition"):
        return
    seen = f"{answer.seen()}, Content-Disposition: {answer.header('content-disposition') or 'none'}"
    yield (OVERRIDE_IGNORED if "response-content-disposition" in link else OVERRIDE_NEEDS_SIGNATURE).found(seen)


def probe_link_names(examination: Examination) -> Iterator[Finding]:
    """Save a file whose name needs encoding, and read it by its link. One PUT, one GET; one more to learn why not."""
    if not outside.is_served(examination):
        return
    saved = examination.save(NAME, ContentFile(b"A file of the doctor's with a difficult name.\n"))
    answer = outside.ask(examination, outside.link_to(examination, saved))
    if outside.shows(answer, saved):
        yield NAMES_HOLD.found(f'"{NAME}"')
        return
    seen = answer.seen() if isinstance(answer, Page) else str(answer)
    yield NAMES_BROKEN.found(f'"{NAME}": {seen}', do=_name_remedy(examination, saved))


def _name_remedy(examination: Examination, saved: Saved) -> str:
    url = outside.origin_url(examination, saved.key)
    if outside.domain(examination) and url and outside.shows(outside.ask(examination, url), saved):
        return "The bucket itself serves it: let the CDN forward the path exactly as it came, undecoded."
    return "Let every proxy pass the path as it came; or save under plain names (`upload_to` with a slug or a UUID)."


PROBES = probes(probe_signed_link, probe_lifetime, probe_sameness, probe_forgeries, probe_overrides, probe_link_names)
