"""`holdall fork` and `holdall owner`, as an operator runs them, on real servers."""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from typing import Any

import pytest
from django.core.files.base import ContentFile

from holdall import cli
from holdall.errors import ContractError, HoldallError, StoreFailed, StoreUnreachable, WriteRefused
from holdall.fork import promotion
from holdall.fork.divergence import diff, totals
from holdall.fork.storage import storage_of
from holdall.s3 import claims
from tests.contract import only
from tests.forks import Family, fingerprint, put, read
from tests.providers import Provider
from tests.servers.fault_proxy import FaultProxy, Rule, answers_500_before, resets_before
from tests.stores import build_storage

MIB = 1024 * 1024


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def holdall(environ: Mapping[str, str], *arguments: str, out: io.StringIO | None = None) -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    out, err = out or io.StringIO(), io.StringIO()
    code = cli.run(parser.parse_args(arguments), out=out, err=err, environ=environ)
    return code, out.getvalue() + err.getvalue()


def document(environ: Mapping[str, str], *arguments: str) -> tuple[int, Any]:
    code, text = holdall(environ, *arguments, "--json")
    return code, json.loads(text)


@pytest.fixture
def family(provider: Provider, bucket: str, location: str) -> Family:
    return Family(provider, bucket, location)


def environ_of(family: Family, own: Mapping[str, str] | None = None) -> dict[str, str]:
    own = own or family.provider.environ(family.bucket, location=f"fork-of-{family.location}")
    return {**own, **{f"PARENT_{name}": value for name, value in family.above[0].items()}}


def grown(family: Family, fork: Any) -> None:
    """Make one change of each kind."""
    for name in ("parents.txt", "hidden.txt", "gone.txt", "same.txt", "replaced.txt"):
        family.put(name)
    put(fork, "added é+.txt", b"added")
    for name in ("hidden.txt", "gone.txt", "same.txt", "replaced.txt"):
        fork.delete(name)
    put(fork, "same.txt", b"the parent's")
    put(fork, "replaced.txt", b"the fork's")
    family.parent.delete("gone.txt")


KINDS = {
    "added é+.txt": "added",
    "replaced.txt": "replaced",
    "same.txt": "same",
    "hidden.txt": "hidden",
    "gone.txt": "gone",
}


# -- status and diff


def test_status_counts_what_differs(family: Family) -> None:
    grown(family, family.fork())
    environ = environ_of(family)

    code, found = document(environ, "fork", "status")
    assert code == 0
    assert found["version"] == 1
    assert f'under "fork-of-{family.location}"' in found["own"]
    assert found["totals"]["added"] == {"files": 1, "size_bytes": 5}
    assert found["totals"]["hidden"] == {"files": 1, "size_bytes": 12}
    code, text = holdall(environ, "fork", "status")
    assert code == 0
    assert "1 added        5 bytes  the parent has no such file" in text


def test_diff_lists_what_differs(family: Family) -> None:
    grown(family, family.fork())

    code, found = document(environ_of(family), "fork", "diff")
    assert code == 0
    assert {change["name"]: change["kind"] for change in found["changes"]} == KINDS
    _, text = holdall(environ_of(family), "fork", "diff")
    assert sorted(line.split()[0] for line in text.splitlines()) == sorted("+!=-·")


@only("seaweedfs-http")
def test_names_are_shown_and_not_obeyed(family: Family) -> None:
    fork = family.fork()
    for name in ("ok\x1b[2K.txt", "exe\u202egpj.jpg", "a\n- forged.txt"):
        fork.save(name, ContentFile(b"x"))

    for command in (["fork", "diff"], ["fork", "promote"]):
        text = holdall(environ_of(family), *command)[1]
        assert all(line.isprintable() for line in text.split("\n")), text
        assert r"ok\x1b[2K.txt" in text
        assert "\n- forged" not in text


@only("seaweedfs-http")
def test_untouched_fork_differs_in_nothing(family: Family) -> None:
    family.put("parents.txt")
    assert sum(total.files for total in totals(diff(family.fork())).values()) == 0


@only("seaweedfs-http")
def test_command_for_a_fork_says_that_there_is_none(family: Family) -> None:
    plain = family.provider.environ(family.bucket)
    code, text = holdall(plain, "fork", "status")
    assert code == 1
    assert "`PARENT_STORAGE_BUCKET_NAME` is missing" in text
    assert "`BUILD_MODE` is true" in holdall({"BUILD_MODE": "true"}, "fork", "status")[1]


# -- promote


def test_promoting_brings_files_and_deletions_into_the_parent(family: Family) -> None:
    fork = family.fork()
    grown(family, fork)
    put(fork, "large.bin", b"l" * 9 * MIB)
    put(fork, "empty.txt", b"")
    environ = environ_of(family)
    before = family.fingerprint()

    code, text = holdall(environ, "fork", "promote")
    assert code == 1
    assert "Nothing was done. Run it again with --yes" in text
    assert "! replaced.txt is left as it is: the parent has another file of this name" in text
    assert family.fingerprint() == before

    code, found = document(environ, "fork", "promote", "--yes")
    assert code == 1
    assert found["conflicts"] == [{"name": "replaced.txt", "reason": promotion.OTHER_FILE}]
    assert found["failures"] == []
    assert {step["name"]: step["action"] for step in found["done"]} == {
        "added é+.txt": "copy",
        "large.bin": "copy",
        "empty.txt": "copy",
        "hidden.txt": "delete",
    }
    parent = family.parent
    assert read(parent, "added é+.txt") == b"added"
    assert parent.size("large.bin") == 9 * MIB
    assert read(parent, "empty.txt") == b""
    assert not parent.exists("hidden.txt")
    assert read(parent, "replaced.txt") == b"the parent's"
    assert read(parent, "parents.txt") == b"the parent's"
    assert family.provider.unfinished_uploads(family.bucket, family.location) == []

    # Once more: all that was done is found done.
    code, found = document(environ, "fork", "promote")
    assert (code, found["steps"], len(found["conflicts"])) == (1, [], 1)


def test_promoting_between_providers_sends_the_bytes(start_provider: Callable[[str], Provider], family: Family) -> None:
    other = start_provider("ministack" if family.provider.name.startswith("seaweedfs") else "seaweedfs-http")
    environ = environ_of(family, other.environ(other.create_bucket()))
    fork: Any = storage_of(cli.stores.options_of(_session(environ), ""))
    put(fork, "small.txt", b"small")
    put(fork, "large.bin", bytes(range(256)) * 36 * 1024)

    code, text = holdall(environ, "fork", "promote", "--yes")
    assert code == 0, text
    assert "Done: 2 of 2, each verified." in text
    assert read(family.parent, "small.txt") == b"small"
    assert read(family.parent, "large.bin") == read(fork, "large.bin")


def _session(environ: Mapping[str, str]) -> Any:
    return argparse.Namespace(environ=environ)


@only("seaweedfs-http")
def test_what_the_parent_replaced_meanwhile_is_not_deleted(family: Family) -> None:
    fork = family.fork()
    family.put("hidden.txt", b"as the fork saw it")
    fork.delete("hidden.txt")
    family.put("hidden.txt", b"another")

    code, found = document(environ_of(family), "fork", "promote", "--yes")
    assert code == 1
    assert found["conflicts"] == [{"name": "hidden.txt", "reason": promotion.REPLACED}]
    assert read(family.parent, "hidden.txt") == b"another"


@only("seaweedfs-http")
def test_what_the_parent_gains_while_promoting_is_not_overwritten(family: Family) -> None:
    fork = family.fork()
    put(fork, "one.txt", b"the fork's")
    family.put("hidden.txt")
    fork.delete("hidden.txt")
    planned = promotion.plan(diff(fork))
    family.put("one.txt", b"meanwhile")
    family.put("hidden.txt", b"meanwhile")

    outcome = promotion.apply(planned, fork, family.parent)

    assert outcome.done == ()
    assert {conflict.name for conflict in outcome.conflicts} == {"one.txt", "hidden.txt"}
    assert read(family.parent, "one.txt") == read(family.parent, "hidden.txt") == b"meanwhile"


@only("seaweedfs-http")
def test_what_the_fork_replaced_since_the_plan_is_not_copied(family: Family) -> None:
    fork = family.fork(file_overwrite=True)
    put(fork, "one.txt", b"planned")
    planned = promotion.plan(diff(fork))
    put(fork, "one.txt", b"not planned")

    [conflict] = promotion.apply(planned, fork, family.parent).conflicts

    assert "was replaced in the fork since the plan was made" in conflict.reason
    assert not family.parent.exists("one.txt")


@only("seaweedfs-http")
@pytest.mark.parametrize("operation", ["PutObject", "CreateMultipartUpload", "UploadPart", "GetObject", "DeleteObject"])
def test_promoting_that_was_interrupted_is_taken_up(family: Family, provider: Provider, operation: str) -> None:
    """Each kind of request fails in turn, as often as it is repeated; then the network is sound again."""
    fork = family.fork()
    family.put("hidden.txt")
    fork.delete("hidden.txt")
    contents = {f"{number}.bin": bytes([number]) * size for number, size in enumerate((10, 9 * MIB, 20))}
    for name, content in contents.items():
        put(fork, name, content)
    for first in range(3):
        rule = Rule(operation, resets_before if first % 2 else answers_500_before, first=first, times=4)
        with FaultProxy(provider.endpoint_url, rule) as proxy:
            # Seen from another address, it is another place: the bytes are sent.
            writable = family.provider.environ(family.bucket, location=family.location, AWS_S3_ENDPOINT_URL=proxy.url)
            parent: Any = _plain(writable)
            # Where not even the parent's owner can be asked for, nothing is begun.
            with suppress(StoreFailed, StoreUnreachable) if operation == "GetObject" else nullcontext():
                promotion.apply(promotion.plan(diff(fork)), fork, parent)

    outcome = promotion.apply(promotion.plan(diff(fork)), fork, family.parent)

    assert (outcome.conflicts, outcome.failures) == ((), ())
    for name, content in contents.items():
        is_same = read(family.parent, name) == content
        assert is_same
    assert not family.parent.exists("hidden.txt")


def _plain(environ: Mapping[str, str]) -> Any:
    from tests.stores import build_storage

    return build_storage(environ)


def test_promoting_that_was_killed_between_the_requests_of_a_copy_is_taken_up(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    from holdall.s3.saving import NewObject

    fork = family.fork()
    put(fork, "one.txt", b"content")
    call = NewObject._call

    class Killed(BaseException):
        pass

    def killed(self: NewObject, operation: str, **parameters: Any) -> Any:
        if operation == "copy_object":
            raise Killed
        return call(self, operation, **parameters)

    with monkeypatch.context() as patch:
        patch.setattr(NewObject, "_call", killed)
        patch.setattr(NewObject, "abandon", lambda self: None)
        with pytest.raises(Killed):
            promotion.apply(promotion.plan(diff(fork)), fork, family.parent)
    assert family.parent.size("one.txt") == 0

    assert document(environ_of(family), "fork", "promote", "--yes")[0] == 0
    assert read(family.parent, "one.txt") == b"content"


@only("seaweedfs-http")
def test_empty_file_of_the_parents_own_is_no_reservation(family: Family) -> None:
    fork = family.fork()
    family.put("one.txt", b"")
    fork.delete("one.txt")
    put(fork, "one.txt", b"content")

    code, found = document(environ_of(family), "fork", "promote", "--yes")
    assert (code, [one["name"] for one in found["conflicts"]]) == (1, ["one.txt"])
    assert read(family.parent, "one.txt") == b""


def test_promoting_without_the_right_to_write_changes_nothing(family: Family) -> None:
    fork = family.fork()
    grown(family, fork)
    family.above = [family.provider.environ(family.bucket, location=family.location, keys=family.provider.readonly)]
    before = family.fingerprint()

    code, found = document(environ_of(family), "fork", "promote", "--yes")
    assert code == 1
    assert found["done"] == []
    text = holdall(environ_of(family), "fork", "promote", "--yes")[1]
    assert text.endswith("Nothing was done.\n")
    assert {failure["name"] for failure in found["failures"]} == {"added é+.txt", "hidden.txt"}
    assert family.fingerprint() == before


@only("seaweedfs-http")
def test_parent_that_has_an_owner_is_written_to_in_its_name(family: Family) -> None:
    put(family.fork(), "one.txt")
    claim = claims.Claim(kind="owner", holder="production", location=family.location)
    family.provider.write(family.bucket, claim.key, claim.body())
    environ = environ_of(family)

    before = family.fingerprint()

    for given in ({}, {"PARENT_STORAGE_ENVIRONMENT": "staging"}):
        for arguments in (("--yes",), ("--yes", "--json"), ()):
            code, text = holdall({**environ, **given}, "fork", "promote", *arguments)
            assert code == 1
            assert text.count('belong to the environment "production"') == 1
            assert "Set `PARENT_STORAGE_ENVIRONMENT=production` on the one run" in text
            assert "owner take" not in text
            assert "Done" not in text
            assert "--json" in arguments or 'under "' + family.location + '"' in text.splitlines()[1]
            assert "--json" in arguments or text.splitlines()[1].endswith(', owned by "production"')
    assert document(environ, "fork", "promote")[1]["parents_owner"] == "production"
    assert 'owned by "production"' in holdall(environ, "fork", "status")[1]
    with pytest.raises(WriteRefused, match="PARENT_STORAGE_ENVIRONMENT"):
        promotion.apply(promotion.plan(diff(family.fork())), family.fork(), family.fork().parent)
    assert family.fingerprint() == before

    code, text = holdall({**environ, "PARENT_STORAGE_ENVIRONMENT": "production"}, "fork", "promote", "--yes")
    assert code == 0
    assert read(family.parent, "one.txt") == b"x"


@only("seaweedfs-http")
def test_promoting_in_another_environment_sends_nothing(family: Family) -> None:
    own = {**environ_of(family), "STORAGE_ENVIRONMENT": "staging"}
    family.put("hidden.txt")
    fork: Any = storage_of(cli.stores.options_of(_session(own), ""))
    put(fork, "one.txt")
    fork.delete("hidden.txt")
    before = family.fingerprint()

    code, text = holdall({**own, "STORAGE_ENVIRONMENT": "qa"}, "fork", "promote", "--yes")

    assert code == 1
    assert text.count('belong to the environment "staging"; this environment is "qa"') == 1
    assert "set `STORAGE_ENVIRONMENT=staging` for this one run" in text
    assert "Done" not in text
    assert family.fingerprint() == before
    assert holdall({**own, "STORAGE_ENVIRONMENT": "qa"}, "fork", "status")[0] == 0
    code, text = holdall(own, "fork", "promote", "--yes")
    assert code == 0, text
    assert "1 file to copy (1 byte), 1 to delete" in text


@only("seaweedfs-http")
@pytest.mark.parametrize("deed", ["status", "diff", "promote", "drop"])
def test_parent_of_which_the_fork_was_not_begun_is_refused(family: Family, deed: str) -> None:
    put(family.fork(), "one.txt")
    other = family.provider.create_bucket()
    environ = {**environ_of(family), "PARENT_STORAGE_BUCKET_NAME": other}
    before = [family.fingerprint(), fingerprint(family.provider, family.bucket, f"fork-of-{family.location}")]

    code, text = holdall(environ, "fork", deed, *(["--yes"] if deed in {"promote", "drop"} else []))

    assert code == 1
    assert text.count("was started as a fork of") == 1
    assert f'`PARENT_*` names bucket "{other}"' in text
    assert family.provider.keys_in(other) == []
    assert before == [family.fingerprint(), fingerprint(family.provider, family.bucket, f"fork-of-{family.location}")]


@only("seaweedfs-http")
@pytest.mark.parametrize("deed", ["status", "diff", "promote"])
@pytest.mark.parametrize("name", ["STORAGE_BUCKET_NAME", "AWS_SECRET_ACCESS_KEY"])
def test_error_of_the_parent_names_the_parents_variables(family: Family, deed: str, name: str) -> None:
    own = family.provider.environ(family.bucket, location=f"fork-of-{family.location}")
    environ = {f"PRIVATE_{key}": value for key, value in environ_of(family, own).items()}
    wrong = {**environ, f"PRIVATE_PARENT_{name}": "no-such-thing-0123456789"}

    code, text = holdall(wrong, "fork", deed, "--prefix", "PRIVATE_")

    assert code == 1
    assert text.startswith("Parent store: ")
    assert f"`PRIVATE_PARENT_{name}`" in text
    assert "no-such-thing" not in text or name == "STORAGE_BUCKET_NAME"
    code, text = holdall(
        {**environ, f"PRIVATE_{name}": "no-such-thing-0123456789"}, "fork", deed, "--prefix", "PRIVATE_"
    )
    assert code == 1
    assert "Parent store:" not in text


@only("seaweedfs-http")
def test_store_that_changes_hands_while_promoting_ends_it(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    fork = family.fork()
    for name in ("one.txt", "two.txt", "three.txt"):
        put(fork, name)
    parent: Any = _plain({**family.above[0], "STORAGE_ENVIRONMENT": "production"})
    monkeypatch.setattr(claims, "CLAIM_SECONDS", 0)
    taken = claims.Claim(kind="owner", holder="staging", location=family.location)

    outcome = promotion.apply(
        promotion.plan(diff(fork)),
        fork,
        parent,
        report=lambda step: family.provider.write(family.bucket, taken.key, taken.body()),
    )

    assert (len(outcome.done), len(outcome.failures), outcome.conflicts) == (1, 1, ())
    assert 'belong to the environment "staging"' in outcome.failures[0].reason


@only("seaweedfs-http")
def test_promoting_into_a_fork_keeps_off_its_own_parent(family: Family) -> None:
    environ = family.provider.environ(family.bucket, location=f"staging-{family.location}")
    staging = family.fork(environ)
    family.put("hidden.txt")
    before = family.fingerprint()
    production, family.above = family.above[0], [environ, family.above[0]]
    laptop = family.fork()
    put(laptop, "one.txt", b"one")
    laptop.delete("hidden.txt")
    whole = {**environ_of(family), **{f"PARENT_PARENT_{name}": value for name, value in production.items()}}

    code, text = holdall(whole, "fork", "promote", "--yes")

    assert code == 0, text
    assert family.fingerprint() == before
    fresh = Family(family.provider, family.bucket, family.location).fork(environ, fast_lane=False)
    assert read(fresh, "one.txt") == b"one"
    assert not fresh.exists("hidden.txt")
    assert staging.exists("one.txt")


# -- drop


def test_dropping_deletes_the_own_store_and_nothing_else(family: Family) -> None:
    fork = family.fork()
    grown(family, fork)
    beside = family.provider.environ(family.bucket, location=f"fork-of-{family.location}-2")
    put(family.fork(beside), "beside.txt")
    environ = environ_of(family)
    before = family.fingerprint()

    code, text = holdall(environ, "fork", "drop")
    assert code == 1
    assert "Run it again with --yes" in text
    assert f"- fork-of-{family.location}/replaced.txt" in text
    assert fork.exists("added é+.txt")

    code, found = document(environ, "fork", "drop", "--yes")
    assert code == 0
    assert (found["dropped"], found["files"]) == (True, 3)
    assert list(family.provider.objects_in(family.bucket, f"fork-of-{family.location}/")) == []
    assert family.fingerprint() == before
    assert family.provider.keys_in(family.bucket, f"fork-of-{family.location}-2/")
    assert document(environ, "fork", "drop", "--yes")[1]["objects"] == 0


@only("seaweedfs-http")
@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, 'belong to the environment "production"; this environment has no name'),
        ({"STORAGE_ENVIRONMENT": "production"}, "was never started as a fork, so its files belong to somebody else"),
    ],
)
def test_store_that_was_never_begun_as_a_fork_is_not_dropped(
    family: Family, variables: dict[str, str], said: str
) -> None:
    bucket = family.provider.create_bucket()
    storage: Any = build_storage(family.provider.environ(bucket, STORAGE_ENVIRONMENT="production"))
    put(storage, "papers.txt")
    before = fingerprint(family.provider, bucket)
    environ = environ_of(family, family.provider.environ(bucket, **variables))

    code, text = holdall(environ, "fork", "drop", "--yes")

    assert code == 1
    assert said in text
    assert fingerprint(family.provider, bucket) == before


@only("seaweedfs-http")
def test_dropping_an_own_bucket_leaves_the_forks_that_lie_in_it(family: Family) -> None:
    bucket = family.provider.create_bucket()
    own = family.provider.environ(bucket)
    put(family.fork(own), "own.txt")
    inner = family.provider.environ(bucket, location="forks/pr-1")
    inner_family = Family(family.provider, bucket, "")
    inner_fork = inner_family.fork(inner)
    put(inner_fork, "inner.txt")

    code, text = holdall(environ_of(family, own), "fork", "drop", "--yes")

    assert code == 0
    assert '"forks/pr-1" is kept: another store uses it.' in text
    assert family.provider.keys_in(bucket) == ["forks/pr-1/inner.txt"]


@only("seaweedfs-http")
def test_dropping_a_foreign_store_is_refused(family: Family) -> None:
    put(family.fork(), "own.txt")
    where = f"fork-of-{family.location}"
    claim = claims.Claim(kind="owner", holder="pr-1", location=where)
    family.provider.write(family.bucket, claim.key, claim.body())
    before = fingerprint(family.provider, family.bucket, where)

    code, text = holdall({**environ_of(family), "STORAGE_ENVIRONMENT": "pr-2"}, "fork", "drop", "--yes")

    assert code == 1
    assert 'belong to the environment "pr-1"' in text
    assert fingerprint(family.provider, family.bucket, where) == before


# -- the question


@only("seaweedfs-http")
@pytest.mark.parametrize(("answer", "done"), [("y\n", True), ("\n", False), ("", False)])
def test_whoever_sits_before_the_terminal_is_asked(
    family: Family, monkeypatch: pytest.MonkeyPatch, answer: str, done: bool
) -> None:
    put(family.fork(), "own.txt")
    terminal = Terminal(answer)
    monkeypatch.setattr(sys, "stdin", terminal)
    out = Terminal()
    code, text = holdall(environ_of(family), "fork", "drop", out=out)
    assert "Delete them permanently? [y/N]" in text
    assert (code == 0) == done
    assert bool(family.provider.keys_in(family.bucket, f"fork-of-{family.location}/")) != done


# -- the owner


def test_owner_is_shown_and_taken(family: Family) -> None:
    production = {**family.above[0], "STORAGE_ENVIRONMENT": "production"}
    staging = {**family.above[0], "STORAGE_ENVIRONMENT": "staging"}
    assert (
        f'Nobody owns bucket "{family.bucket}", under "{family.location}" on ' in holdall(staging, "owner", "show")[1]
    )
    put(_plain(production), "ada.jpg")

    code, found = document(staging, "owner", "show")
    assert code == 0
    assert (found["version"], found["owner"], found["environment"]) == (1, "production", "staging")
    assert 'this environment is "staging"' in holdall(staging, "owner", "show")[1]

    code, text = holdall(staging, "owner", "take")
    assert code == 1
    assert '"production" can still read but no longer write or delete' in text
    assert "within 60 seconds" in text
    assert "make it a fork instead" in text
    assert document(staging, "owner", "show")[1]["owner"] == "production"

    code, text = holdall(staging, "owner", "take", "--yes")
    assert code == 0
    assert document(staging, "owner", "show")[1]["owner"] == "staging"
    assert "already" in holdall(staging, "owner", "take")[1]
    put(_plain(staging), "bob.jpg")


@only("seaweedfs-http")
def test_taking_needs_a_name(family: Family) -> None:
    code, text = holdall(family.above[0], "owner", "take", "--yes")
    assert code == 1
    assert "`STORAGE_ENVIRONMENT` is missing" in text
    assert issubclass(ContractError, HoldallError)


@only("seaweedfs-http")
def test_owner_can_be_taken_before_anybody_has_it(family: Family) -> None:
    environ = {**family.above[0], "STORAGE_ENVIRONMENT": "production"}
    assert holdall(environ, "owner", "take", "--yes")[0] == 0
    assert document(environ, "owner", "show")[1]["owner"] == "production"
    assert family.parent.save("unnamed.txt", ContentFile(b"x")) == "unnamed.txt"
