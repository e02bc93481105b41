"""A name that somebody else chose changes nothing of what stands around it."""

from __future__ import annotations

import pytest

from holdall import errors
from holdall.errors import Answer, HoldallError
from holdall.s3.answers import explain
from holdall.shown import shown

FORGED = {
    "colour": ("a\x1b[2K\rok.jpg", r"a\x1b[2K\rok.jpg"),
    "line": ("a\nERROR: b", r"a\nERROR: b"),
    "C1": ("a\x9bm", r"a\x9bm"),
    "direction": ("exe\u202egpj.jpg", r"exe\u202egpj.jpg"),
    "isolate": ("a\u2066b\u2069", r"a\u2066b\u2069"),
    "separator": ("a\u2028b\u2029\x85", r"a\u2028b\u2029\x85"),
    "surrogate": ("a\udcff", r"a\udcff"),
    "tag": ("a\U000e0041", r"a\U000e0041"),
}


@pytest.mark.parametrize("given", FORGED)
def test_what_would_be_obeyed_is_shown(given: str) -> None:
    name, expected = FORGED[given]
    assert shown(name) == expected


@pytest.mark.parametrize("name", ["späße +%é.jpg", "日本.pdf", "👩\u200d🚀.png", "a b", "'\"\\"])
def test_letters_of_all_scripts_stay(name: str) -> None:
    assert shown(name) == name


@pytest.mark.parametrize("given", FORGED)
@pytest.mark.parametrize(
    "code", ["NoSuchKey", "AccessDenied", "InternalError", "PreconditionFailed", "KeyTooLongError"]
)
def test_error_shows_a_name_as_it_is(given: str, code: str) -> None:
    name, expected = FORGED[given]
    answer = Answer("PutObject", 500 if code == "InternalError" else 403, code, name, 0, {})
    text = str(explain(answer, action="saving", name=name, key=name, bucket="acme", where="X"))

    assert expected in text
    assert name not in text


@pytest.mark.parametrize(
    "kind",
    [
        one
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, HoldallError) and one is not errors.ContractError
    ],
)
def test_every_error_escapes(kind: type[HoldallError]) -> None:
    assert "\x1b" not in str(kind("a\x1b[1m\u202e"))
    assert ("\n" in str(kind("a\nb"))) == (kind is errors.DevServerError)
