"""Shards on their way through workers that come back, or do not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdall.bulk import dispatch, plan, shards
from holdall.bulk.dispatch import Dispatch, Times
from holdall.bulk.entries import Entry
from holdall.bulk.places import Folder, Trouble
from holdall.bulk.plan import Count
from holdall.bulk.shards import Done, Parcel, Shard

TIMES = Times(beat=1, lost=10, waiting=20, silence=60)


class Crew:
    """Workers of a script, on a clock of their own: each word is heard a second after the last."""

    def __init__(self, worker: Callable[[Crew, str, Parcel], None]) -> None:
        self.worker = worker
        self.now = 0.0
        self.sent: list[tuple[str, int]] = []
        self.revoked: list[str] = []
        self.later: list[tuple[float, dict[str, Any]]] = []
        self.is_anybody = True

    def send(self, parcel: Parcel, *, beat_seconds: float, expires_seconds: float) -> str:
        attempt = f"attempt {len(self.sent)}"
        self.sent.append((attempt, parcel.number))
        self.worker(self, attempt, parcel)
        return attempt

    def say(self, event: str, attempt: str, parcel: Parcel, *, after: float = 1, **more: Any) -> None:
        about = {"event": event, "attempt": attempt, "shard": parcel.number}
        self.later.append((self.now + after, about | more))

    def does(self, attempt: str, parcel: Parcel, *, after: float = 1, **changes: Any) -> None:
        done = Done(**{"copied": Count(parcel.files, parcel.size_bytes)} | changes)
        self.say("begun", attempt, parcel, after=after)
        self.say("done", attempt, parcel, after=after + 1, done=done.as_message())

    def hear(self, seconds: float) -> list[dict[str, Any]]:
        self.now += 1
        heard = [said for at, said in self.later if at <= self.now]
        self.later = [(at, said) for at, said in self.later if at > self.now]
        return heard

    def revoke(self, attempts: list[str]) -> None:
        self.revoked += attempts

    def is_there(self) -> bool:
        return self.is_anybody


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> plan.Plan:
    """Ten shards of ten files."""
    monkeypatch.setattr(shards, "LEAST_FILES", 10)
    made = plan.Plan(Folder(tmp_path / "here"), Folder(tmp_path / "there"))
    for number in range(100):
        made.steps.append(Entry(f"{number:03}.txt", 7, None))
        made.to_copy.add(7)
    return made


def run(planned: plan.Plan, crew: Crew, **changes: Any) -> Any:
    return Dispatch(planned, crew, times=TIMES, clock=lambda: crew.now, **changes).run()


def test_all_is_done_once_and_counted(planned: plan.Plan) -> None:
    told: list[tuple[str, int, int]] = []
    crew = Crew(Crew.does)
    outcome = run(planned, crew, report=lambda *word: told.append(word))
    assert (outcome.copied, outcome.failures) == (Count(100, 700), [])
    assert [number for _, number in crew.sent] == list(range(10))
    assert (sum(files for _, files, _ in told), sum(size for *_, size in told)) == (100, 700)


def test_few_are_sent_before_the_first_is_done(planned: plan.Plan) -> None:
    crew = Crew(lambda crew, attempt, parcel: None)
    crew.is_anybody = False
    run(planned, crew)
    assert {number for _, number in crew.sent} == set(range(dispatch.LEAST_WAITING))


def test_shard_of_a_worker_that_is_gone_is_sent_again(planned: plan.Plan) -> None:
    def worker(crew: Crew, attempt: str, parcel: Parcel) -> None:
        if attempt in {"attempt 0", "attempt 3"}:
            crew.say("begun", attempt, parcel, files=4, size_bytes=28)
        else:
            crew.does(attempt, parcel)

    told: list[int] = []
    crew = Crew(worker)
    outcome = run(planned, crew, report=lambda _name, files, _size: told.append(files))
    assert (outcome.copied, outcome.failures) == (Count(100, 700), [])
    assert sorted(number for _, number in crew.sent) == sorted([*range(10), 0, 3])
    # What the gone one had done is not told twice.
    assert sum(told) == 100


def test_shard_that_a_gone_worker_had_in_its_hands_is_taken_back_and_sent_again(planned: plan.Plan) -> None:
    crew = Crew(lambda crew, attempt, parcel: None if attempt == "attempt 2" else crew.does(attempt, parcel))
    outcome = run(planned, crew)
    assert outcome.copied == Count(100, 700)
    assert crew.revoked == ["attempt 2"]


def test_slow_worker_is_waited_for_as_long_as_it_lives(planned: plan.Plan) -> None:
    def worker(crew: Crew, attempt: str, parcel: Parcel) -> None:
        for second in range(100):
            crew.say("alive", attempt, parcel, after=second)
        crew.does(attempt, parcel, after=100)

    crew = Crew(worker)
    outcome = run(planned, crew)
    assert (outcome.copied, len(crew.sent)) == (Count(100, 700), 10)


def test_late_word_of_another_attempt_counts_once(planned: plan.Plan) -> None:
    def worker(crew: Crew, attempt: str, parcel: Parcel) -> None:
        if parcel.number == 0:
            # Silent for longer than a worker may be, and back.
            crew.say("begun", attempt, parcel)
            crew.does(attempt, parcel, after=15)
        else:
            crew.does(attempt, parcel, after=30)

    crew = Crew(worker)
    assert run(planned, crew).copied == Count(100, 700)


def test_result_that_lacks_files_waits_for_the_other_attempt(planned: plan.Plan) -> None:
    lacking = {"copied": Count(9, 63), "conflicts": ["000.txt"]}

    def worker(crew: Crew, attempt: str, parcel: Parcel) -> None:
        if attempt == "attempt 0":
            crew.say("begun", attempt, parcel)
            # It counts as gone after ten seconds, and is not.
            crew.does(attempt, parcel, after=14, **lacking)
        elif parcel.number == 0:
            crew.does(attempt, parcel, after=1)
            crew.later[-1] = (crew.now + 9, crew.later[-1][1])
        else:
            crew.does(attempt, parcel)

    outcome = run(planned, Crew(worker))
    assert (outcome.copied, outcome.conflicts) == (Count(100, 700), [])


def test_conflicts_and_failures_are_told(planned: plan.Plan) -> None:
    changes = {"copied": Count(8, 56), "conflicts": ["a"], "failures": [Trouble("b", "because")], "unproven": ["c"]}
    crew = Crew(lambda crew, attempt, parcel: crew.does(attempt, parcel, **(changes if parcel.number == 4 else {})))
    outcome = run(planned, crew)
    assert (outcome.copied, outcome.conflicts) == (Count(98, 686), ["a"])
    assert (outcome.failures, list(outcome.unproven)) == ([Trouble("b", "because")], ["c"])


def test_shard_that_ends_its_workers_is_given_up_and_the_rest_done(planned: plan.Plan) -> None:
    def worker(crew: Crew, attempt: str, parcel: Parcel) -> None:
        (crew.say("begun", attempt, parcel) if parcel.number == 5 else crew.does(attempt, parcel))

    crew = Crew(worker)
    outcome = run(planned, crew)
    assert outcome.copied == Count(90, 630)
    assert [number for _, number in crew.sent].count(5) == dispatch.MOST_LOST
    assert '10 files from "050.txt" to "059.txt"' in outcome.failures[0].name


def test_shard_that_a_worker_cannot_do_is_tried_by_others_and_then_named(planned: plan.Plan) -> None:
    def worker(crew: Crew, attempt: str, parcel: Parcel) -> None:
        if parcel.number == 1 or attempt == "attempt 7":
            crew.say("done", attempt, parcel, error="another place")
        else:
            crew.does(attempt, parcel)

    outcome = run(planned, crew := Crew(worker))
    assert (outcome.copied, outcome.failures[0].reason) == (Count(90, 630), "another place")
    assert len(crew.sent) == 10 + 2 + 1


def test_without_any_worker_it_ends_and_says_what_was_not_tried(planned: plan.Plan) -> None:
    def worker(crew: Crew, attempt: str, parcel: Parcel) -> None:
        if parcel.number < 3:
            crew.does(attempt, parcel)
        crew.is_anybody = False

    outcome = run(planned, crew := Crew(worker))
    assert outcome.copied == Count(30, 210)
    assert outcome.failures == [Trouble("70 more", "were not tried: no worker answers. Start some, and run it again")]
    assert set(crew.revoked) >= {name for name, number in crew.sent if number >= 3}


def test_busy_workers_are_waited_for(planned: plan.Plan) -> None:
    def worker(crew: Crew, attempt: str, parcel: Parcel) -> None:
        if crew.now > 1_000:
            crew.does(attempt, parcel)

    outcome = run(planned, crew := Crew(worker))
    assert (outcome.copied, outcome.failures) == (Count(100, 700), [])
    # Each time after twice as long: nobody's queue is filled with what is taken back.
    assert len(crew.sent) < 50


def test_after_what_all_would_fail_at_nothing_more_is_sent(planned: plan.Plan) -> None:
    fatal = {"copied": Count(), "failures": [Trouble("000.txt", "refused")], "fatal": "refused"}
    crew = Crew(lambda crew, attempt, parcel: crew.does(attempt, parcel, **fatal))
    outcome = run(planned, crew)
    assert len(crew.sent) < 10
    assert outcome.failures[-1].reason == "were not tried: refused"


def test_interruption_takes_back_what_is_on_its_way(planned: plan.Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(seconds: float) -> list[dict[str, Any]]:
        raise KeyboardInterrupt

    crew = Crew(lambda crew, attempt, parcel: None)
    monkeypatch.setattr(crew, "hear", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(planned, crew)
    assert crew.revoked == [name for name, _ in crew.sent]


def test_shard_is_the_same_after_its_way(planned: plan.Plan) -> None:
    (first, *_) = shards.cut(planned)
    assert Shard.unpacked(first.packed().content) == first
    assert [len(shard.deeds) for shard in shards.cut(planned)] == [10] * 10
    assert [shard.stretch.after for shard in shards.cut(planned)][:3] == ["", "009.txt", "019.txt"]


def test_large_files_are_shards_of_their_own(tmp_path: Path) -> None:
    made = plan.Plan(Folder(tmp_path / "here"), Folder(tmp_path / "there"))
    for number, size_bytes in enumerate([1, 3 * 1024**3, 1, 1]):
        made.steps.append(Entry(f"{number}", size_bytes, None))
    assert [[step.name for step, _ in shard.deeds] for shard in shards.cut(made)] == [["0"], ["1"], ["2", "3"]]
