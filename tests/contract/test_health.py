"""The health check, by django-health-check's own view, on a real server."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.test import RequestFactory
from health_check.views import HealthCheckView

import holdall
from holdall import health
from holdall.health import Storage
from tests.contract import only
from tests.providers import Provider
from tests.servers.fault_proxy import FaultProxy
from tests.servers.processes import free_port

on_one_server = only("seaweedfs-http")


@pytest.fixture(autouse=True)
def _nothing_found(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Storage._found.clear()
    # A machine that runs many tests needs longer than a healthy one.
    monkeypatch.setattr(health, "LIMIT_SECONDS", 60.0)
    yield
    Storage._found.clear()


def asked(**options: Any) -> tuple[int, dict[str, str]]:
    """Ask as a load balancer does, and give status and answer."""
    view = HealthCheckView.as_view(checks=[("holdall.health.Storage", options)])
    response = asyncio.run(view(RequestFactory().get("/health/", headers={"accept": "application/json"})))
    return response.status_code, json.loads(response.content)


@on_one_server
def test_store_that_answers_is_healthy(provider: Provider, bucket: str, settings: Any) -> None:
    settings.STORAGES = holdall.from_env(provider.environ(bucket))
    status, answer = asked()
    assert (status, list(answer.values())) == (200, ["OK"])


@on_one_server
def test_many_probes_cost_one_head(provider: Provider, bucket: str, settings: Any) -> None:
    with FaultProxy(provider.endpoint_url) as proxy:
        settings.STORAGES = holdall.from_env(provider.environ(bucket, AWS_S3_ENDPOINT_URL=proxy.url))
        assert {asked()[0] for _ in range(5)} == {200}
        assert [request.method for request in proxy.exchanges] == ["HEAD"]
        assert asked(interval=timedelta(0))[0] == 200
        assert len(proxy.exchanges) == 2


@on_one_server
def test_missing_bucket_is_unhealthy(provider: Provider, settings: Any) -> None:
    settings.STORAGES = holdall.from_env(provider.environ("no-such-bucket-here"))
    status, answer = asked()
    assert status == 500
    assert "no-such-bucket-here" in str(answer)
    assert provider.keys.secret_key not in str(answer)


@on_one_server
def test_store_that_does_not_answer_is_unhealthy(provider: Provider, bucket: str, settings: Any) -> None:
    environ = provider.environ(bucket, AWS_S3_ENDPOINT_URL=f"http://127.0.0.1:{free_port()}")
    settings.STORAGES = holdall.from_env(environ)
    assert asked()[0] == 500


@on_one_server
def test_named_file_is_asked_for(provider: Provider, bucket: str, location: str, settings: Any) -> None:
    settings.STORAGES = holdall.from_env(provider.environ(bucket, location=location))
    assert asked(name="always-there.txt")[0] == 500
    Storage._found.clear()
    storages["default"].save("always-there.txt", ContentFile(b"here"))
    assert asked(name="always-there.txt")[0] == 200


def test_unknown_alias_is_unhealthy(settings: Any) -> None:
    status, answer = asked(alias="nowhere")
    assert status == 500
    assert "nowhere" in str(answer)


def test_storage_of_another_class_is_asked_too(settings: Any, tmp_path: Any) -> None:
    settings.STORAGES = {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path)},
        }
    }
    assert asked()[0] == 200
    settings.STORAGES = {"default": {"BACKEND": "tests.contract.test_health.Broken"}}
    assert asked(interval=timedelta(0)) == (500, {"Storage(alias='default')": "Unavailable: ZeroDivisionError"})


class Broken:
    """A storage that raises what is none of ours, with something that nobody should see."""

    def exists(self, name: str) -> bool:
        raise ZeroDivisionError("the secret is hunter2")


def test_store_that_hangs_is_unhealthy_in_time_and_is_asked_once(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, asks = threading.Event(), []

    class Hanging:
        def exists(self, name: str) -> bool:
            asks.append(name)
            return not release.wait(60)

    monkeypatch.setattr(health, "LIMIT_SECONDS", 0.2)
    monkeypatch.setattr(health, "storages", {"default": Hanging()})
    for _ in range(3):
        status, answer = asked()
        assert status == 500
        assert "has not answered for" in str(answer)
    assert len(asks) == 1
    assert [one.name for one in threading.enumerate()].count("holdall-health") == 1
    release.set()
    until = time.monotonic() + 30
    while Storage._asking and time.monotonic() < until:
        time.sleep(0.01)
    assert asked()[0] == 200
    assert len(asks) == 1


@on_one_server
def test_store_that_cannot_be_asked_is_unhealthy_and_asked_again(
    provider: Provider, bucket: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STORAGES = holdall.from_env(provider.environ(bucket))

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        check = Storage(interval=timedelta(0))
        with pytest.raises(health.ServiceUnavailable, match="no thread could be started"):
            check.run()

    check.run()
