"""Many writers, one name: start them together, in threads of several processes, and see what each was told."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from queue import SimpleQueue
from typing import Any

from tests.servers import tether


@dataclass(frozen=True)
class Race:
    """Who writes what how often, and in parts of which size.

    `builder` is the dotted path of what makes a storage of `environ` and options.
    """

    environ: Mapping[str, str]
    rounds: int = 3
    processes: int = 1
    threads: int = 64
    size: int = 300
    part_bytes: int | None = None
    builder: str = "tests.stores.build_storage"

    @property
    def writers(self) -> int:
        return self.processes * self.threads


@dataclass(frozen=True)
class Outcome:
    """What one writer was told in one round: the name that its file got, or the error."""

    round: int
    writer: int
    name: str
    error: str = ""


def contested_name(round_number: int) -> str:
    return f"round-{round_number}/contested.bin"


def content_of(race: Race, round_number: int, writer: int) -> bytes:
    """Make the bytes of one writer, all of them its own, so that a mixture of two shows."""
    return random.Random(round_number * 10_000 + writer).randbytes(race.size)


def run(race: Race) -> list[Outcome]:
    """Run the race to its end and give all outcomes."""
    # Not fork: this process has threads and clients already, and a project's workers are started afresh as well.
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(race.processes)
    reports = context.Queue()
    workers = [
        context.Process(target=_work, args=(race, number, barrier, reports), daemon=True)
        for number in range(race.processes)
    ]
    for worker in workers:
        worker.start()
    try:
        return [outcome for _ in workers for outcome in reports.get(timeout=240)]
    finally:
        for worker in workers:
            worker.join(timeout=10)
            worker.kill()
            worker.join()
            worker.close()
        reports.close()


def _options(race: Race) -> dict[str, Any]:
    """Make what cannot be sent to another process."""
    if race.part_bytes is None:
        return {}
    from boto3.s3.transfer import TransferConfig

    parts = TransferConfig(
        multipart_threshold=race.part_bytes,
        multipart_chunksize=race.part_bytes,
        max_concurrency=2,
        preferred_transfer_client="classic",
    )
    return {"transfer_config": parts}


def _work(race: Race, process: int, barrier: Barrier, reports: Any) -> None:
    starter = multiprocessing.parent_process()
    assert starter is not None
    assert starter.pid is not None
    tether.end_with(starter.pid)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    module, _, function = race.builder.rpartition(".")
    storage = getattr(importlib.import_module(module), function)(race.environ, **_options(race))
    outcomes: SimpleQueue[Outcome] = SimpleQueue()
    # The last thread to arrive waits for the other processes.
    gate = threading.Barrier(race.threads, action=lambda: barrier.wait(timeout=200))
    threads = [
        threading.Thread(
            target=_write, args=(race, storage, process * race.threads + number, gate, outcomes), daemon=True
        )
        for number in range(race.threads)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reports.put([outcomes.get() for _ in range(outcomes.qsize())])


def _write(race: Race, storage: Any, writer: int, gate: threading.Barrier, outcomes: SimpleQueue[Outcome]) -> None:
    from django.core.files.base import ContentFile

    for number in range(race.rounds):
        file = ContentFile(content_of(race, number, writer))
        gate.wait(timeout=220)
        try:
            outcomes.put(Outcome(number, writer, storage.save(contested_name(number), file)))
        except Exception as error:
            outcomes.put(Outcome(number, writer, "", f"{type(error).__name__}: {error}"))
