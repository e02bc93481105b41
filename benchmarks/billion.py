"""What a billion objects take, from what was measured here and what Amazon's pages say; rendered as a page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PRICES = ROOT / "benchmarks" / "prices.json"
TEMPLATE = ROOT / "benchmarks" / "billion_page.txt"
PAGE = ROOT / "docs" / "explanation" / "billion.md"
GENERATED = "<!-- Written by `make bench` from benchmarks/results.json and prices.json; a change by hand is lost. -->"

OBJECTS = 1_000_000_000
NAMES_A_PAGE = 1_000
# What the estimate of `holdall copy` takes for granted, too.
REQUEST_SECONDS = 0.06
# To answer for a page of a thousand names takes a store longer.
PAGE_SECONDS = 0.15
# (worker processes, files at a time in each)
PROCESSES = ((1, 16), (1, 256), (20, 16), (100, 16))

Result = Mapping[str, Any]


class Measured(NamedTuple):
    """Seconds of CPU for each object."""

    copying: float
    listing: float
    cutting: float


class Road(NamedTuple):
    """One way to copy all of them."""

    name: str
    requests: float
    cpu_seconds: float
    # Before anything is copied, and after: one process lists.
    alone_seconds: float
    # What takes how long while it is copied, all at the same time.
    copying_seconds: Mapping[str, float]
    dollars: float

    @property
    def clock_seconds(self) -> float:
        return self.alone_seconds + max(self.copying_seconds.values())

    @property
    def bottleneck(self) -> str:
        steps = {"the plan, which one process makes": self.alone_seconds, **self.copying_seconds}
        return max(steps, key=lambda what: steps[what])


def measured(result: Result) -> Measured:
    """Take from the results what one object costs."""
    rows = {(row["title"], row["unit"]): row["numbers"]["holdall"] for area in result["areas"] for row in area["rows"]}

    def each(words: str) -> float:
        found = [(title, number) for (title, unit), number in rows.items() if words in title and unit == "s of CPU"]
        title, seconds = found[0]
        count = next(int(word.replace(",", "")) for word in title.split() if word[0].isdigit())
        return float(seconds) / count

    return Measured(each("from store to store"), each("list 1"), each("cut them into shards"))


def roads(result: Result, prices: Mapping[str, Any]) -> list[Road]:
    """Compute each road."""
    costs = measured(result)
    pages = OBJECTS / NAMES_A_PAGE
    limit = {"what the store takes for one prefix": OBJECTS / prices["writes_per_second"]}
    planning_cpu = OBJECTS * (costs.listing + costs.cutting)
    planning = pages * PAGE_SECONDS + planning_cpu
    found = []
    for processes, workers in PROCESSES:
        one = processes == 1
        # One process lists the source, and at the end the destination; workers list their stretch before and after.
        listings = pages * (2 if one else 3)
        resources = {
            "the CPU of the processes": OBJECTS * costs.copying / processes,
            "waiting for answers": 2 * OBJECTS * REQUEST_SECONDS / (processes * workers),
        }
        found.append(
            Road(
                f"one process, {workers} files at a time"
                if one
                else f"{processes} Celery workers, {workers} files each",
                2 * OBJECTS + listings,
                planning_cpu + OBJECTS * costs.copying + (listings - pages) * NAMES_A_PAGE * costs.listing,
                planning + (pages * PAGE_SECONDS if one else 0),
                resources | limit,
                _dollars(prices, writes=OBJECTS, reads=OBJECTS, listings=listings),
            )
        )
    job = prices["batch_per_job"] + OBJECTS / 1_000_000 * prices["batch_per_million"]
    # And the command once more at the end, which lists both.
    listings = 3 * pages
    found.append(
        Road(
            "S3 Batch Operations",
            OBJECTS + listings,
            planning_cpu + 2 * OBJECTS * costs.listing,
            planning + 2 * pages * PAGE_SECONDS,
            limit,
            job + _dollars(prices, writes=OBJECTS, reads=0, listings=listings),
        )
    )
    return found


def _dollars(prices: Mapping[str, Any], *, writes: float, reads: float, listings: float) -> float:
    return float(
        (writes * prices["put_per_1000"] + reads * prices["get_per_1000"] + listings * prices["list_per_1000"]) / 1000
    )


def render(result: Result, prices: Mapping[str, Any]) -> str:
    """Write the page."""
    costs = measured(result)
    lines = [
        "| way | requests | CPU hours | time on the clock | of which the plan | requests cost | what limits it |",
        "|---|--:|--:|--:|--:|--:|---|",
        *(
            f"| {road.name} | {road.requests / 1e9:.2f} billion | {road.cpu_seconds / 3600:,.0f} | {_span(road.clock_seconds)} "
            f"| {_span(road.alone_seconds)} | ${road.dollars:,.0f} | {road.bottleneck} |"
            for road in roads(result, prices)
        ),
    ]
    return Template(TEMPLATE.read_text()).substitute(
        prices,
        generated=GENERATED,
        table="\n".join(lines),
        copying_ms=f"{costs.copying * 1e3:.2f}",
        listing_us=f"{costs.listing * 1e6:.0f}",
        cutting_us=f"{costs.cutting * 1e6:.0f}",
        machine=result["machine"],
        request_ms=f"{REQUEST_SECONDS * 1e3:.0f}",
        page_ms=f"{PAGE_SECONDS * 1e3:.0f}",
        names_a_page=f"{NAMES_A_PAGE:,}",
        writes_per_second=f"{prices['writes_per_second']:,}",
    )


def _span(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.1f} days"


def load() -> Any:
    return json.loads(PRICES.read_text())
