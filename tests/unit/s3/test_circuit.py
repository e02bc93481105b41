"""While a place does not answer, others are told so at once, and one looks whether it does again."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from holdall.errors import HoldallError, StoreFailed, StoreUnreachable
from holdall.providers import AMAZON
from holdall.s3 import circuit as module
from holdall.s3 import keys, line, lookup, sockets
from holdall.s3.circuit import FAILURES, OPEN_SECONDS, Circuit
from holdall.s3.connection import Connection
from holdall.s3.fastlane import Refused
from holdall.s3.signing import SigningKeys
from holdall.s3.target import Target
from holdall.secret import Secret

TARGET = Target(provider=AMAZON, bucket_name="media", region_name="eu-west-1")
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


def test_record_is_handled_while_the_circuit_can_be_used(clock: Clock) -> None:
    circuit = Circuit()
    asked: list[bool] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            # As one that writes into the storage, or that mails while others use it.
            def use() -> None:
                circuit.failed(None, StoreUnreachable("Silence."), began=clock.now, waited=0, waits_at_most=10)
                asked.append(True)

            thread = threading.Thread(target=use, daemon=True)
            thread.start()
            thread.join(10)

    handler = Handler()
    logging.getLogger("holdall").addHandler(handler)
    try:
        fails(circuit, clock)
    finally:
        logging.getLogger("holdall").removeHandler(handler)
    assert asked


def test_circuit_can_be_used_by_what_a_garbage_collection_runs_inside() -> None:
    circuit = Circuit()
    used: list[bool] = []

    def use() -> None:
        with circuit._lock, sockets._lock, lookup._lock:
            circuit.failed(None, StoreUnreachable("Silence."), began=0, waited=0, waits_at_most=10)
            sockets.Idle()
            with lookup._lock:
                used.append(True)

    thread = threading.Thread(target=use, daemon=True)
    thread.start()
    thread.join(10)
    assert used


@pytest.fixture(autouse=True)
def _place_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "_lines", OrderedDict())


def connection(bucket_name: str) -> Connection:
    return Connection(replace(TARGET, bucket_name=bucket_name))


def asks(connection: Connection, error: Exception | None = None) -> HoldallError | None:
    """Do what a request does that ends so."""
    try:
        with connection.translating("reading", name="a.txt", key="a.txt", learn=False):
            if error is not None:
                raise error
    except HoldallError as failure:
        return failure
    return None


def refused(status: int, code: str) -> Refused:
    return Refused("GetObject", status, code, "", 0, {})


@pytest.mark.parametrize(("status", "code"), [(500, "InternalError"), (503, "503"), (503, "ServiceUnavailable")])
def test_bucket_that_answers_with_failures_shuts_out_no_other_and_ends_nothing(status: int, code: str) -> None:
    bad, good = connection("bad"), connection("good")
    assert bad.line is good.line
    for _ in range(FAILURES):
        assert isinstance(asks(bad, refused(status, code)), StoreFailed)
    # What is under way asks this, also in the same bucket.
    assert not bad.line.circuit.is_open()
    assert asks(good) is None
    failure = asks(bad)
    assert isinstance(failure, StoreUnreachable)
    assert "nothing was sent, because the store has answered with failures alone since" in str(failure)


@pytest.mark.parametrize(("status", "code"), [(429, "TooManyRequests"), (503, "SlowDown"), (429, "429")])
def test_throttling_shuts_out_nobody(status: int, code: str) -> None:
    one = connection("throttled")
    for _ in range(3 * FAILURES):
        asks(one, refused(status, code))
    assert asks(one) is None


def test_silence_of_one_bucket_is_the_silence_of_its_place() -> None:
    silent, other = connection("silent"), connection("other")
    for _ in range(FAILURES):
        assert isinstance(asks(silent, EndpointConnectionError(endpoint_url="http://silence")), StoreUnreachable)
    assert "has not answered since" in str(asks(other))


def test_failure_that_the_store_answers_ends_a_silence() -> None:
    one, other = connection("one"), connection("other")
    for turn in range(2 * FAILURES):
        answers = refused(503, "ServiceUnavailable") if turn % 2 else EndpointConnectionError(endpoint_url="http://s")
        asks(one if turn % 2 else other, answers)
    assert asks(other) is None


def test_links_do_not_wait_for_those_who_wait_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    one = connection("linked")
    given = SigningKeys("id", Secret("secret"))
    monkeypatch.setattr(keys, "known_keys", lambda _target: None)
    monkeypatch.setattr(keys, "found_keys", lambda _target: (given, 4e9))
    place = one.place()
    assert place is not None
    made: list[Any] = []

    def sign() -> None:
        made.append(one.signers.signer(place))

    # As a look at the claims has it while it asks the store.
    with one.lock:
        thread = threading.Thread(target=sign, daemon=True)
        thread.start()
        thread.join(10)
        assert made
