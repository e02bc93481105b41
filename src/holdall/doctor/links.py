"""Layer `links`: the storage's own links work, for as long as they should, and for nothing else.

No finding shows a link with its query, because anyone who has it can read the file.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from django.core.files.base import ContentFile

from holdall.doctor import outside
from holdall.doctor.catalogue import addresses, connection, site
from holdall.doctor.catalogue import links as kinds
from holdall.doctor.diagnosis import expected_region
from holdall.doctor.examination import Examination, Saved
from holdall.doctor.probe import probes
from holdall.doctor.web import Page, WebFailed
from holdall.errors import HoldallError
from holdall.findings import Finding
from holdall.s3.signing import Window

NAME = "space plus+ 100% né #1.txt"
# What was reported about links offline. The probes below would only report it again.
_TOLD_OFFLINE = frozenset({addresses.OLD_SIGNATURE.id, addresses.LINK_TOO_LONG.id, site.INTERNAL_HOST.id})


def probe_signed_link(examination: Examination) -> Iterator[Finding]:
    """Open the storage's own link to the sample: its first byte, then all of it. Two GETs and a HEAD.

    Links to the CDN domain are left to the layer `cdn`, and unsigned ones to `intent`, which know more reasons.
    """
    if examination.sample is None or not outside.is_signed(link := outside.link_to(examination, examination.sample)):
        return
    if outside.domain(examination) or examination.found & _TOLD_OFFLINE:
        return
    try:
        first = examination.web.fetch(link, headers={"range": "bytes=0-0"})
    except WebFailed as failure:
        yield _unreached(examination, link, failure)
        return
    if first.status not in {200, 206}:
        yield _why_refused(examination, link, first)
        return
    whole = outside.ask(examination, link)
    if not outside.shows(whole, examination.sample):
        seen = whole.seen() if isinstance(whole, Page) else str(whole)
        yield kinds.LINK_REFUSED.found(f"{seen}; the content is not what was saved")
        return
    yield kinds.LINK_WORKS.found(f"{first.seen()}, the same content")
    if (head := examination.web.fetch(link, method="HEAD")).status >= 400 and head.is_answer:
        yield kinds.HEAD_REFUSED.found(f"HEAD: {head.seen()}")


def _unreached(examination: Examination, link: str, failure: WebFailed) -> Finding:
    parts, place = urlsplit(link), examination.connection.place()
    seen = f"{parts.netloc}: {failure}"
    if not examination.public_endpoint or place is None:
        return kinds.HOST_UNREACHABLE.found(seen)
    try:
        # The same server by the address for requests. It knows the link by the host that it was signed for.
        inside = f"{place.scheme}://{place.host}{parts.path}?{parts.query}"
        answer = examination.web.fetch(inside, headers={"host": parts.netloc, "range": "bytes=0-0"})
    except WebFailed as other:
        return kinds.OUTSIDE_NOT_REACHED.found(f"{seen}; {place.host} with that host: {other}")
    return kinds.OUTSIDE_NOT_REACHED.found(f"{seen}; the server itself, asked for it with that host: {answer.seen()}")


def _why_refused(examination: Examination, link: str, answer: Page) -> Finding:
    if answer.status in {301, 302, 307, 308}:
        region = answer.header("x-amz-bucket-region")
        target = urlsplit(answer.header("location")).netloc
        return kinds.LINK_REDIRECTED.found(
            f"{answer.seen()}{f', to {target}' if target else ''}",
            do=f"AWS_S3_REGION_NAME={region}\nAWS_S3_ADDRESSING_STYLE=virtual" if region else "",
        )
    if not answer.is_answer:
        return kinds.LINK_WORKS.unknown(_said(answer))
    if _is_old(link) and answer.status in {400, 401, 403}:
        return kinds.OLD_SIGNATURE.found(_said(answer))
    if region := expected_region(answer.message):
        return connection.REGION_WRONG.found(_said(answer), do=f"AWS_S3_REGION_NAME={region}")
    if answer.code == "SignatureDoesNotMatch":
        return _broken(examination, link, answer)
    if answer.code in {"ExpiredToken", "InvalidToken", "TokenRefreshRequired"}:
        return kinds.KEYS_ENDED.found(_said(answer))
    return kinds.LINK_REFUSED.found(_said(answer))


def _said(answer: Page) -> str:
    return f'{answer.seen()}: "{answer.message}"' if answer.message else answer.seen()


def _broken(examination: Examination, link: str, answer: Page) -> Finding:
    place, host = examination.connection.place(), urlsplit(link).netloc
    if place and host != place.host and not examination.public_endpoint:
        return kinds.SIGNATURE_BROKEN.found(
            f"{answer.seen()}; requests with the keys go to {place.host}",
            means="The link was signed for another host: something replaced the host afterwards.",
            do="Sign links for the host that visitors use: set `AWS_S3_PUBLIC_ENDPOINT_URL` to it, and remove what replaces it.",
            otherwise=kinds.SIGNATURE_BROKEN.remedies[1:],
        )
    return kinds.SIGNATURE_BROKEN.found(
        answer.seen(),
        do=f"Let the proxy in front of the store pass the header `Host: {host}`, the path and the query unchanged.",
    )


def _is_old(link: str) -> bool:
    query = parse_qs(urlsplit(link).query)
    return "Signature" in query and "AWSAccessKeyId" in query


def probe_lifetime(examination: Examination) -> Iterator[Finding]:
    """Compare the lifetime of links with the time at which their keys expire. No request."""
    storage = examination.storage
    promised = int(getattr(storage, "querystring_expire", 0) or 0)
    if examination.sample is None or not outside.is_signed(link := outside.link_to(examination, examination.sample)):
        return
    if addresses.KEYS_END_BEFORE_LINKS.id in examination.found:
        return
    if "X-Amz-Algorithm" not in link or (place := examination.connection.place()) is None:
        return
    _, keys_end_at = examination.connection.signers.signer(place)
    if keys_end_at is None or promised <= (left := max(0, int(keys_end_at - time.time()))):
        return
    until = datetime.fromtimestamp(keys_end_at, UTC)
    yield kinds.LIFETIME_CUT.found(
        f"links should work for {promised} s, but the keys expire in {left} s, at {until:%Y-%m-%d %H:%M} UTC"
    )


def probe_sameness(examination: Examination) -> Iterator[Finding]:
    """Make the same link to the CDN again a second later. No request."""
    if examination.sample is None or not outside.domain(examination):
        return
    if not outside.is_signed(first := outside.link_to(examination, examination.sample)):
        return
    links = [first]
    # A link that is kept changes once in a while, but not twice in a row.
    while len(links) < 3 and len(set(links)) == len(links):
        time.sleep(1.1)
        links.append(outside.link_to(examination, examination.sample))
    if len(set(links)) == len(links):
        yield kinds.LINKS_CHANGE.found(f"{len(links)} links to one file, made a second apart, are all different")


def probe_forgeries(examination: Examination) -> Iterator[Finding]:
    """Try an expired link, one with a wrong signature and one for another file. Three GETs."""
    place = examination.connection.place()
    if examination.sample is None or examination.public or place is None or outside.is_open_at_origin(examination):
        return
    try:
        signer, _ = examination.connection.signers.signer(place)
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
        for what, url in (("expired", ended), ("wrong signature", forged), ("signature of another file", borrowed))
    }
    # Only the file itself proves that a link was taken, and only a refusal of the store's that it was not.
    taken = [what for what, answer in answers.items() if outside.shows(answer, examination.sample)]
    if "expired" in taken:
        taken.remove("expired")
        yield kinds.EXPIRED_TAKEN.found(f"a link that expired an hour ago: {answers['expired'].seen()}")
    if taken:
        yield kinds.TAMPERED_TAKEN.found("; ".join(f"{what}: {answers[what].seen()}" for what in taken))
    seen = ", ".join(f"{what}: {answer.status} {answer.code}".rstrip() for what, answer in answers.items())
    if all(answer.refuses for answer in answers.values()):
        yield kinds.ENDS_AND_HOLDS.found(seen)
    elif not any(outside.shows(answer, examination.sample) for answer in answers.values()):
        yield kinds.ENDS_AND_HOLDS.unknown(seen)


def probe_overrides(examination: Examination) -> Iterator[Finding]:
    """Request another Content-Disposition by link than the stored one. One GET."""
    if examination.sample is None or not outside.is_served(examination):
        return
    if (
        _is_old(outside.link_to(examination, examination.sample))
        or addresses.OVERRIDES_UNSIGNED.id in examination.found
    ):
        # This was reported already.
        return
    wanted = 'attachment; filename="holdall-doctor.txt"'
    try:
        link = str(examination.storage.url(examination.sample.name, parameters={"ResponseContentDisposition": wanted}))
    except TypeError:
        # A class of the project's own, whose `url` takes only the name.
        return
    answer = examination.web.fetch(link)
    if "holdall-doctor.txt" in answer.header("content-disposition") or not answer.is_answer:
        return
    seen = f"{answer.seen()}, Content-Disposition: {answer.header('content-disposition') or 'none'}"
    yield (kinds.OVERRIDE_IGNORED if "response-content-disposition" in link else kinds.OVERRIDE_NEEDS_SIGNATURE).found(
        seen
    )


def probe_link_names(examination: Examination) -> Iterator[Finding]:
    """Save a file whose name needs encoding, and read it by its link. One PUT, one GET; one more if that fails."""
    if not outside.is_served(examination):
        return
    saved = examination.save(NAME, ContentFile(b"A file of the doctor's with a difficult name.\n"))
    answer = outside.ask(examination, outside.link_to(examination, saved))
    if outside.shows(answer, saved):
        yield kinds.NAMES_HOLD.found(f'"{NAME}"')
        return
    seen = answer.seen() if isinstance(answer, Page) else str(answer)
    if not outside.is_answer(answer):
        yield kinds.NAMES_HOLD.unknown(f'"{NAME}": {seen}')
        return
    yield kinds.NAMES_BROKEN.found(f'"{NAME}": {seen}', do=_name_remedy(examination, saved))


def _name_remedy(examination: Examination, saved: Saved) -> str:
    url = outside.origin_url(examination, saved.key)
    if outside.domain(examination) and url and outside.shows(outside.ask(examination, url), saved):
        served = kinds.NAMES_BROKEN.remedies[0]
        return f"{served.means} {served.do}"
    return f"{kinds.NAMES_BROKEN.do} If you cannot, save files under plain names (`upload_to` with a slug or a UUID)."


PROBES = probes(probe_signed_link, probe_lifetime, probe_sameness, probe_forgeries, probe_overrides, probe_link_names)
