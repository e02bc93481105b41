"""The trash: what is deleted can be brought back as it was."""

from __future__ import annotations

import argparse
import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import django.db
import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import transaction
from django.db.utils import ConnectionHandler

from holdall import cli
from holdall.bulk import trash
from holdall.bulk.places import Store
from holdall.cli import trash as command
from holdall.errors import HoldallError, InvalidName, NameTaken, ObjectNotFound, StoreFailed, WriteRefused
from holdall.s3 import ranges, saving
from holdall.s3.begun import MARK, mark_of_copy
from holdall.s3.trash import FOLDER, Trashed, read_key
from holdall.storage import MediaStorage
from holdall.storage.commits import after_commit
from tests.bulk.test_copy import MakeStore, contents, described
from tests.contract import only
from tests.providers import Provider
from tests.servers.fault_proxy import FaultProxy, Rule, answers_500_before
from tests.stores import build_fork, build_storage

everywhere = only("seaweedfs-http", "ceph-http", "ministack")
on_one_server = only("seaweedfs-http")
DAYS = {"STORAGE_TRASH": "30d"}
CONTENT = b"\x89PNG\r\n\x1a\n" + b"p" * 300


SAID: dict[str, Any] = {
    "ContentType": "text/x-own",
    "CacheControl": "no-store",
    "ContentDisposition": 'inline; filename="x"',
    "Expires": datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
    "WebsiteRedirectLocation": "/elsewhere",
    "Metadata": {"by": "ada"},
}


@pytest.fixture
def store(make_store: MakeStore) -> Store:
    return make_store("own", **DAYS)


def save(store: Store, name: str, content: bytes = CONTENT) -> str:
    return str(store.storage.save(name, ContentFile(content)))


def restored(store: Store, *names: str) -> dict[str, HoldallError | None]:
    """Bring files back, and give what went wrong with each."""
    wanted = trash.latest(trash.entries(store.storage), names)
    return {one.name: one.failure for one in trash.restore_all(store.storage, wanted)}


def in_trash(store: Store) -> list[str]:
    return [one.name for one in trash.entries(store.storage)]


@everywhere
def test_file_comes_back_as_it_was(store: Store, provider: Provider, bucket: str) -> None:
    key = store.storage._key("photos/own.txt")
    provider.client.put_object(Bucket=bucket, Key=key, Body=b"own", **SAID)
    save(store, "photos/ada.png")
    before, link = described(provider, bucket, store), store.storage.url("photos/ada.png")

    for name in ("photos/ada.png", "photos/own.txt", "no-such-file.txt"):
        store.storage.delete(name)
    assert contents(store) == {}
    assert not store.storage.exists("photos/ada.png")
    assert sorted(in_trash(store)) == ["photos/ada.png", "photos/own.txt"]

    names = ("photos/ada.png", "photos/own.txt")
    assert restored(store, *names) == dict.fromkeys(names)
    assert contents(store) == {"photos/ada.png": CONTENT, "photos/own.txt": b"own"}
    assert described(provider, bucket, store) == before
    assert store.storage.url("photos/ada.png") == link
    assert in_trash(store) == []


@on_one_server
def test_name_that_is_taken_by_now_is_refused(store: Store) -> None:
    save(store, "a.png")
    store.storage.delete("a.png")
    save(store, "a.png", b"another")
    (one,) = trash.entries(store.storage)
    with pytest.raises(NameTaken):
        trash.restore(store.storage, one)
    assert contents(store) == {"a.png": b"another"}
    assert in_trash(store) == ["a.png"]


class Killed(BaseException):
    """Ends a restore, and lets nothing be taken back."""


@on_one_server
@pytest.mark.parametrize("is_long", [False, True], ids=["short", "long"])
def test_restore_goes_on_where_a_killed_one_left_the_name_reserved(
    is_long: bool, store: Store, provider: Provider, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_long:
        monkeypatch.setattr(ranges, "MAX_COPY_BYTES", 100)
        monkeypatch.setattr(ranges, "_SETTLED_SECONDS", 0)
    save(store, "a.png")
    before = described(provider, bucket, store)
    store.storage.delete("a.png")
    (one,) = trash.entries(store.storage)
    with monkeypatch.context() as patch:

        def killed(*_: Any) -> None:
            raise Killed

        patch.setattr(saving.NewObject, "_fill", killed)
        patch.setattr(saving.NewObject, "_begin_upload", killed)
        patch.setattr(saving.NewObject, "abandon", lambda _made: None)
        with pytest.raises(Killed):
            trash.restore(store.storage, one)
    assert contents(store) == {"a.png": b""}

    save(store, "empty.png", b"")
    store.storage.delete("empty.png")
    save(store, "empty.png", b"")
    assert list(trash.unfinished(store.storage)) == [one]
    store.storage.delete("empty.png")
    trash.empty(store.storage, [other for other in trash.entries(store.storage) if other.name == "empty.png"])
    trash.restore(store.storage, one)
    assert (contents(store), in_trash(store)) == ({"a.png": CONTENT}, [])
    assert described(provider, bucket, store) == before


def killed_before_the_deletion(store: Store, *names: str) -> None:
    """Restore files by a process that is killed when they are whole under their names, before it deletes them there."""

    def killed(*_: Any) -> None:
        raise Killed

    for one in trash.latest(trash.entries(store.storage), names).values():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(trash, "wrote", killed)
            with pytest.raises(Killed):
                trash.restore(store.storage, one)


@everywhere
@pytest.mark.parametrize("is_long", [False, True], ids=["short", "long"])
def test_restore_finishes_what_a_killed_one_had_brought_back(
    is_long: bool,
    store: Store,
    provider: Provider,
    bucket: str,
    location: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("empty.png", "named.png", "missing.png")
    for name in names:
        save(store, name, b"" if name == "empty.png" else CONTENT)
    before = described(provider, bucket, store)
    store.storage.delete_many(names)
    if is_long:
        # What comes back has another ETag than what is in the trash: that of one part.
        monkeypatch.setattr(ranges, "MAX_COPY_BYTES", 100)
        monkeypatch.setattr(ranges, "_SETTLED_SECONDS", 0)
    killed_before_the_deletion(store, *names)
    assert sorted(in_trash(store)) == sorted(names)

    environ = provider.environ(bucket, location=f"{location}/own", **DAYS)
    code, said = holdall(environ, "trash", "restore", "named.png")
    assert (code, said.splitlines()[0]) == (0, "restored named.png, which was back already; it is out of the trash now")
    assert sorted(one.name for one in trash.unfinished(store.storage)) == ["empty.png", "missing.png"]
    monkeypatch.setattr(command, "_missing", lambda *_: [])
    code, said = holdall(environ, "trash", "restore", "--missing")
    assert (code, said.count("which was back already")) == (0, 2)
    assert in_trash(store) == []
    assert described(provider, bucket, store) == before


@on_one_server
def test_restore_that_another_one_overtakes_has_its_file_back(store: Store) -> None:
    save(store, "a.png")
    store.storage.delete("a.png")
    (one,) = trash.entries(store.storage)
    assert trash.restore(store.storage, one)
    assert not trash.restore(store.storage, one)
    assert contents(store) == {"a.png": CONTENT}
    store.storage.delete("a.png")
    with pytest.raises(ObjectNotFound):
        trash.restore(store.storage, one)
    assert (contents(store), in_trash(store)) == ({}, ["a.png"])


@on_one_server
def test_same_file_saved_long_after_lets_the_restore_finish(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    save(store, "a.png")
    store.storage.delete("a.png")
    save(store, "a.png")
    # A deletion may be about to delete it.
    assert isinstance(restored(store, "a.png")["a.png"], NameTaken)
    monkeypatch.setattr(trash, "SETTLED_AFTER", timedelta(0))
    # No restore has begun it, so nobody but who names it is rid of what is in the trash.
    assert list(trash.unfinished(store.storage)) == []
    assert restored(store, "a.png") == {"a.png": None}
    assert (contents(store), in_trash(store)) == ({"a.png": CONTENT}, [])


@on_one_server
def test_file_that_was_changed_after_a_killed_restore_keeps_the_trash_as_it_is(
    store: Store, provider: Provider, bucket: str
) -> None:
    save(store, "a.png")
    store.storage.delete("a.png")
    killed_before_the_deletion(store, "a.png")
    key = store.storage._key("a.png")
    head = provider.client.head_object(Bucket=bucket, Key=key)
    said = {name: head[name] for name in ("ContentType", "CacheControl", "Metadata") if name in head}
    # By a program that keeps what is said of a file and changes as many bytes, or keeps the bytes and says something else.
    for body, changes in ((CONTENT[::-1], {}), (CONTENT, {"ContentType": "text/plain"})):
        provider.client.put_object(Bucket=bucket, Key=key, Body=body, **said | changes)
        assert list(trash.unfinished(store.storage)) == []
        assert isinstance(restored(store, "a.png")["a.png"], NameTaken)
        assert in_trash(store) == ["a.png"]


@on_one_server
def test_empty_file_that_has_the_name_by_now_stays(store: Store, provider: Provider, bucket: str) -> None:
    save(store, "a.png")
    store.storage.delete("a.png")
    save(store, "a.png", b"")
    (one,) = trash.entries(store.storage)
    for of_another in ({}, {MARK: mark_of_copy("a.png", one.size_bytes, f"{one.key}x")}):
        if of_another:
            key = store.storage._key("a.png")
            provider.client.put_object(Bucket=bucket, Key=key, Body=b"", Metadata=of_another)
        with pytest.raises(NameTaken):
            trash.restore(store.storage, one)
        assert (contents(store), in_trash(store)) == ({"a.png": b""}, ["a.png"])


@on_one_server
def test_last_of_several_is_restored(store: Store) -> None:
    for content in (b"first", b"second"):
        save(store, "a.png", content)
        store.storage.delete("a.png")
    found = list(trash.entries(store.storage))
    older, newer = (one._replace(deleted=one.deleted + timedelta(seconds=number)) for number, one in enumerate(found))
    assert trash.latest([newer, older], ["a.png"])["a.png"] == newer


@on_one_server
def test_deletion_waits_for_the_transaction(store: Store, transactional_db: None) -> None:
    save(store, "kept.png")
    save(store, "gone.png")

    def rolled_back() -> None:
        with transaction.atomic():
            store.storage.delete("kept.png")
            raise sqlite3.Error("rolled back")

    with pytest.raises(sqlite3.Error):
        rolled_back()
    with transaction.atomic():
        store.storage.delete("gone.png")
        store.storage.delete_many(["gone.png", "no-such-file.png"])
        assert store.storage.exists("gone.png")
    assert contents(store) == {"kept.png": CONTENT}
    assert set(in_trash(store)) == {"gone.png"}


@on_one_server
def test_file_that_was_saved_meanwhile_stays(store: Store, transactional_db: None, make_store: MakeStore) -> None:
    final = make_store("own")
    save(store, "a.png")
    with transaction.atomic():
        store.storage.delete("a.png")
        final.storage.delete("a.png")
        save(store, "a.png", b"another user's")
    assert contents(store) == {"a.png": b"another user's"}


@on_one_server
def test_copy_that_fails_deletes_nothing(provider: Provider, bucket: str, location: str) -> None:
    rule = Rule("CopyObject", answers_500_before, times=99)
    with FaultProxy(provider.endpoint_url, rule) as proxy:
        environ = provider.environ(bucket, location=location, **DAYS) | {"AWS_S3_ENDPOINT_URL": proxy.url}
        storage: Any = build_storage(environ)
        storage.save("a.png", ContentFile(CONTENT))
        with pytest.raises(StoreFailed):
            storage.delete("a.png")
    assert storage is not None
    assert build_storage(provider.environ(bucket, location=location)).open("a.png").read() == CONTENT


@on_one_server
def test_fork_keeps_its_own_trash_and_hides_the_parents(
    make_store: MakeStore, provider: Provider, bucket: str, location: str
) -> None:
    parent = make_store("parent")
    save(parent, "parents.png")
    fork = Store(
        build_fork(
            provider.environ(bucket, location=f"{location}/fork", **DAYS),
            provider.environ(bucket, location=f"{location}/parent"),
        )
    )
    save(fork, "own.png")
    fork.storage.delete_many(["own.png", "parents.png"])
    assert contents(fork) == {}
    assert in_trash(fork) == ["own.png"]
    assert contents(parent) == {"parents.png": CONTENT}
    assert in_trash(parent) == []


@on_one_server
def test_empty_takes_what_has_outlived_its_time(store: Store) -> None:
    save(store, "a.png")
    store.storage.delete("a.png")
    assert list(trash.due(store.storage, kept_seconds=3600)) == []
    trash.empty(store.storage, trash.due(store.storage, kept_seconds=0))
    assert in_trash(store) == []


@on_one_server
def test_clock_that_is_months_ahead_makes_nothing_due(
    store: Store, provider: Provider, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    for name, day in (("old.png", "2020-01-01"), ("ahead.png", f"{now + timedelta(days=9):%Y-%m-%d}")):
        key = f"{store.storage._prefix('')}{FOLDER}{day}/101010-0123456789abcdef/{name}"
        provider.client.put_object(Bucket=bucket, Key=key, Body=CONTENT)
    save(store, "a.png")
    store.storage.delete("a.png")

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(days=60)

    monkeypatch.setattr(trash, "datetime", Wrong)
    assert [one.name for one in trash.due(store.storage, kept_seconds=3600)] == ["old.png"]
    # What was deleted next week is in the trash too.
    found = list(trash.entries(store.storage))
    assert sorted(one.name for one in found) == ["a.png", "ahead.png", "old.png"]
    # Somebody else has emptied it by then.
    for _ in range(2):
        trash.empty(store.storage, found)
    assert in_trash(store) == []


def test_name_that_would_come_back_as_another_one_stays_in_the_trash() -> None:
    # No server, and none is asked.
    storage = MediaStorage(bucket_name="media", endpoint_url="http://127.0.0.1:9", access_key="a", secret_key="b")
    for name in ("a/../b", "a//b", "./a"):
        one = Trashed(name, datetime.now(UTC), f"{FOLDER}2026-11-26/101010-0123/{name}", 1, '"0"')
        with pytest.raises(InvalidName, match="still in the trash"):
            trash.restore(storage, one)


@on_one_server
def test_document_is_the_same_by_manage_py(
    store: Store, provider: Provider, bucket: str, location: str, tmp_path: Path
) -> None:
    environ = provider.environ(bucket, location=f"{location}/own", **DAYS)
    (tmp_path / "own.env").write_text("".join(f"{name}={value}\n" for name, value in environ.items()))
    for expected in ('  "files": []\n}\n', "}\n  ]\n}\n"):
        said = io.StringIO()
        call_command("holdall", "trash", "list", "--json", "--place", str(tmp_path / "own.env"), stdout=said)
        assert said.getvalue() == holdall(environ, "trash", "list", "--json")[1]
        assert said.getvalue().endswith(expected)
        save(store, "a.png")
        store.storage.delete("a.png")


def holdall(environ: dict[str, str], *arguments: str) -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    out = io.StringIO()
    code = cli.run(parser.parse_args(arguments), out=out, err=out, environ=environ)
    return code, out.getvalue()


@on_one_server
def test_commands_list_restore_and_empty(store: Store, provider: Provider, bucket: str, location: str) -> None:
    environ = provider.environ(bucket, location=f"{location}/own", **DAYS)
    for name in ("a.png", "b.png"):
        save(store, name)
        store.storage.delete(name)

    assert holdall(environ, "trash", "list")[1].endswith("2 files in the trash (616 bytes).\n")
    listed = json.loads(holdall(environ, "trash", "list", "--json")[1])["files"]
    assert sorted(one["name"] for one in listed) == ["a.png", "b.png"]
    assert holdall(environ, "trash", "restore", "a.png") == (0, "restored a.png\n1 file restored.\n")
    code, said = holdall(environ, "trash", "restore", "a.png", "never.png")
    assert (code, said.count("is not in the trash")) == (1, 2)
    assert holdall(environ, "trash", "restore")[0] == 2
    assert "manage.py" in holdall(environ, "trash", "restore", "--missing")[1]
    assert "not both" in holdall(environ, "trash", "restore", "a.txt", "--missing")[1]
    code, said = holdall(environ, "trash", "empty", "--yes")
    assert (code, said.splitlines()[0]) == (0, "To delete for good: 0 files (0 bytes).")
    assert "Newer files stay in the trash" in said
    assert holdall(environ, "trash", "empty", "--all")[0] == 1
    assert holdall(environ, "trash", "empty", "--older-than", "soon")[0] == 2
    assert "Done: 1 file deleted." in holdall(environ, "trash", "empty", "--all", "--yes")[1]
    assert in_trash(store) == []


@on_one_server
def test_what_was_restored_before_an_end_is_named(
    store: Store, provider: Provider, bucket: str, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: Any) -> Iterator[trash.Restored]:
        yield trash.Restored("a.png")
        raise WriteRefused("no more")

    monkeypatch.setattr(trash, "restore_all", ended)
    environ = provider.environ(bucket, location=f"{location}/own", **DAYS)
    code, said = holdall(environ, "trash", "restore", "a.png")
    assert (code, said.splitlines()[0]) == (1, "restored a.png")


def test_key_in_the_trash_is_read_again() -> None:
    read = read_key(f"media/{FOLDER}2026-11-26/143000-0123/photos/a.png", "media/")
    assert read is not None
    assert (read[0], f"{read[1]:%Y-%m-%d %H:%M:%S}") == ("photos/a.png", "2026-11-26 14:30:00")
    assert read_key(f"{FOLDER}something/else", "") is None


@on_one_server
def test_same_bytes_saved_again_in_the_transaction_stay(make_store: MakeStore, transactional_db: None) -> None:
    store = make_store("own", options={"file_overwrite": True}, **DAYS)
    save(store, "a.png")
    with transaction.atomic():
        store.storage.delete("a.png")
        assert save(store, "a.png") == "a.png"
    assert contents(store) == {"a.png": CONTENT}
    assert in_trash(store) == []


@on_one_server
def test_one_that_fails_stops_no_other_and_is_named(
    store: Store, monkeypatch: pytest.MonkeyPatch, transactional_db: None, caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"{number}.png" for number in range(4)]
    for name in names:
        save(store, name)
    moved = type(store.storage).into_trash

    def fails(storage: Any, name: str, *arguments: Any) -> bool:
        if name == "1.png":
            raise StoreFailed("no room")
        return moved(storage, name, *arguments)

    monkeypatch.setattr(type(store.storage), "into_trash", fails)
    with pytest.raises(StoreFailed, match=r"1 of 4.*1\.png"):
        store.storage.delete_many(names)
    assert contents(store) == {"1.png": CONTENT}
    # The rows are gone, and the request that deleted them has done what it was asked for.
    after = []
    with transaction.atomic():
        store.storage.delete("1.png")
        transaction.on_commit(lambda: after.append("done"))
    assert after == ["done"]
    assert "no room" in caplog.text
    assert contents(store) == {"1.png": CONTENT}


@on_one_server
def test_what_the_project_says_of_each_object_goes_along_and_comes_back(
    make_store: MakeStore, provider: Provider, bucket: str
) -> None:
    store = make_store("own", options={"object_parameters": {"Tagging": "kind=media"}}, **DAYS)
    save(store, "a.png")
    store.storage.delete("a.png")
    (one,) = trash.entries(store.storage)
    trash.restore(store.storage, one)
    tags = provider.client.get_object_tagging(Bucket=bucket, Key=store.storage._key("a.png"))["TagSet"]
    assert tags == [{"Key": "kind", "Value": "media"}]


@on_one_server
def test_fork_restores_nothing_over_a_file_that_its_parent_has_by_now(
    make_store: MakeStore, provider: Provider, bucket: str, location: str
) -> None:
    parent = make_store("parent")
    fork = Store(
        build_fork(
            provider.environ(bucket, location=f"{location}/fork", **DAYS),
            provider.environ(bucket, location=f"{location}/parent"),
        )
    )
    save(fork, "a.png", b"own")
    fork.storage.delete("a.png")
    save(parent, "a.png", b"parent's")
    (one,) = trash.entries(fork.storage)
    with pytest.raises(NameTaken):
        trash.restore(fork.storage, one)
    assert in_trash(fork) == ["a.png"]


@pytest.fixture
def two_databases(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    handler = ConnectionHandler({"default": dict(sqlite), "other": dict(sqlite)})
    for place in (django.db, django.db.transaction):
        monkeypatch.setattr(place, "connections", handler)
    yield
    handler.close_all()


@only("seaweedfs-http", "ministack")
def test_file_that_one_request_does_not_copy_goes_and_comes_back(
    store: Store, provider: Provider, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "MAX_COPY_BYTES", 5 * 1024**2)
    monkeypatch.setattr(ranges, "RANGE_BYTES", 5 * 1024**2)
    # As of an object that was written some time ago.
    monkeypatch.setattr(ranges, "_SETTLED_SECONDS", 0)
    content = bytes(range(256)) * 4096 * 5 + b"more"
    provider.client.put_object(Bucket=bucket, Key=store.storage._key("a.bin"), Body=content, **SAID)
    before = described(provider, bucket, store)
    store.storage.delete("a.bin")
    assert (contents(store), in_trash(store)) == ({}, ["a.bin"])
    assert restored(store, "a.bin") == {"a.bin": None}
    assert (contents(store), in_trash(store)) == ({"a.bin": content}, [])
    assert described(provider, bucket, store) == before


@on_one_server
def test_many_are_restored_at_a_time_and_each_is_answered_for(store: Store) -> None:
    names = [f"{number}.png" for number in range(20)]
    for name in names:
        save(store, name)
    store.storage.delete_many(names)
    save(store, "7.png", b"another")
    done = restored(store, *names)
    assert set(done) == set(names)
    assert [name for name, failure in done.items() if failure is not None] == ["7.png"]
    assert isinstance(done["7.png"], NameTaken)
    assert len(contents(store)) == 20
    assert in_trash(store) == ["7.png"]


def test_all_transactions_must_commit(two_databases: None) -> None:
    done: list[str] = []

    def deed() -> None:
        done.append("done")

    def rolled_back(outer: str, inner: str) -> None:
        with transaction.atomic(using=outer), suppress(sqlite3.Error), transaction.atomic(using=inner):
            after_commit(deed)
            raise sqlite3.Error

    # The other database's transaction, either way round, and a savepoint.
    for outer, inner in (("default", "other"), ("other", "default"), ("default", "default")):
        rolled_back(outer, inner)
        assert done == []
    with transaction.atomic(using="other"):
        with transaction.atomic(), transaction.atomic():
            after_commit(deed)
        assert done == []
    assert done == ["done"]
    after_commit(deed)
    assert done == ["done", "done"]
