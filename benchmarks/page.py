"""Render the results of a run as a page of the documentation, and as lines for a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import billion, chart

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "docs" / "explanation" / "benchmarks.md"
CHART = PAGE.with_suffix(".svg")
DECISION = ROOT / "docs" / "decisions" / "fast-lane.md"
COLUMNS = {
    "holdall": "Holdall",
    "named": "Holdall, server known",
    "without_fast_lane": "without its fast lane",
    "without_obstore": "without obstore",
    "s5cmd": "s5cmd",
    "rclone": "rclone",
    "minio": "minio-py",
    "obstore": "obstore",
    "boto3": "boto3",
    "bare_listing": "the bare listing",
    "httpx": "httpx",
    "aiohttp": "aiohttp",
    "sync_to_async": "sync_to_async",
    "django_storages": "django-storages",
}
OURS = ("holdall", "named")
GENERATED = "<!-- Written by `make bench` from benchmarks/results.json; a change by hand is lost. -->"

# What is measured, in the order of the page.
SECTIONS = (
    "Small operations beside plain clients",
    "Links",
    "Threads",
    "Reading",
    "Saving",
    "Saving a large file",
    "Racing writers",
    "Racing writers on each server",
    "Listing",
    "Copying many files",
    "Auditing a store",
    "Many questions of an event loop",
    "Direct uploads",
    "Shards",
    "Forks",
    "Start-up",
)

Result = Mapping[str, Any]


def is_met(row: Mapping[str, Any]) -> bool | None:
    """Judge a row by its goal; None where it has none."""
    numbers = row["numbers"]
    # Who was left out cannot be compared with.
    if within := {who: factor for who, factor in (row.get("within") or {}).items() if who in numbers}:
        return all(bool(numbers["holdall"] <= factor * numbers[who]) for who, factor in within.items())
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


def columns_of(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Name who was measured in any of the rows, in the order of the columns."""
    measured = {who for row in rows for who in row["numbers"]}
    return [who for who in COLUMNS if who in measured]


def cells(row: Mapping[str, Any], columns: Iterable[str]) -> list[str]:
    numbers = row["numbers"]
    shown = [_number(numbers[who]) if who in numbers else "" for who in columns]
    return [row["title"], row["unit"], *shown, _times(numbers), *judged(row)]


def judged(row: Mapping[str, Any]) -> tuple[str, str]:
    """Say what the goal of a row is, and whether it is met."""
    goal = ""
    if row.get("within"):
        goal = ", ".join(_limit(who, factor) for who, factor in row["within"].items())
    elif row["times_less"] is not None:
        goal = f"{_number(row['times_less'])} times less" if row["times_less"] > 1 else "no more than theirs"
    elif row["at_most"] is not None:
        goal = f"at most {_number(row['at_most'])}" if row["at_most"] else "none"
    return goal, {True: "met", False: "**missed**", None: ""}[is_met(row)]


def _limit(who: str, factor: float) -> str:
    return f"no more than {COLUMNS[who]}" if factor == 1 else f"at most {factor:g} times {COLUMNS[who]}"


def in_words(row: Mapping[str, Any]) -> str:
    """Give a row as a line for a terminal."""
    numbers = ", ".join(f"{COLUMNS[who]} {_number(row['numbers'][who])}" for who in columns_of([row]))
    goal, verdict = judged(row)
    return f"{row['title']}, {row['unit']}: {numbers}" + (f" ({goal}: {verdict.strip('*')})" if goal else "")


def _times(numbers: Mapping[str, float]) -> str:
    ours, theirs = numbers.get("holdall"), numbers.get("django_storages")
    return f"{_number(theirs / ours)}" if ours and theirs else ""


def _number(value: float) -> str:
    """Three digits tell as much as a noisy machine knows; whole numbers are exact."""
    if value == int(value) or abs(value) >= 100:
        return f"{round(value):,}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def lines_of_table(rows: list[Mapping[str, Any]]) -> list[str]:
    columns = columns_of(rows)
    header = ["what", "unit", *(COLUMNS[who] for who in columns), "times less", "goal", ""]
    aligned = ["---", "---", *["--:"] * (len(columns) + 1), "---", "---"]
    return [f"| {' | '.join(line)} |" for line in (header, aligned, *(cells(row, columns) for row in rows))]


def render(result: Result) -> str:
    """Give the page."""
    dates = sorted({area["date"] for area in result["areas"]})
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    lines = [
        "# What it costs, measured",
        "",
        GENERATED,
        "",
        f"![{chart.in_words(panels(result))}]({CHART.name})",
        "",
        "`make bench` measures Holdall beside django-storages and plain clients of S3, and writes this page.",
        "The server is the embedded SeaweedFS.",
        "All columns of a row come from one run; other sections may come from another run.",
        "",
        "Times are medians.",
        "CPU is that of this process and all its threads, not the server's.",
        "The contenders take turns, so a busy moment of the machine affects all of them; the ratios say more than the numbers.",
        "Requests and bytes are counted by a proxy between client and server, and are exact.",
        "Memory and first times are those of fresh processes.",
        "",
        "*Times less* compares Holdall with django-storages.",
        "*Without its fast lane* is Holdall with the option `fast_lane` off: the SDK sends every request.",
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
    "Small operations beside plain clients": (
        "The plain clients do less: they choose no free name, replace whatever has that name, and know no types.\n"
        "What is read and saved is 20 KiB, over plain HTTP."
    ),
    "Saving a large file": (
        "The address alone does not tell Holdall which server this is, so it asks, with one request, "
        "[which hash of a part the server compares](../decisions/md5-of-each-request.md).\n"
        "*Server known* is with the option `provider`, which tells that.\n"
        "Without the fast lane, parts carry their MD5.\n"
        "boto3 (its `upload_fileobj`) and django-storages send no checksum: their signature covers the SHA-256 of each "
        "part, which SeaweedFS does not compare, so it stores a part that was damaged on the way."
    ),
    "Auditing a store": (
        "A store that only lists is a program that answers listings and holds nothing, so it has no first bytes to look at.\n"
        "`--real-audit` audits the embedded server, filled with as many files, instead.\n"
        "The rows are in SQLite, in a random order, and one file in a thousand has none; one row in ten thousand names a "
        "file that is missing.\n"
        "The memory is that of the whole process, Django included."
    ),
    "Many questions of an event loop": (
        "It is `aexists`, of a store that needs 50 ms for each answer, with each engine in a process of its own.\n"
        "httpx and aiohttp send requests that Holdall signed.\n"
        "sync_to_async is asgiref's, around `exists`: a twentieth was asked, and the time multiplied.\n"
        "Both httpx and it were measured once, the others are medians.\n"
        "The rows below it are `exists` in an executor of so many threads; "
        "[the decision](../decisions/threads-for-async.md) rests on them."
    ),
    "Direct uploads": (
        "The file goes from another process to the store in parts, and the form is saved into a row in SQLite.\n"
        "What Django's test client needs to ask is counted with it, and so is what it needs for the form itself."
    ),
    "Forks": "A cold page costs a listing of each of its folders, or of the whole fork where its folders are too many.",
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
    columns = ["holdall", "without_fast_lane", "django_storages"]
    header, aligned = ["what", "unit", *(COLUMNS[who] for who in columns)], ["---", "---", *["--:"] * len(columns)]
    lines = [header, aligned, *(cells(row, columns)[: 2 + len(columns)] for row in rows)]
    return _FIGURES.sub("\n".join(f"| {' | '.join(line)} |" for line in lines).replace("\\", "\\\\"), text)


def wanted(result: Result) -> dict[Path, str]:
    """Give the text that every page with results should have."""
    return {
        PAGE: render(result),
        CHART: chart.draw(panels(result)),
        DECISION: with_figures(DECISION.read_text(), result),
        billion.PAGE: billion.render(result, billion.load()),
    }


# The sections that the chart shows, and the units of the rows.
CHARTED = {
    "Small operations beside plain clients": {"µs of CPU"},
    "Saving a large file": {"s of CPU", "s on the clock"},
}


def panels(result: Result) -> list[chart.Panel]:
    """Choose what the chart shows, in the order of the page."""
    return [
        chart.Panel(
            row["title"],
            row["unit"],
            [
                chart.Bar(COLUMNS[who], row["numbers"][who], _number(row["numbers"][who]), who in OURS)
                for who in columns_of([row])
            ],
        )
        for area in result["areas"]
        if area["title"] in CHARTED
        for row in area["rows"]
        if row["unit"] in CHARTED[area["title"]]
    ]


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
