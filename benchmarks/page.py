"""Render the results of a run as a page of the documentation, and as lines for a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "docs" / "explanation" / "benchmarks.md"
DECISION = ROOT / "docs" / "decisions" / "fast-lane.md"
COLUMNS = {"holdall": "Holdall", "without_fast_lane": "without its fast lane", "django_storages": "django-storages"}
GENERATED = "<!-- Written by `make bench` from benchmarks/results.json; a change by hand is lost. -->"

# What is measured, in the order of the page.
SECTIONS = (
    "Links",
    "Threads",
    "Reading",
    "Saving",
    "Racing writers",
    "Racing writers on each server",
    "Listing",
    "Forks",
    "Start-up",
)

Result = Mapping[str, Any]


def is_met(row: Mapping[str, Any]) -> bool | None:
    """Judge a row by its goal; None where it has none."""
    numbers = row["numbers"]
    if row["times_less"] is not None:
        return bool(numbers["django_storages"] >= row["times_less"] * numbers["holdall"])
    if row["at_most"] is not None:
        return bool(numbers["holdall"] <= row["at_most"])
    return None


def missed(result: Result) -> list[str]:
    """Name the rows whose goal is not met."""
    return [
        f"{area['title']}: {row['title']} ({row['unit']})"
        for area in result["areas"]
        for row in area["rows"]
        if is_met(row) is False
    ]


def cells(row: Mapping[str, Any]) -> list[str]:
    numbers, goal = row["numbers"], ""
    if row["times_less"] is not None:
        goal = f"{_number(row['times_less'])} times less" if row["times_less"] > 1 else "no more than theirs"
    elif row["at_most"] is not None:
        goal = f"at most {_number(row['at_most'])}" if row["at_most"] else "none"
    verdict = {True: "met", False: "**missed**", None: ""}[is_met(row)]
    return [
        row["title"],
        row["unit"],
        *(_number(numbers[who]) if who in numbers else "" for who in COLUMNS),
        _times(numbers),
        goal,
        verdict,
    ]


def _times(numbers: Mapping[str, float]) -> str:
    ours, theirs = numbers.get("holdall"), numbers.get("django_storages")
    return f"{_number(theirs / ours)}" if ours and theirs else ""


def _number(value: float) -> str:
    """Three digits tell as much as a noisy machine knows; whole numbers are exact."""
    if value == int(value) or abs(value) >= 100:
        return f"{round(value):,}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


HEADER = ["what", "unit", *COLUMNS.values(), "times less", "goal", ""]


def lines_of_table(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    aligned = ["---", "---", *["--:"] * (len(COLUMNS) + 1), "---", "---"]
    return [f"| {' | '.join(line)} |" for line in (HEADER, aligned, *map(cells, rows))]


def render(result: Result) -> str:
    """Give the page."""
    dates = sorted({area["date"] for area in result["areas"]})
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    lines = [
        "# What it costs, measured",
        "",
        GENERATED,
        "",
        "`make bench` measures Holdall beside django-storages, against the embedded SeaweedFS, and writes this page.",
        "The columns of a row are of one run; sections may be of different ones.",
        "",
        "Times are medians, of CPU where nothing else is said: that of this process and all its threads, not the server's.",
        "The contenders take turns, so a busy moment of the machine falls on all alike; the ratios say more than the numbers.",
        "Requests and bytes are counted by a proxy between client and server, and are exact.",
        "Memory and first times are those of fresh processes.",
        "",
        "The column in the middle is Holdall with the option `fast_lane` off: the SDK sends every request.",
        "[The decision](../decisions/fast-lane.md) rests on it.",
        "django-storages is told to overwrite nothing and to sign with SigV4, as Holdall does.",
        "",
        f"Measured on {' and '.join(dates)} with {versions}, on {result['machine']}.",
    ]
    for area in result["areas"]:
        lines += ["", f"## {area['title']}", "", *lines_of_table(area["rows"])]
        if area.get("remark"):
            lines += ["", area["remark"]]
        if area["title"] in NOTES:
            lines += ["", NOTES[area["title"]]]
    lines += ["", "## Goals that are missed", ""]
    lines += [f"- {text}" for text in missed(result)] or ["None."]
    return "\n".join(lines) + "\n"


# What a table alone would leave open.
NOTES = {
    "Reading": "django-storages reads a whole file, in parts, before it returns its first byte.",
    "Saving": (
        "A large file costs more CPU than with django-storages.\n"
        "Holdall sends a hash with each part, so that the server refuses what was damaged on the way: "
        "[the one that the server compares](../decisions/md5-of-each-request.md)."
    ),
    "Start-up": "django-storages is loaded when the storage is first used, here as there.\nHoldall's settings do not need it.\n"
    "Before Django, most of the time is that of Django's own exceptions, on which Holdall's errors are built.",
}

_FIGURES = re.compile(r"(?<=^<!-- figures -->\n\n).*?(?=\n\n<!-- end -->$)", re.MULTILINE | re.DOTALL)


def with_figures(text: str, result: Result) -> str:
    """Give the page of the decision that was made by measuring, with what was measured last."""
    rows = [
        row
        for area in result["areas"]
        for row in area["rows"]
        if "CPU" in row["unit"] and {"holdall", "without_fast_lane", "django_storages"} <= row["numbers"].keys()
    ]
    header, aligned = ["what", "unit", *COLUMNS.values()], ["---", "---", *["--:"] * len(COLUMNS)]
    lines = [header, aligned, *(cells(row)[: 2 + len(COLUMNS)] for row in rows)]
    return _FIGURES.sub("\n".join(f"| {' | '.join(line)} |" for line in lines).replace("\\", "\\\\"), text)


def wanted(result: Result) -> dict[Path, str]:
    """Give the text that every page with results should have."""
    return {PAGE: render(result), DECISION: with_figures(DECISION.read_text(), result)}


def write(result: Result) -> None:
    for path, text in wanted(result).items():
        path.write_text(text)


def record(result: dict[str, Any], areas: Iterable[Mapping[str, Any]]) -> None:
    """Put what was measured over what was recorded, and write the pages."""
    found = {area["title"]: area for area in (*result.get("areas", ()), *areas)}
    recorded = {**result, "areas": [found[title] for title in SECTIONS if title in found]}
    RESULTS.write_text(json.dumps(recorded, indent=2) + "\n")
    write(recorded)


def rounded(row: Any) -> dict[str, Any]:
    """Give a row as it is recorded: four digits are more than the machine knows."""
    return {**row._asdict(), "numbers": {who: float(f"{number:.4g}") for who, number in row.numbers.items()}}


def load() -> Any:
    return json.loads(RESULTS.read_text())
