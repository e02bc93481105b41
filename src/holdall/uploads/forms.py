"""Fields of forms whose files go straight to the store.

class PhotoForm(DirectUploads, forms.ModelForm):      # every file field of the form

class LetterForm(forms.Form):
    letter = UploadField(types=[".pdf"], max_size=20 * 1024 * 1024)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from functools import cache
from typing import Any, ClassVar, cast

from django import forms
from django.core.exceptions import ValidationError
from django.db.models.fields.files import FieldFile
from django.forms.boundfield import BoundField
from django.forms.widgets import FILE_INPUT_CONTRADICTION
from django.utils.translation import gettext_lazy as _

from holdall.errors import HoldallError
from holdall.uploads import inspection
from holdall.uploads.fields import Place, as_types, offer_of, place_in, request_of
from holdall.uploads.files import StagedFile
from holdall.uploads.refusals import UploadRefused
from holdall.uploads.widgets import UploadWidget

IMAGES = ("image/*",)


class TakesUploads(forms.FileField):
    """What a file field has of direct uploads; mixed in before a class of Django's or of a package's."""

    widget = UploadWidget
    default_types: tuple[str, ...] = ()
    # Set where the form, or the admin, knows whose request it is; else the middleware's counts.
    request: Any = None
    place: Place | None = None
    default_error_messages: ClassVar[dict[str, Any]] = {
        "too_large": _("The file is too large."),
        "too_many_files": _("Choose at most %(count)d files."),
    }

    def __init__(
        self,
        *,
        max_size: int | None = None,
        types: Iterable[str] | None = None,
        multiple: bool = False,
        max_files: int | None = None,
        storage: Any = None,
        permission: Callable[[Any], bool] | None = None,
        **options: Any,
    ) -> None:
        self.max_size, self.multiple, self.storage, self.permission = max_size, multiple, storage, permission
        self.types = self.default_types if types is None else as_types(types)
        self.max_files = max_files or (20 if multiple else 1)
        super().__init__(**options)
        shown: Any = self.widget
        if multiple and isinstance(shown, UploadWidget):
            shown.several()

    def widget_attrs(self, widget: Any) -> dict[str, Any]:
        attrs = super().widget_attrs(widget)
        if self.types and "accept" not in widget.attrs:
            attrs["accept"] = ",".join(self.types)
        return attrs

    def get_bound_field(self, form: Any, field_name: str) -> BoundField:
        # A field does not know of which form it is, until it is asked for what is shown or cleaned.
        self.place = place_in(
            form,
            field_name,
            storage=self.storage,
            max_size=self.max_size or 0,
            max_files=self.max_files,
            types=self.types,
            permission=self.permission,
        )
        if self.request is None:
            self.request = getattr(form, "request", None)
        return _BoundUpload(form, self, field_name)

    def bound_data(self, data: Any, initial: Any) -> Any:
        # A file that was chosen cannot be shown again, and a ticket can.
        given = data if isinstance(data, list | tuple) else [data]
        carried = [one for one in given if isinstance(one, str) and one]
        return carried or super().bound_data(data, initial)

    @property
    def offer(self) -> dict[str, Any] | None:
        """What the widget says to its script; None where files go through the server, or nowhere."""
        return None if self.place is None or self.disabled else offer_of(self.place, request_of(self.request))

    # -- cleaning

    def clean(self, data: Any, initial: Any = None) -> Any:
        if not self.multiple:
            return super().clean(data, initial)
        given = data if isinstance(data, list | tuple) else [data]
        if len(given) > self.max_files:
            raise ValidationError(
                self.error_messages["too_many_files"], code="too_many_files", params={"count": self.max_files}
            )
        # The attack, or a double click: one upload named twice, which can become only one file.
        given = [one for at, one in enumerate(given) if not isinstance(one, str) or one not in given[:at]]
        # Nothing at all is cleaned too: a field that is required says so.
        cleaned = [super(TakesUploads, self).clean(one, initial) for one in given or [None]]
        # What was chosen to be cleared is no file either: Django says False of it.
        return [one for one in cleaned if one is not False and one not in self.empty_values]

    def to_python(self, data: Any) -> Any:
        if isinstance(data, FieldFile) and data:
            # What a disabled field keeps was looked at when it came.
            return data
        if isinstance(data, str) and data:
            data = self._open(data)
        if isinstance(data, StagedFile):
            # Looked at first: whoever reads on, Pillow for one, reads what fits its name.
            self._check(data)
            with data.for_pillow():
                return super().to_python(data)
        found: Any = super().to_python(data)
        if found is not None:
            self._check(found)
        return found

    def _open(self, text: str) -> StagedFile:
        try:
            if self.place is None:
                raise UploadRefused("other_field", "The field is in no form.")
            return self.place.open(request_of(self.request), text)
        except UploadRefused as refused:
            raise ValidationError(str(refused.message), code=refused.reason) from refused
        except HoldallError as failure:
            inspection.log_failure(failure)
            raise ValidationError(str(UploadRefused("store_failed").message), code="store_failed") from failure

    def _check(self, file: Any) -> None:
        """Look at a file, whichever way it came: its length, its type, its first bytes."""
        try:
            inspection.inspect(file, types=self.types, max_size=self.max_size)
        except UploadRefused as refused:
            # Of several, which one.
            message = f"{file.name}: {refused.message}" if self.multiple else str(refused.message)
            raise ValidationError(message, code=refused.reason) from refused

    def run_validators(self, value: Any) -> None:
        super().run_validators(value)
        # Last: nobody waits for a scanner because of a file that is refused anyway.
        inspection.scan(value, field=self.place.id if self.place else "")


class UploadField(TakesUploads):
    """A file field that takes direct uploads, and files through the server as ever.

    - `max_size`: the longest file, in bytes; left out: that of `HOLDALL_UPLOADS`.
    - `types`: what the field takes, as in HTML's `accept`: `["image/png", "image/*", ".pdf"]`; empty: everything.
    - `multiple`: several files; the value is a list then. `max_files`: how many at most.
    - `storage`: an alias of STORAGES, or a storage, where it is not the model's.
    - `permission(request)`: who can upload for this field, on top of that of `HOLDALL_UPLOADS`.

    The value is a file in either case. One that was uploaded directly is read in ranges from the store, and saved by
    a copy of the store's own.

    Requests: one GET for each direct upload, when the field is cleaned.
    """


class ImageUploadField(TakesUploads, forms.ImageField):
    """The same for pictures: Pillow looks at them, as with Django's own field, and reads no more than it needs."""

    default_types = IMAGES


class _BoundUpload(BoundField):
    """A bound field whose widget says what its script needs, when it is shown."""

    def value(self) -> Any:
        widget = self.field.widget
        if self.form.is_bound and isinstance(widget, UploadWidget) and self.data is FILE_INPUT_CONTRADICTION:
            # The visitor chose a file and to have none; the file need not be sent again to choose one of both.
            carried = widget.tickets_in(self.form.data, self.html_name)
            return carried or super().value()
        return super().value()

    def as_widget(self, widget: Any = None, attrs: Any = None, only_initial: bool = False) -> Any:
        shown = widget or self.field.widget
        if isinstance(shown, UploadWidget) and isinstance(self.field, TakesUploads):
            shown.offer = self.field.offer
        return super().as_widget(widget, attrs, only_initial)


class DirectUploads(forms.BaseForm):
    """Mixed into a form, before Django's class: every file field of it takes direct uploads.

    A form that is given its request as the keyword `request` needs no middleware.
    """

    request: Any = None

    def __init__(self, *arguments: Any, request: Any = None, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.request = request
        for name, field in self.fields.items():
            if (direct := direct_field(field)) is not None:
                self.fields[name] = direct
        # A bound field that was made already is of the field before.
        self._bound_fields_cache: dict[str, BoundField] = {}


def direct_field(field: Any, *, request: Any = None) -> TakesUploads | None:
    """Make of a file field one that takes direct uploads, whatever class it has; None of any other field."""
    if not isinstance(field, forms.FileField) or isinstance(field, TakesUploads):
        return None
    made: Any = copy(field)
    made.__class__ = _direct_class(cast("Any", type(field)))
    made.max_size, made.multiple, made.storage, made.permission, made.max_files = None, False, None, None, 1
    made.types = IMAGES if isinstance(field, forms.ImageField) else ()
    made.error_messages = {**TakesUploads.default_error_messages, **field.error_messages}
    made.widget = UploadWidget(field.widget.attrs)
    made.widget.is_required = field.required
    made.widget.shows_current = isinstance(field.widget, forms.ClearableFileInput)
    made.request = request
    return cast("TakesUploads", made)


@cache
def _direct_class(kind: Any) -> type[TakesUploads]:
    return type(f"Direct{kind.__name__}", (TakesUploads, kind), {"__module__": __name__})
