"""`PARENT_*`: the same contract once more, and which store can be the parent of which."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

import holdall
from holdall import sites
from holdall.environment import contract
from holdall.fork import ForkedStorage
from holdall.storage import MediaStorage
from tests.stores import build_fork

OWN = {"STORAGE_BUCKET_NAME": "acme-staging", "AWS_S3_REGION_NAME": "eu-central-1"}
PARENT = {"PARENT_STORAGE_BUCKET_NAME": "acme-media", "PARENT_AWS_S3_REGION_NAME": "eu-central-1"}
SPACES = {
    "STORAGES_MODE": "do",
    "STORAGE_BUCKET_NAME": "acme-media",
    "AWS_ACCESS_KEY_ID": "DO00READONLY",
    "AWS_SECRET_ACCESS_KEY": "parents-very-own-secret",
}


def parent_of(environ: dict[str, str], times: int = 1) -> dict[str, str]:
    return {f"{'PARENT_' * times}{name}": value for name, value in environ.items()}


def problems(environ: dict[str, str], prefix: str = "") -> list[str]:
    return list(contract.read(environ, prefix=prefix).problems)


def test_variables_of_a_parent_make_a_fork() -> None:
    made = holdall.from_env({**OWN, **PARENT})["default"]
    assert made["BACKEND"] == "holdall.fork.ForkedStorage"
    assert made["OPTIONS"]["bucket_name"] == "acme-staging"
    assert made["OPTIONS"]["parent"]["bucket_name"] == "acme-media"
    assert "parent" not in made["OPTIONS"]["parent"]


def test_laptop_in_local_mode_forks_a_space() -> None:
    options = holdall.from_env({"STORAGES_MODE": "local", **parent_of(SPACES)})["default"]["OPTIONS"]
    assert (options["provider"], options["bucket_name"]) == ("seaweedfs", "media")
    assert (options["parent"]["provider"], options["parent"]["endpoint_url"]) == (
        "spaces",
        "https://ams3.digitaloceanspaces.com",
    )
    assert options["parent"]["access_key"].reveal() == "DO00READONLY"


def test_parents_chain() -> None:
    environ = {"STORAGES_MODE": "local", **parent_of(OWN), **parent_of(SPACES, 2)}
    options = holdall.from_env(environ)["default"]["OPTIONS"]
    assert options["parent"]["parent"]["bucket_name"] == "acme-media"


def test_fork_of_a_second_storage_has_both_prefixes() -> None:
    environ = {**OWN, "PRIVATE_STORAGE_BUCKET_NAME": "private", "PRIVATE_PARENT_STORAGE_BUCKET_NAME": "acme-private"}
    with pytest.warns(holdall.ContractWarning, match='The store "default" is not a fork'):
        made = holdall.from_env(environ, aliases={"default": "", "private": "PRIVATE_"})
    assert made["default"]["BACKEND"] == "holdall.storage.MediaStorage"
    assert made["private"]["OPTIONS"]["parent"]["bucket_name"] == "acme-private"


def test_problems_of_both_are_told_at_once() -> None:
    assert problems(
        {"STORAGE_MAKE_FILES_PUBLIC": "ture", "PARENT_STORAGES_MODE": "do", "PARENT_DO_REGION": "ams3"}
    ) == [
        '`STORAGE_MAKE_FILES_PUBLIC` is "ture"; write true or false.',
        "`STORAGE_BUCKET_NAME` is missing; it names the bucket that keeps the files.",
        "`PARENT_STORAGE_BUCKET_NAME` is missing; it names the bucket that keeps the files.",
        "`PARENT_AWS_ACCESS_KEY_ID` is missing; in mode do it is the id of the Spaces key.",
        "`PARENT_AWS_SECRET_ACCESS_KEY` is missing; in mode do it is the secret of the Spaces key.",
    ]


def test_slip_in_a_parents_variable_is_no_silent_store_of_its_own() -> None:
    assert problems({**OWN, "PARENT_STORAGE_BUCKET": "acme-media"}) == [
        "`PARENT_STORAGE_BUCKET` is not read by Holdall; did you mean `PARENT_STORAGE_BUCKET_NAME`?",
        "`PARENT_STORAGE_BUCKET_NAME` is missing; it names the bucket that keeps the files.",
    ]


def test_parent_of_a_parent_needs_the_parent() -> None:
    assert problems({**OWN, **parent_of(OWN, 2)}) == [
        "`PARENT_STORAGE_BUCKET_NAME` is missing; it names the bucket that keeps the files."
    ]


def test_empty_parent_is_none() -> None:
    made = holdall.from_env({**OWN, "PARENT_STORAGE_BUCKET_NAME": " "})["default"]
    assert made["BACKEND"] == "holdall.storage.MediaStorage"


def test_build_mode_of_a_parent_has_no_meaning() -> None:
    reading = contract.read({**OWN, **PARENT, "PARENT_BUILD_MODE": "true"})
    assert reading.warnings == ("`PARENT_BUILD_MODE` is not used: an image is built for the fork, not for its parent.",)
    assert reading.parent
    assert reading.parent.store


def test_image_of_a_fork_is_built_without_its_parent() -> None:
    made = holdall.from_env({"BUILD_MODE": "true", "PARENT_STORAGES_MODE": "nonsense"})
    assert made["default"]["BACKEND"] == "holdall.environment.build.BuildModeStorage"


@pytest.mark.parametrize(
    ("own", "parent"),
    [
        (OWN, OWN),
        # Amazon's buckets have one name in the world, whichever address leads there.
        (OWN, {**OWN, "AWS_S3_ENDPOINT_URL": "https://s3.eu-central-1.amazonaws.com"}),
        (SPACES, SPACES),
        (SPACES, {**SPACES, "STORAGES_MODE": "s3", "AWS_S3_ENDPOINT_URL": "https://ams3.digitaloceanspaces.com"}),
        ({"STORAGES_MODE": "local"}, {"STORAGES_MODE": "local"}),
        ({**OWN, "STORAGE_LOCATION": "media"}, {**OWN, "STORAGE_LOCATION": "media"}),
    ],
)
def test_store_is_not_its_own_parent(own: dict[str, str], parent: dict[str, str]) -> None:
    [problem] = problems({**own, **parent_of(parent)})
    # By the variable that is set: in mode local the bucket needs no name.
    set_there = "STORAGE_BUCKET_NAME" if "STORAGE_BUCKET_NAME" in parent else "STORAGES_MODE"
    assert problem.startswith(f"`PARENT_{set_there}` names the fork's own store (bucket ")
    assert problem.endswith(
        "a store cannot be its own parent. Give the fork a bucket or a `STORAGE_LOCATION` of its own."
    )


def test_store_is_not_its_own_grandparent() -> None:
    [problem] = problems({**SPACES, **parent_of(OWN), **parent_of(SPACES, 2)})
    assert problem.startswith("`PARENT_PARENT_STORAGE_BUCKET_NAME` names the fork's own store")


def test_parent_does_not_lie_inside_its_fork() -> None:
    [problem] = problems({**OWN, **parent_of({**OWN, "STORAGE_LOCATION": "prod"})})
    assert "inside the fork's own" in problem
    assert 'under "prod"' in problem


@pytest.mark.parametrize("own", ["forks/pr-123", "pr-123", "production-copy"])
def test_fork_may_lie_inside_or_beside_its_parent(own: str) -> None:
    assert problems({**OWN, "STORAGE_LOCATION": own, **parent_of(OWN)}) == []
    assert problems({**OWN, "STORAGE_LOCATION": own, **parent_of({**OWN, "STORAGE_LOCATION": "production"})}) == []


@pytest.mark.parametrize(
    ("own", "parent", "hidden"),
    [
        ("forks/pr-123", "", "forks"),
        ("media/forks/pr-123", "media", "forks"),
        ("copies/pr-123", "", "copies/pr-123"),
        ("pr-123", "", "pr-123"),
        ("media-2", "media", None),
        ("forks/pr-123", "forks/staging", None),
    ],
)
def test_folder_of_a_fork_is_not_the_parents(own: str, parent: str, hidden: str | None) -> None:
    pair = [sites.Site("Amazon S3", "acme", location) for location in (own, parent)]
    assert sites.hidden_folder(*pair) == hidden
    assert sites.hidden_folder(pair[0]._replace(bucket_name="other"), pair[1]) is None


def test_storage_refuses_what_the_contract_refuses() -> None:
    with pytest.raises(ImproperlyConfigured, match="cannot be its own parent"):
        ForkedStorage(bucket_name="acme", parent={"bucket_name": "acme"})


def test_every_storage_above_a_fork_is_read_only() -> None:
    fork: Any = build_fork({"STORAGES_MODE": "local"}, OWN, SPACES)
    assert not fork.read_only
    assert (fork.parent.read_only, fork.parent.parent.read_only) == (True, True)
    assert isinstance(fork.parent, ForkedStorage)
    assert type(fork.parent.parent) is MediaStorage
    assert fork.parent._target.claims == ()


def test_secret_of_a_parent_shows_nowhere() -> None:
    environ = {"STORAGES_MODE": "local", **parent_of(SPACES)}
    fork: Any = build_fork({"STORAGES_MODE": "local"}, SPACES)
    reading = contract.read(environ)
    texts = [repr(fork), repr(reading), repr(holdall.from_env(environ)), repr(fork.deconstruct()), repr(fork.__dict__)]
    for text in texts:
        assert "parents-very-own-secret" not in text


def test_fork_survives_being_pickled() -> None:
    fork: Any = build_fork(OWN, SPACES)
    again = pickle.loads(pickle.dumps(fork))
    assert repr(again) == repr(fork)
    assert again.parent.read_only


def test_backend_written_for_the_original_stays_a_fork() -> None:
    parent = {"PARENT_STORAGE_BUCKET_NAME": "production"}
    extra = {"default": {"BACKEND": "holdall.storage.MediaStorage", "OPTIONS": {"inline_types": ["image/svg+xml"]}}}
    made = holdall.from_env({"STORAGE_BUCKET_NAME": "staging"} | parent, storages=extra)["default"]
    assert made["BACKEND"] == "holdall.fork.ForkedStorage"
    assert (made["OPTIONS"]["bucket_name"], made["OPTIONS"]["inline_types"]) == ("staging", ["image/svg+xml"])
    assert made["OPTIONS"]["parent"]["bucket_name"] == "production"


def test_second_store_that_is_no_fork_is_warned_of() -> None:
    environ = {
        "STORAGE_BUCKET_NAME": "staging",
        "PARENT_STORAGE_BUCKET_NAME": "production",
        "PRIVATE_STORAGE_BUCKET_NAME": "production-papers",
    }
    with pytest.warns(holdall.ContractWarning, match='The store "private" is not a fork'):
        holdall.from_env(environ, aliases={"default": "", "private": "PRIVATE_"})


def test_servers_below_two_paths_of_one_host_are_two() -> None:
    own = {"STORAGE_BUCKET_NAME": "acme-media", "AWS_S3_ENDPOINT_URL": "https://s3.example.com/staging"}
    parent = {"PARENT_STORAGE_BUCKET_NAME": "acme-media", "PARENT_AWS_S3_ENDPOINT_URL": "https://s3.example.com/live"}

    assert problems({**own, **parent}) == []
    assert len(problems({**own, **parent, "PARENT_AWS_S3_ENDPOINT_URL": "https://s3.example.com/staging/"})) == 1
