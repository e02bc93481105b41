"""What is awaited blocks no loop, waits for nobody else's store, and leaves nothing half where a task is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.core.files.base import ContentFile
from django.db import connection as database
from django.db import connections, transaction
from django.http import StreamingHttpResponse

from holdall.bulk import trash
from holdall.errors import NameTaken, ObjectNotFound
from holdall.fork import ForkedStorage
from holdall.storage.threads import Lane
from tests.contract import only
from tests.faults.conftest import MIB, PART_BYTES, Connect, options
from tests.providers import Provider
from tests.servers import fault_proxy as wire
from tests.servers import processes
from tests.servers.fault_proxy import Exchange, Rule
from tests.stores import build_fork, build_storage

pytestmark = only("seaweedfs-http")
ALWAYS = 1_000_000
LARGE = bytes(range(256)) * ((2 * PART_BYTES + 70_000) // 256)


@contextlib.asynccontextmanager
async def watched() -> AsyncIterator[list[float]]:
    """Collect how long the loop was away, each time that it came back."""
    gaps: list[float] = []

    async def beat() -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.005)
            gaps.append(time.monotonic() - began)

    beating = asyncio.ensure_future(beat())
    try:
        yield gaps
    finally:
        beating.cancel()


@pytest.mark.parametrize("kind", ["storage", "fork"])
def test_questions_are_asked_side_by_side(
    connect: Connect, provider: Provider, bucket: str, location: str, kind: str
) -> None:
    # With 50 ms for each answer, 25 at a time are a thousand in two seconds (benchmarks/awaiting.py). This counts, because
    # a machine that has other work has no such seconds: nothing is answered before so many wait for an answer.
    together = 80
    waiting: list[Exchange] = []
    enough = threading.Event()

    def holds(exchange: Exchange) -> None:
        if "ada.txt" in exchange.request.target:
            waiting.append(exchange)
            if len(waiting) >= together:
                enough.set()
            enough.wait(60)
        wire.passes(exchange)

    line = connect(Rule("HeadObject", holds, times=ALWAYS), timeout=60)
    line.put("ada.txt", b"content")
    storage: Any = line.storage
    if kind == "fork":
        above = provider.environ(bucket, location=location, AWS_S3_ENDPOINT_URL=line.proxy.url, STORAGE_TIMEOUT="60")
        own = provider.environ(bucket, location=f"{location}-own", STORAGE_TIMEOUT="60")
        storage = build_fork(own, above, **options())

    async def ask() -> list[bool]:
        return await asyncio.gather(*(storage.aexists("ada.txt") for _ in range(2 * together)))

    assert all(asyncio.run(ask()))
    assert enough.is_set()


def test_saves_of_large_files_leave_the_loop_free(provider: Provider, bucket: str, location: str) -> None:
    content = os.urandom(100 * MIB)

    async def save(storage: Any) -> None:
        async with watched() as gaps:
            began = time.monotonic()
            name = await storage.asave("large.bin", ContentFile(content))
            async with storage.aopen(name) as file:
                read = [len(chunk) async for chunk in file]
            taken = time.monotonic() - began
        assert sum(read) == len(content)
        # Blocked, it would have been away for as long as either takes.
        assert max(gaps) < taken / 4
        assert len(gaps) > 20

    asyncio.run(save(build_storage(provider.environ(bucket, location=location), **options())))


def test_store_that_hangs_delays_no_other(connect: Connect, provider: Provider, bucket: str, location: str) -> None:
    hung = connect(Rule("*", wire.stalls_before, times=ALWAYS), timeout=60).storage
    well = build_storage(provider.environ(bucket, location=f"{location}-well"))

    async def use() -> None:
        stuck = [asyncio.ensure_future(hung.aexists("x.txt")) for _ in range(2 * Lane.QUESTIONS.value)]
        stuck += [
            asyncio.ensure_future(hung.asave("x.txt", ContentFile(b"x"))) for _ in range(2 * Lane.TRANSFERS.value)
        ]
        await asyncio.sleep(0.1)
        name = await well.asave("a.txt", ContentFile(b"content"))
        assert await well.aexists(name)
        assert await well.asize(name) == 7
        async with well.aopen(name) as file:
            assert await file.aread() == b"content"
        # What a loop and a project have for everybody is free too.
        assert await asyncio.to_thread(lambda: 1) == 1
        assert await sync_to_async(lambda: 2)() == 2
        # A link needs no answer.
        assert await hung.aurl("x.txt")
        assert not any(task.done() for task in stuck)
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)

    asyncio.run(use())


def test_parent_that_hangs_delays_no_storage_of_the_own_place(
    connect: Connect, provider: Provider, bucket: str, location: str
) -> None:
    line = connect(Rule("*", wire.stalls_before, times=ALWAYS))
    own = provider.environ(bucket, location=f"{location}-own")
    above = provider.environ(bucket, location=location, AWS_S3_ENDPOINT_URL=line.proxy.url, STORAGE_TIMEOUT="60")
    fork = build_fork(own, above, **options())
    well = build_storage(provider.environ(bucket, location=f"{location}-well"), **options())
    assert isinstance(fork, ForkedStorage)

    async def use() -> None:
        stuck = [asyncio.ensure_future(fork.aexists("x.txt")) for _ in range(2 * Lane.QUESTIONS.value)]
        await asyncio.sleep(0.2)
        assert not await well.aexists("a.txt")
        assert not any(task.done() for task in stuck)
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)

    asyncio.run(use())


def test_those_who_give_up_say_nothing_of_the_store(connect: Connect) -> None:
    def stalls(exchange: Exchange) -> None:
        (wire.stalls_before if "x.txt" in exchange.request.target else wire.passes)(exchange)

    line = connect(Rule("HeadObject", stalls, times=ALWAYS))

    async def use() -> None:
        for _ in range(4):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await line.storage.aexists("x.txt")
        # They end by themselves, soon after.
        assert not await line.storage.aexists("y.txt")
        assert not line.storage.store.line.circuit.is_open()

    asyncio.run(use())


# -- cancelled


class Content(ContentFile):
    """A content that tells when it is read."""

    reads = 0

    def read(self, *arguments: Any) -> Any:
        self.reads += 1
        return super().read(*arguments)


@pytest.mark.parametrize("content", [b"small", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("after", [False, True], ids=["before the store has it", "after"])
@pytest.mark.parametrize("operation", ["PutObject", "UploadPart", "CompleteMultipartUpload"])
def test_cancelled_save_leaves_nothing(connect: Connect, operation: str, content: bytes, after: bool) -> None:
    if (content is not LARGE) != (operation == "PutObject"):
        return
    arrived = threading.Event()

    def holds(exchange: Exchange) -> None:
        if after:
            exchange.forward()
        arrived.set()
        exchange.wait_for_client_to_give_up()

    line = connect(Rule(operation, holds))
    given = Content(content)

    async def cancel() -> int:
        saving = asyncio.ensure_future(line.storage.asave("file.bin", given))
        assert await asyncio.to_thread(arrived.wait, 10)
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving
        # The content is the caller's again.
        return given.reads

    reads = asyncio.run(cancel())
    # The loop has ended; what takes the file back goes on.
    until = time.monotonic() + 30
    while (line.names or line.unfinished) and time.monotonic() < until:
        time.sleep(0.02)
    assert line.names == []
    assert line.unfinished == []
    assert given.reads == reads
    assert line.storage.save("file.bin", given) == "file.bin"
    assert line.stored("file.bin") == content


def test_cancelled_save_leaves_nothing_of_a_server_that_goes_on_without_the_client(connect: Connect) -> None:
    arrived, looked, done = threading.Event(), threading.Event(), threading.Event()

    def goes_on(exchange: Exchange) -> None:
        arrived.set()
        try:
            exchange.wait_for_client_to_give_up()
        finally:
            looked.wait(10)
            exchange.forward()
            done.set()

    def looks(exchange: Exchange) -> None:
        wire.passes(exchange)
        looked.set()

    line = connect(Rule("PutObject", goes_on), Rule("HeadObject", looks, times=ALWAYS))

    async def cancel() -> None:
        saving = asyncio.ensure_future(line.storage.asave("file.bin", ContentFile(b"content")))
        assert await asyncio.to_thread(arrived.wait, 10)
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving

    asyncio.run(cancel())
    assert done.wait(10)
    until = time.monotonic() + 30
    while line.names and time.monotonic() < until:
        time.sleep(0.02)
    assert line.names == []


def test_save_that_waits_for_its_turn_never_begins(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def holds(exchange: Exchange) -> None:
        arrived.set()
        go_on.wait(10)
        wire.passes(exchange)

    line = connect(Rule("PutObject", holds, times=Lane.TRANSFERS.value))

    async def use() -> None:
        running = [
            asyncio.ensure_future(line.storage.asave(f"{number}.txt", ContentFile(b"x")))
            for number in range(Lane.TRANSFERS.value)
        ]
        waiting = asyncio.ensure_future(line.storage.asave("never.txt", ContentFile(b"x")))
        assert await asyncio.to_thread(arrived.wait, 10)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        go_on.set()
        await asyncio.gather(*running)

    asyncio.run(use())
    assert len(line.names) == Lane.TRANSFERS.value
    assert not any("never" in request.target for request in line.proxy.exchanges)


def test_exception_in_async_with_leaves_what_was_there(connect: Connect) -> None:
    line = connect()
    line.put("file.bin", b"before")

    async def write(error: BaseException, size: int) -> None:
        async with line.storage.aopen("file.bin", "wb") as file:
            for _ in range(size):
                await file.awrite(bytes(MIB))
            raise error

    for error in (RuntimeError(), asyncio.CancelledError()):
        for size in (1, 80):
            with pytest.raises(type(error)):
                asyncio.run(write(error, size))
            assert line.stored("file.bin") == b"before"
            # Who waits for it waits for a second.
            processes.wait_until(lambda: not line.unfinished)


@pytest.mark.parametrize("written", [b"", bytes(80 * MIB)], ids=["nothing", "parts"])
def test_write_that_is_cancelled_is_not_stored_by_closing(connect: Connect, written: bytes) -> None:
    """Whether it had begun or was done: `finally: await file.aclose()` must not store half of what was meant."""
    line = connect()
    line.put("file.bin", b"before")

    async def write() -> None:
        file = await line.storage.aopen("file.bin", "wb")
        await file.awrite(written)
        writing = asyncio.create_task(file.awrite(b"rest"))
        await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        await file.aclose()
        # Written again, it is a file like any other.
        await asyncio.to_thread(file.open, "wb")
        assert line.stored("file.bin") == b"before"
        await file.awrite(b"after")
        await file.aclose()

    asyncio.run(write())
    assert line.stored("file.bin") == b"after"
    assert line.unfinished == []


def test_cancelled_read_leaves_the_file_where_it_was(connect: Connect) -> None:
    line = connect(Rule("GetObject", wire.stalls_before, first=1))
    content = os.urandom(3 * MIB)
    line.put("file.bin", content)

    async def read() -> bytes:
        async with line.storage.aopen("file.bin") as file:
            begin = await file.aread(10)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await file.aread()
            return bytes(begin + await file.aread())

    assert asyncio.run(read()) == content


def test_deletion_that_is_under_way_is_done(connect: Connect) -> None:
    arrived = threading.Event()

    def holds(exchange: Exchange) -> None:
        arrived.set()
        time.sleep(0.2)
        wire.passes(exchange)

    line = connect(Rule("DeleteObject", holds))
    line.put("file.bin", b"x")

    async def cancel() -> None:
        deleting = asyncio.ensure_future(line.storage.adelete("file.bin"))
        assert await asyncio.to_thread(arrived.wait, 10)
        deleting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await deleting

    asyncio.run(cancel())
    until = time.monotonic() + 30
    while line.names and time.monotonic() < until:
        time.sleep(0.02)
    assert line.names == []


INTERRUPTED = """
    import asyncio, json, os, sys
    import django
    django.setup()
    from django.core.files.base import ContentFile
    from tests.stores import build_storage

    storage = build_storage(json.loads(sys.argv[1]))

    async def main():
        saving = asyncio.ensure_future(storage.asave("file.bin", ContentFile(os.urandom(30_000_000))))
        {what}

    asyncio.run(main())
"""


@pytest.mark.parametrize(
    "what",
    ["await asyncio.to_thread(input)", "await asyncio.to_thread(input); raise SystemExit", "await saving"],
    ids=["the loop ends", "it is left by SystemExit", "SIGINT"],
)
def test_interpreter_that_exits_with_a_task_leaves_nothing_half(connect: Connect, what: str, location: str) -> None:
    arrived = threading.Event()

    def holds(exchange: Exchange) -> None:
        arrived.set()
        time.sleep(0.3)
        wire.passes(exchange)

    line = connect(Rule("UploadPart", holds, times=ALWAYS))
    environ = line.provider.environ(line.bucket, location=location, AWS_S3_ENDPOINT_URL=line.proxy.url)
    with processes.start(
        [sys.executable, "-c", textwrap.dedent(INTERRUPTED).format(what=what), json.dumps(environ)],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as program:
        assert arrived.wait(30)
        if what == "await saving":
            program.send_signal(signal.SIGINT)
        _, said = program.communicate(b"\n", timeout=30)
    assert b"Exception in thread" not in said
    assert line.unfinished == []
    assert line.names in ([], ["file.bin"])
    assert not line.names or len(line.stored("file.bin")) == 30_000_000


def test_process_that_is_forked_beside_a_loop_has_threads_of_its_own(connect: Connect) -> None:
    storage: Any = connect().storage
    assert not asyncio.run(storage.aexists("x.txt"))
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            os._exit(asyncio.run(asyncio.wait_for(storage.aexists("x.txt"), 5)))
        os._exit(9)
    assert os.waitpid(child, 0)[1] == 0


# -- what belongs to the caller

tenant: ContextVar[str] = ContextVar("tenant")


def test_projects_hooks_see_the_callers_context(connect: Connect) -> None:
    storage: Any = connect().storage
    seen = []
    plain = storage.get_object_parameters

    def parameters(name: str) -> Any:
        seen.append(tenant.get())
        return plain(name)

    storage.get_object_parameters = parameters

    async def use(who: str) -> None:
        tenant.set(who)
        await storage.asave("a.txt", ContentFile(b"x"))

    async def main() -> None:
        await asyncio.gather(use("ada"), use("grace"))

    asyncio.run(main())
    assert set(seen) == {"ada", "grace"}


@pytest.mark.django_db(transaction=True)
def test_what_hooks_open_of_a_database_is_closed(connect: Connect) -> None:
    storage: Any = connect().storage
    closed = threading.Event()

    def parameters(name: str) -> dict[str, Any]:
        connections["default"].ensure_connection()
        # One in memory is never closed.
        connections["default"].close = closed.set
        return {}

    storage.get_object_parameters = parameters
    asyncio.run(storage.asave("a.txt", ContentFile(b"x")))
    assert closed.wait(5)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("ends", ["commits", "rolls back"])
def test_deletion_into_the_trash_waits_for_the_callers_transaction(connect: Connect, ends: str) -> None:
    line = connect(trash=3600)
    storage: Any = line.storage
    line.put("file.bin", b"x")

    def page() -> None:
        with contextlib.suppress(ZeroDivisionError), transaction.atomic():
            async_to_sync(storage.adelete)("file.bin")
            assert storage.exists("file.bin")
            if ends == "rolls back":
                raise ZeroDivisionError

    async def main() -> None:
        # As an ASGI server runs a view that is not asynchronous.
        await sync_to_async(page)()

    asyncio.run(main())
    database.close()
    until = time.monotonic() + 30
    while "file.bin" in line.names and ends == "commits" and time.monotonic() < until:
        time.sleep(0.02)
    assert line.names == (["file.bin"] if ends == "rolls back" else [])
    assert [one.name for one in trash.entries(storage)] == (["file.bin"] if ends == "commits" else [])


@pytest.mark.django_db(transaction=True)
def test_deletion_into_the_trash_outside_of_transactions_is_done_when_it_returns(connect: Connect) -> None:
    line = connect(trash=3600)
    storage: Any = line.storage
    line.put("file.bin", b"x")
    asyncio.run(storage.adelete("file.bin"))
    assert line.names == []
    assert [one.name for one in trash.entries(storage)] == ["file.bin"]


# -- the same as without


def test_files_are_opened_in_every_way(connect: Connect) -> None:
    line = connect()
    storage: Any = line.storage

    async def use() -> None:
        async with storage.aopen("a.txt", "x") as file:
            await file.awrite("première\nzweite")
        async with await storage.aopen("a.txt") as file:
            assert b"".join([chunk async for chunk in file]).decode() == "première\nzweite"
            assert await file.aread() == b""
            await file.aseek(1)
            assert await file.aread(3) == b"rem"
            assert len([chunk async for chunk in file.achunks(4)]) == 4
        opening = asyncio.create_task(storage.aopen("a.txt", "r"))
        file = await opening
        assert await file.aread() == "première\nzweite"
        await file.aclose()
        assert file.closed
        with pytest.raises(NameTaken):
            async with storage.aopen("a.txt", "xb") as file:
                await file.awrite(b"y")
        with pytest.raises(ObjectNotFound):
            await storage.aopen("b.txt")
        assert await storage.alistdir("") == ([], ["a.txt"])
        assert await storage.aget_modified_time("a.txt") == await sync_to_async(storage.get_modified_time)("a.txt")
        assert await storage.aexists_many(["a.txt", "b.txt"]) == {"a.txt": True, "b.txt": False}
        await storage.adelete_many(["a.txt", "b.txt"])
        assert not await storage.aexists("a.txt")

    asyncio.run(use())


def test_django_streams_a_file_that_is_open(connect: Connect) -> None:
    line = connect()
    line.put("a.bin", LARGE)
    storage: Any = line.storage

    async def answer() -> None:
        file = await storage.aopen("a.bin")
        response = StreamingHttpResponse(file)
        # Else Django reads all of it before it sends anything.
        assert response.is_async
        assert b"".join([piece async for piece in response]) == LARGE
        response.close()
        assert file.closed
        # In a thread it is a file like any other.
        again = await storage.aopen("a.bin")
        assert b"".join(await asyncio.to_thread(list, again)) == LARGE
        # What was not opened for the loop is read as ever.
        assert not StreamingHttpResponse(await asyncio.to_thread(storage.open, "a.bin")).is_async

    asyncio.run(answer())
    assert b"".join(StreamingHttpResponse(storage.open("a.bin"))) == LARGE


def test_file_of_the_store_is_copied_by_the_store(connect: Connect) -> None:
    line = connect()
    line.put("old.bin", LARGE)

    async def copy() -> None:
        async with line.storage.aopen("old.bin") as file:
            await line.storage.asave("new.bin", file)

    asyncio.run(copy())
    assert line.stored("new.bin") == LARGE
    assert "CopyObject" in line.proxy.operations
    assert "UploadPart" not in line.proxy.operations


def test_tasks_that_read_one_file_take_turns(connect: Connect) -> None:
    line = connect()
    content = os.urandom(4 * MIB)
    line.put("file.bin", content)

    async def read() -> list[bytes]:
        async with line.storage.aopen("file.bin") as file:
            return list(await asyncio.gather(*(file.aread(64 * 1024) for _ in range(64))))

    pieces = asyncio.run(read())
    assert sorted(pieces) == sorted(content[at : at + 64 * 1024] for at in range(0, len(content), 64 * 1024))
