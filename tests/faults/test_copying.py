"""A copy inside the store gives what reading and saving would have given, and ends as surely."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.config import Config
from django.core.files.base import ContentFile, File
from django.core.files.images import ImageFile
from django.db.models import FileField
from django.db.models.fields.files import FieldFile

from holdall.errors import HoldallError, ObjectChanged
from tests.contract import only
from tests.faults.conftest import Connect, Line
from tests.servers import fault_proxy as wire
from tests.servers.fault_proxy import Answer, Exchange, Fault, Request, Rule

pytestmark = only("seaweedfs-http")
OLD, NEW = "old.bin", "folder/new.bin"
CONTENT = bytes(range(256)) * 300
ALWAYS = 1_000
COPY = "CopyObject"


def line_with_file(connect: Connect, *rules: Rule, **more: Any) -> Line:
    line = connect(*rules, **more)
    line.put(OLD, CONTENT)
    return line


def copy(line: Line) -> str:
    with line.storage.open(OLD) as file:
        return line.storage.save(NEW, file)


# -- what is looked through


def masked(data: bytes) -> bytes:
    return bytes(letter ^ 0x55 for letter in data)


class Reading(File):  # type: ignore[type-arg]  # generic to the type checker alone
    """Changes what is read, as files of encrypted fields do."""

    def read(self, size: int = -1) -> bytes:
        return masked(self.file.read(size))


class Chunking(File):  # type: ignore[type-arg]  # generic to the type checker alone
    """Changes the chunks alone, which is what Django's own storages save."""

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        self.seek(0)
        while piece := self.file.read(1_000):
            yield masked(piece)


class OnlyChunks:
    """No more than Django's own storages need."""

    name = "given.bin"

    def __init__(self, file: Any) -> None:
        self._file = file

    def chunks(self) -> Iterator[bytes]:
        self._file.seek(0)
        yield masked(self._file.read())


def with_its_own_chunks(file: Any) -> Any:
    wrapper = File(file)
    wrapper.chunks = lambda *_: iter([masked(CONTENT)])  # type: ignore[method-assign, assignment]  # as somebody's own wrapper does
    return wrapper


def with_something_else_inside(file: Any) -> Any:
    file.file = Reading(file.file)
    return file


class Opening(FieldFile):
    """Changes the file when it is opened."""

    def open(self, mode: str = "rb") -> Any:
        self.file = Reading(self.storage.open(self.name, mode))
        return self


@pytest.mark.parametrize(
    "wrap",
    [
        Reading,
        Chunking,
        OnlyChunks,
        lambda file: File(Reading(file)),
        lambda file: Reading(File(file)),
        with_its_own_chunks,
        with_something_else_inside,
    ],
    ids=["read", "chunks", "chunks-alone", "below-a-file", "above-a-file", "own-chunks", "inside"],
)
def test_file_that_changes_what_it_wraps_is_not_looked_through(connect: Connect, wrap: Callable[[Any], Any]) -> None:
    line = line_with_file(connect)

    with line.storage.open(OLD) as file:
        line.storage.save(NEW, wrap(file))

    assert COPY not in line.proxy.operations
    is_masked = line.stored(NEW) == masked(CONTENT)
    assert is_masked


def test_field_file_that_changes_what_it_opens_is_not_looked_through(connect: Connect) -> None:
    line = line_with_file(connect)
    field: Any = FileField(storage=line.storage)
    file = Opening(type("Instance", (), {})(), field, OLD)
    file.open()

    line.storage.save(NEW, file)

    is_masked = line.stored(NEW) == masked(CONTENT)
    assert is_masked


@pytest.mark.parametrize("wrap", [lambda file: file, File, ImageFile, lambda file: ImageFile(File(file))])
def test_plain_file_is_looked_through(connect: Connect, wrap: Callable[[Any], Any]) -> None:
    line = line_with_file(connect)

    with line.storage.open(OLD) as file:
        line.storage.save(NEW, wrap(file))

    assert COPY in line.proxy.operations
    assert line.stored(NEW) == CONTENT


def test_field_file_is_looked_through(connect: Connect) -> None:
    line = line_with_file(connect)
    field: Any = FileField(storage=line.storage)

    line.storage.save(NEW, FieldFile(type("Instance", (), {})(), field, OLD))

    assert COPY in line.proxy.operations
    assert line.stored(NEW) == CONTENT


def test_text_is_read_for_its_lines_end_otherwise(connect: Connect) -> None:
    line = connect()
    line.put("old.txt", b"one\r\ntwo")

    with line.storage.open("old.txt", "r") as file:
        line.storage.save("new.txt", file)

    assert line.stored("new.txt") == b"one\ntwo"


# -- how it ends


@pytest.mark.parametrize("fault", [wire.resets_after, wire.answers_500_after, wire.stalls_after, wire.cuts_answer(10)])
@pytest.mark.parametrize("more", [{}, {"file_overwrite": True}], ids=["new", "overwriting"])
def test_copy_whose_answers_are_lost_is_learned_of(connect: Connect, fault: Fault, more: dict[str, Any]) -> None:
    line = line_with_file(connect, Rule(COPY, fault, times=ALWAYS), **more)

    assert copy(line) == NEW
    assert line.stored(NEW) == CONTENT


@pytest.mark.parametrize("fault", [wire.resets_before, wire.answers_500_before, wire.answers_503_before])
def test_copy_that_fails_again_and_again_leaves_nothing(connect: Connect, fault: Fault) -> None:
    line = line_with_file(connect, Rule(COPY, fault, times=ALWAYS))

    with pytest.raises(HoldallError, match=r"folder/new\.bin"):
        copy(line)

    assert line.names == [OLD]


@pytest.mark.parametrize("delays", ["before", "after"])
def test_slow_copy_is_waited_for(connect: Connect, delays: str) -> None:
    def slow(exchange: Exchange) -> None:
        if delays == "before":
            time.sleep(2)
        answer = exchange.forward()
        if delays == "after":
            time.sleep(2)
        exchange.answer(answer)

    line = line_with_file(connect, Rule(COPY, slow, times=ALWAYS), client_config=Config(read_timeout=0.5))

    assert copy(line) == NEW
    assert line.proxy.operations.count(COPY) == 1
    assert line.stored(NEW) == CONTENT


def refusal(status: int, code: str) -> Fault:
    def refuse(_request: Request) -> Answer:
        body = f"<Error><Code>{code}</Code><Message>No.</Message></Error>".encode()
        return Answer(status, (("Content-Type", "application/xml"),), body)

    return wire.answers(refuse)


# "This operation depends on internal factors and may fail", and is answered with 501 then:
# https://docs.hetzner.com/storage/object-storage/supported-actions/
@pytest.mark.parametrize(
    ("status", "code"),
    [(501, "NotImplemented"), (403, "AccessDenied"), (400, "InvalidRequest"), (405, "MethodNotAllowed")],
)
@pytest.mark.parametrize("more", [{}, {"file_overwrite": True}], ids=["new", "overwriting"])
def test_copy_that_the_store_does_not_make_is_read_and_saved(
    connect: Connect, status: int, code: str, more: dict[str, Any]
) -> None:
    line = line_with_file(connect, Rule(COPY, refusal(status, code), times=ALWAYS), **more)

    assert copy(line) == NEW
    assert line.stored(NEW) == CONTENT
    assert sorted(line.names) == sorted([OLD, NEW])


def test_source_that_was_replaced_is_no_reason_to_read_it(connect: Connect) -> None:
    line = line_with_file(connect)

    with line.storage.open(OLD) as file:
        line.put(OLD, b"another")
        with pytest.raises(ObjectChanged):
            line.storage.save(NEW, file)

    assert line.names == [OLD]


def test_empty_file_is_copied(connect: Connect) -> None:
    line = connect()
    line.put("empty", b"")

    with line.storage.open("empty") as file:
        line.storage.save(NEW, file)

    assert line.stored(NEW) == b""


def test_copy_under_a_taken_name_gets_another(connect: Connect) -> None:
    line = line_with_file(connect)
    line.put(NEW, b"another writer's")

    saved = copy(line)

    assert saved != NEW
    assert line.stored(NEW) == b"another writer's"
    assert line.stored(saved) == CONTENT


def test_copy_has_the_tags_of_an_upload(connect: Connect) -> None:
    line = connect(object_parameters={"Tagging": "kept=yes"})
    client, key = line.provider.client, f"{line.location}/{OLD}"
    client.put_object(Bucket=line.bucket, Key=key, Body=CONTENT, Tagging="temporary=yes")

    copy(line)
    plain = connect()
    plain.storage.save("plain.bin", plain.storage.open(OLD))

    def tags(name: str) -> Any:
        return client.get_object_tagging(Bucket=line.bucket, Key=f"{line.location}/{name}")["TagSet"]

    assert tags(NEW) == [{"Key": "kept", "Value": "yes"}]
    assert tags("plain.bin") == []


def test_copy_takes_the_customers_key_along(connect: Connect) -> None:
    key = "k" * 32
    line = connect(object_parameters={"SSECustomerAlgorithm": "AES256", "SSECustomerKey": key})
    line.storage.save(OLD, ContentFile(CONTENT))

    copy(line)

    [request] = [one for one in line.proxy.exchanges if one.operation == COPY]
    for header in ("algorithm", "key", "key-MD5"):
        name = f"server-side-encryption-customer-{header}"
        assert request.header(f"x-amz-copy-source-{name}") == request.header(f"x-amz-{name}") is not None
    with line.storage.open(NEW) as file:
        assert file.read() == CONTENT


def test_file_that_was_saved_by_another_way_stays_open(connect: Connect) -> None:
    line = line_with_file(connect, Rule(COPY, refusal(501, "NotImplemented")))

    with line.storage.open(OLD) as file:
        line.storage.save(NEW, file)
        assert file.read() == CONTENT


def test_contents_of_text_are_saved_as_ever(connect: Connect) -> None:
    line = connect()

    line.storage.save("text.txt", ContentFile("späße"))

    assert line.stored("text.txt") == "späße".encode()
