"""Two processes of a fork: one is stopped before each of its requests in turn, and the other does something whole.

The invariant: no file that was saved is ever gone, unless somebody deleted that one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from holdall.fork import promotion
from tests.contract import only
from tests.forks import Family, put, read
from tests.providers import Provider
from tests.servers.fault_proxy import Fault, FaultProxy, Request, after, passes
from tests.stores import build_storage

NUMBERS = itertools.count()
Deed = Callable[["Scene"], None]


def content() -> bytes:
    """Make bytes that no other file has, all of one length."""
    return b"content %08d" % next(NUMBERS)


@dataclass
class Scene:
    """One name, what stands under it, and two processes that know nothing of each other."""

    family: Family
    first: Any
    second: Any
    overwriting: Any
    name: str
    # What was saved while the first was stopped, each by the name that it got.
    saved: dict[bytes, str] = field(default_factory=dict)

    def save(self, storage: Any) -> None:
        self.saved[made := content()] = ""
        self.saved[made] = put(storage, self.name, made)

    def delete(self, storage: Any) -> None:
        storage.delete(self.name)
        # What the second saved and deleted again is not to be found.
        self.saved = {made: name for made, name in self.saved.items() if name != self.name}


def saves(scene: Scene) -> None:
    scene.save(scene.second)


def deletes(scene: Scene) -> None:
    scene.delete(scene.second)


def deletes_and_saves(scene: Scene) -> None:
    scene.delete(scene.second)
    scene.save(scene.second)


def overwrites(scene: Scene) -> None:
    scene.save(scene.overwriting)


def deletes_many_and_saves(scene: Scene) -> None:
    scene.second.delete_many([scene.name, f"{scene.name}-2"])
    scene.save(scene.second)


DEEDS = [saves, deletes, deletes_and_saves, overwrites, deletes_many_and_saves]
STARTS = ["nothing", "parents", "own", "own over parents", "hidden", "own over hidden"]


class Stops:
    """Stop at one request of the first process, by a proxy that all requests pass."""

    def __init__(self) -> None:
        self.at: int | None = None
        self.seen: list[Request] = []
        self._deed: Callable[[], None] = lambda: None
        self._is_busy = False

    def choose(self, request: Request) -> Fault | None:
        if self.at is None or self._is_busy:
            return None
        self.seen.append(request)
        return after(self._do, passes) if len(self.seen) - 1 == self.at else None

    def _do(self) -> None:
        self._is_busy = True
        self._deed()
        self._is_busy = False

    @contextmanager
    def before(self, number: int, deed: Callable[[], None]) -> Iterator[None]:
        """Do a deed before the request of this number, counted from 0."""
        self.at, self._deed, self.seen = number, deed, []
        yield
        self.at = None


@pytest.fixture
def stops() -> Stops:
    return Stops()


@pytest.fixture
def scenes(provider: Provider, bucket: str, location: str, stops: Stops) -> Iterator[Callable[[str], Scene]]:
    with FaultProxy(provider.endpoint_url, choose=stops.choose) as proxy:
        above = provider.environ(bucket, location=location, AWS_S3_ENDPOINT_URL=proxy.url)
        own = provider.environ(bucket, location=f"fork-of-{location}", AWS_S3_ENDPOINT_URL=proxy.url)
        family = Family(provider, bucket, location, [above])
        first, second = family.fork(own), family.fork(own, querystring_expire=3_601)
        overwriting = family.fork(own, querystring_expire=3_601, file_overwrite=True)
        # What is asked once a process is asked before.
        for storage in (first, second):
            storage.delete(put(storage, "first.txt", content()))

        def make(start: str) -> Scene:
            scene = Scene(family, first, second, overwriting, f"{next(NUMBERS)}.txt")
            if "parents" in start or "hidden" in start:
                family.put(scene.name, content())
            if "hidden" in start:
                second.delete(scene.name)
            if "own" in start:
                put(overwriting, scene.name, content())
            return scene

        yield make


def walk(
    scenes: Callable[[str], Scene], stops: Stops, start: str, deed: Deed, act: Deed
) -> Iterator[tuple[int, Scene]]:
    """Stop before each request in turn; give each outcome."""
    for number in range(30):
        scene = scenes(start)
        done: list[bool] = []

        def disturb(scene: Scene = scene, done: list[bool] = done) -> None:
            deed(scene)
            done.append(True)

        with stops.before(number, disturb):
            act(scene)
        if not done:
            assert number, "it sent nothing"
            return
        yield number, scene
    raise AssertionError("it never ends")


def lost(scene: Scene) -> list[str]:
    """Tell what was saved and is not there, by a process that knows nothing yet."""
    fresh = scene.family.fork(
        {**scene.family.above[0], "STORAGE_LOCATION": f"fork-of-{scene.family.location}"},
        querystring_expire=3_602 + next(NUMBERS),
    )
    missing = []
    for made, name in scene.saved.items():
        with suppress(FileNotFoundError):
            if read(fresh, name) == made:
                continue
        missing.append(f"{name}: {made!r}")
    return missing


def delete(scene: Scene) -> None:
    scene.first.delete(scene.name)


def delete_many(scene: Scene) -> None:
    scene.first.delete_many([scene.name, f"{scene.name}-3"])


def is_last_moment(stops: Stops, number: int, scene: Scene) -> bool:
    """Say whether it was stopped between its last look and the deletion, where the server minds no condition."""
    request = stops.seen[number]
    return request.method == "DELETE" and request.target.partition("?")[0].endswith(f"/{scene.name}")


# Ceph has no conditional delete, SeaweedFS has; the next test is tried on Amazon's answer to it as well.
@only("seaweedfs-http", "ceph-http")
@pytest.mark.parametrize("act", [delete, delete_many])
@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("start", STARTS)
def test_no_file_is_gone_that_nobody_deleted(
    scenes: Callable[[str], Scene], stops: Stops, provider: Provider, start: str, deed: Deed, act: Deed
) -> None:
    """One process deletes, and what another saves under the name meanwhile stays, whatever stood there before."""
    has_condition = provider.name != "ceph-http"
    for number, scene in walk(scenes, stops, start, deed, act):
        # Until it has looked nothing is decided: what is saved before is what it deletes.
        looks = itertools.takewhile(lambda one: one.method == "HEAD" and "/fork-of-" in one.target, stops.seen)
        if number >= len(list(looks)) and (has_condition or not is_last_moment(stops, number, scene)):
            assert lost(scene) == [], (number, [request.operation for request in stops.seen])


@only("seaweedfs-http", "ministack")
@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("start", STARTS)
def test_file_that_is_saved_while_another_process_deletes_is_there(
    scenes: Callable[[str], Scene], stops: Stops, start: str, deed: Deed
) -> None:
    for number, scene in walk(scenes, stops, start, deed, lambda scene: scene.save(scene.first)):
        if deed is not overwrites:
            assert lost(scene) == [], (number, [request.operation for request in stops.seen])


@only("seaweedfs-http", "ministack")
def test_file_that_the_parent_saves_while_a_deletion_is_promoted_is_there(
    scenes: Callable[[str], Scene], stops: Stops
) -> None:
    """A fork deleted the parent's file; while that is promoted, the parent deletes it too and saves another one."""
    parents: Any = build_storage(scenes("nothing").family.above[0])

    def hidden(start: str) -> Scene:
        scene = scenes(start)
        scene.second.delete(scene.name)
        return scene

    def act(scene: Scene) -> None:
        seen = scene.second.tombstones.read(scene.second.tombstones.key(scene.name))
        promotion.apply(promotion.Plan((promotion.Step("delete", *seen),), (), 0), scene.second, parents)

    def deed(scene: Scene) -> None:
        parents.delete(scene.name)
        scene.save(parents)

    for number, scene in walk(hidden, stops, "parents", deed, act):
        [made] = scene.saved
        assert read(parents, scene.name) == made, number
