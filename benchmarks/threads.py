"""What each thread that uses the storage keeps, and what its first use costs."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator

from benchmarks.contenders import CONTENDERS
from benchmarks.measuring import Row, Site, fresh, medians, memory_mib, scaled

THREADS = 16
FRESH_PROCESSES = 3


def measure(site: Site) -> Iterator[Row]:
    taken: dict[str, list[list[float]]] = {who: [] for who in CONTENDERS}
    for _ in range(FRESH_PROCESSES):
        for who in CONTENDERS:
            taken[who].append(fresh("threads.use", who, site.environ("threads")))
    memory, cpu = (
        medians({who: [pair[index] for pair in pairs] for who, pairs in taken.items()}) for index in range(2)
    )
    yield Row(f"each of {THREADS} live threads", "MiB of memory kept", memory, at_most=0.5)
    yield Row(f"each of {THREADS} threads, first use", "ms of CPU", scaled(cpu, 1e3))


def use(who: str, environ: dict[str, str]) -> list[float]:
    """Use the storage in this thread, then in others that stay alive; give MiB and seconds of CPU for each."""
    storage = CONTENDERS[who](environ)
    storage.url("ada.jpg")
    storage.exists("ada.jpg")
    used, end = threading.Barrier(THREADS + 1), threading.Event()

    def work() -> None:
        storage.url("ada.jpg")
        storage.exists("ada.jpg")
        used.wait()
        end.wait()

    gc.collect()
    memory, cpu = memory_mib(), time.process_time()
    workers = [threading.Thread(target=work) for _ in range(THREADS)]
    for worker in workers:
        worker.start()
    used.wait()
    cpu = time.process_time() - cpu
    gc.collect()
    memory = memory_mib() - memory
    end.set()
    for worker in workers:
        worker.join()
    return [memory / THREADS, cpu / THREADS]
