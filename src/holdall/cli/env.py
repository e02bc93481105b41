"""`holdall env`: print the contract as this environment fills it in."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from holdall.cli.envfile import Line, declare_write, write_env_file
from holdall.cli.terminal import Session, as_count, wrapped
from holdall.environment import contract, exposure, store
from holdall.environment.entries import Setting
from holdall.environment.habits import sentence, together
from holdall.environment.proposal import Proposal, Proposed, propose

HELP = "print every variable, its value and where the value came from"
# The shape of `--json` output; raised when a key changes its meaning or goes.
JSON_VERSION = 1


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prefix", default="", help="prefix of the store's variables, such as PRIVATE_")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON document")
    declare_write(parser, "what the environment probably means")


def run(options: argparse.Namespace, session: Session) -> int:
    reading = contract.read(session.environ, prefix=options.prefix)
    if not reading.problems:
        published = exposure.of_environment(session.environ, prefix=options.prefix)
        reading = reading._replace(problems=tuple(published))
    proposal = None if reading.building else propose(session.environ, prefix=options.prefix)
    if options.write and proposal:
        write(options.write, proposal)
    if options.as_json:
        session.out.write(as_json(reading, proposal))
    else:
        lines = _proposed(reading, proposal, session, options.write) if proposal else ()
        session.out.write(_as_text(reading, session) + "".join(f"{line}\n" for line in lines))
    return 1 if reading.problems else 0


def write(path: Path, proposal: Proposal) -> None:
    """Write a proposal into a new file.

    Raises:
        EnvFileError: there is such a file already, or it cannot be written.
    """
    lines = [
        Line(one.name, _written(one, proposal), one.reason or (f"from {one.source}" if one.source else ""))
        for one in proposal.lines
    ]
    head = (
        "Written by `holdall env --write`: what the environment probably means, values copied, secrets included.\n"
        "Look it over, fill in the lines that begin with # or say your-…, and check it: holdall env --env-file FILE"
    )
    write_env_file(path, lines, head=head)


def _written(one: Proposed, proposal: Proposal) -> str | None:
    """Give what the file has for a line: a placeholder, which is refused, where no line at all would mean another place."""
    bare = one.name.removeprefix(proposal.reading.prefix)
    return _ELSEWHERE_IF_LEFT_OUT.get(bare) if one.value is None else one.value


# Amazon without an endpoint, ams3 without a region.
_ELSEWHERE_IF_LEFT_OUT = {"AWS_S3_ENDPOINT_URL": "your-endpoint", "DO_REGION": "your-region"}


def _proposed(reading: contract.Reading, proposal: Proposal, session: Session, written: Path | None) -> Iterator[str]:
    """Show a proposal where it is news, secrets masked."""
    style = session.style
    if reading.problems and proposal.is_news:
        yield from ("", style.bold("What is probably meant"))
        for one in proposal.lines:
            comment = f"# from {one.source}" if one.source else "" if one.value is not None else "# to fill in"
            line = f"  {one.name}={one.shown}"
            yield f"{line}  {style.dim(comment)}" if comment else line
        if proposal.setting:
            yield from ("or, in settings.py:", f"  {proposal.setting}")
        if not written:
            yield from wrapped(
                "`holdall env --write store.env` writes these lines, secrets included, into a file.", indent=""
            )
    if written:
        to_fill = sum(one.value is None for one in proposal.lines)
        what = as_count(len(proposal.lines) - to_fill, "variable") + (f", {to_fill} to fill in" if to_fill else "")
        yield from ("", f"{written} was written: {what}, secrets included.", "Check it with:")
        yield f"  holdall env --env-file {written}"


def as_json(reading: contract.Reading, proposal: Proposal | None = None) -> str:
    """Write a reading as one JSON document; its shape is frozen. Secrets are masked."""
    document = {
        "version": JSON_VERSION,
        "prefix": reading.prefix,
        "building": reading.building,
        "variables": _rows(reading),
        "warnings": list(reading.warnings),
        "problems": list(reading.problems),
        "parent": _other(reading.parent),
        "mirror": _other(reading.mirror),
        "proposal": [_line(one) for one in proposal.lines] if proposal else [],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _line(one: Proposed) -> dict[str, Any]:
    return {"name": one.name, "value": one.shown or None, "source": one.source or None, "reason": one.reason or None}


def _rows(reading: contract.Reading) -> list[dict[str, Any]]:
    return [
        {"name": row.name, "value": row.value or None, "source": row.source, "purpose": row.purpose}
        for row in reading.settings
    ]


def _other(reading: contract.Reading | None) -> dict[str, Any] | None:
    """Give what is said of a parent, with its own, or of a mirror."""
    if reading is None:
        return None
    document = {"prefix": reading.prefix, "variables": _rows(reading), "parent": _other(reading.parent)}
    return document | ({"mirror": _other(reading.mirror)} if reading.mirror else {})


def _as_text(reading: contract.Reading, session: Session) -> str:
    lines, style = [], session.style
    for row in _settings(reading):
        shown = f"{row.value}  {style.dim(f'({row.source})')}" if row.value else style.dim(f"({row.source})")
        lines.append(f"{style.bold(row.name)} = {shown}")
        lines += [style.dim(line) for line in wrapped(row.purpose)]
    for title, texts, paint in (
        ("Warnings", reading.warnings, style.yellow),
        ("Problems", reading.problems, style.red),
    ):
        if said := [sentence(group) for group in together(texts)]:
            lines += ["", paint(f"{title} ({len(said)})")]
            lines += [line for text in said for line in wrapped(text, indent="    ", first="  ")]
    if not reading.problems:
        end = "An image is being built: any use of the storage raises an error."
        if reading.store is not None:
            above = reading.parent and reading.parent.store
            fork = f", as a fork of {store.site(above)}" if above else ""
            copied = reading.mirror and reading.mirror.store
            mirrored = f", mirrored to {store.site(copied)}" if copied else ""
            end = f"Usable: {store.summary(reading.store)}{fork}{mirrored}. Nothing was contacted."
        # The last line is what scripts look at.
        last = wrapped(end, indent="") if session.out.isatty() else [end]
        lines += ["", *map(style.green, last)]
    return "\n".join(lines) + "\n"


def _settings(reading: contract.Reading) -> Iterator[Setting]:
    """Give the rows of a store, and of its parents and mirror those that say something: the rest is as above."""
    yield from reading.settings
    others = [reading.parent, reading.mirror]
    while others:
        if other := others.pop(0):
            yield from (row for row in other.settings if row.value)
            others += [other.parent, other.mirror]
