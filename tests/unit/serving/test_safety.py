"""What browsers may do with files on the site's own origin."""

from __future__ import annotations

import pytest

from holdall.serving.safety import appearance
from holdall.storage.content import HARMLESS, SCRIPTABLE


@pytest.mark.parametrize("extension", [*sorted(SCRIPTABLE), "css", "wasm", "ehtml", "php", ""])
def test_what_may_run_is_an_attachment_in_a_sandbox(extension: str) -> None:
    shown = appearance(f"file.{extension}")

    assert shown.disposition.startswith("attachment;")
    assert str(shown.policy).startswith("sandbox;")
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert shown.content_type not in {"text/html", "application/xhtml+xml", "text/javascript", "text/css"}


@pytest.mark.parametrize("extension", sorted({"png", "jpg", "mp4", "mp3", "pdf", "txt"} & HARMLESS.keys()))
def test_what_is_harmless_is_shown(extension: str) -> None:
    shown = appearance(f"folder/Ä file.{extension}")

    assert shown.content_type == HARMLESS[extension]
    assert shown.disposition == f"inline; filename=\"_ file.{extension}\"; filename*=UTF-8''%C3%84%20file.{extension}"


def test_what_is_to_be_saved_is_an_attachment_of_that_name() -> None:
    shown = appearance("7.pdf", download_as="Invoice 7.pdf")

    assert (shown.content_type, shown.disposition) == ("application/pdf", 'attachment; filename="Invoice 7.pdf"')


def test_pdf_is_shown_without_a_sandbox_in_which_browsers_do_not_show_it() -> None:
    assert appearance("7.pdf").policy is None
