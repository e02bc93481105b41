"""An audit beside the bare listing of the same store: time, CPU and memory, each in a process of its own.

    python -m benchmarks.auditing [--files 20000] [--real]

Without `--real` the store is a program that answers listings and holds nothing, so that a million files take a minute; with
it, the embedded server is filled with so many objects of one byte first. The rows are in SQLite. One file in a thousand has
no row.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PAGE = 1_000
ORPHAN = 7
MODULE = "benchmarks.auditing"


def name_of(number: int) -> str:
    return f"photos/{number // PAGE:04d}/{number:07d}-holiday.jpg"


# -- a store that only lists


def listing(first: int, files: int) -> bytes:
    """Write one page of a listing, as Amazon does."""
    entries = "".join(
        f"<Contents><Key>{name_of(number)}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>"
        f"<ETag>&quot;{number:032x}&quot;</ETag><Size>{20_000 + number}</Size></Contents>"
        for number in range(first, min(files, first + PAGE))
    )
    more = first + PAGE < files
    token = f"<NextContinuationToken>{first + PAGE}</NextContinuationToken>" if more else ""
    return (
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<IsTruncated>{str(more).lower()}</IsTruncated>{entries}{token}</ListBucketResult>"
    ).encode()


def serve(files: int) -> None:
    class Lister(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_arguments: object) -> None:
            pass

        def do_GET(self) -> None:
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query, keep_blank_values=True)
            if "list-type" in query:
                status, body = 200, listing(int(query.get("continuation-token", ["0"])[0]), files)
            elif "uploads" in query:
                status, body = (
                    200,
                    b"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>",
                )
            else:
                status, body = 404, b"<Error><Code>NoSuchKey</Code></Error>"
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Lister)
    print(server.server_port, flush=True)
    server.serve_forever()


@contextmanager
def scripted(files: int) -> Iterator[dict[str, str]]:
    with subprocess.Popen(
        [sys.executable, "-m", MODULE, "--serve", "--files", str(files)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        try:
            yield {
                "STORAGE_BUCKET_NAME": "media",
                "AWS_S3_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                "AWS_S3_REGION_NAME": "us-east-1",
                "AWS_ACCESS_KEY_ID": "key",
                "AWS_SECRET_ACCESS_KEY": "secret",
            }
        finally:
            process.kill()


@contextmanager
def real(files: int, folder: Path) -> Iterator[dict[str, str]]:
    import obstore
    from obstore.store import S3Store
    from tests.servers.catalogue import running

    with running("seaweedfs-http", folder) as provider:
        environ = provider.environ(provider.create_bucket())
        store = S3Store(
            environ["STORAGE_BUCKET_NAME"],
            endpoint=environ["AWS_S3_ENDPOINT_URL"],
            region="us-east-1",
            access_key_id=environ["AWS_ACCESS_KEY_ID"],
            secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
            client_options={"allow_http": True},
        )
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(16) as pool:
            for _ in pool.map(lambda number: obstore.put(store, name_of(number), b"x"), range(files), chunksize=100):
                pass
        yield environ


# -- what is measured


def settings(environ: dict[str, str], database: str) -> Any:
    import django
    from django.conf import settings

    import holdall

    settings.configure(
        SECRET_KEY="benchmark",
        USE_TZ=True,
        INSTALLED_APPS=["holdall"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}},
        STORAGES=holdall.from_env(environ),
    )
    django.setup()
    from django.db import models

    class Picture(models.Model):
        photo = models.FileField(max_length=255)

        class Meta:
            app_label = "holdall"

        def __str__(self) -> str:
            return str(self.pk)

    return Picture


def fill(model: Any, files: int) -> None:
    import random

    from django.db import connection

    with connection.schema_editor() as editor:
        editor.create_model(model)
    numbers = [number for number in range(files) if number % PAGE != ORPHAN]
    random.Random(3).shuffle(numbers)
    for start in range(0, len(numbers), 10_000):
        model.objects.bulk_create(
            (model(photo=name_of(one)) for one in numbers[start : start + 10_000]), batch_size=500
        )


def measured(what: str) -> dict[str, float]:
    import resource

    from django.core.files.storage import storages

    storage: Any = storages["default"]
    began, cpu = time.perf_counter(), time.process_time()
    if what == "bare":
        found = sum(len(page["Contents"]) for page in storage.store.pages(action="listing", Prefix=""))
        orphans = -1
    else:
        from holdall.bulk import audit

        done = audit.make(storage, min_age_seconds=0, look_at=0)
        assert not done.problems, done.problems
        found, orphans = done.files.files, done.orphaned.files
    return {
        "files": found,
        "orphans": orphans,
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--real", action="store_true", help="fill the embedded server first")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.files)
    if chosen.part:
        given = json.loads(os.environ["HOLDALL_BENCHMARK"])
        model = settings(given["environ"], given["database"])
        print(json.dumps(fill(model, chosen.files) if chosen.part == "fill" else measured(chosen.part)))
        return
    with tempfile.TemporaryDirectory(prefix="holdall-") as folder:
        place = real(chosen.files, Path(folder)) if chosen.real else scripted(chosen.files)
        with place as environ:
            given = {"environ": environ, "database": f"{folder}/rows.sqlite3"}
            own = os.environ | {"HOLDALL_BENCHMARK": json.dumps(given)}

            def part(what: str) -> Any:
                command = [sys.executable, "-m", MODULE, "--files", str(chosen.files), "--part", what]
                return json.loads(subprocess.run(command, env=own, capture_output=True, text=True, check=True).stdout)

            part("fill")
            for _ in range(chosen.rounds):
                bare, audited = part("bare"), part("audit")
                print(
                    f"{bare['files']:,} files: bare listing {bare['seconds']:.1f} s ({bare['cpu']:.1f} s of CPU, "
                    f"{bare['mb']:.0f} MB), audit {audited['seconds']:.1f} s ({audited['cpu']:.1f} s, {audited['mb']:.0f} MB): "
                    f"{audited['seconds'] / bare['seconds']:.2f} times the time, {audited['cpu'] / bare['cpu']:.2f} times the "
                    f"CPU; {audited['orphans']:,} orphans",
                    flush=True,
                )


if __name__ == "__main__":
    main()
