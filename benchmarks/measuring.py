"""How things are measured: in turns, as medians, in CPU time; memory and first times in fresh processes."""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.providers import Provider
from tests.servers.cutting_proxy import CuttingProxy

KIB, MIB = 1024, 1024 * 1024
ROOT = Path(__file__).resolve().parent.parent
# One number for each contender.
Numbers = dict[str, float]


class Row(NamedTuple):
    """One line of the table.

    A goal is one of: so many times less than django-storages; no more than so much; for each contender that is named,
    no more than so many times its number; none.
    """

    title: str
    unit: str
    numbers: Numbers
    times_less: float | None = None
    at_most: float | None = None
    within: Mapping[str, float] | None = None


class Site(NamedTuple):
    """Where it is measured: a running server and a bucket in it."""

    provider: Provider
    bucket: str

    def environ(self, location: str, *, endpoint_url: str = "") -> dict[str, str]:
        environ = self.provider.environ(self.bucket, location=location)
        return environ | ({"AWS_S3_ENDPOINT_URL": endpoint_url} if endpoint_url else {})


class Answers(NamedTuple):
    """What passed the proxy, exactly."""

    requests: int
    kib: float


class Counted:
    """A proxy in front of the site, and what went through it since it was last asked."""

    def __init__(self, proxy: CuttingProxy) -> None:
        self._proxy = proxy
        self.url = proxy.url

    def of(self, deed: Callable[[], object]) -> Answers:
        """Count what a deed causes. It has to be warm: what happens once per process is not counted."""
        requests, answered = len(self._proxy.requests), self._proxy.answer_bytes
        deed()
        return Answers(len(self._proxy.requests) - requests, (self._proxy.answer_bytes - answered) / KIB)


@contextmanager
def counting(site: Site) -> Iterator[Counted]:
    with CuttingProxy(site.provider.endpoint_url) as proxy:
        yield Counted(proxy)


def cpu_seconds(deeds: Mapping[str, Callable[[], object]], *, repeat: int, rounds: int = 9) -> Numbers:
    """Give the CPU time of this process, all its threads, for one deed of each contender: the median of the rounds."""
    return _in_turns(deeds, repeat, rounds, time.process_time)


def wall_seconds(deeds: Mapping[str, Callable[[], object]], *, rounds: int = 9) -> Numbers:
    return _in_turns(deeds, 1, rounds, time.perf_counter)


def _in_turns(
    deeds: Mapping[str, Callable[[], object]], repeat: int, rounds: int, clock: Callable[[], float]
) -> Numbers:
    for deed in deeds.values():
        # Connections are opened, classes made.
        deed()
    taken: dict[str, list[float]] = {who: [] for who in deeds}
    # In turns, so that a busy moment of the machine falls on all alike.
    for _ in range(rounds):
        for who, deed in deeds.items():
            gc.collect()
            started = clock()
            for _ in range(repeat):
                deed()
            taken[who].append((clock() - started) / repeat)
    return medians(taken)


def medians(taken: Mapping[str, list[float]]) -> Numbers:
    return {who: statistics.median(times) for who, times in taken.items()}


def scaled(numbers: Numbers, factor: float) -> Numbers:
    return {who: number * factor for who, number in numbers.items()}


def fresh(function: str, *arguments: Any, environ: Mapping[str, str] | None = None) -> Any:
    """Call a function, "module.name" of this package, in a process of its own; give what it returns."""
    module, _, name = function.rpartition(".")
    code = (
        "import json, sys, django; django.setup(); "
        f"from benchmarks.{module} import {name}; print(json.dumps({name}(*json.loads(sys.argv[1]))))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, json.dumps(arguments)],
        cwd=ROOT,
        env={**os.environ, **(environ or {})},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def memory_mib(field: str = "VmRSS") -> float:
    """Give this process's memory: now, or with "VmHWM" the most it ever had.

    Out of /proc, because the peak that `resource` tells begins with the parent's.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / KIB
    raise AssertionError(f"/proc does not tell {field}")


def peak_growth_mib(deed: Callable[[], object]) -> float:
    """Tell by how much more than before the memory of this process was, at most, while a deed was done."""
    gc.collect()
    before = memory_mib()
    # Forgets the peak so far.
    Path("/proc/self/clear_refs").write_text("5")
    deed()
    return max(0.0, memory_mib("VmHWM") - before)
