"""What the doctor remembers of the keys that it makes, so that it deletes its own and nothing else."""

from __future__ import annotations

import pytest

from holdall.doctor.traces import StrayKey, TooLate, Traces
from holdall.errors import AccessRefused, StoreFailed


def test_key_outside_the_folder_is_not_made() -> None:
    traces = Traces()
    with pytest.raises(StrayKey, match=r"would become photos/a\.jpg"):
        traces.expect("photos/a.jpg")
    assert (traces.keys, traces.strays) == (set(), set())


def test_key_that_was_made_elsewhere_is_remembered_but_not_as_the_doctors() -> None:
    traces = Traces()
    with pytest.raises(StrayKey, match=r"becomes photos/a\.jpg"):
        traces.record("photos/a.jpg")
    assert (traces.keys, traces.strays) == (set(), {"photos/a.jpg"})


def test_nothing_is_expected_after_the_end_but_what_was_made_is_recorded() -> None:
    traces = Traces()
    traces.is_closed = True
    with pytest.raises(TooLate):
        traces.expect(f"{traces.folder}/a.txt")
    traces.record(f"{traces.folder}/b.txt")
    assert traces.keys == {f"{traces.folder}/b.txt"}


def test_refused_key_is_forgotten_unless_it_was_made_before() -> None:
    traces = Traces()
    key = f"{traces.folder}/a.txt"
    with pytest.raises(AccessRefused), traces.making(key):
        raise AccessRefused("no")
    assert traces.keys == set()
    traces.record(key)
    with pytest.raises(AccessRefused), traces.making(key):
        raise AccessRefused("no")
    assert traces.keys == {key}


def test_key_whose_fate_is_unknown_is_kept() -> None:
    traces = Traces()
    with pytest.raises(StoreFailed), traces.making(f"{traces.folder}/a.txt"):
        raise StoreFailed("broken off")
    assert traces.keys == {f"{traces.folder}/a.txt"}


def test_prefixes_end_with_the_folder() -> None:
    traces = Traces()
    traces.record(f"media/{traces.folder}/deep/a.txt")
    traces.record(f"{traces.folder}/b.txt")
    assert traces.prefixes == sorted({f"media/{traces.folder}/", f"{traces.folder}/"})
