"""Names of downloads: what any browser may be told, whoever chose the name."""

from __future__ import annotations

import email.message
import re
import urllib.parse
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall.storage.disposition import cleaned_filename, disposition

# RFC 6266: a token, then parameters that are a quoted string or an extended value.
GRAMMAR = re.compile(
    r"(attachment|inline); filename=\"[\x20-\x21\x23-\x24\x26-\x5b\x5d-\x7e]*\""
    r"(; filename\*=UTF-8''(?:[A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-F]{2})+)?"
)


def read(value: str) -> str:
    """Read the name as a client does that knows RFC 8187."""
    encoded = re.search(r"filename\*=UTF-8''(\S+)$", value)
    if encoded:
        return unquote(encoded[1], errors="strict")
    return str(re.search(r'filename="(.*)"$', value)[1])


NAMES = ("Invoice 7.pdf", "Rechnung für Ada.pdf", "счёт.pdf", "发票.pdf", "فاتورة.pdf", "חשבונית.pdf", "🧾👩‍🚀.pdf")


@pytest.mark.parametrize("name", [*NAMES, 'a"b.pdf', "50%25.pdf"])
def test_name_in_any_script_arrives_as_it_is(name: str) -> None:
    assert read(disposition(name, as_attachment=True)) == name


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("a\r\nSet-Cookie: x=1.pdf", "aSet-Cookie: x=1.pdf"),
        ("a.pdf\n", "a.pdf"),
        ("a\x00b\x85c\u2028.pdf", "abc.pdf"),
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("..\\boot.ini", ".._boot.ini"),
        ("photo_\u202egpj.exe", "photo_gpj.exe"),
        ("\u2066\u2069", "download"),
        ("", "download"),
        ("  ..  ", "download"),
        ("lone\ud800.txt", "lone?.txt"),
    ],
)
def test_name_that_would_deceive_is_cleaned(given_name: str, shown: str) -> None:
    assert cleaned_filename(given_name) == shown
    assert read(disposition(given_name, as_attachment=False)) == shown


@pytest.mark.parametrize("letter", ["a", "é", "发", "🧾"])
def test_long_name_fits_a_link_and_a_file_system_and_keeps_its_extension(letter: str) -> None:
    value = disposition(letter * 500 + ".pdf", as_attachment=True)

    name = read(value)
    assert name == letter * ((255 - 4) // len(letter.encode())) + ".pdf"
    # Encoded once more in a signed link, which stores read up to 8 KiB.
    assert len(urllib.parse.quote(value)) < 2_000
    assert len(read(disposition("." + letter * 500, as_attachment=True)).encode()) <= 255


@given(st.text(max_size=60), st.booleans())
def test_header_is_always_one_line_of_the_grammar(name: str, as_attachment: bool) -> None:
    value = disposition(name, as_attachment=as_attachment)

    assert GRAMMAR.fullmatch(value)
    assert read(value) == cleaned_filename(name)
    message = email.message.Message()
    message["Content-Disposition"] = value
    assert message.get_content_disposition() == ("attachment" if as_attachment else "inline")
