"""The examination ends in its time, with a report, whatever hangs; and what it saved is deleted, or named."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from holdall.s3 import connection, lookup
from tests.contract import only
from tests.doctor import errors, examine, the, told, warnings
from tests.doctor.conftest import Through, always
from tests.providers import Provider
from tests.servers import processes
from tests.servers.fault_proxy import Exchange, Fault, FaultProxy, Request, stalls_after, stalls_before

on_one_server = only("seaweedfs-http")
# Far less than what a hanging network takes, and far more than a busy machine needs to end.
SOON_SECONDS = 30


@pytest.fixture(autouse=True)
def _ends_soon() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < SOON_SECONDS


def drips(exchange: Exchange) -> None:
    """Answer a byte at a time, and never come to an end."""
    with suppress(OSError):
        exchange.client.sendall(b"HTTP/1.1 200 OK\r\nX-Never: ")
        for _ in range(1000):
            exchange.client.sendall(b"x")
            time.sleep(0.05)
    exchange.wait_for_client_to_give_up()


def drips_the_body(exchange: Exchange) -> None:
    """Answer the head at once, and the body a byte at a time."""
    with suppress(OSError):
        exchange.client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(1000):
            exchange.client.sendall(b"x")
            time.sleep(0.05)
    exchange.wait_for_client_to_give_up()


def stalling(method: str, name: str) -> Callable[[Request], Fault | None]:
    """Answer nothing to such requests about such a file."""
    return lambda request: stalls_before if request.method == method and name in request.target else None


@on_one_server
@pytest.mark.parametrize("fault", [stalls_before, drips, drips_the_body])
def test_store_that_never_finishes_an_answer_is_named(through: Through, fault: Fault) -> None:
    report = examine(through(always("*", fault)), seconds=1)
    assert errors(report) == ["D091"], told(report)
    assert "waits for an answer to GET http://127.0.0.1:" in the(report, "D091").seen
    assert [finding.id for finding in report.findings][-1] == "D090"


@on_one_server
def test_proxy_that_never_answers_is_named(
    through: Through, provider: Provider, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = through(always("*", stalls_before))["AWS_S3_ENDPOINT_URL"]
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    report = examine(provider.environ(bucket), seconds=1)
    assert errors(report) == ["D091"], told(report)


def test_resolver_that_never_answers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def ask(*_: object) -> list[lookup.Address]:
        answered.wait()
        return []

    monkeypatch.setattr(lookup, "ask", ask)
    environ = {
        "STORAGE_BUCKET_NAME": "acme-media",
        "AWS_S3_ENDPOINT_URL": "https://s3.example.com",
        "AWS_ACCESS_KEY_ID": "acme",
        "AWS_SECRET_ACCESS_KEY": "not-a-real-secret-of-anyone",
    }
    report = examine(environ, seconds=1)
    answered.set()
    assert errors(report) == ["D091"], told(report)


@on_one_server
def test_source_of_keys_that_never_answers_is_named(
    provider: Provider, bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is asked while the connection is locked, and ends with the process that it is."""
    config = tmp_path / "config"
    config.write_text("[profile slow]\ncredential_process = sleep 4\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "slow")
    environ = {
        name: value for name, value in provider.environ(bucket).items() if not name.endswith(("KEY_ID", "ACCESS_KEY"))
    }
    connection.forget()
    report = examine(environ, seconds=1)
    connection.forget()
    assert errors(report) == ["D091"], told(report)


@on_one_server
def test_probe_that_hangs_in_a_write_does_not_keep_the_clean_up_waiting(
    through: Through, provider: Provider, bucket: str, location: str
) -> None:
    report = examine(through(always("PutObject", stalls_after)), seconds=2)
    assert errors(report) == ["D091"], told(report)
    assert warnings(report) == ["D902"]
    assert provider.keys_in(bucket, location) == []


@on_one_server
def test_clean_up_that_hangs_is_given_up_and_names_what_is_left(
    through: Through, provider: Provider, bucket: str, location: str
) -> None:
    report = examine(through(choose=stalling("DELETE", "sample-")), only=["saving"], seconds=2)
    assert warnings(report) == ["D902"], told(report)
    [key] = provider.keys_in(bucket, location)
    assert key.rpartition("/")[0] in the(report, "D902").seen


@on_one_server
def test_what_was_not_checked_in_time_is_named(through: Through) -> None:
    report = examine(through(choose=stalling("PUT", "text.txt")), only=["writing"], seconds=6)
    assert errors(report) == ["D094"], told(report)
    assert "`condition`" in the(report, "D094").seen


@on_one_server
@pytest.mark.parametrize("form", ["--verbose", "--json", "--json-lines"])
def test_interrupted_examination_ends_at_once_with_a_report(
    provider: Provider, bucket: str, location: str, tmp_path: Path, form: str
) -> None:
    hangs = threading.Event()

    def stalls(exchange: Exchange) -> None:
        hangs.set()
        stalls_after(exchange)

    file = tmp_path / "store.env"
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    with FaultProxy(provider.endpoint_url, always("PutObject", stalls)) as proxy:
        environ = provider.environ(bucket, location=location, AWS_S3_ENDPOINT_URL=proxy.url)
        file.write_text("".join(f"{name}={value}\n" for name, value in environ.items()))
        running = processes.start(
            [sys.executable, "-m", "holdall", "doctor", "--env-file", str(file), form],
            env={**kept, "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with running:
            assert hangs.wait(SOON_SECONDS)
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=SOON_SECONDS)
    assert (running.returncode, err) == (130, "\nInterrupted.\n")
    if form == "--json":
        found = [finding["id"] for finding in json.loads(out)["findings"]]
    elif form == "--json-lines":
        found = [json.loads(line)["id"] for line in out.splitlines()]
    else:
        found = [word for word in out.split() if word.startswith("D") and word[1:].isdigit()]
    assert {"D300", "D309", "D095"} <= set(found)
    # What still waits for its answer may save something: that is said, or it is over and nothing is left.
    assert {"D902", "D900"} & set(found)
    # What somebody waited for who lost patience.
    assert "saving" in out[out.index("Ctrl-C, while") :]
    assert provider.keys_in(bucket, location) == []
