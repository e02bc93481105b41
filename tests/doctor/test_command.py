"""The command: what is printed, in which shape, and with which exit code."""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

import holdall
from holdall import cli
from holdall.cli import findings
from holdall.cli.terminal import Style
from holdall.findings import Kind, Level
from tests.contract import only
from tests.providers import Keys, Provider
from tests.servers import processes

on_one_server = only("seaweedfs-http")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(environ: Mapping[str, str], *arguments: str, out: io.StringIO | None = None) -> tuple[int, str, str]:
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    out, err = out or io.StringIO(), io.StringIO()
    code = cli.run(parser.parse_args(["doctor", *arguments]), out=out, err=err, environ=environ)
    return code, out.getvalue(), err.getvalue()


@on_one_server
def test_healthy_store_is_one_line_a_layer_and_a_summary(provider: Provider, bucket: str, location: str) -> None:
    rule: Any = {
        "ID": "a",
        "Status": "Enabled",
        "Filter": {},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }
    provider.client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    code, text, _ = run(provider.environ(bucket, location=location))
    assert code == 0
    *lines, blank, summary = text.splitlines()
    layers = [re.fullmatch(r"ok       (\w+) +\d+ passed", line) for line in lines]
    assert all(layers), text
    assert len({layer[1] for layer in layers if layer}) == len(lines)
    assert blank == ""
    assert re.fullmatch(r"\d+ passed\. 1 more with --verbose\.", summary)


@on_one_server
def test_verbose_tells_how_each_check_passed_and_what_healthy_stores_have(
    provider: Provider, bucket: str, location: str
) -> None:
    code, text, _ = run(provider.environ(bucket, location=location), "--verbose")
    assert code == 0
    assert "ok       D309 The keys open the bucket: " in text
    assert "notice   D717 Links work with GET only\n" in text
    assert "with --verbose" not in text


@on_one_server
def test_error_is_shown_with_what_to_do_and_exits_with_one(provider: Provider, bucket: str) -> None:
    wrong = Keys(provider.keys.access_key, Keys.invent().secret_key)
    code, text, _ = run(provider.environ(bucket, keys=wrong))
    assert code == 1
    assert "error    D302 The signature does not match: the secret is wrong\n" in text
    assert " seen    HeadBucket was answered with 403 SignatureDoesNotMatch" in text
    assert " more    holdall doctor --explain D302\n" in text
    assert wrong.secret_key not in text


@on_one_server
def test_document_is_whole_and_alone(provider: Provider, bucket: str, location: str) -> None:
    code, text, _ = run(provider.environ(bucket, location=location), "--json")
    document = json.loads(text)
    assert code == 0
    assert document["healthy"] is True
    assert document["counts"]["ok"] == sum(1 for finding in document["findings"] if finding["level"] == "ok")


def test_problem_of_the_environment_needs_no_request() -> None:
    code, text, _ = run({"STORAGES_MODE": "do", "STORAGE_MAKE_FILES_PUBLIC": "ture"})
    assert code == 1
    assert "ture" in text


def test_unknown_layer_is_wrong_use() -> None:
    code, text, err = run({"STORAGE_BUCKET_NAME": "acme"}, "--only", "cnd")
    assert (code, text) == (2, "")
    assert err.startswith('There is no layer or probe "cnd". There are ')


def test_colours_are_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    environ = {"STORAGES_MODE": "do"}
    assert "\x1b[31m" in run(environ, "--offline", out=Terminal())[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run(environ, "--offline", out=Terminal())[1]


@on_one_server
def test_variables_come_from_a_file(provider: Provider, bucket: str, location: str, tmp_path: Path) -> None:
    file = tmp_path / "store.env"
    environ = provider.environ(bucket, location=location)
    lines = [f"{name}={value}" for name, value in environ.items()]
    file.write_text("\n".join(["# the store", *lines[:-1], "", f"export {lines[-1]}"]) + "\n")
    code, text, _ = run({}, "--env-file", str(file))
    assert code == 0, text


@pytest.mark.parametrize(
    ("content", "said"),
    [("no assignment at all", "Line 1 of "), ("A=1\n2B=x", "Line 2 of "), (None, "cannot be read")],
)
def test_file_that_is_none_of_variables_is_refused_without_showing_it(
    content: str | None, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "store.env"
    if content is not None:
        file.write_text(content)
    code, text, err = run({}, "--env-file", str(file))
    assert (code, text) == (2, "")
    assert said in err
    assert "no assignment at all" not in err


@on_one_server
def test_project_is_examined_by_alias(
    provider: Provider, bucket: str, location: str, settings: object, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = holdall.from_env(provider.environ(bucket, location=location))
    settings.STORAGES = {**chosen, "second": chosen["default"]}
    call_command("holdall", "doctor", "--only", "connection")
    text = capsys.readouterr().out
    assert "ok       [default] connection   2 passed\n" in text
    assert "ok       [second] connection   2 passed\n" in text
    call_command("holdall", "doctor", "--only", "connection", "--alias", "second")
    assert "[" not in capsys.readouterr().out


def test_unknown_alias_is_wrong_use(settings: object, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("holdall", "doctor", "--alias", "thumbnails")
    assert ended.value.code == 2
    assert '`STORAGES` has no alias "thumbnails"' in capsys.readouterr().err


def test_control_characters_of_others_do_not_reach_the_terminal() -> None:
    kind = Kind("D999", Level.ERROR, "title", "means")
    found = kind.found('"film\x1b[2J\r.mp4"\nsecond line', do='rm "film\x1b[2J.mp4"')
    text = "\n".join(findings.lines(findings.visible(found), Style(coloured=False), explain="explain"))
    assert '"film\\x1b[2J\\r.mp4"\n' in text
    assert 'rm "film\\x1b[2J.mp4"' in text
    assert "\x1b" not in text


def start(provider: Provider, bucket: str, location: str, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Begin an examination in a process of its own, so that it can be broken off."""
    file = folder / "store.env"
    file.write_text("".join(f"{name}={value}\n" for name, value in provider.environ(bucket, location=location).items()))
    return processes.start(
        [sys.executable, "-m", "holdall", "doctor", "--verbose", "--env-file", str(file), *arguments],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(holdall.__file__).parents[1]),
            "HOME": str(folder),
            "AWS_EC2_METADATA_DISABLED": "true",
        },
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@on_one_server
@pytest.mark.parametrize("times", [1, 2])
def test_examination_that_is_broken_off_cleans_up_and_says_so(
    provider: Provider, bucket: str, location: str, tmp_path: Path, times: int
) -> None:
    with start(provider, bucket, location, tmp_path) as running:
        assert running.stdout is not None
        seen = ""
        while "D406" not in seen:
            line = running.stdout.readline()
            assert line, running.communicate()
            seen += line
        for _ in range(times):
            running.send_signal(signal.SIGINT)
            time.sleep(0.05)
        out, err = running.communicate(timeout=60)
    # A second one may come when all is done and the process is about to end.
    assert running.returncode in ({130} if times == 1 else {130, -signal.SIGINT}), err
    assert err == "\nInterrupted.\n"
    assert "D900" in out
    assert provider.keys_in(bucket, location) == []


@on_one_server
def test_reader_that_has_seen_enough_is_no_error(
    provider: Provider, bucket: str, location: str, tmp_path: Path
) -> None:
    with start(provider, bucket, location, tmp_path) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        said = running.stderr.read()
    assert (said, running.returncode) == ("", 1)
    assert provider.keys_in(bucket, location) == []


def test_alias_needs_a_project() -> None:
    code, _, err = run({"STORAGE_BUCKET_NAME": "acme"}, "--alias", "default")
    assert (code, "--alias works only in a Django project" in err) == (2, True)
