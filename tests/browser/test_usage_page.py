"""The page of `holdall usage` as it is opened from a mail: a file, no network, no scripts, on any screen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from holdall.bulk.entries import Entry
from holdall.bulk.places import Folder
from holdall.usage import counting, page, walking
from holdall.usage.walking import Part
from tests.browser import chromium

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
NAMES = [
    *(f"{folder}/{year}/picture-{number}.jpg" for folder in ("photos", "avatars", "blog") for year in (2024, 2025)
      for number in range(9)),
    f"{'a-long-folder-without-a-blank' * 4}/{'a-long-name' * 9}.pdf",
    "<script>document.title='owned'</script>/<img src=x onerror=alert(1)>.svg",
]  # fmt: skip
# Of what is painted: the drawings of this width, the letters' least size in pixels, and what leads out of the page.
LOOK = """() => {
    const drawings = [...document.querySelectorAll('svg')].filter(one => one.getBoundingClientRect().width > 0)
    const scale = Math.min(...drawings.map(one => one.getBoundingClientRect().width / one.viewBox.baseVal.width))
    const ink = getComputedStyle(document.body).color, paper = getComputedStyle(document.body).backgroundColor
    return {drawings: drawings.length, letters: 12 * scale, width: document.documentElement.scrollWidth,
            title: document.title, ink, paper}
}"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    entries = [
        Entry(name, 10**6 + 10**5 * number, NOW - timedelta(days=40 * number)) for number, name in enumerate(NAMES)
    ]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(walking, "objects", lambda _place: ((Part.FILES, entry) for entry in entries))
        usage = counting.count(Folder(Path("media")), now=NOW)
    path = tmp_path_factory.mktemp("usage") / "usage.html"
    path.write_text(page.render(usage), encoding="utf-8")
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 800, 390])
def test_page_is_whole_and_readable(browser: Browser, written: Path, width: int, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        offline=True,
    )
    opened = context.new_page()
    watched, requested = chromium.Watched(opened), list[str]()
    opened.on("request", lambda request: requested.append(request.url))
    opened.goto(written.as_uri())
    seen = opened.evaluate(LOOK)
    context.close()

    assert (watched.faults, requested) == ([], [written.as_uri()])
    # The treemap and the growth, each once.
    assert seen["drawings"] == 2
    assert 11 <= seen["letters"] <= 14
    assert seen["width"] == width
    assert seen["title"] == "Storage use: folder media, 2026-11-26"
    brightness = [sum(map(int, seen[one][4:-1].split(","))) / 3 for one in ("ink", "paper")]
    assert (brightness[0] < 60 < 200 < brightness[1]) is (scheme == "light")


def test_page_needs_no_scripts_and_opens_its_folders(browser: Browser, written: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(written.as_uri())
    assert opened.get_by_text("2025/", exact=True).count() > 0
    inner = opened.locator("details:not([open]) .leaf").first
    assert not inner.is_visible()
    opened.locator("summary").first.click()
    assert inner.is_visible() or opened.locator("details[open] .leaf").first.is_visible()
    context.close()
