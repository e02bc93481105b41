"""Copy again and again, each time in a process that is killed at some point; say how much was done before each.

    python killed.py '{"source": …, "destination": …, "times": 20}'

A place is a folder's path, or the variables of a store.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings

settings.configure(USE_TZ=True)

from holdall.bulk import copying, plan  # noqa: E402  when the settings are there, as those below
from holdall.bulk.places import Folder, Place, Store  # noqa: E402  after the settings
from tests.stores import build_storage  # noqa: E402  after the settings


def place(described: Any) -> Place:
    if isinstance(described, str):
        return Folder(Path(described))
    storage: Any = build_storage(described)
    return Store(storage)


def copy(order: dict[str, Any], told: int) -> None:
    planned = plan.make(place(order["source"]), place(order["destination"]))
    os.write(told, f"{planned.same.files} {planned.in_conflict.files}\n".encode())
    copying.apply(planned, workers=4)
    os.write(told, b"done\n")


def main() -> None:
    order = json.loads(sys.argv[1])
    chosen = random.Random(order["seed"])
    # Short at first, so that it is killed while there is much to do; longer when too short for anything to be done.
    lasts, before = 0.1, -1
    for _ in range(order["times"]):
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            copy(order, writing)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as told:
            done = told.readline().split()
            # From here on it copies.
            time.sleep(chosen.uniform(0, lasts))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            is_over = "done" in told.read()
        lasts, before = lasts * (1.5 if int(done[0]) == before else 1), int(done[0])
        print(json.dumps({"same": int(done[0]), "in_conflict": int(done[1]), "is_over": is_over}), flush=True)


main()
