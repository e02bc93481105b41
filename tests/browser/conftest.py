"""A site, its store and a browser, for the tests of what only a browser can show."""

from __future__ import annotations

import json
import os
import secrets
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.browser import chromium, howto
from tests.providers import Provider
from tests.servers import processes

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Site:
    """The running site: its folder, its address, and the bucket that its files are in."""

    folder: Path
    address: str
    bucket: str
    store: Provider
    server: processes.Server

    def url(self, path: str = "/") -> str:
        return self.address + path

    def received(self) -> dict[str, int]:
        """The longest body of a request to the site, by its path, since this was asked before."""
        with _opener().open(self.url("/received/"), timeout=30) as answer:
            found: dict[str, int] = json.load(answer)
        return found

    def stored(self) -> list[str]:
        """The keys of the files, without what Holdall keeps for itself."""
        return self.store.keys_in(self.bucket)

    def read(self, name: str) -> bytes:
        return self.store.read(self.bucket, name)


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(url: str) -> bool:
    try:
        with _opener().open(url, timeout=5):
            return True
    except OSError:
        return False


@pytest.fixture(scope="session")
def site(start_provider: Callable[[str], Provider], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One site for all tests: plain forms, the admin, Wagtail and an API; over SeaweedFS as Holdall embeds it."""
    store = start_provider("seaweedfs-http")
    bucket = store.create_bucket()
    folder = tmp_path_factory.mktemp("site")
    howto.write(folder)
    port = processes.free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("STORAGE", "AWS_"))}
    environ = (
        inherited
        | store.environ(bucket)
        | {
            "SITE_FOLDER": str(folder),
            "SITE_SECRET": secrets.token_urlsafe(32),
            "PYTHONPATH": os.pathsep.join([str(HERE.parents[1] / "src"), str(HERE.parents[1])]),
        }
    )
    command = [sys.executable, "-W", "ignore", "-m", "tests.browser.site", str(port)]
    server = processes.Server(command, folder=folder, name="site", environ=environ)
    address = f"http://127.0.0.1:{port}"
    try:
        server.wait_until(lambda: answers(f"{address}/ready/"), seconds=120)
        yield Site(folder, address, bucket, store, server)
    finally:
        server.stop()


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Playwright, for one file: as long as it runs, this thread has an event loop, which other tests want for themselves."""
    if chromium.PROGRAM is None:
        pytest.skip(chromium.MISSING)
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with chromium.launched(playwright) as running:
        yield running


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, site: Site) -> Iterator[OpenPage]:
    """Open a page of the site in a browser's session of its own; no page may break its policy or raise."""
    watched: list[chromium.Watched] = []
    contexts = []

    def open_page(path: str = "/", *, as_user: str = "ada", **settings: object) -> Page:
        context = chromium.patient(browser.new_context(**settings))
        contexts.append(context)
        page = context.new_page()
        watched.append(chromium.Watched(page))
        page.goto(site.url(f"/enter/{as_user}/?next={path}"))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [fault for one in watched for fault in one.faults] == []
