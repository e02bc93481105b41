"""The gallery and its copy as a visitor meets them: what is deleted in one is still seen in the other."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.test_demo import CONTRACT, DEMO, Demo, Visitor, cards, fetch, picture, processes_of
from tests.servers import processes

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="the embedded server does not run on Windows")


@pytest.fixture
def galleries(tmp_path: Path) -> Iterator[tuple[Visitor, Visitor]]:
    mark = uuid.uuid4().hex
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(CONTRACT)}
    process = processes.start(
        [sys.executable, str(DEMO / "fork.py"), "--folder", str(tmp_path), "--port", str(processes.free_port())],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # What this shell says of a store is not the demo's.
        env={**inherited, "MARK_OF_THIS_TEST": mark, "STORAGE_BUCKET_NAME": "not-the-demos"},
    )
    demo = Demo(process, mark)
    arriving: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in process.stdout or ():
            arriving.put(line)
            if "Ctrl-C" in line:
                return
        arriving.put("")

    threading.Thread(target=read, daemon=True).start()
    while line := arriving.get(timeout=120):
        demo.lines.append(line)
        if "Ctrl-C" in line:
            break
    addresses = dict(re.findall(r"(Original|Copy) +(http://\S+)", demo.printed))
    try:
        yield Visitor(addresses["Original"]), Visitor(addresses["Copy"])
    finally:
        assert demo.stop(signal.SIGINT) == 0, demo.printed
        assert processes_of(demo, tmp_path) == []


@posix_only
def test_copy_shows_all_photographs_and_keeps_every_change_to_itself(galleries: tuple[Visitor, Visitor]) -> None:
    original, copy = galleries
    before = cards(original.get("/"))
    shown = cards(copy.get("/"))
    assert list(shown) == list(before)
    assert {fetch(card.link)[0] for card in shown.values()} == {200}
    assert "This gallery is a copy." in copy.get("/")
    assert "copy" not in original.get("/")
    public = next(card for card in shown.values() if "public, never expires" in card.text)
    private = next(card for card in shown.values() if "signed until" in card.text)
    assert "a file of the original" in public.text

    for card in (public, private):
        assert "The original keeps its file" in copy.get(f"{card.page}delete/")
        status, page = copy.post(f"{card.page}delete/", {})
        assert status == 200
        assert "the original gallery still has it" in page
        assert card.title not in cards(page)
    for visibility in ("public", "private"):
        status, page = copy.post("/add/", {"visibility": visibility}, (f"{visibility}.png", picture()))
        assert status == 200
        own = cards(page)[visibility.title()]
        assert "a file of this copy" in own.text
        assert fetch(own.link) == (200, picture())
        assert "of this copy" in copy.get(own.page)

    after = cards(original.get("/"))
    assert list(after) == list(before)
    assert {fetch(card.link)[0] for card in after.values()} == {200}
