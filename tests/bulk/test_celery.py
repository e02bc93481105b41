"""`holdall copy --celery`: a real broker, and two real workers, of which one is killed in the middle."""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdall import cli
from holdall.bulk import dispatch, shards
from holdall.bulk.places import Folder
from tests.bulk.test_copy import MakeStore, contents, copy, described
from tests.contract import only
from tests.providers import Provider
from tests.servers import processes
from tests.servers.processes import Server

celery = pytest.importorskip("celery", reason="Celery is not installed (group integrations)")
if shutil.which("redis-server") is None:
    pytest.skip("redis-server is not installed (Debian's redis-server)", allow_module_level=True)

ROOT = Path(__file__).parent.parent.parent
FILES = {f"{number:03}.txt": b"%d" % number * 500 for number in range(240)} | {"large.bin": b"l" * 9_000_000}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    """A Redis of this test, which keeps nothing."""
    port = processes.free_port()
    command = ["redis-server", "--port", f"{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    server = Server(command, folder=tmp_path, name="redis")
    server.wait_until(lambda: "Ready to accept connections" in server.log.read_text())
    yield f"redis://127.0.0.1:{port}/0"
    server.stop()


class Worker:
    """A Celery worker with one process for tasks, in a group of its own that can be killed at once."""

    def __init__(self, folder: Path, name: str, environ: dict[str, str]) -> None:
        self.log = folder / f"{name}.log"
        command = [sys.executable, "-m", "celery", "-A", "tests.bulk.celery_site", "worker", "--concurrency", "1"]
        with self.log.open("wb") as log:
            self._process = processes.start(
                [*command, "--hostname", f"{name}@%h", "--without-gossip", "--without-mingle", "--loglevel", "INFO"],
                cwd=ROOT,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def is_ready(self) -> bool:
        return " ready." in self.log.read_text()

    def kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@pytest.fixture
def as_project(monkeypatch: pytest.MonkeyPatch, settings: Any, broker: str) -> Iterator[Any]:
    """This process as one of the project: its places and its Celery app."""
    from celery import _state

    def enter(places: dict[str, dict[str, str]]) -> dict[str, str]:
        import holdall

        settings.STORAGES = {alias: holdall.from_env(environ)["default"] for alias, environ in places.items()}
        path = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
        return os.environ | {
            "PLACES": json.dumps(places),
            "BROKER": broker,
            "PYTHONPATH": path,
            "DJANGO_SETTINGS_MODULE": "tests.bulk.celery_site",
        }

    app = celery.Celery("celery_site", broker=broker, set_as_current=False)
    before = _state._tls.current_app
    app.set_current()
    yield enter
    _state._tls.current_app = before
    app.close()


def holdall(*arguments: str, in_project: bool = True) -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    out = io.StringIO()
    code = cli.run(parser.parse_args(arguments), out=out, err=out, environ={}, in_project=in_project)
    return code, out.getvalue()


def test_worker_whose_alias_is_another_place_copies_nothing(tmp_path: Path) -> None:
    from holdall.bulk import crew
    from holdall.errors import HoldallError

    staging = Folder(tmp_path / "staging")
    order = {"source": ["default", str(Folder(tmp_path / "production"))]}
    with pytest.raises(HoldallError, match=r'alias "default" of STORAGES is folder .*staging, not folder .*production'):
        crew._opened(order, "source", lambda alias: staging)


@only("seaweedfs-http")
def test_copy_by_workers_is_whole_although_one_is_killed(
    make_store: MakeStore,
    provider: Provider,
    bucket: str,
    location: str,
    tmp_path: Path,
    broker: str,
    as_project: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shards, "LEAST_FILES", 30)
    monkeypatch.setattr(dispatch, "TIMES", dispatch.Times(beat=0.2, lost=1.5, waiting=1.5, silence=1))
    media = Folder(tmp_path / "media")
    media.path.mkdir()
    for name, content in FILES.items():
        media.file(name).write_bytes(content)
    source, there = make_store("source"), make_store("there")
    copy(media, source)
    places = {name: provider.environ(bucket, location=f"{location}/{name}") for name in ("source", "there")}
    environ = as_project(places)
    assert holdall("copy", "source", "there", "--yes", "--celery") == (
        1,
        "No Celery worker answers. Start some: celery -A celery_site worker. Or leave out --celery.\n",
    )

    sent: list[str] = []
    monkeypatch.setattr(
        celery.Celery,
        "send_task",
        lambda *words, was=celery.Celery.send_task, **more: sent.append(f"{more}") or was(*words, **more),
    )
    workers = [Worker(tmp_path, f"worker-{number}", environ) for number in range(2)]
    try:
        processes.wait_until(
            lambda: all(worker.is_ready for worker in workers), otherwise=lambda: workers[0].log.read_text()
        )

        def kill() -> None:
            processes.wait_until(
                lambda: "received" in workers[0].log.read_text() and sum(1 for _ in there.entries()) > 40
            )
            workers[0].kill()

        killer = threading.Thread(target=kill)
        killer.start()
        code, said = holdall("copy", "source", "there", "--yes", "--celery", "--workers", "1")
        killer.join()

        assert (code, f"Done: {len(FILES)} of {len(FILES)} files copied and verified" in said) == (0, True), said
        assert len(sent) > 9
        assert provider.keys.secret_key not in "".join(sent)
        assert contents(there) == FILES
        assert described(provider, bucket, there) == described(provider, bucket, source)
        prefix = f"{location}/there"
        assert not provider.client.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads", [])
        assert holdall("copy", "source", "there", "--plan")[0] == 0
        # The run's own queue is gone, and what else there is, is Celery's.
        assert "holdall-" not in subprocess.check_output(
            ["redis-cli", "-u", broker, "--raw", "keys", "*"], text=True
        ), said
    finally:
        for worker in workers:
            worker.kill()
