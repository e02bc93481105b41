"""The project's own Celery workers, as those who carry out shards.

A shard goes to them as a task, `holdall.copy`, through the project's broker. What they say of it comes back through the
same broker, by a queue of this run: a project needs no result backend for it. No secret is in any message: a place is named
by its alias of STORAGES, and each worker opens what its own settings say, if that is the same place.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any

from celery import Celery, current_app
from celery.exceptions import CeleryError
from kombu import Exchange, Queue
from kombu.exceptions import KombuError

from holdall.bulk.entries import Entry
from holdall.bulk.places import Place, Trouble
from holdall.bulk.shards import Parcel, Shard, work
from holdall.bulk.verdict import Copied
from holdall.errors import HoldallError

# Frozen: projects route it to a queue of its own by `CELERY_TASK_ROUTES`.
TASK = "holdall.copy"
# How long workers may take to say what they know.
ASKED_SECONDS = 2.0
# A project's own limit is for its own tasks, and would end a shard in the middle, again and again.
LIMIT_SECONDS = 24 * 3600
# What a queue of a run that was killed is deleted after, by brokers that do.
QUEUE_SECONDS = 3600


class NoWorkers(HoldallError):
    """The project has no Celery workers that could do this; nothing was sent."""


def check_workers() -> None:
    """Make sure that the project has workers that know the task.

    Raises:
        NoWorkers: there is no app, no broker, or no worker that knows the task.
    """
    app = _app()
    try:
        told = app.control.inspect(timeout=ASKED_SECONDS).registered()
    except _failures(app) as failure:
        raise _unreachable(failure) from failure
    if not told:
        raise NoWorkers(f"No Celery worker answers. Start some: celery -A {app.main} worker. Or leave out --celery.")
    if not any(TASK in tasks for tasks in told.values()):
        raise NoWorkers(
            f"The Celery workers do not know the task {TASK}. Add holdall to INSTALLED_APPS, call "
            "app.autodiscover_tasks() where the app is made, and restart the workers."
        )


def _app() -> Celery:
    app: Celery = current_app._get_current_object()
    if app.main in {None, "default"}:
        raise NoWorkers(
            "This project has no Celery app. Import it in the project's package, as Celery's page on Django says: "
            "https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html"
        )
    if app.conf.task_always_eager:
        raise NoWorkers("`CELERY_TASK_ALWAYS_EAGER` is set, so no task reaches a worker. Leave out --celery.")
    return app


def _unreachable(failure: Exception) -> NoWorkers:
    return NoWorkers(f"Celery's broker cannot be reached: {failure}")


class CeleryCrew:
    """The workers of the project's Celery app, for one run.

    Raises:
        NoWorkers: there is no app, or its broker cannot be reached.
    """

    def __init__(self, order: dict[str, Any]) -> None:
        self._app = _app()
        self._run = f"holdall-{os.urandom(6).hex()}"
        self._order = order | {"answer_to": self._run}
        self._failures = _failures(self._app)
        try:
            self._listen()
        except self._failures as failure:
            raise _unreachable(failure) from failure

    def _listen(self) -> None:
        self._connection = self._app.connection_for_read()
        self._connection.ensure_connection(max_retries=3)
        self._heard: list[dict[str, Any]] = []
        exchange, queue = _answers(self._run)
        self._consumer = self._connection.Consumer(
            [Queue(queue, exchange, routing_key=queue, durable=False, auto_delete=True, expires=QUEUE_SECONDS)],
            callbacks=[lambda body, message: self._heard.append(body)],
            accept=["json"],
            no_ack=True,
        )
        self._consumer.consume()

    def __enter__(self) -> CeleryCrew:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _failure: BaseException | None, _trace: TracebackType | None
    ) -> None:
        with suppress(*self._failures):
            self._consumer.cancel()
            for queue in self._consumer.queues:
                queue.delete()
        self._connection.release()

    def send(self, parcel: Parcel, *, beat_seconds: float, expires_seconds: float) -> str:
        attempt = f"{self._run}-{parcel.number}-{os.urandom(3).hex()}"
        self._app.send_task(
            TASK,
            kwargs={"order": self._order | {"shard": parcel.content, "beat_seconds": beat_seconds}},
            task_id=attempt,
            serializer="json",
            expires=expires_seconds,
            ignore_result=True,
            soft_time_limit=LIMIT_SECONDS,
            time_limit=LIMIT_SECONDS,
            retry=True,
        )
        return attempt

    def hear(self, seconds: float) -> list[dict[str, Any]]:
        try:
            self._connection.drain_events(timeout=seconds)
            # What else is there.
            while True:
                self._connection.drain_events(timeout=0.01)
        except TimeoutError:
            pass
        except self._failures:
            # The broker is away. What was said meanwhile is lost, and asked for again.
            time.sleep(seconds)
            with suppress(*self._failures):
                self._connection.release()
                self._listen_again()
        heard, self._heard = self._heard, []
        return heard

    def _listen_again(self) -> None:
        heard = self._heard
        self._listen()
        self._heard = heard

    def revoke(self, attempts: list[str]) -> None:
        if attempts:
            with suppress(*self._failures):
                self._app.control.revoke(attempts)

    def is_there(self) -> bool:
        try:
            return bool(self._app.control.ping(timeout=ASKED_SECONDS))
        except self._failures:
            return False


def carry_out(order: dict[str, Any], attempt: str, open_alias: Callable[[str], Place], app: Celery) -> None:
    """Carry out a shard in a worker, and say meanwhile that it is at it."""
    shard = Shard.unpacked(order["shard"])
    teller = _Teller(app, str(order["answer_to"]), {"shard": shard.number, "attempt": attempt})
    with teller.beating(float(order["beat_seconds"])):
        try:
            source, destination = (_opened(order, end, open_alias) for end in ("source", "destination"))
            done = work(shard, source, destination, workers=int(order["workers"]), report=teller.advance)
        except Exception as failure:  # noqa: BLE001  whatever it is, who waits for the shard must hear of it
            said = str(failure) if isinstance(failure, HoldallError) else f"{type(failure).__name__}: {failure}"
            answer: dict[str, Any] = {"error": said}
        else:
            answer = {"done": done.as_message()}
    teller.say("done", **answer)


def _opened(order: dict[str, Any], end: str, open_alias: Callable[[str], Place]) -> Place:
    alias, expected = order[end]
    place = open_alias(alias)
    if str(place) != expected:
        # The accident: workers of another environment on one broker, whose "default" is another bucket.
        raise HoldallError(
            f'A worker\'s alias "{alias}" of STORAGES is {place}, not {expected}; it copied nothing. Give the workers the '
            "same environment, or their own broker."
        )
    return place


class _Teller:
    """Tells whoever waits for a shard how far it is."""

    def __init__(self, app: Celery, run: str, about: dict[str, Any]) -> None:
        self._app, self._about = app, about
        self._exchange, self._queue = _answers(run)
        self._is_over = threading.Event()
        self._files = self._bytes = 0
        self._name = ""

    def advance(self, step: Entry, _done: Copied | Trouble) -> None:
        self._files += 1
        self._bytes += step.size_bytes
        self._name = step.name

    def say(self, event: str, **more: Any) -> None:
        with self._app.producer_pool.acquire(block=True) as producer:
            producer.publish(
                self._about | {"event": event} | more,
                exchange=self._exchange,
                routing_key=self._queue,
                serializer="json",
                retry=True,
                retry_policy={"max_retries": 5},
                declare=[],
            )

    def beating(self, seconds: float) -> _Beating:
        return _Beating(self, seconds)

    def beat(self, seconds: float) -> None:
        event = "begun"
        while True:
            with suppress(Exception):
                # A word that is lost is made good by the next one.
                self.say(event, files=self._files, size_bytes=self._bytes, name=self._name)
            event = "alive"
            if self._is_over.wait(seconds):
                return

    def end(self) -> None:
        self._is_over.set()


class _Beating:
    """Signs of life, from a thread beside the work."""

    def __init__(self, teller: _Teller, seconds: float) -> None:
        self._teller = teller
        self._thread = threading.Thread(target=teller.beat, args=(seconds,), name="holdall-beat", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._teller.end()
        self._thread.join()


def _answers(run: str) -> tuple[Exchange, str]:
    # An exchange of this run: when it is over, nothing that is still said is kept for anybody.
    return Exchange(run, type="direct", durable=False, auto_delete=True), run


def _failures(app: Celery) -> tuple[type[Exception], ...]:
    connection = app.connection_for_read()
    told = (*connection.recoverable_connection_errors, *connection.recoverable_channel_errors)
    return (*told, KombuError, CeleryError, OSError)
