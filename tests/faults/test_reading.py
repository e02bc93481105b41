"""Reading through a failing network gives the right bytes or a clear error, never a mixture and never an end too early."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.storage import Storage

from holdall.errors import HoldallError, ObjectChanged, StoreFailed, StoreUnreachable
from tests.contract import only
from tests.faults.conftest import MIB, Connect, Line
from tests.servers import fault_proxy as wire
from tests.servers.fault_proxy import Answer, Fault, Request, Rule

NAME = "folder/file.bin"
SMALL = random.Random(1).randbytes(3_000)
# Blocks of 64 KiB, 128, 256, 512, and then a stream.
LARGE = random.Random(2).randbytes(3 * MIB + 5)
ALWAYS = 1_000
SECONDS = 20
# The first block, a later one, and the stream.
PLACES = [0, 2, 4]

FAULTS = [
    wire.resets_before,
    wire.resets_after,
    wire.stalls_after,
    wire.answers_500_before,
    wire.answers_503_before,
    wire.duplicates,
    wire.is_overtaken,
    wire.cuts_answer(0),
    wire.cuts_answer(1_000),
    wire.cuts_answer(1_000, framed=False),
    wire.stalls_answer(1_000),
]


def by_name(what: Callable[..., object]) -> str:
    return what.__name__


def read_whole(storage: Storage) -> bytes:
    with storage.open(NAME) as file:
        return bytes(file.read())


def read_in_chunks(storage: Storage) -> bytes:
    with storage.open(NAME) as file:
        return b"".join(file.chunks())


def read_scattered(storage: Storage) -> bytes:
    # Jumps, so that each piece is a block of its own.
    pieces = []
    with storage.open(NAME) as file:
        for start in (0, 2 * MIB, MIB, 3 * MIB - 10):
            file.seek(start)
            pieces.append(file.read(200_000))
    return b"".join(pieces)


SCATTERED = b"".join(LARGE[start : start + 200_000] for start in (0, 2 * MIB, MIB, 3 * MIB - 10))


@only("seaweedfs-http")
@pytest.mark.parametrize("fault", FAULTS, ids=by_name)
def test_small_file_is_read_in_spite_of_one_fault(connect: Connect, fault: Fault) -> None:
    line = connect(Rule("GetObject", fault))
    line.put(NAME, SMALL)

    assert read_whole(line.storage) == SMALL
    assert line.proxy.faults > 0


@only("seaweedfs-http")
@pytest.mark.parametrize(("read", "place"), [*((read_in_chunks, place) for place in PLACES), (read_scattered, 2)])
@pytest.mark.parametrize("fault", FAULTS, ids=by_name)
def test_large_file_is_read_in_spite_of_one_fault(
    connect: Connect, read: Callable[[Storage], bytes], place: int, fault: Fault
) -> None:
    line = connect(Rule("GetObject", fault, first=place))
    line.put(NAME, LARGE)

    is_right = read(line.storage) == (SCATTERED if read is read_scattered else LARGE)
    assert is_right
    assert line.proxy.faults > 0


@pytest.mark.parametrize("provider", ["seaweedfs-http", "ministack", "ceph-http"], indirect=True, scope="session")
@pytest.mark.parametrize("framed", [True, False], ids=["short", "ends"])
def test_stream_that_breaks_off_wherever_it_gets_to_is_taken_up(connect: Connect, framed: bool) -> None:
    line = connect(Rule("GetObject", wire.cuts_answer(100_000, framed=framed), times=ALWAYS))
    line.put(NAME, LARGE)

    is_right = read_whole(line.storage) == LARGE
    assert is_right
    assert line.proxy.faults > 20


@only("seaweedfs-http")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "fault",
    [
        wire.resets_before,
        wire.answers_500_before,
        wire.answers_503_before,
        wire.cuts_answer(0),
        wire.cuts_answer(0, framed=False),
    ],
    ids=by_name,
)
def test_read_that_fails_again_and_again_is_an_error_in_time(connect: Connect, place: int, fault: Fault) -> None:
    line = connect(Rule("GetObject", fault, first=place, times=ALWAYS))
    line.put(NAME, LARGE)
    started = time.monotonic()

    with pytest.raises((StoreUnreachable, StoreFailed), match=r"folder/file\.bin"):
        read_in_chunks(line.storage)

    assert time.monotonic() - started < SECONDS
    # Who repeats what was repeated already makes an outage worse.
    assert len(line.proxy.exchanges) - place <= 4


@only("seaweedfs-http")
def test_read_that_gets_stuck_again_and_again_is_an_error_in_time(connect: Connect) -> None:
    line = connect(Rule("GetObject", wire.stalls_answer(0), first=4, times=ALWAYS))
    line.put(NAME, LARGE)
    started = time.monotonic()

    with pytest.raises(StoreUnreachable, match=r"folder/file\.bin"):
        read_in_chunks(line.storage)

    assert time.monotonic() - started < SECONDS


@only("seaweedfs-http")
def test_file_can_be_read_on_after_an_error(connect: Connect) -> None:
    line = connect(Rule("GetObject", wire.resets_before, first=2, times=4))
    line.put(NAME, LARGE)

    with line.storage.open(NAME) as file:
        beginning = file.read(100_000)
        with pytest.raises(StoreUnreachable):
            file.read(1_000_000)
        file.seek(len(beginning))
        is_right = beginning + file.read() == LARGE
    assert is_right


@pytest.mark.parametrize("provider", ["seaweedfs-http", "ministack", "ceph-http"], indirect=True, scope="session")
@pytest.mark.parametrize("place", [0, 2, 4])
def test_file_that_is_replaced_while_the_stream_breaks_off_is_never_a_mixture(connect: Connect, place: int) -> None:
    other = random.Random(3).randbytes(len(LARGE))
    lines: list[Line] = []

    def replace() -> None:
        lines[0].put(NAME, other)

    breaks = wire.cuts_answer(1_000)

    def breaks_and_is_replaced(exchange: Any) -> None:
        try:
            breaks(exchange)
        finally:
            replace()

    line = connect(Rule("GetObject", breaks_and_is_replaced, first=place))
    lines.append(line)
    line.put(NAME, LARGE)

    with pytest.raises(ObjectChanged, match=r"folder/file\.bin"):
        read_in_chunks(line.storage)
    is_other = read_in_chunks(line.storage) == other
    assert is_other


def whole_answer(content: bytes, etag: str = '"e"') -> Callable[[Request], Answer]:
    return lambda request: Answer(200, (("ETag", etag), ("Content-Type", "application/x")), content)


@only("seaweedfs-http")
@pytest.mark.parametrize("content", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
@pytest.mark.parametrize("read", [read_whole, read_in_chunks], ids=by_name)
def test_store_that_ignores_ranges_is_read_from_beginning_to_end(
    connect: Connect, read: Callable[[Storage], bytes], content: bytes
) -> None:
    line = connect(Rule("GetObject", wire.answers(whole_answer(content)), times=ALWAYS))

    is_right = read(line.storage) == content
    assert is_right
    assert len(line.proxy.exchanges) == 1


@only("seaweedfs-http")
def test_store_that_ignores_ranges_can_not_be_read_from_the_middle(connect: Connect) -> None:
    line = connect(Rule("GetObject", wire.answers(whole_answer(LARGE)), times=ALWAYS))

    with line.storage.open(NAME) as file:
        file.seek(2 * MIB)
        with pytest.raises(ObjectChanged, match="does not keep to ranges"):
            file.read(10)


@only("seaweedfs-http")
def test_store_that_ignores_the_condition_is_noticed_by_the_etag(connect: Connect) -> None:
    def changed(request: Request) -> Answer:
        start = int(str(request.header("Range")).removeprefix("bytes=").partition("-")[0])
        headers = (("ETag", '"other"'), ("Content-Range", f"bytes {start}-{len(LARGE) - 1}/{len(LARGE)}"))
        return Answer(206, headers, bytes(len(LARGE) - start))

    line = connect(Rule("GetObject", wire.answers(changed), first=1, times=ALWAYS))
    line.put(NAME, LARGE)

    with pytest.raises(ObjectChanged):
        read_in_chunks(line.storage)


QUESTIONS: list[tuple[Callable[[Storage], Any], str, Any]] = [
    (lambda storage: storage.exists(NAME), "HeadObject", True),
    (lambda storage: storage.exists("missing"), "HeadObject", False),
    (lambda storage: storage.size(NAME), "HeadObject", len(SMALL)),
    (lambda storage: storage.listdir("folder"), "ListObjects", ([], ["file.bin"])),
]
every_question = pytest.mark.parametrize(
    ("ask", "operation", "answer"), QUESTIONS, ids=["exists", "exists-not", "size", "listdir"]
)


@only("seaweedfs-http")
@every_question
@pytest.mark.parametrize("fault", [*FAULTS[:7], wire.cuts_answer(20)], ids=by_name)
def test_question_is_answered_in_spite_of_one_fault(
    connect: Connect, ask: Callable[[Storage], Any], operation: str, answer: Any, fault: Fault
) -> None:
    line = connect(Rule(operation, fault))
    line.put(NAME, SMALL)

    assert ask(line.storage) == answer
    assert line.proxy.faults > 0


@only("seaweedfs-http")
@every_question
@pytest.mark.parametrize("fault", [wire.resets_before, wire.answers_500_before, wire.answers_503_before], ids=by_name)
def test_question_that_fails_again_and_again_is_an_error_and_never_a_no(
    connect: Connect, ask: Callable[[Storage], Any], operation: str, answer: Any, fault: Fault
) -> None:
    line = connect(Rule(operation, fault, times=ALWAYS))
    line.put(NAME, SMALL)
    started = time.monotonic()

    with pytest.raises(HoldallError):
        ask(line.storage)

    assert time.monotonic() - started < SECONDS
    # Once and three retries; nothing else is asked of a store that is in trouble.
    assert line.proxy.operations == [operation] * 4


@only("seaweedfs-http")
def test_list_that_is_cut_to_nothing_is_an_error_and_never_empty(connect: Connect) -> None:
    # Where no header tells the length, the SDK takes nothing for an answer.
    line = connect(Rule("ListObjects", wire.cuts_answer(0, framed=False), times=ALWAYS))
    line.put(NAME, SMALL)

    with pytest.raises(StoreUnreachable, match="folder"):
        line.storage.listdir("folder")


@only("seaweedfs-http")
def test_size_that_no_header_tells_is_an_error(connect: Connect) -> None:
    # As it is behind a proxy that compresses.
    line = connect(Rule("HeadObject", wire.cuts_answer(0, framed=False)))
    line.put(NAME, SMALL)

    with pytest.raises(StoreFailed, match=r"folder/file\.bin.*Content-Length"):
        line.storage.size(NAME)


@only("seaweedfs-http")
def test_link_is_made_while_the_store_is_gone(connect: Connect) -> None:
    line = connect(Rule("*", wire.resets_before, times=ALWAYS))

    assert NAME in line.storage.url(NAME)
    assert line.proxy.exchanges == []


def part(span: str | None, content: bytes, **headers: str) -> Callable[[Request], Answer]:
    said = (("Content-Range", span),) if span is not None else ()
    return lambda request: Answer(206, (("ETag", '"e"'), *said, *headers.items()), content)


@only("seaweedfs-http")
@pytest.mark.parametrize("span", ["bytes 0-99/*", "bytes */*", None, "bytes", "items 0-99/100"])
@pytest.mark.parametrize("fast_lane", [True, False])
def test_part_that_does_not_say_of_how_much_is_an_error_and_never_a_short_file(
    connect: Connect, span: str | None, fast_lane: bool
) -> None:
    line = connect(Rule("GetObject", wire.answers(part(span, SMALL[:100])), times=ALWAYS), fast_lane=fast_lane)
    line.put(NAME, SMALL)

    with pytest.raises(HoldallError, match=r"folder/file\.bin"):
        read_whole(line.storage)


@only("seaweedfs-http")
@pytest.mark.parametrize("headers", [(("Content-Range", "bytes */3000"),), ()], ids=["told", "asked"])
def test_first_byte_that_is_refused_makes_no_file_empty(connect: Connect, headers: tuple[tuple[str, str], ...]) -> None:
    body = b"<Error><Code>InvalidRange</Code><Message>The requested range is not satisfiable</Message></Error>"
    line = connect(Rule("GetObject", wire.answers(lambda request: Answer(416, headers, body)), times=ALWAYS))
    line.put(NAME, SMALL)

    with pytest.raises(StoreFailed, match=r"folder/file\.bin"):
        read_whole(line.storage)


@only("seaweedfs-http")
@pytest.mark.parametrize("status", [300, 301, 302, 304, 307, 308])
@every_question
def test_redirect_is_an_error_and_never_an_answer(
    connect: Connect, ask: Callable[[Storage], Any], operation: str, answer: Any, status: int
) -> None:
    elsewhere = (("Location", "http://127.0.0.1:9/portal"), ("Content-Type", "text/html"))
    page = b"<html><body>Please log in</body></html>"

    def portal(request: Request) -> Answer:
        return Answer(status, elsewhere, page, request.method == "HEAD")

    line = connect(Rule("*", wire.answers(portal), times=ALWAYS))
    line.put(NAME, SMALL)

    with pytest.raises(HoldallError):
        ask(line.storage)
    with pytest.raises(HoldallError):
        read_whole(line.storage)


@only("seaweedfs-http")
@pytest.mark.parametrize("page", [b"<html><body>Please log in</body></html>", b"<!doctype html><p>hello", b""])
def test_page_is_no_listing(connect: Connect, page: bytes) -> None:
    kind = (("Content-Type", "text/html"),)
    line = connect(Rule("ListObjects", wire.answers(lambda request: Answer(200, kind, page)), times=ALWAYS))

    with pytest.raises(HoldallError, match="folder"):
        line.storage.listdir("folder")
