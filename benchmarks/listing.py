"""Listing one large folder."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.contenders import CONTENDERS, ours
from benchmarks.measuring import Row, Site, cpu_seconds

WRITERS = 8


def fill(site: Site, keys: int) -> None:
    """Put so many empty objects into one folder."""
    store = ours(site.environ("listed")).store

    def put(number: int) -> None:
        store.call("put_object", action="saving", Key=f"listed/folder/file-{number:07}.jpg", Body=b"")

    with ThreadPoolExecutor(WRITERS) as pool:
        for _ in pool.map(put, range(keys), chunksize=100):
            pass


def measure(site: Site, keys: int) -> Iterator[Row]:
    fill(site, keys)
    storages = {who: build(site.environ("listed")) for who, build in CONTENDERS.items()}

    def listed(storage: Any) -> None:
        folders, files = storage.listdir("folder")
        assert (len(folders), len(files)) == (0, keys)

    seconds = cpu_seconds({who: lambda one=one: listed(one) for who, one in storages.items()}, repeat=1, rounds=3)
    yield Row(f"list {keys:,} files", "s of CPU", seconds, times_less=5)
