"""A file that is longer than one request copies is saved by the store's own copies all the same, of what was looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.core.files.base import ContentFile

from holdall.errors import ObjectChanged
from holdall.s3 import ranges
from holdall.s3.connection import Connection
from holdall.uploads import tickets
from holdall.uploads.files import open_staged
from tests.contract import only
from tests.providers import Provider
from tests.uploads.attacks import attack
from tests.uploads.conftest import Browser

# S3 takes no shorter part but the last, when an upload is completed.
WHOLE_RANGE = 5 * 1024**2
RANGE = 1024**2


def content_of(monkeypatch: pytest.MonkeyPatch, range_bytes: int, count: int) -> bytes:
    """Let that be a long file which has so many ranges of this length and a little more, and give one."""
    monkeypatch.setattr(ranges, "MAX_COPY_BYTES", range_bytes)
    monkeypatch.setattr(ranges, "RANGE_BYTES", range_bytes)
    return bytes(range(256)) * (count * range_bytes // 256) + b"the end"


@contextmanager
def hearing(before: Callable[[str, int], None] = lambda _operation, _count: None) -> Iterator[list[str]]:
    """Note what is sent, and do something before each request: it is told the operation, and how often it was sent."""
    sent: list[str] = []
    call = Connection.call

    def noted(self: Any, operation: str, **given: Any) -> Any:
        sent.append(operation)
        before(operation, sent.count(operation))
        return call(self, operation, **given)

    with mock.patch.object(Connection, "call", noted):
        yield sent


def uploads_of(provider: Provider, bucket: str, site: Any) -> list[Any]:
    # Other tests have uploads in the same bucket.
    found = provider.client.list_multipart_uploads(Bucket=bucket, Prefix=site._prefix(""))
    return [one for one in found.get("Uploads", ()) if one["Key"].startswith(site._prefix(""))]


@only("seaweedfs-http", "ceph-http")
def test_long_upload_is_copied_by_the_store(
    browser: Browser, site: Any, provider: Provider, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = content_of(monkeypatch, WHOLE_RANGE, 1)
    monkeypatch.setattr(ranges, "_SETTLED_SECONDS", 0)
    short = site.save("short.pdf", open_staged(browser.upload(browser.token(field="many"), b"short", name="a.pdf")))
    file = open_staged(browser.upload(browser.token(field="many"), content, name="long.pdf"))
    with hearing() as sent:
        name = site.save("long.pdf", file)
    # No byte of it was read, but the first block when it was opened.
    assert sent.count("upload_part_copy") == 2
    assert not {"get_object", "upload_part"} & set(sent)
    with site.open(name) as saved:
        assert saved.read() == content
    heads = [provider.client.head_object(Bucket=bucket, Key=site._key(one)) for one in (short, name)]
    first, second = (
        {key: head.get(key) for key in ("ContentType", "ContentDisposition", "CacheControl")} for head in heads
    )
    assert first == second
    assert heads[0]["Metadata"].keys() == heads[1]["Metadata"].keys()
    assert uploads_of(provider, bucket, site) == []


@attack(
    "swapped after the check",
    "replace a file of more than 5 GiB while the store copies it, and put it back before the end",
    refused_by="store or server",
)
@pytest.mark.parametrize("puts_back", [False, True], ids=["swapped", "put back"])
def test_long_content_is_not_swapped_while_it_is_copied(
    browser: Browser, site: Any, provider: Provider, bucket: str, monkeypatch: pytest.MonkeyPatch, puts_back: bool
) -> None:
    content = content_of(monkeypatch, RANGE, 2)
    if not puts_back:
        # The ETag tells, whenever it was written.
        monkeypatch.setattr(ranges, "_SETTLED_SECONDS", 0)
    ticket = browser.upload(browser.token(field="many"), content, name="long.bin", kind="")
    key = f"{site._prefix('')}{tickets.read_accepted(ticket).key}"
    file = open_staged(ticket)
    site.save("long.bin", ContentFile(b"old"))
    site.file_overwrite = True

    def swap(operation: str, count: int) -> None:
        if (operation, count) == ("upload_part_copy", 2):
            provider.client.put_object(Bucket=bucket, Key=key, Body=content[::-1])
        if (operation, count) == ("upload_part_copy", 3) and puts_back:
            provider.client.put_object(Bucket=bucket, Key=key, Body=content)

    # One after another, so that the swap is in the middle.
    site.transfer_config.use_threads = False
    with hearing(swap), pytest.raises(ObjectChanged):
        site.save("long.bin", file)
    with site.open("long.bin") as kept:
        assert kept.read() == b"old"
    assert uploads_of(provider, bucket, site) == []


# -- what is copied together


def test_ranges_are_all_of_it_and_no_more_than_s3_takes() -> None:
    length = ranges.RANGE_BYTES
    for size in (1, length, length + 1, 3 * length - 1):
        spans = ranges.ranges(size)
        assert sum(map(ranges.bytes_of, spans)) == size
    assert ranges.ranges(length + 1) == [f"bytes=0-{length - 1}", f"bytes={length}-{length}"]
    assert len(ranges.ranges(50 * 1024**4)) <= ranges.MAX_PARTS


def source(*looks: Any, size: int = 7) -> ranges.Source:
    answers = iter(looks)
    return ranges.Source(bucket_name="b", key="k", etag='"e"', size_bytes=size, look=lambda: next(answers))


def seen(written: int, asked: int, etag: str = '"e"') -> dict[str, Any]:
    """What a store says of an object that was written in one second of a minute, and asked for in another."""
    date = f"Thu, 26 Nov 2026 07:00:{asked:02} GMT"
    return {
        "ETag": etag,
        "ContentLength": 7,
        "LastModified": datetime(2026, 11, 26, 7, tzinfo=UTC) + timedelta(seconds=written),
        "ResponseMetadata": {"HTTPHeaders": {"date": date}},
    }


@pytest.mark.parametrize("after", [seen(0, 9, '"other"'), seen(8, 9), seen(0, 9) | {"ContentLength": 8}])
def test_what_changes_meanwhile_is_no_copy(after: Any) -> None:
    with pytest.raises(ObjectChanged), ranges.unchanged(source(seen(0, 5), after), name="a", holds=False):
        pass


def test_object_is_left_alone_until_a_change_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(ranges.time, "sleep", waited.append)
    with ranges.unchanged(source(seen(5, 5), seen(5, 6), seen(5, 7), seen(5, 9)), name="a", holds=False):
        assert waited == [1, 1]
    # Where the store compares, nothing need be waited for.
    with ranges.unchanged(source(seen(5, 5), seen(5, 5)), name="a", holds=True):
        assert waited == [1, 1]
