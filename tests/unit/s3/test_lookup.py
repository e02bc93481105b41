"""A name is looked up without waiting longer than one wants to, and by one thread however many ask."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from holdall.s3 import lookup

FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]


def test_name_that_hangs_is_given_up_and_hangs_one_thread_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    release, asked = threading.Event(), []

    def hang(host: str, port: int) -> Any:
        asked.append(host)
        release.wait(60)
        return FOUND

    monkeypatch.setattr(lookup, "ask", hang)

    def ask(_: int) -> str:
        with pytest.raises(TimeoutError, match=r"media\.example\.com"):
            lookup.addresses("media.example.com", 443, 0.2)
        return "given up"

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(24))) == {"given up"}
    assert asked == ["media.example.com"]
    assert [one.name for one in threading.enumerate()].count("holdall-lookup") == 1
    release.set()
    assert lookup.addresses("media.example.com", 443, 30) == FOUND


def test_name_that_is_unknown_is_the_resolvers_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(host: str, port: int) -> Any:
        raise socket.gaierror("unknown")

    monkeypatch.setattr(lookup, "ask", refuse)
    for _ in range(2):
        with pytest.raises(socket.gaierror, match="unknown"):
            lookup.addresses("media.example.com", 443, 30)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_address_needs_no_thread(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setattr(lookup, "ask", lambda host, port: threading.current_thread().name)
    assert lookup.addresses(host, 443, 1) == threading.current_thread().name
