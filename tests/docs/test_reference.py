"""The reference knows every variable, error, command and option, and is what the program says today."""

import argparse
import difflib
import re
import sys
from pathlib import Path

import pytest

import generate_docs
from holdall import cli, doctor, errors
from holdall.doctor import catalogue
from holdall.environment import variables
from holdall.storage import MediaStorage
from reference import commands, failures, options
from reference import errors as error_page
from tests.docs.pages import DOCS, ROOT


def headings(page: str) -> set[str]:
    return set(re.findall(r"^#+ (.*)$", (DOCS / "reference" / page).read_text(), re.MULTILINE))


def test_variables_have_headings():
    assert {f"`{variable.name}`" for variable in variables.VARIABLES} <= headings("variables.md")


def test_errors_have_headings():
    classes = error_page.classes()

    assert errors.HoldallError in classes
    assert {f"`{one.__name__}`" for one in classes} <= headings("errors.md")


def test_errors_have_examples():
    unshown = set(error_page.classes()) - set(error_page.PROVOKED)

    assert unshown == {errors.HoldallError}  # the root itself is never raised


def test_errors_are_explained_for_the_night():
    page = (DOCS / "how-to" / "errors.md").read_text()

    for one in set(error_page.classes()) - {errors.HoldallError}:
        assert one.__name__ in page


def test_errors_stand_in_the_tree():
    for one in error_page.classes():
        assert one.__name__ in (errors.__doc__ or "")


def test_commands_have_headings():
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    found = commands.subcommands(parser)

    assert {"env", "serve"} <= found.keys()
    assert {f"`holdall {name}`" for name in found} <= headings("commands.md")
    assert found.keys() == commands.COMMANDS.keys()


def test_arguments_of_commands_stand_on_the_page():
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    page = (DOCS / "reference" / "commands.md").read_text()

    for command in commands.subcommands(parser).values():
        for action in command._actions:
            for option in action.option_strings:
                assert option in page


def test_options_of_ours_have_headings():
    ours = set(MediaStorage(bucket_name="media").get_default_settings()) - set(
        MediaStorage.__mro__[1](bucket_name="media").get_default_settings()
    )

    assert ours == set(options.own_options())
    assert {f"`{name}`" for name in ours} <= headings("options.md")


def test_options_of_django_storages_are_listed():
    page = (DOCS / "reference" / "options.md").read_text()

    for name in MediaStorage(bucket_name="media").get_default_settings():
        assert f"`{name}`" in page


def test_generated_pages_are_fresh():
    stale = {
        str(path.relative_to(ROOT)): "\n".join(
            difflib.unified_diff(path.read_text().splitlines(), text.splitlines(), lineterm="")
        )
        for path, text in generate_docs.wanted().items()
        if path.read_text() != text
    }

    assert not stale, "scripts/generate_docs.py writes them anew:\n" + "\n".join(stale.values())


def test_check_exits_with_one_when_a_page_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "README.md"
    page.write_text("<!-- run -->\n```console\n$ echo one\none\n```\n")
    monkeypatch.setattr(generate_docs, "ROOT", tmp_path)
    monkeypatch.setattr(generate_docs, "wanted", lambda: {page: generate_docs.transcripts.run_again(page.read_text())})

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["generate_docs.py", *arguments])
        return generate_docs.main()

    assert run() == 0
    assert run("--check") == 0
    page.write_text(page.read_text().replace("\none\n", "\ntwo\n"))
    assert run("--check") == 1
    assert "-two" in capsys.readouterr().out


def test_findings_have_headings():
    assert {f"{kind.id}: {kind.title}" for kind in doctor.kinds()} <= headings("findings.md")


def test_findings_name_failures_of_the_catalogue():
    entries = catalogue.failures().entries.keys()

    assert {entry for kind in doctor.kinds() for entry in kind.failures} <= entries
    assert failures.provoking_tests().keys() <= entries


def test_failures_are_named_and_provoked_or_told_apart():
    known = catalogue.failures()
    named = {entry for kind in doctor.kinds() for entry in kind.failures}
    proven = named & failures.provoking_tests().keys()

    assert known.entries.keys() - proven == known.paper.keys()
