"""Wagtail's private collections, in a real site of Wagtail on a real store, set up by the how-to."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
import urllib.parse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.contract import only
from tests.docs.pages import ROOT
from tests.providers import Provider
from tests.servers import processes

pytestmark = [
    only("seaweedfs-http"),
    pytest.mark.skipif(importlib.util.find_spec("wagtail") is None, reason="Wagtail is not installed here"),
]
LIFETIME_SECONDS = 600


def ends_at(url: str) -> float:
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
    signed = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return signed.timestamp() + int(query["X-Amz-Expires"])


def test_private_collection_is_refused_at_once_and_old_links_end(
    provider: Provider, bucket: str, location: str
) -> None:
    done = processes.complete(
        [sys.executable, str(Path(__file__).with_name("wagtail_site.py"))],
        cwd=ROOT,
        env={
            **os.environ,
            **provider.environ(bucket, location=location, STORAGE_URL_LIFETIME=f"{LIFETIME_SECONDS}s"),
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    found: dict[str, Any] = json.loads(done.stdout)

    # Public: everybody gets a link that works.
    for status, link, cache_control in found["open"].values():
        assert status == 302
        assert provider.fetch(link).status == 200
        assert cache_control.startswith("private, max-age=")
    document = provider.fetch(found["open"]["stranger document"][1])
    assert document.body == b"the paper"
    assert urllib.parse.unquote(document.headers["content-disposition"]).endswith("UTF-8''Rechnung_Nº_7.docx")
    status, link, _ = found["head"]
    assert (status, provider.fetch(link, method="HEAD").status) == (302, 200)
    # What is shown and kept of an image is a permalink.
    assert found["rendition"].startswith("/pictures/images/")
    assert "?" not in found["rendition"]
    assert 'src="/pictures/images/' in found["text"]
    assert "X-Amz" not in found["text"]
    assert found["not a rendition"] == [404, 404, 404, 404]

    # Private: strangers are refused from the next request on.
    assert found["login"]["stranger document"][:2] == [302, found["login"]["stranger document"][1]]
    assert found["login"]["stranger document"][1].startswith("/login/")
    assert found["login"]["stranger image"][0] == 403
    assert {found["login"][f"member {what}"][0] for what in ("document", "image")} == {302}
    assert found["password"]["member document"][0] == 200  # the form that asks for it
    assert found["password"]["member image"][0] == 403
    for status, link, _ in found["password given"].values():
        assert (status, provider.fetch(link).status) == (302, 200)
    # A link from before ends within the stated time, and the store keeps to it.
    for what in ("document", "image"):
        assert ends_at(found["open"][f"stranger {what}"][1]) <= time.time() + 1.5 * LIFETIME_SECONDS

    assert found["checks"] == []
    assert found["checks without"] == ["holdall.D068"]
