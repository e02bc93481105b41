"""What the doctor prints for people: short where all is well, and what is wrong where the cursor is."""

from __future__ import annotations

import io
import json
import re
import shlex

import pytest

from holdall import doctor
from holdall.cli import findings, pasting
from holdall.cli.report import Brief, Verbose
from holdall.cli.terminal import Session, Style
from holdall.findings import Finding, Kind, Level, is_pasted

WORKS = Kind("D995", Level.OK, "It works", "It was tried.")
ALWAYS_SO = Kind("D996", Level.NOTICE, "It is so everywhere", "Nothing follows.", routine=True)
WORTH_KNOWING = Kind("D997", Level.NOTICE, "It is worth knowing", "It may matter.")
ODD = Kind("D998", Level.WARNING, "It is odd", "It will matter.", "Change it.")
BROKEN = Kind("D999", Level.ERROR, "It is broken", "Nothing works.", "Fix it.")
# What a run finds, in its order.
FOUND = [
    WORKS.found("a").within("values"),
    BROKEN.found("b").within("connection"),
    WORKS.found("c").within("connection"),
    ALWAYS_SO.found("d").within("links"),
    WORKS.found("e").within("links"),
    ALWAYS_SO.found("f").within("cdn"),
    ODD.found("g").within("caching"),
    ODD.found("h").within("caching"),
    WORTH_KNOWING.found("i").within("housekeeping"),
    WORTH_KNOWING.unknown("j").within("housekeeping"),
]


def printed(printer: type[Brief], found: list[Finding] = FOUND, *, coloured: bool = False) -> str:
    out = io.StringIO()
    report = printer(Session(out=out, err=out, environ={}, style=Style(coloured=coloured)), command="holdall doctor")
    for finding in found:
        report.add(finding)
    report.end()
    return out.getvalue()


def heads(text: str) -> list[str]:
    return re.findall(r"^\w+ +(?:D\d+|\w+ +(?:D|\d).*)", text, re.MULTILINE)


def test_layers_are_a_line_each_and_errors_come_last_with_the_summary() -> None:
    text = printed(Brief)
    assert text.splitlines()[:5] == [
        "ok       values       1 passed",
        "error    connection   D999, 1 passed",
        "ok       links        1 passed",
        "warning  caching      D998 (2)",
        "notice   housekeeping D997",
    ]
    assert heads(text)[5:] == ["notice   D997", "warning  D998", "warning  D998", "error    D999"]
    assert text.endswith(
        "\nerror    D999 It is broken\n seen    b\n means   Nothing works.\n do      Fix it.\n"
        " more    holdall doctor --explain D999\n"
        "\n1 error, 2 warnings, 1 notice, 3 passed. 3 more with --verbose.\n"
    )


def test_verbose_leaves_nothing_out() -> None:
    text = printed(Verbose)
    assert "ok       D995 It works: a\n" in text
    levels = [line.split()[0] for line in heads(text) if not line.startswith("ok")]
    assert levels == ["unknown"] + ["notice"] * 3 + ["warning"] * 2 + ["error"]
    assert text.endswith("\n1 error, 2 warnings, 3 notices, 1 unknown, 3 passed.\n")


def test_stores_of_a_project_have_lines_of_their_own() -> None:
    found = [WORKS.found("").within("values").about(alias) for alias in ("default", "private")]
    assert printed(Brief, found).startswith(
        "ok       [default] values       1 passed\nok       [private] values       1 passed\n"
    )


def test_layer_is_printed_when_it_has_ended() -> None:
    out = io.StringIO()
    report = Brief(Session(out=out, err=out, environ={}, style=Style(coloured=False)), command="")
    report.add(FOUND[0])
    assert out.getvalue() == ""
    report.add(FOUND[1])
    assert out.getvalue() == "ok       values       1 passed\n"


def test_colours_change_no_letter() -> None:
    for printer in (Brief, Verbose):
        assert re.sub(r"\x1b\[\d+m", "", printed(printer, coloured=True)) == printed(printer)


# -- lines to paste

POLICY = json.dumps(
    {"Effect": "Allow", "Principal": {"Service": "a.example"}, "Resource": f"arn:aws:s3:::{'x' * 70}/*"}
)
COMMAND = f"aws s3api put-bucket-policy --bucket acme-media --endpoint-url https://s3.example.com --policy '{POLICY}'"


def pasted_by_shell(lines: list[str]) -> list[str]:
    return shlex.split("\n".join(lines).replace("\\\n", " "), comments=True)


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("remark", ["", "   # if there is a policy already, add the statement to it instead of this"])
def test_command_is_the_same_command_when_it_is_pasted(
    columns: int, remark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = pasting.pasted(COMMAND + remark, indent=" " * 9)
    assert pasted_by_shell(lines) == shlex.split(COMMAND)
    assert all(line.endswith(" \\") for line in lines[lines.index(next(one for one in lines if "aws" in one)) : -1])
    # What is wider is one argument, which a break would change.
    assert all(len(line) <= columns or line.strip().startswith("--policy '{") for line in lines)


def test_statement_is_the_same_statement_when_it_is_pasted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = pasting.pasted(POLICY, indent=" " * 9)
    assert len(lines) > 1
    assert json.loads("\n".join(lines)) == json.loads(POLICY)


@pytest.mark.parametrize("columns", [80, 120])
def test_every_remedy_can_be_pasted(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    dos = [do for kind in doctor.kinds() for do in (kind.do, *(one.do for one in kind.remedies))]
    for line in {line for do in dos for line in do.splitlines() if is_pasted(line)}:
        text = "\n".join(pasting.pasted(line, indent=""))
        content = line.partition("   # ")[0]
        assert content == line or content.startswith("aws") or content in text.splitlines() or line == text
        if content.startswith("aws"):
            assert pasted_by_shell(text.splitlines()) == shlex.split(content)


def test_remark_never_follows_a_value_that_goes_into_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """`docker --env-file` takes it for a part of the value."""
    monkeypatch.setenv("COLUMNS", "120")
    assert pasting.pasted("STORAGES_MODE=s3   # or do", indent="") == ["STORAGES_MODE=s3", "# or do"]
    assert pasting.pasted("STORAGES = x()   # in the settings", indent="") == ["STORAGES = x()   # in the settings"]


def test_finding_is_no_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for kind in doctor.kinds():
        found = kind.found("word " * 40, do="Do this and that, again and again, until it is done." * 3)
        assert all(len(line) <= 80 for line in findings.lines(found, Style(coloured=False), explain="x")), kind.id
