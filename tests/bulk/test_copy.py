"""Copying between folders and stores."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile, File

from holdall.bulk import copier, copying, entries, plan
from holdall.bulk.entries import Entry
from holdall.bulk.places import Folder, Store
from holdall.s3.said import KEPT_INSIDE
from tests.bulk.conftest import FILES, take
from tests.contract import only
from tests.providers import Provider

everywhere = only("seaweedfs-http", "ceph-http")
on_one_server = only("seaweedfs-http")

MakeStore = Callable[..., Store]


def copy(source: Any, destination: Any, **options: Any) -> copying.Outcome:
    return copying.apply(plan.make(source, destination, **options))


def contents(store: Store) -> dict[str, bytes]:
    return {entry.name: store.storage.open(entry.name).read() for entry in store.entries()}


def described(provider: Provider, bucket: str, store: Store) -> dict[str, dict[str, Any]]:
    """What the store says of each object beside its bytes; without what is Holdall's own."""
    found = {}
    for entry in store.entries():
        head = provider.client.head_object(Bucket=bucket, Key=store.storage._key(entry.name))
        found[entry.name] = {name: head.get(name) for name in KEPT_INSIDE}
        found[entry.name]["Metadata"] = {
            name: value for name, value in head["Metadata"].items() if not name.startswith("holdall-")
        }
    return found


@pytest.fixture(params=["wire", "obstore", "own lane"])
def lane(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Either way that small files go."""
    take(request.param, monkeypatch)
    return str(request.param)


@everywhere
def test_folder_becomes_a_store_as_if_each_file_was_saved(
    media: Folder, make_store: MakeStore, provider: Provider, bucket: str, lane: str
) -> None:
    store, saved = make_store("copied"), make_store("saved")
    outcome = copy(media, store)

    assert (outcome.copied.files, outcome.failures, outcome.conflicts) == (len(FILES), [], [])
    assert len(outcome.unproven) == 0
    assert contents(store) == FILES
    for name in FILES:
        with File(media.open(name)) as file:
            assert saved.storage.save(name, file) == name
    assert described(provider, bucket, store) == described(provider, bucket, saved)


@everywhere
def test_store_becomes_another_with_all_that_it_said(
    media: Folder, make_store: MakeStore, provider: Provider, bucket: str, lane: str
) -> None:
    source, destination = make_store("from"), make_store("to")
    copy(media, source)
    key = source.storage._key
    said: dict[str, Any] = {
        "ContentType": "text/x-own",
        "CacheControl": "no-store",
        "ContentDisposition": 'inline; filename="x"',
        "Expires": datetime(2031, 1, 2, 3, 4, 5, tzinfo=UTC),
    }
    for name, content in (("own.txt", b"small"), ("own.bin", b"b" * 3_000_000), ("own-large.bin", b"l" * 20_000_000)):
        provider.client.put_object(Bucket=bucket, Key=key(name), Body=content, Metadata={"by": "ada"}, **said)
    provider.client.put_object(Bucket=bucket, Key=key("untyped.png"), Body=b"\x89PNG\r\n\x1a\n")

    outcome = copy(source, destination)

    assert outcome.failures == []
    assert contents(destination) == contents(source)
    here, there = described(provider, bucket, source), described(provider, bucket, destination)
    for name in ("own.txt", "own.bin", "own-large.bin"):
        assert there[name] == here[name]
        assert there[name]["Expires"] == said["Expires"]
        assert there[name]["Metadata"] == {"by": "ada"}
    # What the source does not say is the destination's rule.
    assert there["untyped.png"]["ContentType"] == "image/png"
    assert {name: there[name] for name in FILES} == {name: here[name] for name in FILES}


@everywhere
def test_store_becomes_a_folder(media: Folder, make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store("from")
    copy(media, store)
    back = Folder(tmp_path / "back")

    assert copy(store, back).failures == []
    assert {entry.name: back.file(entry.name).read_bytes() for entry in back.entries()} == FILES
    times = {entry.name: entry.modified for entry in store.entries()}
    assert {entry.name: entry.modified for entry in back.entries()} == times
    assert plan.make(store, back).same.files == len(FILES)


@everywhere
def test_plan_counts_and_changes_nothing(media: Folder, make_store: MakeStore) -> None:
    store = make_store("to")
    store.storage.save("a.txt", _file("text"))
    store.storage.save("data.json", _file("not the same"))
    store.storage.save("only-there.txt", _file("text"))
    before = list(store.entries())

    planned = plan.make(media, store)

    assert (planned.to_copy.files, planned.same.files) == (len(FILES) - 2, 1)
    assert [entry.name for entry in planned.conflicts] == ["data.json"]
    assert planned.only_there.files == 1
    assert planned.to_copy.size_bytes == sum(len(FILES[name]) for name in FILES if name not in {"a.txt", "data.json"})
    assert list(store.entries()) == before


@everywhere
def test_what_is_there_is_never_overwritten(media: Folder, make_store: MakeStore) -> None:
    store = make_store("to")
    planned = plan.make(media, store)
    # Since the plan was made: a small file, and one of several parts.
    for name in ("a.txt", "large.bin"):
        store.storage.save(name, _file("other"))

    outcome = copying.apply(planned)

    assert sorted(outcome.conflicts) == ["a.txt", "large.bin"]
    assert outcome.copied.files == len(FILES) - 2
    assert store.storage.open("large.bin").read() == b"other"
    uploads = store.storage.store.client.list_multipart_uploads(
        Bucket=store.storage.bucket_name, Prefix=store.storage.location
    )
    assert uploads.get("Uploads", []) == []


@on_one_server
def test_done_work_is_not_done_again(media: Folder, make_store: MakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store, other = make_store("to"), make_store("other")
    copy(media, store)
    copy(store, other)
    for source, destination in ((media, store), (store, other)):
        again = plan.make(source, destination)
        assert (again.to_copy.files, again.same.files) == (0, len(FILES))


@on_one_server
def test_packed_files_are_unpacked_in_a_folder_and_known_again(
    media: Folder, make_store: MakeStore, tmp_path: Path
) -> None:
    packed = make_store("packed", options={"gzip": True})
    assert copy(media, packed).failures == []
    assert plan.make(media, packed).to_copy.files == 0
    assert plan.make(media, packed).in_conflict.files == 0
    back = Folder(tmp_path / "back")
    assert copy(packed, back).failures == []
    assert back.file("a.txt").read_bytes() == FILES["a.txt"]


@on_one_server
def test_prefix_and_time_choose_and_names_stay_whole(media: Folder, make_store: MakeStore) -> None:
    store = make_store("to")
    copy(media, store, prefix="a")
    assert {entry.name for entry in store.entries()} == {"a.txt", "a/b.txt", "a-b/picture.png"}
    assert {entry.name for entry in media.entries("a.txt/")} == set()
    assert {entry.name for place in (store, media) for entry in place.entries("a//")} == set()
    os.utime(media.file("data.json"), (1, 1))
    entry = next(entry for entry in media.entries() if entry.name == "page.html")
    later = plan.make(media, store, since=entry.modified)
    assert "data.json" not in {step.name for step in later.steps}


@on_one_server
def test_what_cannot_be_copied_is_named_and_stops_nothing(
    media: Folder, make_store: MakeStore, tmp_path: Path, location: str
) -> None:
    latin = Path(os.fsdecode(os.fsencode(media.path) + b"/latin-\xe9.txt"))
    latin.write_bytes(b"x")
    (media.path / ("d" * 200) / ("e" * 200) / ("f" * 200) / ("g" * 200)).mkdir(parents=True)
    long_name = "/".join([letter * 200 for letter in "defg"] + ["h" * 230])
    (media.path / long_name).write_bytes(b"x")
    (tmp_path / "outside.txt").write_bytes(b"secret")
    (media.path / "link.txt").symlink_to(tmp_path / "outside.txt")
    (media.path / "loop").symlink_to(media.path)
    (media.path / "inside.txt").symlink_to(media.path / "a.txt")
    os.mkfifo(media.path / "pipe")
    store = make_store("to", location=f"{location}/{'l' * 60}")

    planned = plan.make(media, store)
    outcome = copying.apply(planned)

    assert {trouble.name for trouble in planned.troubles} == {
        "latin-\\udce9.txt",
        long_name,
        "link.txt",
        "loop",
        "pipe",
    }
    assert outcome.copied.files == len(FILES) + 1
    assert store.storage.open("inside.txt").read() == FILES["a.txt"]
    assert not store.storage.exists("link.txt")


@on_one_server
def test_name_that_leads_out_of_the_folder_is_not_written(make_store: MakeStore, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "inner" / "way").symlink_to(tmp_path / "outside")
    destination = Folder(tmp_path / "inner")
    single = copier.Copier(make_store("from"), destination, 1)
    for name in ("../x", "way/x", "a/../../x"):
        assert "Nothing was written" in single.copy(Entry(name, 1, None)).reason  # type: ignore[union-attr]  # a refusal is a Trouble
    assert list((tmp_path / "outside").iterdir()) == []


@on_one_server
def test_fork_is_copied_with_what_it_shows(
    make_store: MakeStore, provider: Provider, bucket: str, location: str
) -> None:
    from tests.stores import build_fork

    parent = make_store("parent")
    for name in ("kept.txt", "hidden.txt"):
        parent.storage.save(name, _file(f"parent's {name}"))
    fork = Store(
        build_fork(
            provider.environ(bucket, location=f"{location}/fork"),
            provider.environ(bucket, location=f"{location}/parent"),
        )
    )
    fork.storage.save("own.txt", _file("own"))
    fork.storage.delete("hidden.txt")
    other = make_store("other")

    assert copy(fork, other).failures == []
    assert contents(other) == {"kept.txt": b"parent's kept.txt", "own.txt": b"own"}


def test_entries_are_sorted_outside_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "HELD", 100)
    monkeypatch.setattr(entries, "BATCH", 10)
    names = [f"{number:05}" for number in range(1234)]
    shuffled = sorted(names, key=lambda name: name[::-1])
    assert list(entries.in_order(shuffled, lambda name: name)) == names
    monkeypatch.setattr(entries.tempfile, "TemporaryFile", _no_place)
    assert list(entries.in_order(shuffled, lambda name: name)) == names


def _no_place(**_options: Any) -> Any:
    raise FileNotFoundError("No usable temporary directory found")


def _file(text: str) -> Any:
    return ContentFile(text.encode())
