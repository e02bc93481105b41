"""A fork is a dictionary laid over its parent's, whatever is asked of it in whatever order, and whatever the parent does.

`HOLDALL_MODEL_STEPS` sets how many steps are taken in each variant: 100 every day, and the long run is
`HOLDALL_MODEL_STEPS=5000 python -m pytest tests/contract/test_fork_model.py`.
"""

from __future__ import annotations

import random
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from django.core.files.base import ContentFile
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from holdall.errors import NameTaken
from holdall.fork import overlay
from holdall.storage.objects import walk
from tests.contract import only
from tests.forks import read
from tests.modelling import TIMEOUT_SECONDS, model_settings
from tests.providers import Provider, fetch
from tests.servers.fault_proxy import FaultProxy
from tests.stores import build_fork, build_storage

THRESHOLD_BYTES = 64 * 1024
FOLDERS = ["", "a", "a/b", "odd +%é"]
NAMES = st.sampled_from(
    [f"{folder}/{file}".lstrip("/") for folder in FOLDERS for file in ("one.bin", "two.bin", "drei ü&#.bin")]
)
SIZES = st.one_of(st.integers(0, 3_000), st.just(THRESHOLD_BYTES + 1))
SEEDS = st.integers(0, 2**32 - 1)
CHOICES = st.integers(0, 2**16)


@dataclass
class Fork:
    """One fork: what it must show, and its processes."""

    # The dictionary of its parent, or the parent fork.
    parent: Any
    processes: list[Any]
    own: dict[str, bytes] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)

    @property
    def shown(self) -> dict[str, bytes]:
        above = self.parent.shown if isinstance(self.parent, Fork) else self.parent
        return {name: content for name, content in above.items() if name not in self.hidden} | self.own


class ForkMachine(RuleBasedStateMachine):
    """A parent that its own environment changes, two forks of it, and, where each has several processes, a fork of one."""

    def __init__(self, provider: Provider, bucket: str, *, processes: int, counts: Counter[str]) -> None:
        super().__init__()
        self.counts = counts
        self.model: dict[str, bytes] = {}
        run = uuid.uuid4().hex[:10]
        self.proxy = FaultProxy(provider.endpoint_url)
        self.proxy.__enter__()
        self.parent: Any = build_storage(provider.environ(bucket, location=f"parent-{run}"), file_overwrite=True)
        # Reached through a proxy that writes down what is asked; the keys may write.
        above = provider.environ(bucket, location=f"parent-{run}", AWS_S3_ENDPOINT_URL=self.proxy.url)
        parts = TransferConfig(
            multipart_threshold=THRESHOLD_BYTES, use_threads=False, preferred_transfer_client="classic"
        )

        def fork(name: str, parent: Any, *environs: dict[str, str]) -> Fork:
            own = provider.environ(bucket, location=f"{name}-{run}")
            lanes = [{"fast_lane": number % 2 == 0, "querystring_expire": 3600 + number} for number in range(processes)]
            return Fork(parent, [build_fork(own, *environs, transfer_config=parts, **lane) for lane in lanes])

        self.forks = [fork("one", self.model, above), fork("two", self.model, above)]
        if processes > 1:
            # To it the fork above is another process's, of which it knows late what was deleted.
            one = provider.environ(bucket, location=f"one-{run}")
            self.forks.append(fork("of-one", self.forks[0], one, above))

    def any_of(self, choice: int) -> tuple[Fork, Any]:
        fork = self.forks[choice % len(self.forks)]
        return fork, fork.processes[choice // 7 % len(fork.processes)]

    def some_name(self, names: Any, choice: int) -> str | None:
        listed = sorted(names)
        return listed[choice % len(listed)] if listed else None

    # -- the parent's own environment

    @rule(name=NAMES, seed=SEEDS, size=SIZES)
    def parent_saves(self, name: str, seed: int, size: int) -> None:
        self.model[name] = random.Random(seed).randbytes(size)
        assert self.parent.save(name, ContentFile(self.model[name])) == name

    @rule(choice=CHOICES)
    def parent_deletes(self, choice: int) -> None:
        if name := self.some_name(self.model, choice):
            del self.model[name]
            self.parent.delete(name)

    # -- the forks write

    @rule(choice=CHOICES, name=NAMES, seed=SEEDS, size=SIZES)
    def save(self, choice: int, name: str, seed: int, size: int) -> None:
        fork, storage = self.any_of(choice)
        content = random.Random(seed).randbytes(size)
        saved = storage.save(name, ContentFile(content))
        assert saved not in fork.shown
        assert saved == name or name in fork.shown
        fork.own[saved] = content

    @rule(choice=CHOICES, name=NAMES, seed=SEEDS, size=SIZES)
    def write_as_a_stream(self, choice: int, name: str, seed: int, size: int) -> None:
        fork, storage = self.any_of(choice)
        content = random.Random(seed).randbytes(size)
        free = name not in fork.shown
        try:
            with storage.open(name, "xb") as file:
                file.write(content)
        except NameTaken:
            assert not free
        else:
            assert free
            fork.own[name] = content

    @rule(choice=CHOICES, name=NAMES, seed=SEEDS, size=SIZES)
    def replace_by_a_stream(self, choice: int, name: str, seed: int, size: int) -> None:
        fork, storage = self.any_of(choice)
        content = random.Random(seed).randbytes(size)
        with storage.open(name, "wb") as file:
            file.write(content)
        fork.own[name] = content

    @rule(choice=CHOICES, name=CHOICES)
    def delete(self, choice: int, name: int) -> None:
        fork, storage = self.any_of(choice)
        if found := self.some_name(fork.shown, name):
            self.forget(fork, found)
            storage.delete(found)

    @rule(choice=CHOICES, names=st.lists(NAMES, max_size=4))
    def delete_many(self, choice: int, names: list[str]) -> None:
        fork, storage = self.any_of(choice)
        for name in names:
            self.forget(fork, name)
        storage.delete_many(names)

    def forget(self, fork: Fork, name: str) -> None:
        above = fork.parent.shown if isinstance(fork.parent, Fork) else fork.parent
        if name in above:
            fork.hidden.add(name)
        fork.own.pop(name, None)

    @rule(choice=CHOICES, old=CHOICES, name=NAMES)
    def rename_by_copy(self, choice: int, old: int, name: str) -> None:
        fork, storage = self.any_of(choice)
        if found := self.some_name(fork.shown, old):
            content = fork.shown[found]
            with storage.open(found) as file:
                saved = storage.save(name, file)
            assert saved not in fork.shown
            fork.own[saved] = content
            self.forget(fork, found)
            storage.delete(found)

    # -- the forks read

    @rule(choice=CHOICES, name=CHOICES)
    def read(self, choice: int, name: int) -> None:
        fork, storage = self.any_of(choice)
        if found := self.some_name(fork.shown, name):
            is_right = read(storage, found) == fork.shown[found]
            assert is_right
            assert storage.size(found) == len(fork.shown[found])
            storage.get_modified_time(found)

    @rule(choice=CHOICES, name=CHOICES, share=st.floats(0, 1), length=st.integers(0, 1_000))
    def read_a_range(self, choice: int, name: int, share: float, length: int) -> None:
        fork, storage = self.any_of(choice)
        if found := self.some_name(fork.shown, name):
            offset = int(share * len(fork.shown[found]))
            with storage.open(found) as file:
                file.seek(offset)
                is_right = file.read(length) == fork.shown[found][offset : offset + length]
            assert is_right

    @rule(choice=CHOICES, name=NAMES)
    def ask(self, choice: int, name: str) -> None:
        fork, storage = self.any_of(choice)
        assert storage.exists(name) == (name in fork.shown)
        if name not in fork.shown:
            for deed in (storage.open, storage.size, storage.get_modified_time):
                with pytest.raises(FileNotFoundError):
                    deed(name)

    @rule(choice=CHOICES, name=NAMES)
    def follow_the_link(self, choice: int, name: str) -> None:
        fork, storage = self.any_of(choice)
        answer = fetch(storage.url(name))
        assert answer.status == (200 if name in fork.shown else 404)
        is_right = name not in fork.shown or answer.body == fork.shown[name]
        assert is_right

    @rule(choice=CHOICES, folder=st.sampled_from([*FOLDERS, "missing"]))
    def listdir(self, choice: int, folder: str) -> None:
        fork, storage = self.any_of(choice)
        prefix = f"{folder}/" if folder else ""
        below = [name.removeprefix(prefix) for name in fork.shown if name.startswith(prefix)]
        folders = {name.partition("/")[0] for name in below if "/" in name}
        found_folders, found_files = storage.listdir(folder)
        # SeaweedFS keeps folders that were emptied, as a file system does.
        assert folders <= set(found_folders) <= {*folders, "a", "b", "odd +%é"}
        assert found_files == sorted(name for name in below if "/" not in name)

    @invariant()
    def step_is_counted(self) -> None:
        self.counts["steps"] += 1

    def teardown(self) -> None:
        try:
            self.counts["requests to the parent"] += len(self.proxy.exchanges)
            assert {request.method for request in self.proxy.exchanges} <= {"GET", "HEAD"}
            for fork in self.forks:
                for storage in fork.processes:
                    for name, content in fork.shown.items():
                        is_right = read(storage, name) == content
                        assert is_right
            left = {entry.name for entry in walk(self.parent)}
            assert left == set(self.model)
            wrong = [name for name, content in self.model.items() if read(self.parent, name) != content]
            assert wrong == []
        finally:
            self.proxy.__exit__(None, None, None)


@only("seaweedfs-http")
@pytest.mark.parametrize(
    ("processes", "page"),
    [(1, 1000), (2, 1000), (1, 3), (2, 3)],
    ids=["one-process", "two-processes", "one-process-large", "two-processes-large"],
)
@pytest.mark.timeout(TIMEOUT_SECONDS)
def test_fork_is_a_dictionary_over_its_parents(
    provider: Provider,
    bucket: str,
    processes: int,
    page: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As if one request listed three names, so that nearly every fork is a large one.
    monkeypatch.setattr(overlay, "PAGE", page)
    if processes > 1:
        # What the others did is known at once, where it is asked for each time.
        for name in ("KNOWN_SECONDS", "NEW_SECONDS", "SHARE_OF_TIME"):
            monkeypatch.setattr(overlay, name, -1)
    counts: Counter[str] = Counter()
    run_state_machine_as_test(
        lambda: ForkMachine(provider, bucket, processes=processes, counts=counts),
        settings=model_settings(),
    )
    with capsys.disabled():
        print(f"\nwith {processes} process(es) a fork: {dict(counts)}")
    assert counts["requests to the parent"]
