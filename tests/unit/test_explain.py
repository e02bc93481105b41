"""`holdall doctor --explain`: the catalogue's entries in a terminal, without a store."""

from __future__ import annotations

import argparse
import io
import json
import re
from importlib import metadata

import pytest
from django.core.management import call_command

from holdall import cli, doctor, findings
from holdall.cli import findings as shown
from holdall.cli.terminal import Style
from holdall.doctor import catalogue
from holdall.findings import Kind, Level, Report


def explain(*arguments: str) -> tuple[int, str, str]:
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    out, err = io.StringIO(), io.StringIO()
    options = parser.parse_args(["doctor", "--explain", *arguments])
    return cli.run(options, out=out, err=err, environ={}), out.getvalue(), err.getvalue()


def joined(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("\\\n", "\n"))


def words(text: str) -> set[str]:
    return set(joined(text).split())


def test_entries_are_printed_whole() -> None:
    for kind in doctor.kinds():
        code, text, err = explain(kind.id)
        assert (code, err) == (0, "")
        assert text.startswith(f"{kind.level} {kind.id} {kind.title}\n")
        for part in (kind.evidence, kind.means, *(one.means for one in kind.remedies)):
            assert joined(part) in joined(text)
        for do in (kind.do, *(one.do for one in kind.remedies)):
            # A remark may stand above the line that it is about.
            assert words(do) <= words(text)
        for failure in kind.failures:
            assert f"{failure}: {catalogue.failures().entries[failure]}." in joined(text)


@pytest.mark.parametrize("written", ["d601", "D601", "holdall.D601", "HOLDALL.d601"])
def test_ids_are_taken_in_any_case_and_as_checks_print_them(written: str) -> None:
    assert explain(written)[1].startswith("error D601 ")


def test_several_ids_are_explained_once_each_in_their_order() -> None:
    code, text, _ = explain("D310", "d601", "D310")
    assert code == 0
    assert re.findall(r"^error (D\d+) ", text, re.MULTILINE) == ["D310", "D601"]


def test_unknown_id_is_wrong_use_and_nothing_is_printed() -> None:
    code, text, err = explain("D601", "D6O1", "D699", "nonsense")
    assert (code, text) == (2, "")
    first, second, third = err.splitlines()
    assert first == 'There is no finding "D6O1". Did you mean D601?'
    assert re.fullmatch(r'There is no finding "D699"\. Did you mean D\d+, D\d+ or D\d+\?', second)
    assert third == 'There is no finding "NONSENSE".'


@pytest.mark.parametrize("columns", [80, 120])
def test_sentences_fit_the_terminal_and_lines_to_paste_are_whole(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    remedies = [text for kind in doctor.kinds() for text in (kind.do, *(one.do for one in kind.remedies))]
    # A setting, a line of code, and one argument of a command.
    whole = {
        line.partition("   # ")[0] for text in remedies for line in text.splitlines() if not line.startswith("aws ")
    }
    for kind in doctor.kinds():
        for line in shown.entry_lines(catalogue.entry(kind), Style(coloured=False)):
            is_argument = line.strip().startswith("--")
            is_heading = line.startswith(f"{kind.level} {kind.id}")
            assert len(line) <= columns or line.strip() in whole or is_argument or is_heading, line


def test_explaining_needs_no_document() -> None:
    with pytest.raises(SystemExit) as ended:
        explain("D601", "--json")
    assert ended.value.code == 2


def test_management_command_explains_too(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("holdall", "doctor", "--explain", "d601")
    assert capsys.readouterr().out == explain("D601")[1]


def test_finding_names_the_command_that_explains_it() -> None:
    kind = Kind("D999", Level.ERROR, "It is broken", "Nothing works.", "Fix it.")
    lines = list(shown.lines(kind.found("seen"), Style(coloured=False), explain="manage.py holdall doctor --explain"))
    assert lines[-1] == " more    manage.py holdall doctor --explain D999"


@pytest.fixture
def _published(monkeypatch: pytest.MonkeyPatch) -> None:
    published = metadata.metadata("django-holdall")
    # Installed metadata may have others already.
    del published["Project-URL"]
    published["Project-URL"] = "Source, https://code.example"
    published["Project-URL"] = "Documentation, https://docs.example/en/stable/"
    monkeypatch.setattr(metadata, "metadata", lambda _name: published)
    findings.documentation_url.cache_clear()
    yield
    findings.documentation_url.cache_clear()


@pytest.mark.usefixtures("_published")
def test_finding_links_to_where_the_documentation_is_published() -> None:
    kind = catalogue.by_id()["D601"]
    url = "https://docs.example/en/stable/reference/findings.html#d601"
    assert list(shown.lines(kind.found("seen"), Style(coloured=False), explain="x"))[-1].endswith(f"more    {url}")
    assert Report([kind.found("seen")]).as_document()["findings"][0]["page"] == url
    assert url in explain("D601")[1]


def test_document_names_no_page_where_none_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "documentation_url", lambda: "")
    document = Report([catalogue.by_id()["D601"].found("seen")]).as_document()
    assert json.loads(json.dumps(document))["findings"][0]["page"] is None
