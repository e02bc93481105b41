"""What all tests share: a closed world, and the S3 servers, each started when the first test needs it."""

from __future__ import annotations

import functools
import ipaddress
import os
import shutil
import socket
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import coverage
import pytest
from django.core.files.storage import Storage

from holdall.s3 import connection
from tests import scheduling
from tests.providers import Provider
from tests.servers import authority, ceph, processes, tether
from tests.servers.catalogue import PROVIDERS, SERVER_OF, start
from tests.servers.identities import LimitedProvider
from tests.stores import build_storage


def _measure_no_programs() -> None:
    """Measure the processes of the tests and what they fork alone.

    A program that they start takes a tenth of a second more of CPU where it is measured, and thousands are.
    """
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


if "PYTEST_XDIST_WORKER" in os.environ:
    _measure_no_programs()

CEPH_MISSING = f"Ceph is not installed, so its gateway was not tried; on Debian: apt-get install {ceph.PACKAGES}"


# What a process may have open at its end: the client that looks behind the storages' back keeps up to 80 to each of five
# servers. With a pool for each storage it was 1,500 after a quarter of an hour, most of them in CLOSE_WAIT.
SOCKETS = 500


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--generated-rights",
        action="store_true",
        help="give storages the rights that `holdall provision` generates for them, and no others (MiniStack and Ceph)",
    )


def pytest_configure(config: pytest.Config) -> None:
    # A worker of pytest-xdist outlives a run that was killed by a quarter of a minute, and its servers with it.
    if hasattr(config, "workerinput"):
        tether.end_with(os.getppid())


class OutsideWorld(RuntimeError):
    """A test tried to leave this machine."""


def _is_loopback(address: Any) -> bool:
    if not isinstance(address, tuple):
        return True  # a socket in the file system
    host = address[0]
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session", autouse=True)
def _no_way_out() -> Iterator[list[Any]]:
    """Refuse every connection that leaves this machine, and remember it: the code under test may swallow the refusal."""
    attempts: list[Any] = []

    def guard(method: Callable[..., Any]) -> Callable[..., Any]:
        def connect(self: socket.socket, address: Any) -> Any:
            if not _is_loopback(address):
                attempts.append(address)
                raise OutsideWorld(f"A test tried to reach {address}; tests talk to loopback only.")
            return method(self, address)

        return connect

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guard(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", guard(socket.socket.connect_ex))
        yield attempts


@pytest.fixture
def connects(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The addresses that this test tried to reach, one entry for each attempt; also where nothing listens."""
    attempts: list[Any] = []
    connect = socket.socket.connect

    def counted(self: socket.socket, address: Any) -> None:
        attempts.append(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", counted)
    return attempts


@pytest.fixture(autouse=True)
def _stays_inside(_no_way_out: list[Any]) -> Iterator[None]:
    before = len(_no_way_out)
    yield
    assert _no_way_out[before:] == [], "tests talk to loopback only"


@pytest.fixture(scope="session", autouse=True)
def _bare_environment() -> Iterator[None]:
    """Hide what the developer's shell and home folder say about AWS, stores and proxies."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("AWS_", "STORAGE", "PARENT_", "DO_REGION", "BUILD_MODE")) or name.lower() in {
                "http_proxy",
                "https_proxy",
                "all_proxy",
            }:
                patch.delenv(name)
        # Whatever the terminal's width, texts are broken at one place.
        patch.setenv("COLUMNS", "100")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        yield


@pytest.fixture(scope="session", autouse=True)
def _sdk_reads_its_data_once() -> Iterator[None]:
    """Let all sessions of the SDK share what they parse of its data files: parsing takes most of a client's making."""
    from botocore import loaders

    with pytest.MonkeyPatch.context() as patch:
        load = loaders.JSONFileLoader().load_file
        patch.setattr(loaders.JSONFileLoader, "load_file", staticmethod(functools.cache(load)))
        yield


@pytest.fixture(scope="session", autouse=True)
def _sockets_stay_few() -> Iterator[None]:
    """Hold the storages, and the tests, to the sockets that they may keep: no pool grows with the number of tests."""
    yield
    left = processes.open_sockets()
    assert len(left) <= SOCKETS, f"{len(left)} sockets are still open: {Counter(left).most_common(10)}"


@pytest.fixture(scope="session")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> authority.Authority:
    """The authority that signs the certificates of the servers which speak HTTPS."""
    return authority.create(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def start_provider(
    tmp_path_factory: pytest.TempPathFactory, trusted: authority.Authority
) -> Iterator[Callable[[str], Provider]]:
    """Give a provider by its name, starting its server when it is the first to ask; all end with the session."""
    running: dict[str, Provider] = {}
    with ExitStack() as stack:

        def provider(name: str) -> Provider:
            server = SERVER_OF[name]
            if name not in running:
                folder: Path = tmp_path_factory.mktemp(server)
                # Gigabytes; pytest keeps the folders of the last three runs.
                stack.callback(shutil.rmtree, folder, ignore_errors=True)
                running.update(stack.enter_context(start(server, folder, trusted)))
            return running[name]

        yield provider


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return scheduling.ByServer(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Measure coverage on one server alone: measuring takes as long as half the test."""
    measured = coverage.Coverage.current()
    if measured is None or not scheduling.is_repeated(item.nodeid):
        return (yield)
    # To start again is to patch `os._exit` again, around the patch that is there: after a thousand tests each forked process
    # would save its data a thousand times, and then fail to end.
    ends = os._exit
    measured.stop()
    try:
        return (yield)
    finally:
        measured.start()
        os._exit = ends
        _measure_no_programs()


def _of_the_sdk() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """Forget the keys that a test put into the environment: a process's session of the SDK keeps what it found."""
    given = _of_the_sdk()
    try:
        return (yield)
    finally:
        if given != _of_the_sdk():
            connection.forget()


def pytest_runtest_setup(item: pytest.Item) -> None:
    # Here and not in the fixture: pytest sums up in one line what was skipped from one place that is not a fixture.
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    if SERVER_OF.get(parameters.get("provider", "")) == "ceph" and ceph.missing_binaries():
        pytest.skip(CEPH_MISSING)


@pytest.fixture(scope="session", params=PROVIDERS)
def provider(request: pytest.FixtureRequest, start_provider: Callable[[str], Provider]) -> Iterator[Provider]:
    """Each S3 server in turn. `only(...)` in `tests.contract` picks some."""
    chosen = start_provider(request.param)
    if request.config.getoption("--generated-rights") and SERVER_OF[request.param] != "seaweedfs":
        chosen = LimitedProvider.of(chosen)
    with pytest.MonkeyPatch.context() as patch:
        if chosen.ca_file:
            patch.setenv("AWS_CA_BUNDLE", str(chosen.ca_file))
        yield chosen


@pytest.fixture(scope="session")
def bucket(provider: Provider) -> str:
    """One bucket of the provider for the whole session: making one costs Ceph seconds. Tests differ in `location`."""
    return provider.create_bucket()


@pytest.fixture
def location() -> str:
    """A prefix that no other test uses."""
    return f"test-{uuid.uuid4().hex[:10]}"


MakeStorage = Callable[..., Storage]


@pytest.fixture
def make_storage(provider: Provider, bucket: str, location: str) -> MakeStorage:
    """Make a storage in this test's bucket and location; keywords of `Provider.environ` change the environment."""

    def make(*, options: dict[str, Any] | None = None, **changes: Any) -> Storage:
        given = {"bucket": bucket, "location": location} | changes
        return build_storage(provider.environ(given.pop("bucket"), **given), **(options or {}))

    return make


@pytest.fixture
def storage(make_storage: MakeStorage) -> Storage:
    """A storage for private files."""
    return make_storage()


@pytest.fixture
def public_storage(make_storage: MakeStorage) -> Storage:
    """A storage for public files."""
    return make_storage(is_public=True)
