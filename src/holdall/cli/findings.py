"""Findings and the catalogue's entries as text for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from holdall.cli.pasting import pasted
from holdall.cli.terminal import Style, wrapped
from holdall.findings import Cause, Finding, Level, is_pasted
from holdall.shown import shown

if TYPE_CHECKING:
    from holdall.doctor.catalogue import Entry

# Below the level, and below the id.
_LABELS, _TEXT = " ", " " * 9


def lines(finding: Finding, style: Style, *, explain: str) -> Iterator[str]:
    """Yield the lines that show a finding: one if it is OK, otherwise what was seen, what it means and what to do.

    `explain` is the command that prints the entry of an id.
    """
    about = f"[{finding.store}] " if finding.store else ""
    title = finding.kind.title
    if finding.level is Level.OK:
        head = f"{finding.level:<8} {finding.id} {about}{title}: "
        first, *more = wrapped(f"{head}{finding.seen}", indent=_TEXT, first="")
        level = painted(finding.level, style)
        yield f"{level}{first[8 : len(head)]}{style.dim(first[len(head) :])}"
        yield from (style.dim(line) for line in more)
        return
    first, *more = wrapped(f"{finding.id} {about}{title}", indent=_TEXT, first=_TEXT)
    id_and_title = first[len(_TEXT) :].partition(" ")
    yield f"{painted(finding.level, style)} {id_and_title[0]} {style.bold(id_and_title[2])}"
    yield from (style.bold(line) for line in more)
    yield from _labelled("seen", _sentences(finding.seen), style)
    yield from _labelled("means", _sentences(finding.cause.means), style)
    yield from _labelled("do", _remedy(finding.cause.do.splitlines(), indent=_TEXT), style)
    for cause in finding.otherwise:
        yield from _labelled("or else", _sentences(cause.means), style)
        yield from _labelled("do", _remedy(cause.do.splitlines(), indent=_TEXT), style)
    if finding.level in {Level.ERROR, Level.WARNING}:
        yield from _labelled("more", [f"{_TEXT}{finding.kind.url or f'{explain} {finding.id}'}"], style)


def layer_line(findings: list[Finding], style: Style) -> str:
    """Sum up what a layer found in one line: its worst level, the ids that are shown below, and how many passed."""
    shown_below = [finding for finding in findings if finding.level is not Level.OK and not finding.is_routine]
    worst = min((finding.level for finding in shown_below), key=list(Level).index, default=Level.OK)
    ids = [f"{id_} ({count})" if count > 1 else id_ for id_, count in Counter(f.id for f in shown_below).items()]
    passed = sum(1 for finding in findings if finding.level is Level.OK)
    said = ", ".join([*ids, *([f"{passed} passed"] if passed else [])])
    about = f"[{findings[0].store}] " if findings[0].store else ""
    return f"{painted(worst, style)} {about}{findings[0].layer:<12} {said}"


def entry_lines(entry: Entry, style: Style) -> Iterator[str]:
    """Yield the lines that explain a kind of finding, with every remedy."""
    kind = entry.kind
    yield f"{_paint(kind.level, style)(kind.level)} {kind.id} {style.bold(kind.title)}"
    if entry.evidence:
        yield from _part("What the doctor looks at", wrapped(entry.evidence), style)
    yield from _part("What it means" if entry.evidence else "How it is checked", wrapped(entry.means), style)
    if entry.do:
        yield from _part("What to do", _remedy(entry.do, indent="    "), style)
    if entry.cases:
        yield from _part("What to do if this is the cause", _cases(entry.cases), style)
    if entry.failures:
        known = [line for id_, text in entry.failures.items() for line in wrapped(f"{id_}: {text}.")]
        yield from _part("Known failures that look like this", known, style)
    if kind.url:
        yield from _part("Documentation", [f"    {kind.url}"], style)


def visible(finding: Finding) -> Finding:
    """Escape control characters in remedies too: a key or a server's answer may be someone else's text.

    The attack: an upload whose name moves the cursor, and hides or rewrites what the doctor says.
    """
    causes = [
        Cause(shown(cause.means, keeps="\n"), shown(cause.do, keeps="\n"))
        for cause in (finding.cause, *finding.otherwise)
    ]
    return finding._replace(cause=causes[0], otherwise=tuple(causes[1:]))


def painted(level: Level, style: Style) -> str:
    """Write a level as wide as the widest, in its colour."""
    return f"{_paint(level, style)(level)}{' ' * (8 - len(level))}"


def _paint(level: Level, style: Style) -> Callable[[str], str]:
    return {Level.ERROR: style.red, Level.WARNING: style.yellow, Level.OK: style.green}.get(level, style.bold)


def _part(heading: str, body: Iterable[str], style: Style) -> Iterator[str]:
    yield ""
    yield style.bold(heading)
    yield from body


def _cases(cases: Iterable[tuple[str, Iterable[str]]]) -> Iterator[str]:
    for number, (means, do) in enumerate(cases):
        if number:
            yield ""
        yield from wrapped(means)
        yield from _remedy(do, indent=" " * 8)


def _sentences(text: str) -> list[str]:
    return [part for line in text.splitlines() for part in wrapped(line, indent=_TEXT)]


def _remedy(do: Iterable[str], *, indent: str) -> list[str]:
    """Break sentences where the line ends, and lines to paste where they stay what they are."""
    return [
        part
        for line in do
        for part in (pasted(line, indent=indent) if is_pasted(line) else wrapped(line, indent=indent))
    ]


def _labelled(label: str, body: Iterable[str], style: Style) -> Iterator[str]:
    for number, line in enumerate(body):
        yield line if number else f"{_LABELS}{style.dim(f'{label:<7}')} {line[len(_TEXT) :]}"
