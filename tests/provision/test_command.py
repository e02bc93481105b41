"""`holdall provision` as it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdall import cli
from holdall.provision import commands, handover, terraform
from tests.provision.environments import AMAZON, CASES, PUBLIC, R2, SPACES
from tests.provision.test_live import provision


def test_page_is_the_default() -> None:
    told = provision(SPACES | PUBLIC, "--origin", "https://www.example.com")

    assert (told.code, told.err) == (0, "")
    assert told.out == handover.render(CASES["spaces-public"].needs(origins=("https://www.example.com",)))


@pytest.mark.parametrize(("name", "render"), [("terraform", terraform.render), ("commands", commands.render)])
def test_format_is_chosen(name: str, render: object) -> None:
    told = provision(AMAZON, "--format", name)

    assert told.out == render(CASES["amazon-private"].needs())


def test_options_change_what_is_written() -> None:
    told = provision(AMAZON, "--format", "commands", "--read-only", "--with-doctor")

    assert "HoldallDoctor" in told.out
    assert "s3:PutObject" not in told.out
    assert ".holdall/trash/" in provision(AMAZON, "--with-areas").out


def test_output_goes_to_a_file(tmp_path: Path) -> None:
    told = provision(AMAZON, "--output", str(tmp_path / "page.md"))

    assert (told.code, told.out) == (0, "")
    assert (tmp_path / "page.md").read_text() == handover.render(CASES["amazon-private"].needs())


def test_output_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    told = provision(AMAZON, "--output", str(tmp_path / "missing" / "page.md"))

    assert (told.code, told.out) == (2, "")
    assert told.err == f"{tmp_path}/missing/page.md cannot be written: No such file or directory.\n"


def test_local_mode_has_nothing_to_hand_over() -> None:
    told = provision({"STORAGES_MODE": "local"})

    assert (told.code, told.out) == (1, "")
    assert "there is nothing to hand over" in told.err
    assert "does not describe" not in told.err


def test_warnings_do_not_get_into_the_text() -> None:
    told = provision(AMAZON | {"STORAGE_LOCATION": " media "})

    assert "had spaces around its value" in told.err
    assert "had blanks" not in told.out


def test_problems_are_said_as_anywhere() -> None:
    told = provision({"STORAGE_MAKE_FILES_PUBLIC": "ture"})

    assert (told.code, told.out) == (1, "")
    assert "`STORAGE_BUCKET_NAME` is missing" in told.err


def test_terraform_is_for_two_providers() -> None:
    told = provision(R2, "--format", "terraform")

    assert (told.code, told.out) == (2, "")
    assert told.err.startswith("Holdall writes no Terraform for Cloudflare R2")


@pytest.mark.parametrize(
    "arguments",
    [["--origin", "*"], ["--distribution-arn", "E1"], ["--diff", "--apply"], ["--format", "cloudformation"]],
)
def test_wrong_use_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["provision", *arguments])

    assert caught.value.code == 2
    assert "usage: holdall provision" in capsys.readouterr().err
