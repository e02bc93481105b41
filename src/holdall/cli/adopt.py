"""`manage.py holdall adopt`: move a project from plain django-storages. Nothing is sent, and no setting is changed."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdall.cli.envfile import Line, declare_write, write_env_file
from holdall.cli.terminal import Session, Style, as_count, wrapped
from holdall.environment.entries import Setting

if TYPE_CHECKING:
    from holdall.adoption import Adoption, Difference, Project

HELP = "move a project from plain django-storages: the line for settings.py, the variables, and what will differ"
# The shape of `--json` output; raised when a key changes its meaning or goes.
JSON_VERSION = 1
PAGE = "docs/how-to/from-django-storages.md"
# What boto3 reads itself, and Holdall only passes on.
_OTHER_PURPOSES = {"AWS_PROFILE": "the profile of the keys, which boto3 reads itself"}


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON document")
    declare_write(parser, "the variables")


def run(options: argparse.Namespace, session: Session) -> int:
    if not session.in_project:
        session.err.write(
            '`adopt` reads the settings of a Django project: add "holdall" to INSTALLED_APPS, and run '
            "`manage.py holdall adopt` with production's settings.\n"
        )
        return 2
    from holdall import adoption

    project = adoption.read()
    found = adoption.adopt(project, session.environ)
    if options.write and found.stores:
        write(options.write, found)
    if options.as_json:
        session.out.write(as_json(found))
    else:
        session.out.write("\n".join(_lines(project, found, session.style, options.write)) + "\n")
    return 1 if found.problems or not (found.stores or project.ours) else 0


def write(path: Path, found: Adoption) -> None:
    """Write the variables of a proposal into a new file.

    Raises:
        EnvFileError: there is such a file already, or it cannot be written.
    """
    # Of a second store the variables mean the same.
    purposes = {row.name: row.purpose for row in _rows(found) if row.name in found.stores[0].variables}
    written = [Line(name, value, purposes.get(name, "")) for name, value in found.variables.items()]
    head = (
        "Written by `manage.py holdall adopt`, from the settings of django-storages. Look it over: it contains secrets."
    )
    write_env_file(path, written, head=head)


def as_json(found: Adoption) -> str:
    """Write a proposal as one JSON document; its shape is frozen. Secrets are masked."""
    document = {
        "version": JSON_VERSION,
        "line": found.line if found.stores else None,
        "variables": [{"name": row.name, "value": row.value, "purpose": row.purpose} for row in _rows(found)],
        "settings": {"remove": list(found.removed), "keep": list(found.still_read)},
        "differences": [_as_document(one) for one in found.differences],
        "warnings": list(found.warnings),
        "problems": list(found.problems),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _as_document(one: Difference) -> dict[str, Any]:
    return {"id": one.id, "alias": one.alias or None, "what": one.what, "why": one.why, "keep": one.keep or None}


def _rows(found: Adoption) -> Iterator[Setting]:
    """Give the variables as `holdall env` shows them: none of a secret."""
    for store in found.stores:
        shown = {row.name: row for row in store.reading.settings}
        for name in store.variables:
            if name in shown:
                yield shown[name]
            else:
                yield Setting(name, store.variables[name], "settings", _OTHER_PURPOSES[name])


def _lines(project: Project, found: Adoption, style: Style, written: Path | None) -> Iterator[str]:
    for alias in project.ours:
        yield f'STORAGES["{alias}"] is Holdall\'s already.'
    if not (found.stores or project.ours):
        yield style.red("This project has no storage of django-storages on S3.")
        yield from wrapped(
            f"`STORAGES` has {_entries(project)}. If production has other settings, run this with them: "
            "`manage.py holdall adopt --settings mysite.settings.production`."
        )
    if project.ours and not found.stores and not _has_s3(project):
        yield from _names("Settings to remove", found.removed, style)
    if found.stores:
        yield style.bold("In settings.py, in place of STORAGES")
        yield from (f"    {line}".rstrip() for line in found.line.splitlines())
        yield from _names("Settings to remove", found.removed, style)
        yield from _names("Settings that are still read", found.still_read, style)
        yield from ("", style.bold(f"In the environment{f', written to {written}' if written else ''}"))
        yield from (f"    {row.name}={row.value or '(not usable)'}" for row in _rows(found))
    yield from _differences(found.differences, style)
    for title, texts, paint in (("Warnings", found.warnings, style.yellow), ("Problems", found.problems, style.red)):
        if texts:
            yield from ("", paint(f"{title} ({len(texts)})"))
            yield from (part for text in texts for part in wrapped(text))
    if found.stores and not found.problems:
        yield ""
        yield style.green(
            f"Usable: {as_count(len(found.stores), 'store')}. Nothing was contacted, no setting was changed."
        )


def _has_s3(project: Project) -> bool:
    """Whether a storage of django-storages stays, and with it the settings that it reads."""
    from holdall.adoption import is_on_s3

    return any(map(is_on_s3, project.kept.values()))


def _entries(project: Project) -> str:
    said = [f'"{alias}": {entry.get("BACKEND")}' for alias, entry in project.kept.items()]
    return ", ".join(said) or "no entry that can be made"


def _names(title: str, names: Iterable[str], style: Style) -> Iterator[str]:
    if shown := ", ".join(names):
        yield from ("", style.bold(title), *wrapped(shown))


def _differences(differences: Iterable[Difference], style: Style) -> Iterator[str]:
    # What is the same for several storages is said once.
    told: dict[Difference, list[str]] = {}
    for one in differences:
        told.setdefault(one._replace(alias=""), []).extend([one.alias] if one.alias else [])
    if not told:
        return
    yield from ("", style.bold(f"What behaves differently ({len(told)})"))
    for one, aliases in told.items():
        named = f"[{', '.join(aliases)}] " if aliases else ""
        yield from wrapped(f"{named}{one.what}", indent="  ")
        yield from (style.dim(part) for part in wrapped(one.why, indent="      "))
        if one.keep:
            yield from (style.dim(part) for part in wrapped(one.keep, indent="      "))
    yield style.dim(f"  Each is explained in {PAGE}.")
