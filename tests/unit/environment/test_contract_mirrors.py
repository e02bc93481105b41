"""`MIRROR_*`: the same contract once more, and which store can be the mirror of which."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

import holdall
from holdall.cli import env
from holdall.environment import contract, exposure
from holdall.environment.variables import addressed
from holdall.fork import ForkedStorage
from holdall.storage import MediaStorage
from tests.stores import build_storage

OWN = {"STORAGE_BUCKET_NAME": "acme-media", "AWS_S3_REGION_NAME": "eu-central-1"}
NEW = {"STORAGE_BUCKET_NAME": "acme-new", "AWS_S3_REGION_NAME": "eu-west-1"}
SPACES = {
    "STORAGES_MODE": "do",
    "STORAGE_BUCKET_NAME": "acme-media",
    "AWS_ACCESS_KEY_ID": "DO00EXAMPLEEXAMPLE01",
    "AWS_SECRET_ACCESS_KEY": "mirrors-very-own-secret",
}
PUBLIC = {"STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": "media.example.com"}
SERVER = {
    "AWS_S3_ENDPOINT_URL": "http://localhost:9000",
    "STORAGE_BUCKET_NAME": "acme-media",
    "AWS_ACCESS_KEY_ID": "EXAMPLEEXAMPLE000001",
    "AWS_SECRET_ACCESS_KEY": "example-of-a-secret-of-40-characters-000",
}


def mirror_of(environ: dict[str, str], prefix: str = "MIRROR_") -> dict[str, str]:
    return {f"{prefix}{name}": value for name, value in environ.items()}


def problems(environ: dict[str, str], prefix: str = "") -> list[str]:
    return list(contract.read(environ, prefix=prefix).problems)


def options(environ: dict[str, str], **more: Any) -> dict[str, Any]:
    return dict(holdall.from_env(environ, **more)["default"]["OPTIONS"])


def test_variables_of_a_mirror_make_one() -> None:
    made = holdall.from_env({**OWN, **mirror_of(SPACES)})["default"]
    assert made["BACKEND"] == "holdall.storage.MediaStorage"
    assert made["OPTIONS"]["bucket_name"] == "acme-media"
    mirror = made["OPTIONS"]["mirror"]
    assert (mirror["provider"], mirror["endpoint_url"]) == ("spaces", "https://ams3.digitaloceanspaces.com")
    assert mirror["env_prefix"] == "MIRROR_"
    assert mirror["access_key"].reveal() == "DO00EXAMPLEEXAMPLE01"
    assert "mirror" not in mirror


@pytest.mark.parametrize(
    ("word", "meant"),
    [("MIROR", "MIRROR"), ("MIRRORS", "MIRROR"), ("Mirorr", "MIRROR"), ("PARNT", "PARENT"), ("PARANT", "PARENT")],
)
def test_prefix_with_a_slip_is_a_problem(word: str, meant: str) -> None:
    found = problems({**OWN, **mirror_of(SPACES, f"{word}_")})
    assert f"`{word}_STORAGE_BUCKET_NAME` is not read by Holdall; did you mean `{meant}_STORAGE_BUCKET_NAME`?" in found
    assert len(found) == len(SPACES)
    private = problems(
        {f"PRIVATE_{name}": value for name, value in {**OWN, f"{word}_DO_REGION": "ams3"}.items()}, "PRIVATE_"
    )
    assert private == [f"`PRIVATE_{word}_DO_REGION` is not read by Holdall; did you mean `PRIVATE_{meant}_DO_REGION`?"]


def test_prefix_with_a_slip_beside_the_right_one_is_a_warning() -> None:
    environ = {**OWN, **mirror_of(SPACES), "MIROR_STORAGE_BUCKET_NAME": "acme"}
    read = contract.read(environ)
    assert not read.problems
    assert "`MIROR_STORAGE_BUCKET_NAME` is not read by Holdall; `MIRROR_STORAGE_BUCKET_NAME` is used." in read.warnings


def test_prefix_of_another_store_is_no_slip() -> None:
    environ = {**OWN, **mirror_of(NEW, "MIRRORS_")}
    assert holdall.from_env(environ, aliases={"default": "", "mirrors": "MIRRORS_"})["mirrors"]["OPTIONS"][
        "bucket_name"
    ]


def test_two_stores_that_cannot_be_together_are_named_by_what_is_set() -> None:
    local = {"STORAGES_MODE": "local"}
    [problem] = problems({**OWN, **mirror_of({**local, "STORAGE_LOCATION": "new"}), **mirror_of(SPACES, "PARENT_")})
    assert problem.startswith(
        "`MIRROR_STORAGES_MODE` and `PARENT_STORAGE_BUCKET_NAME` are both set. A fork has no mirror: "
    )
    assert "Move the parent, by `MIRROR_` in its own environment" in problem
    [problem] = problems({**OWN, **mirror_of(NEW), **mirror_of(local, "MIRROR_PARENT_")})
    assert problem.startswith("`MIRROR_STORAGE_BUCKET_NAME` and `MIRROR_PARENT_STORAGES_MODE` are both set. ")


@pytest.mark.parametrize("prefix", ["", "MIRROR_", "PARENT_"])
def test_default_of_another_mode_is_not_shown(prefix: str) -> None:
    # Also where something else is wrong.
    local = {"STORAGES_MODE": "local", "STORAGE_LOCATION": "../out"}
    read = contract.read({**OWN, **{f"{prefix}{name}": value for name, value in local.items()}})
    assert read.problems
    rows = {row.name: row for one in (read, read.mirror, read.parent) if one for row in one.settings}
    assert (rows[f"{prefix}DO_REGION"].value, rows[f"{prefix}DO_REGION"].source) == ("", "not used in mode local")


def test_store_without_a_mirror_has_none() -> None:
    assert "mirror" not in options(OWN)
    assert "mirror" not in options({**OWN, "MIRROR_STORAGE_BUCKET_NAME": " "})
    assert build_storage(OWN).mirror is None  # type: ignore[attr-defined]  # of Holdall's storages alone


def test_mode_local_can_be_the_mirror_and_have_one(tmp_path: Any) -> None:
    mirror = options({**SERVER, **mirror_of({"STORAGES_MODE": "local"})}, local_folder=tmp_path)["mirror"]
    # The bucket that it has for itself after the swap.
    assert (mirror["bucket_name"], mirror["local_folder"]) == ("media", str(tmp_path))
    assert (
        options({"STORAGES_MODE": "local", **mirror_of(NEW)}, local_folder=tmp_path)["mirror"]["bucket_name"]
        == "acme-new"
    )


def test_second_storage_has_a_mirror_of_its_own(tmp_path: Any) -> None:
    (tmp_path / "secret").write_text("a-secret-from-a-file-of-forty-characters")
    keys = {"AWS_ACCESS_KEY_ID": "EXAMPLEEXAMPLE000001", "AWS_SECRET_ACCESS_KEY_FILE": str(tmp_path / "secret")}
    environ = {**OWN, "PRIVATE_STORAGE_BUCKET_NAME": "acme-private", **mirror_of({**NEW, **keys}, "PRIVATE_MIRROR_")}
    made = holdall.from_env(environ, aliases={"default": "", "private": "PRIVATE_"})
    assert "mirror" not in made["default"]["OPTIONS"]
    assert made["private"]["OPTIONS"]["mirror"]["secret_key"].reveal() == "a-secret-from-a-file-of-forty-characters"
    assert exposure.prefixes(environ) == ["", "PRIVATE_"]


def test_mistakes_in_both_are_told_at_once() -> None:
    assert problems(
        {"STORAGE_MAKE_FILES_PUBLIC": "ture", "MIRROR_STORAGES_MODE": "do", "MIRROR_STORAGE_BUCKET": "x"}
    ) == [
        '`STORAGE_MAKE_FILES_PUBLIC` is "ture"; write true or false.',
        "`STORAGE_BUCKET_NAME` is missing; it names the bucket that keeps the files.",
        "`MIRROR_STORAGE_BUCKET` is not read by Holdall; did you mean `MIRROR_STORAGE_BUCKET_NAME`?",
        "`MIRROR_STORAGE_BUCKET_NAME` is missing; it names the bucket that keeps the files.",
        "`MIRROR_AWS_ACCESS_KEY_ID` is missing; in mode do it is the id of the Spaces key.",
        "`MIRROR_AWS_SECRET_ACCESS_KEY` is missing; in mode do it is the secret of the Spaces key.",
    ]


@pytest.mark.parametrize(
    ("own", "mirror"),
    [
        (OWN, OWN),
        # Amazon's buckets have one name in the world, whichever address and region leads there.
        (OWN, {**OWN, "AWS_S3_REGION_NAME": "us-east-1"}),
        (OWN, {**OWN, "AWS_S3_ENDPOINT_URL": "https://s3.dualstack.eu-central-1.amazonaws.com"}),
        (SPACES, {**SPACES, "STORAGES_MODE": "s3", "AWS_S3_ENDPOINT_URL": "https://ams3.digitaloceanspaces.com"}),
        (SERVER, {**SERVER, "AWS_S3_ENDPOINT_URL": "http://127.0.0.1:9000"}),
        (SERVER, {**SERVER, "AWS_S3_ENDPOINT_URL": "http://minio:9000",
                  "AWS_S3_PUBLIC_ENDPOINT_URL": "http://localhost:9000"}),
        ({"STORAGES_MODE": "local"}, {"STORAGES_MODE": "local"}),
        ({**OWN, "STORAGE_LOCATION": "media"}, {**OWN, "STORAGE_LOCATION": "media"}),
    ],
)  # fmt: skip
def test_store_is_not_its_own_mirror(own: dict[str, str], mirror: dict[str, str]) -> None:
    found = contract.read({**own, **mirror_of(mirror)}).problems
    assert [getattr(said, "finding", "") for said in found] == ["D188"]
    # By the variable that is set: in mode local the bucket needs no name.
    set_there = "STORAGE_BUCKET_NAME" if "STORAGE_BUCKET_NAME" in mirror else "STORAGES_MODE"
    assert found[0].startswith(f"`MIRROR_{set_there}` names a mirror that is the store itself: bucket ")


@pytest.mark.parametrize(("own", "mirror"), [("", "new"), ("old", ""), ("old", "old/new"), ("new/old", "new")])
def test_mirror_does_not_overlap_its_store(own: str, mirror: str) -> None:
    environ = {**OWN, **({"STORAGE_LOCATION": own} if own else {})}
    theirs = {**OWN, **({"STORAGE_LOCATION": mirror} if mirror else {})}
    (problem,) = problems({**environ, **mirror_of(theirs)})
    assert "names a mirror that overlaps it" in problem


def test_mirror_may_be_beside_its_store() -> None:
    assert problems({**OWN, "STORAGE_LOCATION": "old", **mirror_of({**OWN, "STORAGE_LOCATION": "old-new"})}) == []
    assert problems({**SERVER, **mirror_of({**SERVER, "AWS_S3_ENDPOINT_URL": "http://127.0.0.1:9001"})}) == []


def test_mirror_has_the_intent_of_its_store() -> None:
    (leak,) = problems({**OWN, **mirror_of({**NEW, **PUBLIC})})
    assert leak == (
        "`MIRROR_STORAGE_MAKE_FILES_PUBLIC` makes the mirror's files public, and those of the store are private; a mirror has "
        "the same files. Write false in both."
    )
    (hidden,) = problems({**OWN, **PUBLIC, **mirror_of(NEW)})
    assert hidden.endswith("Write true in both.")


def test_mirror_does_not_publish_what_another_store_keeps_private() -> None:
    environ = {
        **OWN,
        **PUBLIC,
        **mirror_of({**NEW, **PUBLIC}),
        "PRIVATE_STORAGE_BUCKET_NAME": "acme-new",
        "PRIVATE_STORAGE_LOCATION": "private",
    }
    with pytest.raises(holdall.ContractError, match="MIRROR_STORAGE_MAKE_FILES_PUBLIC"):
        holdall.from_env(environ, aliases={"default": "", "private": "PRIVATE_"})
    assert len(exposure.of_environment(environ)) == 1


def test_mirror_belongs_to_the_same_environment() -> None:
    made = options({**OWN, "STORAGE_ENVIRONMENT": "production", "STORAGE_TRASH": "30d", **mirror_of(NEW)})["mirror"]
    assert (made["environment"], made["trash"]) == ("production", 30 * 86400)
    (problem,) = problems(
        {**OWN, "STORAGE_ENVIRONMENT": "production", **mirror_of({**NEW, "STORAGE_ENVIRONMENT": "staging"})}
    )
    assert 'is "staging", and `STORAGE_ENVIRONMENT` is "production"' in problem


def test_fork_has_no_mirror() -> None:
    parent = mirror_of(NEW, "PARENT_")
    assert len(problems({**OWN, **parent, **mirror_of(SPACES)})) == 1
    assert len(problems({**OWN, **mirror_of(SPACES), **mirror_of(NEW, "MIRROR_PARENT_")})) == 1
    assert len(problems({**OWN, **mirror_of(SPACES), **mirror_of(NEW, "MIRROR_MIRROR_")})) == 1
    # A parent that is on its way to another place is none of the fork's business, except when it is promoted.
    made = options({**OWN, **parent, **mirror_of(SPACES, "PARENT_MIRROR_")})
    assert made["parent"]["mirror"]["provider"] == "spaces"
    fork = ForkedStorage(**made)
    assert (fork.mirror, fork.parent.mirror) == (None, None)
    with pytest.raises(ImproperlyConfigured, match="fork has no mirror"):
        ForkedStorage(**made, mirror=made["parent"]["mirror"])


def test_build_mode_of_a_mirror_has_no_meaning() -> None:
    reading = contract.read({**OWN, **mirror_of(NEW), "MIRROR_BUILD_MODE": "true"})
    assert reading.warnings == (
        "`MIRROR_BUILD_MODE` is not used: an image is built for the store, not for its mirror.",
    )
    assert reading.mirror
    assert reading.mirror.store
    built = holdall.from_env({"BUILD_MODE": "true", "MIRROR_STORAGES_MODE": "nonsense"})
    assert built["default"]["BACKEND"] == "holdall.environment.build.BuildModeStorage"


def test_what_a_project_chooses_holds_for_the_mirror_and_its_place_does_not() -> None:
    chosen = {"gzip": True, "default_acl": "bucket-owner-full-control", "custom_domain": "old.example.com"}
    mirror = options({**OWN, **mirror_of(NEW)}, storages={"default": {"OPTIONS": chosen}})["mirror"]
    assert (mirror["gzip"], mirror["default_acl"]) == (True, "bucket-owner-full-control")
    assert mirror["custom_domain"] is None


class Own(MediaStorage):
    def get_object_parameters(self, name: str) -> dict[str, Any]:
        return {"StorageClass": "STANDARD_IA"}


def test_mirror_is_of_the_same_class_with_the_same_options() -> None:
    storage = Own(**options({**OWN, **mirror_of({**SPACES, "STORAGE_TIMEOUT": "3s"})}), gzip=True)
    assert storage.mirror
    there = storage.mirror.storage
    assert type(there) is Own
    assert (there.gzip, there.bucket_name, there.timeout) == (True, "acme-media", 3)
    assert there.mirror is None
    assert there.store.line is not storage.store.line


def test_mirror_shows_its_keys_nowhere() -> None:
    storage: Any = build_storage({**OWN, **mirror_of(SPACES)})
    storage = pickle.loads(pickle.dumps(storage))
    assert storage.mirror.storage.secret_key == "mirrors-very-own-secret"
    assert (
        "mirrors-very-own-secret" not in f"{storage!r} {storage.deconstruct()} {storage.mirror!r} {storage.__dict__!r}"
    )


def test_env_shows_the_mirror() -> None:
    reading = contract.read({**OWN, **mirror_of(SPACES)})
    document = env.as_json(reading)
    assert "mirrors-very-own-secret" not in document
    shown = {row["name"]: row["value"] for row in json.loads(document)["mirror"]["variables"]}
    assert shown["MIRROR_STORAGE_BUCKET_NAME"] == "acme-media"
    assert shown["MIRROR_AWS_SECRET_ACCESS_KEY"] == "(23 characters)"


def test_errors_name_the_mirrors_variables() -> None:
    assert addressed("Set `MIRROR_STORAGE_BUCKET_NAME`.", "PRIVATE_") == "Set `PRIVATE_MIRROR_STORAGE_BUCKET_NAME`."
