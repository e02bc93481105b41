"""Layer `processes`: what threads, forks and many calls cost."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from django.core.files.base import ContentFile

from holdall.doctor.examination import Examination, probes
from holdall.findings import Finding, Kind, Level

ASKS_BEFORE_SAVING = Kind(
    "D550",
    Level.NOTICE,
    "Every save asks first",
    "Each upload waits for a second answer of the store, and one more for each name that is taken.",
    "Use `holdall.storage.MediaStorage`, which saves a small file with one request.",
    ("I1",),
)
CLIENT_PER_THREAD = Kind(
    "D551",
    Level.NOTICE,
    "Each thread makes a client of its own",
    "The first link or upload of each thread waits for a third of a second, and each keeps some 14 MB.",
    "Use `holdall.storage.MediaStorage`: one client a process.",
    ("I3",),
)
SHARED_ACROSS_FORKS = Kind(
    "D552",
    Level.WARNING,
    "Connections are shared by threads and survive a fork",
    "The first thread's bucket serves all threads, though the SDK says that it may not, and forked workers "
    "(gunicorn --preload, Celery) use their parent's sockets: now and then a request gets another's answer.",
    "Use `holdall.storage.MediaStorage`, or make no use of the storage before the fork.",
    ("M1",),
)


def probe_requests(examination: Examination) -> Iterator[Finding]:
    """Count what one save costs, where the SDK's events tell."""
    if examination.is_ours:
        return
    asked: list[str] = []
    storage = examination.storage
    # Two clients, where the first thread's bucket serves this one too.
    clients = {id(one.meta.client): one.meta.client for one in (storage.connection, storage.bucket)}

    def count(request: object, operation_name: str, **_: object) -> None:
        asked.append(operation_name)

    for client in clients.values():
        client.meta.events.register("request-created.s3", count)
    try:
        examination.save("counted.txt", ContentFile(b"counted"))
    finally:
        for client in clients.values():
            client.meta.events.unregister("request-created.s3", count)
    if len(asked) > 1:
        yield ASKS_BEFORE_SAVING.found(" and ".join(asked))


def probe_threads(examination: Examination) -> Iterator[Finding]:
    """Compare what two threads use. No request."""
    storage = examination.storage
    if examination.is_ours:
        return
    # What this thread has, and what another one gets.
    mine, my_bucket = storage.connection, storage.bucket
    with ThreadPoolExecutor(1) as pool:
        theirs = pool.submit(lambda: storage.connection).result()
        their_bucket = pool.submit(lambda: storage.bucket).result()
    if theirs.meta.client is not mine.meta.client:
        yield CLIENT_PER_THREAD.found("two threads have two clients")
    if their_bucket is my_bucket:
        yield SHARED_ACROSS_FORKS.found("two threads have one and the same bucket object")


PROBES = probes(probe_requests, probe_threads)
