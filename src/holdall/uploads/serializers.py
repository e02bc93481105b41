"""Direct uploads in Django REST framework: a field whose input is an accepted ticket, or a file as ever.

class PhotoSerializer(serializers.ModelSerializer):
    picture = UploadField(types=["image/*"])
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers

from holdall.errors import HoldallError
from holdall.uploads import inspection
from holdall.uploads.fields import Place, as_types, offer_of, place_of_serializer, request_of
from holdall.uploads.files import StagedFile
from holdall.uploads.forms import IMAGES
from holdall.uploads.refusals import UploadRefused


class UploadField(serializers.FileField):  # type: ignore[misc]  # the framework is not typed
    """A file field of a serializer; its limits are those of `holdall.uploads.forms.UploadField`.

    A client asks for what `offer` says, uploads by the protocol, and sends the accepted ticket as the field's value.

    Requests: one GET for each direct upload, when the input is looked at.
    """

    default_types: tuple[str, ...] = ()

    def __init__(
        self, *, max_size: int | None = None, types: Iterable[str] | None = None, storage: Any = None, **options: Any
    ) -> None:
        self.max_size, self.storage = max_size, storage
        self.types = self.default_types if types is None else as_types(types)
        super().__init__(**options)

    @property
    def place(self) -> Place:
        """The field, as its tickets name it.

        Raises:
            ImproperlyConfigured: it is in no serializer, so no ticket is for it.
        """
        field = self._outermost
        if field is None:
            raise ImproperlyConfigured("An upload field takes tickets only in a serializer. Put it into one.")
        return place_of_serializer(
            field.parent, field.field_name, storage=self.storage, max_size=self.max_size or 0, types=self.types
        )

    @property
    def _outermost(self) -> Any:
        """The field of the serializer: this one, or the field of several files that has it as its child."""
        field: Any = self
        while field is not None and not isinstance(field.parent, serializers.Serializer):
            field = field.parent
        return field

    @property
    def offer(self) -> dict[str, Any] | None:
        """What a client needs to begin uploads: the field's token, the address and the limits. None: it may not."""
        return offer_of(self.place, request_of(self.context.get("request")))

    def to_internal_value(self, data: Any) -> Any:
        with _refusing():
            if isinstance(data, str):
                data = self.place.open(request_of(self.context.get("request")), data)
            if isinstance(data, StagedFile):
                # Looked at first: whoever reads on, Pillow for one, reads what fits its name.
                self._inspect(data)
                with data.for_pillow():
                    return super().to_internal_value(data)
            found = super().to_internal_value(data)
            self._inspect(found)
            return found

    def _inspect(self, file: Any) -> None:
        inspection.inspect(file, types=self.types, max_size=self.max_size)

    def run_validators(self, value: Any) -> None:
        super().run_validators(value)
        # Last: nobody waits for a scanner because of a file that is refused anyway.
        with _refusing():
            # The framework lets a field check a file by itself too.
            inspection.scan(value, field="" if self._outermost is None else self.place.id)


class ImageUploadField(UploadField, serializers.ImageField):  # type: ignore[misc]  # the framework is not typed
    """The same for pictures: Pillow looks at them, as with the framework's own field, and reads no more than it needs."""

    default_types = IMAGES


@contextmanager
def _refusing() -> Iterator[None]:
    """Tell the framework what is wrong with an upload."""
    try:
        yield
    except UploadRefused as refused:
        raise serializers.ValidationError(str(refused.message), code=refused.reason) from refused
    except DjangoValidationError as error:
        # Several have no code together.
        raise serializers.ValidationError(error.messages, code=getattr(error, "code", None)) from error
    except HoldallError as failure:
        inspection.log_failure(failure)
        raise serializers.ValidationError(str(UploadRefused("store_failed").message), code="store_failed") from failure


def offers(serializer: Any) -> dict[str, dict[str, Any] | None]:
    """Give what a client needs to begin uploads for each upload field of a serializer. Requests: none.

    A field of a serializer inside is named with the way to it: "photos.file".
    """
    found: dict[str, dict[str, Any] | None] = {}
    for name, field in _innermost(serializer).fields.items():
        inner = _innermost(field)
        if isinstance(inner, UploadField):
            found[name] = inner.offer
        elif isinstance(inner, serializers.Serializer):
            found |= {f"{name}.{below}": offer for below, offer in offers(inner).items()}
    return found


def _innermost(field: Any) -> Any:
    """Give what a list, or a serializer of many, is a list of."""
    while (child := getattr(field, "child", None)) is not None:
        field = child
    return field
