"""Links in a fork with many own names, in a process that knows nothing yet."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.stores import build_fork

from benchmarks.contenders import ours
from benchmarks.measuring import Row, Site, counting, fresh, peak_growth_mib

NAMES, PAGE = 50_000, 1_000
FOLDERS = 100
WRITERS = 8


def fill(site: Site) -> None:
    """Put so many own names into one hundred folders."""
    store = ours(site.environ("fork")).store

    def put(number: int) -> None:
        store.call("put_object", action="saving", Key=f"fork/{_name(number)}", Body=b"")

    with ThreadPoolExecutor(WRITERS) as pool:
        for _ in pool.map(put, range(NAMES), chunksize=100):
            pass


def _name(number: int) -> str:
    return f"photos/{number % FOLDERS:03}/{number:06}.jpg"


def _pages() -> dict[str, list[str]]:
    """One page of two folders, in which each second name is the parent's, and one of all."""
    two = [
        f"photos/{folder:03}/{number:06}{end}"
        for folder in (7, 8)
        for number in range(folder, NAMES // 2, FOLDERS)
        for end in (".jpg", "-thumb.jpg")
    ]
    spread = [_name(number) for number in random.Random(1).sample(range(NAMES), PAGE)]
    return {"of two folders": two, "of a hundred folders": spread}


def link(environ: Mapping[str, str], parent: Mapping[str, str], page: str) -> dict[str, float]:
    """Make the links of a page in this process, which is new; count what that took."""
    fork: Any = build_fork(environ, parent)
    names = _pages()[page]
    # Imported, and made ready.
    fork.own_url("warm.jpg")
    grown = peak_growth_mib(lambda: [fork.url(name) for name in names])
    return {"memory": grown}


def measure(site: Site) -> Iterator[Row]:
    fill(site)
    parent = site.environ("parent")
    with counting(site) as counted:
        environ = site.environ("fork", endpoint_url=counted.url)
        for page in _pages():
            taken: dict[str, float] = {}
            answers = counted.of(
                lambda page=page, taken=taken: taken.update(fresh("forks.link", environ, parent, page))
            )
            title = f"first page of {PAGE:,} links {page}, {NAMES:,} own names"
            yield Row(title, "requests", {"holdall": answers.requests}, at_most=3)
            yield Row(title, "MiB of memory at the peak", {"holdall": taken["memory"]}, at_most=16)
