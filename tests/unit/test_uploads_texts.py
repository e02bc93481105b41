"""What the upload widget says: in the module, in the list, and in each language's catalogue."""

from __future__ import annotations

import gettext
import gzip
import re
from pathlib import Path

import pytest

from holdall.uploads import texts

FOLDER = Path(texts.__file__).parent
MODULE = FOLDER / "static/holdall/uploads.js"
LANGUAGES = sorted(path.name for path in (FOLDER / "locale").iterdir())
LINES = r'(?:".*"\n)+'
STRINGS = rf"(?:msgstr(?:\[\d\])? {LINES})+"
ENTRY = re.compile(rf"^msgid (?P<id>{LINES})(?:msgid_plural {LINES})?(?P<strings>{STRINGS})", re.MULTILINE)
STRING = re.compile(rf"msgstr(?:\[\d\])? ({LINES})")


def unquoted(lines: str) -> str:
    return "".join(line[1:-1] for line in lines.splitlines()).replace('\\"', '"').replace("\\n", "\n")


def catalogue(language: str) -> dict[str, list[str]]:
    """Read the catalogue that people edit: each text with its translations."""
    source = (FOLDER / f"locale/{language}/LC_MESSAGES/django.po").read_text(encoding="utf-8") + "\n"
    return {
        unquoted(entry["id"]): [unquoted(found) for found in STRING.findall(entry["strings"])]
        for entry in ENTRY.finditer(source)
        if unquoted(entry["id"])
    }


def test_module_says_what_the_list_has_and_nothing_else() -> None:
    said = re.findall(r"""\bt\(\s*"([^"]+)\"""", MODULE.read_text(encoding="utf-8"))
    assert set(said) == set(texts.TEXTS)


def test_languages_are_there() -> None:
    assert {"de", "es", "fr"} <= set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogue_has_every_text_with_the_same_places(language: str) -> None:
    known = catalogue(language)
    assert [text for text in texts.TEXTS if text not in known] == []
    for text, translations in known.items():
        for translation in translations:
            assert translation
            places = r"\{\w+\}|%\(\w+\)s"
            assert sorted(re.findall(places, translation)) == sorted(re.findall(places, text)), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_compiled_catalogue_is_the_one_that_people_edit(language: str) -> None:
    with (FOLDER / f"locale/{language}/LC_MESSAGES/django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    assert {text: compiled.gettext(text) for text in texts.TEXTS} == {
        text: catalogue(language)[text][0] for text in texts.TEXTS
    }


def test_module_is_as_small_as_the_documentation_says() -> None:
    page = (Path(__file__).parents[2] / "docs/decisions/a-widget-of-our-own.md").read_text(encoding="utf-8")
    said = re.search(r"`holdall/uploads\.js` \((\d+) KB compressed\)", page)
    assert said
    assert len(gzip.compress(MODULE.read_bytes(), 9)) <= int(said[1]) * 1000
