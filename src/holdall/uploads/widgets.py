"""The widget of a direct upload: a file input that also carries tickets."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.forms.widgets import Script
from django.utils.datastructures import MultiValueDict

from holdall.uploads import texts
from holdall.uploads.fields import accepted
from holdall.uploads.refusals import UploadRefused


class UploadWidget(forms.ClearableFileInput):
    """Without JavaScript it is an ordinary file input. With it the value posted is a ticket, under the same name.

    `offer` is what the field puts in when it is shown: the attributes `data-holdall-…`, by their names without that.
    """

    template_name = "holdall/uploads/widget.html"

    class Media:
        css = {"all": ("holdall/uploads.css",)}  # noqa: RUF012  as Django's documentation writes it
        js = (Script("holdall/uploads.js", type="module"),)

    # Whether it says which file is there, as Django's does; Wagtail's forms say it themselves.
    shows_current = True

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.offer: dict[str, Any] | None = None

    @property
    def is_multiple(self) -> bool:
        """Whether several files can be chosen."""
        return bool(self.allow_multiple_selected)

    def several(self) -> None:
        """Let several files be chosen."""
        self.allow_multiple_selected = True
        self.attrs["multiple"] = True

    def tickets_in(self, data: Any, name: str) -> list[str]:
        """Give the tickets that were posted."""
        return [one for one in _all_of(data, name) if isinstance(one, str) and one]

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        """Give the file, or the ticket, or (of several) a list of both; what was chosen to be cleared as Django has it."""
        carried = self.tickets_in(data, name)
        if self.is_multiple:
            sent = [one for one in _all_of(files, name) if one]
            chosen = [*sent, *carried]
            return chosen or super().value_from_datadict(data, MultiValueDict(), name)
        upload = super().value_from_datadict(data, files, name)
        if upload is False and carried:
            return forms.widgets.FILE_INPUT_CONTRADICTION
        if upload is None and carried:
            return carried[-1]
        return upload

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return bool(super().value_omitted_from_data(data, files, name)) and not _all_of(data, name)

    def is_initial(self, value: Any) -> bool:
        return self.shows_current and bool(super().is_initial(value))

    def use_required_attribute(self, initial: Any) -> bool:
        # The browser would ask for a file that a ticket stands for already.
        return False

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        values = value if isinstance(value, list | tuple) else [value]
        carried = [shown for one in values if (shown := _carried(one)) is not None]
        kept = None if any(isinstance(one, str | UploadedFile) for one in values) else value
        context = super().get_context(name, kept, attrs)
        context["widget"]["tickets"] = carried
        if self.offer:
            said = {**self.offer, "texts": texts.as_json()}
            shown = {f"data-holdall-{key}": value for key, value in said.items() if value not in (None, "", "{}")}
            context["widget"]["attrs"] |= shown
            context["widget"]["offer"] = self.offer
        return context


def _all_of(data: Any, name: str) -> list[Any]:
    if hasattr(data, "getlist"):
        return list(data.getlist(name))
    found = data.get(name)
    if isinstance(found, Iterable) and not isinstance(found, str | bytes | UploadedFile):
        return list(found)
    return [] if found is None else [found]


def _carried(value: Any) -> dict[str, Any] | None:
    """Give what a widget shows of a ticket that was posted: it is posted again with the form."""
    text = value if isinstance(value, str) else getattr(value, "ticket", None)
    if not isinstance(text, str):
        return None
    try:
        ticket = accepted(text)
    except UploadRefused:
        # Its field has said so.
        return None
    said = {"name": ticket.name, "size": ticket.size, "type": ticket.type}
    return {"ticket": text, **said, "json": json.dumps(said)}
