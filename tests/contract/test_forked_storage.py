"""A fork is a storage: what is promised of one holds for it, over a parent that is empty and over one that is full."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.storage import Storage

from tests.conftest import MakeStorage
from tests.contract import test_round_trips, test_storage_behaviour
from tests.providers import Provider
from tests.stores import build_fork

globals().update(
    {
        name: test
        for module in (test_storage_behaviour, test_round_trips)
        for name, test in vars(module).items()
        if name.startswith("test_")
    }
)


# What an empty parent can break shows on one server; what a full one can, also on one that sorts and answers otherwise.
PARENTS = [("seaweedfs-http", "empty"), ("seaweedfs-http", "filled"), ("ceph-http", "filled")]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if any("provider" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")):
        metafunc.parametrize("filling", ["empty", "filled"], indirect=True)
    elif "filling" in metafunc.fixturenames:
        metafunc.parametrize(("provider", "filling"), PARENTS, indirect=True, scope="session")


@pytest.fixture(scope="session")
def provider(request: pytest.FixtureRequest, start_provider: Callable[[str], Provider]) -> Provider:
    return start_provider(request.param)


# Over again, because that of tests/conftest.py is made anew for its own `provider` alone.
@pytest.fixture(scope="session")
def bucket(provider: Provider) -> str:
    return provider.create_bucket()


@pytest.fixture(scope="session")
def filling(request: pytest.FixtureRequest) -> str:
    """What the parent has: nothing, or files."""
    return str(request.param)


@pytest.fixture
def make_storage(filling: str, provider: Provider, bucket: str, location: str) -> MakeStorage:
    """Make forks instead of plain storages; what a full parent has was all deleted in the fork."""
    parent = provider.environ(bucket, location=f"parent-of-{location}")
    names = [f"parents {number}/file.txt" for number in range(3)] if filling == "filled" else []
    for name in [*names, *(["folder/one.txt", "a.txt"] if names else [])]:
        provider.write(bucket, f"parent-of-{location}/{name}", b"the parent's")

    def make(*, options: dict[str, Any] | None = None, **changes: Any) -> Storage:
        given = {"bucket": bucket, "location": location} | changes
        if given.get("is_public"):
            # Its parent's private files are in the same bucket.
            given["STORAGE_DOMAIN_IS_LIMITED"] = "true"
        fork = build_fork(provider.environ(given.pop("bucket"), **given), parent, **(options or {}))
        if names:
            fork.delete_many([*names, "folder/one.txt", "a.txt"])
        return fork

    return make
