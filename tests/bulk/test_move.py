"""A move from one server to another while files are saved, replaced and deleted: nothing is lost, at any step."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import botocore.retries.standard
import pytest
from django.core.files.base import ContentFile

from holdall.bulk import copying, live, plan, trash
from holdall.bulk.places import Store, Trouble
from holdall.errors import HoldallError
from holdall.s3 import circuit, fastlane, owed
from holdall.s3.said import KEPT
from holdall.storage import misses
from tests.contract import only
from tests.providers import Provider
from tests.servers.fault_proxy import (
    FaultProxy,
    Request,
    Rule,
    answers_503_before,
    answers_nothing,
    cuts_request,
    resets_after,
    resets_before,
)
from tests.stores import build_storage

pytestmark = only("seaweedfs-http")
SHARED = [f"shared/{number}.txt" for number in range(4)]


class Ground:
    """Two servers, and an environment that names one of them, or both."""

    def __init__(self, here: Provider, there: Provider, location: str) -> None:
        self.servers = {"a": (here, here.create_bucket()), "b": (there, there.create_bucket())}
        self.location = location
        self.endpoints: dict[str, str] = {}

    def storage(self, own: str, mirror: str = "") -> Any:
        environ = self._environ(own)
        if mirror:
            environ |= {f"MIRROR_{name}": value for name, value in self._environ(mirror).items()}
        return build_storage(environ)

    def _environ(self, which: str) -> dict[str, str]:
        provider, bucket = self.servers[which]
        changed = {"AWS_S3_ENDPOINT_URL": self.endpoints[which]} if which in self.endpoints else {}
        return provider.environ(bucket, location=self.location) | changed

    def has(self, which: str) -> dict[str, dict[str, Any]]:
        """All that one server has, field by field, without what is Holdall's own."""
        provider, bucket = self.servers[which]
        found = {}
        for key in provider.keys_in(bucket, self.location):
            name = key.removeprefix(f"{self.location}/")
            if not name.startswith(".holdall/"):
                got = provider.client.get_object(Bucket=bucket, Key=key)
                said = {field: got.get(field) for field in KEPT}
                said["Metadata"] = {label: text for label, text in got["Metadata"].items() if "holdall-" not in label}
                found[name] = said | {"Body": got["Body"].read()}
        return found


@pytest.fixture
def ground(
    provider: Provider, start_provider: Callable[[str], Provider], location: str, monkeypatch: pytest.MonkeyPatch
) -> Ground:
    misses._all.clear()
    monkeypatch.setattr(circuit, "OPEN_SECONDS", 0.0)
    monkeypatch.setattr(fastlane, "MAX_PAUSE_SECONDS", 0)
    monkeypatch.setattr(botocore.retries.standard.ExponentialBackoff, "delay_amount", lambda self, context: 0)
    return Ground(provider, start_provider("ministack"), location)


def save(storage: Any, name: str, content: bytes) -> str:
    return str(storage.save(name, ContentFile(content)))


def planned(storage: Any, there: Any = None) -> plan.Plan:
    return plan.make(Store(storage), Store(there or storage.mirror.storage))


def copy(storage: Any) -> copying.Outcome:
    return copying.apply(planned(storage))


class Users:
    """Who saves, replaces and deletes, all at once; and what of it must be there in the end."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.failures: list[BaseException] = []
        self.changes = 0

    @contextmanager
    def at_work(self, make: Callable[[], Any], *, seed: int) -> Iterator[None]:
        ended = threading.Event()
        workers = [
            threading.Thread(target=self._work, args=(deed, make(), random.Random(seed + number), ended))
            for number, deed in enumerate(
                [self._save, self._save, self._replace, self._replace, self._delete, self._delete]
            )
        ]
        for worker in workers:
            worker.start()
        try:
            yield
        finally:
            ended.set()
            for worker in workers:
                worker.join()
        assert self.failures == []

    def _work(self, deed: Callable[..., None], storage: Any, dice: random.Random, ended: threading.Event) -> None:
        try:
            while not ended.is_set():
                deed(storage, dice)
                self.changes += 1
        except BaseException as failure:
            self.failures.append(failure)

    def _save(self, storage: Any, dice: random.Random) -> None:
        content = dice.randbytes(dice.choice([0, 20, 3_000]))
        # A few names, so that they are taken.
        name = save(storage, dice.choice(["new/photo.png", "new/page.html", f"new/{dice.random()}.txt"]), content)
        assert name not in self.kept
        self.kept[name] = content

    def _replace(self, storage: Any, dice: random.Random) -> None:
        with storage.open(dice.choice(SHARED), "wb") as file:
            file.write(dice.randbytes(30))

    def _delete(self, storage: Any, dice: random.Random) -> None:
        if dice.random() < 0.5:
            storage.delete(dice.choice(SHARED))
            return
        # A file of this thread's own, and others at once.
        names = [save(storage, f"short/{dice.random()}.txt", b"short-lived") for _ in range(3)]
        storage.delete(names[0])
        storage.delete_many(names[1:])


def check(ground: Ground, users: Users) -> None:
    here, there = ground.has("a"), ground.has("b")
    assert {name: said["Body"] for name, said in here.items() if name in users.kept} == users.kept
    assert there == here


def test_move_under_load_loses_nothing(ground: Ground) -> None:
    users = Users()
    for number in range(40):
        name = save(ground.storage("a"), f"old/{number}.{('png', 'html', 'txt')[number % 3]}", b"o" * number * 50)
        users.kept[name] = b"o" * number * 50

    for own, mirror, seed in (("a", "b", 1), ("b", "a", 2), ("a", "b", 3)):
        storage = ground.storage(own, mirror)
        # Whoever copies may know the two stores alone, and not that one is the mirror of the other.
        source, there = (ground.storage(own), ground.storage(mirror)) if seed > 1 else (storage, storage.mirror.storage)
        save(storage, "first.txt", b"each process says which store is the mirror")
        storage.delete("first.txt")
        with users.at_work(lambda own=own, mirror=mirror: ground.storage(own, mirror), seed=100 * seed):
            outcome = copying.apply(planned(source, there))
            assert (outcome.conflicts, outcome.failures) == ([], [])
            left = planned(source, there)
            assert (left.all_to_do.files, left.in_conflict.files, left.troubles) == (0, 0, [])
        assert storage.mirror.missed == 0
        check(ground, users)
    assert users.changes > 100


def test_mirror_that_was_cut_off_is_made_good(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody else writes here.
    monkeypatch.setattr(live, "PAUSES_SECONDS", ())
    monkeypatch.setattr(misses, "PAUSE_SECONDS", 0.0)
    users, provider = Users(), ground.servers["b"][0]
    down = threading.Event()
    dice = random.Random(5)

    def choose(_request: Request) -> Any:
        return dice.choice([resets_before, answers_503_before]) if down.is_set() else None

    with FaultProxy(provider.endpoint_url, choose=choose) as proxy:
        ground.endpoints["b"] = proxy.url
        storage = ground.storage("a", "b")
        for name in ("kept.txt", "replaced.txt", "deleted.txt", "deleted-2.txt"):
            users.kept[save(storage, name, b"before")] = b"before"
        down.set()
        users.kept[save(storage, "new.txt", b"new")] = b"new"
        with storage.open("replaced.txt", "wb") as file:
            file.write(b"after")
        users.kept["replaced.txt"] = b"after"
        storage.delete("deleted.txt")
        storage.delete_many(["deleted-2.txt"])
        for name in ("deleted.txt", "deleted-2.txt"):
            del users.kept[name]
        assert storage.mirror.missed == 4
        assert ground.has("b")["deleted.txt"]["Body"] == b"before"
        down.clear()
        left = planned(storage)
        assert (left.to_copy.files, sorted(left.missed)) == (1, ["deleted-2.txt", "deleted.txt", "replaced.txt"])
        assert left.in_conflict.files == 0
        outcome = copy(storage)
        assert (outcome.conflicts, outcome.failures, outcome.copied.files) == ([], [], 4)
        assert planned(storage).all_to_do.files == 0
        # What was deleted there late can still be brought back.
        gone = {one.name for one in trash.entries(storage.mirror.storage)}
        assert {"deleted.txt", "deleted-2.txt"} <= gone
    check(ground, users)


def test_process_that_dies_in_a_deletion_leaves_a_note(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def dies(*_arguments: Any, **_named: Any) -> None:
        raise Killed

    monkeypatch.setattr(live, "PAUSES_SECONDS", ())
    storage = ground.storage("a", "b")
    save(storage, "a.txt", b"a")
    with monkeypatch.context() as patch:
        patch.setattr(type(storage.mirror), "_bring_removed", dies)
        with pytest.raises(Killed):
            storage.delete("a.txt")
    assert (list(ground.has("a")), list(ground.has("b"))) == ([], ["a.txt"])
    assert list(planned(storage).missed) == ["a.txt"]
    # The note of a deletion that may be under way stays.
    copy(storage)
    assert ground.has("b") == {}
    assert len(list(owed.entries(storage.store, storage._prefix("")))) == 1
    monkeypatch.setattr(live, "SETTLED_AFTER", live.timedelta(0))
    save(storage, "b.txt", b"b")
    ground.storage("b").delete("b.txt")
    assert copy(storage).failures == []
    assert list(owed.entries(storage.store, storage._prefix(""))) == []
    assert ground.has("b") == ground.has("a")


def test_upload_that_may_arrive_late_takes_the_place_of_no_other(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PAUSES_SECONDS", ())
    storage, there = ground.storage("a", "b"), ground.storage("b")
    save(ground.storage("a"), "a.txt", b"ours")
    ours = ground.storage("a").look_at_own("a.txt").mark
    save(there, "a.txt", b"somebody else's")
    owed.write(storage.store, storage._prefix(""), ["a.txt"], mark=ours)
    left = planned(storage)
    assert (left.in_conflict.files, list(left.missed)) == (1, [])
    # What arrived after it was deleted here goes away.
    save(there, "late.txt", b"late")
    owed.write(storage.store, storage._prefix(""), ["late.txt"], mark=there.look_at_own("late.txt").mark)
    assert list(planned(storage).missed) == ["late.txt"]


def test_what_the_other_order_deleted_is_not_copied_back(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PAUSES_SECONDS", ())
    was, now = ground.storage("a", "b"), ground.storage("b", "a")
    for name in ("deleted.txt", "replaced.txt", "kept.txt"):
        save(was, name, b"before")
    # The last that a process of the old order did before it was killed.
    owed.write(was.store, was._prefix(""), ["deleted.txt", "replaced.txt"])
    ground.storage("a").delete("deleted.txt")
    with ground.storage("a").open("replaced.txt", "wb") as file:
        file.write(b"after")
    left = planned(now)
    assert (left.all_to_do.files, left.in_conflict.files) == (0, 0)
    assert [one.name for one in left.troubles] == ["deleted.txt", "replaced.txt"]
    assert "from there to here" in left.troubles[0].reason
    assert copying.apply(planned(ground.storage("a"), ground.storage("b"))).failures == []
    left = planned(now)
    assert (left.all_to_do.files, left.troubles) == (0, [])
    assert ground.has("a") == ground.has("b")


def test_overwrite_whose_answer_is_lost_is_made_good(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PAUSES_SECONDS", ())
    with FaultProxy(ground.servers["a"][0].endpoint_url) as proxy:
        ground.endpoints["a"] = proxy.url
        storage = ground.storage("a", "b")
        save(storage, "a.txt", b"before")
        # The note is written; then nothing is heard of what the store does.
        lost = Rule("PutObject", resets_after, first=1, times=100)
        proxy._rules = (lost, Rule("HeadObject", resets_before, times=100))
        with pytest.raises(HoldallError), storage.open("a.txt", "wb") as file:
            file.write(b"after")
        proxy._rules = ()
        assert ground.has("a")["a.txt"]["Body"] == b"after"
        assert list(planned(storage).missed) == ["a.txt"]
        assert copy(storage).failures == []
    assert ground.has("b") == ground.has("a")


def test_note_of_an_overwrite_replaces_nothing_that_the_mirror_got_since(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "CLOCKS", -live.timedelta(hours=1))
    storage = ground.storage("a", "b")
    save(ground.storage("a"), "a.txt", b"old")
    owed.write(storage.store, storage._prefix(""), ["a.txt"])
    save(ground.storage("b"), "a.txt", b"saved when the mirror was the store")
    left = planned(storage)
    assert (left.in_conflict.files, list(left.missed)) == (1, [])


def test_file_that_the_mirror_got_after_the_note_stays(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "CLOCKS", -live.timedelta(hours=1))
    storage = ground.storage("a", "b")
    owed.write(storage.store, storage._prefix(""), ["a.txt"])
    save(ground.storage("b"), "a.txt", b"saved when the mirror was the store")
    left = planned(storage)
    assert (left.all_to_do.files, left.only_there.files) == (0, 1)


def test_name_that_no_file_can_have_stops_no_move(ground: Ground) -> None:
    storage = ground.storage("a", "b")
    left = planned(storage)
    # The server of this test refuses such keys; Amazon does not.
    left.troubles.append(Trouble("/leads/out.txt", "leads out of the store"))
    assert left.live is not None
    left.live.settle(left, 1)
    assert [one.name for one in left.troubles] == ["/leads/out.txt"]


def test_second_look_at_a_name_forgets_no_note_of_a_longer_one(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PAUSES_SECONDS", ())
    monkeypatch.setattr(live, "SETTLED_AFTER", live.timedelta(0))
    storage = ground.storage("a", "b")
    save(ground.storage("a"), "a.txt", b"ours")
    save(ground.storage("b"), "a.txt", b"somebody else's")
    # Written while the copying went on.
    owed.write(storage.store, storage._prefix(""), ["a.txt.bak"])
    move = live.Live(storage, storage.mirror)
    assert str(move.resolve("a.txt")) == live.OTHER
    move.clear(["a.txt"])
    assert [note.names for note in owed.entries(storage.store, storage._prefix(""))] == [("a.txt.bak",)]


def test_copy_of_a_part_forgets_nothing_that_the_mirror_missed_elsewhere(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "SETTLED_AFTER", live.timedelta(0))
    storage, own = ground.storage("a", "b"), ground.storage("a")
    for name in ("photos/a.png", "texts/deleted.txt", "texts/replaced.txt"):
        save(storage, name, b"before")
    own.delete("texts/deleted.txt")
    with own.open("texts/replaced.txt", "wb") as file:
        file.write(b"after, and not mirrored")
    save(own, "photos/new.png", b"new")
    owed.write(storage.store, storage._prefix(""), ["texts/deleted.txt", "texts/replaced.txt"])
    source, there = Store(storage), Store(storage.mirror.storage)
    copying.apply(plan.make(source, there, prefix="photos/"))
    later = live.datetime.now(live.UTC) + live.timedelta(days=1)
    left = plan.make(source, there, since=later)
    # Since then nothing was changed; what is owed is owed however long ago.
    assert sorted(left.missed) == ["texts/deleted.txt", "texts/replaced.txt"]
    assert copying.apply(left).failures == []
    assert ground.has("b") == ground.has("a")
    assert list(owed.entries(storage.store, storage._prefix(""))) == []


def test_plain_copy_calls_nothing_a_conflict_that_somebody_else_has_copied(ground: Ground) -> None:
    source, there = ground.storage("a"), ground.storage("b")
    for name in ("small.txt", "other.txt"):
        save(source, name, b"small")
    save(source, "large.txt", b"l" * 200_000)
    made = planned(source, there)
    save(there, "small.txt", b"small")
    save(there, "large.txt", b"l" * 200_000)
    save(there, "other.txt", b"not the same")
    outcome = copying.apply(made)
    assert (outcome.conflicts, outcome.failures, outcome.copied.files) == (["other.txt"], [], 2)


def test_stale_word_of_a_mirror_replaces_nothing(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PAUSES_SECONDS", ())
    was = ground.storage("a", "b")
    save(was, "a.txt", b"when it was the mirror")
    source, there = ground.storage("a"), ground.storage("b")
    save(source, "new.txt", b"new")
    made = planned(source, there)
    assert made.live is not None
    save(there, "new.txt", b"somebody else's")
    outcome = copying.apply(made)
    assert outcome.conflicts == ["new.txt"]
    assert there.open("new.txt").read() == b"somebody else's"


def test_mirror_that_fails_now_and_then_under_load_is_made_good(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(misses, "PAUSE_SECONDS", 0.0)
    users, provider, dice = Users(), ground.servers["b"][0], random.Random(11)
    faults = [resets_before, resets_after, answers_503_before, cuts_request(10), answers_nothing]
    is_ill = threading.Event()

    def choose(_request: Request) -> Any:
        return dice.choice(faults) if is_ill.is_set() and dice.random() < 0.4 else None

    with FaultProxy(provider.endpoint_url, choose=choose) as proxy:
        ground.endpoints["b"] = proxy.url
        storage = ground.storage("a", "b")
        is_ill.set()
        with users.at_work(lambda: ground.storage("a", "b"), seed=1):
            while storage.mirror.missed < 20:
                save(storage, "while.txt", b"it fails")
        is_ill.clear()
        for name in storage.listdir("")[1]:
            users.kept[name] = b"it fails"
        outcome = copy(storage)
        assert (outcome.conflicts, outcome.failures) == ([], [])
        left = planned(storage)
        assert (left.all_to_do.files, left.in_conflict.files) == (0, 0)
    check(ground, users)
