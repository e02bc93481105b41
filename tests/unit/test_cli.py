"""The command `holdall`, outside and inside a project."""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import OutputWrapper

import holdall
from holdall import cli

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SPACES = {
    "STORAGES_MODE": "do",
    "STORAGE_BUCKET_NAME": "acme-media",
    "AWS_ACCESS_KEY_ID": "DO00EXAMPLEEXAMPLE12",
    "AWS_SECRET_ACCESS_KEY": SECRET,
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def env(environ: Mapping[str, str], *arguments: str, out: io.StringIO | None = None) -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    out, err = out or io.StringIO(), io.StringIO()
    code = cli.run(parser.parse_args(["env", *arguments]), out=out, err=err, environ=environ)
    assert err.getvalue() == ""
    return code, out.getvalue()


def document(environ: Mapping[str, str], *arguments: str) -> tuple[int, Any]:
    code, text = env(environ, "--json", *arguments)
    return code, json.loads(text)


def test_usable_environment_is_summed_up() -> None:
    code, text = env(SPACES)
    assert code == 0
    assert text.splitlines()[:2] == [
        "STORAGES_MODE = do  (environment)",
        "    `s3` (Amazon S3, or any S3-compatible endpoint), `do` (DigitalOcean Spaces) or `local` (an S3",
    ]
    assert "DO_REGION = ams3  (default)\n    the region of the Space\n" in text
    assert "AWS_S3_ENDPOINT_URL = https://ams3.digitaloceanspaces.com  (from DO_REGION)\n" in text
    assert "AWS_CLOUDFRONT_KEY = (not used in mode do)\n" in text
    assert text.endswith(
        '\nUsable: private files in bucket "acme-media" on DigitalOcean Spaces. Nothing was contacted.\n'
    )


def test_public_files_and_their_location_are_summed_up() -> None:
    environ = {
        "STORAGE_BUCKET_NAME": "acme-media",
        "STORAGE_LOCATION": "media",
        "STORAGE_MAKE_FILES_PUBLIC": "true",
        "AWS_S3_CUSTOM_DOMAIN": "media.example.com",
    }
    assert env(environ)[1].endswith(
        '\nUsable: public files in bucket "acme-media", under "media" on Amazon S3. Nothing was contacted.\n'
    )


def test_problems_and_warnings_are_listed() -> None:
    code, text = env({"STORAGE_MAKE_FILES_PUBLIC": "ture", "STORAGE_LOCATION": " media"})
    assert code == 1
    assert text.endswith(
        "\nWarnings (1)\n"
        "  `STORAGE_LOCATION` had spaces around its value, which were removed.\n"
        "\nProblems (2)\n"
        '  `STORAGE_MAKE_FILES_PUBLIC` is "ture"; write true or false.\n'
        "  `STORAGE_BUCKET_NAME` is missing; it names the bucket that keeps the files.\n"
    )
    assert "STORAGE_MAKE_FILES_PUBLIC = (environment, not usable)\n" in text
    assert "Usable" not in text


def test_secrets_are_masked() -> None:
    for text in (env(SPACES)[1], env(SPACES, "--json")[1]):
        assert SECRET not in text
        assert "DO00EXAMPLE" not in text
        assert "(…LE12, 20 characters)" in text
        assert "(40 characters)" in text


def test_json_is_one_document() -> None:
    code, found = document(SPACES)
    assert code == 0
    assert (found["version"], found["prefix"], found["building"]) == (1, "", False)
    assert (found["warnings"], found["problems"]) == ([], [])
    rows = {row["name"]: row for row in found["variables"]}
    assert rows["STORAGE_BUCKET_NAME"] == {
        "name": "STORAGE_BUCKET_NAME",
        "value": "acme-media",
        "source": "environment",
        "purpose": "the bucket that keeps the files",
    }
    assert rows["AWS_CLOUDFRONT_KEY"]["value"] is None
    assert rows["STORAGE_URL_LIFETIME"]["value"] == "1h"
    assert "STORAGE_TRASH = 30d  (environment)" in env({**SPACES, "STORAGE_TRASH": "30d"})[1]


def test_json_lists_problems() -> None:
    code, found = document({"STORAGE_LOCATION": " a", "STORAGE_BUCKET_NAME": "A"})
    assert code == 1
    assert found["warnings"] == ["`STORAGE_LOCATION` had spaces around its value, which were removed."]
    assert len(found["problems"]) == 1


def test_prefix_is_that_of_a_second_store() -> None:
    environ = {f"PRIVATE_{name}": value for name, value in SPACES.items()}
    code, found = document(environ, "--prefix", "PRIVATE_")
    assert (code, found["prefix"]) == (0, "PRIVATE_")
    assert all(row["name"].startswith("PRIVATE_") for row in found["variables"])
    assert document(environ)[0] == 1


def test_build_mode_is_said() -> None:
    code, text = env({"BUILD_MODE": "true"})
    assert code == 0
    assert text.endswith("\nAn image is being built: any use of the storage raises an error.\n")
    assert document({"BUILD_MODE": "true"})[1]["building"] is True


@pytest.fixture
def _colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.usefixtures("_colours")
def test_colours_are_for_terminals() -> None:
    assert "\x1b[32mUsable" in env(SPACES, out=Terminal())[1]
    assert "\x1b[31mProblems (1)" in env({}, out=Terminal())[1]
    assert "\x1b" not in env(SPACES)[1]
    assert "\x1b" not in env(SPACES, "--json", out=Terminal())[1]


@pytest.mark.usefixtures("_colours")
@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_can_be_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert "\x1b" not in env(SPACES, out=Terminal())[1]


def test_environment_of_the_process_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QQ_STORAGE_BUCKET_NAME", "from-the-process")
    assert cli.main(["env", "--prefix", "QQ_", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["variables"]
    assert next(row["value"] for row in rows if row["name"] == "QQ_STORAGE_BUCKET_NAME") == "from-the-process"


def test_wrong_use_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["nonsense"], ["env", "--nonsense"]):
        with pytest.raises(SystemExit) as caught:
            cli.main(arguments)
        assert caught.value.code == 2
    assert "usage: holdall" in capsys.readouterr().err


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"holdall {holdall.__version__}\n"


def python(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STORAGE", "BUILD_"))}
    return subprocess.run(
        [sys.executable, *arguments], env=clean | environ, capture_output=True, text=True, encoding="utf-8", check=False
    )


def test_module_runs_as_a_program() -> None:
    done = python("-m", "holdall", "--version")
    assert (done.returncode, done.stdout) == (0, f"python -m holdall {holdall.__version__}\n")


def test_output_survives_a_terminal_without_unicode() -> None:
    done = python("-m", "holdall", "env", STORAGE_BUCKET_NAME="acme", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usable: private files" in done.stdout


@pytest.mark.parametrize("wrapper", [OutputWrapper, lambda stream: stream], ids=["manage.py", "holdall"])
def test_names_of_any_script_are_written_to_a_pipe_of_any_encoding(tmp_path: Path, wrapper: Any) -> None:
    (tmp_path / "\xe9\U0001f600.png").write_bytes(b"x")
    for arguments, expected in ((("--json",), "\xe9\U0001f600.png"), ((), "1 byte in 1 file")):
        parser = argparse.ArgumentParser()
        cli.add_commands(parser)
        written = io.BytesIO()
        out = io.TextIOWrapper(written, encoding="ascii")
        assert cli.run(parser.parse_args(["usage", str(tmp_path), *arguments]), out=wrapper(out), err=out) == 0
        assert (out.encoding, out.errors) == ("ascii", "strict")
        said = written.getvalue().decode()
        assert expected in (json.loads(said)["largest"][0]["name"] if arguments else said)


def test_management_command_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QQ_STORAGE_BUCKET_NAME", "acme-media")
    out = io.StringIO()
    call_command("holdall", "env", "--prefix", "QQ_", stdout=out)
    assert out.getvalue() == env(os.environ, "--prefix", "QQ_")[1]


def test_management_command_exits_as_the_command_does() -> None:
    out = io.StringIO()
    with pytest.raises(SystemExit) as caught:
        call_command("holdall", "env", "--prefix", "NOBODY_SET_", "--json", stdout=out)
    assert caught.value.code == 1
    assert json.loads(out.getvalue())["problems"]
