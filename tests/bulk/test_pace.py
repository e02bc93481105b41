"""A store that is too busy makes bulk work slower, and not fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdall.bulk import copying, plan, work
from holdall.bulk.places import Folder, Store
from holdall.errors import Answer, HoldallError, StoreFailed
from tests.bulk.conftest import take
from tests.contract import only
from tests.providers import Provider
from tests.servers.fault_proxy import Fault, FaultProxy, Request, answers_503_before
from tests.stores import build_storage


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "FIRST_PAUSE_SECONDS", 0.01)


@pytest.mark.parametrize("lane", ["wire", "obstore", "own lane"])
@only("seaweedfs-http")
def test_busy_store_has_everything_in_the_end(
    lane: str, provider: Provider, bucket: str, location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody else tries again: neither lane by itself.
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    take(lane, monkeypatch)
    for number in range(8):
        (tmp_path / f"{number:02}.txt").write_bytes(b"%d" % number)
    seen: Counter[Any] = Counter()

    def busy_at_first(request: Request) -> Fault | None:
        seen[request.same] += 1
        return answers_503_before if request.operation == "PutObject" and seen[request.same] <= 3 else None

    with FaultProxy(provider.endpoint_url, choose=busy_at_first) as proxy:
        environ = provider.environ(bucket, location=location) | {"AWS_S3_ENDPOINT_URL": proxy.url}
        storage: Any = build_storage(environ)
        outcome = copying.apply(plan.make(Folder(tmp_path), Store(storage)))

    assert (outcome.copied.files, outcome.failures, outcome.conflicts) == (8, [], [])
    assert outcome.slowed > 0


def test_pace_is_halved_by_a_refusal_and_grows_again() -> None:
    pace = work.Pace(16)
    answers: list[Callable[[], int]] = [_busy, _busy, lambda: 7]
    assert pace.keep(lambda: answers.pop(0)()) == 7
    assert pace.slowed == 2
    assert 4 <= pace.limit < 5
    for _ in range(200):
        pace.keep(int)
    assert pace.limit == 16


@pytest.mark.parametrize("status", [None, 403, 501, 507])
def test_what_is_no_matter_of_pace_is_not_tried_again(status: int | None) -> None:
    tried = []

    def refused() -> None:
        tried.append(1)
        failure: HoldallError = StoreFailed("no")
        failure.answer = (
            None
            if status is None
            else Answer("PutObject", status, "XMinioStorageFull", "Storage backend is full.", 0, {})
        )
        raise failure

    with pytest.raises(StoreFailed):
        work.Pace(4).keep(refused)
    assert tried == [1]


def test_store_that_stays_busy_is_given_up_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "PATIENCE_SECONDS", 0.0)
    pace = work.Pace(4)
    with pytest.raises(StoreFailed):
        pace.keep(_busy)
    with pytest.raises(StoreFailed):
        pace.keep(lambda: pytest.fail("it is not asked again"))


def _busy() -> int:
    failure: HoldallError = StoreFailed("busy")
    failure.answer = Answer("PutObject", 503, "SlowDown", "Please reduce your request rate.", 0, {})
    raise failure
