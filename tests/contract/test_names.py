"""Names that come to nothing, or to a folder, are no files: no method makes of them a request about the bucket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile

from holdall.errors import InvalidName
from tests.contract import only
from tests.forks import Family
from tests.providers import Provider
from tests.servers.fault_proxy import FaultProxy
from tests.stores import build_fork, build_storage

# What the client sends is decided before any server is asked.
pytestmark = only("seaweedfs-http")

NO_FILES = [".", "./", "a/..", "a/../", "a/../.", ".\\", "folder/", "a/b/", "folder\\"]
ASKED: dict[str, Callable[[Any, str], object]] = {
    "open": lambda storage, name: storage.open(name),
    "write": lambda storage, name: storage.open(name, "wb").close(),
    "save": lambda storage, name: storage.save(name, ContentFile(b"x")),
    "size": lambda storage, name: storage.size(name),
    "get_modified_time": lambda storage, name: storage.get_modified_time(name),
    "delete": lambda storage, name: storage.delete(name),
    "delete_many": lambda storage, name: storage.delete_many(["a.txt", name]),
}


@pytest.fixture(params=["plain", "without a location", "overwriting", "fork"])
def kept(request: pytest.FixtureRequest, provider: Provider, location: str) -> Any:
    """A storage behind a proxy that remembers what is sent, with a file in it."""
    bucket = provider.create_bucket()
    with FaultProxy(provider.endpoint_url) as proxy:
        place = "" if request.param == "without a location" else location
        provider.write(bucket, f"{place}/secret.pdf" if place else "secret.pdf", b"x")
        environ = provider.environ(bucket, location=place, AWS_S3_ENDPOINT_URL=proxy.url)
        if request.param == "fork":
            own = provider.environ(provider.create_bucket(), AWS_S3_ENDPOINT_URL=proxy.url)
            storage: Any = build_fork(own, environ)
        else:
            storage = build_storage(environ, file_overwrite=request.param == "overwriting")
        yield storage, proxy


def test_name_of_no_file_is_refused_and_nothing_is_sent(kept: Any) -> None:
    storage, proxy = kept
    for method, ask in ASKED.items():
        for name in NO_FILES:
            with pytest.raises(SuspiciousFileOperation):
                ask(storage, name)
        # As Django: to delete nothing is a mistake of the caller's, not of an attacker's.
        with pytest.raises(ValueError if method.startswith("delete") else SuspiciousFileOperation):
            ask(storage, "")
    assert proxy.requests == []
    # What has no name is the base of all links.
    for name in (None, "", ".", "a/.."):
        assert storage.url(name).endswith("/")
        assert "?" not in storage.url(name)


def test_own_rule_for_keys_that_leaves_nothing_is_refused(make_storage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = make_storage()
    rule = type(
        "Ruled",
        (type(storage),),
        {"_normalize_name": lambda self, name: super(type(storage), self)._normalize_name(name).removesuffix("a.txt")},
    )
    ruled = rule(**storage._constructor_args[1])
    for method in ("open", "size", "delete", "save"):
        with pytest.raises(InvalidName):
            ASKED[method](ruled, "a.txt")


def test_folder_that_a_console_marked_is_no_file_of_a_fork(provider: Provider, bucket: str, location: str) -> None:
    family = Family(provider, bucket, location)
    fork = family.fork()
    fork.save("a.txt", ContentFile(b"x"))
    provider.write(bucket, f"fork-of-{location}/folder/")

    from holdall.fork.divergence import diff

    assert [change.name for change in diff(fork)] == ["a.txt"]
