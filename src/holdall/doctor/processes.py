"""Layer `processes`: what threads, forks and requests cost."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from django.core.files.base import ContentFile

from holdall.doctor.catalogue import processes as kinds
from holdall.doctor.examination import Examination
from holdall.doctor.probe import probes
from holdall.findings import Finding


def probe_requests(examination: Examination) -> Iterator[Finding]:
    """Count the requests of one save, through the SDK's events."""
    if examination.is_ours:
        return
    asked: list[str] = []
    storage = examination.storage
    # There are two clients if this thread uses the first thread's bucket.
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
        yield kinds.ASKS_BEFORE_SAVING.found(" and ".join(asked))


def probe_threads(examination: Examination) -> Iterator[Finding]:
    """Compare what two threads use. No request."""
    storage = examination.storage
    if examination.is_ours:
        return
    # What this thread uses, and what another one gets.
    mine, my_bucket = storage.connection, storage.bucket
    with ThreadPoolExecutor(1) as pool:
        theirs = pool.submit(lambda: storage.connection).result()
        their_bucket = pool.submit(lambda: storage.bucket).result()
    if theirs.meta.client is not mine.meta.client:
        yield kinds.CLIENT_PER_THREAD.found("two threads have two clients")
    if their_bucket is my_bucket:
        yield kinds.SHARED_ACROSS_FORKS.found("two threads use the same bucket object")


PROBES = probes(probe_requests, probe_threads)
