"""What it costs the one process that makes a plan to cut it into shards, and to write them as they are sent."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measuring import Row
from holdall.bulk import shards
from holdall.bulk.entries import Entry
from holdall.bulk.places import Folder
from holdall.bulk.plan import Plan

FILES = 100_000


def measure() -> Iterator[Row]:
    chosen = random.Random(FILES)
    began = time.process_time()
    plan = Plan(Folder(Path("from")), Folder(Path("to")))
    for number in range(FILES):
        plan.steps.append(
            Entry(
                f"photos/2026/{number:012}.jpg", 20_000, datetime(2026, 11, 26, tzinfo=UTC), chosen.randbytes(16).hex()
            )
        )
        plan.to_copy.add(20_000)
    sent_bytes = sum(len(shard.packed().content) for shard in shards.cut(plan))
    yield Row(f"plan {FILES:,} files and cut them into shards", "s of CPU", {"holdall": time.process_time() - began})
    yield Row(f"the same: what goes through the broker for {FILES:,} files", "MB", {"holdall": sent_bytes / 1_000_000})
