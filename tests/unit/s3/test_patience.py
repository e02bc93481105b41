"""How long one request waits: a question all in all, a transfer as long as bytes move, a copy as long as a copy takes."""

from __future__ import annotations

import pytest

from holdall.s3 import patience
from holdall.s3.patience import Kind, Patience


class Clock:
    """A clock that stands still until it is moved."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(patience, "time", made)
    return made


def test_question_has_its_time_however_many_attempts_and_however_it_drips(clock: Clock) -> None:
    asked = Patience(10, attempts=4)
    asked.begin_attempt(Kind.QUESTION)
    assert asked.left() == 5
    for _ in range(8):
        clock.now += 1
        asked.moved(2000)
    assert asked.left() == 2
    clock.now += 2
    assert asked.ends()
    assert asked.is_spent()


def test_attempt_that_is_silent_leaves_half_of_the_time_for_a_second_one(clock: Clock) -> None:
    asked = Patience(10, attempts=4)
    asked.begin_attempt(Kind.QUESTION)
    clock.now += 5
    assert asked.ends()
    assert not asked.is_spent()
    asked.begin_attempt(Kind.QUESTION)
    assert asked.left() == 5
    clock.now += 5
    assert asked.ends()
    assert asked.is_spent()


def test_single_attempt_has_all_of_the_time(clock: Clock) -> None:
    asked = Patience(10, attempts=1)
    asked.begin_attempt(Kind.QUESTION)
    assert asked.left() == 10


@pytest.mark.parametrize("seconds", [100, 10_000])
def test_transfer_lasts_as_long_as_bytes_move(clock: Clock, seconds: int) -> None:
    sent = Patience(10, attempts=4)
    sent.begin_attempt(Kind.TRANSFER)
    for _ in range(seconds):
        clock.now += 1
        sent.moved(2000)
    assert sent.left() == 5
    assert not sent.is_spent()


def test_transfer_that_is_silent_twice_is_over(clock: Clock) -> None:
    sent = Patience(10, attempts=4)
    for is_last in (False, True):
        sent.begin_attempt(Kind.TRANSFER)
        for _ in range(100):
            clock.now += 1
            sent.moved(2000)
        clock.now += 5
        assert sent.ends()
        assert sent.is_spent() is is_last


def test_work_of_the_server_is_waited_for_and_not_asked_for_twice(clock: Clock) -> None:
    asked = Patience(10, attempts=4)
    asked.begin_attempt(Kind.WORK)
    clock.now += 50
    assert not asked.ends()
    clock.now += 50
    assert asked.ends()
    assert asked.is_spent()


@pytest.mark.parametrize("kind", list(Kind))
def test_wait_ends_when_others_find_out_that_nobody_answers(clock: Clock, kind: Kind) -> None:
    is_known: list[bool] = []
    asked = Patience(10, attempts=4, others_gave_up=lambda: bool(is_known))
    asked.begin_attempt(kind)
    clock.now += 2
    assert not asked.ends()
    is_known.append(True)
    assert asked.ends()
    assert asked.is_spent()


@pytest.mark.parametrize(
    ("method", "target", "headers", "kind"),
    [
        ("HEAD", "/media/a.jpg", {}, Kind.QUESTION),
        ("GET", "/media/a.jpg", {"range": "bytes=0-9"}, Kind.TRANSFER),
        ("GET", "/a.jpg", {}, Kind.TRANSFER),
        ("GET", "/media?list-type=2&prefix=a", {}, Kind.QUESTION),
        ("PUT", "/media/a.jpg", {}, Kind.TRANSFER),
        ("PUT", "/media/a.jpg?partNumber=1&uploadId=u", {}, Kind.TRANSFER),
        ("PUT", "/media/a.jpg", {"x-amz-copy-source": "media/b.jpg"}, Kind.WORK),
        ("POST", "/media/a.jpg?uploadId=u", {}, Kind.WORK),
        ("POST", "/media/a.jpg?uploads", {}, Kind.QUESTION),
        ("POST", "/media?delete", {}, Kind.WORK),
        ("DELETE", "/media/a.jpg", {}, Kind.QUESTION),
        ("DELETE", "/media/a.jpg?uploadId=u", {}, Kind.QUESTION),
    ],
)
def test_kind_is_told_by_the_request(method: str, target: str, headers: dict[str, str], kind: Kind) -> None:
    assert patience.kind_of(method, target, headers) is kind


def test_head_of_an_answer_and_drops_are_no_progress(clock: Clock) -> None:
    read = Patience(10, attempts=4)
    read.begin_attempt(Kind.TRANSFER)
    with read.heading():
        for _ in range(4):
            clock.now += 1
            read.moved(2000)
        assert read.left() == 1
    assert read.left() == 5
    for _ in range(4):
        clock.now += 1
        read.moved(1)
    assert read.left() == 1
