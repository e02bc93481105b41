"""The servers of the tests end with whoever started them, and have no back doors."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError

from tests.providers import Keys, Provider, fetch
from tests.servers import processes

ROOT = Path(__file__).parent.parent.parent


def answers(url: str) -> bool:
    try:
        return fetch(url).status > 0
    except OSError:
        return False


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
@pytest.mark.parametrize("name", ["seaweedfs-http", "ministack"])
def test_server_ends_with_whoever_started_it(name: str, how: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.servers", name]
    with processes.start(
        command,
        cwd=ROOT,
        # After a kill its files stay.
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        said = ""
        while "until Ctrl-C" not in said and (line := process.stdout.readline()):
            said += line
        endpoint = re.search(r"AWS_S3_ENDPOINT_URL=(\S+)", said)
        assert endpoint is not None, said
        assert answers(endpoint[1] + "/")
        process.send_signal(how)
        process.wait(timeout=20)

    deadline = time.monotonic() + 20
    while answers(endpoint[1] + "/") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not answers(endpoint[1] + "/")


@pytest.fixture
def ministack(start_provider: Callable[[str], Provider]) -> Provider:
    return start_provider("ministack")


@pytest.mark.parametrize("access_key", ["test", "123456789012"])
def test_ministack_has_no_master_key(ministack: Provider, access_key: str) -> None:
    client = ministack.client_for(Keys(access_key, "anything"))

    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        client.list_buckets()


@pytest.mark.parametrize("path", ["/_ministack/reset", "/_MiniStack/reset", "/_localstack/health", "/_aws/x"])
def test_ministack_can_not_be_reset_by_a_web_page(ministack: Provider, path: str) -> None:
    request = urllib.request.Request(ministack.endpoint_url + path, data=b"{}", method="POST")

    with pytest.raises(HTTPError, match="403") as caught:
        urllib.request.urlopen(request, timeout=10)
    caught.value.close()
