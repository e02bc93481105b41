"""Race 64 writers for one name, 20 times, and record how many uploads were lost: Holdall beside plain django-storages.

    python -m benchmarks.race [--providers seaweedfs-http ministack ceph-http] [--rounds 20]

Run it in the project's folder, with the environment of `python scripts/environment.py dev`.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.providers import Provider
from tests.racing import Race, content_of, run
from tests.servers import ceph
from tests.servers.catalogue import PROVIDERS, running

from benchmarks import page
from benchmarks.measuring import Row, Site

SECTION = "Racing writers on each server"
MIB = 1024 * 1024
BUILDERS = {
    "holdall": "benchmarks.contenders.ours",
    "django-storages": "benchmarks.contenders.theirs",
}
COLUMNS = "{:<16} {:<16} {:<7} {:<10} {:>8} {:>6} {:>8} {:>7} {:>9} {:>9}"


class Result(NamedTuple):
    """What became of the uploads of one race."""

    saves: int
    # Reported as saved, and not in the bucket as they were saved.
    lost: int
    refused: int
    # Objects without content, which nobody saved.
    empty: int
    unfinished: int
    seconds: float
    errors: Counter[str]


def contest(provider: Provider, bucket: str, race: Race) -> Result:
    """Run one race, and look into the bucket for what the writers were told."""
    started = time.monotonic()
    outcomes = run(race)
    seconds = time.monotonic() - started
    location = race.environ["STORAGE_LOCATION"]
    saved = [outcome for outcome in outcomes if not outcome.error]
    stored = {key: provider.read(bucket, key) for key in provider.keys_in(bucket, location)}
    return Result(
        saves=len(outcomes),
        lost=sum(
            stored.get(f"{location}/{outcome.name}") != content_of(race, outcome.round, outcome.writer)
            for outcome in saved
        ),
        refused=len(outcomes) - len(saved),
        empty=sum(not content for content in stored.values()),
        unfinished=len(provider.unfinished_uploads(bucket, location)),
        seconds=seconds,
        errors=Counter(outcome.error[:150] for outcome in outcomes if outcome.error),
    )


def measure(site: Site, rounds: int) -> Iterator[Row]:
    """Race in threads of one process, where the whole program (`python -m benchmarks.race`) has more."""
    race = Race({}, rounds=rounds)
    lost: dict[str, float] = {}
    for who, builder in BUILDERS.items():
        environ = site.environ(f"race-{who}")
        result = contest(site.provider, site.bucket, dataclasses.replace(race, environ=environ, builder=builder))
        assert not result.refused, result.errors
        lost[who.replace("-", "_")] = result.lost
    title = f"{race.threads} writers save one name, {rounds} times over"
    yield Row(title, f"files lost of {rounds * race.threads:,}", lost, at_most=0)


def row_of(server: str, kind: str, race: Race, lost: dict[str, float]) -> Row:
    """Give the row of one race; what is lost by whom."""
    rounds = f"{race.rounds} times over" if race.rounds > 1 else "once"
    workers = f"{race.processes} processes" if race.processes > 1 else "one process"
    size = "files of two parts" if kind == "parts" else "small files"
    title = f"{server}: {race.writers} writers in {workers} save {size} under one name, {rounds}"
    return Row(title, f"files lost of {race.rounds * race.writers:,}", lost, at_most=0)


def report(provider: Provider, bucket: str, race: Race, who: str, kind: str) -> int:
    """Run one race, print its row, and give how many files were lost."""
    found = contest(provider, bucket, race)
    writers = f"{race.processes}x{race.threads}"
    print(COLUMNS.format(provider.name, who, kind, writers, *found[:5], f"{found.seconds:.1f}"), flush=True)
    for error, count in found.errors.most_common(2):
        print(f"    {count} times: {error}", flush=True)
    return found.lost


def main() -> None:
    available = [name for name in PROVIDERS if not (name.startswith("ceph") and ceph.missing_binaries())]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--providers", nargs="+", choices=PROVIDERS, default=available)
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    rows: list[Row] = []
    header = ("server", "storage", "files", "processes", "saves", "lost", "refused", "empty", "unfinished", "seconds")
    print(COLUMNS.format(*header))
    for name in arguments.providers:
        with tempfile.TemporaryDirectory(prefix="holdall-") as folder, running(name, Path(folder)) as provider:
            if provider.ca_file:
                os.environ["AWS_CA_BUNDLE"] = str(provider.ca_file)
            bucket = provider.create_bucket()
            small = Race({}, rounds=arguments.rounds)
            races = {
                "small": [small, dataclasses.replace(small, processes=4, threads=16)],
                "parts": [
                    Race(
                        {},
                        rounds=max(1, arguments.rounds // 5),
                        processes=2,
                        threads=8,
                        size=5 * MIB + 1,
                        part_bytes=5 * MIB,
                    )
                ],
            }
            for kind, variants in races.items():
                for race in variants:
                    lost: dict[str, float] = {}
                    for who, builder in BUILDERS.items():
                        location = f"{who}-{kind}-{race.processes}"
                        environ = provider.environ(bucket, location=location)
                        runners = dataclasses.replace(race, environ=environ, builder=builder)
                        lost[who.replace("-", "_")] = report(provider, bucket, runners, who, kind)
                    rows.append(row_of(name, kind, race, lost))
    record(rows)


def record(rows: Iterable[Row], **remark: str) -> None:
    """Put the rows over those that were recorded before; servers that did not run keep theirs."""
    before = [row for area in page.load()["areas"] if area["title"] == SECTION for row in area["rows"]]
    found = {row["title"]: row for row in (*before, *map(page.rounded, rows))}
    area = {
        "title": SECTION,
        "date": time.strftime("%Y-%m-%d"),
        "rows": list(found.values()),
        **remark,
    }
    page.record(page.load(), [area])


if __name__ == "__main__":
    main()
