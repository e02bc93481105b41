"""What a direct upload costs the server: the CPU of the process with Django, while a browser sends to the store.

The project is the one of the tests. Django's test client asks it, which costs some of that CPU too; whatever sends the
file is a process of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.measuring import MIB, Row, Site, fresh, medians, peak_growth_mib

SIZE_MB = 200
ROUNDS = 3
PAGE = "/letter"


def measure(site: Site) -> Iterator[Row]:
    taken = [fresh("uploads.upload", site.environ(f"uploads-{number}")) for number in range(ROUNDS)]
    found = medians({what: [one[what] for one in taken] for what in taken[0]})
    title = f"direct upload of {SIZE_MB} MB"
    yield Row(f"{title}: begin, finish and save", "ms of CPU", {"holdall": found["cpu"]}, at_most=50)
    yield Row(f"{title}: begin, finish and save", "s on the clock", {"holdall": found["clock"]})
    yield Row(f"{title}, beside the form itself", "requests to Django", {"holdall": found["requests"]}, at_most=2)
    yield Row(f"{title}: begin, finish and save", "MiB of memory at the peak", {"holdall": found["memory"]})


class _Settings:
    """Django's settings, changed while it runs as its tests do it."""

    def __setattr__(self, name: str, value: object) -> None:
        from django.test import override_settings

        override_settings(**{name: value}).enable()


def upload(environ: Mapping[str, str]) -> dict[str, float]:
    """Upload one file, and count what that costs this process, which sends nothing of it."""
    from django.db import connection
    from tests.uploads.conftest import Browser, project
    from tests.uploads.site.models import Letter

    with project(_Settings(), dict(environ)):
        with connection.schema_editor() as editor:
            editor.create_model(Letter)
        browser = Browser(1)
        token = browser.token(PAGE, "file")
        # Imported, connected, and the first ticket signed.
        for size_bytes in (1, 40 * MIB):
            _one(browser, token, size_bytes)
        return _one(browser, token, SIZE_MB * 1_000_000)


def _one(browser: Any, token: str, size_bytes: int) -> dict[str, float]:
    taken = {"cpu": 0.0, "clock": 0.0, "requests": 0.0, "memory": 0.0}

    def ask(question: Any) -> Any:
        answers: list[Any] = []

        def timed() -> None:
            cpu, clock = time.process_time(), time.perf_counter()
            answers.append(question())
            taken["cpu"] += 1000 * (time.process_time() - cpu)
            taken["clock"] += time.perf_counter() - clock

        taken["memory"] = max(taken["memory"], peak_growth_mib(timed))
        return answers[0]

    def post(what: str, wanted: int, **given: Any) -> Any:
        status, said = ask(lambda: browser.post(what, **given))
        assert status == wanted, said
        taken["requests"] += 1
        return said

    begun = post("begin", 201, field=token, name="film.bin", size=size_bytes, type="")
    fresh("uploads.send_all", begun, size_bytes)
    done = post("finish", 200, ticket=begun["ticket"])
    status, saved = ask(lambda: browser.submit(PAGE, title="film", file=done["ticket"]))
    assert status == 200, saved
    return taken


def send_all(begun: dict[str, Any], size_bytes: int) -> None:
    """Send a file as a browser does."""
    from tests.uploads.conftest import Browser, send

    if "parts" not in begun:
        assert Browser(0).send(begun, b"m" * size_bytes).status in {200, 204}
        return
    length = begun["part_size"]
    for one in begun["parts"]:
        start = (one["number"] - 1) * length
        assert send("PUT", one["url"], b"m" * min(length, size_bytes - start)).status == 200
