"""What a field of a form is to the endpoints: its name, its limits, its store, and for whom it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.core.files.storage import storages
from django.urls import NoReverseMatch, reverse

from holdall.uploads import admission, tickets
from holdall.uploads.files import StagedFile, opened
from holdall.uploads.options import options
from holdall.uploads.owners import current_request, owner_of
from holdall.uploads.refusals import UploadRefused
from holdall.uploads.stores import media_storage, reference_of, stamp_of
from holdall.uploads.tickets import FieldToken, Ticket


@dataclass(frozen=True, kw_only=True)
class Place:
    """A field, as its tickets name it."""

    id: str
    # Where its files are saved.
    storage: Any
    model_field: Any = None
    max_size: int = 0
    max_files: int = 1
    types: tuple[str, ...] = ()
    # `permission(request)` of this field alone.
    permission: Callable[[Any], bool] | None = None

    def token(self, request: Any) -> FieldToken:
        """Make the token by which uploads for this field begin. Requests: none.

        Raises:
            UploadRefused: whoever asks may not upload, or the store takes no direct uploads.
        """
        if media_storage(self.storage) is None:
            raise UploadRefused("other_store", "The store takes no direct uploads.")
        token = FieldToken(
            field=self.id,
            store=reference_of(self.storage, self.model_field),
            owner="",
            max_size=self.max_size or options().max_size,
            max_files=self.max_files,
            types=self.types,
        )
        made = replace(token, owner=owner_of(request, make_session=options().permission(request, token)))
        admission.permitted(request, made)
        if self.permission is not None and not self.permission(request):
            raise UploadRefused("forbidden", "The field's permission says no.")
        return made

    def open(self, request: Any, text: str) -> StagedFile:
        """Open the upload that a posted value stands for, if it is this field's and of whoever posts it. One GET.

        Raises:
            UploadRefused: it is not, or it is not what the field takes.
        """
        ticket = accepted(text)
        if request is None:
            raise UploadRefused("not_yours", "Nobody knows whose request this is; see `holdall.uploads.middleware`.")
        admission.check_owner(request, ticket.owner)
        if ticket.field != self.id:
            raise UploadRefused("other_field", "It was made for another field.")
        storage = media_storage(self.storage)
        if storage is None:
            raise UploadRefused("other_store", "The store takes no direct uploads.")
        if ticket.store != reference_of(self.storage, self.model_field):
            raise UploadRefused("other_store", "It was made for another store.")
        if ticket.stamp != stamp_of(storage):
            raise UploadRefused("other_store", "It was made for another environment's store.")
        if self.permission is not None and not self.permission(request):
            raise UploadRefused("forbidden", "The field's permission says no.")
        admission.permitted(request, ticket)
        # What the field takes now, which may be less than when the ticket was made.
        return opened(replace(ticket, max_size=min(ticket.max_size, self.max_size or ticket.max_size)), text)


def accepted(text: str) -> Ticket:
    """Read the value of a form's field: an accepted ticket, or the key that a companion's upload has.

    Raises:
        UploadRefused: it is neither.
    """
    from holdall.uploads.companion import ticket_of_key

    return ticket_of_key(text) or tickets.read_accepted(text)


def offer_of(place: Place, request: Any) -> dict[str, Any] | None:
    """Give what the widget says to its script; None where files go through the server. Requests: none."""
    if request is None:
        return None
    try:
        token = place.token(request)
        url = root_url()
    except (UploadRefused, NoReverseMatch):
        return None
    return {
        "upload": tickets.sign_field(token),
        "url": url,
        "max-size": token.max_size,
        "max-files": token.max_files,
        "types": ",".join(token.types),
    }


def root_url() -> str:
    """Give the address below which the endpoints are, with a slash at its end.

    Raises:
        NoReverseMatch: the URLs are not included.
    """
    return reverse("holdall_uploads:begin").removesuffix("begin")


def place_in(form: Any, name: str, **limits: Any) -> Place:
    """Say which field it is that a form calls `name`."""
    return _place(type(form), getattr(getattr(form, "_meta", None), "model", None), name, name, limits)


def place_of_serializer(serializer: Any, name: str, **limits: Any) -> Place:
    """Say which field it is that a serializer calls `name`."""
    kind = type(serializer)
    source = serializer.fields[name].source
    return _place(kind, getattr(getattr(kind, "Meta", None), "model", None), name, source, limits)


def _place(kind: type, model: Any, name: str, source: str, limits: dict[str, Any]) -> Place:
    path = f"{kind.__module__}.{kind.__qualname__}"
    model_field = _file_field(model, source)
    storage = limits.pop("storage", None)
    if model_field is None:
        chosen = storages[options().storage] if storage is None else _storage(storage)
        return Place(id=f"{path}:{name}", storage=chosen, **limits)
    if storage is None:
        storage = model_field.storage
    return Place(
        id=f"{model_field.model._meta.label}.{name}@{path}",
        storage=_storage(storage),
        model_field=model_field,
        **limits,
    )


def _storage(given: Any) -> Any:
    return storages[given] if isinstance(given, str) else given


def _file_field(model: Any, name: str) -> Any:
    if model is None:
        return None
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if hasattr(field, "storage") else None


def request_of(*known: Any) -> Any:
    """Give the request that is being answered: the first that is known, else the middleware's."""
    return next((one for one in known if one is not None), None) or current_request()


def as_types(given: Iterable[str]) -> tuple[str, ...]:
    """Write a list of types as the tokens have it."""
    return tuple(dict.fromkeys(one.strip().lower() for one in given if one.strip()))
