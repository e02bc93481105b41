"""Copying where somebody is in the way: odd names, files that change, disks that cannot, stores of others."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.handlers import validate_ascii_metadata
from django.core.files.base import ContentFile

from holdall.bulk import copier, copying, landing, places, plan, trash, work
from holdall.bulk.entries import Entry
from holdall.bulk.places import Folder, Store, overlap
from holdall.errors import InvalidName, WriteRefused
from holdall.s3 import bulklane
from holdall.s3.trash import FOLDER
from tests.bulk.conftest import take
from tests.bulk.test_copy import MakeStore, contents, copy
from tests.bulk.test_trash import holdall
from tests.contract import only
from tests.providers import Provider
from tests.servers.fault_proxy import Exchange, FaultProxy, Rule, answers_500_before, flips_a_bit
from tests.stores import build_fork, build_storage

on_one_server = only("seaweedfs-http")
ODD = [
    "100%.txt",
    "a%2Fb.txt",
    "a+b c.txt",
    "e\u0301-nfd.txt",
    "\u00e9-nfc.txt",
    "\u202egpj.exe",
    "q?a=b&c#d.txt",
    "[x]{y}^z`~|<>.txt",
    "back\\slash.txt",
    "quo\"te'.txt",
    " leading and trailing ",
    "a/ b /c.txt",
    "\U0001f600.txt",
    "...",
    "a..b",
]


@pytest.fixture(params=["wire", "obstore", "own lane"])
def lane(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    take(request.param, monkeypatch)
    return str(request.param)


def written(folder: Path, files: dict[str, bytes]) -> Folder:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return Folder(folder)


def names_of(troubles: list[Any]) -> set[str]:
    return {trouble.name for trouble in troubles}


@on_one_server
def test_odd_names_arrive_as_they_are_or_are_named(lane: str, make_store: MakeStore, tmp_path: Path) -> None:
    source = written(tmp_path / "media", {name: name.encode() for name in ODD})
    first, second = make_store("first"), make_store("second")

    planned = plan.make(source, first)
    outcome = copying.apply(planned)
    assert outcome.failures == []
    arrived = contents(first)
    assert arrived == {name: name.encode() for name in ODD if name in arrived}
    assert set(ODD) - set(arrived) == names_of(planned.troubles)
    assert copy(first, second).failures == []
    assert contents(second) == arrived
    back = Folder(tmp_path / "back")
    assert copy(second, back).failures == []
    assert {entry.name: back.file(entry.name).read_bytes() for entry in back.entries()} == arrived


def test_key_that_is_a_path_is_not_written_there(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "to")
    for name in ("/x", "//x", "a//b", "a/", "/etc/x", "x\0y", "a/" + "\u00e9" * 128):
        with pytest.raises(InvalidName):
            folder.file(name)
        assert folder.refuses(name)


@on_one_server
def test_file_that_changes_while_it_is_sent_is_not_stored(
    make_store: MakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = written(tmp_path / "media", {"small.txt": b"a" * 10, "large.bin": b"a" * 20_000_000})
    store = make_store("to")
    read, opened = copier._Watched.read, Folder.open

    def changes(watched: Any, size: int = -1) -> bytes:
        piece: bytes = read(watched, size)
        with (source.path / "large.bin").open("r+b") as file:
            file.write(b"b")
        return piece

    def changes_small(folder: Folder, name: str) -> Any:
        file = opened(folder, name)
        if name == "small.txt":
            with (source.path / name).open("ab") as other:
                other.write(b"b")
        return file

    planned = plan.make(source, store)
    monkeypatch.setattr(copier._Watched, "read", changes)
    monkeypatch.setattr(Folder, "open", changes_small)
    outcome = copying.apply(planned)

    assert names_of(outcome.failures) == {"small.txt", "large.bin"}
    assert contents(store) == {}


@on_one_server
def test_object_that_is_replaced_since_the_plan_is_not_copied(
    lane: str, make_store: MakeStore, provider: Provider, bucket: str, tmp_path: Path
) -> None:
    source = make_store("from")
    sizes = {"small.txt": 10, "middle.bin": 100_000, "large.bin": 9_000_000}
    for name, size in sizes.items():
        source.storage.save(name, ContentFile(b"a" * size))
    to_store, to_folder = plan.make(source, make_store("to")), plan.make(source, Folder(tmp_path / "back"))
    for name, size in sizes.items():
        provider.client.put_object(Bucket=bucket, Key=source.storage._key(name), Body=b"b" * size)

    for planned in (to_store, to_folder):
        outcome = copying.apply(planned)
        assert names_of(outcome.failures) == set(sizes)
        assert list(planned.destination.entries()) == []


@on_one_server
def test_file_that_goes_while_the_plan_is_made_stops_nothing(
    make_store: MakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = written(tmp_path / "media", {"a.txt": b"a", "gone.txt": b"b", "z.txt": b"z"})
    store = make_store("to")
    for name in ("gone.txt", "z.txt"):
        store.storage.save(name, ContentFile(b"?"))
    opened = Folder.open

    def gone(folder: Folder, name: str) -> Any:
        (folder.path / "gone.txt").unlink(missing_ok=True)
        return opened(folder, name)

    monkeypatch.setattr(Folder, "open", gone)
    planned = plan.make(source, store)
    assert names_of(planned.troubles) == {"gone.txt"}
    assert [entry.name for entry in planned.conflicts] == ["z.txt"]
    assert [entry.name for entry in planned.steps] == ["a.txt"]


@on_one_server
def test_store_of_another_environment_is_not_written(
    lane: str, make_store: MakeStore, provider: Provider, bucket: str, location: str, tmp_path: Path
) -> None:
    owned = make_store("owned", STORAGE_ENVIRONMENT="production")
    owned.storage.save("theirs.txt", ContentFile(b"theirs"))
    stranger = make_store("owned", STORAGE_ENVIRONMENT="staging")
    source = written(tmp_path / "media", {f"{number}.txt": b"%d" % number for number in range(50)})

    outcome = copying.apply(plan.make(source, stranger))

    assert outcome.copied.files == 0
    # Not one failure for each: after the first no other is tried, and they are counted.
    assert len(outcome.failures) < 50
    assert "not tried" in outcome.failures[-1].reason
    assert contents(owned) == {"theirs.txt": b"theirs"}


@on_one_server
def test_what_the_project_says_of_each_object_goes_along(
    lane: str, make_store: MakeStore, provider: Provider, bucket: str, tmp_path: Path
) -> None:
    said = {"Tagging": "kind=media", "Metadata": {"by": "ada"}}
    source = written(tmp_path / "media", {"a.txt": b"a", "large.bin": b"l" * 9_000_000})
    first, second = (make_store(name, options={"object_parameters": said}) for name in ("first", "second"))
    assert copy(source, first).failures == []
    assert copy(first, second).failures == []
    for store in (first, second):
        for name in ("a.txt", "large.bin"):
            key = store.storage._key(name)
            tags = provider.client.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
            assert tags == [{"Key": "kind", "Value": "media"}]
            assert provider.client.head_object(Bucket=bucket, Key=key)["Metadata"]["by"] == "ada"


@pytest.mark.parametrize("provider", ["seaweedfs-https"], indirect=True, scope="session")
def test_files_encrypted_with_a_key_of_the_projects_are_copied_and_come_back(
    make_store: MakeStore, tmp_path: Path
) -> None:
    files = {"a.txt": b"a" * 100, "middle.bin": b"m" * 100_000, "large.bin": b"l" * 9_000_000}
    options = {"object_parameters": {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}}
    first, second = (make_store(name, options=options, STORAGE_TRASH="30d") for name in ("first", "second"))
    back = Folder(tmp_path / "back")

    for source, destination in ((written(tmp_path / "media", files), first), (first, second), (second, back)):
        assert copy(source, destination).failures == []
        assert plan.make(source, destination).same.files == len(files)
    assert contents(second) == files
    assert {entry.name: back.file(entry.name).read_bytes() for entry in back.entries()} == files

    second.storage.delete("a.txt")
    (one,) = trash.entries(second.storage)
    trash.restore(second.storage, one)
    assert contents(second) == files


@on_one_server
def test_type_that_an_uploader_chose_runs_no_script(make_store: MakeStore, provider: Provider, bucket: str) -> None:
    source, destination = make_store("from"), make_store("to")
    key = source.storage._key("a.png")
    provider.client.put_object(Bucket=bucket, Key=key, Body=b"<script>", ContentType="text/html")
    assert copy(source, destination).failures == []
    head = provider.client.head_object(Bucket=bucket, Key=destination.storage._key("a.png"))
    assert (head["ContentType"], head["ContentDisposition"]) == ("text/html", "attachment")


@on_one_server
def test_store_without_conditional_writes_keeps_what_came_meanwhile(
    lane: str, make_store: MakeStore, tmp_path: Path
) -> None:
    source, store = written(tmp_path / "media", {"a.txt": b"a", "b.txt": b"b"}), make_store("to")
    planned = plan.make(source, store)
    store.storage.save("a.txt", ContentFile(b"other"))
    store.storage.store.conditional_put = False
    try:
        outcome = copying.apply(planned)
    finally:
        store.storage.store.conditional_put = None
    assert (outcome.conflicts, outcome.failures) == (["a.txt"], [])
    assert contents(store) == {"a.txt": b"other", "b.txt": b"b"}


@on_one_server
def test_etag_that_is_no_md5_is_no_failure(
    make_store: MakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As of a bucket that encrypts with a key of KMS: our own lane is asked what was stored, and says so.
    take("obstore", monkeypatch)
    create, asked = bulklane.BulkLane.create, []

    def encrypted(lane: Any, key: str, data: bytes, parameters: Any) -> str:
        asked.append(key)
        create(lane, key, data, parameters)
        return '"0123456789abcdef0123456789abcdef"'

    monkeypatch.setattr(bulklane.BulkLane, "create", encrypted)
    source = written(tmp_path / "media", {f"{number}.txt": b"%d" % number for number in range(5)})
    outcome = copying.apply(plan.make(source, make_store("to")), workers=1)
    assert (outcome.copied.files, outcome.failures, len(asked)) == (5, [], 1)


@on_one_server
def test_damage_on_the_way_is_sent_again_or_named(
    lane: str, provider: Provider, bucket: str, location: str, tmp_path: Path
) -> None:
    source = written(tmp_path / "media", {"a.txt": b"a" * 5_000})
    with FaultProxy(provider.endpoint_url, Rule("PutObject", flips_a_bit, times=1)) as proxy:
        environ = provider.environ(bucket, location=location)
        through: Any = build_storage(environ | {"AWS_S3_ENDPOINT_URL": proxy.url})
        # What it asks the store first is not what is to be damaged.
        through.store.conditional_put = True
        outcome = copy(source, Store(through))
    storage: Any = build_storage(environ)
    assert outcome.copied.files + len(outcome.failures) == 1
    assert len(outcome.unproven) == 0
    assert contents(Store(storage)) == ({"a.txt": b"a" * 5_000} if outcome.copied.files else {})


@on_one_server
def test_damage_whose_answer_is_lost_is_not_taken_for_the_file(
    lane: str, make_store: MakeStore, provider: Provider, bucket: str, location: str
) -> None:
    def flips_a_bit_and_is_lost(exchange: Exchange) -> None:
        body = exchange.request.body
        exchange.forward(body=body[:-1] + bytes([body[-1] ^ 1]))
        answers_500_before(exchange)

    source = make_store("from")
    source.storage.save("a.txt", ContentFile(b"a" * 5_000))
    with FaultProxy(provider.endpoint_url, Rule("PutObject", flips_a_bit_and_is_lost)) as proxy:
        environ = provider.environ(bucket, location=f"{location}/to")
        through: Any = build_storage(environ | {"AWS_S3_ENDPOINT_URL": proxy.url})
        through.store.conditional_put = True
        outcome = copy(source, Store(through))
        assert outcome.copied.files + len(outcome.failures) == 1
        assert copy(source, Store(through)).failures == []
    assert (len(outcome.unproven), contents(make_store("to"))) == (0, {"a.txt": b"a" * 5_000})


@on_one_server
def test_file_that_goes_from_the_source_is_named_in_our_words(lane: str, make_store: MakeStore) -> None:
    source = make_store("from")
    source.storage.save("gone.txt", ContentFile(b"gone"))
    planned = plan.make(source, make_store("to"))
    source.storage.delete("gone.txt")
    (trouble,) = copying.apply(planned).failures
    assert "does not exist" in trouble.reason
    assert "<" not in trouble.reason


@on_one_server
def test_damage_in_the_reading_is_not_called_proven(make_store: MakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_store("from")
    source.storage.save("a.txt", ContentFile(b"a" * 5_000))
    take("obstore", monkeypatch)
    fetch = copier._got

    def damaged(*arguments: Any) -> Any:
        data, *rest = fetch(*arguments)
        return b"b" + data[1:], *rest

    monkeypatch.setattr(copier, "_got", damaged)
    (failure,) = copy(source, make_store("to")).failures
    assert "twice, with different content" in failure.reason
    assert contents(make_store("to")) == {}
    # It is the same each time where a store encrypts.
    monkeypatch.setattr(copier, "digest", lambda *_: hashlib.sha256(b"b" + b"a" * 4_999).digest())
    assert list(copy(source, make_store("to")).unproven) == ["a.txt"]


@on_one_server
def test_damage_on_the_way_into_a_folder_is_named(
    make_store: MakeStore, provider: Provider, bucket: str, location: str, tmp_path: Path
) -> None:
    make_store("from").storage.save("a.txt", ContentFile(b"a" * 5_000))

    def flips_a_bit_of_the_answer(exchange: Exchange) -> None:
        answer = exchange.forward()
        exchange.answer(replace(answer, body=answer.body[:-1] + b"b"))

    with FaultProxy(provider.endpoint_url, Rule("GetObject", flips_a_bit_of_the_answer)) as proxy:
        environ = provider.environ(bucket, location=f"{location}/from")
        through: Any = build_storage(environ | {"AWS_S3_ENDPOINT_URL": proxy.url})
        (failure,) = copy(Store(through), Folder(tmp_path / "to")).failures
        assert "twice, with different content" in failure.reason
        assert not (tmp_path / "to/a.txt").exists()
        assert copy(Store(through), Folder(tmp_path / "to")).copied.files == 1


# -- to replace


@on_one_server
def test_replaced_file_is_in_the_trash(lane: str, make_store: MakeStore, tmp_path: Path) -> None:
    source = written(tmp_path / "media", {"a.txt": b"new", "b.txt": b"b", "z/large.bin": b"n" * 9_000_000})
    store = make_store("to")
    for name in ("a.txt", "z/large.bin"):
        store.storage.save(name, ContentFile(b"old"))

    planned = plan.make(source, store, replaces=True)
    assert (planned.to_copy.files, planned.in_conflict.files, planned.all_to_do.files) == (1, 2, 3)
    outcome = copying.apply(planned)

    assert (outcome.copied.files, outcome.conflicts, outcome.failures) == (3, [], [])
    assert contents(store) == {"a.txt": b"new", "b.txt": b"b", "z/large.bin": b"n" * 9_000_000}
    assert sorted(one.name for one in trash.entries(store.storage)) == ["a.txt", "z/large.bin"]
    assert plan.make(source, store).same.files == 3


@on_one_server
def test_file_that_came_since_the_plan_is_not_replaced_and_what_fails_brings_it_back(
    make_store: MakeStore, tmp_path: Path
) -> None:
    source = written(tmp_path / "media", dict.fromkeys(("came.txt", "changed.txt", "fails.txt"), b"new"))
    store = make_store("to")
    for name in ("changed.txt", "fails.txt"):
        store.storage.save(name, ContentFile(b"old"))
    planned = plan.make(source, store, replaces=True)
    store.storage.save("came.txt", ContentFile(b"came"))
    store.storage.delete("changed.txt")
    store.storage.save("changed.txt", ContentFile(b"another"))
    source.file("fails.txt").unlink()

    outcome = copying.apply(planned)

    assert sorted(outcome.conflicts) == ["came.txt", "changed.txt"]
    assert names_of(outcome.failures) == {"fails.txt"}
    assert contents(store) == {"came.txt": b"came", "changed.txt": b"another", "fails.txt": b"old"}


@on_one_server
def test_fork_is_filled_and_its_parent_is_not_touched(
    make_store: MakeStore, provider: Provider, bucket: str, location: str, tmp_path: Path
) -> None:
    parent = make_store("parent")
    for name in ("parents.txt", "hidden.txt"):
        parent.storage.save(name, ContentFile(b"old"))
    fork = Store(
        build_fork(
            provider.environ(bucket, location=f"{location}/fork"),
            provider.environ(bucket, location=f"{location}/parent"),
        )
    )
    fork.storage.save("own.txt", ContentFile(b"old"))
    fork.storage.delete("hidden.txt")
    source = written(tmp_path / "media", dict.fromkeys(("own.txt", "parents.txt", "hidden.txt", "new.txt"), b"new"))

    outcome = copy(source, fork, replaces=True)

    assert (outcome.copied.files, outcome.conflicts, outcome.failures) == (4, [], [])
    assert set(contents(fork).values()) == {b"new"}
    assert fork.storage.open("parents.txt").read() == b"new"
    assert contents(parent) == {"parents.txt": b"old", "hidden.txt": b"old"}
    assert [one.name for one in trash.entries(fork.storage)] == ["own.txt"]


def test_replaced_file_of_a_folder_is_in_its_trash(tmp_path: Path) -> None:
    source = written(tmp_path / "from", {"a.txt": b"new", "sub/b.txt": b"new", "fails.txt": b"new"})
    destination = written(tmp_path / "to", {"a.txt": b"old", "sub/b.txt": b"old!", "fails.txt": b"old"})
    planned = plan.make(source, destination, replaces=True)
    source.file("fails.txt").unlink()

    outcome = copying.apply(planned)

    assert (outcome.copied.files, outcome.conflicts, names_of(outcome.failures)) == (2, [], {"fails.txt"})
    found = {entry.name: destination.file(entry.name).read_bytes() for entry in destination.entries()}
    assert found == {"a.txt": b"new", "sub/b.txt": b"new", "fails.txt": b"old"}
    trashed = {path.name: path.read_bytes() for path in (destination.path / FOLDER).rglob("*") if path.is_file()}
    assert trashed == {"a.txt": b"old", "b.txt": b"old!"}


# -- the folder


def test_disk_that_is_blind_to_case_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, destination = written(tmp_path / "from", {"A.txt": b"A"}), Folder(tmp_path / "to")

    def blind(_one: Any, _other: Any) -> None:
        raise FileExistsError

    monkeypatch.setattr(landing.os, "link", blind)
    outcome = copy(source, destination)
    assert "case" in outcome.failures[0].reason
    assert list(destination.path.iterdir()) == []


def test_file_and_folder_of_one_name_are_named(tmp_path: Path) -> None:
    destination = written(tmp_path / "to", {"a": b"file"})
    single = copier.Copier(written(tmp_path / "from", {"a/b.txt": b"b"}), destination, 1)
    done: Any = single.copy(Entry("a/b.txt", 1, None))
    assert "needs a folder" in done.reason


def test_other_runs_unfinished_file_is_not_shared(tmp_path: Path) -> None:
    source, destination = written(tmp_path / "from", {"a.txt": b"a"}), Folder(tmp_path / "to")
    # A user's file of such a name is a file.
    written(destination.path, {"own.holdall-unfinished": b"x", f".{'0' * 16}.holdall-unfinished": b"x"})
    assert copy(source, destination).failures == []
    assert sorted(path.name for path in destination.path.iterdir()) == ["a.txt", "own.holdall-unfinished"]


def test_places_that_overlap_are_refused(tmp_path: Path) -> None:
    outer, inner, beside = (Folder(tmp_path / name) for name in ("a", "a/b", "ab"))
    assert "overlap" in overlap(outer, inner)
    assert "overlap" in overlap(inner, outer)
    assert "the same" in overlap(outer, Folder(tmp_path / "b" / ".." / "a"))
    assert overlap(outer, beside) == ""


# -- the end of it


def test_work_that_is_ended_ends_soon_and_begins_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # However slow this thread is, no more is begun before it has the first result.
    monkeypatch.setattr(copying, "GROUP", 10)
    monkeypatch.setattr(copying, "AHEAD", 2)
    source = written(tmp_path / "from", {f"{number:04}.txt": b"x" for number in range(400)})
    planned = plan.make(source, Folder(tmp_path / "to"))
    reported = []

    def interrupts(step: Entry, _done: Any) -> None:
        reported.append(step)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copying.apply(planned, workers=2, report=interrupts)
    assert len(reported) == 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("holdall-bulk")]
    left = [path.name for path in (tmp_path / "to").iterdir()]
    assert len(left) < 400
    assert not [name for name in left if name.endswith("unfinished")]


def test_ended_pace_waits_no_longer() -> None:
    pace = work.Pace(1)
    pace.ended.set()
    with pytest.raises(work.Ended):
        pace.keep(lambda: pytest.fail("it is not begun"))


def test_verdict_that_cannot_be_had_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, destination = written(tmp_path / "from", {"a.txt": b"a"}), Folder(tmp_path / "to")
    planned = plan.make(source, destination)

    def refused(_plan: Any, _side: str) -> Any:
        raise WriteRefused("the keys have expired")

    monkeypatch.setattr(plan.Plan, "listed", refused)
    outcome = copying.apply(planned)
    assert outcome.copied.files == 0
    assert "could not be verified" in outcome.failures[0].reason


# -- the command


def test_command_says_what_it_replaces_and_refuses_what_it_cannot(tmp_path: Path) -> None:
    source, destination = written(tmp_path / "from", {"a.txt": b"new"}), written(tmp_path / "to", {"a.txt": b"old"})
    order = ("copy", str(source.path), str(destination.path))
    assert holdall({}, *order, "--plan")[0] == 1
    assert holdall({}, *order, "--plan", "--on-conflict", "replace")[0] == 0
    assert "overlap" in holdall({}, "copy", str(tmp_path), str(destination.path), "--plan")[1]
    report = tmp_path / "no" / "such" / "report.json"
    assert holdall({}, *order, "--on-conflict", "replace", "--yes", "--report", str(report))[0] == 2
    assert destination.file("a.txt").read_bytes() == b"old"

    code, said = holdall({}, *order, "--on-conflict", "replace", "--yes", "--json")
    events = [json.loads(line) for line in said.splitlines()]
    assert code == 0
    assert [event["event"] for event in events] == ["plan", "outcome"]
    assert events[0]["on_conflict"] == "replace"
    assert events[1]["copied"]["files"] == 1
    assert destination.file("a.txt").read_bytes() == b"new"
    assert holdall({}, *order, "--plan")[0] == 0


def test_letters_that_windows_keeps_for_paths_are_refused_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(tmp_path)
    assert not folder.refuses("..\\..\\x")
    monkeypatch.setattr(places, "_NO_LETTERS", frozenset('<>:"|?*\\'))
    assert all("Windows" in folder.refuses(name) for name in ("..\\..\\x", "C:x", "a/b?.txt"))


def test_what_a_disk_says_comes_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = written(tmp_path / "media", {"a.txt": b"a", "b.txt": b"b"})
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    name_it = landing._name

    def fails(unfinished: Path, path: Path, name: str) -> None:
        if name == "a.txt":
            raise full
        name_it(unfinished, path, name)

    monkeypatch.setattr(landing, "_name", fails)
    outcome = copy(source, Folder(tmp_path / "to"))
    assert [(one.name, "Make room there" in one.reason) for one in outcome.failures] == [("a.txt", True)]
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["b.txt"]


def test_link_to_nothing_is_named_as_one(tmp_path: Path) -> None:
    source = written(tmp_path / "media", {"a.txt": b"a"})
    (source.path / "dangling").symlink_to("nowhere")
    (source.path / "itself").symlink_to("itself")
    assert [entry.name for entry in source.entries()] == ["a.txt"]
    assert {one.name: "link to nothing" in one.reason for one in source.troubles} == {"dangling": True, "itself": True}


def test_file_that_another_run_copied_into_the_folder_is_no_conflict(tmp_path: Path) -> None:
    source, to = written(tmp_path / "media", {"a.txt": b"a", "b.txt": b"b"}), Folder(tmp_path / "to")
    planned = plan.make(source, to)
    written(tmp_path / "to", {"a.txt": b"a", "b.txt": b"other"})
    outcome = copying.apply(planned)
    assert (outcome.copied.files, outcome.conflicts, outcome.failures) == (1, ["b.txt"], [])


def test_folders_in_folders_have_no_end_that_stops_a_run(tmp_path: Path) -> None:
    # As many as a key has room for: more than Python lets a function call itself, and pathlib calls itself for each.
    deep = "d/" * 500 + "a.txt"
    source = Folder(tmp_path / "media")
    landing._make_folders(source.file(deep).parent)
    source.file(deep).write_bytes(b"a")
    (source.path / "z.txt").write_bytes(b"z")
    (source.path / "d/d/up").symlink_to("..")
    to = Folder(tmp_path / "to")
    outcome = copy(source, to)
    assert (outcome.copied.files, outcome.failures) == (2, [])
    assert to.file(deep).read_bytes() == b"a"
    assert [one.name for one in source.troubles] == ["d/d/up"]
    # What removes the folders of tests calls itself for each, too.
    (source.path / "d/d/up").unlink()
    for folder in (source, to):
        folder.file(deep).unlink()
        os.removedirs(folder.file(deep).parent)


@on_one_server
def test_letters_that_other_programs_stored_arrive_as_they_are(
    make_store: MakeStore, provider: Provider, bucket: str
) -> None:
    first, second = make_store("first"), make_store("second")
    sizes = {"small.pdf": 3, "large.pdf": 70_000}
    client = provider.client_for(provider.keys)
    client.meta.events.unregister("before-parameter-build.s3.PutObject", validate_ascii_metadata)
    disposition = 'attachment; filename="Gr\u00f6\u00dfe.pdf"'
    for name, size in sizes.items():
        client.put_object(
            Bucket=bucket, Key=first.storage._key(name), Body=b"a" * size, ContentDisposition=disposition,
            Metadata={"title": "Gr\u00f6\u00dfe"},
        )  # fmt: skip
    assert copy(first, second).failures == []
    for name in sizes:
        said = client.head_object(Bucket=bucket, Key=second.storage._key(name))
        assert said["ContentDisposition"].encode("latin-1").decode() == disposition
        assert said["Metadata"]["title"] == "=?UTF-8?B?R3LDtsOfZQ==?="


@on_one_server
def test_file_that_became_something_else_is_named_and_not_read(
    lane: str, make_store: MakeStore, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"s" * 5)
    source = written(tmp_path / "media", dict.fromkeys(("pipe", "link", "folder", "real", "inside"), b"a" * 5))
    store = make_store("to")
    planned = plan.make(source, store)
    for name in ("pipe", "link", "folder", "inside"):
        (source.path / name).unlink()
    os.mkfifo(source.path / "pipe")
    (source.path / "link").symlink_to(secret)
    (source.path / "folder").mkdir()
    (source.path / "inside").symlink_to("real")
    outcome = copying.apply(planned)
    assert names_of(outcome.failures) == {"pipe", "link", "folder"}
    assert contents(store) == {"real": b"a" * 5, "inside": b"a" * 5}
