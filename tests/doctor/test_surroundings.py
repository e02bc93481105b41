"""What the process is told about the network and the SDK: proxies, authorities, profiles; from its environment or a file."""

from __future__ import annotations

import argparse
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdall import cli
from holdall.s3 import connection
from tests.contract import only
from tests.doctor import errors, examine, the, told
from tests.providers import Provider
from tests.servers.fault_proxy import Answer, FaultProxy, answers

on_one_server = only("seaweedfs-http")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    # A client keeps the proxy that it was made with.
    connection.forget()


@pytest.fixture
def proxy(provider: Provider) -> Iterator[FaultProxy]:
    """A proxy that leads to the store, whatever host is asked for."""
    with FaultProxy(provider.endpoint_url) as proxy:
        yield proxy


def run(file: Path, *arguments: str) -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    out = io.StringIO()
    given = ["doctor", "--env-file", str(file), "--json-lines", *arguments]
    code = cli.run(parser.parse_args(given), out=out, err=io.StringIO(), environ={})
    return code, out.getvalue()


def write(file: Path, **variables: str) -> Path:
    file.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    return file


# Nothing but the proxy knows where the host is.
HIDDEN = "http://store.invalid:9000"


@on_one_server
@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy"])
def test_store_that_only_a_proxy_reaches_is_healthy(
    provider: Provider, bucket: str, location: str, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, proxy.url)
    report = examine(
        provider.environ(bucket, location=location, AWS_S3_ENDPOINT_URL=HIDDEN), only=["saving", "intent", "links"]
    )
    assert errors(report) == [], told(report)
    assert all(target.startswith(HIDDEN) for _, target in proxy.requests)
    assert provider.keys_in(bucket, location) == []


@on_one_server
def test_hosts_that_need_no_proxy_are_asked_without_it(
    provider: Provider, bucket: str, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    report = examine(provider.environ(bucket), only=["connection"])
    assert errors(report) == [], told(report)
    assert proxy.requests == []


@pytest.mark.parametrize("status", [407, 403])
def test_proxy_that_refuses_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    refuses = answers(lambda request: Answer(status))
    with FaultProxy("http://127.0.0.1:1", choose=lambda request: refuses) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//ada:the-password@"))
        environ = {
            "STORAGE_BUCKET_NAME": "acme-media",
            "AWS_S3_REGION_NAME": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "the-id-of-a-key",
            "AWS_SECRET_ACCESS_KEY": "not-a-real-secret-of-anyone",
        }
        report = examine(environ)
    assert errors(report) == ["D327"], told(report)
    assert proxy.url in the(report, "D327").seen
    assert "the-password" not in told(report)
    assert set(proxy.requests) == {("CONNECT", "acme-media.s3.eu-central-1.amazonaws.com:443")}


@on_one_server
def test_proxy_profile_and_keys_may_be_in_the_file(
    provider: Provider, bucket: str, location: str, proxy: FaultProxy, tmp_path: Path
) -> None:
    """What the SDK reads from the process's environment is in it as long as the command runs."""
    credentials = write(tmp_path / "credentials")
    keys = provider.keys
    credentials.write_text(
        f"[acme]\naws_access_key_id = {keys.access_key}\naws_secret_access_key = {keys.secret_key}\n"
    )
    environ = {
        name: value
        for name, value in provider.environ(bucket, location=location, AWS_S3_ENDPOINT_URL=HIDDEN).items()
        if name not in {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    }
    given = {"HTTP_PROXY": proxy.url, "AWS_PROFILE": '"acme"', "AWS_SHARED_CREDENTIALS_FILE": str(credentials)}
    before = dict(os.environ)
    code, out = run(write(tmp_path / "store.env", **environ, **given), "--only", "connection")
    assert code == 0, out
    assert "the keys in the AWS credentials file" in out
    assert dict(os.environ) == before

    # Nothing of it is left for the next run.
    code, out = run(write(tmp_path / "store.env", **environ), "--only", "connection")
    assert code == 1
    found = [json.loads(line)["id"] for line in out.splitlines()]
    assert "D320" in found, out


@only("seaweedfs-https")
def test_authority_may_be_in_the_file(
    provider: Provider, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE")
    environ = provider.environ(bucket)
    code, out = run(write(tmp_path / "store.env", **environ), "--only", "connection")
    assert "D322" in out
    assert code == 1
    file = write(tmp_path / "store.env", **environ, AWS_CA_BUNDLE=str(provider.ca_file))
    code, out = run(file, "--only", "saving", "--only", "intent")
    assert code == 0, out
    assert "AWS_CA_BUNDLE" not in os.environ
