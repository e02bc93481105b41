"""Plain English stays plain: no phrase of phrases.toml comes back into what people read."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

LIST = tomllib.loads((Path(__file__).parent / "phrases.toml").read_text())
BANNED = LIST["banned"]
READ = {
    ".": ("*.md", "Makefile"),
    "benchmarks": ("**/*.py",),
    "demo": ("**/*.py", "**/*.md", "**/*.html", "**/*.js"),
    "docs": ("**/*.md", "**/*.dot", "conf.py"),
    "scripts": ("**/*.py", "find-python"),
    "src": ("**/*.py",),
}
# Between two words: a blank, the end of a line with what begins a comment, or the seam of two literals.
GAP = r"""(?:[\s"'#>|]|\bf(?="))+"""


def pattern(phrase: str) -> re.Pattern[str]:
    # What is part of a longer name (`can_not`, `anew()`, `--blanks`) is no word of a sentence.
    return re.compile(rf"(?<![\w.-])(?:{phrase.replace(' ', GAP)})(?![\w(=-])", re.IGNORECASE)


def texts() -> dict[str, str]:
    """Everything that people read, by its path."""
    found = (path for folder, globs in READ.items() for glob in globs for path in sorted((ROOT / folder).glob(glob)))
    read = {str(path.relative_to(ROOT)): path.read_text() for path in found if "_build" not in path.parts}
    return {path: _without_quotes(text) for path, text in read.items()}


def _without_quotes(text: str) -> str:
    for quote in LIST["quoted"]:
        text = text.replace(quote, "")
    return text


def found(phrase: str, text: str) -> list[int]:
    """The lines on which a phrase begins."""
    return [text.count("\n", 0, match.start()) + 1 for match in pattern(phrase).finditer(text)]


@pytest.mark.parametrize("banned", BANNED, ids=lambda banned: banned["phrase"])
def test_phrase_does_not_come_back(banned: dict[str, str]):
    where = [f"{path}:{line}" for path, text in texts().items() for line in found(banned["phrase"], text)]

    assert not where, f'"{banned["phrase"]}" at {", ".join(where)}; write: {banned["write"]}'


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("can not(?! only)", "It can not be read."),
        ("can not(?! only)", 'f"it can "\n    f"not be read"'),
        ("can not(?! only)", "# it can\n    # not be read"),
        ("once (a|each) process", "asked Once a process."),
    ],
)
def test_phrase_is_found(phrase: str, text: str):
    assert found(phrase, text) == [1]


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("can not(?! only)", "It can not only be read."),
        ("can not(?! only)", "test_file_that_can_not_be_read"),
        ("anew", "def anew(storage)"),
        ("mend(s|ed|ing)?", "amended, recommends"),
    ],
)
def test_good_english_and_names_are_left_alone(phrase: str, text: str):
    assert found(phrase, text) == []


def test_all_rooms_are_read():
    read = set(texts())

    assert {
        "README.md",
        "docs/reference/findings.md",
        "src/holdall/errors.py",
        "demo/gallery/templates/404.html",
    } <= read
