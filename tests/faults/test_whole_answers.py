"""An answer that begins with 200 and is not whole, or not S3's, is an error: nothing is believed that it does not say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile

from holdall.errors import HoldallError, StoreFailed, StoreUnreachable
from tests.contract import only
from tests.faults.conftest import PART_BYTES, Connect
from tests.servers import fault_proxy as wire
from tests.servers.fault_proxy import Answer, Fault, Request, Rule

pytestmark = only("seaweedfs-http")
NAME = "folder/file.bin"
SMALL = bytes(range(256)) * 10
LARGE = bytes(range(256)) * ((PART_BYTES + 70_000) // 256)
ALWAYS = 1_000
both_lanes = pytest.mark.parametrize("fast", [True, False], ids=["fast lane", "SDK"])
# Instead of doing what was asked.
INSTEAD = [wire.answers_a_page, wire.answers_nothing]
instead = pytest.mark.parametrize("fault", INSTEAD, ids=lambda fault: fault.__name__)


@both_lanes
@instead
@pytest.mark.parametrize(
    ("content", "operation"),
    [
        (SMALL, "PutObject"),
        (LARGE, "PutObject"),
        (LARGE, "CreateMultipartUpload"),
        (LARGE, "UploadPart"),
        (LARGE, "CompleteMultipartUpload"),
    ],
    ids=["PutObject", "reservation", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"],
)
def test_save_believes_no_answer_that_is_not_the_stores(
    connect: Connect, content: bytes, operation: str, fault: Fault, fast: bool
) -> None:
    line = connect(Rule(operation, fault, times=ALWAYS), fast_lane=fast)

    with pytest.raises((StoreUnreachable, StoreFailed), match=r"folder/file\.bin"):
        line.storage.save(NAME, ContentFile(content))

    assert line.names == []
    assert line.unfinished == []


@instead
def test_copy_believes_no_answer_that_is_not_the_stores(connect: Connect, fault: Fault) -> None:
    line = connect(Rule("CopyObject", fault, times=ALWAYS))
    line.put("old.bin", SMALL)

    with (
        line.storage.open("old.bin") as file,
        pytest.raises((StoreUnreachable, StoreFailed), match=r"folder/file\.bin"),
    ):
        line.storage.save(NAME, file)

    assert line.names == ["old.bin"]


def read(storage: Any) -> Any:
    with storage.open("old.bin") as file:
        return file.read()


@both_lanes
@pytest.mark.parametrize(
    ("use", "operation"),
    [
        (lambda storage: storage.listdir(""), "ListObjects"),
        (lambda storage: storage.delete("old.bin"), "DeleteObject"),
        (lambda storage: storage.delete_many(["old.bin", "other.bin"]), "DeleteObjects"),
    ],
    ids=["listdir", "delete", "delete_many"],
)
@instead
def test_use_believes_no_answer_that_is_not_the_stores(
    connect: Connect, use: Callable[[Any], object], operation: str, fault: Fault, fast: bool
) -> None:
    line = connect(Rule(operation, fault, times=ALWAYS), fast_lane=fast)
    line.put("old.bin", SMALL)

    with pytest.raises(HoldallError):
        use(line.storage)

    assert line.names == ["old.bin"]


@both_lanes
@pytest.mark.parametrize("use", [read, lambda storage: storage.exists("old.bin")], ids=["read", "exists"])
def test_answer_about_an_object_without_an_etag_is_not_the_stores(
    connect: Connect, use: Callable[[Any], object], fast: bool
) -> None:
    def page(request: Request) -> Answer:
        return Answer(200, (("Content-Type", "text/html"),), b"<title>Welcome</title>", request.method == "HEAD")

    rules = [Rule(operation, wire.answers(page), times=ALWAYS) for operation in ("GetObject", "HeadObject")]
    line = connect(*rules, fast_lane=fast)

    with pytest.raises(StoreUnreachable, match="not S3's"):
        use(line.storage)


def test_deletion_that_the_store_says_nothing_of_is_no_deletion(connect: Connect) -> None:
    def half(request: Request) -> Answer:
        body = b"<DeleteResult><Deleted><Key>%s</Key></Deleted></DeleteResult>" % line.location.encode()
        return Answer(200, (("Content-Type", "application/xml"),), body)

    line = connect(Rule("DeleteObjects", wire.answers(half)))
    line.put("a.bin", SMALL)

    with pytest.raises(StoreUnreachable, match="says nothing of 1 of the objects"):
        line.storage.delete_many(["a.bin"])  # type: ignore[attr-defined]  # of Holdall's storages alone
    assert line.names == ["a.bin"]
