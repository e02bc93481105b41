"""The three texts that a browser carries: a field's token, the ticket of an upload, and the accepted ticket.

All are signed, each with a salt of its own, and aged. What they say may be read by whoever carries them; nothing in
them is a secret, and nothing in them can be changed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from django.core import signing

from holdall.uploads.options import options
from holdall.uploads.refusals import UploadRefused

FIELD_SALT = "holdall.uploads.field"
TICKET_SALT = "holdall.uploads.ticket"
ACCEPTED_SALT = "holdall.uploads.accepted"
# Longer ones are nobody's; they are not even decoded.
MOST_CHARACTERS = 8000


@dataclass(frozen=True, kw_only=True)
class FieldToken:
    """What may be uploaded for a field: made when the field is shown, for whom it is shown."""

    # The field: "gallery.Photo.picture" of a model's, with the form behind it; of another form its path and the name.
    field: str
    # The store: an alias of STORAGES, or a model's field whose storage it is.
    store: str
    owner: str
    max_size: int
    max_files: int = 1
    types: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """Permission for one upload."""

    field: str
    store: str
    # Which store that is, wherever the alias leads to elsewhere.
    stamp: str
    owner: str
    # Below the store's own prefix.
    key: str
    name: str
    type: str
    # None where nobody said it (a companion's): at most `max_size` then.
    size: int | None
    max_size: int
    types: tuple[str, ...] = ()
    # Of an upload in parts.
    upload_id: str = ""
    part_size: int = 0
    # "md5:…" or "sha256:…" in base64, as the browser gave it.
    digest: str = ""
    # Which of the user's open uploads it is, and who that is.
    slot: int = 0
    account: str = ""
    # Of an accepted one: what the store has.
    etag: str = ""


_Claim = TypeVar("_Claim", FieldToken, Ticket)


def sign_field(token: FieldToken) -> str:
    """Write a field's token."""
    return _sign(token, FIELD_SALT)


def read_field(text: object) -> FieldToken:
    """Read a field's token.

    Raises:
        UploadRefused: it is none, or too old.
    """
    return _read(text, FIELD_SALT, FieldToken)


def sign_ticket(ticket: Ticket) -> str:
    """Write the ticket of an upload that begins."""
    return _sign(ticket, TICKET_SALT)


def read_ticket(text: object) -> Ticket:
    """Read the ticket of an upload that began.

    Raises:
        UploadRefused: it is none, or too old.
    """
    return _read(text, TICKET_SALT, Ticket)


def sign_accepted(ticket: Ticket, *, size: int, etag: str) -> str:
    """Write the ticket of an upload that was finished, and whose content is known from now on by its ETag."""
    return _sign(replace(ticket, size=size, etag=etag, upload_id="", part_size=0), ACCEPTED_SALT)


def read_accepted(text: object) -> Ticket:
    """Read the ticket of an upload that was finished: the value of a form's field.

    Raises:
        UploadRefused: it is none, or too old.
    """
    return _read(text, ACCEPTED_SALT, Ticket)


def _sign(claim: FieldToken | Ticket, salt: str) -> str:
    # What is as it is read without being said. An empty file's length is said: without one it would be unknown.
    said = {name: value for name, value in asdict(claim).items() if value or (name == "size" and value == 0)}
    # A dot for the separator, so that a ticket can be a part of a path.
    return _signer(salt).sign_object(said, compress=True)


def _read(text: object, salt: str, kind: type[_Claim]) -> _Claim:
    # Ours are ASCII. In JSON there is text that cannot even be encoded, which Django's signer does not expect.
    if not isinstance(text, str) or not text or len(text) > MOST_CHARACTERS or not text.isascii():
        raise UploadRefused("invalid_ticket", "It is not a ticket.")
    try:
        said: dict[str, Any] = _signer(salt).unsign_object(text, max_age=options().lifetime)
    except signing.SignatureExpired as late:
        raise UploadRefused("expired", "The ticket is too old.") from late
    except signing.BadSignature as forged:
        raise UploadRefused("invalid_ticket", "The ticket's signature is not valid.") from forged
    known = {"size": None, "max_size": 0, "name": "", "type": ""} if kind is Ticket else {"max_size": 0}
    return kind(**{**known, **said, "types": tuple(said.get("types", ()))})


def _signer(salt: str) -> signing.TimestampSigner:
    # The algorithm is said, because Django's own choice has changed and will change.
    return signing.TimestampSigner(salt=salt, sep=".", algorithm="sha256")
