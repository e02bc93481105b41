"""What a command says of a failure, and what the log says of it."""

from __future__ import annotations

import argparse
import io
import logging
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdall import cli
from holdall.cli.once import failures_told_once
from holdall.s3.circuit import Circuit

log = logging.getLogger("holdall")
Configure = Callable[..., None]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    """Give the log these handlers and no others. Called by the test itself: before, pytest adds its own."""
    given: list[logging.Handler] = []

    def use(*handlers: logging.Handler) -> None:
        given.extend(handlers)
        monkeypatch.setattr(log, "handlers", list(handlers))
        monkeypatch.setattr(log, "propagate", False)

    yield use
    for handler in given:
        handler.close()


def fail(text: str = "Listing failed.") -> None:
    Circuit().failed(None, OSError(text), began=0.0, waited=0.0, waits_at_most=10.0)


def usage() -> int:
    """Run `holdall usage` of a store that nobody answers for."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environ = {
        "STORAGE_BUCKET_NAME": "acme-media",
        "AWS_S3_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_S3_REGION_NAME": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "STORAGE_TIMEOUT": "1s",
    }
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    return cli.run(parser.parse_args(["usage"]), out=io.StringIO(), err=sys.stderr, environ=environ)


@pytest.mark.parametrize("to_stderr", [False, True], ids=["no-handler", "handler-on-stderr"])
def test_command_tells_once_that_a_store_is_down(
    to_stderr: bool, configure: Configure, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "site.log"
    configure(*((logging.StreamHandler(), logging.FileHandler(file)) if to_stderr else ()))
    assert usage() == 1
    assert capsys.readouterr().err.count("Listing failed") == 1
    if to_stderr:
        assert file.read_text().count("Listing failed") == 1


def test_failure_that_the_command_did_not_tell_is_logged_at_its_end(
    configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    configure()
    with failures_told_once():
        fail()
        log.warning("Something else.")
        assert capsys.readouterr().err == "Something else.\n"
    assert capsys.readouterr().err == "Listing failed. Further failures are not logged until it answers again.\n"


def test_each_handler_says_it_once_and_as_it_is_configured(
    configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, quiet = (logging.StreamHandler() for _ in range(3))
    first.setFormatter(logging.Formatter("site: %(message)s"))
    quiet.setLevel(logging.CRITICAL)
    configure(first, second, quiet)
    with failures_told_once():
        fail()
    assert [line.partition(" ")[0] for line in capsys.readouterr().err.splitlines()] == ["site:", "Listing"]
    with failures_told_once() as once:
        fail()
        once.is_told = True
    assert capsys.readouterr().err == ""
    fail()
    assert capsys.readouterr().err.count("Listing failed.") == 2
