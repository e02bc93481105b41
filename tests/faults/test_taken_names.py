"""A name that is taken is told with its store and key, and a save believes what it hears of its own name alone."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from django.core.files.base import ContentFile

from holdall.errors import NameTaken, StoreFailed
from holdall.storage import MediaStorage, writing
from tests.contract import only
from tests.faults.conftest import Connect, Line
from tests.servers import fault_proxy as wire
from tests.servers.fault_proxy import Answer, Request, Rule
from tests.stores import build_storage

pytestmark = only("seaweedfs-http")
ALWAYS = 100_000


def of_class(line: Line, kind: type[MediaStorage], **more: Any) -> Any:
    """Make a storage of another class at the same place."""
    environ = line.provider.environ(line.bucket, location=line.location, AWS_S3_ENDPOINT_URL=line.proxy.url)
    return kind(**(build_storage(environ, provider="seaweedfs")._constructor_args[1] | more))  # type: ignore[attr-defined]  # Django's deconstructible


def test_taken_name_is_told_with_store_and_key(connect: Connect) -> None:
    line = connect()
    line.put("a.txt", b"taken")

    with pytest.raises(NameTaken) as caught, line.storage.open("a.txt", "xb") as file:
        file.write(b"new")

    assert caught.value.key == f"{line.location}/a.txt"
    assert line.bucket in caught.value.store
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.key, again.store, str(again)) == (caught.value.key, caught.value.store, str(caught.value))


class WithLog(MediaStorage):
    """Writes a second file beside each, always under the same name."""

    def _save(self, name: str, content: Any) -> str:
        saved = super()._save(name, content)
        super()._save("log.txt", ContentFile(saved))
        return saved


class LogFirst(MediaStorage):
    """Writes the second file first."""

    def _save(self, name: str, content: Any) -> str:
        super()._save("log.txt", ContentFile(name))
        return super()._save(name, content)


class WithCopy(MediaStorage):
    """Keeps a copy in another storage, under the same name."""

    copies: Any = None

    def _save(self, name: str, content: Any) -> str:
        saved = super()._save(name, content)
        self.copies._save(saved, ContentFile(b"copy"))
        return saved


@pytest.mark.parametrize(("kind", "kept"), [(WithLog, ["b.txt"]), (LogFirst, [])])
def test_taken_name_of_a_nested_write_is_not_the_saves_own(
    connect: Connect, kind: type[MediaStorage], kept: list[str]
) -> None:
    line = connect()
    storage = of_class(line, kind)
    line.put("log.txt", b"an earlier line")

    with pytest.raises(NameTaken, match=r"log\.txt"):
        storage.save("b.txt", ContentFile(b"2"))

    assert sorted(line.names) == sorted([*kept, "log.txt"])
    assert line.stored("log.txt") == b"an earlier line"


def test_taken_name_in_another_storage_is_not_the_saves_own(connect: Connect) -> None:
    line, other = connect(), connect()
    other.provider.write(other.bucket, f"{other.location}/copies/a.txt", b"taken")
    storage = of_class(line, WithCopy)
    storage.copies = of_class(other, MediaStorage, location=f"{other.location}/copies")

    with pytest.raises(NameTaken, match=r"a\.txt"):
        storage.save("a.txt", ContentFile(b"1"))

    assert sorted(line.names) == ["a.txt", "copies/a.txt"]


class Insists(MediaStorage):
    """The common recipe to overwrite, and a copy elsewhere."""

    copies: Any = None

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def _save(self, name: str, content: Any) -> str:
        saved = super()._save(name, content)
        self.copies.save(saved, ContentFile(b"copy"))
        self.copies._save("other.txt", ContentFile(b"copy"))
        return saved


def test_permission_to_replace_ends_with_the_name(connect: Connect) -> None:
    line, other = connect(), connect()
    for name in ("a.txt", "other.txt"):
        other.provider.write(other.bucket, f"{other.location}/copies/{name}", b"somebody else's")
    line.put("a.txt", b"to be replaced")
    storage = of_class(line, Insists)
    storage.copies = of_class(other, MediaStorage, location=f"{other.location}/copies")

    with pytest.raises(NameTaken, match=r"other\.txt"):
        storage.save("a.txt", ContentFile(b"new"))

    assert line.stored("a.txt") == b"new"
    assert line.stored("copies/a.txt") == line.stored("copies/other.txt") == b"somebody else's"


def refusal(request: Request) -> Answer:
    body = b"<Error><Code>PreconditionFailed</Code><Message>No.</Message></Error>"
    return Answer(412, (("Content-Type", "application/xml"),), body)


def test_refusal_as_taken_of_what_nobody_has_ends(connect: Connect) -> None:
    line = connect(Rule("PutObject", wire.answers(refusal), times=ALWAYS))

    with pytest.raises(StoreFailed, match="and then that nobody has it"):
        line.storage.save("a.txt", ContentFile(b"1"))

    assert len(line.proxy.exchanges) < 20
    assert line.names == []


def test_one_false_refusal_is_asked_again(connect: Connect) -> None:
    line = connect(Rule("PutObject", wire.answers(refusal)))

    assert line.storage.save("a.txt", ContentFile(b"1")) == "a.txt"


def test_candidates_end(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MAX_NAMES", 5)

    def others(request: Request) -> Answer:
        return Answer(200, (("ETag", '"x"'), ("Content-Length", "1")), is_head=True)

    line = connect(
        Rule("PutObject", wire.answers(refusal), times=ALWAYS), Rule("HeadObject", wire.answers(others), times=ALWAYS)
    )

    with pytest.raises(StoreFailed, match="No free name was found"):
        line.storage.save("a.txt", ContentFile(b"1"))

    assert line.proxy.operations.count("PutObject") == 5


class Alternates(MediaStorage):
    """A rule for names that never comes to an end."""

    asked = 0

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        self.asked += 1
        return f"{self.asked % 2}.txt"


def test_rule_for_names_that_never_ends_does(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MAX_NAMES", 10)
    line = connect()
    for name in ("0.txt", "1.txt"):
        line.put(name, b"taken")

    with pytest.raises(StoreFailed, match="get_available_name"):
        of_class(line, Alternates).save("a.txt", ContentFile(b"1"))


class ByTheDay(MediaStorage):
    """Makes alternatives that stay the same for a while, as many projects do."""

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        return f"{file_root}_2026-11-25{file_ext}"


def test_alternative_that_repeats_itself_replaces_nothing(connect: Connect) -> None:
    line = connect()
    storage = of_class(line, ByTheDay)

    saved = [storage.save("a.txt", ContentFile(text)) for text in (b"one", b"two", b"three", b"four")]

    assert saved[:2] == ["a.txt", "a_2026-11-25.txt"]
    assert [line.stored(name) for name in saved] == [b"one", b"two", b"three", b"four"]


def test_link_by_the_sdk_is_no_answer_of_the_store(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdall.s3.circuit.OPEN_SECONDS", 60.0)
    line = connect()
    storage: Any = line.storage
    circuit = storage.store.line.circuit
    for _ in range(3):
        circuit.failed(None, StoreFailed("no answer"), began=0.0, waited=9.0, waits_at_most=1.0)
    assert circuit.is_open()

    # The SDK knows this parameter, and the signer does not.
    assert "X-Amz-Signature" in storage.url("a.txt", parameters={"PartNumber": 1})
    assert circuit.is_open()
    circuit.heard(None, "here")
