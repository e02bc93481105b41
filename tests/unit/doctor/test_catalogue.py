"""The catalogue of findings: each entry is whole, and one that does not exist is found by its likeness."""

from __future__ import annotations

import pytest

from holdall import doctor
from holdall.doctor import catalogue
from holdall.findings import Kind, Level, is_pasted

KINDS = doctor.kinds()


def test_ids_are_used_once() -> None:
    declared = [kind for module in catalogue._MODULES for kind in vars(module).values() if isinstance(kind, Kind)]
    assert len({kind.id for kind in declared}) == len(set(declared))


def test_errors_and_warnings_say_what_was_looked_at_and_what_to_do() -> None:
    for kind in KINDS:
        if kind.level in {Level.ERROR, Level.WARNING}:
            assert kind.evidence.endswith("."), kind.id
            assert kind.do or kind.remedies, kind.id


def test_texts_are_sentences_and_titles_are_not() -> None:
    for kind in KINDS:
        assert kind.means.endswith("."), kind.id
        assert not kind.title.endswith("."), kind.id
        assert all(one.means.endswith(".") for one in kind.remedies), kind.id


def test_remedies_are_sentences_or_lines_to_paste() -> None:
    """What begins like a sentence ends like one, or it would not be broken into lines."""
    for kind in KINDS:
        for text in (kind.do, *(one.do for one in kind.remedies)):
            for line in text.splitlines():
                word, _, rest = line.partition(" ")
                begins_like_one = (
                    word[:1].isupper() and rest and not set("=(") & set(word) and not rest.startswith("= ")
                )
                assert not (is_pasted(line) and begins_like_one), f"{kind.id}: {line}"


def test_entry_has_every_remedy_and_the_failures_in_words() -> None:
    entry = catalogue.entry(catalogue.by_id()["D401"])
    assert entry.evidence
    assert entry.do == ("Grant `s3:PutObject` on the objects: arn:aws:s3:::BUCKET/LOCATION/*.",)
    assert [means for means, _ in entry.cases] == [one.means for one in entry.kind.remedies]
    assert entry.failures == {"B5": "A policy lacks an action, or the `/*` in its resource"}


@pytest.mark.parametrize(
    ("mistyped", "first"), [("D6O1", "D601"), ("dl31", "D131"), ("601", "D601"), ("D609x", "D609")]
)
def test_id_that_does_not_exist_has_its_nearest(mistyped: str, first: str) -> None:
    near = catalogue.nearest(mistyped)
    assert near[0] == first
    assert set(near) <= set(catalogue.by_id())


def test_nonsense_is_near_to_nothing() -> None:
    assert catalogue.nearest("nonsense") == []


def test_failures_have_groups() -> None:
    known = catalogue.failures()
    assert {entry.rstrip("0123456789") for entry in known.entries} == set(known.groups)
