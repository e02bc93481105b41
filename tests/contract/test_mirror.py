"""A mirror: every change goes to a second store too, and nothing that goes wrong there reaches anybody."""

from __future__ import annotations

import io
import logging
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import botocore.retries.standard
import pytest
from boto3.s3.transfer import TransferConfig
from django.contrib.staticfiles.storage import ManifestFilesMixin
from django.core.files.base import ContentFile, File

import holdall
from holdall.bulk import copying, live, plan, trash
from holdall.bulk.places import Store
from holdall.errors import HoldallError, NameTaken
from holdall.fork import promotion
from holdall.fork.divergence import diff
from holdall.s3 import circuit, fastlane, owed
from holdall.s3.connection import Connection
from holdall.s3.said import KEPT
from holdall.storage import MediaStorage, attempt, mirror_missed, misses, twins
from tests.contract import only
from tests.providers import Provider
from tests.servers.fault_proxy import (
    FaultProxy,
    Rule,
    after,
    answers_503_before,
    answers_nothing,
    cuts_request,
    passes,
    resets_after,
    stalls_before,
)
from tests.stores import build_fork, build_storage

pytestmark = only("seaweedfs-http")
MIB = 1024 * 1024
PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 300


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count from nothing, and do not wait between retries."""
    misses._all.clear()
    monkeypatch.setattr(circuit, "OPEN_SECONDS", 0.0)
    monkeypatch.setattr(fastlane, "MAX_PAUSE_SECONDS", 0)
    monkeypatch.setattr(botocore.retries.standard.ExponentialBackoff, "delay_amount", lambda self, context: 0)


class Pair:
    """A storage with a mirror, and plain ways to look at both behind its back."""

    def __init__(self, provider: Provider, bucket: str, location: str) -> None:
        self.provider, self.bucket, self.location = provider, bucket, location

    def environ(self, *, mirror: dict[str, str] | None = None, **own: str) -> dict[str, str]:
        mine = self.provider.environ(self.bucket, location=f"{self.location}/own") | own
        theirs = self.provider.environ(self.bucket, location=f"{self.location}/mirror") | (mirror or {})
        return mine | {f"MIRROR_{name}": value for name, value in theirs.items()}

    def storage(
        self, *, mirror: dict[str, str] | None = None, options: dict[str, Any] | None = None, **own: str
    ) -> Any:
        return build_storage(self.environ(mirror=mirror, **own), **(options or {}))

    def side(self, which: str) -> dict[str, dict[str, Any]]:
        """All that one side has, field by field, without what is Holdall's own."""
        found = {}
        for key in self.provider.keys_in(self.bucket, f"{self.location}/{which}"):
            name = key.removeprefix(f"{self.location}/{which}/")
            if not name.startswith(".holdall/"):
                got = self.provider.client.get_object(Bucket=self.bucket, Key=key)
                kept = {field: got.get(field) for field in KEPT}
                metadata = {name: text for name, text in got["Metadata"].items() if not name.startswith("holdall-")}
                found[name] = kept | {"Metadata": metadata, "Body": got["Body"].read()}
        return found

    @property
    def own(self) -> dict[str, dict[str, Any]]:
        return self.side("own")

    @property
    def mirror(self) -> dict[str, dict[str, Any]]:
        return self.side("mirror")

    def notes(self, storage: Any) -> list[tuple[str, ...]]:
        return [one.names for one in owed.entries(storage.store, storage._prefix(""))]


@pytest.fixture
def pair(provider: Provider, bucket: str, location: str) -> Pair:
    return Pair(provider, bucket, location)


@pytest.fixture(params=["copied by the store", "sent"])
def storage(request: pytest.FixtureRequest, pair: Pair) -> Any:
    """Both ways of the bytes: within one provider, and from one to another."""
    elsewhere = pair.provider.endpoint_url.replace("127.0.0.1", "localhost")
    assert elsewhere != pair.provider.endpoint_url
    return pair.storage(mirror={"AWS_S3_ENDPOINT_URL": elsewhere} if request.param == "sent" else None)


def save(storage: Any, name: str, content: bytes = PNG) -> str:
    return str(storage.save(name, ContentFile(content)))


# -- every change


def test_every_way_to_write_goes_to_both(storage: Any, pair: Pair) -> None:
    save(storage, "photos/ada.png")
    assert save(storage, "photos/ada.png", b"second") != "photos/ada.png"
    save(storage, "empty.txt", b"")
    save(storage, "page.html", b"<script>alert(1)</script>")
    save(storage, "large.bin", bytes(range(256)) * 40_000)
    save(storage, "nom accentu\u00e9 (1) +%&=.jpg", b"\xff\xd8\xff" + b"j" * 999)
    for mode, content in (("wb", b"first"), ("ab", b", second"), ("r+b", b"FIRST"), ("w+b", b"all new")):
        with storage.open("notes.txt", mode) as file:
            file.write(content)
        assert pair.mirror["notes.txt"] == pair.own["notes.txt"]
    with storage.open("once.txt", "xb") as file:
        file.write(b"once")
    with pytest.raises(NameTaken), storage.open("once.txt", "xb") as file:
        file.write(b"twice")
    with storage.open("photos/ada.png") as file:
        storage.save("again.png", file)
    assert len(pair.own) == 9
    assert pair.mirror == pair.own
    assert (storage.mirror.missed, storage.mirror.last_failure) == (0, "")
    assert pair.notes(storage) == []


def test_overwriting_goes_to_both(pair: Pair) -> None:
    storage = pair.storage(options={"file_overwrite": True})
    for content in (b"one", b"two"):
        assert save(storage, "a.txt", content) == "a.txt"
    assert pair.mirror == pair.own
    assert pair.mirror["a.txt"]["Body"] == b"two"


def test_every_way_to_delete_goes_to_both(storage: Any, pair: Pair) -> None:
    for number in range(5):
        save(storage, f"{number}.png")
    storage.delete("0.png")
    storage.delete("no-such-file.png")
    storage.delete_many(["1.png", "2.png", "none.png"])
    storage.discard("3.png", storage.look_at_own("3.png"))
    assert list(pair.own) == ["4.png"]
    assert pair.mirror == pair.own
    assert pair.notes(storage) == []


def test_trash_goes_to_both(pair: Pair) -> None:
    storage = pair.storage(STORAGE_TRASH="30d")
    save(storage, "a.png")
    save(storage, "b.png")
    save(storage, "c.png")
    storage.delete("a.png")
    storage.delete_many(["b.png"])
    there = storage.mirror.storage

    def keys(one: Any) -> list[str]:
        return [found.key.removeprefix(one._prefix("")) for found in trash.entries(one)]

    assert pair.mirror == pair.own
    assert len(keys(storage)) == 2
    assert keys(there) == keys(storage)
    first, second = trash.entries(storage)
    trash.restore(storage, first)
    assert pair.mirror == pair.own
    assert pair.mirror[first.name]["Body"] == PNG
    assert keys(there) == keys(storage)
    trash.empty(storage, [second])
    assert keys(there) == keys(storage) == []


def test_packed_files_and_a_projects_options_are_the_same_there(pair: Pair) -> None:
    parameters = {"Metadata": {"by": "ada"}, "ContentLanguage": "fr"}
    elsewhere = {"AWS_S3_ENDPOINT_URL": pair.provider.endpoint_url.replace("127.0.0.1", "localhost")}
    storage = pair.storage(
        mirror=elsewhere,
        options={
            "gzip": True,
            "object_parameters": parameters,
            "inline_types": ["image/svg+xml"],
            "cache_lifetime": 60,
        },
    )
    save(storage, "style.css", b"body {}" * 100)
    save(storage, "drawing.svg", b"<svg/>")
    assert pair.own["style.css"]["ContentEncoding"] == "gzip"
    assert pair.own["drawing.svg"]["ContentDisposition"] is None
    assert pair.own["style.css"]["Metadata"] == {"by": "ada"}
    assert pair.mirror == pair.own
    # The mirror reads as the store will after the swap.
    assert storage.mirror.storage.open("style.css").read() == b"body {}" * 100
    assert storage.mirror.storage.cache_lifetime == 60


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_files_encrypted_with_a_key_of_the_projects_are_so_there(pair: Pair, host: str) -> None:
    encrypted = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
    elsewhere = {"AWS_S3_ENDPOINT_URL": pair.provider.endpoint_url.replace("127.0.0.1", host)}
    storage = pair.storage(mirror=elsewhere, options={"object_parameters": encrypted})
    save(storage, "a.png")
    save(storage, "b.png")
    storage.delete("b.png")
    assert (storage.mirror.missed, storage.mirror.last_failure) == (0, "")
    assert storage.mirror.storage.open("a.png").read() == PNG
    assert not storage.mirror.storage.exists("b.png")
    plain = pair.storage(mirror=elsewhere)
    with pytest.raises(HoldallError):
        plain.mirror.storage.open("a.png").read()


def test_file_of_several_parts_is_sent_in_parts(pair: Pair) -> None:
    content = random.Random(7).randbytes(12 * MIB)
    chosen = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=2)
    with FaultProxy(pair.provider.endpoint_url) as proxy:
        storage = pair.storage(mirror={"AWS_S3_ENDPOINT_URL": proxy.url}, options={"transfer_config": chosen})
        save(storage, "film.bin", content)
        assert proxy.operations.count("UploadPart") >= 3
    assert pair.mirror == pair.own
    assert pair.mirror["film.bin"]["Body"] == content


def test_costs_of_a_change_are_these(pair: Pair) -> None:
    with FaultProxy(pair.provider.endpoint_url) as own, FaultProxy(pair.provider.endpoint_url) as there:
        storage = pair.storage(mirror={"AWS_S3_ENDPOINT_URL": there.url}, AWS_S3_ENDPOINT_URL=own.url)
        # The first of a process learns what there is to learn.
        save(storage, "first.png")
        storage.delete("first.png")

        def cost(deed: Callable[[], object]) -> tuple[list[str], list[str]]:
            own.exchanges.clear()
            there.exchanges.clear()
            deed()
            return own.operations, there.operations

        assert cost(lambda: save(storage, "a.png")) == (["PutObject", "GetObject", "HeadObject"], ["PutObject"])
        with storage.open("b.png", "wb") as file:
            file.write(PNG)
        assert cost(lambda: storage.open("b.png", "wb").close()) == (
            ["PutObject", "PutObject", "GetObject", "HeadObject", "DeleteObject"],
            ["PutObject"],
        )
        assert cost(lambda: storage.delete("a.png")) == (
            ["PutObject", "DeleteObject", "HeadObject", "DeleteObject"],
            ["DeleteObject"],
        )
        for number in range(3):
            save(storage, f"{number}.png")
        asked, theirs = cost(lambda: storage.delete_many([f"{number}.png" for number in range(3)]))
        assert theirs == ["DeleteObjects"]
        assert sorted(asked) == ["DeleteObject", "DeleteObjects", "HeadObject", "HeadObject", "HeadObject", "PutObject"]
        # Reads and links stay with the own store.
        save(storage, "read.png")
        _, theirs = cost(lambda: (storage.open("read.png").read(), storage.url("read.png"), storage.exists("read.png")))
        assert theirs == []


# -- races


def behind(proxy: FaultProxy) -> dict[str, str]:
    return {"AWS_S3_ENDPOINT_URL": proxy.url}


def test_older_content_that_arrives_late_does_not_stay(pair: Pair) -> None:
    other = pair.storage(options={"file_overwrite": True})
    rule = Rule("PutObject", after(lambda: save(other, "a.txt", b"newer, and longer"), passes), first=1)
    with FaultProxy(pair.provider.endpoint_url, rule) as proxy:
        storage = pair.storage(mirror=behind(proxy), options={"file_overwrite": True})
        save(storage, "first.txt", b"learns what there is to learn")
        save(storage, "a.txt", b"older")
    assert rule.seen > rule.first
    assert pair.own["a.txt"]["Body"] == b"newer, and longer"
    assert pair.mirror == pair.own


def test_deletion_that_arrives_late_takes_nothing_that_was_saved_since(pair: Pair) -> None:
    # One that does not ask the mirror, where the name is free a moment later.
    other = build_storage(pair.provider.environ(pair.bucket, location=f"{pair.location}/own"))
    with FaultProxy(pair.provider.endpoint_url) as proxy:
        storage = pair.storage(mirror=behind(proxy))
        save(storage, "a.txt", b"deleted")
        proxy._rules = (Rule("DeleteObject", after(lambda: save(other, "a.txt", b"saved since"), passes)),)
        storage.delete("a.txt")
        batch = Rule("DeleteObjects", after(lambda: save(other, "b.txt", b"saved since"), passes))
        proxy._rules = (batch,)
        save(storage, "b.txt", b"deleted")
        save(storage, "c.txt", b"deleted")
        storage.delete_many(["b.txt", "c.txt"])
    assert {name: said["Body"] for name, said in pair.own.items()} == dict.fromkeys(["a.txt", "b.txt"], b"saved since")
    assert pair.mirror == pair.own


def test_save_is_not_lost_to_a_deletion_of_an_earlier_file_of_its_name(pair: Pair) -> None:
    other = pair.storage()
    with FaultProxy(pair.provider.endpoint_url) as proxy:
        storage = pair.storage(mirror=behind(proxy))
        save(storage, "first.txt")
        proxy._rules = (Rule("PutObject", after(lambda: other.delete("a.txt"), passes)),)
        name = save(storage, "a.txt")
    assert name != "a.txt"
    assert sorted(pair.own) == sorted([name, "first.txt"])
    assert pair.mirror == pair.own


# -- names of others


class Stream(io.BytesIO):
    def seekable(self) -> bool:
        return False


def test_file_that_only_the_mirror_has_keeps_its_name(storage: Any, pair: Pair) -> None:
    theirs = storage.mirror.storage
    for name in ("a.txt", "large.bin"):
        save(theirs, name, b"theirs")
    first = save(storage, "a.txt", b"ours")
    # Of a stream only the store has what was read.
    second = storage.save("large.bin", File(Stream(bytes(range(256)) * 40_000), "large.bin"))
    with pytest.raises(NameTaken, match="the mirror of"), storage.open("a.txt", "xb") as file:
        file.write(b"ours")
    assert sorted(pair.own) == sorted([first, second])
    assert pair.mirror == pair.own | {
        name: pair.mirror[name] for name in ("a.txt", "large.bin") if pair.mirror[name]["Body"] == b"theirs"
    }
    assert len(pair.mirror) == 4
    assert pair.own[second]["Body"] == bytes(range(256)) * 40_000
    # Whoever insists on a name gets it: the file stays, and `copy` tells of the two.
    assert storage._save("a.txt", ContentFile(b"ours")) == "a.txt"
    assert pair.mirror["a.txt"]["Body"] == b"theirs"
    assert storage.mirror.missed == 1
    left = plan.make(Store(storage), Store(theirs))
    assert [entry.name for entry in left.conflicts] == ["a.txt"]


def test_promotion_reaches_the_mirror_of_the_parent(pair: Pair) -> None:
    parent = pair.storage()
    save(parent, "old.txt")
    own = pair.provider.environ(pair.bucket, location=f"{pair.location}/own")
    fork = build_fork(pair.provider.environ(pair.bucket, location=f"{pair.location}/fork"), own)
    save(fork, "new.txt")
    save(fork, "taken.txt", b"the fork's")
    fork.delete("old.txt")
    save(parent.mirror.storage, "taken.txt", b"theirs")
    outcome = promotion.apply(promotion.plan(diff(fork)), fork, parent)
    assert (outcome.conflicts, outcome.failures) == ((), ())
    assert sorted(pair.own) == sorted(pair.mirror) == ["new.txt", "taken.txt"]
    assert pair.mirror["new.txt"] == pair.own["new.txt"]
    # It is promoted, and what the mirror has stays; `copy` calls it a conflict.
    assert (pair.own["taken.txt"]["Body"], pair.mirror["taken.txt"]["Body"]) == (b"the fork's", b"theirs")
    assert parent.mirror.missed == 1


def test_mirror_that_calls_every_name_taken_fails_no_save(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    class Counting(MediaStorage):
        def get_alternative_name(self, file_root: str, file_ext: str) -> str:
            return f"{file_root}_{next(numbers)}{file_ext}"

    monkeypatch.setattr(attempt, "MAX_RETREATS", 2)
    numbers = iter(range(100))
    storage = Counting(**holdall.from_env(pair.environ())["default"]["OPTIONS"])
    for name in ("a.txt", "a_0.txt", "a_1.txt"):
        save(storage.mirror.storage, name, b"theirs")
    assert save(storage, "a.txt", b"ours") == "a_1.txt"
    assert list(pair.own) == ["a_1.txt"]
    assert (storage.mirror.missed, storage.mirror.mirrored) == (1, 0)
    assert {said["Body"] for said in pair.mirror.values()} == {b"theirs"}


def test_worker_that_is_ended_while_it_asks_the_mirror_leaves_it_to_the_next(
    storage: Any, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(*_arguments: Any, **_named: Any) -> None:
        raise SystemExit(1)

    save(storage, "a.txt")
    # It did not answer a while ago, and this one looks whether it does.
    storage.mirror._misses._paused_until = 0.0
    with monkeypatch.context() as patch:
        patch.setattr(twins.Twins, "put", ends)
        with pytest.raises(SystemExit):
            save(storage, "b.txt")
    save(storage, "c.txt")
    assert (storage.mirror.missed, sorted(pair.mirror)) == (0, ["a.txt", "c.txt"])


# -- two orders of the stores, side by side: in the middle of a swap, old processes have one, and new ones the other


@pytest.fixture
def orders(pair: Pair) -> list[Callable[[], Any]]:
    elsewhere = {"AWS_S3_ENDPOINT_URL": pair.provider.endpoint_url.replace("127.0.0.1", "localhost")}
    here, there = ({"STORAGE_LOCATION": f"{pair.location}/{side}"} for side in ("own", "mirror"))
    return [
        lambda: pair.storage(mirror=there | elsewhere, **here),
        lambda: pair.storage(mirror=here, **there | elsewhere),
    ]


def test_two_orders_side_by_side_lose_no_upload(orders: list[Callable[[], Any]], pair: Pair) -> None:
    rounds, writers = 25, 6
    barrier = threading.Barrier(writers)
    told: list[dict[str, bytes]] = []

    def work(number: int) -> None:
        storage, mine = orders[number % 2](), dict[str, bytes]()
        told.append(mine)
        for one in range(rounds):
            # All save the same name at the same moment, and those of one order often the same bytes.
            barrier.wait(60)
            content = f"of {number % 4} in round {one}".encode()
            mine[save(storage, f"{one}.txt", content)] = content
        assert storage.mirror.missed == 0

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(work, range(writers)))
    everything = {name: content for mine in told for name, content in mine.items()}
    assert len(everything) == rounds * writers
    assert {name: said["Body"] for name, said in pair.own.items()} == everything
    assert pair.mirror == pair.own
    for storage in (make() for make in orders):
        left = plan.make(Store(storage), Store(storage.mirror.storage))
        assert (left.all_to_do.files, left.in_conflict.files, left.troubles) == (0, 0, [])


def test_two_orders_side_by_side_agree_on_what_replaces_a_file(orders: list[Callable[[], Any]], pair: Pair) -> None:
    def work(number: int) -> None:
        storage, dice = orders[number % 2](), random.Random(number)
        for _ in range(10):
            name = f"{dice.randrange(2)}.txt"
            if dice.random() < 0.3:
                storage.delete(name)
            else:
                with storage.open(name, "wb") as file:
                    file.write(dice.randbytes(20))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert pair.mirror == pair.own


# -- processes that are killed


class Killed(BaseException):
    """Ends a process at once: nothing that it does afterwards is sent."""


def test_process_that_is_killed_at_any_point_leaves_what_copy_makes_good(
    storage: Any, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PAUSES_SECONDS", ())

    def replace() -> None:
        with storage.open("there.txt", "wb") as file:
            file.write(b"after")

    def check(asked: int) -> None:
        outcome = copying.apply(plan.make(Store(storage), Store(storage.mirror.storage)))
        assert (outcome.conflicts, outcome.failures) == ([], []), asked
        assert pair.mirror == pair.own, asked

    call = Connection.call
    deeds = (lambda: save(storage, "new.txt"), replace, lambda: storage.delete("there.txt"))
    for deed in deeds:
        for asked in range(1, 20):
            left = iter(range(asked))

            def dies(connection: Connection, *given: Any, left: Any = left, **named: Any) -> Any:
                if next(left, None) is None:
                    raise Killed
                return call(connection, *given, **named)

            if "there.txt" not in pair.own:
                save(storage, "there.txt", b"before")
            with monkeypatch.context() as patch, suppress(Killed):
                patch.setattr(Connection, "call", dies)
                deed()
                break
            check(asked)
        assert asked > 3
        check(asked)


def test_writers_and_deleters_of_one_name_leave_both_alike(pair: Pair) -> None:
    elsewhere = {"AWS_S3_ENDPOINT_URL": pair.provider.endpoint_url.replace("127.0.0.1", "localhost")}

    def work(number: int) -> None:
        storage = pair.storage(mirror=elsewhere, options={"file_overwrite": True})
        dice = random.Random(number)
        for _ in range(12):
            name = f"{dice.randrange(2)}.txt"
            if dice.random() < 0.4:
                storage.delete(name)
            else:
                save(storage, name, dice.randbytes(dice.randrange(50)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert pair.mirror == pair.own


# -- a mirror that fails


@pytest.mark.parametrize(
    "mirror",
    [
        {"STORAGE_BUCKET_NAME": "no-such-bucket-anywhere"},
        {
            "AWS_ACCESS_KEY_ID": "HOLDNOBODYKNOWSTHIS0",
            "AWS_SECRET_ACCESS_KEY": "nor-the-secret-that-belongs-to-it-000000",
        },
        {"AWS_S3_ENDPOINT_URL": "http://127.0.0.1:9"},
        {"rights": "none"},
    ],
    ids=["no bucket", "unknown keys", "nobody listens", "no rights"],
)
def test_mirror_that_cannot_be_written_harms_nobody(
    pair: Pair, mirror: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    if mirror.get("rights"):
        keys = pair.provider.no_rights
        mirror = {"AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key}
    told: list[Any] = []

    def receiver(storage: Any, names: list[str], error: Exception | None, **_more: Any) -> None:
        told.extend(names)
        raise RuntimeError("a receiver that fails harms nobody either")

    storage = pair.storage(mirror=mirror)
    mirror_missed.connect(receiver)
    try:
        with caplog.at_level(logging.WARNING, logger="holdall"):
            assert save(storage, "a.png") == "a.png"
            with storage.open("a.png", "wb") as file:
                file.write(b"replaced")
            storage.delete("a.png")
            storage.delete("a.png")
    finally:
        mirror_missed.disconnect(receiver)
    assert pair.own == {}
    assert told == ["a.png"] * 4
    assert (storage.mirror.missed, storage.mirror.mirrored) == (4, 0)
    # One line, however many were missed; it names the file, the place, the cause and what to do, and no secret.
    (line,) = [record.getMessage() for record in caplog.records if record.name == "holdall"]
    assert 'missed a change of "a.png"' in line
    assert storage.mirror.storage.bucket_name in line
    assert "`holdall copy`" in line
    assert storage.mirror.storage.secret_key not in line + storage.mirror.last_failure
    # What the mirror may have of it is noted; a new file is found without, unless the mirror may have got it all the same.
    assert pair.notes(storage)[-3:] == [("a.png",)] * 3


@pytest.mark.parametrize("fault", [stalls_before, answers_nothing, cuts_request(3), resets_after, answers_503_before])
def test_mirror_that_hangs_or_breaks_off_is_left_alone(pair: Pair, fault: Any) -> None:
    with FaultProxy(pair.provider.endpoint_url, Rule("*", fault, times=1_000)) as proxy:
        storage = pair.storage(mirror=behind(proxy) | {"STORAGE_TIMEOUT": "1s"})
        for number in range(4):
            assert save(storage, f"{number}.png") == f"{number}.png"
        asked = len(proxy.exchanges)
        # The first one alone has waited.
        assert storage.mirror.is_paused
        assert storage.mirror.missed == 4
        storage.delete("0.png")
        assert len(proxy.exchanges) == asked
    assert sorted(pair.own) == ["1.png", "2.png", "3.png"]


def test_store_that_fails_while_the_mirror_is_brought_up_is_not_taken_for_the_mirror(pair: Pair) -> None:
    with FaultProxy(pair.provider.endpoint_url, Rule("GetObject", answers_503_before, times=1_000)) as proxy:
        storage = pair.storage(mirror={}, **behind(proxy))
        assert save(storage, "missed.png") == "missed.png"
        assert "it was not told what the store itself has" in storage.mirror.last_failure
        assert not storage.mirror.is_paused
        proxy._rules = ()
        save(storage, "next.png")
    assert (storage.mirror.missed, list(pair.mirror)) == (1, ["next.png"])


def test_mirror_that_works_again_gets_changes_again(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with FaultProxy(pair.provider.endpoint_url, Rule("*", answers_503_before, times=8)) as proxy:
        storage = pair.storage(mirror=behind(proxy))
        save(storage, "missed.png")
        assert storage.mirror.is_paused
        monkeypatch.setattr(misses, "PAUSE_SECONDS", 0.0)
        storage.mirror._misses._paused_until = 0.0
        while storage.mirror.mirrored == 0:
            save(storage, "later.png")
    assert "takes changes again" in caplog.text
    assert not storage.mirror.is_paused


def test_own_store_works_on_while_the_mirror_hangs_at_the_same_endpoint(pair: Pair, provider: Provider) -> None:
    hanging = "mirror-that-hangs"
    with FaultProxy(
        provider.endpoint_url, choose=lambda request: stalls_before if hanging in request.target else None
    ) as proxy:
        storage = pair.storage(
            mirror=behind(proxy) | {"STORAGE_BUCKET_NAME": hanging, "STORAGE_TIMEOUT": "1s"}, **behind(proxy)
        )
        for number in range(5):
            save(storage, f"{number}.png")
        assert storage.open("4.png").read() == PNG
    assert len(pair.own) == 5


def test_own_save_that_fails_leaves_the_mirror_as_it_was(pair: Pair) -> None:
    storage = pair.storage(options={"file_overwrite": True})
    save(storage, "a.txt", b"before")
    readonly = pair.provider.readonly
    refused = pair.storage(
        options={"file_overwrite": True},
        AWS_ACCESS_KEY_ID=readonly.access_key,
        AWS_SECRET_ACCESS_KEY=readonly.secret_key,
    )
    before = pair.mirror
    for deed in (
        lambda: save(refused, "a.txt", b"after"),
        lambda: save(refused, "new.txt"),
        lambda: refused.delete("a.txt"),
        lambda: refused.delete_many(["a.txt"]),
        lambda: refused.open("a.txt", "wb").close(),
    ):
        with pytest.raises(HoldallError):
            deed()
    assert pair.mirror == pair.own == before
    assert refused.mirror.missed == 0

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError("the upload broke off")

    with pytest.raises(OSError, match="broke off"):
        storage.save("a.txt", File(Broken(b"after"), "a.txt"))
    assert pair.mirror == before


def test_mirror_reached_by_another_address_of_the_store_is_noticed(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    with FaultProxy(pair.provider.endpoint_url) as proxy:
        storage = pair.storage(mirror=behind(proxy) | {"STORAGE_LOCATION": f"{pair.location}/own"})
        save(storage, "a.png")
        storage.delete("a.png")
        save(storage, "b.png")
    assert sorted(pair.own) == ["b.png"]
    assert storage.mirror.missed == 3
    assert "The mirror is the store itself, or overlaps it, reached by another address" in caplog.text


def test_mirror_of_another_environment_is_left_alone(pair: Pair) -> None:
    theirs = build_storage(
        pair.provider.environ(pair.bucket, location=f"{pair.location}/mirror", STORAGE_ENVIRONMENT="staging")
    )
    theirs.save("theirs.png", ContentFile(PNG))
    storage = pair.storage(STORAGE_ENVIRONMENT="production")
    save(storage, "a.png")
    assert list(pair.mirror) == ["theirs.png"]
    assert "staging" in storage.mirror.last_failure


def test_static_files_named_by_their_content_keep_their_headers(pair: Pair) -> None:
    class Static(ManifestFilesMixin, MediaStorage):
        pass

    public = {"STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": "media.example.com"}
    storage = Static(**holdall.from_env(pair.environ(mirror=public, **public))["default"]["OPTIONS"])
    name = storage.hashed_name("style.css", ContentFile(b"body {}"))
    save(storage, name, b"body {}")
    assert "immutable" in str(pair.own[name]["CacheControl"])
    assert pair.mirror == pair.own
