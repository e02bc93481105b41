"""Ask for 1,000 files at once, of a store that takes 50 ms to answer: which engine an event loop should use.

Each engine runs in a process of its own, the proxy that delays the answers in another.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from benchmarks.contenders import ours
from benchmarks.latent_proxy import LatentProxy
from benchmarks.measuring import ROOT, Numbers, Row, Site, fresh, medians

FILES = 1_000
LATENCY_SECONDS = 0.05
ROUNDS = 3
NAME = "ada.jpg"
LOCATION = "awaiting"
# What needs most of a minute each time is measured once.
SLOW = ("httpx", "sync_to_async")
OPTIONAL = ("obstore", "httpx", "aiohttp")
Ask = Callable[[], Awaitable[Any]]


def left_out() -> list[str]:
    """Name the clients that are not installed here."""
    return [who for who in OPTIONAL if find_spec(who) is None]


def measure(site: Site) -> Iterator[Row]:
    site.provider.write(site.bucket, f"{LOCATION}/{NAME}", b"x")
    with _delayed(site.provider.endpoint_url) as url:
        environ = site.environ(LOCATION, endpoint_url=url)
        absent = left_out()
        title = f"ask for {FILES:,} files at once"
        clock, cpu, gap = _in_turns([who for who in ENGINES if who not in absent and who not in POOLS], environ)
        yield Row(title, "s on the clock", clock, at_most=2)
        yield Row(title, "s of CPU", cpu)
        yield Row(title, "ms that the event loop was away at a time", gap)
        pools, _, _ = _in_turns(list(POOLS), environ)
        for who, seconds in pools.items():
            yield Row(f"the same in {who}", "s on the clock", {"holdall": seconds})


def _in_turns(engines: list[str], environ: dict[str, str]) -> tuple[Numbers, Numbers, Numbers]:
    taken: dict[str, list[list[float]]] = {who: [] for who in engines}
    for number in range(ROUNDS):
        for who in engines if not number else [one for one in engines if one not in SLOW]:
            taken[who].append(fresh("awaiting.run", who, environ))
    clock, cpu, gap = (
        medians({who: [one[index] for one in all_of_them] for who, all_of_them in taken.items()}) for index in range(3)
    )
    return clock, cpu, gap


async def threads(environ: dict[str, str], workers: int) -> tuple[Ask, Callable[[], Awaitable[None]]]:
    """Holdall's own way: `exists` in a thread of the place."""
    storage: Any = ours(environ)
    if not workers:
        return lambda: storage.aexists(NAME), _nothing
    pool, loop = ThreadPoolExecutor(workers), asyncio.get_running_loop()
    return lambda: loop.run_in_executor(pool, storage.exists, NAME), _nothing


async def asgiref(environ: dict[str, str], _: int) -> tuple[Ask, Callable[[], Awaitable[None]]]:
    """What projects do today."""
    from asgiref.sync import sync_to_async

    storage: Any = ours(environ)
    return lambda: sync_to_async(storage.exists)(NAME), _nothing


async def obstore(environ: dict[str, str], _: int) -> tuple[Ask, Callable[[], Awaitable[None]]]:
    """The client in Rust, with a runtime of its own."""
    from obstore.store import S3Store

    store = S3Store(
        environ["STORAGE_BUCKET_NAME"],
        prefix=environ["STORAGE_LOCATION"],
        endpoint=environ["AWS_S3_ENDPOINT_URL"],
        access_key_id=environ["AWS_ACCESS_KEY_ID"],
        secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        region="us-east-1",
        client_options={"allow_http": True},
    )
    return lambda: store.head_async(NAME), _nothing


async def httpx(environ: dict[str, str], _: int) -> tuple[Ask, Callable[[], Awaitable[None]]]:
    """Our own signature, over a client that does not block."""
    import httpx as library

    head, limits = _signing(environ), library.Limits(max_connections=None)
    client = library.AsyncClient(limits=limits, timeout=300, trust_env=False)

    async def ask() -> None:
        url, headers = head()
        assert (await client.head(url, headers=headers)).status_code == 200

    return ask, client.aclose


async def aiohttp(environ: dict[str, str], _: int) -> tuple[Ask, Callable[[], Awaitable[None]]]:
    """The same over another one."""
    import aiohttp as library

    head = _signing(environ)
    session = library.ClientSession(connector=library.TCPConnector(limit=0))

    async def ask() -> None:
        url, headers = head()
        async with session.head(url, headers=headers) as answer:
            assert answer.status == 200

    return ask, session.close


def _signing(environ: dict[str, str]) -> Callable[[], tuple[str, dict[str, str]]]:
    storage: Any = ours(environ)
    place = storage.store.place()
    path = f"{place.path}/{environ['STORAGE_LOCATION']}/{NAME}"
    signer, _ = storage.store.signers.signer(place)
    digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    def head() -> tuple[str, dict[str, str]]:
        return f"{place.scheme}://{place.host}{path}", signer.headers("HEAD", path, "", {}, digest, now=time.time())

    return head


async def _nothing() -> None:
    pass


POOLS = {f"{workers} threads": workers for workers in (16, 64, 128)}
ENGINES: dict[str, tuple[Callable[..., Any], int]] = {
    "holdall": (threads, 0),
    "obstore": (obstore, 0),
    "httpx": (httpx, 0),
    "aiohttp": (aiohttp, 0),
    "sync_to_async": (asgiref, 0),
    **{who: (threads, workers) for who, workers in POOLS.items()},
}


async def ask_all(engine: str, environ: dict[str, str], files: int) -> dict[str, float]:
    """Ask for all at once, and watch how long the loop is away from whatever else it has to do."""
    make, workers = ENGINES[engine]
    ask, end = await make(environ, workers)
    await asyncio.gather(*(ask() for _ in range(100)))
    gaps: list[float] = []

    async def beat() -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.001)
            now = time.monotonic()
            gaps.append(now - last)
            last = now

    beating = asyncio.ensure_future(beat())
    cpu, began = time.process_time(), time.monotonic()
    await asyncio.gather(*(ask() for _ in range(files)))
    taken = {"seconds": time.monotonic() - began, "cpu": time.process_time() - cpu}
    await asyncio.sleep(0.01)
    beating.cancel()
    await end()
    return taken | {"gap": max(gaps)}


@contextmanager
def _delayed(upstream: str) -> Iterator[str]:
    program = "import sys; from benchmarks.awaiting import delay; delay(sys.argv[1])"
    command = [sys.executable, "-c", program, upstream]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as proxy:
        assert proxy.stdout is not None
        yield proxy.stdout.readline().strip()
        proxy.communicate()


def delay(upstream: str) -> None:
    """Delay what a server answers, until the standard input ends."""
    with LatentProxy(upstream, seconds=LATENCY_SECONDS) as proxy:
        print(proxy.url, flush=True)
        sys.stdin.read()


def run(engine: str, environ: dict[str, str]) -> list[float]:
    """Measure one engine in this process: seconds on the clock and of CPU, and the loop's longest absence in ms."""
    # What asks one after the other is asked for a twentieth: that is enough to see it.
    share = 20 if engine == "sync_to_async" else 1
    taken = asyncio.run(ask_all(engine, environ, FILES // share))
    return [taken["seconds"] * share, taken["cpu"] * share, taken["gap"] * 1000]
