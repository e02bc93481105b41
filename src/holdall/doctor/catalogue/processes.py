"""Findings of the layer `processes`: what threads, forks and requests cost."""

from __future__ import annotations

from functools import partial

from holdall.findings import Cause, Kind, Level

_Threads = partial(Kind, evidence="The clients and buckets that two threads use. Nothing is sent.")

ASKS_BEFORE_SAVING = Kind(
    "D550",
    Level.NOTICE,
    "Every save checks the name first",
    "Each upload waits for a second response from the store, and for one more for each name that is taken.",
    "Use `holdall.storage.MediaStorage`, which saves a small file with one request.",
    ("I1",),
    evidence="The requests that one save sent.",
)
CLIENT_PER_THREAD = _Threads(
    "D551",
    Level.NOTICE,
    "Each thread creates its own client",
    "The first link or upload in each thread takes about a third of a second longer, and each client uses some 14 MB.",
    "Use `holdall.storage.MediaStorage`, which has one client per process.",
    ("I3",),
)
SHARED_ACROSS_FORKS = _Threads(
    "D552",
    Level.WARNING,
    "Connections are shared by threads and forked processes",
    "All threads use the first thread's bucket, which the SDK says is not safe. Forked workers (gunicorn --preload, Celery) "
    "use their parent's sockets, so now and then a request gets the answer to another.",
    "Use `holdall.storage.MediaStorage`.",
    ("M1",),
    remedies=(Cause("The class cannot be changed.", "Do not use the storage before the process forks."),),
)
