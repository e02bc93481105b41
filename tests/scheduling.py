"""Which tests run in one process, and in which order, where a run has several: `pytest -n 3 --dist loadscope`.

Tests of one file share what it starts. Those of Ceph and of MiniStack, whatever their file, share few servers: starting
Ceph takes 17 seconds, and every process of a run would start its own. With one server for all of them, one process would
still be waiting for it when the others have long ended.

A scheduler of our own, because with pytest 9.2 the mark `xdist_group` has no effect, silently:
https://github.com/pytest-dev/pytest-xdist/issues/1386
"""

from __future__ import annotations

import re
import zlib
from typing import Any

from xdist.scheduler import LoadScopeScheduling

SHARED = re.compile(r"\[.*?\b(ceph|ministack)\b")
# Each of these waits for twenty seconds and does little, so two processes wait half as long. They come last, as short
# groups do, when the machine has time to answer at once.
OUTAGES = re.compile(r"faults/test_outage\.py::\w+\[(\w+)")
# How many servers of each kind a run starts at most.
SERVERS = {"ceph": 3, "ministack": 2}
REPEATED = re.compile(r"test_forked_storage\.py|\[.*?\b(ceph|ministack|https)\b")
# Roughly how many seconds a test of a folder takes. The longest groups begin first, so that none is left alone at the end.
SECONDS = {"compatibility": 15.0, "journeys": 3.0, "servers": 5.0, "docs": 0.3, "unit": 0.02}
OTHER_SECONDS = 0.4


def group_of(nodeid: str) -> str:
    """Name the group of a test by its id: the server that it is for, or else its file."""
    # Those of `unit` start none, whatever their parameters are called.
    if "/unit/" not in f"/{nodeid}" and (found := SHARED.search(nodeid)):
        test = nodeid.partition("[")[0]
        return f"{found[1]}-{zlib.crc32(test.encode()) % SERVERS[found[1]] + 1}"
    if found := OUTAGES.search(nodeid):
        return f"outages-{found[1]}"
    return nodeid.partition("::")[0]


def is_repeated(nodeid: str) -> bool:
    """Say whether a test reaches hardly any line of its own: it is also run over plain HTTP on SeaweedFS, or without a parent."""
    return REPEATED.search(nodeid) is not None


def seconds_of(nodeid: str) -> float:
    """Guess how long a test takes."""
    return next((seconds for folder, seconds in SECONDS.items() if f"/{folder}/" in f"/{nodeid}"), OTHER_SECONDS)


class ByServer(LoadScopeScheduling):
    """Give each process one group after the other, the longest first."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)

    def _assign_work_unit(self, node: Any) -> None:
        longest = max(self.workqueue, key=lambda group: sum(map(seconds_of, self.workqueue[group])))
        self.workqueue.move_to_end(longest, last=False)
        super()._assign_work_unit(node)
