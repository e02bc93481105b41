"""A fork shows its parent's files, keeps every change to itself, and has no way to change the parent."""

from __future__ import annotations

import io
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.base import ContentFile

from holdall.errors import NameTaken, ObjectNotFound, StoreFailed, WriteRefused
from holdall.fork import overlay, removal
from holdall.s3.connection import Connection
from holdall.s3.guard import READS
from tests.contract import only
from tests.forks import Family, put, read, required
from tests.providers import Provider, fetch
from tests.racing import Race, content_of, contested_name, run
from tests.servers.fault_proxy import FaultProxy
from tests.stores import build_storage

MIB = 1024 * 1024


@pytest.fixture
def family(provider: Provider, bucket: str, location: str) -> Family:
    return Family(provider, bucket, location)


@pytest.fixture
def operations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests that were sent, in the SDK's words, each with its side."""
    seen: list[str] = []
    send = Connection._send

    def note(self: Connection, operation: str, parameters: dict[str, Any], client: Any) -> Any:
        seen.append(f"{'parent' if self.target.read_only else 'own'}: {operation}")
        return send(self, operation, parameters, client)

    monkeypatch.setattr(Connection, "_send", note)
    return seen


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The clock of what processes know of a fork's own store."""
    clock = SimpleNamespace(now=1_000.0)
    monkeypatch.setattr(overlay, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def as_another_process(family: Family, **options: Any) -> Any:
    """Make the same fork with a connection of its own, which knows nothing of what the others did."""
    return family.fork(querystring_expire=3_600, use_ssl=True, addressing_style="path", fast_lane=False, **options)


# -- one storage


def test_parents_files_show_in_the_fork(family: Family) -> None:
    family.put("photos/ada.jpg", b"ada")
    fork = family.fork()

    assert fork.exists("photos/ada.jpg")
    assert read(fork, "photos/ada.jpg") == b"ada"
    assert fork.size("photos/ada.jpg") == 3
    assert fork.get_modified_time("photos/ada.jpg") == family.parent.get_modified_time("photos/ada.jpg")
    assert fork.listdir("photos") == ([], ["ada.jpg"])
    assert fork.listdir("") == (["photos"], [])
    assert fetch(fork.url("photos/ada.jpg"), ca_file=family.provider.ca_file).body == b"ada"


def test_range_of_a_parents_file_is_read(family: Family) -> None:
    content = bytes(range(256)) * 4096
    family.put("large.bin", content)
    with family.fork().open("large.bin") as file:
        file.seek(700_000)
        assert file.read(1_000) == content[700_000:701_000]


def test_deleted_file_is_gone_in_the_fork_alone(family: Family) -> None:
    family.put("a/ada.jpg")
    family.put("a/bob.jpg")
    fork, other = family.fork(), family.fork(family.provider.environ(family.bucket, location=f"x-{family.location}"))
    before = family.fingerprint()

    fork.delete("a/ada.jpg")

    assert not fork.exists("a/ada.jpg")
    assert fork.listdir("a") == ([], ["bob.jpg"])
    for ask in (fork.size, fork.get_modified_time, fork.open):
        with pytest.raises(FileNotFoundError):
            ask("a/ada.jpg")
    assert fetch(fork.url("a/ada.jpg"), ca_file=family.provider.ca_file).status == 404
    fork.delete("a/ada.jpg")
    assert other.exists("a/ada.jpg")
    assert read(family.parent, "a/ada.jpg") == b"the parent's"
    assert family.fingerprint() == before


def test_name_is_free_after_the_parents_file_was_deleted(family: Family) -> None:
    family.put("ada.jpg")
    fork = family.fork()
    fork.delete("ada.jpg")

    assert put(fork, "ada.jpg", b"anew") == "ada.jpg"
    assert read(fork, "ada.jpg") == b"anew"
    fork.delete("ada.jpg")
    assert not fork.exists("ada.jpg")
    assert put(fork, "ada.jpg", b"once more") == "ada.jpg"
    assert read(as_another_process(family), "ada.jpg") == b"once more"


def test_name_of_the_parent_is_not_given_again(family: Family) -> None:
    family.put("ada.jpg")
    fork = family.fork()

    saved = put(fork, "ada.jpg", b"the fork's")

    assert saved != "ada.jpg"
    assert fork.get_available_name("ada.jpg") != "ada.jpg"
    with pytest.raises(NameTaken, match="taken in the parent"):
        fork.open("ada.jpg", "xb")
    assert (read(fork, "ada.jpg"), read(fork, saved)) == (b"the parent's", b"the fork's")


@pytest.mark.parametrize("mode", ["wb", "w+b", "r+b", "ab"])
def test_file_of_the_parent_that_is_opened_for_writing_becomes_an_own_one(family: Family, mode: str) -> None:
    family.put("ada.jpg")
    fork = family.fork()

    with fork.open("ada.jpg") as file:
        assert file.read() == b"the parent's"
        with file.open(mode):
            file.write(b"THE")
        with file.open("rb"):
            assert file.read() == {"r+b": b"THE parent's", "ab": b"the parent'sTHE"}.get(mode, b"THE")

    assert read(as_another_process(family), "ada.jpg") == read(fork, "ada.jpg")
    assert fetch(fork.url("ada.jpg"), ca_file=family.provider.ca_file).body == read(fork, "ada.jpg")
    assert read(family.parent, "ada.jpg") == b"the parent's"


def test_own_file_wins_over_one_that_the_parent_gains(family: Family) -> None:
    fork = family.fork()
    put(fork, "ada.jpg", b"the fork's")
    family.put("ada.jpg")

    assert read(fork, "ada.jpg") == b"the fork's"
    assert fork.listdir("") == ([], ["ada.jpg"])
    fork.delete("ada.jpg")
    assert not fork.exists("ada.jpg")


def test_own_file_that_was_deleted_hides_nothing_that_the_parent_gains(family: Family) -> None:
    fork = family.fork()
    fork.delete(put(fork, "ada.jpg"))
    family.put("ada.jpg")

    assert read(fork, "ada.jpg") == b"the parent's"


def test_stream_is_written_to_the_fork(family: Family) -> None:
    family.put("taken.bin")
    fork = family.fork()
    fork.delete("taken.bin")
    for name, size in (("small.bin", 5), ("taken.bin", 9 * MIB)):
        with fork.open(name, "wb") as file:
            file.write(b"s" * size)
        assert fork.size(name) == size
        assert fetch(fork.url(name), method="HEAD", ca_file=family.provider.ca_file).status in {200, 403}
    assert read(family.parent, "taken.bin") == b"the parent's"


def test_store_that_overwrites_does_so_in_the_fork(family: Family) -> None:
    family.put("ada.jpg")
    fork = family.fork(file_overwrite=True)

    assert put(fork, "ada.jpg", b"over") == "ada.jpg"
    with fork.open("bob.jpg", "wb") as file:
        file.write(b"bob")
    assert (read(fork, "ada.jpg"), read(fork, "bob.jpg")) == (b"over", b"bob")
    assert read(family.parent, "ada.jpg") == b"the parent's"


def test_project_that_insists_on_a_name_of_the_parent_has_its_own(family: Family) -> None:
    """The OverwriteStorage recipe, whose `get_available_name` gives back what it was asked."""
    family.put("ada.jpg")
    fork = family.fork()
    recipe = type("Overwrites", (type(fork),), {"get_available_name": lambda self, name, max_length=None: name})
    storage = recipe(**fork._constructor_args[1])

    assert put(storage, "ada.jpg", b"mine") == "ada.jpg"
    assert put(storage, "ada.jpg", b"mine again") == "ada.jpg"
    assert read(storage, "ada.jpg") == b"mine again"
    assert read(family.parent, "ada.jpg") == b"the parent's"


def test_many_files_are_deleted_on_both_sides(family: Family) -> None:
    family.put("a/parents é+.txt")
    fork = family.fork()
    own = put(fork, "a/own.txt")
    kept = put(fork, "a/kept.txt")

    fork.delete_many(["a/parents é+.txt", own, "missing.txt"])

    assert fork.exists_many(["a/parents é+.txt", own, kept]) == {"a/parents é+.txt": False, own: False, kept: True}
    assert fork.listdir("a") == ([], ["kept.txt"])
    with pytest.raises(ValueError, match="name must be given"):
        fork.delete_many([kept, ""])
    assert fork.exists(kept)


def test_parents_file_is_renamed_by_a_copy(family: Family) -> None:
    family.put("old.txt", b"content")
    fork = family.fork()
    with fork.open("old.txt") as file:
        assert fork.save("new.txt", file) == "new.txt"
    fork.delete("old.txt")

    assert fork.listdir("") == ([], ["new.txt"])
    assert read(fork, "new.txt") == b"content"


def test_folder_of_which_all_is_hidden_is_gone(family: Family) -> None:
    for name in ("a/b/one.txt", "a/b/two.txt", "c/three.txt"):
        family.put(name)
    fork = family.fork()

    fork.delete("a/b/one.txt")
    assert fork.listdir("a") == (["b"], [])
    fork.delete("a/b/two.txt")
    assert fork.listdir("a") == ([], [])
    assert fork.listdir("") == (["c"], [])
    put(fork, "a/b/own.txt")
    assert fork.listdir("") == (["a", "c"], [])


def test_long_name_is_hidden_by_its_digest(family: Family) -> None:
    # As long as a key may be in the parent; with ".holdall/hidden/" before it, it would be none.
    room = 1024 - len(f"fork-of-{family.location}/")
    name = "/".join(["d" * 99] * 9) + "/"
    name += "f" * (room - len(name))
    family.put(name)
    fork = family.fork()
    assert fork.exists(name)

    fork.delete(name)

    assert not fork.exists(name)
    # Its folders still show where they are not empty in the parent; their listing is empty.
    assert fork.listdir(name.rpartition("/")[0]) == ([], [])
    assert not as_another_process(family).exists(name)


@pytest.mark.parametrize(
    "name",
    [
        ".holdall/owner.json",
        ".holdall/hidden/ada.jpg",
        "a/../.holdall/fork.json",
        ".holdall",
        "forks/a/.holdall/fork.json",
    ],
)
@only("seaweedfs-http")
def test_what_is_holdalls_own_is_no_file(family: Family, name: str) -> None:
    fork = family.fork()
    put(fork, "own.txt")
    for deed in (fork.exists, fork.delete, fork.url, fork.open, lambda name: put(fork, name)):
        with pytest.raises(Exception, match="reserved for Holdall"):
            deed(name)
    assert fork.listdir("") == ([], ["own.txt"])
    assert family.parent.listdir("") == ([], [])


# -- several forks, chains, and forks inside their parent


def test_forks_of_one_parent_never_see_each_other(family: Family) -> None:
    family.put("shared.txt")
    one, two = (
        family.fork(family.provider.environ(family.bucket, location=f"{name}-{family.location}")) for name in "ab"
    )
    put(one, "one.txt")
    one.delete("shared.txt")
    put(two, "two.txt")

    assert one.listdir("") == ([], ["one.txt"])
    assert two.listdir("") == ([], ["shared.txt", "two.txt"])
    assert not two.exists("one.txt")


def test_fork_of_a_fork_shows_what_its_parent_shows(family: Family) -> None:
    """Production, staging and a laptop."""
    for name in ("kept.txt", "hidden in staging.txt", "hidden on the laptop.txt"):
        family.put(f"x/{name}")
    environ = family.provider.environ(family.bucket, location=f"staging-of-{family.location}")
    staging = family.fork(environ)
    put(staging, "x/stagings.txt", b"staging's")
    staging.delete("x/hidden in staging.txt")
    family.above = [environ, *family.above]
    laptop = family.fork()

    laptop.delete("x/hidden on the laptop.txt")
    laptop.delete("x/stagings.txt")
    own = put(laptop, "x/hidden in staging.txt", b"the laptop's")

    assert own == "x/hidden in staging.txt"
    assert laptop.listdir("x") == ([], ["hidden in staging.txt", "kept.txt"])
    assert read(laptop, own) == b"the laptop's"
    assert staging.listdir("x") == ([], ["hidden on the laptop.txt", "kept.txt", "stagings.txt"])
    for name in ("x/kept.txt", own):
        assert fetch(laptop.url(name), ca_file=family.provider.ca_file).body == read(laptop, name)


def test_review_app_lies_inside_its_parent_and_does_not_show_it(family: Family) -> None:
    family.put("ada.jpg")
    environs = [
        family.provider.environ(family.bucket, location=f"{family.location}/forks/{name}") for name in ("pr-1", "pr-2")
    ]
    one, two = map(family.fork, environs)
    before = family.fingerprint(without=f"{family.location}/forks/")
    put(one, "one.txt")
    put(two, "two.txt")
    one.delete("ada.jpg")

    assert one.listdir("") == ([], ["one.txt"])
    assert two.listdir("") == ([], ["ada.jpg", "two.txt"])
    assert two.listdir("forks") == ([], [])
    assert not two.exists("forks/pr-1/one.txt")
    # The folder is a name like any other for the fork's own files.
    assert put(two, "forks/pr-1/one.txt", b"own") == "forks/pr-1/one.txt"
    assert two.listdir("forks/pr-1") == ([], ["one.txt"])
    assert family.fingerprint(without=f"{family.location}/forks/") == before


def test_folder_above_a_fork_inside_its_parent_shows_if_there_is_more_in_it(family: Family) -> None:
    environ = family.provider.environ(family.bucket, location=f"{family.location}/copies/pr-1")
    fork = family.fork(environ)
    put(fork, "one.txt")

    assert fork.listdir("") == ([], ["one.txt"])
    family.put("copies/parents.txt")
    assert fork.listdir("") == (["copies"], ["one.txt"])
    assert fork.listdir("copies") == ([], ["parents.txt"])


# -- what it costs


def test_making_a_fork_sends_nothing(family: Family, operations: list[str]) -> None:
    family.put("ada.jpg")
    fork = family.fork()
    repr(fork)
    fork.deconstruct()
    assert operations == []


def test_page_of_a_thousand_links_takes_one_request_and_none_when_warm(
    family: Family, provider: Provider, operations: list[str], clock: SimpleNamespace
) -> None:
    # Links are made here: no server hears how many there are.
    photographs = 998 if provider.name == "seaweedfs-http" else 18
    fork = family.fork()
    own = put(fork, "own.txt")
    family.put("hidden.txt")
    fork.delete("hidden.txt")
    page = [own, "hidden.txt", *(f"photos/{number}.jpg" for number in range(photographs))]
    operations.clear()

    links = [as_another_process(family).url(name) for name in page]
    assert operations == ["own: list_objects_v2"]
    assert f"/{family.location}/photos/0.jpg?" in links[2]
    assert f"/fork-of-{family.location}/own.txt?" in links[0]

    operations.clear()
    clock.now += overlay.KNOWN_SECONDS - 1
    # What follows the path changes with the signature's window.
    again = [as_another_process(family).url(name) for name in page]
    assert [link.partition("?")[0] for link in again] == [link.partition("?")[0] for link in links]
    assert operations == []


def test_reading_costs_one_request_more_at_most(family: Family, operations: list[str], clock: SimpleNamespace) -> None:
    family.put("parents.txt")
    fork = family.fork()
    own = put(fork, "own.txt")
    for seconds in (overlay.KNOWN_SECONDS + 1, 0):
        for name in (own, "parents.txt", "missing.txt"):
            for ask in (fork.exists, lambda name: fork.open(name).read()):
                clock.now += seconds
                operations.clear()
                try:
                    ask(name)
                except FileNotFoundError:
                    assert name == "missing.txt"
                assert len(operations) <= 2, (name, operations)
    assert operations == ["own: get_object", "parent: get_object"]


def test_saving_asks_the_parent_once(family: Family, operations: list[str]) -> None:
    fork = family.fork()
    put(fork, "first.txt")
    operations.clear()
    put(fork, "second.txt")
    assert [one for one in operations if "head" in one or "put" in one] == ["parent: head_object", "own: put_object"]


def test_file_of_another_process_is_linked_within_a_second(family: Family, clock: SimpleNamespace) -> None:
    fork, other = family.fork(), as_another_process(family)
    assert other.url("elsewhere.txt") == family.parent.url("elsewhere.txt")
    saved = put(fork, "new.txt", b"new")

    clock.now += overlay.NEW_SECONDS + 0.1

    assert fetch(other.url(saved), ca_file=family.provider.ca_file).body == b"new"
    # Reading does not wait for that.
    again = put(fork, "newer.txt", b"newer")
    assert read(other, again) == b"newer"


def test_file_of_another_process_under_a_name_that_was_linked_before_is_linked_within_ten(
    family: Family, clock: SimpleNamespace
) -> None:
    fork, other = family.fork(), as_another_process(family)
    other.url("thumbnail.jpg")
    put(fork, "thumbnail.jpg", b"new")

    clock.now += overlay.KNOWN_SECONDS + 0.1

    assert fetch(other.url("thumbnail.jpg"), ca_file=family.provider.ca_file).body == b"new"


def test_file_that_another_process_deleted_is_gone_within_ten_seconds(family: Family, clock: SimpleNamespace) -> None:
    family.put("ada.jpg")
    fork, other = family.fork(), as_another_process(family)
    own = put(fork, "own.txt")
    other.url(own)
    assert other.exists("ada.jpg")
    fork.delete("ada.jpg")
    fork.delete(own)

    assert not other.exists(own)
    clock.now += overlay.KNOWN_SECONDS + 0.1
    assert not other.exists("ada.jpg")
    assert fetch(other.url("ada.jpg"), ca_file=family.provider.ca_file).status == 404


def test_file_of_this_process_is_linked_at_once(family: Family, clock: SimpleNamespace) -> None:
    fork = family.fork()
    fork.url("x.txt")
    saved = put(fork, "x.txt", b"x")
    assert fetch(fork.url(saved), ca_file=family.provider.ca_file).body == b"x"
    with fork.open("y.txt", "wb") as file:
        file.write(b"y")
    assert fetch(fork.url("y.txt"), ca_file=family.provider.ca_file).body == b"y"


# -- the parent cannot be harmed


@only("seaweedfs-http", "ministack", "ceph-http")
def test_no_operation_of_the_sdk_that_changes_anything_reaches_the_parent(family: Family, provider: Provider) -> None:
    """Also with keys that may do everything, and also by whoever takes the SDK's client from the storage."""
    family.put("ada.jpg")
    before = family.fingerprint()
    with FaultProxy(provider.endpoint_url) as proxy:
        family.above = [
            provider.environ(family.bucket, location=family.location, AWS_S3_ENDPOINT_URL=proxy.url),
        ]
        parent = family.fork().parent
        client = parent.connection.meta.client
        methods = client.meta.method_to_api_mapping
        tried = 0
        for method, operation in sorted(methods.items()):
            model = client.meta.service_model.operation_model(operation)
            if model.http["method"] in {"GET", "HEAD"}:
                continue
            with pytest.raises(WriteRefused, match="parent store"):
                getattr(client, method)(**required(model.input_shape, family.bucket))
            tried += 1
        assert tried > 50
        # What Holdall itself lets through by its name is safe by its method.
        for method, operation in methods.items():
            if method.startswith(READS):
                assert client.meta.service_model.operation_model(operation).http["method"] in {"GET", "HEAD"}
        key = f"{family.location}/ada.jpg"
        for deed in (
            parent.bucket.Object(key).delete,
            lambda: parent.bucket.Object(key).put(Body=b"x"),
            lambda: parent.bucket.upload_fileobj(io.BytesIO(b"x" * 9 * MIB), key),
            lambda: parent.bucket.objects.all().delete(),
            lambda: client.copy({"Bucket": family.bucket, "Key": key}, family.bucket, f"{key}2"),
            lambda: parent.save("new.txt", ContentFile(b"x")),
            lambda: parent.save("large.txt", ContentFile(b"x" * 9 * MIB)),
            lambda: parent.delete("ada.jpg"),
            lambda: parent.delete_many(["ada.jpg"]),
            lambda: parent.open("new.txt", "wb").close(),
            lambda: client.generate_presigned_url("put_object", {"Bucket": family.bucket, "Key": key}),
            lambda: client.generate_presigned_url("get_object", {"Bucket": family.bucket, "Key": key}, 60, "PUT"),
            lambda: client.generate_presigned_url("delete_object", {"Bucket": family.bucket, "Key": key}),
            lambda: client.generate_presigned_post(family.bucket, key),
            lambda: parent.url("ada.jpg", http_method="PUT"),
            lambda: parent.url("ada.jpg", {"PartNumber": 1}, 60, "PUT"),
            lambda: parent.unsigned_connection.Bucket(family.bucket).Object(key).delete(),
        ):
            with pytest.raises(WriteRefused, match="parent store"):
                deed()
        assert {request.method for request in proxy.exchanges} <= {"GET", "HEAD"}
    assert family.fingerprint() == before


def test_refusal_names_the_file_and_its_store(family: Family) -> None:
    key = f"{family.location}/ada.jpg"
    with pytest.raises(WriteRefused) as refused:
        family.fork().parent.store.call("delete_object", action="deleting", name="ada.jpg", Key=key)
    assert str(refused.value) == (
        f'"{key}" is in the parent store {family.bucket}, which this fork may read but not change; nothing was sent.'
    )
    assert isinstance(refused.value, PermissionError)


def test_link_to_write_leads_to_the_own_store(family: Family) -> None:
    family.put("ada.jpg")
    assert f"fork-of-{family.location}/ada.jpg" in family.fork().url("ada.jpg", http_method="PUT")


@only("seaweedfs-http")
def test_two_forks_do_not_share_one_store(family: Family, location: str) -> None:
    own = family.provider.environ(family.bucket, location=f"own-{location}")
    one = family.fork(own)
    put(one, "one.txt")
    family.location = f"another-{location}"
    other = Family(family.provider, family.bucket, f"another-{location}").fork(own)

    for deed in (
        lambda: put(other, "two.txt"),
        lambda: other.delete("one.txt"),
        lambda: other.delete_many(["one.txt"]),
    ):
        with pytest.raises(WriteRefused, match="was started as a fork of"):
            deed()
    assert read(one, "one.txt") == b"x"
    assert read(other, "one.txt") == b"x"


@only("seaweedfs-http")
def test_delete_that_fails_half_way_loses_and_resurrects_nothing(family: Family, provider: Provider) -> None:
    from tests.servers.fault_proxy import Rule, answers_500_before

    family.put("ada.jpg")
    plain = family.fork()
    put(family.fork(file_overwrite=True), "ada.jpg", b"over")
    for rule in (Rule("PutObject", answers_500_before, times=10), Rule("DeleteObject", answers_500_before, times=10)):
        with FaultProxy(provider.endpoint_url, rule) as proxy:
            own = provider.environ(family.bucket, location=f"fork-of-{family.location}", AWS_S3_ENDPOINT_URL=proxy.url)
            with pytest.raises(OSError, match="ada"):
                family.fork(own).delete("ada.jpg")
        assert read(plain, "ada.jpg") == b"over"
    plain.delete("ada.jpg")
    assert not plain.exists("ada.jpg")


@only("seaweedfs-http")
def test_own_store_that_does_not_answer_leaves_links_as_they_were(
    family: Family, provider: Provider, clock: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    from tests.servers.fault_proxy import Rule, answers_500_before

    # The first listing is the claim's, which remembers whether the store was empty.
    with FaultProxy(provider.endpoint_url, Rule("ListObjects", answers_500_before, first=2, times=100)) as proxy:
        own = provider.environ(family.bucket, location=f"fork-of-{family.location}", AWS_S3_ENDPOINT_URL=proxy.url)
        fork = family.fork(own)
        saved = put(fork, "own.txt")
        before = fork.url(saved), fork.url("parents.txt")
        clock.now += 60
        assert (fork.url(saved), fork.url("parents.txt")) == before
    assert "links use what was known before" in caplog.text


def test_missing_file_is_missing_with_a_sentence(family: Family) -> None:
    family.put("ada.jpg")
    fork = family.fork()
    fork.delete("ada.jpg")
    with pytest.raises(ObjectNotFound, match=r"File does not exist: ada\.jpg"):
        fork.size("ada.jpg")


# -- many names, many writers, versions


def test_fork_with_many_own_names_reads_without_listing_them(
    family: Family, operations: list[str], clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if one request listed two names: what is known grows old, and a read asks for its own name alone."""
    monkeypatch.setattr(overlay, "PAGE", 2)
    for name in ("parents.txt", "hidden.txt"):
        family.put(name)
    fork = family.fork()
    own = [put(fork, f"{number}.txt") for number in range(3)]
    fork.delete("hidden.txt")
    fork.url(own[0])
    for name, expected in ((own[0], 1), ("parents.txt", 3), ("hidden.txt", 2), ("missing.txt", 3)):
        clock.now += overlay.KNOWN_SECONDS + 1
        operations.clear()
        found = fork.exists(name)
        assert found == (name in {own[0], "parents.txt"})
        assert (len(operations), "own: list_objects_v2" in operations) == (expected, False), (name, operations)


@pytest.fixture
def large(family: Family, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A fork whose own store is not listed by one request: as if that listed 20 names."""
    monkeypatch.setattr(overlay, "PAGE", 20)
    fork = family.fork()
    for folder, count in (("first", 15), ("page one", 12), ("page two", 3), ("z", 15)):
        for number in range(count):
            key = f"fork-of-{family.location}/{folder}/{number:03}.jpg"
            family.provider.write(family.bucket, key, b"own")
    for number in range(3):
        family.put(f"page one/hidden {number}.jpg")
        family.put(f"page two/parents {number}.jpg")
        fork.delete(f"page one/hidden {number}.jpg")
    return fork


def sides(family: Family, storage: Any, names: list[str]) -> dict[str, str]:
    """Tell to which side each link leads."""
    return {name: "own" if f"/fork-of-{family.location}/" in storage.url(name) else "parent's" for name in names}


PAGE_OF_LINKS = {
    **{f"page one/{number:03}.jpg": "own" for number in range(12)},
    **{f"page two/{number:03}.jpg": "own" for number in range(3)},
    **{f"page one/hidden {number}.jpg": "own" for number in range(3)},
    **{f"page two/parents {number}.jpg": "parent's" for number in range(3)},
    "page one/missing.jpg": "parent's",
}


@only("seaweedfs-http", "ministack", "ceph-http")
def test_cold_page_in_a_large_fork_takes_three_requests(
    family: Family, large: Any, operations: list[str], clock: SimpleNamespace
) -> None:
    """One that finds that the store is large, and one for each folder; what was hidden is seen on the way."""
    process = as_another_process(family)
    operations.clear()
    assert sides(family, process, list(PAGE_OF_LINKS)) == PAGE_OF_LINKS
    assert operations == ["own: list_objects_v2"] * 3
    operations.clear()
    clock.now += overlay.KNOWN_SECONDS - 1
    assert sides(family, process, [*reversed(PAGE_OF_LINKS)]) == PAGE_OF_LINKS
    assert operations == []
    clock.now += 2
    assert sides(family, process, [*reversed(PAGE_OF_LINKS)]) == PAGE_OF_LINKS
    assert operations == ["own: list_objects_v2"] * 3


@only("seaweedfs-http", "ministack")
def test_large_fork_knows_as_soon_as_a_small_one_what_others_did(
    family: Family, large: Any, clock: SimpleNamespace
) -> None:
    process = as_another_process(family)
    sides(family, process, list(PAGE_OF_LINKS))
    large.delete("page one/000.jpg")
    large.delete("page two/parents 0.jpg")
    large.delete("page one/hidden 0.jpg")
    put(large, "page one/new.jpg")
    put(large, "page one/hidden 1.jpg")
    clock.now += overlay.NEW_SECONDS + 0.1
    assert sides(family, process, ["page one/new.jpg"]) == {"page one/new.jpg": "own"}

    clock.now += overlay.KNOWN_SECONDS + 0.1
    assert sides(family, process, ["page one/000.jpg", "page two/parents 0.jpg", "page one/hidden 1.jpg"]) == {
        "page one/000.jpg": "parent's",
        "page two/parents 0.jpg": "own",
        "page one/hidden 1.jpg": "own",
    }
    # What it does itself it knows at once.
    put(process, "page one/of this process.jpg")
    process.delete("page two/parents 1.jpg")
    process.delete("page one/001.jpg")
    names = ["page one/of this process.jpg", "page two/parents 1.jpg", "page one/001.jpg"]
    assert list(sides(family, process, names).values()) == ["own", "own", "parent's"]


@only("seaweedfs-http", "ministack", "ceph-http")
def test_folder_that_one_request_does_not_list_is_known_too(family: Family, large: Any, operations: list[str]) -> None:
    """Also where folders stand among its files, which servers sort in different ways."""
    wanted = {}
    for number in range(60):
        family.provider.write(family.bucket, f"fork-of-{family.location}/crowd/{number:03}.jpg", b"own")
        wanted |= {f"crowd/{number:03}.jpg": "own", f"crowd/{number:03}-x.jpg": "parent's"}
    for name in ("crowd/017/a.jpg", "crowd/017-x/b.jpg", "crowd/017.jpg.d/c.jpg", "crowd.jpg"):
        family.provider.write(family.bucket, f"fork-of-{family.location}/{name}", b"own")
        wanted[name] = "own"
    for order in (list(wanted), list(reversed(wanted)), sorted(wanted, key=lambda name: name[::-1])):
        operations.clear()
        process = as_another_process(family, file_overwrite=len(order) % 2 == 1, querystring_auth=True)
        process.overlay.__init__(process.overlay._store, f"fork-of-{family.location}")
        assert sides(family, process, order) == wanted
        # Sixteen that list folders, and all of the store, which is eight here; never one for each name.
        assert len(operations) <= overlay.FOLDERS + 10


@only("seaweedfs-http")
def test_fork_in_which_much_is_hidden_knows_it_by_folders(family: Family, large: Any, operations: list[str]) -> None:
    for number in range(30):
        family.put(f"gone/{number:03}.jpg")
        family.put(f"page two/gone {number:03}.jpg")
    large.delete_many([f"gone/{number:03}.jpg" for number in range(30)])
    large.delete_many([f"page two/gone {number:03}.jpg" for number in range(0, 30, 2)])
    process = as_another_process(family)
    wanted = {f"page two/gone {number:03}.jpg": "parent's" if number % 2 else "own" for number in range(30)}
    operations.clear()
    assert sides(family, process, list(wanted)) == wanted
    assert len(operations) <= 6


def test_listing_that_takes_long_is_not_repeated_for_each_new_name(
    family: Family, operations: list[str], clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork = family.fork()
    put(fork, "own.txt")
    send = Connection._send

    def slow(self: Connection, operation: str, parameters: dict[str, Any], client: Any) -> Any:
        if operation == "list_objects_v2":
            clock.now += 3
        return send(self, operation, parameters, client)

    monkeypatch.setattr(Connection, "_send", slow)
    clock.now += 100
    fork.url("first.txt")
    operations.clear()
    for number in range(20):
        clock.now += 1
        fork.url(f"{number}.txt")
    assert operations == []
    clock.now += 10
    fork.url("later.txt")
    assert operations == ["own: list_objects_v2"]


@only("seaweedfs-http", "ceph-http")
def test_many_writers_of_one_name_in_a_fork_give_as_many_files(family: Family) -> None:
    """Two processes with eight threads each, for a name that neither side has and for one that the parent has."""
    family.put(contested_name(1))
    own = family.provider.environ(family.bucket, location=f"fork-of-{family.location}")
    environ = own | {f"PARENT_{name}": value for name, value in family.above[0].items()}
    race = Race(environ, rounds=2, processes=2, threads=8)
    before = family.fingerprint()

    outcomes = run(race)

    assert [outcome.error for outcome in outcomes if outcome.error] == []
    names = {outcome.name for outcome in outcomes}
    assert len(names) == len(outcomes) == 32
    assert contested_name(0) in names
    assert contested_name(1) not in names
    fork = family.fork()
    for outcome in outcomes:
        assert read(fork, outcome.name) == content_of(race, outcome.round, outcome.writer)
    assert read(fork, contested_name(1)) == b"the parent's"
    assert family.fingerprint() == before


def test_versions_of_the_parents_files_are_as_they_were(provider: Provider, location: str) -> None:
    bucket = provider.create_bucket()
    provider.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    family = Family(provider, bucket, location)
    for content in (b"one", b"two"):
        family.put("ada.jpg", content)
        family.put("bob.jpg", content)
    provider.client.delete_object(Bucket=bucket, Key=f"{location}/bob.jpg")
    before = family.fingerprint()
    versions = provider.client.list_object_versions(Bucket=bucket)
    assert len(versions["Versions"]) == 4
    fork = family.fork()

    assert read(fork, "ada.jpg") == b"two"
    assert not fork.exists("bob.jpg")
    fork.delete("ada.jpg")
    put(fork, "ada.jpg")
    put(fork, "bob.jpg")
    fork.delete_many(["ada.jpg", "bob.jpg"])

    assert family.fingerprint() == before


@only("seaweedfs-http", "ministack", "ceph-http")
@pytest.mark.parametrize("own", ["parent's", "around it"])
def test_parent_that_is_the_own_store_by_another_address_is_not_written_to(
    family: Family, provider: Provider, own: str
) -> None:
    """What no contract can see: two addresses of one server."""
    family.put("ada.jpg")
    before = family.fingerprint()
    outer = family.location
    if own == "around it":
        inner = Family(provider, family.bucket, f"{family.location}/production")
        inner.put("ada.jpg")
        before = family.fingerprint()
        family.above = inner.above
    with FaultProxy(provider.endpoint_url) as proxy:
        fork = family.fork(provider.environ(family.bucket, location=outer, AWS_S3_ENDPOINT_URL=proxy.url))
        assert read(fork, "ada.jpg") == b"the parent's"
        for deed in (
            lambda: put(fork, "new.jpg"),
            lambda: fork.delete("ada.jpg"),
            lambda: fork.delete_many(["ada.jpg"]),
            lambda: fork.open("new.jpg", "wb").close(),
            lambda: removal.plan(fork),
        ):
            with pytest.raises(WriteRefused, match="Both addresses"):
                deed()
        assert {request.method for request in proxy.exchanges} <= {"GET", "HEAD"}
    assert family.fingerprint() == before


@only("seaweedfs-http")
def test_own_bucket_of_the_same_name_elsewhere_is_another(
    start_provider: Callable[[str], Provider], family: Family
) -> None:
    family.put("ada.jpg")
    other = start_provider("ministack")
    other.client.create_bucket(Bucket=family.bucket)
    fork = family.fork(other.environ(family.bucket, location=family.location))
    assert put(fork, "own.jpg") == "own.jpg"
    fork.delete("ada.jpg")
    assert fork.listdir("") == ([], ["own.jpg"])


def test_parents_files_are_read_as_they_were_written(family: Family) -> None:
    """The project's own options count for all of its environments."""
    packed = build_storage(family.above[0], gzip=True)
    put(packed, "style.css", b"body { color: red }" * 100)
    fork = family.fork(gzip=True)
    assert read(fork, "style.css") == b"body { color: red }" * 100
    own = put(fork, "own.css", b"p { color: blue }" * 100)
    assert read(fork, own) == b"p { color: blue }" * 100


# -- the same bucket


@only("seaweedfs-http", "ministack", "ceph-http")
def test_project_that_writes_by_its_bucket_can_not_reach_the_parent_beside(family: Family) -> None:
    """A review app in a folder of the original's bucket, with keys that may do everything there."""
    family.put("avatars/ada.jpg", b"the original's")
    fork = family.fork(family.provider.environ(family.bucket, location=f"{family.location}/forks/pr-1"))
    put(fork, "own.txt", b"own")
    before = family.fingerprint(without=f"{family.location}/forks/")
    key, own = f"{family.location}/avatars/ada.jpg", f"{family.location}/forks/pr-1/by-hand.txt"
    client = fork.connection.meta.client
    parameters = {"Bucket": family.bucket, "Key": key}
    deeds: list[Callable[[], Any]] = [
        lambda: fork.bucket.objects.filter(Prefix=f"{family.location}/avatars/").delete(),
        lambda: fork.bucket.Object(key).delete(),
        lambda: fork.bucket.Object(key).put(Body=b"another"),
        lambda: client.copy_object(**parameters, CopySource=parameters),
        lambda: client.create_multipart_upload(**parameters),
        lambda: client.delete_bucket_policy(Bucket=family.bucket),
        lambda: client.generate_presigned_url("put_object", Params=parameters),
        lambda: client.generate_presigned_url("get_object", Params=parameters, HttpMethod="PUT"),
        lambda: client.generate_presigned_post(family.bucket, key),
        lambda: client.generate_presigned_post(family.bucket, "${filename}"),
        lambda: fork.store.call("delete_object", action="deleting", Key=key),
    ]
    for deed in deeds:
        with pytest.raises(WriteRefused, match="nothing else"):
            deed()
    assert family.fingerprint(without=f"{family.location}/forks/") == before
    # What lies in its own folder is the fork's, by whatever way.
    fork.bucket.Object(own).put(Body=b"by hand")
    assert client.generate_presigned_post(family.bucket, own)["fields"]["key"] == own
    assert read(fork, "by-hand.txt") == b"by hand"
    fork.bucket.Object(own).delete()
    assert client.get_object(**parameters)["Body"].read() == b"the original's"


@only("seaweedfs-http")
def test_write_that_is_refused_leaves_no_claim(family: Family) -> None:
    put(family.fork(), "one.txt")
    own = family.provider.environ(family.bucket, location=f"fork-of-{family.location}", STORAGE_ENVIRONMENT="another")
    other = Family(family.provider, family.bucket, f"other-{family.location}")

    with pytest.raises(WriteRefused, match="was started as a fork"):
        put(other.fork(own), "two.txt")

    kept = [found["Key"] for found in family.provider.objects_in(family.bucket, f"fork-of-{family.location}/")]
    assert not [key for key in kept if key.endswith("owner.json")]


@only("seaweedfs-http")
def test_alternative_that_repeats_itself_hides_nothing_of_the_parents(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    family.put("a.txt")
    family.put("a_2026-11-25.txt")
    fork = family.fork()
    # A project's own rule, on the class as projects have it.
    monkeypatch.setattr(
        type(fork), "get_alternative_name", lambda _self, root, extension: f"{root}_2026-11-25{extension}"
    )

    assert put(fork, "a.txt", b"own") not in {"a.txt", "a_2026-11-25.txt"}
    assert read(fork, "a_2026-11-25.txt") == b"the parent's"


@only("seaweedfs-http")
def test_names_that_the_parent_has_end_at_a_bound(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    fork = family.fork()
    monkeypatch.setattr(fork, "_shows_parents", lambda _name: True)

    with pytest.raises(StoreFailed, match="1,000 are taken in the parent"):
        put(fork, "a.txt")
