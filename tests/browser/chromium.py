"""The browser: Chromium from the system's packages, driven by Playwright, and what its pages may never do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Playwright

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
MISSING = "Chromium is not installed, so no browser was tried; on Debian: apt-get install chromium"
# Nothing that leaves this machine, nothing that a machine without a screen lacks.
OPTIONS: dict[str, Any] = {
    "executable_path": PROGRAM,
    "args": [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ],
}
# On a busy machine; each step ends as soon as what it waits for is there.
PATIENCE_MILLISECONDS = 60_000


class Watched:
    """A page, and what it did that no page of ours may: break its policy, or let an exception go."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._hear)

    def _hear(self, message: Any) -> None:
        # Chromium says here what it refused by the page's Content-Security-Policy.
        if "Content Security Policy" in message.text:
            self.faults.append(message.text)


def patient(context: BrowserContext) -> BrowserContext:
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    return context


@contextmanager
def launched(playwright: Playwright) -> Iterator[Browser]:
    """Run a browser until the block ends."""
    browser = playwright.chromium.launch(**OPTIONS)
    try:
        yield browser
    finally:
        browser.close()


def remembering(playwright: Playwright, profile: Path) -> BrowserContext:
    """Start a browser that keeps its cookies and notes in a folder, as people's do; killed or not, the next one has them."""
    return patient(playwright.chromium.launch_persistent_context(str(profile), **OPTIONS))
