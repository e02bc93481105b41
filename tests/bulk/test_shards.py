"""Plans in pieces: what several workers do of one, at once, again, and beside others."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from holdall.bulk import plan, shards
from holdall.bulk.places import Folder
from holdall.bulk.shards import Done, Shard
from tests.bulk.conftest import FILES
from tests.bulk.test_copy import MakeStore, contents, copy, described
from tests.contract import only
from tests.providers import Provider

on_one_server = only("seaweedfs-http")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "LEAST_FILES", 3)


def cut(planned: plan.Plan) -> list[Shard]:
    """As the workers get them."""
    return [Shard.unpacked(shard.packed().content) for shard in shards.cut(planned)]


def total(done: list[Done]) -> tuple[int, list[str], list[Any]]:
    return (
        sum(one.copied.files for one in done),
        [name for one in done for name in one.conflicts],
        [trouble for one in done for trouble in one.failures],
    )


@on_one_server
def test_shards_together_copy_what_the_whole_plan_copies(
    media: Folder, make_store: MakeStore, provider: Provider, bucket: str
) -> None:
    source, whole, pieces = make_store("source"), make_store("whole"), make_store("pieces")
    copy(media, source)
    copy(source, whole)

    done = [shards.work(shard, source, pieces) for shard in reversed(cut(plan.make(source, pieces)))]

    assert total([Done.of_message(one.as_message()) for one in done]) == (len(FILES), [], [])
    assert contents(pieces) == FILES
    assert described(provider, bucket, pieces) == described(provider, bucket, whole)


@on_one_server
def test_shard_is_done_again_without_doing_anything(media: Folder, make_store: MakeStore) -> None:
    store = make_store("to")
    pieces = cut(plan.make(media, store))
    for shard in pieces:
        shards.work(shard, media, store)
    before = list(store.entries())

    assert total([shards.work(shard, media, store) for shard in pieces]) == (len(FILES), [], [])
    assert list(store.entries()) == before


@on_one_server
def test_two_workers_at_one_shard_are_not_in_each_others_way(
    media: Folder, make_store: MakeStore, provider: Provider, bucket: str
) -> None:
    source, store = make_store("from"), make_store("to")
    copy(media, source)
    for name in ("a.txt", "data.json"):
        store.storage.save(name, media_file(b"in conflict"))
    planned = plan.make(source, store, replaces=True)
    assert planned.in_conflict.files == 2
    done: list[Done] = []

    def work(which: list[Shard]) -> None:
        done.extend(shards.work(shard, source, store) for shard in which)

    pieces = cut(planned)
    threads = [threading.Thread(target=work, args=(pieces,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert total(done) == (2 * len(FILES), [], [])
    assert contents(store) == FILES
    location = store.storage.location
    assert not provider.client.list_multipart_uploads(Bucket=bucket, Prefix=location).get("Uploads", [])


@on_one_server
def test_only_what_the_plan_speaks_of_is_replaced(media: Folder, make_store: MakeStore) -> None:
    store = make_store("to")
    store.storage.save("a.txt", media_file(b"in conflict"))
    pieces = cut(plan.make(media, store, replaces=True))
    # Since the plan was made.
    for name in ("a.txt", "page.html"):
        store.storage.delete(name)
        store.storage.save(name, media_file(b"somebody else's"))

    files, conflicts, failures = total([shards.work(shard, media, store) for shard in pieces])

    assert (files, sorted(conflicts), failures) == (len(FILES) - 2, ["a.txt", "page.html"], [])
    assert contents(store)["a.txt"] == contents(store)["page.html"] == b"somebody else's"


@on_one_server
def test_stretch_of_a_store_is_listed_alone(make_store: MakeStore, tmp_path: Path) -> None:
    store, many = make_store("many"), Folder(tmp_path)
    for number in range(1_203):
        many.file(f"{number:04}.txt").touch()
    copy(many, store)
    found = [entry.name for entry in store.entries(stretch=shards.Stretch("0050.txt", "1200.txt"))]
    assert found == [f"{number:04}.txt" for number in range(51, 1_201)]


def media_file(content: bytes) -> Any:
    from django.core.files.base import ContentFile

    return ContentFile(content)
