"""One upload from its beginning to its accepted ticket. Views call these; each says what it asks of the store."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.core import signing

from holdall.errors import HoldallError, ObjectNotFound
from holdall.s3.ranges import MAX_PARTS
from holdall.s3.smuggling import Unsigned
from holdall.s3.staging import Part, Permit, Staging, new_key
from holdall.uploads import limits, tickets
from holdall.uploads.options import MIB, options
from holdall.uploads.owners import is_known, is_owner
from holdall.uploads.refusals import UploadRefused
from holdall.uploads.stores import resolve, staging_of, stamp_of
from holdall.uploads.tickets import FieldToken, Ticket

# As many links as fit well into one answer: 1.6 GB of parts of 16 MiB.
LINKS_AT_ONCE = 100
_GONE = frozenset({"NoSuchUpload", "NoSuchKey", "404"})
_BAD_PARTS = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML"})
_ETAG = re.compile(r'"?[0-9A-Za-z+/=_-]{1,128}"?').fullmatch


def permitted(request: Any, field: Any) -> None:
    """Ask whether this request may upload for a field at all.

    Raises:
        UploadRefused: it may not.
    """
    if not is_known(request) or not options().permission(request, field):
        raise UploadRefused("forbidden", "The project's permission says no.")


def field_of(request: Any, text: object) -> FieldToken:
    """Read a field's token for whoever asks.

    Raises:
        UploadRefused: it is not valid, not his, or he may not upload.
    """
    token = tickets.read_field(text)
    permitted(request, token)
    _check_owner(request, token.owner)
    return token


def sized_ticket(request: Any, text: object) -> tuple[Ticket, Staging]:
    """Read the ticket of an upload of which it is known how long it is, for whoever asks, and give its staging area.

    Raises:
        UploadRefused: it is not valid, not his, of another store, or he may not upload.
    """
    ticket = tickets.read_ticket(text)
    # The attack: a ticket of Uppy's endpoints, in which nobody said how long the file is, at those that go by it.
    if ticket.size is None:
        raise _of_other_endpoints()
    return _admitted(request, ticket)


def unsized_ticket(request: Any, text: object) -> tuple[Ticket, Staging]:
    """Read the ticket of an upload that is as long as it will be. Raises: as `sized_ticket`."""
    ticket = tickets.read_ticket(text)
    if ticket.size is not None:
        raise _of_other_endpoints()
    return _admitted(request, ticket)


def _of_other_endpoints() -> UploadRefused:
    return UploadRefused("invalid_ticket", "The ticket is for other endpoints.")


def _admitted(request: Any, ticket: Ticket) -> tuple[Ticket, Staging]:
    permitted(request, ticket)
    _check_owner(request, ticket.owner)
    return ticket, place_of(ticket)


def place_of(ticket: Ticket) -> Staging:
    """Give the staging area that a ticket is for.

    Raises:
        UploadRefused: the store is another one here.
    """
    storage = resolve(ticket.store)
    # The accident: a fork has the signing key of its original, and so its tickets' signatures.
    if ticket.stamp != stamp_of(storage):
        raise UploadRefused("other_store", "The ticket is for another environment's store.")
    return staging_of(storage)


def _check_owner(request: Any, owner: str) -> None:
    if not is_owner(request, owner):
        raise UploadRefused("not_yours", "It was made for another user or session.")


def begin(
    token: FieldToken, account: str, *, name: object, size: object, content_type: object, digest: str = ""
) -> dict[str, Any]:
    """Begin an upload and give what the browser needs to send it.

    Requests: none for a file that is sent at once; one for one that is sent in parts.

    Raises:
        UploadRefused: the field does not take it, or too many uploads are open.
    """
    size_bytes = limits.check_size(size, token.max_size)
    if size_bytes >= options().parts_from:
        # The attack: a digest that the server has to read gigabytes for, each time that it is asked to finish.
        digest = ""
    ticket, staging = issue(token, account, name=name, content_type=content_type, size_bytes=size_bytes, digest=digest)
    try:
        if size_bytes < options().parts_from or staging.unsigned() is Unsigned.OBEYED:
            permit = _permit(staging, ticket)
            return {"ticket": tickets.sign_ticket(ticket), "method": permit.method, **_as_json(permit)}
        return _begin_parts(staging, ticket, size_bytes)
    except BaseException:
        limits.free_slot(account, ticket.slot, ticket.key)
        raise


def issue(
    token: FieldToken, account: str, *, name: object, content_type: object, size_bytes: int | None, digest: str = ""
) -> tuple[Ticket, Staging]:
    """Make the ticket of an upload, which takes one of the account's places, and give its staging area. Requests: none.

    Raises:
        UploadRefused: the field does not take it, or too many uploads are open.
    """
    known = limits.clean_name(name)
    kind = limits.check_type(known, content_type, token.types)
    storage = resolve(token.store)
    staging, stamp, key = staging_of(storage), stamp_of(storage), new_key()
    ticket = Ticket(
        field=token.field,
        store=token.store,
        stamp=stamp,
        owner=token.owner,
        key=key,
        name=known,
        type=kind,
        size=size_bytes,
        max_size=token.max_size,
        types=token.types,
        digest=digest,
        # Last: nothing after it can fail and keep the place.
        slot=limits.take_slot(account, key),
        account=account,
    )
    return ticket, staging


def _begin_parts(staging: Staging, ticket: Ticket, size_bytes: int) -> dict[str, Any]:
    part_size = part_size_of(size_bytes)
    upload_id = staging.begin(ticket.key, content_type=limits.staged_type(ticket.name))
    # A digest of the whole cannot be compared by a store that gets parts.
    ticket = replace(ticket, upload_id=upload_id, part_size=part_size, digest="")
    first = range(1, min(LINKS_AT_ONCE, -(-size_bytes // part_size)) + 1)
    return {"ticket": tickets.sign_ticket(ticket), "part_size": part_size, **_sign_parts(staging, ticket, first)}


def part_size_of(size_bytes: int) -> int:
    """Give how long the parts of a file are: at least what is set, and no more of them than S3 takes. Whole MiB."""
    least = -(-size_bytes // MAX_PARTS)
    return max(options().part_size, -(-least // MIB) * MIB)


def sign(staging: Staging, ticket: Ticket, numbers: object = None) -> dict[str, Any]:
    """Give fresh links for an upload that began. Requests: none.

    Raises:
        UploadRefused: it has no such parts.
    """
    if not ticket.upload_id:
        return _as_json(_permit(staging, ticket))
    if not isinstance(numbers, list) or not 0 < len(numbers) <= LINKS_AT_ONCE:
        raise UploadRefused("malformed", f"`parts` is a list of at most {LINKS_AT_ONCE} numbers.")
    most = -(-int(ticket.size or 0) // ticket.part_size)
    if not all(type(number) is int and 1 <= number <= most for number in numbers):
        raise UploadRefused("bad_parts", f"The upload has parts 1 to {most}.")
    return _sign_parts(staging, ticket, numbers)


def _sign_parts(staging: Staging, ticket: Ticket, numbers: Iterable[int]) -> dict[str, Any]:
    size_bytes, part_size = int(ticket.size or 0), ticket.part_size
    seconds = options().link_lifetime
    permits = {
        number: staging.part_permit(
            ticket.key,
            ticket.upload_id,
            number,
            size_bytes=min(part_size, size_bytes - (number - 1) * part_size),
            seconds=seconds,
        )
        for number in numbers
    }
    ends = min(one.expires for one in permits.values())
    return {
        "parts": [{"number": number, "url": one.url} for number, one in permits.items()],
        "expires": ends.isoformat(),
    }


def _permit(staging: Staging, ticket: Ticket) -> Permit:
    kind, _, value = ticket.digest.partition(":")
    header = {"md5": "content-md5", "sha256": "x-amz-checksum-sha256"}.get(kind)
    return staging.permit(
        ticket.key,
        size_bytes=int(ticket.size or 0),
        content_type=limits.staged_type(ticket.name),
        digest={header: value} if header else {},
        seconds=options().link_lifetime,
    )


def _as_json(permit: Permit) -> dict[str, Any]:
    said: dict[str, Any] = {"url": permit.url, "headers": permit.headers, "expires": permit.expires.isoformat()}
    return {**said, "fields": permit.fields} if permit.fields else said


def parts(staging: Staging, ticket: Ticket) -> list[Part]:
    """Give the parts that have arrived. One request for each 1,000.

    Raises:
        UploadRefused: the upload is over.
    """
    if not ticket.upload_id:
        raise UploadRefused("malformed", "The upload is not in parts.")
    try:
        return staging.parts(ticket.key, ticket.upload_id)
    except HoldallError as failure:
        if failure.code in _GONE:
            raise UploadRefused("gone", "The store knows no such upload.") from failure
        raise


def finish(staging: Staging, ticket: Ticket, named: object = None) -> dict[str, Any]:
    """Make sure that all has arrived, and give the accepted ticket: the value of the form's field.

    Requests: one HEAD; before it, of an upload in parts, one that lists them and one that completes it.

    Raises:
        UploadRefused: it has not arrived, or is not what was said.
    """
    if ticket.upload_id:
        _complete(staging, ticket, named)
    try:
        size, etag = staging.look(ticket.key)
    except ObjectNotFound as missing:
        if staging.is_spent(ticket.key):
            raise UploadRefused("spent", "The upload has become a file.") from missing
        raise UploadRefused("not_uploaded", "The store has no such object.") from missing
    check_arrived(ticket, size, etag)
    _check_digest(staging, ticket, etag)
    return {
        "ticket": tickets.sign_accepted(ticket, size=size, etag=etag),
        "name": ticket.name,
        "size": size,
        "type": ticket.type,
    }


def check_arrived(ticket: Ticket, size: int, etag: str) -> None:
    """Compare what the store has with what a ticket says.

    Raises:
        UploadRefused: it is not that.
    """
    if size > ticket.max_size:
        raise UploadRefused("too_large", f"{size} bytes arrived, and {ticket.max_size} are allowed.")
    if ticket.size is not None and size != ticket.size:
        raise UploadRefused("size_differs", f"{size} bytes arrived, and {ticket.size} were said.")
    if ticket.etag and etag != ticket.etag:
        raise UploadRefused("changed", "The object is not the one that was finished.")


def _check_digest(staging: Staging, ticket: Ticket, etag: str) -> None:
    """Compare the content with the digest that the browser said, by what the store says of it where it does.

    Requests: none for an MD5 that is the ETag; one HEAD for a SHA-256 that the store keeps; else the object is read, which
    is no longer than what is sent at once.

    Raises:
        UploadRefused: they differ.
    """
    kind, _, value = ticket.digest.partition(":")
    if not kind or ticket.upload_id:
        return
    told = etag.strip('"').lower()
    if kind == "md5" and told == base64.b64decode(value).hex():
        return
    said = staging.checksum(ticket.key) if kind == "sha256" else None
    if said is None:
        said = base64.b64encode(staging.digest(ticket.key, kind)).decode()
    if said != value:
        raise UploadRefused("changed", "The content is not that of the digest.")


def _complete(staging: Staging, ticket: Ticket, named: object) -> None:
    try:
        there = {one.number: one for one in staging.parts(ticket.key, ticket.upload_id)}
    except HoldallError as failure:
        if failure.code in _GONE:
            # It was completed by a request whose answer was lost: the look that follows tells.
            return
        raise
    chosen = check_parts(ticket, there, named)
    try:
        staging.complete(ticket.key, ticket.upload_id, chosen)
    except HoldallError as failure:
        if failure.code in _BAD_PARTS:
            raise UploadRefused("bad_parts", "The store has not all of these parts.") from failure
        if failure.code not in _GONE:
            raise


def check_parts(ticket: Ticket, there: Mapping[int, Part], named: object) -> list[tuple[int, str]]:
    """Compare the parts that a browser names with those that the store has, and both with what the ticket says.

    Raises:
        UploadRefused: one is missing, another one, or longer or shorter than it may be.
    """
    if named is not None:
        for number, etag in read_parts(named):
            if number not in there or there[number].etag.strip('"') != etag.strip('"'):
                raise UploadRefused("bad_parts", f"Part {number} is not what the store has.")
    total = sum(one.size_bytes for one in there.values())
    if total > ticket.max_size:
        raise UploadRefused("too_large", f"{total} bytes arrived, and {ticket.max_size} are allowed.")
    if ticket.size is not None:
        count = -(-ticket.size // ticket.part_size)
        if sorted(there) != list(range(1, count + 1)):
            raise UploadRefused("bad_parts", f"{len(there)} of {count} parts have arrived.")
        if total != ticket.size:
            raise UploadRefused("size_differs", f"{total} bytes arrived, and {ticket.size} were said.")
    elif sorted(there) != list(range(1, len(there) + 1)) or not there:
        raise UploadRefused("bad_parts", "Parts are missing.")
    return [(number, there[number].etag) for number in sorted(there)]


def read_parts(named: object, *, number: str = "number", etag: str = "etag") -> Sequence[tuple[int, str]]:
    """Read a list of parts as a browser names them.

    Raises:
        UploadRefused: it is none.
    """
    if not isinstance(named, list) or not 0 < len(named) <= MAX_PARTS:
        raise UploadRefused("malformed", "`parts` is not a list of parts.")
    found = []
    for one in named:
        if not isinstance(one, dict) or type(one.get(number)) is not int or not isinstance(one.get(etag), str):
            raise UploadRefused("malformed", "A part has a number and an ETag.")
        if not _ETAG(one[etag]):
            raise UploadRefused("malformed", "An ETag is not one.")
        found.append((one[number], one[etag]))
    return found


def cancel(staging: Staging, ticket: Ticket) -> None:
    """Cancel an upload, and take away what has arrived. One request, and one more for one in parts.

    Its link works on for an hour. Where the store writes over nothing an empty object takes the place of the file; where
    it does, the upload counts as open as long as its link works.
    """
    if ticket.upload_id:
        staging.abort(ticket.key, ticket.upload_id)
        staging.remove(ticket.key)
    elif not staging.shut(ticket.key):
        # The attack: begin, cancel, and send all the same, again and again.
        limits.keep_slot(ticket.account, ticket.slot, ticket.key, seconds=options().link_lifetime)
        return
    limits.free_slot(ticket.account, ticket.slot, ticket.key)


def read_digest(given: Mapping[str, Any]) -> str:
    """Read the digest that a browser says, in hexadecimal or base64.

    Raises:
        UploadRefused: it is none.
    """
    for kind, length in (("sha256", 32), ("md5", 16)):
        said = given.get(kind)
        if said in (None, ""):
            continue
        try:
            raw = bytes.fromhex(said) if len(said) == 2 * length else base64.b64decode(said, validate=True)
        except (TypeError, ValueError, binascii.Error) as error:
            raise UploadRefused("malformed", f"`{kind}` is not a digest.") from error
        if len(raw) != length:
            raise UploadRefused("malformed", f"`{kind}` is not a digest.")
        return f"{kind}:{base64.b64encode(raw).decode()}"
    return ""


def either_ticket(text: object) -> Ticket:
    """Read a ticket that may be accepted already: what can be cancelled.

    Raises:
        UploadRefused: it is none.
    """
    try:
        return tickets.read_ticket(text)
    except UploadRefused as refused:
        if isinstance(refused.__cause__, signing.SignatureExpired):
            raise
        return tickets.read_accepted(text)
