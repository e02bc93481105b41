"""Ask for 1,000 files at once, of a store that takes 50 ms to answer: which engine an event loop should use.

    python -m benchmarks.awaiting [--engines holdall httpx …] [--rounds 3]

Run it in the project's folder, with the environment of `python scripts/environment.py bench`. Each engine runs in a
process of its own, the proxy that delays the answers in another.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

FILES = 1_000
LATENCY_SECONDS = 0.05
NAME = "ada.jpg"
Ask = Callable[[], Awaitable[Any]]


async def threads(environ: dict[str, str], workers: int) -> tuple[Ask, Callable[[], Awaitable[None]]]:
    """Holdall's own way: `exists` in a thread of the place."""
    from benchmarks.contenders import ours

    storage: Any = ours(environ)
    if not workers:
        return lambda: storage.aexists(NAME), _nothing
    pool, loop = ThreadPoolExecutor(workers), asyncio.get_running_loop()
    return lambda: loop.run_in_executor(pool, storage.exists, NAME), _nothing


async def asgiref(environ: dict[str, str], _: int) -> tuple[Ask, Callable[[], Awaitable[None]]]:
    """What projects do today."""
    from asgiref.sync import sync_to_async

    from benchmarks.contenders import ours

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
    client = library.AsyncClient(limits=limits, timeout=30, trust_env=False)

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
    from benchmarks.contenders import ours

    storage: Any = ours(environ)
    place = storage.store.place()
    path = f"{place.path}/{environ['STORAGE_LOCATION']}/{NAME}"
    signer, _ = storage.store.signer(place)
    digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    def head() -> tuple[str, dict[str, str]]:
        return f"{place.scheme}://{place.host}{path}", signer.headers("HEAD", path, "", {}, digest, now=time.time())

    return head


async def _nothing() -> None:
    pass


ENGINES: dict[str, tuple[Callable[..., Any], int]] = {
    "16 threads": (threads, 16),
    "32 threads": (threads, 32),
    "64 threads": (threads, 64),
    "128 threads": (threads, 128),
    "holdall": (threads, 0),
    "sync_to_async": (asgiref, 0),
    "obstore": (obstore, 0),
    "httpx": (httpx, 0),
    "aiohttp": (aiohttp, 0),
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


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.awaiting", description=__doc__.partition("\n")[0])
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=list(ENGINES))
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    from tests.servers.catalogue import running

    with tempfile.TemporaryDirectory(prefix="holdall-") as folder, running("seaweedfs-http", Path(folder)) as provider:
        bucket = provider.create_bucket()
        provider.write(bucket, f"awaiting/{NAME}", b"x")
        program = "import sys; from benchmarks.awaiting import delay; delay(sys.argv[1])"
        with subprocess.Popen(
            [sys.executable, "-c", program, provider.endpoint_url], stdout=subprocess.PIPE, stdin=subprocess.PIPE
        ) as proxy:
            assert proxy.stdout is not None
            environ = provider.environ(bucket, location="awaiting")
            environ |= {"AWS_S3_ENDPOINT_URL": proxy.stdout.readline().decode().strip()}
            print(f"{'engine':<16}{'seconds':>9}{'CPU':>9}{'largest gap, ms':>18}")
            for engine in chosen.engines:
                # What has no engine of its own answers one after the other: a twentieth is enough to see it.
                files = FILES // 20 if engine == "sync_to_async" else FILES
                runs = [_fresh(engine, environ, files) for _ in range(chosen.rounds)]
                seconds, cpu, gap = (statistics.median(run[what] for run in runs) for what in ("seconds", "cpu", "gap"))
                print(
                    f"{engine:<16}{seconds * FILES / files:>9.2f}{cpu * FILES / files:>9.2f}{gap * 1000:>18.0f}",
                    flush=True,
                )
            proxy.communicate()


def delay(upstream: str) -> None:
    """Delay what a server answers, until the standard input ends."""
    from benchmarks.latent_proxy import LatentProxy

    with LatentProxy(upstream, seconds=LATENCY_SECONDS) as proxy:
        print(proxy.url, flush=True)
        sys.stdin.read()


def _fresh(engine: str, environ: dict[str, str], files: int) -> dict[str, float]:
    program = "import sys; from benchmarks.awaiting import run; run(*sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", program, engine, json.dumps(environ), str(files)],
        check=True,
        capture_output=True,
        text=True,
    )
    return dict(json.loads(done.stdout))


def run(engine: str, environ: str, files: str) -> None:
    """Measure one engine, and print what it took."""
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    print(json.dumps(asyncio.run(ask_all(engine, json.loads(environ), int(files)))))


if __name__ == "__main__":
    main()
