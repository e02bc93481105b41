"""`holdall doctor`: prove that the store works, or find out why it does not."""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured

from holdall.cli import findings
from holdall.cli.report import Brief, Verbose
from holdall.cli.terminal import Session
from holdall.findings import Finding, Report, as_document

if TYPE_CHECKING:
    from holdall.doctor.examination import Examination

HELP = "prove that the bucket, keys and CDN work, or say why they do not and what to do"


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prefix", default="", help="prefix of a second store's variables, such as PRIVATE_")
    parser.add_argument("--alias", action="append", default=[], help="in a project: check only this entry of STORAGES")
    parser.add_argument("--origin", action="append", default=[], help="a site that shows the files, to check CORS")
    parser.add_argument("--offline", action="store_true", help="only what can be checked without a request")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only this layer or probe")
    parser.add_argument("--skip", action="append", default=[], metavar="NAME", help="all except this layer or probe")
    parser.add_argument("--seconds", type=float, default=120.0, help="time limit for all of it (120)")
    parser.add_argument(
        "--verbose", action="store_true", help="show how each check passed, and what healthy stores have too"
    )
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", dest="as_json", help="print one JSON document, for programs")
    shown.add_argument(
        "--json-lines", action="store_true", help="print each finding as a line of JSON as soon as it is there"
    )
    shown.add_argument(
        "--explain",
        action="extend",
        nargs="+",
        default=[],
        metavar="ID",
        help="check nothing; explain findings by their ids, such as D601",
    )


def run(options: argparse.Namespace, session: Session) -> int:
    # The doctor loads Django and the SDK. The other commands should not wait for them.
    from holdall import doctor
    from holdall.doctor.catalogue import rounds

    if options.explain:
        return _explain(options.explain, session)
    # Everything that is worth saying is a finding; without a handler, Python prints warnings between them.
    logging.getLogger("holdall").addHandler(logging.NullHandler())
    known = {name for layer, probes in doctor.names().items() for name in (layer, *probes)}
    if unknown := [name for name in (*options.only, *options.skip) if name not in known]:
        session.err.write(f'There is no layer or probe "{unknown[0]}". There are {", ".join(sorted(known))}.\n')
        return 2
    if options.alias and not session.in_project:
        session.err.write("--alias works only in a Django project (manage.py holdall doctor), without --env-file.\n")
        return 2
    try:
        examinations = list(_examinations(options, session))
    except ImproperlyConfigured as error:
        session.err.write(f"{error}\n")
        return 2
    printed = _printer(options, session)
    choice = doctor.Choice(options.offline, options.only, options.skip)
    ends = time.monotonic() + options.seconds
    for number, examination in enumerate(examinations):
        # What one store leaves of its share, the others get.
        share = max(0.0, ends - time.monotonic()) / (len(examinations) - number)
        found = doctor.examine(examination, choice, seconds=share)
        try:
            # Closed whatever happens, so that the bucket is as it was before, even after Ctrl-C.
            with closing(found):
                for finding in found:
                    printed.add(finding.about(examination.label))
        except KeyboardInterrupt:
            interrupted = rounds.INTERRUPTED.found(f"Ctrl-C{examination.was_waiting}").within("housekeeping")
            for finding in (interrupted, *examination.farewell):
                printed.add(finding.about(examination.label))
            printed.interrupted()
            raise
    printed.end()
    return 0 if printed.report.is_healthy else 1


def _printer(options: argparse.Namespace, session: Session) -> _Document | Brief:
    if options.json_lines:
        return _JsonLines(session)
    if options.as_json:
        return _Document(session)
    return (Verbose if options.verbose else Brief)(session, command=_command(session))


class _Document:
    """A report that is printed at its end, for programs."""

    def __init__(self, session: Session) -> None:
        self.report = Report()
        self._session = session

    def add(self, finding: Finding) -> None:
        self.report.findings.append(finding)

    def interrupted(self) -> None:
        """Print what was found until then. It is not healthy: that it was interrupted is an error."""
        self.end()

    def end(self) -> None:
        self._session.out.write(json.dumps(self.report.as_document(), indent=2, ensure_ascii=False) + "\n")


class _JsonLines(_Document):
    """A report of which each finding is printed at once, as in the document's `findings`, for programs that watch."""

    def add(self, finding: Finding) -> None:
        super().add(finding)
        self._session.out.write(json.dumps(as_document(finding), ensure_ascii=False) + "\n")
        self._session.out.flush()

    def end(self) -> None:
        """All was printed."""


def _command(session: Session) -> str:
    return "manage.py holdall doctor" if session.in_project else "holdall doctor"


def _explain(ids: list[str], session: Session) -> int:
    """Print the catalogue's entries. `holdall.d601`, as Django's checks have it, is D601 too."""
    from holdall.doctor import catalogue

    wanted = list(dict.fromkeys(one.upper().removeprefix("HOLDALL.") for one in ids))
    known = catalogue.by_id()
    if unknown := [one for one in wanted if one not in known]:
        for one in unknown:
            near = catalogue.nearest(one)
            meant = f" Did you mean {' or '.join(filter(None, (', '.join(near[:-1]), near[-1])))}?" if near else ""
            session.err.write(f'There is no finding "{one}".{meant}\n')
        return 2
    entries = (findings.entry_lines(catalogue.entry(known[one]), session.style) for one in wanted)
    session.out.write("\n\n".join("".join(f"{line}\n" for line in entry) for entry in entries))
    return 0


def _examinations(options: argparse.Namespace, session: Session) -> Iterator[Examination]:
    from holdall.doctor import stores

    environ, origins = session.environ, options.origin
    if session.in_project:
        found = stores.of_project(options.alias, environ=environ, origins=origins)
    else:
        found = [stores.of_environment(environ, prefix=options.prefix, origins=origins, sources=session.sources)]
    for examination in found:
        yield examination
        if (mirror := stores.mirror_of(examination)) is not None:
            yield mirror
