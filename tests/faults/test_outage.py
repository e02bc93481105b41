"""A store that hangs or fails takes no site down: pages without files answer, and all is well soon after it is back.

What cannot be tried here is a network that swallows the first packet of a connection: loopback has none that does.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.contract import only
from tests.providers import Provider
from tests.servers import fault_proxy as wire
from tests.servers import processes
from tests.servers.fault_proxy import Exchange, Fault, FaultProxy, Gone, Request

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_SECONDS = 3
DEEDS = ["size", "exists", "read", "list", "save", "delete"]
CONTENT = os.urandom(300_000)


def drips(exchange: Exchange) -> None:
    """Answer a byte each half second, head included."""
    try:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n" + b"X-Padding: " + b"x" * 500:
            exchange.client.sendall(bytes([byte]))
            time.sleep(0.5)
    except OSError:
        raise Gone from None


# Heads are answered, so the store is not taken for silent: whoever reads waits, each on its own, and so may a page behind
# them. It is answered, and all is well again afterwards.
WITHIN_BODIES = wire.stalls_answer(10)
OUTAGES: list[Fault] = [
    wire.stalls_before,
    WITHIN_BODIES,
    wire.resets_before,
    wire.answers_503_before,
    wire.answers_500_before,
    drips,
]


@contextmanager
def served(environ: dict[str, str], *options: str) -> Iterator[str]:
    port = processes.free_port()
    program = processes.start(
        [sys.executable, "-m", "gunicorn", *options, "-b", f"127.0.0.1:{port}", "--timeout", "60",
         "--graceful-timeout", "5", "--log-level", "error",
         "tests.faults.outage_site:application"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "src:.", "DJANGO_SETTINGS_MODULE": "", **environ},
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while asked(f"http://127.0.0.1:{port}/page")[0] != 200:
            assert time.monotonic() < until
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        program.terminate()
        program.wait(30)


def asked(url: str, *, seconds: float = 60) -> tuple[int, float]:
    began = time.monotonic()
    try:
        with urllib.request.urlopen(url, timeout=seconds) as answer:
            answer.read()
            status = answer.status
    except urllib.error.HTTPError as error:
        status = error.code
    except OSError:
        status = 0
    return status, time.monotonic() - began


@only("seaweedfs-http")
@pytest.mark.parametrize("outage", OUTAGES, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("options", [["--threads", "8"], ["--workers", "4"]], ids=["threads", "workers"])
def test_site_stays_up_while_its_store_is_down(
    provider: Provider, bucket: str, location: str, outage: Fault, options: list[str]
) -> None:
    if options[0] == "--workers" and outage not in {wire.stalls_before, wire.answers_503_before}:
        options = ["--workers", "2", "--threads", "4"]
    provider.write(bucket, f"{location}/a.bin", CONTENT)
    down: list[Fault] = []

    def choose(_request: Request) -> Fault | None:
        return down[0] if down else None

    with FaultProxy(provider.endpoint_url, choose=choose) as proxy:
        environ: dict[str, str] = provider.environ(bucket, location=location, AWS_S3_ENDPOINT_URL=proxy.url)
        with served({**environ, "STORAGE_TIMEOUT": f"{TIMEOUT_SECONDS}s"}, *options) as site:
            assert [asked(f"{site}/file/{deed}")[0] for deed in DEEDS] == [200] * len(DEEDS)

            ends = threading.Event()
            turns = itertools.count()

            def visit() -> None:
                while not ends.is_set():
                    asked(f"{site}/file/{DEEDS[next(turns) % len(DEEDS)]}")

            down.append(outage)
            fell = time.monotonic()
            visitors = [threading.Thread(target=visit) for _ in range(12)]
            for one in visitors:
                one.start()
            try:
                time.sleep(max(0.0, fell + TIMEOUT_SECONDS + 2 - time.monotonic()))
                pages = []
                for _ in range(8):
                    pages.append(asked(f"{site}/page"))
                    time.sleep(0.5)
            finally:
                ends.set()
                down.clear()
                back = time.monotonic()
                for one in visitors:
                    one.join()
            assert [status for status, _ in pages] == [200] * len(pages)
            if outage is not WITHIN_BODIES:
                # One may meet the moment in which a machine with two cores does something else.
                assert sorted(took for _, took in pages)[-2] < 1, pages

            time.sleep(max(0.0, back + 10 - time.monotonic()))
            assert [asked(f"{site}/file/{deed}")[0] for deed in DEEDS] == [200] * len(DEEDS)
