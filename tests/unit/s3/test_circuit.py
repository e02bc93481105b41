"""While a place does not answer, others are told so at once, and one looks whether it does again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from holdall.errors import StoreUnreachable
from holdall.s3 import circuit as module
from holdall.s3.circuit import FAILURES, OPEN_SECONDS, Circuit

WHERE = 'bucket "media" at http://store'


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


def fails(circuit: Circuit, clock: Clock, *, seconds: float = 1.0) -> None:
    began, probe = clock.now, circuit.admit("saving", WHERE)
    clock.now += seconds
    failure = StoreUnreachable('Saving "a.txt" failed (tried 4 times in 1.0 s).')
    circuit.failed(probe, failure, began=began, waited=seconds, waits_at_most=10)


def elsewhere(work: Callable[[], Any]) -> Any:
    """Do it in another thread."""
    told: list[Any] = []

    def run() -> None:
        try:
            told.append(work())
        except StoreUnreachable as error:
            told.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return told[0]


def test_circuit_opens_after_a_few_failures_in_a_row(clock: Clock) -> None:
    circuit = Circuit()
    for _ in range(FAILURES - 1):
        fails(circuit, clock)
    circuit.heard(circuit.admit("saving", WHERE), WHERE)
    for _ in range(FAILURES):
        assert not circuit.is_open()
        fails(circuit, clock)
    assert circuit.is_open()
    with pytest.raises(
        StoreUnreachable, match=r'Looking for "a" failed in bucket "media".*nothing was sent.*3 failed'
    ) as caught:
        circuit.admit('looking for "a"', WHERE)
    assert not caught.value.outcome_unknown
    assert "The next request is sent at" in str(caught.value)


def test_one_failure_is_enough_where_nothing_was_heard_for_as_long_as_one_waits(clock: Clock) -> None:
    circuit = Circuit()
    fails(circuit, clock, seconds=10)
    assert circuit.is_open()


def test_one_silence_says_little_of_a_place_that_answers_others(clock: Clock) -> None:
    circuit = Circuit()
    clock.now += 5
    began = clock.now - 5
    circuit.heard(None, WHERE)
    clock.now += 5
    circuit.failed(None, StoreUnreachable("Silence."), began=began, waited=10, waits_at_most=10)
    assert not circuit.is_open()


def test_one_thread_alone_looks_whether_the_place_answers_again(clock: Clock) -> None:
    circuit = Circuit()
    fails(circuit, clock, seconds=10)
    clock.now += OPEN_SECONDS

    probe = circuit.admit("looking", WHERE)
    assert probe is not None
    # What it needs on its way.
    assert circuit.admit("reading a claim", WHERE) is None
    assert "under way" in str(elsewhere(lambda: circuit.admit("looking", WHERE)))
    circuit.heard(probe, WHERE)
    assert elsewhere(lambda: circuit.admit("looking", WHERE)) is None


def test_look_in_vain_keeps_it_open_and_a_look_that_is_given_up_does_not_block(clock: Clock) -> None:
    circuit = Circuit()
    fails(circuit, clock, seconds=10)
    clock.now += OPEN_SECONDS
    fails(circuit, clock)
    assert circuit.is_open()
    clock.now += OPEN_SECONDS
    circuit.left(circuit.admit("looking", WHERE))
    assert elsewhere(lambda: circuit.admit("looking", WHERE)) is not None


def test_run_of_failures_is_logged_at_its_beginning_and_at_its_end(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    circuit = Circuit()
    with caplog.at_level(logging.INFO, "holdall"):
        for _ in range(FAILURES):
            fails(circuit, clock)
        clock.now += OPEN_SECONDS
        circuit.heard(circuit.admit("looking", WHERE), WHERE)
        circuit.heard(None, WHERE)
    first, last = (record.getMessage() for record in caplog.records)
    assert first.startswith('Saving "a.txt" failed (tried 4 times in 1.0 s).')
    assert last.startswith(f"{WHERE} answers again, after 8.0 s in which 3 operations failed")
    assert all(record.exc_info is None for record in caplog.records)
