"""Layer `intent`: private files stay private, public files can be read, and strangers cannot list or write."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from holdall.doctor import doors, outside, remedies, sisters
from holdall.doctor.catalogue import intent as kinds
from holdall.doctor.doors import Doors
from holdall.doctor.examination import Examination
from holdall.doctor.probe import probes
from holdall.doctor.web import Page, WebFailed
from holdall.errors import AccessRefused, HoldallError, ObjectNotFound
from holdall.findings import Cause, Finding


def probe_visitors(examination: Examination) -> Iterator[Finding]:
    """Request the sample without keys. One GET and one HEAD, and a few more to find out why if the answer is wrong."""
    answer = outside.at_origin(examination)
    if answer is None or examination.sample is None:
        return
    if examination.public:
        yield from _public(examination)
    elif isinstance(answer, Page):
        yield from _private(examination, answer)
    else:
        yield kinds.NOT_READABLE.unknown(str(answer))


# -- private


def _private(examination: Examination, answer: Page) -> Iterator[Finding]:
    assert examination.sample is not None  # noqa: S101  for the type checker
    # Something else than the file may be a page of whatever answers in the store's place.
    opened = outside.is_open_at_origin(examination)
    if opened and getattr(examination.storage, "public", None) is None:
        # Nobody declared these files private: signing is django-storages' default.
        yield kinds.SIGNED_ALTHOUGH_PUBLIC.found(
            answer.seen(),
            otherwise=[Cause(kinds.PRIVATE_READABLE.means, remedies.close(examination, doors.look(examination)))],
        )
        return
    if opened:
        yield kinds.PRIVATE_READABLE.found(
            f"GET without keys: {answer.seen()}", do=remedies.close(examination, doors.look(examination))
        )
        return
    head = examination.web.fetch(answer.url, method="HEAD")
    if head.status == 200 and head.header("content-length") == str(len(examination.sample.content)):
        yield kinds.PRIVATE_READABLE.found(
            f"HEAD without keys: {head.seen()}", do=remedies.close(examination, doors.look(examination))
        )
        return
    link = outside.link_to(examination, examination.sample)
    through = outside.ask(examination, outside.bare(link)) if outside.domain(examination) and link else None
    # If nobody declared anything and links are not signed, the files may be meant for everyone.
    meant = getattr(examination.storage, "public", None) is False or outside.is_signed(link)
    if through and meant and outside.shows(through, examination.sample):
        assert isinstance(through, Page)  # noqa: S101  for the type checker
        yield kinds.DOMAIN_OPEN.found(f"GET without keys or a signature: {through.seen()}")
    elif answer.refuses and head.refuses and (through is None or outside.is_answer(through)):
        yield kinds.NOT_READABLE.found(f"GET: {answer.seen()}, HEAD: {head.status}")
    else:
        yield kinds.NOT_READABLE.unknown(f"GET: {answer.seen()}, HEAD: {head.status}")


def probe_sisters(examination: Examination) -> Iterator[Finding]:
    """Request the private sample at the domains and endpoints of all other stores. One or two GETs for each."""
    sample = examination.sample
    if sample is None or examination.public:
        return
    refused: list[str] = []
    silent: list[str] = []
    for door in sisters.doors(examination):
        # A domain that leads to the location itself has it not in its paths.
        for key in dict.fromkeys((sample.key, sample.key.removeprefix(examination.location))):
            answer = outside.ask(examination, f"{door.base}{quote(key)}")
            if outside.shows(answer, sample):
                yield kinds.SHOWN_BY_SISTER.found(f"{door.label}: GET {door.base}{key} without keys: {_said(answer)}")
                return
            (refused if isinstance(answer, Page) else silent).append(f"{door.base} ({_said(answer)})")
    if silent:
        yield kinds.NOT_SHOWN_BY_SISTERS.unknown("; ".join(dict.fromkeys(silent)))
    elif refused:
        yield kinds.NOT_SHOWN_BY_SISTERS.found("; ".join(dict.fromkeys(refused)))


def probe_limit(examination: Examination) -> Iterator[Finding]:
    """Request one private file of the bucket at the domain that is said to be limited. A page of a listing, one GET."""
    if not (examination.public and getattr(examination.storage, "domain_is_limited", False)):
        return
    if (domain := sisters.domain_of(examination.storage)) is None:
        return
    base, asked = f"{domain.url}/", 0
    for sister in sisters.private_neighbours(examination):
        key = sisters.some_key(sister.storage, apart_from=examination.location)
        if key is None:
            continue
        asked += 1
        answer = examination.web.fetch(f"{base}{quote(key)}", headers={"range": "bytes=0-0"})
        if answer.status in {200, 206}:
            yield kinds.DOMAIN_NOT_LIMITED.found(f"GET {base}{key} without keys: {answer.seen()}")
        elif 400 <= answer.status < 500:
            yield kinds.DOMAIN_LIMITED.found(f"GET {base}{key} without keys: {answer.seen()}")
        else:
            yield kinds.DOMAIN_LIMITED.unknown(answer.seen())
    if not asked and examination.entry is None:
        yield kinds.DOMAIN_LIMITED.unknown(
            "no private file was found in the bucket that could be requested",
            do="Run the doctor for the store that keeps private files in this bucket: it saves one and requests it here.",
        )


# -- public


def _public(examination: Examination) -> Iterator[Finding]:
    assert examination.sample is not None  # noqa: S101  for the type checker
    origin = outside.at_origin(examination)
    through = outside.at_domain(examination)
    link = outside.link_to(examination, examination.sample)
    if outside.is_open_at_origin(examination) and outside.is_signed(link):
        yield kinds.SIGNED_ALTHOUGH_PUBLIC.found(f"{_said(origin)}, and links are signed", otherwise=())
    elif outside.is_open_at_origin(examination):
        yield kinds.READABLE.found(_said(origin))
    elif outside.shows(through, examination.sample):
        yield kinds.READABLE.found(f"{_said(through)}; the bucket itself refuses visitors, which is fine")
    elif outside.is_hidden(examination):
        yield _why_hidden(examination, f"{_said(origin)}{f'; {_said(through)}' if through else ''}")


def _said(answer: Page | WebFailed | None) -> str:
    return answer.seen() if isinstance(answer, Page) else f"no answer ({answer})"


def _why_hidden(examination: Examination, seen: str) -> Finding:
    through = outside.at_domain(examination)
    if outside.is_domains_own_refusal(through):
        # What opens the bucket would let nobody through there, and everybody in elsewhere.
        return kinds.NOT_PUBLIC.found(
            f"{seen}, with a page of the domain's own",
            means="The domain refuses visitors before the bucket is asked, as a bot challenge or a firewall does.",
            do=remedies.without_challenge(examination),
            otherwise=[] if outside.is_challenge(through) else [remedies.allow_distribution(examination)],
        )
    found = doors.look(examination)
    acl, provider = outside.acl_of(examination), examination.provider
    switches = ", ".join(sorted(found.blocks or ()))
    unblock = remedies.unblock(examination, found)
    if found.blocks and (found.has_public_policy or provider.id != "amazon" or not outside.domain(examination)):
        return kinds.BLOCKED.found(f"{seen}; these switches are on: {switches}", means=_inert(found), do=unblock)
    if acl.startswith("public"):
        return kinds.ACL_IGNORED.found(f'{seen}; files are sent with the ACL "{acl}"', do=remedies.publish(examination))
    otherwise = []
    # A distribution that may read needs no public policy.
    through_cloudfront = provider.id == "amazon" and outside.domain(examination)
    if found.blocks and not through_cloudfront:
        otherwise = [Cause(f"{kinds.BLOCKED.means} These are on: {switches}.", unblock)]
    elif found.refusal.startswith("403") and provider.id in {"amazon", "generic"} and not through_cloudfront:
        what = f"Block Public Access may refuse visitors. The doctor could not ask ({found.refusal})."
        otherwise = [Cause(what, "Look in the console, or grant the doctor `s3:GetBucketPublicAccessBlock`.")]
    return kinds.NOT_PUBLIC.found(seen, do=remedies.publish(examination), otherwise=otherwise)


def _inert(found: Doors) -> str:
    blocks = found.blocks or frozenset()
    if found.has_public_policy and "RestrictPublicBuckets" in blocks:
        return "The bucket's policy is public, but the switch `RestrictPublicBuckets` overrides it."
    if found.has_public_acl and "IgnorePublicAcls" in blocks:
        return "There are public ACLs, but the switch `IgnorePublicAcls` overrides them."
    if "BlockPublicPolicy" in blocks:
        return "There is no public policy, and the switch `BlockPublicPolicy` would refuse one."
    return kinds.BLOCKED.means


# -- what was there before


def probe_earlier(examination: Examination) -> Iterator[Finding]:
    """Request one file that the project saved, without keys. One page of a listing, and one GET of a byte."""
    if outside.at_origin(examination) is None or (found := _earlier(examination)) is None:
        return
    key, etag = found
    url = outside.origin_url(examination, key)
    opened = outside.is_open_at_origin(examination)
    answer = examination.web.fetch(str(url), headers={"range": "bytes=0-0"})
    seen = f'"{key}": {answer.seen()}'
    # A page that something else answers has another.
    readable = answer.status in {200, 206} and answer.header("etag").strip('"') == etag.strip('"')
    if not examination.public and readable and not opened:
        yield kinds.EXISTING_READABLE.found(seen, do=remedies.close_one(examination, key))
    elif examination.public and opened and answer.status in {401, 403} and answer.refuses:
        yield kinds.EXISTING_HIDDEN.found(seen, do=remedies.open_one(examination, key))


def _earlier(examination: Examination) -> tuple[str, str] | None:
    """Find a file of the project's: its key and its ETag."""
    try:
        page = examination.call("list_objects_v2", Prefix=examination.location, MaxKeys=50)
    except HoldallError:
        # Keys that are not allowed to list are not a fault, and nothing else leads to a file.
        return None
    ours = examination.key("holdall-doctor-")
    keys = [(entry["Key"], entry["ETag"]) for entry in page.get("Contents", ()) if entry.get("Size", 0)]
    return next(((key, etag) for key, etag in keys if not key.startswith(ours)), None)


# -- listing and writing


def probe_public_listing(examination: Examination) -> Iterator[Finding]:
    """Request the bucket's root without keys. One GET."""
    place = examination.connection.place()
    if place is None:
        return
    answer = outside.ask(examination, place.base)
    if not isinstance(answer, Page):
        yield kinds.ROOT_NOT_LISTED.unknown(str(answer))
        return
    if outside.is_listing(answer):
        yield kinds.ROOT_LISTED.found(answer.seen(), do=remedies.hide_listing(examination, doors.look(examination)))
    elif answer.refuses:
        yield kinds.ROOT_NOT_LISTED.found(answer.seen())
    else:
        yield kinds.ROOT_NOT_LISTED.unknown(answer.seen())


def probe_strangers(examination: Examination) -> Iterator[Finding]:
    """Try to write and delete without keys, under a name of the doctor's own.

    Requests: one PUT, one DELETE, and up to three more to prove what was accepted.
    """
    key = examination.key(examination.name("stranger.txt"))
    if (url := outside.origin_url(examination, key)) is None:
        return
    examination.traces.expect(key)
    written = examination.web.fetch(url, method="PUT", body=_STRANGERS)
    accepted = []
    if written.status < 300 and _reads(examination, key) == _STRANGERS:
        accepted.append(f"PUT without keys: {written.seen()}")
    deleted = examination.web.fetch(url, method="DELETE")
    if deleted.status < 300 and _really_deletes(examination, key, url):
        accepted.append(f"DELETE without keys: {deleted.seen()}")
    seen = f"PUT: {written.seen()}, DELETE: {deleted.status}"
    if accepted:
        yield kinds.ANYBODY_WRITES.found("; ".join(accepted), do=remedies.shut(examination, doors.look(examination)))
    elif written.refuses and deleted.refuses:
        yield kinds.NOBODY_WRITES.found(seen)
    else:
        yield kinds.NOBODY_WRITES.unknown(seen)


_STRANGERS = b"Nobody signed this.\n"


def _reads(examination: Examination, key: str) -> bytes | None:
    """Read what is stored with the keys; None if nothing is."""
    try:
        return examination.read(key)
    except (ObjectNotFound, AccessRefused):
        # Without the right to list, a missing file is refused.
        return None


def _really_deletes(examination: Examination, key: str, url: str) -> bool:
    """Whether a DELETE without keys removes a file that is there: whatever answers may say so without doing it."""
    examination.call("put_object", Key=key, Body=_STRANGERS)
    examination.web.fetch(url, method="DELETE")
    return _reads(examination, key) is None


PROBES = probes(probe_visitors, probe_sisters, probe_limit, probe_earlier, probe_public_listing, probe_strangers)
