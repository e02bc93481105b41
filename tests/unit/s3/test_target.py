"""What decides how a store is spoken to: how long is waited, and how often a request is sent."""

from __future__ import annotations

import pytest

from holdall.providers import AMAZON
from holdall.s3.target import ATTEMPTS, Target
from holdall.storage import MediaStorage

TARGET = Target(provider=AMAZON, bucket_name="media", region_name="eu-west-1", timeout_seconds=3)


@pytest.mark.parametrize(
    ("said", "attempts"), [("1", 1), (" 7 ", 7), ("0", ATTEMPTS), ("many", ATTEMPTS), ("", ATTEMPTS)]
)
def test_attempts_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch, said: str, attempts: int) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", said)
    assert TARGET.attempts == attempts
    assert TARGET.config().retries == {"mode": "standard", "total_max_attempts": attempts}


@pytest.mark.parametrize(("said", "mode"), [("adaptive", "adaptive"), ("standard", "standard"), ("legacy", "standard")])
def test_adaptive_retries_are_left_to_the_sdk(monkeypatch: pytest.MonkeyPatch, said: str, mode: str) -> None:
    monkeypatch.setenv("AWS_RETRY_MODE", said)
    assert TARGET.config().retries["mode"] == mode
    storage = MediaStorage(bucket_name=f"media-{said}", region_name="eu-west-1", access_key="KEY", secret_key="s" * 40)
    assert (storage.store._fast_lane() is None) == (mode == "adaptive")


def test_sdk_waits_no_longer_than_an_operation_may() -> None:
    config = TARGET.config()
    assert config.connect_timeout == config.read_timeout == 3
