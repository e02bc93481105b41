"""A process that gevent has patched, as under `gunicorn -k gevent`, `celery -P gevent`: greenlets overlap, and all is whole."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from threading import Barrier

import pytest

from tests.contract import only
from tests.providers import Provider
from tests.servers import processes
from tests.servers.fault_proxy import Answer, FaultProxy, Request, answers

ROOT = Path(__file__).resolve().parents[2]
GREENLETS = 40

PROGRAM = f"""
from gevent import monkey
monkey.patch_all()
import gc, json, os, sys
import django, gevent
from gevent.pool import Pool
django.setup()
from django.core.files.base import ContentFile
from holdall.storage import draft
from tests.stores import build_storage

encrypted, slow = map(build_storage, json.loads(sys.argv[1]))
content = os.urandom(300_000)
name = encrypted.save("a.bin", ContentFile(content))
with encrypted.open(name) as file:
    assert file.read() == content
assert encrypted.store.takes_the_fast_lane()

# Each is answered when all have asked.
assert Pool({GREENLETS}).map(slow.size, ["a.bin"] * {GREENLETS}) == [1] * {GREENLETS}

draft.HELD_BYTES = 1024 * 1024
def forget():
    forgotten = encrypted.open("forgotten.bin", "wb")
    forgotten.write(bytes(9 * 1024 * 1024))
    circle = [forgotten]
    circle.append(circle)
def unfinished():
    return len(list(encrypted.store.unfinished(action="looking", prefix=encrypted.location)))
gc.disable()
forget()
assert unfinished() == 1
# In the hub, where nothing can wait.
gevent.get_hub().loop.run_callback(gc.collect)
with gevent.Timeout(60):
    while unfinished():
        gevent.sleep(0.05)
"""


@only("seaweedfs-https")
def test_storage_keeps_its_promises_under_gevent(provider: Provider, bucket: str, location: str) -> None:
    if importlib.util.find_spec("gevent") is None:
        pytest.skip("gevent is not installed (group integrations)")
    all_have_asked = Barrier(GREENLETS, timeout=60)

    def answer(_request: Request) -> Answer:
        all_have_asked.wait()
        return Answer(200, (("ETag", '"1"'), ("Content-Length", "1")), is_head=True)

    with FaultProxy("http://127.0.0.1:9", choose=lambda _request: answers(answer)) as proxy:
        environ = provider.environ(bucket, location=location)
        slow = environ | {"AWS_S3_ENDPOINT_URL": proxy.url, "STORAGE_TIMEOUT": "60s"}
        path = os.pathsep.join(["src", ".", os.environ.get("PYTHONPATH", "")])
        done = processes.complete(
            [sys.executable, "-c", PROGRAM, json.dumps([environ, slow])],
            cwd=ROOT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
