"""`holdall fork`: see how a fork differs from its parent, bring it there, or drop it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from holdall.cli import stores
from holdall.cli.terminal import Session, as_count, as_size, confirmed
from holdall.environment import variables
from holdall.errors import HoldallError
from holdall.shown import shown

if TYPE_CHECKING:
    from holdall.fork import ForkedStorage

HELP = "compare a fork with its parent, bring its changes there, or delete it"
# The shape of `--json` output; raised when a key changes its meaning or goes.
JSON_VERSION = 1
MARKS = {"added": "+", "replaced": "!", "same": "=", "hidden": "-", "gone": "·"}
MEANINGS = {
    "added": "the parent has no such file",
    "replaced": "the parent has another file of this name",
    "same": "the parent now has the same file",
    "hidden": "the parent's file, deleted here",
    "gone": "deleted here, and now in the parent too",
}


def declare(parser: argparse.ArgumentParser) -> None:
    deeds = parser.add_subparsers(dest="deed", required=True, metavar="action")
    for name, text, changes in (
        ("status", "count the files that were added, replaced and hidden, and add up their sizes", False),
        ("diff", "list the files that were added, replaced and hidden", False),
        ("promote", "bring the fork's files and deletions into the parent; needs PARENT_ keys that can write", True),
        ("drop", "delete the fork's own store; the parent is not changed", True),
    ):
        deed = deeds.add_parser(name, help=text)
        deed.add_argument("--prefix", default="", help="prefix of the store's variables, such as PRIVATE_")
        deed.add_argument("--json", action="store_true", dest="as_json", help="print one JSON document")
        if changes:
            deed.add_argument("--yes", action="store_true", help="carry out the plan without asking")


def run(options: argparse.Namespace, session: Session) -> int:
    from holdall.fork.ownership import check_lineage, check_owner

    fork = stores.open_fork(session, options.prefix)
    check_lineage(fork)
    if options.deed in {"promote", "drop"}:
        check_owner(fork, named=options.deed == "drop")
    deed = {"status": _status, "diff": _diff, "promote": _promote, "drop": _drop}[options.deed]
    return deed(fork, options, session)


def _write(session: Session, fork: ForkedStorage, content: dict[str, Any]) -> None:
    from holdall.storage.objects import site_of

    head = {"version": JSON_VERSION, "own": str(site_of(fork)), "parent": str(site_of(fork.parent))}
    session.out.write(json.dumps(head | content, indent=2, ensure_ascii=False) + "\n")


def _head(fork: ForkedStorage, *, parents_owner: str | None = None) -> str:
    from holdall.storage.objects import site_of

    owned = f', owned by "{parents_owner}"' if parents_owner else ""
    return f"Own store: {site_of(fork)}\nParent:    {site_of(fork.parent)}{owned}\n"


@contextmanager
def _of_the_parent(prefix: str) -> Iterator[None]:
    """Say of an error that it is the parent's, and name the parent's variables in it."""
    try:
        yield
    except HoldallError as error:
        raise HoldallError(f"Parent store: {variables.addressed(str(error), f'{prefix}{variables.PARENT}')}") from error


def _parents_owner(fork: ForkedStorage, prefix: str) -> str | None:
    """Tell who owns the parent. As the first request to it, it also finds that there is no bucket, or no such key."""
    from holdall.fork.ownership import owner_of

    with _of_the_parent(prefix):
        return owner_of(fork.parent)


def _status(fork: ForkedStorage, options: argparse.Namespace, session: Session) -> int:
    from holdall.fork.divergence import diff, totals

    owner = _parents_owner(fork, options.prefix)
    counted = totals(diff(fork))
    if options.as_json:
        _write(session, fork, {"totals": {kind: total._asdict() for kind, total in counted.items()}})
        return 0
    session.out.write(_head(fork, parents_owner=owner))
    for kind, total in counted.items():
        shown = f"{total.files:>8,} {kind:<9} {as_size(total.size_bytes):>10}"
        session.out.write(f"{shown}  {session.style.dim(MEANINGS[kind])}\n")
    return 0


def _diff(fork: ForkedStorage, options: argparse.Namespace, session: Session) -> int:
    from holdall.fork.divergence import diff

    _parents_owner(fork, options.prefix)
    if options.as_json:
        changes = [{"name": one.name, "kind": one.kind, "size_bytes": one.size_bytes} for one in diff(fork)]
        _write(session, fork, {"changes": changes})
        return 0
    for change in diff(fork):
        session.out.write(
            f"{MARKS[change.kind]} {shown(change.name)}  {session.style.dim(as_size(change.size_bytes))}\n"
        )
    return 0


def _promote(fork: ForkedStorage, options: argparse.Namespace, session: Session) -> int:
    from holdall.fork import promotion
    from holdall.fork.divergence import diff

    owner = _parents_owner(fork, options.prefix)
    planned = promotion.plan(diff(fork))
    parent = _writable_parent(session, options.prefix)
    if not options.as_json:
        session.out.write(_head(fork, parents_owner=owner))
        _say_plan(session, planned)
    asked = options.yes or not options.as_json
    if planned.steps and asked:
        # Before the question: nobody is asked about a plan that cannot be carried out.
        promotion.check(fork, parent)
    if not planned.steps or not (asked and confirmed(session, "Change the parent like this?", yes=options.yes)):
        if options.as_json:
            _write(session, fork, {"parents_owner": owner} | _plan_as_json(planned))
        return 1 if planned.conflicts or planned.steps else 0
    outcome = promotion.apply(planned, fork, parent)
    if options.as_json:
        lists = {kind: [one._asdict() for one in found] for kind, found in outcome._asdict().items()}
        _write(session, fork, {"parents_owner": owner} | lists)
    else:
        _say_conflicts(session, outcome.conflicts[len(planned.conflicts) :], "is left as it is")
        _say_conflicts(session, outcome.failures, "failed")
        done = f"Done: {len(outcome.done):,} of {len(planned.steps):,}, each verified.\n"
        session.out.write(done if outcome.done else "Nothing was done.\n")
    return 1 if outcome.conflicts or outcome.failures else 0


def _say_plan(session: Session, planned: Any) -> None:
    for step in planned.steps:
        mark = "+" if step.action == "copy" else "-"
        session.out.write(f"{mark} {shown(step.name)}  {session.style.dim(as_size(step.size_bytes))}\n")
    _say_conflicts(session, planned.conflicts, "is left as it is")
    copied = [step for step in planned.steps if step.action == "copy"]
    session.out.write(
        f"To the parent: {as_count(len(copied), 'file')} to copy ({as_size(sum(step.size_bytes for step in copied))}), "
        f"{len(planned.steps) - len(copied):,} to delete; {planned.settled:,} already the same.\n"
    )


def _plan_as_json(planned: Any) -> dict[str, Any]:
    return {
        "steps": [step._asdict() for step in planned.steps],
        "conflicts": [one._asdict() for one in planned.conflicts],
        "settled": planned.settled,
    }


def _writable_parent(session: Session, prefix: str) -> Any:
    """Make the parent's storage as its own environment would: the one place where a fork's parent may be written to."""
    return stores.open_storage(stores.options_of(session, prefix)["parent"])


def _say_conflicts(session: Session, conflicts: Any, what: str) -> None:
    for conflict in conflicts:
        session.out.write(session.style.yellow(f"! {shown(conflict.name)} {what}: {shown(conflict.reason)}") + "\n")


def _drop(fork: ForkedStorage, options: argparse.Namespace, session: Session) -> int:
    from holdall.fork import removal

    planned = removal.plan(fork)
    shown = {"objects": len(planned.keys), "files": planned.files, "size_bytes": planned.size_bytes}
    if not options.as_json:
        session.out.write(_head(fork))
        for key in planned.keys:
            session.out.write(f"- {key}\n")
        for folder in planned.others:
            session.out.write(f'"{folder}" is kept: another store uses it.\n')
        if planned.kept:
            session.out.write(
                f"{as_count(planned.kept, 'object')} will be kept: the store was not empty when the fork started, and "
                "this fork did not write them.\n"
            )
        session.out.write(
            f"From the fork's own store: {as_count(len(planned.keys), 'object')}, {as_count(planned.files, 'file')} "
            f"among them ({as_size(planned.size_bytes)}). The parent is not changed.\n"
        )
    dropped = False
    asked = options.yes or not options.as_json
    if planned.keys and asked and confirmed(session, "Delete them permanently?", yes=options.yes):
        removal.apply(planned, fork)
        dropped = True
        if not options.as_json:
            session.out.write(f"Done: {as_count(len(planned.keys), 'object')} deleted.\n")
    if options.as_json:
        _write(session, fork, shown | {"others": list(planned.others), "kept": planned.kept, "dropped": dropped})
    return 0 if dropped or not planned.keys else 1
