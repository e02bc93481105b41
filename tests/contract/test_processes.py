"""One client a process, made when it is first needed, shared by all threads, and never by two processes."""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.core.files.base import ContentFile

from holdall.s3 import connection as client
from tests.conftest import MakeStorage
from tests.contract import only
from tests.providers import Provider
from tests.servers import processes

ROOT = Path(__file__).resolve().parents[2]
THREADS = 32

# As gunicorn does with --preload: the program is loaded, has used its storage, and is forked.
# A program of its own, because a fork copies the one thread that forks, and pytest has more.
PRELOADED = """
import hashlib, json, os, sys
from concurrent.futures import ThreadPoolExecutor
import django
django.setup()
from django.core.files.base import ContentFile
from holdall.s3 import connection
from tests.stores import build_storage

storage = build_storage(json.loads(sys.argv[1]))
CHILDREN, THREADS, ROUNDS = 3, 4, 4


def hammer(who):
    def work(thread):
        wrong = []
        for number in range(ROUNDS):
            content = f"{who} {thread} {number} ".encode() * 400
            name = storage.save("contested.txt", ContentFile(content))
            with storage.open(name) as file:
                if file.read() != content or storage.size(name) != len(content) or not storage.url(name):
                    wrong.append(name)
            names.append(name)
        return wrong

    names = []
    with ThreadPoolExecutor(THREADS) as pool:
        wrong = [name for found in pool.map(work, range(THREADS)) for name in found]
    return {"names": names, "wrong": wrong, "client": id(storage.connection.meta.client),
            "connections": len(connection._connections)}


storage.save("before.txt", ContentFile(b"before"))
before = storage.connection.meta.client
pipes = []
for number in range(CHILDREN):
    reading, writing = os.pipe()
    if os.fork() == 0:
        report = hammer(f"child {number}")
        report["is_own"] = storage.connection.meta.client is not before
        os.write(writing, json.dumps(report).encode())
        os._exit(0)
    os.close(writing)
    pipes.append(reading)
report = hammer("parent")
report["is_own"] = storage.connection.meta.client is before
reports = [report]
for reading in pipes:
    with open(reading, "rb") as pipe:
        reports.append(json.loads(pipe.read()))
for _ in pipes:
    os.wait()
print(json.dumps(reports))
"""

IDLE = """
import json, sys, threading
import django
django.setup()
from tests.stores import build_storage
from holdall.s3 import connection, sessions

threads = threading.active_count()
storage = build_storage(json.loads(sys.argv[1]))
storage.url("a.txt")
print(json.dumps({
    "clients": [store._resource is not None for store in connection._connections.values()],
    "sessions": len(sessions._sessions),
    "threads": threading.active_count() - threads,
}))
"""


def run(program: str, environ: dict[str, str]) -> Any:
    done = processes.complete(
        [sys.executable, "-W", "error", "-c", program, json.dumps(environ)],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": "src:."},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")
def test_storage_that_was_used_before_a_fork_works_on_both_sides(
    provider: Provider, bucket: str, location: str
) -> None:
    reports = run(PRELOADED, provider.environ(bucket, location=location))

    assert [report["wrong"] for report in reports] == [[]] * 4
    assert all(report["is_own"] for report in reports), "a child used its parent's client"
    assert [report["connections"] for report in reports] == [1] * 4
    names = [name for report in reports for name in report["names"]]
    assert len(names) == len(set(names)) == 4 * 4 * 4
    assert len(provider.keys_in(bucket, location)) == len(names) + 1


@only("seaweedfs-http")
def test_storage_that_is_not_used_has_made_nothing(provider: Provider, bucket: str) -> None:
    report = run(IDLE, provider.environ(bucket))

    # A link needs the keys and the address alone.
    assert report == {"clients": [False], "sessions": 0, "threads": 0}


@only("seaweedfs-http")
def test_threads_share_one_client_and_its_pool(make_storage: MakeStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    build = client.Connection._build

    def count(self: client.Connection) -> None:
        built.append(self)
        build(self)

    monkeypatch.setattr(client.Connection, "_build", count)
    # As in a process that has used no storage yet.
    monkeypatch.setattr(client, "_connections", {})
    first, second = make_storage(location="threads-1"), make_storage(location="threads-2")
    gate = Barrier(THREADS)

    def use(number: int) -> int:
        storage = first if number % 2 else second
        gate.wait(timeout=60)
        name = storage.save("same.txt", ContentFile(str(number)))
        with storage.open(name) as file:
            assert file.read() == str(number).encode()
        return id(storage.connection.meta.client)

    with ThreadPoolExecutor(THREADS) as pool:
        used = set(pool.map(use, range(THREADS)))

    assert len(built) == 1
    assert len(used) == 1
    assert first.connection.meta.client.meta.config.max_pool_connections >= THREADS
