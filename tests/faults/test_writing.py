"""A write through a failing network gives the whole file or a clear error, and nothing else is left in the store."""

from __future__ import annotations

import base64
import hashlib
import io
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage

from holdall.errors import HoldallError, NameTaken, StoreFailed, StoreUnreachable
from holdall.s3 import circuit, comparison, fastlane, multipart, putting
from holdall.storage import draft
from tests.contract import only
from tests.contract.test_round_trips import Unseekable
from tests.faults.conftest import MIB, PART_BYTES, PATIENCE_SECONDS, Connect, Line
from tests.servers import fault_proxy as wire
from tests.servers.fault_proxy import Fault, Request, Rule

NAME = "folder/file.bin"
SMALL = random.Random(1).randbytes(3_000)
LARGE = random.Random(2).randbytes(PART_BYTES + 70_000)
ALWAYS = 1_000
# Four attempts, a question and the clean-up; each may wait for as long as it is patient.
SECONDS = 20


def save_small(storage: Storage) -> bytes:
    assert storage.save(NAME, ContentFile(SMALL)) == NAME
    return SMALL


def save_in_parts(storage: Storage) -> bytes:
    assert storage.save(NAME, ContentFile(LARGE)) == NAME
    return LARGE


def write_small(storage: Storage, mode: str = "xb") -> bytes:
    with storage.open(NAME, mode) as file:
        file.write(SMALL)
    return SMALL


def write_in_parts(storage: Storage, mode: str = "xb") -> bytes:
    # As a file that has outgrown its memory is sent: while it is written.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draft, "HELD_BYTES", PART_BYTES)
        with storage.open(NAME, mode) as file:
            for start in range(0, len(LARGE), MIB):
                file.write(LARGE[start : start + MIB])
    return LARGE


def rewrite_small(storage: Storage) -> bytes:
    return write_small(storage, "wb")


def rewrite_in_parts(storage: Storage) -> bytes:
    return write_in_parts(storage, "wb")


PUT, CREATE, PART, COMPLETE = "PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"
Write = Callable[[Storage], bytes]
REQUESTS: list[tuple[Write, str]] = [
    (save_small, PUT),
    (save_in_parts, PUT),
    (save_in_parts, CREATE),
    (save_in_parts, PART),
    (save_in_parts, COMPLETE),
    (write_small, PUT),
    (write_in_parts, PUT),
    (write_in_parts, CREATE),
    (write_in_parts, PART),
    (write_in_parts, COMPLETE),
]
FAULTS = [
    wire.resets_before,
    wire.resets_after,
    wire.stalls_before,
    wire.stalls_after,
    wire.answers_500_before,
    wire.answers_500_after,
    wire.answers_503_before,
    wire.answers_503_after,
    wire.duplicates,
    wire.is_overtaken,
    wire.cuts_request(1_000),
    wire.cuts_answer(10),
]
# An answer whose length no header tells, so that its end is no sign of anything.
ENDS = [wire.cuts_answer(0, framed=False), wire.cuts_answer(70, framed=False)]
# What a stream sends is what a save sends, so that fewer faults tell whether it is written as carefully.
FAULTS_OF_STREAMS = [wire.resets_after, wire.answers_500_before, wire.cuts_request(1_000)]
AGAIN_AND_AGAIN = [wire.resets_before, wire.resets_after, wire.answers_500_after, wire.answers_503_before]


def by_name(what: Callable[..., object]) -> str:
    return what.__name__


def attempt(line: Line, write: Write) -> HoldallError | None:
    """Write, and hold the store to what the caller was told."""
    started = time.monotonic()
    failure = None
    expected: dict[str, bytes] = {}
    try:
        expected[NAME] = write(line.storage)
    except HoldallError as error:
        failure = error
    assert time.monotonic() - started < SECONDS
    assert line.names == list(expected), failure
    assert all(line.stored(name) == content for name, content in expected.items())
    assert line.unfinished == []
    assert line.proxy.faults > 0
    return failure


@only("seaweedfs-http")
@pytest.mark.parametrize("operation", [PUT, CREATE, PART, COMPLETE])
@pytest.mark.parametrize("fault", ENDS, ids=["nothing", "half"])
def test_write_whose_answer_seems_to_be_whole_is_whole_or_leaves_nothing(
    connect: Connect, operation: str, fault: Fault
) -> None:
    line = connect(Rule(operation, fault))

    failure = attempt(line, save_in_parts)

    # Half an answer is asked for again. Nothing at all passes for an answer with the SDK; which upload was begun cannot
    # be learned afterwards.
    assert isinstance(failure, StoreUnreachable) == (operation == CREATE and fault is ENDS[0])


def cases(of_saves: list[Fault], of_streams: list[Fault]) -> pytest.MarkDecorator:
    found = [
        pytest.param(write, operation, fault, id=f"{write.__name__}-{operation}-{fault.__name__}")
        for write, operation in REQUESTS
        for fault in (of_saves if write in {save_small, save_in_parts} else of_streams)
    ]
    return pytest.mark.parametrize(("write", "operation", "fault"), found)


@only("seaweedfs-http")
@cases(FAULTS, FAULTS_OF_STREAMS)
def test_write_survives_one_fault(connect: Connect, write: Write, operation: str, fault: Fault) -> None:
    line = connect(Rule(operation, fault))

    assert attempt(line, write) is None


@only("seaweedfs-http")
@cases(AGAIN_AND_AGAIN, [wire.resets_after])
def test_write_that_fails_again_and_again_is_whole_or_leaves_nothing(
    connect: Connect, write: Write, operation: str, fault: Fault
) -> None:
    line = connect(Rule(operation, fault, times=ALWAYS))

    failure = attempt(line, write)

    learned = fault not in {wire.resets_before, wire.answers_503_before} and operation in {PUT, COMPLETE}
    if learned:
        # The store had it all the time, and is asked in the end.
        assert failure is None
    else:
        assert isinstance(failure, (StoreUnreachable, StoreFailed))
        assert "folder/file.bin" in str(failure)


# Amazon's semantics, Ceph's, and the embedded server's; what is lost is what the server did.
@pytest.mark.parametrize(
    ("provider", "kind"),
    [("ministack", "amazon"), ("ceph-http", "spaces")],
    indirect=["provider"],
    scope="session",
)
@pytest.mark.parametrize(
    ("write", "operation"),
    [(save_small, PUT), (save_in_parts, CREATE), (save_in_parts, COMPLETE), (write_in_parts, PUT)],
    ids=["save-PutObject", "save-CreateMultipartUpload", "save-CompleteMultipartUpload", "write-PutObject"],
)
@pytest.mark.parametrize("fault", [wire.resets_after, wire.duplicates], ids=by_name)
def test_write_survives_a_lost_answer_everywhere(
    connect: Connect, kind: str, write: Write, operation: str, fault: Fault
) -> None:
    line = connect(Rule(operation, fault), kind=kind)
    expected = write(line.storage)

    assert line.names == [NAME]
    assert line.stored(NAME) == expected
    if kind == "amazon" and write is save_in_parts and operation == CREATE and fault is not wire.duplicates:
        # Nobody reserved the name there, so the upload could be another writer's, and is let alone; it has no parts.
        assert len(line.unfinished) == 1
    else:
        assert line.unfinished == []


@pytest.mark.parametrize("provider", ["ministack"], indirect=True, scope="session")
@pytest.mark.parametrize("fault", [wire.resets_after, wire.answers_500_after], ids=by_name)
def test_completion_that_is_never_answered_is_learned_of_on_amazon(connect: Connect, fault: Fault) -> None:
    line = connect(Rule(COMPLETE, fault, times=ALWAYS), kind="amazon")

    assert attempt(line, save_in_parts) is None


@only("seaweedfs-http")
@pytest.mark.parametrize("operation", ["AbortMultipartUpload", "DeleteObject", "HeadObject", "ListMultipartUploads"])
@pytest.mark.parametrize(
    "fault",
    [wire.resets_before, wire.resets_after, wire.answers_500_after, wire.duplicates, wire.is_overtaken],
    ids=by_name,
)
def test_clean_up_survives_a_fault_of_its_own(connect: Connect, operation: str, fault: Fault) -> None:
    # What makes it necessary: an upload that was begun twice, and whose parts never arrive.
    line = connect(
        Rule(CREATE, wire.resets_after), Rule(PART, wire.resets_before, times=ALWAYS), Rule(operation, fault)
    )

    assert isinstance(attempt(line, save_in_parts), StoreUnreachable)
    assert operation in line.proxy.operations


@only("seaweedfs-http")
def test_clean_up_is_not_tried_step_by_step_when_the_store_is_gone(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    gone = [
        Rule(operation, wire.resets_before, times=ALWAYS)
        for operation in (PART, "AbortMultipartUpload", "DeleteObject", "HeadObject")
    ]
    line = connect(*gone)

    with pytest.raises(StoreUnreachable):
        line.storage.save(NAME, ContentFile(LARGE))

    assert "HeadObject" not in line.proxy.operations
    assert "could not be cleaned up" in caplog.text
    assert NAME in caplog.text


@only("seaweedfs-http")
def test_save_that_was_never_sent_does_not_ask_what_became_of_it(connect: Connect, connects: list[Any]) -> None:
    line = connect()
    line.storage.exists(NAME)
    line.proxy.__exit__(None, None, None)
    connects.clear()

    with pytest.raises(StoreUnreachable) as caught:
        line.storage.save(NAME, ContentFile(SMALL))

    assert not caught.value.outcome_unknown
    # Once and three retries; a question would come after these.
    assert 1 <= len(connects) <= 4


@only("seaweedfs-http")
@pytest.mark.parametrize("write", [save_small, save_in_parts], ids=by_name)
@pytest.mark.parametrize("fault", [wire.resets_after, wire.duplicates], ids=by_name)
def test_taken_name_is_never_mistaken_for_ones_own(connect: Connect, write: Write, fault: Fault) -> None:
    line = connect(Rule(PUT, fault))
    line.put(NAME, b"another writer's")

    saved = line.storage.save(NAME, ContentFile(SMALL if write is save_small else LARGE))

    assert saved != NAME
    assert line.stored(NAME) == b"another writer's"
    assert line.stored(saved) == (SMALL if write is save_small else LARGE)
    assert sorted(line.names) == sorted([NAME, saved])


@only("seaweedfs-http")
@pytest.mark.parametrize("write", [write_small, write_in_parts], ids=by_name)
def test_stream_to_a_taken_name_is_refused_also_when_the_answer_is_lost(connect: Connect, write: Write) -> None:
    line = connect(Rule(PUT, wire.resets_after))
    line.put(NAME, b"another writer's")

    with pytest.raises(NameTaken):
        write(line.storage)

    assert line.names == [NAME]
    assert line.stored(NAME) == b"another writer's"
    assert line.unfinished == []


@only("seaweedfs-http")
@pytest.mark.parametrize("fault", FAULTS, ids=by_name)
def test_probe_for_conditional_writes_survives_a_fault(connect: Connect, fault: Fault) -> None:
    # A provider of which nothing is known is probed beside the first file.
    line = connect(Rule(PUT, fault), kind="generic")

    assert attempt(line, save_small) is None


# Each server, taken for a provider that checks parts as it does, and for one of which nothing is known.
KINDS = [
    ("seaweedfs-http", "seaweedfs"),
    ("seaweedfs-http", "generic"),
    ("ministack", "seaweedfs"),
    ("ministack", "generic"),
    ("ceph-http", "spaces"),
    ("ceph-http", "generic"),
]


@pytest.mark.parametrize(("provider", "kind"), KINDS, indirect=["provider"], scope="session")
@pytest.mark.parametrize(("write", "operation"), [(save_small, PUT), (save_in_parts, PART)], ids=[PUT, PART])
@pytest.mark.parametrize("fast", [True, False], ids=["fast lane", "SDK"])
def test_bytes_that_were_changed_on_the_way_are_not_stored(
    connect: Connect, kind: str, write: Write, operation: str, fast: bool
) -> None:
    line = connect(Rule(operation, wire.flips_a_bit, times=ALWAYS), kind=kind, fast_lane=fast)

    assert attempt(line, write) is not None


@pytest.mark.parametrize("provider", ["seaweedfs-http", "ministack", "ceph-http"], indirect=True, scope="session")
def test_part_is_hashed_once(connect: Connect) -> None:
    hashes = []
    for kind in ("seaweedfs", "spaces", "b2"):
        line = connect(kind=kind)
        save_in_parts(line.storage)
        part = next(request for request in line.proxy.exchanges if request.operation == PART)
        signed = part.header("x-amz-content-sha256")
        told = part.header("x-amz-checksum-sha256")
        hashes.append((part.header("Content-MD5") is not None, signed != "UNSIGNED-PAYLOAD"))
        assert told is None or base64.b64decode(told).hex() == signed
        line.storage.delete(NAME)

    assert hashes == [(False, True), (False, True), (True, False)]


@pytest.mark.parametrize(
    ("provider", "headers"),
    [
        ("seaweedfs-http", ["x-amz-checksum-sha256"]),
        ("ministack", ["x-amz-checksum-sha256"]),
        # Its signature is compared, and it hears of no checksum.
        ("ceph-http", []),
    ],
    indirect=["provider"],
    scope="session",
)
def test_unknown_server_is_asked_once_what_it_compares_parts_with(connect: Connect, headers: list[str]) -> None:
    line = connect(kind="generic", file_overwrite=True)

    save_in_parts(line.storage)
    write_in_parts(line.storage, "wb")

    sent = [request for request in line.proxy.exchanges if request.operation == PART]
    # The question, and two parts of each file.
    assert len(sent) == 5
    assert [len(request.body) for request in sent].index(1) == 0
    assert line.proxy.operations.count(CREATE) == 2
    for part in sent[1:]:
        names = ("Content-MD5", "x-amz-checksum-sha256")
        assert [name for name in names if part.header(name) is not None] == headers
        assert part.header("x-amz-content-sha256") == hashlib.sha256(part.body).hexdigest()
    assert line.stored(NAME) == LARGE
    assert line.unfinished == []


# It is asked only of a server whose address tells nothing, and only by the lane that signs what it is told to.
@only("seaweedfs-http")
@pytest.mark.parametrize("how", [{"kind": "b2"}, {"kind": "generic", "fast_lane": False}], ids=["hosted", "SDK"])
def test_other_servers_are_not_asked(connect: Connect, how: dict[str, Any]) -> None:
    line = connect(**how)

    save_in_parts(line.storage)

    parts = [request for request in line.proxy.exchanges if request.operation == PART]
    assert len(parts) == 2
    assert all(part.header("Content-MD5") is not None for part in parts)


def answers_refusal(status: int, code: str) -> Fault:
    """Answer the question as another server does; nothing is stored."""

    def answers_refusal_of(exchange: wire.Exchange) -> None:
        exchange.answer(wire.Answer(status, (), f"<Error><Code>{code}</Code></Error>".encode(), is_head=False))

    return answers_refusal_of


def takes_what_does_not_fit(exchange: wire.Exchange) -> None:
    """Store it, as a server does that compares nothing."""
    exchange.answer(wire.Answer(200, (("ETag", '"93b885adfe0da089cdf634904fd59f71"'),), b"", is_head=False))


# Codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList, and MinIO's cmd/api-errors.go.
@only("seaweedfs-http")
@pytest.mark.parametrize(
    ("said", "compared", "uploads"),
    [
        (answers_refusal(400, "XAmzContentSHA256Mismatch"), "signature", 1),
        (answers_refusal(400, "BadDigest"), "checksum", 1),
        (answers_refusal(400, "XAmzContentChecksumMismatch"), "checksum", 1),
        # It may be about how the hash is written, about a header that was lost on the way, or about the header itself.
        (answers_refusal(400, "InvalidDigest"), "md5", 1),
        (answers_refusal(403, "SignatureDoesNotMatch"), "md5", 1),
        (answers_refusal(400, "InvalidRequest"), "md5", 1),
        (answers_refusal(501, "NotImplemented"), "md5", 2),
        # The byte may be there now, or still arrive.
        (takes_what_does_not_fit, "md5", 2),
        (answers_refusal(500, "BadDigest"), "md5", 2),
        (answers_refusal(503, "SlowDown"), "md5", 2),
        (wire.resets_before, "md5", 2),
        (wire.stalls_before, "md5", 2),
    ],
    ids=[
        "XAmzContentSHA256Mismatch",
        "BadDigest",
        "XAmzContentChecksumMismatch",
        "InvalidDigest",
        "SignatureDoesNotMatch",
        "InvalidRequest",
        "NotImplemented",
        "stored",
        "500",
        "503",
        "reset",
        "silence",
    ],
)
def test_answer_tells_what_parts_are_compared_with(
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    said: Fault,
    compared: str,
    uploads: int,
) -> None:
    # A circuit that opened would refuse the file's own parts.
    monkeypatch.setattr(circuit, "OPEN_SECONDS", 60.0)
    line = connect(choose=lambda request: said if len(request.body) == 1 else None, kind="generic", file_overwrite=True)

    save_in_parts(line.storage)
    asked = [request.operation for request in line.proxy.exchanges if len(request.body) == 1]
    save_in_parts(line.storage)

    assert set(asked) == {PART}
    parts = [request for request in line.proxy.exchanges if request.operation == PART]
    # The question is not asked again with the second file, whatever came of it.
    assert len(parts) == len(asked) + 4
    for part in parts[len(asked) :]:
        told = {
            "md5": part.header("Content-MD5") is not None,
            "checksum": part.header("x-amz-checksum-sha256") is not None,
        }
        assert [way for way, is_told in told.items() if is_told] == ([] if compared == "signature" else [compared])
    # What the question may have left is never part of a file.
    assert line.proxy.operations.count(CREATE) == uploads + 1
    assert line.proxy.operations.count("AbortMultipartUpload") == uploads - 1
    assert line.stored(NAME) == LARGE
    assert line.unfinished == []
    assert not caplog.records


@only("seaweedfs-http")
def test_question_that_arrives_late_is_never_part_of_a_file(connect: Connect) -> None:
    held: list[Request] = []

    def stores(exchange: wire.Exchange) -> None:
        # What the hash of the question fits.
        held.append(exchange.request)
        exchange.answer(exchange.forward(body=comparison.OTHER))

    def repeats_the_question(exchange: wire.Exchange) -> None:
        late.append(exchange.proxy.ask(held[0], comparison.OTHER).status)
        exchange.answer(exchange.forward())

    def choose(request: Request) -> Fault | None:
        if request.operation == COMPLETE:
            return repeats_the_question
        return stores if len(request.body) == 1 else None

    late: list[int] = []
    line = connect(choose=choose, kind="generic")

    save_in_parts(line.storage)

    # It went to an upload that was aborted.
    assert late == [404]
    assert line.stored(NAME) == LARGE
    assert line.unfinished == []


@only("seaweedfs-http")
def test_every_upload_that_was_begun_before_the_question_is_taken_back(connect: Connect) -> None:
    # One whose answer was lost, and one that the question may be in; the file is in a third.
    line = connect(Rule(CREATE, wire.resets_after), Rule(PART, wire.answers_500_after, times=4), kind="generic")

    save_in_parts(line.storage)

    assert line.proxy.operations.count(CREATE) == 3
    assert line.stored(NAME) == LARGE
    assert line.unfinished == []


@only("seaweedfs-http")
def test_upload_that_cannot_be_aborted_at_once_is_taken_back_with_the_file(connect: Connect) -> None:
    line = connect(
        Rule(PART, takes_what_does_not_fit), Rule("AbortMultipartUpload", wire.resets_before, times=4), kind="generic"
    )

    save_in_parts(line.storage)

    assert line.stored(NAME) == LARGE
    assert line.unfinished == []


# What providers.py says of each kind of server, and why: what a server does not compare is not worth sending.
@pytest.mark.parametrize(
    ("provider", "compared"),
    [
        ("seaweedfs-http", {"md5", "checksum"}),
        ("ministack", {"md5", "checksum"}),
        ("ceph-http", {"md5", "signature"}),
    ],
    indirect=["provider"],
    scope="session",
)
@pytest.mark.parametrize("way", ["md5", "checksum", "signature"])
def test_server_compares_what_is_known_of_it(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, way: str, compared: set[str]
) -> None:
    md5 = base64.b64encode(hashlib.md5(SMALL, usedforsecurity=False).digest()).decode()
    sha256 = base64.b64encode(hashlib.sha256(SMALL).digest()).decode()
    sent = {"md5": {"ContentMD5": md5}, "checksum": {"ChecksumSHA256": sha256}, "signature": {}}
    monkeypatch.setattr(putting, "digest_of", lambda *_: sent[way])
    if way == "checksum":
        # Else the signature tells it too.
        monkeypatch.setattr(fastlane, "_payload_digest", lambda *_: "UNSIGNED-PAYLOAD")
    line = connect(Rule(PUT, wire.flips_a_bit, times=ALWAYS), kind="seaweedfs", file_overwrite=True)

    if way in compared:
        with pytest.raises(HoldallError):
            save_small(line.storage)
        assert line.names == []
    else:
        save_small(line.storage)
        assert line.stored(NAME) != SMALL


# -- overwriting

OLD = b"what was there before"


@pytest.mark.parametrize("provider", ["seaweedfs-http", "ministack", "ceph-http"], indirect=True, scope="session")
@pytest.mark.parametrize(
    ("write", "operation"),
    [(save_small, PUT), (save_in_parts, PART), (rewrite_small, PUT), (rewrite_in_parts, PART)],
    ids=["save-PutObject", "save-UploadPart", "write-PutObject", "write-UploadPart"],
)
def test_bytes_that_were_changed_on_the_way_replace_nothing(connect: Connect, write: Write, operation: str) -> None:
    # A file that is opened to be written is replaced by its mode, not by an option.
    overwrites = write in {save_small, save_in_parts}
    line = connect(Rule(operation, wire.flips_a_bit, times=ALWAYS), file_overwrite=overwrites)
    line.put(NAME, OLD)

    with pytest.raises(HoldallError):
        write(line.storage)

    assert line.stored(NAME) == OLD
    # An upload whose answer came too late was begun a second time; it may be another writer's, and is let alone.
    assert len(line.unfinished) == max(line.proxy.operations.count(CREATE) - 1, 0)
    assert operation in line.proxy.operations


@only("seaweedfs-http")
@pytest.mark.parametrize("write", [save_small, save_in_parts, rewrite_small, rewrite_in_parts], ids=by_name)
@pytest.mark.parametrize("fault", FAULTS, ids=by_name)
def test_overwriting_survives_one_fault(connect: Connect, write: Write, fault: Fault) -> None:
    operation = PUT if write in {save_small, rewrite_small} else PART
    line = connect(Rule(operation, fault), file_overwrite=write in {save_small, save_in_parts})
    line.put(NAME, OLD)

    expected = write(line.storage)

    assert line.names == [NAME]
    assert line.stored(NAME) == expected
    assert line.unfinished == []


@only("seaweedfs-http")
@pytest.mark.parametrize(
    ("write", "operation"),
    [
        (save_small, PUT),
        (rewrite_small, PUT),
        *((write, operation) for write in (save_in_parts, rewrite_in_parts) for operation in (CREATE, PART, COMPLETE)),
    ],
)
def test_overwriting_that_fails_again_and_again_leaves_what_was_there(
    connect: Connect, write: Write, operation: str
) -> None:
    overwrites = write in {save_small, save_in_parts}
    line = connect(Rule(operation, wire.resets_before, times=ALWAYS), file_overwrite=overwrites)
    line.put(NAME, OLD)

    with pytest.raises(StoreUnreachable):
        write(line.storage)

    assert line.stored(NAME) == OLD
    assert line.unfinished == []


@only("seaweedfs-http")
@pytest.mark.parametrize("operation", [PUT, COMPLETE])
def test_overwriting_that_is_never_answered_is_learned_of(connect: Connect, operation: str) -> None:
    write = save_small if operation == PUT else save_in_parts
    line = connect(Rule(operation, wire.resets_after, times=ALWAYS), file_overwrite=True)
    line.put(NAME, OLD)

    write(line.storage)

    assert line.proxy.faults > 0
    assert line.stored(NAME) == (SMALL if operation == PUT else LARGE)


@pytest.mark.parametrize("provider", ["ministack"], indirect=True, scope="session")
def test_stream_on_amazon_reserves_its_name_for_it_can_not_be_sent_again(connect: Connect) -> None:
    line = connect(kind="amazon")

    line.storage.save(NAME, File(io.BufferedReader(Unseekable(LARGE)), NAME))

    assert line.proxy.operations[:2] == [PUT, CREATE]
    assert line.stored(NAME) == LARGE


# -- deleting


@only("seaweedfs-http")
@pytest.mark.parametrize("fault", FAULTS, ids=by_name)
def test_delete_survives_one_fault(connect: Connect, fault: Fault) -> None:
    line = connect(Rule("DeleteObject", fault))
    line.put(NAME, SMALL)
    line.put("folder/other.bin", SMALL)

    line.storage.delete(NAME)

    assert line.names == ["folder/other.bin"]


@only("seaweedfs-http")
def test_delete_that_fails_again_and_again_is_an_error(connect: Connect) -> None:
    line = connect(Rule("DeleteObject", wire.answers_503_before, times=ALWAYS))
    line.put(NAME, SMALL)

    with pytest.raises(StoreFailed, match=r"folder/file\.bin.*too many requests"):
        line.storage.delete(NAME)
    assert line.names == [NAME]


def answers_late(exchange: wire.Exchange) -> None:
    """Answer only after longer than an operation may otherwise wait, as for an upload that takes long to complete."""
    time.sleep(PATIENCE_SECONDS + 1)
    exchange.answer(exchange.forward())


@only("seaweedfs-http")
def test_completion_is_waited_for_by_the_length_of_the_file(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    # Of 5 MiB, ten seconds and more.
    monkeypatch.setattr(multipart, "LEAST_WORK_BYTES_PER_SECOND", MIB / 2)
    line = connect(Rule(COMPLETE, answers_late))
    assert save_in_parts(line.storage) == line.stored(NAME)
    assert not line.unfinished
    assert line.proxy.operations.count(COMPLETE) == 1
