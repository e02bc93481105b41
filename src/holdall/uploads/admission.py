"""Who can go on with an upload: tokens and tickets, read for the request that brings them."""

from __future__ import annotations

from typing import Any

from holdall.s3.staging import Staging
from holdall.uploads import tickets
from holdall.uploads.options import options
from holdall.uploads.owners import is_known, is_owner
from holdall.uploads.refusals import UploadRefused
from holdall.uploads.stores import resolve, staging_of, stamp_of
from holdall.uploads.tickets import FieldToken, Ticket


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
    check_owner(request, token.owner)
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
    check_owner(request, ticket.owner)
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


def check_owner(request: Any, owner: str) -> None:
    """Make sure that a text is brought by whom it was made for.

    Raises:
        UploadRefused: it was made for somebody else.
    """
    if not is_owner(request, owner):
        raise UploadRefused("not_yours", "It was made for another user or session.")
