"""What was begun is taken back, whatever ends it: an exception from outside, the interpreter's exit, a lost reservation."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from django.core.files.base import ContentFile

from holdall.errors import HoldallError, NameTaken, StoreUnreachable
from holdall.s3.begun import MARK
from tests.contract import only
from tests.faults.conftest import MIB, PART_BYTES, Connect, Line
from tests.servers import fault_proxy as wire
from tests.servers.fault_proxy import Answer, Exchange, Fault, Request, Rule

pytestmark = only("seaweedfs-http")
NAME = "folder/file.bin"
SMALL = bytes(range(256)) * 10
LARGE = bytes(range(256)) * ((PART_BYTES + 70_000) // 256)
ALWAYS = 1_000


class Interrupted(BaseException):
    """As gevent's Timeout, Celery's limit or Ctrl-C: no `Exception`."""


@contextmanager
def interrupting(arrived: threading.Event) -> Iterator[None]:
    """Raise `Interrupted` in the main thread as soon as a request has arrived."""

    def interrupt(*_: Any) -> None:
        raise Interrupted

    def watch() -> None:
        if arrived.wait(20):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, interrupt)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        watcher.join(30)
        signal.signal(signal.SIGUSR1, before)


def held(arrived: threading.Event, *, after: bool) -> Fault:
    """Let the client wait; whether the server has done it by then is `after`."""

    def holds(exchange: Exchange) -> None:
        if after:
            exchange.forward()
        arrived.set()
        exchange.wait_for_client_to_give_up()

    return holds


def copy(line: Line) -> None:
    with line.storage.open("old.bin") as file:
        line.storage.save(NAME, file)


def save(content: bytes) -> Callable[[Line], object]:
    return lambda line: line.storage.save(NAME, ContentFile(content))


def write(content: bytes) -> Callable[[Line], object]:
    def deed(line: Line) -> None:
        with line.storage.open(NAME, "xb") as file:
            for start in range(0, len(content), MIB):
                file.write(content[start : start + MIB])

    return deed


@pytest.mark.parametrize(
    ("deed", "operation"),
    [
        pytest.param(save(SMALL), "PutObject", id="save-PutObject"),
        pytest.param(save(LARGE), "PutObject", id="save-reservation"),
        pytest.param(save(LARGE), "CreateMultipartUpload", id="save-CreateMultipartUpload"),
        pytest.param(save(LARGE), "UploadPart", id="save-UploadPart"),
        pytest.param(save(LARGE), "CompleteMultipartUpload", id="save-CompleteMultipartUpload"),
        pytest.param(copy, "PutObject", id="copy-reservation"),
        pytest.param(copy, "CopyObject", id="copy-CopyObject"),
        pytest.param(write(SMALL), "PutObject", id="write-PutObject"),
        pytest.param(write(LARGE), "CompleteMultipartUpload", id="write-CompleteMultipartUpload"),
    ],
)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_exception_from_outside_leaves_nothing(
    connect: Connect, deed: Callable[[Line], object], operation: str, after: bool
) -> None:
    arrived = threading.Event()
    line = connect(Rule(operation, held(arrived, after=after)))
    line.put("old.bin", SMALL)

    with interrupting(arrived), pytest.raises(Interrupted):
        deed(line)

    assert line.names == ["old.bin"]
    assert line.unfinished == []


def test_exception_from_outside_leaves_what_was_to_be_replaced_or_its_successor(connect: Connect) -> None:
    arrived = threading.Event()
    line = connect(Rule("PutObject", held(arrived, after=True)), file_overwrite=True)
    line.put(NAME, b"old")

    with interrupting(arrived), pytest.raises(Interrupted):
        line.storage.save(NAME, ContentFile(SMALL))

    assert line.stored(NAME) == SMALL


def test_file_of_another_writer_is_never_taken_back(connect: Connect) -> None:
    arrived = threading.Event()
    line = connect(Rule("PutObject", held(arrived, after=True)))
    line.put(NAME, b"another writer's")

    with interrupting(arrived), pytest.raises(Interrupted):
        line.storage.save(NAME, ContentFile(SMALL))

    assert line.stored(NAME) == b"another writer's"


OPEN_WRITER = """
    import sys, django
    from django.conf import settings
    settings.configure()
    django.setup()
    from holdall.storage import MediaStorage
    from boto3.s3.transfer import TransferConfig
    parts = TransferConfig(multipart_threshold={part}, multipart_chunksize={part}, preferred_transfer_client="classic")
    storage = MediaStorage(transfer_config=parts, provider="seaweedfs", **{options})
    file = storage.open("{name}", "xb")
    for _ in range({mib}):
        file.write(bytes(1024 * 1024))
    print("written", flush=True)
    {end}
"""


@pytest.mark.parametrize("end", ["sys.exit(3)", "raise RuntimeError", "pass"], ids=["exit", "error", "end"])
def test_interpreter_that_exits_with_an_open_writer_leaves_nothing(connect: Connect, end: str) -> None:
    line = connect()
    storage: Any = line.storage
    given = {
        name: getattr(storage, name)
        for name in ("bucket_name", "endpoint_url", "region_name", "access_key", "secret_key", "location")
    }
    code = textwrap.dedent(OPEN_WRITER).format(part=PART_BYTES, options=given, name=NAME, mib=70, end=end)

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)

    assert "written" in done.stdout, done.stderr
    assert "CreateMultipartUpload" in line.proxy.operations
    assert line.names == []
    assert line.unfinished == []


@pytest.mark.parametrize("write_it", [save(LARGE), write(LARGE)], ids=["save", "write"])
def test_reservation_that_another_writer_has_replaced_is_his(
    connect: Connect, write_it: Callable[[Line], object]
) -> None:
    line: Line

    def replace(exchange: Exchange) -> None:
        line.put(NAME, b"another writer's")
        wire.passes(exchange)

    line = connect(Rule("UploadPart", replace))

    saved = None
    with suppress(NameTaken):
        saved = write_it(line)

    assert line.stored(NAME) == b"another writer's"
    assert saved is None or line.stored(str(saved)) == LARGE
    assert len(line.names) == (2 if saved else 1)
    assert line.unfinished == []


def test_reservation_that_was_deleted_is_made_anew(connect: Connect) -> None:
    line: Line

    def delete(exchange: Exchange) -> None:
        line.provider.client.delete_object(Bucket=line.bucket, Key=f"{line.location}/{NAME}")
        wire.passes(exchange)

    line = connect(Rule("UploadPart", delete))

    assert line.storage.save(NAME, ContentFile(LARGE)) == NAME
    assert line.proxy.operations.count("PutObject") == 2
    assert line.stored(NAME) == LARGE


def refusal(request: Request) -> Answer:
    body = b"<Error><Code>AccessDenied</Code><Message>No.</Message></Error>"
    is_head = request.method == "HEAD"
    return Answer(403, (("Content-Type", "application/xml"),), b"" if is_head else body, is_head)


# Keys that may write and not read are refused these.
BLIND = [Rule(operation, wire.answers(refusal), times=ALWAYS) for operation in ("HeadObject", "GetObject")]


def blind(*rules: Rule) -> list[Rule]:
    return [*rules, *(Rule(rule.operation, rule.fault, times=ALWAYS) for rule in BLIND)]


def test_lost_answer_with_keys_that_may_not_read_makes_no_second_file(connect: Connect) -> None:
    line = connect(*blind(Rule("PutObject", wire.resets_after)))

    with pytest.raises(StoreUnreachable, match="the keys may not read"):
        line.storage.save(NAME, ContentFile(SMALL))

    assert line.names in ([], [NAME])


def test_taken_name_with_keys_that_may_not_read_is_one(connect: Connect) -> None:
    line = connect(*blind())
    line.put(NAME, b"taken")

    saved = line.storage.save(NAME, ContentFile(SMALL))

    assert saved != NAME
    assert line.stored(saved) == SMALL


def test_reservation_is_taken_back_by_keys_that_may_not_read(connect: Connect) -> None:
    line = connect(*blind(Rule("UploadPart", wire.resets_before, times=ALWAYS)))

    with pytest.raises(HoldallError):
        line.storage.save(NAME, ContentFile(LARGE))

    assert line.names == []
    assert line.unfinished == []


def test_what_the_store_has_is_not_what_was_sent(connect: Connect) -> None:
    """A store that keeps half of it and says nothing: the question after a lost answer is not only whose it is."""
    line: Line

    def keeps_half(exchange: Exchange) -> None:
        headers = {name.lower(): value for name, value in exchange.request.headers}
        line.provider.client.put_object(
            Bucket=line.bucket,
            Key=f"{line.location}/{NAME}",
            Body=exchange.request.body[:100],
            Metadata={MARK: headers[f"x-amz-meta-{MARK}"]},
        )
        raise wire.Gone

    line = connect(Rule("PutObject", keeps_half, times=ALWAYS))

    with pytest.raises(HoldallError, match="not what was sent"):
        line.storage.save(NAME, ContentFile(SMALL))

    assert line.names == []
