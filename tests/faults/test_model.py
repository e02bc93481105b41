"""A storage is a dictionary from names to bytes, whatever is asked of it in whatever order, also on a failing network.

`HOLDALL_MODEL_STEPS` sets how many steps are taken in each variant: 100 every day, and the long run is
`HOLDALL_MODEL_STEPS=6500 python -m pytest tests/faults/test_model.py`.
"""

from __future__ import annotations

import io
import logging
import random
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import pytest
from boto3.s3.transfer import TransferConfig
from django.core.files.base import ContentFile
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from holdall.errors import NameTaken, StoreFailed, StoreUnreachable
from tests.awaiting import Awaited
from tests.contract import only
from tests.faults.conftest import PART_BYTES, Line
from tests.modelling import TIMEOUT_SECONDS, model_settings
from tests.providers import Provider, fetch
from tests.servers import fault_proxy as wire
from tests.servers.fault_proxy import Fault, FaultProxy, Request
from tests.stores import build_storage

THRESHOLD_BYTES = 64 * 1024
# One request of so many meets a fault.
FAULT_EVERY = 6
# Stalls cost the client's whole patience, so they are rare.
FAULTS = [
    wire.resets_before,
    wire.resets_after,
    wire.answers_500_before,
    wire.answers_500_after,
    wire.answers_503_before,
    wire.answers_503_after,
    wire.duplicates,
    wire.cuts_request(100),
    wire.cuts_answer(0),
    wire.cuts_answer(1_000),
    wire.cuts_answer(1_000, framed=False),
] * 4 + [wire.stalls_before, wire.stalls_after, wire.is_overtaken, wire.stalls_answer(50)]

FOLDERS = ["", "a", "a/b", "odd +%é"]
NAMES = st.sampled_from(
    [f"{folder}/{file}".lstrip("/") for folder in FOLDERS for file in ("one.bin", "two.bin", "três ü&#.bin", "four")]
)
# Small files, some that are sent as a single part, and now and then one of two parts.
SIZES = st.one_of(
    st.sampled_from([0, 1, THRESHOLD_BYTES - 1, THRESHOLD_BYTES, THRESHOLD_BYTES + 1]),
    st.integers(0, 5_000),
    st.integers(0, 5_000),
    st.integers(THRESHOLD_BYTES, 10 * THRESHOLD_BYTES),
    st.integers(0, 20).map(lambda dice: PART_BYTES + 1 + dice if dice == 20 else dice),
)
SEEDS = st.integers(0, 2**32 - 1)
CHOICES = st.integers(0, 2**16)
T = TypeVar("T")


def content_of(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


class Told(logging.Handler):
    """The names of which the log says that something could not be cleaned up."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.names: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if record.module == "circuit":
            # That the store did not answer, and that it does again.
            return
        assert "could not be cleaned up" in record.getMessage()
        assert isinstance(record.args, tuple)
        self.names.add(str(record.args[0]))


class StorageMachine(RuleBasedStateMachine):
    """The storage, the dictionary, and what is done to both."""

    def __init__(self, provider: Provider, bucket: str, *, fails: bool, way: str, counts: Counter[str]) -> None:
        super().__init__()
        self.fails, self.counts = fails, counts
        self.model: dict[str, bytes] = {}
        self.dice = random.Random(0)
        self.told = Told()
        logging.getLogger("holdall").addHandler(self.told)
        self.proxy = FaultProxy(provider.endpoint_url, choose=self.choose if fails else None)
        self.proxy.__enter__()
        location = f"model-{uuid.uuid4().hex[:10]}"
        environ = provider.environ(bucket, location=location, AWS_S3_ENDPOINT_URL=self.proxy.url)
        parts = TransferConfig(
            multipart_threshold=THRESHOLD_BYTES,
            multipart_chunksize=PART_BYTES,
            # The dice fall in the same order when a failure is run again.
            use_threads=False,
            preferred_transfer_client="classic",
        )
        self.storage: Any = build_storage(environ, transfer_config=parts, provider="seaweedfs", fast_lane=way != "sdk")
        self.line = Line(self.storage, self.proxy, provider, bucket, location)
        if way == "awaited":
            self.storage = Awaited(self.storage)

    @initialize(seed=SEEDS)
    def shuffle(self, seed: int) -> None:
        self.dice = random.Random(seed)

    def choose(self, request: Request) -> Fault | None:
        # A browser that follows a link repeats nothing; what it sees of a failing network is not ours.
        if "X-Amz-Signature" in request.target or self.dice.randrange(FAULT_EVERY):
            return None
        return self.dice.choice(FAULTS)

    def attempt(self, deed: Callable[[], T]) -> tuple[T | None, bool]:
        """Do it, and say whether it went well; only a failing network is an excuse."""
        self.counts["operations"] += 1
        try:
            return deed(), True
        except (StoreUnreachable, StoreFailed):
            if not self.fails:
                raise
            self.counts["errors"] += 1
            self.clean_up_what_the_log_tells()
            # An error says that nothing happened; what did happen all the same shows here.
            assert sorted(self.line.names) == sorted(self.model)
            return None, False

    def clean_up_what_the_log_tells(self) -> None:
        """Do what whoever reads the log would do, when the network failed in the clean-up too."""
        client, bucket = self.line.provider.client, self.line.bucket
        for name in self.told.names:
            self.counts["told"] += 1
            key = f"{self.line.location}/{name}"
            for upload in client.list_multipart_uploads(Bucket=bucket, Prefix=key).get("Uploads", ()):
                if upload["Key"] == key:
                    client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload["UploadId"])
            if name not in self.model and name in self.line.names:
                assert self.line.stored(name) == b"", "only a reservation may be left"
                client.delete_object(Bucket=bucket, Key=key)
        self.told.names.clear()

    def some_name(self, choice: int) -> str | None:
        names = sorted(self.model)
        return names[choice % len(names)] if names else None

    # -- writing

    @rule(name=NAMES, seed=SEEDS, size=SIZES)
    def save(self, name: str, seed: int, size: int) -> None:
        content = content_of(seed, size)
        saved, went_well = self.attempt(lambda: self.storage.save(name, ContentFile(content)))
        if went_well:
            assert saved is not None
            assert saved not in self.model
            assert saved == name or name in self.model
            self.model[saved] = content

    @rule(choice=CHOICES, seed=SEEDS, size=SIZES)
    def save_under_a_taken_name(self, choice: int, seed: int, size: int) -> None:
        if name := self.some_name(choice):
            self.save(name, seed, size)

    @rule(name=NAMES, text=st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
    def save_text(self, name: str, text: str) -> None:
        saved, went_well = self.attempt(lambda: self.storage.save(name, ContentFile(text)))
        if went_well:
            assert saved is not None
            assert saved not in self.model
            self.model[saved] = text.encode()

            def read() -> str:
                with self.storage.open(saved, "r") as file:
                    return str(file.read())

            # As any text is read: each kind of line's end becomes the one.
            found, went_well = self.attempt(read)
            assert not went_well or found == text.replace("\r\n", "\n").replace("\r", "\n")

    @rule(name=NAMES, seed=SEEDS, sizes=st.lists(SIZES, max_size=3))
    def write_as_a_stream(self, name: str, seed: int, sizes: list[int]) -> None:
        pieces = [content_of(seed + number, size) for number, size in enumerate(sizes)]

        def write() -> bool:
            try:
                with self.storage.open(name, "xb") as file:
                    for piece in pieces:
                        file.write(piece)
            except NameTaken:
                return False
            return True

        written, went_well = self.attempt(write)
        if went_well:
            assert written == (name not in self.model)
        if written:
            self.model[name] = b"".join(pieces)

    @rule(name=NAMES, seed=SEEDS, size=SIZES)
    def replace_by_a_stream(self, name: str, seed: int, size: int) -> None:
        content = content_of(seed, size)

        def write() -> None:
            with self.storage.open(name, "wb") as file:
                file.write(content)

        _, went_well = self.attempt(write)
        if went_well:
            self.model[name] = content

    @rule(choice=CHOICES, at=st.integers(0, 5_000), seed=SEEDS, mode=st.sampled_from(["r+b", "ab"]))
    def change_in_its_place(self, choice: int, at: int, seed: int, mode: str) -> None:
        if name := self.some_name(choice):
            here, piece = bytearray(self.model[name]), content_of(seed, 100)
            at = min(at, len(here)) if mode == "r+b" else len(here)
            here[at : at + 100] = piece

            def write() -> None:
                with self.storage.open(name, mode) as file:
                    file.seek(at)
                    file.write(piece)

            _, went_well = self.attempt(write)
            if went_well:
                self.model[name] = bytes(here)

    @rule(name=NAMES, seed=SEEDS, size=SIZES, mode=st.sampled_from(["wb", "xb"]))
    def abandon_a_stream(self, name: str, seed: int, size: int, mode: str) -> None:
        def write() -> None:
            with suppress(LookupError, NameTaken), self.storage.open(name, mode) as file:
                file.write(content_of(seed, size))
                raise LookupError

        self.attempt(write)

    @rule(choice=CHOICES)
    def delete(self, choice: int) -> None:
        if name := self.some_name(choice):
            kept = self.model.pop(name)
            try:
                self.attempt(lambda: self.storage.delete(name))
            except AssertionError:
                # The one thing that an error may have done nevertheless, or not.
                self.model[name] = kept
                assert sorted(self.line.names) == sorted(self.model)

    @rule(name=NAMES)
    def delete_what_may_be_missing(self, name: str) -> None:
        if name not in self.model:
            self.attempt(lambda: self.storage.delete(name))

    # -- reading

    @rule(choice=CHOICES)
    def read(self, choice: int) -> None:
        if name := self.some_name(choice):

            def read() -> bytes:
                with self.storage.open(name) as file:
                    return bytes(file.read())

            found, went_well = self.attempt(read)
            is_right = not went_well or found == self.model[name]
            assert is_right

    @rule(
        choice=CHOICES,
        jumps=st.lists(st.tuples(st.floats(0, 1.1), st.sampled_from([0, 1, 10, 5_000, 200_000, -1])), max_size=4),
    )
    def read_here_and_there(self, choice: int, jumps: list[tuple[float, int]]) -> None:
        if name := self.some_name(choice):
            here = io.BytesIO(self.model[name])

            def read() -> bool:
                with self.storage.open(name) as file:
                    for share, length in jumps:
                        offset = int(share * len(self.model[name]))
                        if file.seek(offset) != here.seek(offset) or file.read(length) != here.read(length):
                            return False
                return True

            is_right, went_well = self.attempt(read)
            assert is_right or not went_well

    @rule(name=NAMES)
    def read_what_may_be_missing(self, name: str) -> None:
        if name not in self.model:

            def is_missing() -> bool:
                try:
                    self.storage.open(name).close()
                except FileNotFoundError:
                    return True
                return False

            missing, went_well = self.attempt(is_missing)
            assert missing or not went_well

    @rule(name=NAMES)
    def exists(self, name: str) -> None:
        found, went_well = self.attempt(lambda: bool(self.storage.exists(name)))
        assert not went_well or found == (name in self.model)

    @rule(choice=CHOICES)
    def size(self, choice: int) -> None:
        if name := self.some_name(choice):
            found, went_well = self.attempt(lambda: int(self.storage.size(name)))
            assert not went_well or found == len(self.model[name])

    @rule(folder=st.sampled_from([*FOLDERS, "missing"]))
    def listdir(self, folder: str) -> None:
        found, went_well = self.attempt(lambda: tuple(map(sorted, self.storage.listdir(folder))))
        prefix = f"{folder}/" if folder else ""
        below = [name.removeprefix(prefix) for name in self.model if name.startswith(prefix)]
        folders = sorted({name.partition("/")[0] for name in below if "/" in name})
        if went_well:
            assert found is not None
            # SeaweedFS keeps folders that were emptied, as a file system does.
            assert set(folders) <= set(found[0]) <= {*folders, "a", "b", "odd +%é"}
            assert found[1] == sorted(name for name in below if "/" not in name)

    @rule(choice=CHOICES)
    def follow_the_link(self, choice: int) -> None:
        if name := self.some_name(choice):
            self.counts["operations"] += 1
            answer = fetch(self.storage.url(name))
            assert answer.status == 200
            is_right = answer.body == self.model[name]
            assert is_right

    # -- the end

    @invariant()
    def step_is_counted(self) -> None:
        self.counts["steps"] += 1

    def teardown(self) -> None:
        try:
            self.counts["requests"] += len(self.proxy.exchanges)
            self.counts["faults"] += self.proxy.faults
            self.clean_up_what_the_log_tells()
            assert sorted(self.line.names) == sorted(self.model)
            wrong = [name for name, content in self.model.items() if self.line.stored(name) != content]
            assert wrong == []
            assert self.line.unfinished == []
        finally:
            logging.getLogger("holdall").removeHandler(self.told)
            self.proxy.__exit__(None, None, None)
            if isinstance(self.storage, Awaited):
                self.storage.close()


@only("seaweedfs-http")
@pytest.mark.parametrize("way", ["fast-lane", "sdk", "awaited"])
@pytest.mark.parametrize("fails", [False, True], ids=["fine", "failing"])
@pytest.mark.timeout(TIMEOUT_SECONDS)
def test_storage_is_a_dictionary(
    provider: Provider, bucket: str, fails: bool, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    counts: Counter[str] = Counter()
    run_state_machine_as_test(
        lambda: StorageMachine(provider, bucket, fails=fails, way=way, counts=counts),
        settings=model_settings(),
    )
    with capsys.disabled():
        print(f"\non a {'failing' if fails else 'sound'} network, {way}: {dict(counts)}")
    assert bool(counts["faults"]) == fails
