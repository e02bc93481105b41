"""`holdall doctor`: prove that the store works, or say why it does not."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured

from holdall.cli.terminal import Session, Style, wrapped
from holdall.findings import Cause, Finding, Level, Report

if TYPE_CHECKING:
    from holdall.doctor.examination import Examination

HELP = "prove that bucket, keys and CDN work, or say why they do not and what to paste"


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prefix", default="", help="of the variables of a second store, such as PRIVATE_")
    parser.add_argument("--alias", action="append", default=[], help="in a project: only this entry of STORAGES")
    parser.add_argument("--origin", action="append", default=[], help="a site that shows the files, for CORS")
    parser.add_argument("--offline", action="store_true", help="only what can be told without a request")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only this layer or probe")
    parser.add_argument("--skip", action="append", default=[], metavar="NAME", help="all but this layer or probe")
    parser.add_argument("--seconds", type=float, default=30.0, help="the longest that one probe may take (30)")
    parser.add_argument("--json", action="store_true", dest="as_json", help="one document for programs")


def run(options: argparse.Namespace, session: Session) -> int:
    # The doctor loads Django and the SDK; the other commands need not wait for them.
    from holdall import doctor

    known = {name for layer, probes in doctor.names().items() for name in (layer, *probes)}
    if unknown := [name for name in (*options.only, *options.skip) if name not in known]:
        session.err.write(f'There is no layer or probe "{unknown[0]}"; there are {", ".join(sorted(known))}.\n')
        return 2
    if options.alias and not session.in_project:
        session.err.write(
            "There is no project here, or an env file in its place, so there are no aliases to choose from.\n"
        )
        return 2
    try:
        examinations = list(_examinations(options, session))
    except ImproperlyConfigured as error:
        session.err.write(f"{error}\n")
        return 2
    report = Report()
    for examination in examinations:
        findings = doctor.examine(
            examination, offline=options.offline, only=options.only, skip=options.skip, seconds=options.seconds
        )
        try:
            # Closed whatever happens, Ctrl-C included: then the bucket is as it was.
            with closing(findings):
                for finding in findings:
                    _add(finding, examination, report, options, session)
        except KeyboardInterrupt:
            for finding in examination.farewell:
                _add(finding, examination, report, options, session)
            raise
    if options.as_json:
        session.out.write(json.dumps(report.as_document(), indent=2, ensure_ascii=False) + "\n")
    else:
        paint = session.style.green if report.is_healthy else session.style.red
        session.out.write(f"\n{paint(f'{report.summary()}.')}\n")
    return 0 if report.is_healthy else 1


def _add(
    finding: Finding, examination: Examination, report: Report, options: argparse.Namespace, session: Session
) -> None:
    report.findings.append(finding.about(examination.store))
    if not options.as_json:
        shown = lines(visible(report.findings[-1]), session.style)
        session.out.write("".join(f"{line}\n" for line in shown))
        session.out.flush()


def _examinations(options: argparse.Namespace, session: Session) -> Iterator[Examination]:
    from holdall.doctor import stores

    environ, origins = session.environ, options.origin
    if session.in_project:
        yield from stores.of_project(options.alias, environ=environ, origins=origins)
    else:
        yield stores.of_environment(environ, prefix=options.prefix, origins=origins, sources=session.sources)


def lines(finding: Finding, style: Style) -> Iterator[str]:
    """Give the lines that show a finding: one for what passed, what was seen and what to do for all else."""
    paint = {Level.ERROR: style.red, Level.WARNING: style.yellow, Level.OK: style.green}.get(finding.level, style.bold)
    about = f"[{finding.store}] " if finding.store else ""
    title = finding.kind.title
    if finding.level is Level.OK:
        yield f"{paint(f'{finding.level:<8}')} {finding.id} {about}{title}: {style.dim(finding.seen)}"
        return
    yield f"{paint(f'{finding.level:<8}')} {finding.id} {about}{style.bold(title)}"
    yield from _labelled("seen", finding.seen, style)
    yield from _labelled("means", finding.cause.means, style)
    yield from _labelled("do", finding.cause.do, style)
    for cause in finding.otherwise:
        yield from _labelled("or else", cause.means, style)
        yield from _labelled("do", cause.do, style)
    if finding.level in {Level.ERROR, Level.WARNING}:
        yield from _labelled("page", finding.page, style)


def visible(finding: Finding) -> Finding:
    """Make control characters visible: a key or a server's answer is somebody else's text.

    The attack: an upload whose name moves the cursor, and hides or rewrites what the doctor says.
    """

    def clean(text: str) -> str:
        return re.sub(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", lambda found: repr(found[0])[1:-1], text)

    causes = [Cause(clean(cause.means), clean(cause.do)) for cause in (finding.cause, *finding.otherwise)]
    return finding._replace(seen=clean(finding.seen), cause=causes[0], otherwise=tuple(causes[1:]))


def _labelled(label: str, text: str, style: Style) -> Iterator[str]:
    if not text:
        return
    indent = " " * 22
    for number, line in enumerate(text.splitlines()):
        # What is to be pasted stays on its line.
        shown = (
            [indent + line] if label == "do" and not re.search(r"[.;] [A-Z]", line) else wrapped(line, indent=indent)
        )
        for place, part in enumerate(shown):
            first = number == 0 and place == 0
            yield f"{' ' * 14}{style.dim(f'{label:<7}')} {part[22:]}" if first else part
