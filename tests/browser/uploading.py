"""What the tests do with an upload widget, in the words of its user."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from pathlib import Path

from playwright.sync_api import Error, Locator, Page, Request, Route, expect

# On a busy machine; each step ends as soon as what it waits for is there.
PATIENCE_MILLISECONDS = 60_000
expect.set_options(timeout=PATIENCE_MILLISECONDS)

MIB = 1024 * 1024


def write(folder: Path, name: str, size: int) -> Path:
    """Make a file whose blocks all differ; beyond 16 MiB it has holes, so that a large one costs nothing."""
    path = folder / name
    with path.open("wb") as file:
        for start in range(0, size, MIB):
            if start < 16 * MIB or start % (8 * MIB) == 0:
                file.seek(start)
                file.write(f"{name} {start:012d} ".encode() * 40)
        file.truncate(size)
    return path


def field(page: Page, name: str = "document") -> Locator:
    """The file input of a field."""
    return page.locator(f"input[type=file][name={name}]")


def row(page: Page, name: str) -> Locator:
    """The row of a file in the list."""
    return page.locator(".holdall-file", has=page.get_by_text(name, exact=True))


def ready(page: Page) -> None:
    """Wait until the module has taken over."""
    page.locator(".holdall-upload[data-ready]").first.wait_for()


def uploaded(page: Page, *names: str) -> None:
    for name in names:
        expect(row(page, name)).to_have_attribute("data-state", "done")


class Traffic:
    """The requests of a page: to the endpoints of the site by their last word, and to the bucket by their method."""

    def __init__(self, page: Page) -> None:
        self.to_site: Counter[str] = Counter()
        self.to_bucket: Counter[str] = Counter()
        self.parts: list[int] = []
        page.on("request", self._count)

    def _count(self, request: Request) -> None:
        if "/uploads/" in request.url and "/.holdall/" not in request.url:
            self.to_site[request.url.partition("?")[0].rpartition("/")[2]] += 1
        elif "/.holdall/" in request.url or (request.method == "POST" and "X-Amz" in (request.post_data or "")):
            self.to_bucket[request.method] += 1
            if number := re.search(r"partNumber=(\d+)", request.url):
                self.parts.append(int(number[1]))


class Gate:
    """Hold requests to the bucket until they are let through, so that a test can act while an upload runs."""

    def __init__(self, page: Page, *, least_part: int = 1) -> None:
        self.page, self.least_part = page, least_part
        self.held: list[Route] = []
        page.route(re.compile(r"/\.holdall/"), self._meet)

    def _meet(self, route: Route) -> None:
        number = re.search(r"partNumber=(\d+)", route.request.url)
        if route.request.method != "PUT" or (number and int(number[1]) < self.least_part):
            route.continue_()
        else:
            self.held.append(route)

    def open(self) -> None:
        self.page.unroute_all(behavior="ignoreErrors")
        for route in self.held:
            # The page may have given this request up.
            with contextlib.suppress(Error):
                route.continue_()
        self.held.clear()


def answer_once(page: Page, status: int) -> list[str]:
    """Let the store answer the first request with a status instead of taking it; give the addresses of those answered."""
    answered: list[str] = []

    def meet(route: Route) -> None:
        if answered or route.request.method != "PUT":
            route.continue_()
            return
        answered.append(route.request.url)
        route.fulfill(status=status, headers={"Access-Control-Allow-Origin": "*"})

    page.route(re.compile(r"/\.holdall/"), meet)
    return answered
