"""Layer `intent`: private never leaks, public is really readable, and nobody else lists or writes."""

from __future__ import annotations

from collections.abc import Iterator

from holdall.doctor import doors, outside, remedies
from holdall.doctor.doors import Doors
from holdall.doctor.examination import Examination, probes
from holdall.doctor.web import Page, WebFailed
from holdall.errors import HoldallError
from holdall.findings import Cause, Finding, Kind, Level

NOT_READABLE = Kind(
    "D600",
    Level.OK,
    "Visitors cannot read private files",
    "A file was saved and asked for without keys; it was refused.",
)
PRIVATE_READABLE = Kind(
    "D601",
    Level.ERROR,
    "Anybody can read private files",
    "The files are declared private, but whoever has or guesses an address reads them: nothing asks for a signature.",
    failures=("K1",),
)
EXISTING_READABLE = Kind(
    "D602",
    Level.ERROR,
    "Anybody can read files that were saved earlier",
    "New files are private, but this older one is not: it was saved with a public ACL, which stays with the object.",
    failures=("K1",),
)
DOMAIN_OPEN = Kind(
    "D603",
    Level.ERROR,
    "Anybody can read private files through the CDN",
    "The bucket refuses visitors, but the CDN may read it and asks them for no signature.",
    "CloudFront: restrict viewer access in the behaviour, with the key group that `AWS_CLOUDFRONT_KEY_ID` belongs to.",
    ("K1",),
)
READABLE = Kind("D604", Level.OK, "Visitors can read public files", "A file was saved and read without keys.")
NOT_PUBLIC = Kind(
    "D605",
    Level.ERROR,
    "Visitors cannot read public files",
    "A file is private unless its ACL, a bucket policy or the CDN's right to read says otherwise; it does not inherit "
    "from the bucket's ACL, nor from a public listing.",
    failures=("D3",),
)
ACL_IGNORED = Kind(
    "D606",
    Level.ERROR,
    "The store takes the ACL and does not heed it",
    'Files are sent with the ACL "public-read", which this store accepts and ignores: visitors are refused.',
    failures=("D4",),
)
BLOCKED = Kind(
    "D607",
    Level.ERROR,
    "Block Public Access keeps visitors out",
    "Its switches outweigh policies and ACLs: a public policy is refused, or is there without effect.",
    failures=("D5",),
)
SIGNED_ALTHOUGH_PUBLIC = Kind(
    "D608",
    Level.WARNING,
    "Links are signed although everybody may read the files",
    "The signature protects nothing, but ends: links in mails, feeds and stored pages break after an hour, no cache "
    "keeps them, and they show the key's id.",
    "If the files are meant to be public: querystring_auth=False (AWS_QUERYSTRING_AUTH), or STORAGE_MAKE_FILES_PUBLIC=true.",
    ("F4",),
)
EXISTING_HIDDEN = Kind(
    "D609",
    Level.NOTICE,
    "A file that was saved earlier cannot be read by visitors",
    "New files are public, but this older one is not: it was saved without the ACL, or is not meant for visitors.",
    failures=("D3",),
)
ROOT_LISTED = Kind(
    "D610",
    Level.ERROR,
    "Anybody can list the bucket",
    "The bucket's root shows the names, sizes and times of all files, the private ones among them.",
    failures=("K3",),
)
ROOT_NOT_LISTED = Kind("D611", Level.OK, "Visitors cannot list the bucket", "The root was asked for without keys.")
ANYBODY_WRITES = Kind(
    "D612",
    Level.ERROR,
    "Anybody can write into the bucket",
    "Strangers can place files under your name, replace and delete yours.",
)
NOBODY_WRITES = Kind("D613", Level.OK, "Visitors cannot write", "A PUT and a DELETE without keys were refused.")


def probe_visitors(examination: Examination) -> Iterator[Finding]:
    """Ask for the sample without keys. One GET and one HEAD; a few more to learn why, where the intent is not met."""
    answer = outside.at_origin(examination)
    if answer is None or examination.sample is None:
        return
    if examination.public:
        yield from _public(examination)
    elif isinstance(answer, Page):
        yield from _private(examination, answer)


# -- private


def _private(examination: Examination, answer: Page) -> Iterator[Finding]:
    assert examination.sample is not None  # noqa: S101  for the type checker
    opened = outside.is_open_at_origin(examination) or answer.status in {200, 206}
    if opened and getattr(examination.storage, "public", None) is None:
        # Nobody has declared these files private: signing is django-storages' default.
        yield SIGNED_ALTHOUGH_PUBLIC.found(
            answer.seen(), otherwise=[Cause(PRIVATE_READABLE.means, remedies.close(examination))]
        )
        return
    if opened:
        yield PRIVATE_READABLE.found(f"GET without keys: {answer.seen()}", do=remedies.close(examination))
        return
    head = examination.web.fetch(answer.url, method="HEAD")
    if head.status == 200:
        yield PRIVATE_READABLE.found(f"HEAD without keys: {head.seen()}", do=remedies.close(examination))
        return
    link = outside.link_to(examination, examination.sample)
    through = outside.ask(examination, outside.bare(link)) if outside.domain(examination) and link else None
    # Where nobody has declared anything and no link is signed, the files may well be meant for all.
    meant = getattr(examination.storage, "public", None) is False or outside.is_signed(link)
    if through and meant and outside.shows(through, examination.sample):
        assert isinstance(through, Page)  # noqa: S101  for the type checker
        yield DOMAIN_OPEN.found(f"GET without keys and signature: {through.seen()}")
    elif 400 <= answer.status < 500:
        yield NOT_READABLE.found(f"GET: {answer.seen()}, HEAD: {head.status}")
    else:
        yield NOT_READABLE.unknown(answer.seen())


# -- public


def _public(examination: Examination) -> Iterator[Finding]:
    assert examination.sample is not None  # noqa: S101  for the type checker
    origin = outside.at_origin(examination)
    through = outside.at_domain(examination)
    link = outside.link_to(examination, examination.sample)
    if outside.is_open_at_origin(examination) and outside.is_signed(link):
        yield SIGNED_ALTHOUGH_PUBLIC.found(f"{_said(origin)}, and links carry a signature")
    elif outside.is_open_at_origin(examination):
        yield READABLE.found(_said(origin))
    elif outside.shows(through, examination.sample):
        yield READABLE.found(f"{_said(through)}; the bucket itself refuses visitors, as it may")
    elif is_hidden(examination):
        yield _why_hidden(examination, f"{_said(origin)}{f'; {_said(through)}' if through else ''}")


def is_hidden(examination: Examination) -> bool:
    """Say whether nobody may read: neither at the bucket nor at the domain, under whatever path.

    Where the domain fails in another way, the layer `cdn` tells it.
    """
    origin, through = outside.at_origin(examination), outside.at_domain(examination)
    if not isinstance(origin, Page) or outside.is_open_at_origin(examination) or not examination.public:
        return False
    if not outside.domain(examination):
        return True
    refused = isinstance(through, Page) and through.status in outside.REFUSALS
    return refused and outside.variant(examination) is None


def _said(answer: Page | WebFailed | None) -> str:
    return answer.seen() if isinstance(answer, Page) else f"no answer ({answer})"


def _why_hidden(examination: Examination, seen: str) -> Finding:
    found = doors.look(examination)
    acl, provider = outside.acl_of(examination), examination.provider
    switches = ", ".join(sorted(found.blocks or ()))
    unblock = remedies.unblock(examination, has_policy=bool(found.has_public_policy))
    if found.blocks and (found.has_public_policy or provider.id != "amazon" or not outside.domain(examination)):
        return BLOCKED.found(f"{seen}; on are: {switches}", means=_inert(found), do=unblock)
    if acl.startswith("public"):
        return ACL_IGNORED.found(f'{seen}; files are sent with "{acl}"', do=remedies.publish(examination))
    otherwise = []
    if found.blocks:
        otherwise = [Cause(f"{BLOCKED.means} On are: {switches}.", unblock)]
    elif found.blocks is None and provider.id in {"amazon", "generic"}:
        what = f"Block Public Access may keep visitors out; it could not be told ({found.refusal})."
        otherwise = [Cause(what, "Ask for s3:GetBucketPublicAccessBlock, or look in the console.")]
    return NOT_PUBLIC.found(seen, do=remedies.publish(examination), otherwise=otherwise)


def _inert(found: Doors) -> str:
    blocks = found.blocks or frozenset()
    if found.has_public_policy and "RestrictPublicBuckets" in blocks:
        return "The bucket's policy is public, and the switch `RestrictPublicBuckets` takes its effect away."
    if found.has_public_acl and "IgnorePublicAcls" in blocks:
        return "Public ACLs are there, and the switch `IgnorePublicAcls` takes their effect away."
    if "BlockPublicPolicy" in blocks:
        return "No public policy is there, and the switch `BlockPublicPolicy` would refuse one."
    return BLOCKED.means


# -- what was there before


def probe_earlier(examination: Examination) -> Iterator[Finding]:
    """Ask for one file that the project saved, without keys. One page of a listing, and one GET of a byte."""
    if outside.at_origin(examination) is None or (key := _earlier(examination)) is None:
        return
    url = outside.origin_url(examination, key)
    opened = outside.is_open_at_origin(examination)
    answer = examination.web.fetch(str(url), headers={"range": "bytes=0-0"})
    seen = f'"{key}": {answer.seen()}'
    readable = answer.status in {200, 206}
    if not examination.public and readable and not opened:
        yield EXISTING_READABLE.found(
            seen, do=remedies.aws(examination, "put-object-acl", "--key", key, "--acl", "private")
        )
    elif examination.public and opened and answer.status in {401, 403}:
        yield EXISTING_HIDDEN.found(seen, do=remedies.publish(examination))


def _earlier(examination: Examination) -> str | None:
    try:
        page = examination.call("list_objects_v2", Prefix=examination.location, MaxKeys=50)
    except HoldallError:
        # Keys that may not list are no fault, and there is nothing else to find a file by.
        return None
    ours = examination.key("holdall-doctor-")
    keys = [entry["Key"] for entry in page.get("Contents", ()) if entry.get("Size", 0)]
    return next((key for key in keys if not key.startswith(ours)), None)


# -- listing and writing


def probe_public_listing(examination: Examination) -> Iterator[Finding]:
    """Ask for the bucket's root without keys. One GET."""
    place = examination.connection.place()
    if place is None:
        return
    answer = outside.ask(examination, place.base)
    if not isinstance(answer, Page):
        return
    if is_listing(answer):
        yield ROOT_LISTED.found(answer.seen(), do=remedies.hide_listing(examination))
    else:
        yield ROOT_NOT_LISTED.found(answer.seen())


def is_listing(answer: Page | WebFailed) -> bool:
    return isinstance(answer, Page) and answer.status == 200 and b"<ListBucketResult" in answer.body


def probe_strangers(examination: Examination) -> Iterator[Finding]:
    """Try to write and to delete without keys, under a name of the doctor's own. One PUT, one DELETE."""
    key = examination.key(examination.name("stranger.txt"))
    if (url := outside.origin_url(examination, key)) is None:
        return
    examination.note(key)
    written = examination.web.fetch(url, method="PUT", body=b"Nobody signed this.\n")
    deleted = examination.web.fetch(url, method="DELETE")
    accepted = [
        f"{verb} without keys: {answer.seen()}"
        for verb, answer in (("PUT", written), ("DELETE", deleted))
        if answer.status < 300
    ]
    if accepted:
        yield ANYBODY_WRITES.found("; ".join(accepted), do=remedies.shut(examination))
    else:
        yield NOBODY_WRITES.found(f"PUT: {written.seen()}, DELETE: {deleted.status}")


PROBES = probes(probe_visitors, probe_earlier, probe_public_listing, probe_strangers)
