"""Which providers there are, and which server each belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.providers import Provider
from tests.servers import authority, ceph, ministack, seaweedfs

SERVER_OF = {
    "seaweedfs-http": "seaweedfs",
    "seaweedfs-https": "seaweedfs",
    "ministack": "ministack",
    "ceph-http": "ceph",
    "ceph-https": "ceph",
}
PROVIDERS = tuple(SERVER_OF)


def start(server: str, folder: Path, trusted: authority.Authority) -> AbstractContextManager[dict[str, Provider]]:
    """Run one server until the block ends; give its providers by name."""
    if server == "seaweedfs":
        return seaweedfs.start(folder, trusted)
    if server == "ministack":
        return ministack.start(folder)
    return ceph.start(folder, trusted)


@contextmanager
def running(provider: str, folder: Path) -> Iterator[Provider]:
    """Run the server of one provider, with a certificate authority of its own."""
    (data := folder / "data").mkdir()
    with start(SERVER_OF[provider], data, authority.create(folder)) as providers:
        yield providers[provider]
