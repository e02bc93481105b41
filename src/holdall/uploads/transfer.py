"""One upload from its beginning to its accepted ticket. Views call these; each says what it asks of the store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from holdall.errors import HoldallError, ObjectNotFound
from holdall.s3.ranges import MAX_PARTS
from holdall.s3.smuggling import Unsigned
from holdall.s3.staging import Part, Permit, Staging, new_key
from holdall.uploads import digests, limits, tickets
from holdall.uploads.options import MIB, options
from holdall.uploads.refusals import UploadRefused
from holdall.uploads.stores import resolve, staging_of, stamp_of
from holdall.uploads.tickets import FieldToken, Ticket

# As many links as fit well into one answer: 1.6 GB of parts of 16 MiB.
LINKS_AT_ONCE = 100
_GONE = frozenset({"NoSuchUpload", "NoSuchKey", "404"})
_BAD_PARTS = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML"})
_ETAG = re.compile(r'"?[0-9A-Za-z+/=_-]{1,128}"?').fullmatch


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
    return staging.permit(
        ticket.key,
        size_bytes=int(ticket.size or 0),
        content_type=limits.staged_type(ticket.name),
        digest=digests.headers(ticket.digest),
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
    digests.check(staging, ticket, etag)
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
