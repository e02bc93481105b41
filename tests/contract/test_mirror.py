"""A mirror: every change goes to a second store too, and nothing that goes wrong there reaches anybody."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import botocore.retries.standard
import pytest
from boto3.s3.transfer import TransferConfig
from django.core.files.base import ContentFile

from holdall.errors import NameTaken
from holdall.s3 import circuit, fastlane, owed
from holdall.s3.saving import KEPT
from holdall.storage import misses
from tests.contract import only
from tests.providers import Provider
from tests.servers.fault_proxy import (
    FaultProxy,
)
from tests.stores import build_storage

pytestmark = only("seaweedfs-http")
MIB = 1024 * 1024
PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 300


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count from nothing, and do not wait between retries."""
    misses._all.clear()
    monkeypatch.setattr(circuit, "OPEN_SECONDS", 0.0)
    monkeypatch.setattr(fastlane, "MAX_PAUSE_SECONDS", 0)
    monkeypatch.setattr(botocore.retries.standard.ExponentialBackoff, "delay_amount", lambda self, context: 0)


class Pair:
    """A storage with a mirror, and plain ways to look at both behind its back."""

    def __init__(self, provider: Provider, bucket: str, location: str) -> None:
        self.provider, self.bucket, self.location = provider, bucket, location

    def environ(self, *, mirror: dict[str, str] | None = None, **own: str) -> dict[str, str]:
        mine = self.provider.environ(self.bucket, location=f"{self.location}/own") | own
        theirs = self.provider.environ(self.bucket, location=f"{self.location}/mirror") | (mirror or {})
        return mine | {f"MIRROR_{name}": value for name, value in theirs.items()}

    def storage(
        self, *, mirror: dict[str, str] | None = None, options: dict[str, Any] | None = None, **own: str
    ) -> Any:
        return build_storage(self.environ(mirror=mirror, **own), **(options or {}))

    def side(self, which: str) -> dict[str, dict[str, Any]]:
        """All that one side has, field by field, without what is Holdall's own."""
        found = {}
        for key in self.provider.keys_in(self.bucket, f"{self.location}/{which}"):
            name = key.removeprefix(f"{self.location}/{which}/")
            if not name.startswith(".holdall/"):
                got = self.provider.client.get_object(Bucket=self.bucket, Key=key)
                kept = {field: got.get(field) for field in KEPT}
                metadata = {name: text for name, text in got["Metadata"].items() if not name.startswith("holdall-")}
                found[name] = kept | {"Metadata": metadata, "Body": got["Body"].read()}
        return found

    @property
    def own(self) -> dict[str, dict[str, Any]]:
        return self.side("own")

    @property
    def mirror(self) -> dict[str, dict[str, Any]]:
        return self.side("mirror")

    def notes(self, storage: Any) -> list[tuple[str, ...]]:
        return [one.names for one in owed.entries(storage.store, storage._prefix(""))]


@pytest.fixture
def pair(provider: Provider, bucket: str, location: str) -> Pair:
    return Pair(provider, bucket, location)


@pytest.fixture(params=["copied by the store", "sent"])
def storage(request: pytest.FixtureRequest, pair: Pair) -> Any:
    """Both ways of the bytes: within one provider, and from one to another."""
    elsewhere = pair.provider.endpoint_url.replace("127.0.0.1", "localhost")
    assert elsewhere != pair.provider.endpoint_url
    return pair.storage(mirror={"AWS_S3_ENDPOINT_URL": elsewhere} if request.param == "sent" else None)


def save(storage: Any, name: str, content: bytes = PNG) -> str:
    return str(storage.save(name, ContentFile(content)))


# -- every change


def test_every_way_to_write_goes_to_both(storage: Any, pair: Pair) -> None:
    save(storage, "photos/ada.png")
    assert save(storage, "photos/ada.png", b"second") != "photos/ada.png"
    save(storage, "empty.txt", b"")
    save(storage, "page.html", b"<script>alert(1)</script>")
    save(storage, "large.bin", bytes(range(256)) * 40_000)
    save(storage, "nom accentu\u00e9 (1) +%&=.jpg", b"\xff\xd8\xff" + b"j" * 999)
    for mode, content in (("wb", b"first"), ("ab", b", second"), ("r+b", b"FIRST"), ("w+b", b"all new")):
        with storage.open("notes.txt", mode) as file:
            file.write(content)
        assert pair.mirror["notes.txt"] == pair.own["notes.txt"]
    with storage.open("once.txt", "xb") as file:
        file.write(b"once")
    with pytest.raises(NameTaken), storage.open("once.txt", "xb") as file:
        file.write(b"twice")
    with storage.open("photos/ada.png") as file:
        storage.save("again.png", file)
    assert len(pair.own) == 9
    assert pair.mirror == pair.own
    assert (storage.mirror.missed, storage.mirror.last_failure) == (0, "")
    assert pair.notes(storage) == []


def test_overwriting_goes_to_both(pair: Pair) -> None:
    storage = pair.storage(options={"file_overwrite": True})
    for content in (b"one", b"two"):
        assert save(storage, "a.txt", content) == "a.txt"
    assert pair.mirror == pair.own
    assert pair.mirror["a.txt"]["Body"] == b"two"


def test_every_way_to_delete_goes_to_both(storage: Any, pair: Pair) -> None:
    for number in range(5):
        save(storage, f"{number}.png")
    storage.delete("0.png")
    storage.delete("no-such-file.png")
    storage.delete_many(["1.png", "2.png", "none.png"])
    storage.discard("3.png", storage.look_at_own("3.png"))
    assert list(pair.own) == ["4.png"]
    assert pair.mirror == pair.own
    assert pair.notes(storage) == []


def test_trash_goes_to_both(pair: Pair) -> None:
    from holdall.bulk import trash

    storage = pair.storage(STORAGE_TRASH="30d")
    save(storage, "a.png")
    save(storage, "b.png")
    save(storage, "c.png")
    storage.delete("a.png")
    storage.delete_many(["b.png"])
    there = storage.mirror.storage

    def keys(one: Any) -> list[str]:
        return [found.key.removeprefix(one._prefix("")) for found in trash.entries(one)]

    assert pair.mirror == pair.own
    assert len(keys(storage)) == 2
    assert keys(there) == keys(storage)
    first, second = trash.entries(storage)
    trash.restore(storage, first)
    assert pair.mirror == pair.own
    assert pair.mirror[first.name]["Body"] == PNG
    assert keys(there) == keys(storage)
    trash.empty(storage, [second])
    assert keys(there) == keys(storage) == []


def test_packed_files_and_a_projects_options_are_the_same_there(pair: Pair) -> None:
    parameters = {"Metadata": {"by": "ada"}, "ContentLanguage": "fr"}
    elsewhere = {"AWS_S3_ENDPOINT_URL": pair.provider.endpoint_url.replace("127.0.0.1", "localhost")}
    storage = pair.storage(
        mirror=elsewhere,
        options={
            "gzip": True,
            "object_parameters": parameters,
            "inline_types": ["image/svg+xml"],
            "cache_lifetime": 60,
        },
    )
    save(storage, "style.css", b"body {}" * 100)
    save(storage, "drawing.svg", b"<svg/>")
    assert pair.own["style.css"]["ContentEncoding"] == "gzip"
    assert pair.own["drawing.svg"]["ContentDisposition"] is None
    assert pair.own["style.css"]["Metadata"] == {"by": "ada"}
    assert pair.mirror == pair.own
    # The mirror reads as the store will after the swap.
    assert storage.mirror.storage.open("style.css").read() == b"body {}" * 100
    assert storage.mirror.storage.cache_lifetime == 60


def test_file_of_several_parts_is_sent_in_parts(pair: Pair) -> None:
    content = random.Random(7).randbytes(12 * MIB)
    chosen = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=2)
    with FaultProxy(pair.provider.endpoint_url) as proxy:
        storage = pair.storage(mirror={"AWS_S3_ENDPOINT_URL": proxy.url}, options={"transfer_config": chosen})
        save(storage, "film.bin", content)
        assert proxy.operations.count("UploadPart") >= 3
    assert pair.mirror == pair.own
    assert pair.mirror["film.bin"]["Body"] == content


def test_costs_of_a_change_are_these(pair: Pair) -> None:
    with FaultProxy(pair.provider.endpoint_url) as own, FaultProxy(pair.provider.endpoint_url) as there:
        storage = pair.storage(mirror={"AWS_S3_ENDPOINT_URL": there.url}, AWS_S3_ENDPOINT_URL=own.url)
        # The first of a process learns what there is to learn.
        save(storage, "first.png")
        storage.delete("first.png")

        def cost(deed: Callable[[], object]) -> tuple[list[str], list[str]]:
            own.exchanges.clear()
            there.exchanges.clear()
            deed()
            return own.operations, there.operations

        assert cost(lambda: save(storage, "a.png")) == (["PutObject", "GetObject", "HeadObject"], ["PutObject"])
        assert cost(lambda: storage.delete("a.png")) == (
            ["PutObject", "DeleteObject", "HeadObject", "DeleteObject"],
            ["DeleteObject"],
        )
        for number in range(3):
            save(storage, f"{number}.png")
        asked, theirs = cost(lambda: storage.delete_many([f"{number}.png" for number in range(3)]))
        assert theirs == ["DeleteObjects"]
        assert sorted(asked) == ["DeleteObject", "DeleteObjects", "HeadObject", "HeadObject", "HeadObject", "PutObject"]
        # Reads and links stay with the own store.
        save(storage, "read.png")
        _, theirs = cost(lambda: (storage.open("read.png").read(), storage.url("read.png"), storage.exists("read.png")))
        assert theirs == []
