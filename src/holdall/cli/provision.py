"""`holdall provision`: say what the infrastructure is to provide, or put it into a bucket that exists."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from holdall.cli.terminal import Session, wrapped
from holdall.errors import HoldallError
from holdall.provision import commands, handover, needs, terraform
from holdall.provision.needs import Needs
from holdall.provision.plan import Plan

HELP = "list the permissions, settings and CDN that the store needs, for whoever runs the infrastructure"

# The exit code of `--diff` where it cannot tell whether the bucket differs.
COULD_NOT_LOOK = 3

FORMATS: dict[str, Callable[[Needs], str]] = {
    "page": handover.render,
    "terraform": terraform.render,
    "commands": commands.render,
}


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format", choices=list(FORMATS), default="page", help="a page in Markdown (default), Terraform or commands"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write to this file instead of the terminal")
    parser.add_argument("--prefix", default="", help="prefix of the store's variables, such as PRIVATE_")
    parser.add_argument(
        "--origin",
        action="append",
        default=[],
        type=_checked(needs.origin),
        metavar="URL",
        help="a site whose pages read files with fetch, in a canvas or as fonts, or upload them; may be repeated",
    )
    parser.add_argument(
        "--read-only", action="store_true", help="permissions to read only, such as for a fork's parent"
    )
    parser.add_argument("--with-doctor", action="store_true", help="add permissions to read the bucket's settings")
    parser.add_argument(
        "--with-areas",
        action="store_true",
        help="expire the folder of direct uploads, and the trash also where STORAGE_TRASH is not set",
    )
    parser.add_argument(
        "--with-uploads",
        action="store_true",
        help="let the pages of --origin upload straight to the bucket, and expire what they leave behind",
    )
    parser.add_argument(
        "--distribution-arn",
        type=_checked(needs.distribution),
        metavar="ARN",
        help="the CloudFront distribution that reads the bucket, for --diff and --apply",
    )
    live = parser.add_mutually_exclusive_group()
    live.add_argument(
        "--diff",
        action="store_true",
        help="compare with the live bucket: exit code 1 if it differs, 3 if it could not be looked at",
    )
    live.add_argument("--apply", action="store_true", help="change the settings of the live bucket, after asking")
    parser.add_argument("--yes", action="store_true", help="with --apply: do not ask")


def run(options: argparse.Namespace, session: Session) -> int:
    wanted, reading = needs.read(
        session.environ,
        prefix=options.prefix,
        origins=tuple(options.origin),
        read_only=options.read_only,
        with_doctor=options.with_doctor,
        with_areas=options.with_areas,
        with_uploads=options.with_uploads,
        distribution_arn=options.distribution_arn,
        live=options.diff or options.apply,
    )
    if options.with_uploads and not options.origin:
        session.err.write(
            "No site may upload yet: name each with --origin, such as --origin https://www.example.com.\n"
        )
    for warning in reading.warnings:
        session.err.write(f"{warning}\n")
    if options.diff or options.apply:
        return _on_live_bucket(wanted, options, session)
    if options.format == "terraform" and not terraform.writes(wanted):
        session.err.write(
            f"Holdall writes no Terraform for {wanted.provider.title}. Use `--format commands` or `--format page` instead.\n"
        )
        return 2
    text = FORMATS[options.format](wanted)
    if options.output:
        try:
            options.output.write_text(text, encoding="utf-8")
        except OSError as error:
            session.err.write(f"{options.output} cannot be written: {error.strerror}.\n")
            return 2
    else:
        session.out.write(text)
    return 0


def _checked(check: Callable[[str], str]) -> Callable[[str], str]:
    def checked(text: str) -> str:
        try:
            return check(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return checked


def _on_live_bucket(wanted: Needs, options: argparse.Namespace, session: Session) -> int:
    # The SDK is loaded only where something is sent.
    from holdall.provision import live
    from holdall.s3.connection import connect

    connection = connect(live.target_of(wanted.store))
    try:
        plan = live.plan(wanted, connection)
    except HoldallError as error:
        if not options.diff:
            raise
        session.err.write(f"{error} Nothing was compared.\n")
        return COULD_NOT_LOOK
    _show(plan, session, obstacle="Not compared" if options.diff else "Not possible")
    if options.diff:
        # As `diff` does it: what was not compared outweighs what differs, because more of it may.
        return COULD_NOT_LOOK if plan.obstacles else 1 if plan.changes else 0
    if not plan.changes:
        return 1 if plan.obstacles else 0
    if not options.yes and not _agreed(session):
        session.out.write("Nothing was changed.\n")
        return 1
    failed = bool(plan.obstacles)
    for outcome in live.apply(plan, connection):
        if outcome.failure is None:
            session.out.write(session.style.green(f"Done: {outcome.change.setting}.") + "\n")
        else:
            failed = True
            session.out.write(session.style.red(f"Not done: {outcome.failure}") + "\n")
    return 1 if failed else 0


def _show(plan: Plan, session: Session, *, obstacle: str) -> None:
    style = session.style
    paint = {"+": style.green, "-": style.red}
    for name in plan.same:
        session.out.write(f"{style.dim(f'Already correct: {name}.')}\n")
    for change in plan.changes:
        session.out.write(f"{style.bold(f'To change: {change.setting}')}\n")
        for line in change.lines:
            session.out.write(f"  {paint.get(line[:1], style.dim)(line)}\n")
    for said in plan.obstacles:
        for line in wrapped(f"{obstacle}: {said}", indent="  ", first=""):
            session.out.write(f"{style.yellow(line)}\n")
    if not plan.changes and not plan.obstacles:
        session.out.write("Nothing to do.\n")


def _agreed(session: Session) -> bool:
    session.out.write("Change the bucket like this? [y/N] ")
    session.out.flush()
    # Without anybody to answer, the answer is no.
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
