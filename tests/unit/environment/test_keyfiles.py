"""Keys that a file holds, as Docker and Kubernetes mount secrets: read once, checked like any value, shown nowhere."""

from __future__ import annotations

import copy
import json
import os
import pickle
import pprint
from pathlib import Path

import pytest

import holdall
from holdall.environment import contract
from holdall.environment.keyfiles import MAX_BYTES
from holdall.secret import FileSecret, Secret
from tests.unit.environment.test_contract import ACCESS, PAIR, S3, SECRET, SPACES, options, problems, row, usable

TOKEN = "FwoGZXIvYXdzEBYaD5session+token/that/is=="


def mounted(folder: Path, name: str, content: str | bytes) -> dict[str, str]:
    """Mount a secret as Docker does, and name it."""
    path = folder / name.lower()
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return {f"{name}_FILE": str(path)}


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
@pytest.mark.parametrize("prefix", ["", "PRIVATE_"])
def test_all_keys_are_read_from_files(tmp_path: Path, pem: str, ending: str, prefix: str) -> None:
    environ = {f"{prefix}STORAGE_BUCKET_NAME": "acme-media", f"{prefix}AWS_S3_CUSTOM_DOMAIN": "media.example.com"}
    contents = {
        "AWS_ACCESS_KEY_ID": ACCESS,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": TOKEN,
        "AWS_CLOUDFRONT_KEY_ID": "K2JCJMDEHXQW5F",
        "AWS_CLOUDFRONT_KEY": pem.rstrip("\n"),
    }
    for name, content in contents.items():
        environ |= mounted(tmp_path, f"{prefix}{name}", content + ending)
    reading = contract.read(environ, prefix=prefix)
    assert (reading.problems, reading.warnings) == ((), ())
    store = usable(environ, prefix=prefix)
    assert store.keys is not None
    held = (store.keys.access_key, store.keys.secret_key, store.keys.token, store.cloudfront_key_id)
    assert [key.reveal() for key in held if key] == [ACCESS, SECRET, TOKEN, "K2JCJMDEHXQW5F"]
    assert store.cloudfront_key is not None
    assert "".join(store.cloudfront_key.reveal().split()) == "".join(pem.split())
    value, source = row(reading, f"{prefix}AWS_SECRET_ACCESS_KEY")
    assert (value, source) == ("(40 characters)", f"from file {tmp_path}/{prefix.lower()}aws_secret_access_key")


def test_parent_has_files_of_its_own(tmp_path: Path) -> None:
    environ = {**S3, **PAIR, "PARENT_STORAGE_BUCKET_NAME": "acme-production", "PARENT_AWS_ACCESS_KEY_ID": ACCESS}
    reading = contract.read({**environ, **mounted(tmp_path, "PARENT_AWS_SECRET_ACCESS_KEY", SECRET)})
    assert reading.problems == ()
    assert reading.parent
    assert reading.parent.store
    assert reading.parent.store.keys


def test_secret_of_a_file_is_copied_by_nothing_that_copies_settings(tmp_path: Path) -> None:
    environ = {**S3, "AWS_ACCESS_KEY_ID": ACCESS, **mounted(tmp_path, "AWS_SECRET_ACCESS_KEY", SECRET)}
    made = holdall.from_env(environ)
    for text in (repr(made), pprint.pformat(made), json.dumps(made), repr(contract.read(environ))):
        assert SECRET not in text
    key = options(environ)["secret_key"]
    assert isinstance(key, Secret)
    assert key.reveal() == copy.deepcopy(made)["default"]["OPTIONS"]["secret_key"].reveal() == SECRET
    with pytest.raises(TypeError, match="read the environment there"):
        pickle.dumps(made)


def test_storage_signs_with_the_key_of_the_file(tmp_path: Path) -> None:
    from holdall.storage import MediaStorage

    plain = MediaStorage(**options({**S3, **PAIR, "AWS_S3_REGION_NAME": "eu-west-1"}))
    environ = {**S3, "AWS_S3_REGION_NAME": "eu-west-1", **mounted(tmp_path, "AWS_ACCESS_KEY_ID", ACCESS)}
    filed = MediaStorage(**options({**environ, **mounted(tmp_path, "AWS_SECRET_ACCESS_KEY", SECRET)}))
    assert filed.url("a.txt").partition("?")[0] == plain.url("a.txt").partition("?")[0]
    assert f"{ACCESS}%2F" in filed.url("a.txt")
    assert filed.secret_key == SECRET


def test_boto3_is_not_left_to_find_what_is_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**S3, "AWS_ACCESS_KEY_ID": ACCESS}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    for name, value in mounted(tmp_path, "AWS_SECRET_ACCESS_KEY", SECRET).items():
        monkeypatch.setenv(name, value)
    assert isinstance(holdall.from_env()["default"]["OPTIONS"]["secret_key"], FileSecret)


def test_value_and_file_together_are_refused_and_the_file_is_not_read(tmp_path: Path) -> None:
    environ = {**S3, **PAIR, "AWS_SECRET_ACCESS_KEY_FILE": str(tmp_path / "none")}
    assert problems(environ) == [
        "`AWS_SECRET_ACCESS_KEY_FILE` is set, and so is `AWS_SECRET_ACCESS_KEY`; keep one of the two."
    ]
    assert usable({**S3, **PAIR, "AWS_SECRET_ACCESS_KEY_FILE": " "})


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("missing", "no such file or directory"),
        ("folder", "it is not a regular file"),
        ("pipe", "it is not a regular file"),
        ("large", "it has more than 64 KiB, which is not a key"),
        ("binary", "it is not text"),
        ("below a file", "not a directory"),
        ("null", "it is not a path"),
    ],
)
def test_file_that_cannot_be_used_is_refused_with_the_reason_and_without_waiting(
    tmp_path: Path, kind: str, why: str
) -> None:
    path = tmp_path / "secret"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind != "missing":
        path.write_bytes({"large": b"x" * (MAX_BYTES + 1), "binary": b"\xff\xfe\x00"}.get(kind, b"x"))
    named = {"below a file": f"{path}/x", "null": f"{path}\0"}.get(kind, str(path))
    problem = problems({**S3, "AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY_FILE": named})[0]
    assert problem.startswith("`AWS_SECRET_ACCESS_KEY_FILE` names ")
    assert problem.endswith(f", which cannot be used: {why}.")
    assert problem.isprintable()


@pytest.mark.parametrize("content", ["", "\n", "  \n\n"])
def test_empty_file_is_refused(tmp_path: Path, content: str) -> None:
    environ = {**S3, "AWS_ACCESS_KEY_ID": ACCESS, **mounted(tmp_path, "AWS_SECRET_ACCESS_KEY", content)}
    [problem] = problems(environ)
    assert problem.endswith("which is empty; write the value into that file.")


def test_content_is_checked_like_a_value_under_the_name_of_the_file(tmp_path: Path) -> None:
    environ = {**S3, "AWS_ACCESS_KEY_ID": ACCESS, **mounted(tmp_path, "AWS_SECRET_ACCESS_KEY", f"{SECRET}\n\n")}
    assert contract.read(environ).warnings == (
        "`AWS_SECRET_ACCESS_KEY_FILE` had line breaks around its value, which were removed.",
    )
    [problem] = problems({**environ, **mounted(tmp_path, "AWS_SECRET_ACCESS_KEY", "two words")})
    assert problem.startswith("`AWS_SECRET_ACCESS_KEY_FILE` contains spaces")
    assert "two words" not in problem


def test_secret_of_a_file_is_recognised_elsewhere(tmp_path: Path) -> None:
    environ = {**S3, "AWS_ACCESS_KEY_ID": ACCESS, **mounted(tmp_path, "AWS_SECRET_ACCESS_KEY", SECRET)}
    [problem] = problems({**environ, "STORAGE_LOCATION": f"media/{SECRET}"})
    assert problem.startswith("`STORAGE_LOCATION` contains the secret of `AWS_SECRET_ACCESS_KEY_FILE`;")


def test_secret_in_place_of_the_path_is_not_shown() -> None:
    told = problems({**S3, "AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY_FILE": SECRET})
    assert SECRET not in "".join(told)


def test_nothing_is_complained_of_while_an_image_is_built() -> None:
    reading = contract.read({"BUILD_MODE": "true", "AWS_SECRET_ACCESS_KEY_FILE": "/run/secrets/not-there"})
    assert reading.problems == ()


def test_file_of_a_key_that_the_mode_does_not_use_is_named(tmp_path: Path) -> None:
    environ = {**SPACES, **mounted(tmp_path, "AWS_CLOUDFRONT_KEY_ID", "K2JCJMDEHXQW5F")}
    assert contract.read(environ).warnings == ("`AWS_CLOUDFRONT_KEY_ID_FILE` is not used in mode do.",)
    assert contract.read({**SPACES, "AWS_CLOUDFRONT_KEY_FILE": "/none"}).problems == ()
