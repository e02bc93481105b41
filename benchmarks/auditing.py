"""An audit beside the bare listing of the same store: time, CPU and memory, each in a process of its own.

The store is a program that answers listings and holds nothing, so that a million files take a minute; or the embedded
server, which is filled with so many empty objects first. The rows are in SQLite. One file in a thousand has no row, and one
row in ten thousand no file.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.contenders import ours
from benchmarks.measuring import KIB, ROOT, Row, Site, fresh, medians, memory_mib

PAGE = 1_000
ORPHAN = 7
# Of so many rows one names a file that is missing.
MISSING = 10_000
ROUNDS = 3
# So many are saved at a time.
WRITERS = 64
WHO = ("holdall", "bare_listing")
LOCATION = "audited"
Environ = Mapping[str, str]


def measure(files: int, site: Site | None = None) -> Iterator[Row]:
    """Audit so many files: of a store that only lists, or of the site, which is filled with them."""
    with tempfile.TemporaryDirectory(prefix="holdall-") as folder, _store(files, site) as environ:
        database = str(Path(folder) / "rows.sqlite3")
        fresh("auditing.fill", database, files)
        taken: dict[str, list[dict[str, float]]] = {who: [] for who in WHO}
        for _ in range(ROUNDS):
            for who in WHO:
                taken[who].append(fresh(f"auditing.{who}", environ, database, files))

    def of(what: str) -> dict[str, float]:
        return medians({who: [one[what] for one in some] for who, some in taken.items()})

    title = f"audit {files:,} files of a {'store that only lists' if site is None else 'real store'}"
    yield Row(title, "s on the clock", of("clock"), within={"bare_listing": 1.5})
    yield Row(title, "s of CPU", of("cpu"))
    yield Row(title, "MB of memory at the peak", of("mb"), at_most=150)


def name_of(number: int) -> str:
    return f"photos/{number // PAGE:04d}/{number:07d}-holiday.jpg"


# -- the stores


@contextmanager
def _store(files: int, site: Site | None) -> Iterator[dict[str, str]]:
    if site is None:
        with _scripted(files) as environ:
            yield environ
        return
    environ = site.environ(LOCATION)
    asyncio.run(_filled(environ, files))
    yield environ


async def _filled(environ: Environ, files: int) -> None:
    """Save so many objects, by the quickest client that there is."""
    from obstore.store import S3Store

    store = S3Store(
        environ["STORAGE_BUCKET_NAME"],
        prefix=LOCATION,
        endpoint=environ["AWS_S3_ENDPOINT_URL"],
        access_key_id=environ["AWS_ACCESS_KEY_ID"],
        secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        region="us-east-1",
        client_options={"allow_http": True},
    )
    for start in range(0, files, WRITERS):
        some = range(start, min(files, start + WRITERS))
        await asyncio.gather(*(store.put_async(name_of(number), b"x") for number in some))


@contextmanager
def _scripted(files: int) -> Iterator[dict[str, str]]:
    program = "import sys; from benchmarks.auditing import serve; serve(int(sys.argv[1]))"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(files)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        yield {
            "STORAGE_BUCKET_NAME": "media",
            "AWS_S3_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_S3_REGION_NAME": "us-east-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }
        process.communicate()


def serve(files: int) -> None:
    """Answer listings, until the standard input ends."""

    class Lister(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_arguments: object) -> None:
            pass

        def do_GET(self) -> None:
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query, keep_blank_values=True)
            if "list-type" in query:
                status, body = 200, _listing(int(query.get("continuation-token", ["0"])[0]), files)
            elif "uploads" in query:
                status = 200
                body = b"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>"
            else:
                status, body = 404, b"<Error><Code>NoSuchKey</Code></Error>"
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.do_GET()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Lister)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


def _listing(first: int, files: int) -> bytes:
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


# -- what is done in a process of its own


def fill(database: str, files: int) -> None:
    """Write the rows."""
    from django.db import connection

    model = _project({}, database)
    with connection.schema_editor() as editor:
        editor.create_model(model)
    numbers = [number for number in range(files) if number % PAGE != ORPHAN]
    random.Random(3).shuffle(numbers)
    for start in range(0, len(numbers), 10_000):
        some = numbers[start : start + 10_000]
        model.objects.bulk_create((model(photo=name_of(one)) for one in some), batch_size=500)
    # Of the same stem in another folder, so that the nearest name is looked for, and found.
    missing = (f"moved/{name_of(number).rpartition('/')[2]}" for number in range(0, files, MISSING))
    model.objects.bulk_create((model(photo=name) for name in missing), batch_size=500)


def bare_listing(environ: Environ, database: str, files: int) -> dict[str, float]:
    """List the store, and do nothing else."""
    _project(environ, database)
    storage: Any = ours(environ)

    def count() -> None:
        pages = storage.store.pages(action="listing", Prefix=storage._prefix(""))
        assert sum(len(page["Contents"]) for page in pages) == files

    return _taken(count)


def holdall(environ: Environ, database: str, files: int) -> dict[str, float]:
    """Audit the store. For no file the first bytes are looked at: the store that only lists has none."""
    from django.core.files.storage import storages

    from holdall.bulk import audit

    _project(environ, database)
    storage: Any = storages["default"]

    def look() -> None:
        done = audit.make(storage, min_age_seconds=0, look_at=0)
        assert not done.problems, done.problems
        # Those of the embedded server are younger than a second.
        orphans = done.orphaned.files + done.young.files
        assert (done.files.files, orphans) == (files, len(range(ORPHAN, files, PAGE)))
        assert [one.differs for one in done.missing] == ["folder"] * len(range(0, files, MISSING))

    return _taken(look)


def _taken(deed: Any) -> dict[str, float]:
    began, cpu = time.perf_counter(), time.process_time()
    deed()
    return {
        "clock": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "mb": memory_mib("VmHWM") * KIB * KIB / 1e6,
    }


def _project(environ: Environ, database: str) -> Any:
    """Let this process be of a project with one model, whose rows are in a file."""
    from django.conf import settings
    from django.db import connections, models

    import holdall as package

    if environ:
        settings.STORAGES = package.from_env(environ)
    connections.databases["default"]["NAME"] = database

    class Picture(models.Model):
        photo = models.FileField(max_length=255)

        class Meta:
            app_label = "holdall"

        def __str__(self) -> str:
            return str(self.pk)

    return Picture
