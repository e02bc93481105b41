"""Writers of one name at one moment all keep their files: no upload is ever lost.

`HOLDALL_RACE_ROUNDS` sets how often each race is run; `benchmarks/race.py` runs the long one, and prints it.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter

import pytest

from tests.providers import Provider
from tests.racing import Race, content_of, contested_name, run

ROUNDS = int(os.environ.get("HOLDALL_RACE_ROUNDS", "2"))
MIB = 1024 * 1024
# S3's parts have this many bytes at least, but for the last.
PART_BYTES = 5 * MIB


def assert_nothing_was_lost(race: Race, provider: Provider, bucket: str, location: str) -> None:
    outcomes = run(race)

    assert [outcome.error for outcome in outcomes if outcome.error] == []
    names = Counter(outcome.name for outcome in outcomes)
    assert [name for name, count in names.items() if count > 1] == [], "given to more than one writer"
    assert len(outcomes) == race.writers * race.rounds
    assert {contested_name(number) for number in range(race.rounds)} <= set(names)
    assert sorted(provider.keys_in(bucket, location)) == sorted(f"{location}/{name}" for name in names)
    wrong = [
        outcome
        for outcome in outcomes
        if digest(provider.read(bucket, f"{location}/{outcome.name}"))
        != digest(content_of(race, outcome.round, outcome.writer))
    ]
    assert wrong == []
    assert provider.unfinished_uploads(bucket, location) == []


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(("processes", "threads"), [(1, 64), (4, 16)], ids=["threads", "processes"])
def test_racing_writers_of_small_files_all_keep_theirs(
    provider: Provider, bucket: str, location: str, processes: int, threads: int
) -> None:
    race = Race(provider.environ(bucket, location=location), rounds=ROUNDS, processes=processes, threads=threads)
    assert_nothing_was_lost(race, provider, bucket, location)


@pytest.mark.parametrize(("processes", "threads"), [(1, 8), (2, 4)], ids=["threads", "processes"])
def test_racing_writers_of_files_in_parts_all_keep_theirs(
    provider: Provider, bucket: str, location: str, processes: int, threads: int
) -> None:
    race = Race(
        provider.environ(bucket, location=location),
        rounds=max(1, ROUNDS // 2),
        processes=processes,
        threads=threads,
        size=PART_BYTES + 1,
        part_bytes=PART_BYTES,
    )
    assert_nothing_was_lost(race, provider, bucket, location)
