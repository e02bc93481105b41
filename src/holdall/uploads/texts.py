"""What the browser's side says, each sentence by itself: the module in static/ asks for it by its English words."""

from __future__ import annotations

import json

from django.utils.translation import gettext, gettext_noop

TEXTS = (
    gettext_noop("Drop a file here, or choose one"),
    gettext_noop("Drop files here, or choose them"),
    gettext_noop("Add more files"),
    gettext_noop("Choose another file"),
    gettext_noop("Files"),
    gettext_noop("Waiting"),
    gettext_noop("Paused"),
    gettext_noop("Checking"),
    gettext_noop("Uploaded"),
    gettext_noop("Will be sent with the form"),
    gettext_noop("Unfinished. Choose the same file again to continue."),
    gettext_noop("Pause"),
    gettext_noop("Continue"),
    gettext_noop("Cancel"),
    gettext_noop("Remove"),
    gettext_noop("Try again"),
    gettext_noop("{name} is uploaded."),
    gettext_noop("{name} was removed."),
    gettext_noop("{done} of {all} files uploaded"),
    gettext_noop("The form is sent as soon as everything is uploaded."),
    gettext_noop("Do not send it"),
    gettext_noop("No connection; it continues by itself"),
    gettext_noop("The connection is interrupted; trying again"),
    gettext_noop("The connection failed. Try again later."),
    gettext_noop("The store refused the file ({status})."),
    gettext_noop("The server refused the file ({status})."),
    gettext_noop("The file cannot be read any more. Choose it again."),
    gettext_noop("This type of file is not accepted here."),
    gettext_noop("Only one file can be uploaded here; the first one was taken."),
)


def as_json() -> str:
    """Give the sentences in the language that is active, for the attribute `data-holdall-texts`."""
    spoken = {text: gettext(text) for text in TEXTS}
    return json.dumps({text: said for text, said in spoken.items() if said != text}, ensure_ascii=False)
