"""Uploads that nobody made a file of are found and taken away, and nothing else is."""

from __future__ import annotations

import argparse
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.files.base import ContentFile

from holdall import cli
from holdall.s3.staging import left_behind
from holdall.uploads.stores import staging_of
from tests.contract import only
from tests.uploads.conftest import Browser

pytestmark = only("seaweedfs-http", "ceph-http")


def sweep(*arguments: str) -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    out = io.StringIO()
    code = cli.run(parser.parse_args(["uploads", "sweep", *arguments]), out=out, err=out, in_project=True)
    return code, out.getvalue()


def test_sweep_takes_what_was_left_behind(browser: Browser, site: Any, settings: Any) -> None:
    settings.HOLDALL_UPLOADS = {"PARTS_FROM": 100}
    kept = site.save("kept.txt", ContentFile(b"kept"))
    token = browser.token()
    ticket = browser.upload(token, b"waiting")
    browser.begin(token, b"x" * 200)
    # What is younger stays.
    code, said = sweep("--json", "--yes")
    assert (code, json.loads(said)) == (0, {"version": 1, "swept": False, "uploads": []})

    code, said = sweep("--json", "--plan", "--older-than", "0s")
    planned = json.loads(said)
    assert code == 0
    assert (planned["swept"], [one["unfinished"] for one in planned["uploads"]]) == (False, [False, True])
    assert browser.submit(title="x", letter=ticket)[0] == 200

    assert sweep("--yes", "--older-than", "0s") == (0, sweep_text(planned))
    assert list(staging_of(site).waiting()) == []
    assert site.exists(kept)
    assert browser.submit(title="x", letter=ticket)[1]["errors"]["letter"][0]["code"] == "gone"


def sweep_text(planned: dict[str, Any]) -> str:
    lines = [
        f"- {one['key']}{' (unfinished)' if one['unfinished'] else ''}  "
        f"{datetime.fromisoformat(one['since']):%Y-%m-%d %H:%M}\n"
        for one in planned["uploads"]
    ]
    return "".join([*lines, "Left behind: 2 uploads (7 bytes), 1 of them unfinished.\n", "Done: 2 uploads deleted.\n"])


def test_age_is_that_of_the_object(browser: Browser, site: Any) -> None:
    browser.upload(browser.token(), b"waiting")
    found = list(staging_of(site).waiting())
    assert abs(found[0].since - datetime.now(UTC)) < timedelta(minutes=5)
    assert list(left_behind(found, seconds=3600)) == []
    assert list(left_behind(found, seconds=0)) == found


def test_saved_upload_leaves_no_bytes(browser: Browser, site: Any, rows: None) -> None:
    ticket = browser.upload(browser.token("/letter", "file"), b"saved")
    assert browser.submit("/letter", title="x", file=ticket)[0] == 200
    # The note that it was used stays, so that it is not used again.
    assert [(one.key.rpartition("/")[2], one.size_bytes) for one in staging_of(site).waiting()] == [("spent", 0)]
