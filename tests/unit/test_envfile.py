"""Files of variables: what is written is read back, by us and by others, and nothing is replaced."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdall.cli.envfile import EnvFileError, Line, read_env_file, render_env_file, write_env_file
from holdall.environment import contract, values

ODD = [
    "plain",
    "with a space",
    "a # no comment",
    "#begins",
    "a$HOME",
    "${HOME}",
    "it's",
    'say "x"',
    "back\\slash\\n",
    "`id`",
    "$(id)",
    "a=b==",
    "!x",
    "a;b&c|d",
    "*",
    "~/x",
    "é",
]


def written(tmp_path: Path, *lines: Line) -> Path:
    path = tmp_path / "store.env"
    write_env_file(path, lines, head="What it is.\nAnd for whom.")
    return path


@pytest.mark.parametrize("value", ODD)
def test_value_is_read_back_by_us_and_by_a_shell(tmp_path: Path, value: str) -> None:
    path = written(tmp_path, Line("A_NAME", value, "where it is from"))
    assert read_env_file(path) == {"A_NAME": value}
    shell = subprocess.run(
        ["sh", "-c", f'. "{path}"; printf %s "$A_NAME"'], capture_output=True, check=True, env={"HOME": "/home/x"}
    )
    assert shell.stdout.decode() == value


@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_printable_value_is_read_back_by_the_contract(tmp_path: Path, value: str) -> None:
    path = tmp_path / "any.env"
    path.write_text(render_env_file([Line("A_NAME", value)], head="x"), encoding="utf-8")
    given_back = read_env_file(path).get("A_NAME")
    if not value.isprintable():
        assert given_back is None
    elif value.strip() == value and not (value[0] == value[-1] and value[0] in "\"'"):
        assert given_back is not None
        assert values.tidy(given_back, lambda _remark: None) == value


def test_private_key_is_written_on_one_line_and_read_back(tmp_path: Path, pem: str) -> None:
    path = written(
        tmp_path,
        Line("STORAGE_BUCKET_NAME", "acme-media"),
        Line("AWS_S3_CUSTOM_DOMAIN", "media.example.com"),
        Line("AWS_CLOUDFRONT_KEY_ID", "K2JCJMDEHXQW5F"),
        Line("AWS_CLOUDFRONT_KEY", pem),
    )
    store = contract.read(read_env_file(path)).store
    assert store is not None
    assert store.cloudfront_key is not None
    assert store.cloudfront_key.reveal() == values.private_key(pem, lambda _remark: None)


def test_what_is_to_be_filled_in_is_a_comment(tmp_path: Path) -> None:
    path = written(tmp_path, Line("STORAGE_BUCKET_NAME", None, "the bucket\nof the files"), Line("A", "1"))
    assert path.read_text() == (
        "# What it is.\n# And for whom.\n\n# the bucket\n# of the files\n# STORAGE_BUCKET_NAME=\n\nA=1\n"
    )
    assert read_env_file(path) == {"A": "1"}


def test_value_of_several_lines_is_left_to_people(tmp_path: Path) -> None:
    path = written(tmp_path, Line("A_NAME", "one\nB_NAME=two"))
    assert read_env_file(path) == {}
    assert "B_NAME" not in path.read_text()


def test_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = written(tmp_path, Line("A", "1"))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["file", "link", "link to nothing", "folder"])
def test_nothing_is_replaced_and_no_link_followed(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "store.env", tmp_path / "other"
    if kind == "folder":
        path.mkdir()
    elif kind == "file":
        path.write_text("kept")
    else:
        path.symlink_to(other)
        if kind == "link":
            other.write_text("kept")
    with pytest.raises(EnvFileError, match="exists already and was left as it is"):
        write_env_file(path, [Line("A", "secret")], head="x")
    assert [one.read_text() for one in (path, other) if one.is_file()] == {
        "file": ["kept"],
        "link": ["kept", "kept"],
    }.get(kind, [])


def test_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(EnvFileError, match="cannot be written: "):
        write_env_file(tmp_path / "none" / "store.env", [], head="x")


def test_quotes_that_are_not_needed_stay_for_the_contract_to_remark_on(tmp_path: Path) -> None:
    path = tmp_path / "store.env"
    path.write_text('STORAGE_BUCKET_NAME="acme-media"\nA=\'x\'\nB="un\\"even"\n')
    assert read_env_file(path) == {"STORAGE_BUCKET_NAME": '"acme-media"', "A": "'x'", "B": '"un\\"even"'}
