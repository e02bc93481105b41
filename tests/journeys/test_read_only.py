"""The demo's gallery where nothing can be written: no temporary folder, no file, and 300 MB are in the bucket all the same."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.utils.module_loading import import_string

from tests.contract import only
from tests.docs.pages import DOCS, blocks
from tests.providers import Provider
from tests.servers import processes
from tests.servers.sealed import ROOT, missing, sealed
from tests.stores import build_storage

MIB = 1024 * 1024
LARGE_BYTES, TRACED_BYTES = 300 * MIB, 30 * MIB
# How much of it may be in the server's memory at once.
MOST_GROWTH_BYTES = 64 * MIB
BOUNDARY = "holdall"
SERVERS = {
    "gunicorn": ["-m", "gunicorn", "--config", "python:tests.journeys.sealed_gunicorn", "--timeout", "120"],
    "uvicorn": ["-m", "uvicorn", "--log-level", "warning"],
}
PAGE = DOCS / "how-to" / "read-only.md"
# What a program may open to write: none of it is a file.
HARMLESS = re.compile(r'"/dev/(null|tty)"|"/proc/self/')
TRACED = "open,openat,openat2,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat"


def shown(comment: str) -> str:
    """What the page shows under this comment."""
    return next(block.text for block in blocks(PAGE) if block.comment == comment)


def photograph(size: int) -> Iterator[bytes]:
    """A picture with something behind its end that no decoder looks at, as the bytes of a form."""
    from PIL import Image

    picture = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(picture, "JPEG")
    yield picture.getvalue()
    piece = os.urandom(MIB)
    for left in range(size - picture.tell(), 0, -MIB):
        yield piece[:left]


def upload(port: int, title: str, size: int, *, sent_bytes: int | None = None) -> int:
    """Open the gallery and send its form, as a browser without JavaScript; or so much of it, and go away."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as line:
        line.request("GET", "/")
        page = line.getresponse()
        html = page.read().decode()
        cookie = str(page.headers["Set-Cookie"]).partition(";")[0]
        token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', html)[0]
        fields = {"csrfmiddlewaretoken": token, "visibility": "private", "description": ""}
        head = "".join(
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        )
        head += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="photographs"; filename="{title}.jpg"\r\n\r\n'
        end = f"\r\n--{BOUNDARY}--\r\n"
        line.putrequest("POST", "/add/")
        line.putheader("Cookie", cookie)
        line.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
        line.putheader("Content-Length", str(len(head) + size + len(end)))
        line.endheaders(head.encode())
        for piece in photograph(sent_bytes or size):
            line.send(piece)
        if sent_bytes is not None:
            return 0
        line.send(end.encode())
        answer = line.getresponse()
        answer.read()
        return answer.status


class Running:
    """A gallery that is up, and the processes that answer for it."""

    def __init__(self, port: int, program: subprocess.Popen[Any], log: Path) -> None:
        self.port, self._program, self._log = port, program, log

    @property
    def pid(self) -> int:
        return self._program.pid

    @property
    def said(self) -> str:
        return self._log.read_text()

    def memory_bytes(self, what: str) -> int:
        """Give the largest "VmRSS" (now) or "VmHWM" (ever) of its processes."""
        found = []
        for status in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):
                told = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
                if self._program.pid in {int(told["Pid"]), int(told["PPid"])} and what in told:
                    found.append(int(told[what].split()[0]) * 1024)
        return max(found)


@contextlib.contextmanager
def gallery(
    server: str, provider: Provider, bucket: str, location: str, folder: Path, around: Any, **more: str
) -> Iterator[Running]:
    """Run the gallery under a server, and the whole inside of what `around` makes of its command."""
    port = processes.free_port()
    application = "tests.journeys.sealed_gallery:" + ("application" if server == "gunicorn" else "asgi_application")
    address = ["--bind", f"127.0.0.1:{port}"] if server == "gunicorn" else ["--host", "127.0.0.1", "--port", str(port)]
    own = provider.environ(bucket, location=location)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "TMP", "XDG"))}
    environ |= own | {f"PUBLIC_{name}": value for name, value in own.items()} | {
        "PYTHONPATH": f"{ROOT}/src:{ROOT}/demo:{ROOT}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "DJANGO_SETTINGS_MODULE": "tests.journeys.sealed_settings",
        "HOME": "/nowhere",
        "GUNICORN_CONF": shown("gunicorn.conf.py: without any folder"),
        **more,
    }  # fmt: skip
    log = folder / "log"
    with log.open("w") as output:
        program = processes.start(
            around([sys.executable, *SERVERS[server], *address, application]),
            env=environ,
            cwd=ROOT,
            stdout=output,
            stderr=output,
        )
    try:
        processes.wait_until(
            lambda: program.poll() is not None or _answers(port), seconds=60, otherwise=lambda: log.read_text()
        )
        assert program.poll() is None, log.read_text()
        yield Running(port, program, log)
    finally:
        program.terminate()
        try:
            program.wait(10)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait(10)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@pytest.fixture(params=list(SERVERS))
def server(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(request.param, reason=f"{request.param} is not installed")
    return str(request.param)


@only("seaweedfs-http")
def test_300_mb_are_uploaded_where_nothing_can_be_written(
    server: str, provider: Provider, bucket: str, location: str, tmp_path: Path
) -> None:
    if said := missing():
        pytest.skip(f"The gallery was not tried on a read-only file system: {said}")
    empty = tmp_path / "root"
    empty.mkdir()

    def seal(command: Sequence[str]) -> list[str]:
        return sealed(in_folder(command), empty=empty)

    with gallery(server, provider, bucket, location, tmp_path, seal, SAY_WHAT_CAN_BE_WRITTEN="yes") as running:
        assert upload(running.port, "first", 5 * MIB) == 302
        assert "temporary folder: none" in running.said
        before = running.memory_bytes("VmRSS")
        assert upload(running.port, "large", LARGE_BYTES) == 302
        growth = running.memory_bytes("VmHWM") - before
    storage = build_storage(provider.environ(bucket, location=location))
    (name,) = [key.removeprefix(f"{location}/") for key in provider.keys_in(bucket, location) if "large" in key]
    assert storage.size(name) == LARGE_BYTES
    assert growth < MOST_GROWTH_BYTES, f"{growth / MIB:.0f} MiB more were needed"
    assert left(provider, bucket, location) == []


def left(provider: Provider, bucket: str, location: str) -> list[str]:
    """What of uploads is in the staging area."""
    staged = provider.objects_in(bucket, f"{location}/.holdall/uploads/")
    return [*provider.unfinished_uploads(bucket, location), *(one["Key"] for one in staged)]


def in_folder(command: Sequence[str]) -> list[str]:
    """The command in the project's folder, where a new root begins at its own."""
    return ["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", str(ROOT), *command]


@only("seaweedfs-http")
def test_server_opens_no_file_to_write(
    server: str, provider: Provider, bucket: str, location: str, tmp_path: Path
) -> None:
    if not shutil.which("strace"):
        pytest.skip(
            "strace is not installed, so nobody saw which files the server opens; on Debian: apt-get install strace"
        )
    trace = tmp_path / "trace"
    # Beside the server, not in front of it: what ends the one ends the other.
    tracing = ["strace", "--daemonize", "--follow-forks", "--seccomp-bpf", "-o", str(trace), "-e", f"trace={TRACED}"]
    with gallery(server, provider, bucket, location, tmp_path, lambda command: [*tracing, *command]) as running:
        assert upload(running.port, "traced", TRACED_BYTES) == 302
        # A visitor who goes away in the middle leaves nothing, there or here.
        upload(running.port, "gone", TRACED_BYTES, sent_bytes=TRACED_BYTES // 2)
        processes.wait_until(lambda: not left(provider, bucket, location))
        assert not any("gone" in key for key in provider.keys_in(bucket, location))
        program = running.pid
    processes.wait_until(
        lambda: re.search(rf"^{program} .*(exited with|killed by)", trace.read_text(errors="replace"), re.MULTILINE)
    )
    lines = trace.read_text(errors="replace").splitlines()
    assert any("openat" in line for line in lines)
    assert writes(lines) == []


def writes(lines: Sequence[str]) -> list[str]:
    """Of what strace saw, what makes or changes a file, and was not refused."""
    found = []
    for line in lines:
        if " = -1 " in line or HARMLESS.search(line):
            continue
        opens = re.search(r"\b(open|openat|openat2)\(", line)
        if not re.search(r"\d+ +\w+\(", line) or (
            opens and not re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC|TMPFILE)", line)
        ):
            continue
        found.append(line)
    return found


# -- the page itself


def test_page_sets_what_the_gallery_sets() -> None:
    (settings,) = [block.text for block in blocks(PAGE) if block.text.startswith("import holdall")]
    made: dict[str, Any] = {}
    # The settings of a project with a store.
    program = f"import json\n{settings}\nprint(json.dumps([STORAGES['default']['BACKEND'], FILE_UPLOAD_HANDLERS]))"
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}/src", "STORAGE_BUCKET_NAME": "acme"}
    done = processes.complete([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    backend, (handler,) = json.loads(done.stdout)
    assert backend == "holdall.storage.MediaStorage"
    assert import_string(handler).__name__ == "StoreUploadHandler"
    exec(shown("asgi.py").replace("mysite.settings", "tests.settings"), made)
    assert callable(made["application"])


@pytest.mark.parametrize("variant", ["with /dev/shm", "without any folder"])
def test_gunicorn_takes_what_the_page_says(variant: str, tmp_path: Path) -> None:
    pytest.importorskip("gunicorn", reason="gunicorn is not installed")
    written = tmp_path / "gunicorn.conf.py"
    written.write_text(shown(f"gunicorn.conf.py: {variant}"))
    (tmp_path / "site_of_test.py").write_text("def app(environ, start_response): ...")
    command = [sys.executable, "-m", "gunicorn", "--check-config", "--config", str(written), "site_of_test:app"]
    done = processes.complete(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("file", "path"),
    [
        ("compose.yaml", ["services", "web", "read_only"]),
        ("deployment.yaml", ["spec", "template", "spec", "containers", 0, "securityContext", "readOnlyRootFilesystem"]),
    ],
)
def test_manifests_make_the_file_system_read_only(file: str, path: list[Any]) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    found = yaml.safe_load(shown(file))
    for step in path:
        found = found[step]
    assert found is True
