"""Names and keys: whatever a name is, its key lies inside the location or there is none."""

from __future__ import annotations

import itertools
import posixpath
from pathlib import PurePath, PurePosixPath
from typing import Any

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import Storage
from hypothesis import given
from hypothesis import strategies as st

from holdall import names
from holdall.errors import InvalidName

# Text made of what is dangerous in a name, besides text of all kinds.
TRICKY = st.text("./\\ab\x00\n %é\u202e", max_size=24)
ANY_NAME = st.one_of(st.text(), TRICKY, st.text(st.characters(categories=["Cs", "L"])))
LOCATIONS = st.sampled_from(["", "media", "forks/pr-123", "ü"])


@given(ANY_NAME, LOCATIONS)
def test_any_name_gives_a_key_inside_the_location_or_none(name: str, location: str) -> None:
    try:
        key = names.to_key(name, location=location)
    except InvalidName:
        return
    assert len(key.encode()) <= 1024
    assert "\x00" not in key
    assert not key.startswith("/")
    assert key
    assert not key.endswith("/")
    assert not {".", ".."} & set(key.split("/"))
    if location:
        assert key.startswith(f"{location}/")
        # What a server that resolves dots would make of it lies inside too.
        assert f"{posixpath.normpath(key)}/".startswith(f"{location}/")


@given(ANY_NAME)
def test_key_does_not_change_when_it_is_made_again(name: str) -> None:
    try:
        key = names.to_key(name)
    except InvalidName:
        return
    assert names.to_key(key) == key


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("ada.png", "media/ada.png"),
        ("a/b/c.png", "media/a/b/c.png"),
        ("a//b/./c.png", "media/a/b/c.png"),
        ("a\\b.png", "media/a/b.png"),
        ("a/../b.png", "media/b.png"),
        ("...", "media/..."),
        ("..a", "media/..a"),
        ("~", "media/~"),
        ("a b+c%2F.png", "media/a b+c%2F.png"),
        (PurePosixPath("a/b"), "media/a/b"),
    ],
)
def test_name_gives_its_key(name: Any, key: str) -> None:
    assert names.to_key(name, location="media") == key


@pytest.mark.parametrize("name", ["", ".", "./", "a/..", "a/../", ".\\"])
def test_name_of_which_nothing_is_left_is_no_files(name: str) -> None:
    for location in ("", "media"):
        with pytest.raises(InvalidName) as caught:
            names.to_key(name, location=location)
        assert str(caught.value) == f"{name!r} is not a file name: it means the whole store. Nothing was sent."
        assert names.to_prefix(name, location=location) == (f"{location}/" if location else "")


def test_folders_name_is_no_files() -> None:
    with pytest.raises(InvalidName) as caught:
        names.to_key("folder/")
    assert str(caught.value) == "'folder/' is a folder's name, and no file's: it ends in a slash. Nothing was sent."


@pytest.mark.parametrize("path", ["folder", "folder/", "a/../folder", "folder\\"])
def test_folder_gives_its_prefix(path: str) -> None:
    assert names.to_prefix(path, location="media") == "media/folder/"
    assert names.to_prefix(path) == "folder/"


@given(ANY_NAME, LOCATIONS)
def test_any_folder_gives_a_prefix_inside_the_location_or_none(path: str, location: str) -> None:
    try:
        prefix = names.to_prefix(path, location=location)
    except InvalidName:
        return
    assert prefix.endswith("/") or prefix == location == ""
    assert prefix.startswith(f"{location}/" if location else "")


@pytest.mark.parametrize(
    "name", ["..", "../x", "/x", "//x", "a/../../x", "..\\x", "\\x", "a\\..\\..\\x", "./../x", "../media/x", "../"]
)
def test_name_that_leads_out_is_refused(name: str) -> None:
    with pytest.raises(InvalidName) as caught:
        names.to_key(name, location="media")
    assert str(caught.value) == (
        f"{name!r} leads out of the store; names are relative to it and may not begin with a slash or climb with '..'."
    )
    assert isinstance(caught.value, SuspiciousFileOperation)


def test_name_with_a_nul_is_refused() -> None:
    with pytest.raises(InvalidName, match=r"'a\\x00b' contains a NUL character, which no key can hold\."):
        names.to_key("a\x00b")


def test_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidName, match=r"'a\\udcff' is not valid text \(a lone surrogate\)"):
        names.to_key("a\udcff")


def test_key_is_measured_in_bytes_with_its_location() -> None:
    assert len(names.to_key("é" * 509, location="media").encode()) == 1024
    with pytest.raises(InvalidName) as caught:
        names.to_key("é" * 510, location="media")
    assert str(caught.value) == (
        f"The name '{'é' * 60}…' makes a key of 1,026 bytes; S3 allows 1,024. "
        "Shorten it, or give the field a smaller max_length. Nothing was sent."
    )


def test_refused_name_is_shown_on_one_line() -> None:
    with pytest.raises(InvalidName) as caught:
        names.to_key("line\nbreak" * 200)
    assert str(caught.value).isprintable()


# -- free names


class Taken(Storage):
    """Django's own rules, in a store that has the names given."""

    def __init__(self, *taken: str) -> None:
        self.taken = taken

    def exists(self, name: str) -> bool:
        return name in self.taken


def first(name: str, count: int, max_length: int | None = None) -> list[str]:
    made = names.candidates(name, max_length=max_length, alternative=Storage().get_alternative_name)
    return list(itertools.islice(made, count))


FILE_NAMES = st.text(st.characters(categories=["L", "N"], include_characters="._- /"), min_size=1, max_size=40)


@given(FILE_NAMES, st.one_of(st.none(), st.integers(1, 60)))
def test_candidates_fit_and_are_all_different(name: str, max_length: int | None) -> None:
    try:
        made = first(name, 5, max_length)
    except SuspiciousFileOperation:
        return
    assert len(set(made)) == 5
    directory = posixpath.dirname(names.clean(name))
    for candidate in made:
        assert max_length is None or len(candidate) <= max_length
        assert posixpath.dirname(candidate) == directory


@given(FILE_NAMES, st.one_of(st.none(), st.integers(1, 60)))
def test_first_candidate_is_what_django_would_choose(name: str, max_length: int | None) -> None:
    name = names.clean(name)

    def outcome(choose: Any) -> Any:
        try:
            chosen: str = choose()
        except SuspiciousFileOperation:
            return "refused"
        # A name that had to be cut is random in its end.
        return chosen if chosen == name else len(chosen)

    ours = outcome(lambda: first(name, 1, max_length)[0])
    theirs = outcome(lambda: Taken().get_available_name(name, max_length))
    # Ours shortens also what lies between the first dot and the last.
    assert ours == theirs or (theirs == "refused" and len(PurePath(name).suffixes) > 1)


@given(FILE_NAMES, st.one_of(st.none(), st.integers(1, 60)))
def test_second_candidate_is_made_by_the_rules_of_django(name: str, max_length: int | None) -> None:
    name = names.clean(name)
    try:
        theirs = Taken(name).get_available_name(name, max_length)
    except SuspiciousFileOperation:
        if len(PurePath(name).suffixes) < 2:
            with pytest.raises(SuspiciousFileOperation):
                first(name, 2, max_length)
        return
    ours = next(candidate for candidate in first(name, 2, max_length) if candidate != name)
    # Seven letters are drawn at random; all around them is theirs.
    assert len(ours) == len(theirs)
    differing = [at for at, (left, right) in enumerate(zip(ours, theirs, strict=True)) if left != right]
    assert not differing or differing[-1] - differing[0] < 7


def test_alternatives_keep_the_extension() -> None:
    plain, other = first("a/ada.png", 2)
    assert plain == "a/ada.png"
    assert other.startswith("a/ada_")
    assert other.endswith(".png")
    assert len(other) == len("a/ada_1234567.png")


def test_alternatives_keep_all_extensions() -> None:
    other = first("backup.tar.gz", 2)[1]
    assert other.startswith("backup_")
    assert other.endswith(".tar.gz")


def test_name_that_is_too_long_is_cut_before_its_extension() -> None:
    made = first("abcdefghijklmnop.png", 3, max_length=16)
    assert all(len(name) == 16 and name.startswith("abcd_") and name.endswith(".png") for name in made)


def test_name_with_early_dots_is_cut_rather_than_refused() -> None:
    made = first("v1.2 of the minutes of the meeting.pdf", 3, max_length=20)
    assert all(len(name) == 20 and name.startswith("v1.2 of _") and name.endswith(".pdf") for name in made)


def test_name_of_no_file_is_refused_as_it_was_given() -> None:
    with pytest.raises(SuspiciousFileOperation, match=r"'\.'"):
        first(".", 1)


def test_no_room_for_any_name_is_refused() -> None:
    with pytest.raises(SuspiciousFileOperation) as caught:
        first("abc.png", 2, max_length=8)
    assert str(caught.value) == (
        'Storage can not find an available filename for "abc.png" within 8 characters. '
        'Please make sure that the corresponding file field allows sufficient "max_length".'
    )


@pytest.mark.parametrize("name", ["", ".", "..", "/", "a/..", "folder/", "../x.png", "a/../../x"])
def test_name_of_no_file_has_no_candidates(name: str) -> None:
    with pytest.raises(SuspiciousFileOperation):
        first(name, 1)


def test_own_rule_that_never_shortens_ends() -> None:
    made = names.candidates("abc.png", max_length=8, alternative=lambda _root, _extension: "always-the-same.png")
    assert next(made) == "abc.png"
    with pytest.raises(SuspiciousFileOperation):
        next(made)


@pytest.mark.parametrize("above", ["", "a/", "forks/pr-1/", "a/x/../"])
@pytest.mark.parametrize("below", ["", "/fork.json", "/hidden/ada.jpg", "/probe"])
def test_what_is_holdalls_own_is_no_name_at_any_depth(above: str, below: str) -> None:
    with pytest.raises(InvalidName, match="reserved for Holdall"):
        names.to_key(f"{above}.holdall{below}", location="media")
    with pytest.raises(InvalidName, match="reserved for Holdall"):
        names.to_prefix(f"{above}.holdall{below}", location="media")
    assert names.to_key(f"{above}.holdall-{below}".rstrip("/"))
