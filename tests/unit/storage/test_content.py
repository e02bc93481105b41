"""What a browser may do with a file is decided by its name and its first bytes, never by a claim."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall.storage import content
from holdall.storage.content import Delivery

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
UNKNOWN_DOWNLOAD = Delivery("application/octet-stream", as_attachment=True)


@pytest.mark.parametrize("extension", sorted(content.SCRIPTABLE))
def test_scriptable_file_is_an_attachment(extension: str) -> None:
    for name in (f"x.{extension}", f"x.{extension.upper()}", f"a.b/x.png.{extension}"):
        assert content.delivery(name) == Delivery(content.SCRIPTABLE[extension], as_attachment=True)


@pytest.mark.parametrize("extension", sorted(content.SCRIPTABLE))
def test_scriptable_file_is_shown_where_its_type_is_allowed(extension: str) -> None:
    content_type = content.SCRIPTABLE[extension]
    assert not content.delivery(f"x.{extension}", inline=[content_type]).as_attachment
    assert content.delivery(f"x.{extension}", inline=["image/png"]).as_attachment


@pytest.mark.parametrize("extension", sorted(content.HARMLESS))
def test_harmless_file_is_shown_as_what_it_is(extension: str) -> None:
    assert content.delivery(f"x.{extension}") == Delivery(content.HARMLESS[extension], as_attachment=False)


def test_no_type_is_both_harmless_and_scriptable() -> None:
    assert not set(content.HARMLESS) & set(content.SCRIPTABLE)
    assert not set(content.HARMLESS.values()) & set(content.SCRIPTABLE.values())


DOCUMENTS = [
    b"<!DOCTYPE html><script>alert(1)</script>",
    b"<!doctype  HTML>",
    b"<html>",
    b"<HTML lang=en>",
    b"<script>alert(1)</script>",
    b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    b"<?xml version='1.0'?><svg/>",
    b"<!-- comment --><html>",
    b"<body onload=alert(1)>",
    b"<iframe src=x>",
    b"<a href=x>",
    b"<math>",
]
DISGUISES = {
    "bare": lambda document: document,
    "after blanks": lambda document: b" \t\r\n\x0c" + document,
    "after a byte order mark": lambda document: b"\xef\xbb\xbf" + document,
    "after mark and blanks": lambda document: b"\xef\xbb\xbf \n" + document,
    "as UTF-16, little end first": lambda document: b"\xff\xfe" + document.decode().encode("utf-16-le"),
    "as UTF-16, big end first": lambda document: b"\xfe\xff" + document.decode().encode("utf-16-be"),
}


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("name", ["photo.jpg", "doc.pdf", "data.bin", "no-extension", "x.tar.gz", "x.svgz"])
def test_document_in_disguise_is_an_attachment_of_unknown_type(name: str, disguise: str) -> None:
    decided = {document: content.delivery(name, DISGUISES[disguise](document)) for document in DOCUMENTS}
    assert decided == dict.fromkeys(DOCUMENTS, UNKNOWN_DOWNLOAD)


def test_document_cut_inside_a_utf16_letter_is_recognised() -> None:
    assert content.delivery("x.jpg", b"\xff\xfe" + "<html>".encode("utf-16-le")[:-1]) == UNKNOWN_DOWNLOAD


@pytest.mark.parametrize("name", ["notes.txt", "README.md", "page.json", "table.csv", "style.css", "feed.yaml"])
def test_text_that_begins_with_markup_stays_text(name: str) -> None:
    decided = content.delivery(name, b"<html><script>alert(1)</script>")
    assert not decided.as_attachment
    assert decided.content_type == content.HARMLESS[name.rpartition(".")[2]]
    assert decided.content_type not in content.SCRIPTABLE.values()


@pytest.mark.parametrize(
    ("name", "head"),
    [
        # A picture by its first bytes and a page by its last: as image/gif no browser runs it.
        ("x.gif", b"GIF89a/*<script>alert(1)</script>*/=1;"),
        ("x.png", PNG + b"<html><script>alert(1)</script>"),
        ("x.pdf", b"%PDF-1.7\n<html><script>"),
        ("x.jpg", b"\xff\xd8\xff\xe0<?php evil() ?>"),
        ("x.jpg", b""),
        ("x.jpg", b"<"),
        ("x.jpg", b"text < html"),
    ],
)
def test_file_that_begins_as_what_it_says_is_shown_as_that(name: str, head: bytes) -> None:
    assert content.delivery(name, head) == Delivery(content.HARMLESS[name[2:]], as_attachment=False)


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("backup.tar.gz", "application/gzip"),
        ("drawing.svgz", "application/gzip"),
        ("page.html.gz", "application/gzip"),
        ("page.html.zip", "application/zip"),
    ],
)
def test_archive_has_its_own_type_and_not_that_of_its_content(name: str, content_type: str) -> None:
    assert content.delivery(name, b"\x1f\x8b\x08") == Delivery(content_type, as_attachment=False)


UNHEARD = [
    "x",
    "x.",
    ".html",
    ".jpg",
    "x.unheard",
    "x.html.",
    "x.html..",
    "x.html ",
    "x. html",
    "html",
    "a.html/x",
    "a.jpg/x",
]
UNHEARD += [
    "x.jpg ",
    "x.jpg.",
    "x.php",
    "x.hta",
    "x.ehtml",
    "x.EHTML",
    "x.xsd",
    "x.wsdl",
    "x.jpg.ehtml",
    "x.html.de",
    "x.br",
]


@pytest.mark.parametrize("name", UNHEARD)
def test_unknown_extension_is_a_download_of_unknown_type(name: str) -> None:
    assert content.delivery(name, PNG) == UNKNOWN_DOWNLOAD
    # A server may guess another type where it is told that the type is unknown, so that allowing it is no use.
    assert content.delivery(name, PNG, inline=["application/octet-stream"]) == UNKNOWN_DOWNLOAD


def test_unknown_type_may_be_chosen() -> None:
    chosen = content.delivery("x.unheard", unknown="application/x-own")
    assert chosen == Delivery("application/x-own", as_attachment=True)
    shown = content.delivery("x.unheard", unknown="application/x-own", inline=["application/x-own"])
    assert shown == Delivery("application/x-own", as_attachment=False)


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("film/index.m3u8", "application/vnd.apple.mpegurl"),
        ("film/1.ts", "video/mp2t"),
        ("film/1.M4S", "video/iso.segment"),
        ("chair.glb", "model/gltf-binary"),
        ("chair.gltf", "model/gltf+json"),
        ("chair.usdz", "model/vnd.usdz+zip"),
        ("part.STL", "model/stl"),
        ("app-1.2.apk", "application/vnd.android.package-archive"),
    ],
)
def test_film_model_and_program_have_their_types(name: str, content_type: str) -> None:
    assert content.delivery(name) == Delivery(content_type, as_attachment=False)


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("film.mpd", "application/dash+xml"), ("chair.dae", "model/vnd.collada+xml"), ("mail.eml", "message/rfc822")],
)
def test_what_is_xml_or_holds_pages_is_an_attachment(name: str, content_type: str) -> None:
    assert content.delivery(name) == Delivery(content_type, as_attachment=True)


@given(st.text(), st.binary(max_size=64))
def test_what_can_run_script_is_never_shown_unless_allowed(name: str, head: bytes) -> None:
    decided = content.delivery(name, head)
    assert decided.as_attachment or decided.content_type in content.HARMLESS.values()
    assert decided.as_attachment or decided.content_type != content.UNKNOWN


def test_decision_needs_as_many_bytes_as_a_browser_reads() -> None:
    late = b" " * (content.HEAD_BYTES - 6) + b"<html>"
    assert content.HEAD_BYTES == 1445
    assert content.delivery("x.bin", late[: content.HEAD_BYTES]) == UNKNOWN_DOWNLOAD


def test_public_file_is_cached_by_anybody_and_for_a_year_only_under_a_name_that_shows_nothing_else() -> None:
    assert content.cache_control(public=True, lifetime_seconds=60) == "public, max-age=60, must-revalidate"
    assert (
        content.cache_control(public=True, lifetime_seconds=60, is_immutable=True)
        == "public, max-age=31536000, immutable"
    )


def test_private_file_is_cached_by_the_browser_alone() -> None:
    for is_immutable in (False, True):
        told = content.cache_control(public=False, lifetime_seconds=900, is_immutable=is_immutable)
        assert told == "private, max-age=900"
