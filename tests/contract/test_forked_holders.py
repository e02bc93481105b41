"""Whatever holds a connection may be copied by a fork: each process reads its own bytes, and one alone ends a write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.contract import only
from tests.providers import Provider

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")

# A program of its own, because a fork copies the one thread that forks, and pytest has more. The first argument is the
# environment, the second what to try.
BEGIN = """
import json, os, random, sys, time
import django
django.setup()
from django.core.files.base import ContentFile
from boto3.s3.transfer import TransferConfig
from tests.stores import build_fork, build_storage

environ, case = json.loads(sys.argv[1]), sys.argv[2]
MIB = 1024 * 1024
SMALL = {name: f"{name}: ".encode() + random.Random(name).randbytes(3_000) for name in "abcdef"}
LARGE = {name: random.Random(name).randbytes(3 * MIB + 5) for name in "xy"}


def fork(child, parent):
    \"\"\"Do both at the same moment, each in its process; give what each said.\"\"\"
    reading, writing = os.pipe()
    start = time.monotonic() + 0.05
    if os.fork() == 0:
        os.close(reading)
        time.sleep(max(0, start - time.monotonic()))
        try:
            said = child()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writing, json.dumps(said).encode())
        os._exit(0)
    os.close(writing)
    time.sleep(max(0, start - time.monotonic()))
    try:
        mine = parent()
    except BaseException as error:
        mine = f"{type(error).__name__}: {error}"
    with open(reading, "rb") as pipe:
        theirs = json.loads(pipe.read())
    os.wait()
    return [mine, theirs]
"""

READS = (
    BEGIN
    + """
storage = build_storage(environ)
for name, content in (SMALL | LARGE).items():
    storage.save(name, ContentFile(content))
contents = SMALL | LARGE


def again(file):
    file.close()
    file.open()
    return file.read()


def rest(read_bytes):
    def read(file):
        at = file.tell()
        beginning = file.read(1000)
        return contents[file.name][:at] + beginning + file.read()
    return read


def opened(name, read_bytes, read):
    file = storage.open(name)
    if read_bytes:
        file.read(read_bytes)
    return lambda: read(file) == contents[file.name]


def listed():
    pages = storage.store.pages(action="listing", name="", Prefix=storage.location, MaxKeys=2)
    next(pages)
    return lambda: sum(len(page["Contents"]) for page in pages) == 6


def by_sdk(name):
    client, bucket = storage.connection.meta.client, storage.bucket
    key = f"{storage.location}/{name}"
    client.head_object(Bucket=storage.bucket_name, Key=key)
    return lambda: (client.get_object(Bucket=storage.bucket_name, Key=key)["Body"].read() == contents[name]
                    and bucket.Object(key).get()["Body"].read() == contents[name])


def placed(name):
    import boto3
    from tests.contract.test_forked_holders import client_of
    mine = build_storage(environ)
    resource = client_of(environ)
    mine._connections.connection = resource
    file = mine.open(name)
    return lambda: again(file) == contents[name]


HOLDERS = {
    "closed file": lambda name: opened(name, None, again),
    "new file": lambda name: opened(name, None, rest(0)),
    "begun file": lambda name: opened(name, 10, rest(0)),
    "file with a stream": lambda name: opened("xy"[name == "a"], 2 * MIB, rest(0)),
    "listing": lambda name: listed(),
    "client": by_sdk,
    "placed client": placed,
}
told = []
for number in range(6):
    if number:
        # Connections that both processes would take.
        for name in SMALL:
            storage.exists(name)
    first, second = HOLDERS[case]("a"), HOLDERS[case]("b")
    told += fork(first, second) + fork(first, first)
    if "file" in case:
        first, second = HOLDERS[case]("a"), HOLDERS[case]("b")
        told += fork(second, first)
print(json.dumps(told))
"""
)

WRITES = (
    BEGIN
    + """
import gc
from holdall.s3.bodies import in_parts
parts = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=1,
                       preferred_transfer_client="classic")
storage = build_storage(environ, transfer_config=parts)
used, size = case.split()
if used == "used":
    storage.save("before.txt", ContentFile(b"before"))
length = {"small": 1_000, "large": 6 * MIB}[size]
content = random.Random(1).randbytes(length)
told = []
for number, end in enumerate(["drops", "closes", "abandons", "writes", "forgets"]):
    name = f"{end}.bin"
    file = storage.open(name, "wb")
    file.write(content)

    def child():
        global file
        if end == "drops":
            del file
            gc.collect()
        elif end == "closes":
            file.close()
        elif end == "abandons":
            file.abandon()
        elif end == "writes":
            file.write(content)
            file.close()
        # Its own writes are its own.
        storage.save(f"child-{name}", ContentFile(b"child"))
        return "done"

    def parent():
        time.sleep(0.3)
        file.write(b"end")
        file.close()
        with storage.open(name) as stored:
            return stored.read() == content + b"end"

    told.append([end, *fork(child, parent)])
folders, names = storage.listdir("")
print(json.dumps([told, sorted(names)]))
"""
)

FORKED = (
    BEGIN
    + """
parent_environ = json.loads(sys.argv[3])
above = build_storage(parent_environ)
for name, content in SMALL.items():
    above.save(name, ContentFile(content))
storage = build_fork(environ, parent_environ)
if case == "used":
    storage.save("own", ContentFile(b"own"))
    storage.url("a")
    storage.delete("f")


def busy(who):
    def work():
        wrong = []
        for number in range(5):
            name = storage.save("new", ContentFile(f"{who} {number}".encode()))
            if storage.open(name).read() != f"{who} {number}".encode():
                wrong.append(name)
            wrong += [one for one in "abcde" if storage.open(one).read() != SMALL[one] or not storage.exists(one)]
            if "a" not in storage.listdir("")[1] or not storage.url(name):
                wrong.append("list")
        return wrong
    return work


told = fork(busy("child"), busy("parent"))
print(json.dumps([told, len([name for name in storage.listdir("")[1] if name.startswith("new")])]))
"""
)


def client_of(environ: dict[str, str]) -> Any:
    """Make a resource as a project would that puts its own in place of ours."""
    import boto3
    from botocore.config import Config

    return boto3.resource(
        "s3",
        endpoint_url=environ["AWS_S3_ENDPOINT_URL"],
        region_name=environ["AWS_S3_REGION_NAME"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        config=Config(s3={"addressing_style": "path"}),
    )


def run(program: str, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
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


@pytest.mark.parametrize("provider", ["seaweedfs-http", "seaweedfs-https"], indirect=True, scope="session")
@pytest.mark.parametrize(
    "holder", ["closed file", "new file", "begun file", "file with a stream", "listing", "client", "placed client"]
)
def test_holder_of_a_connection_reads_its_own_bytes_in_both_processes(
    provider: Provider, bucket: str, location: str, holder: str
) -> None:
    told = run(READS, json.dumps(provider.environ(bucket, location=location)), holder)

    assert told
    assert all(one is True for one in told), told


@only("seaweedfs-http")
@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("used", ["unused", "used"])
def test_write_is_ended_by_the_process_that_began_it_alone(
    provider: Provider, bucket: str, location: str, used: str, size: str
) -> None:
    told, names = run(WRITES, json.dumps(provider.environ(bucket, location=location)), f"{used} {size}")

    assert {end: whole for end, whole, _ in told} == dict.fromkeys(
        ["drops", "closes", "abandons", "writes", "forgets"], True
    )
    said = {end: said for end, _, said in told}
    assert all(said[end] == "done" for end in ("drops", "abandons", "forgets")), said
    assert all("nothing was sent" in said[end] for end in ("closes", "writes")), said
    expected = {"drops.bin", "closes.bin", "abandons.bin", "writes.bin", "forgets.bin"}
    expected |= {"child-drops.bin", "child-abandons.bin", "child-forgets.bin"}
    assert set(names) - {"before.txt"} == expected
    assert provider.unfinished_uploads(bucket, location) == []


@only("seaweedfs-http")
@pytest.mark.parametrize("used", ["unused", "used"])
def test_fork_of_an_environment_works_in_both_processes(
    provider: Provider, bucket: str, location: str, used: str
) -> None:
    above = provider.environ(bucket, location=f"{location}/above")
    told, count = run(FORKED, json.dumps(provider.environ(bucket, location=f"{location}/own")), used, json.dumps(above))

    assert told == [[], []]
    assert count == 10
