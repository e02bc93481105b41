"""`holdall owner`: see which environment a store belongs to, or take it over."""

from __future__ import annotations

import argparse
import json

from holdall.cli import stores
from holdall.cli.terminal import Session, confirmed
from holdall.errors import ContractError

HELP = "which environment may write to the store, and taking it over"
# The shape of `--json` output; raised when a key changes its meaning or goes.
JSON_VERSION = 1


def declare(parser: argparse.ArgumentParser) -> None:
    deeds = parser.add_subparsers(dest="deed", required=True, metavar="deed")
    for name, text in (
        ("show", "the environment that owns the store"),
        ("take", "make this environment, STORAGE_ENVIRONMENT, the owner"),
    ):
        deed = deeds.add_parser(name, help=text)
        deed.add_argument("--prefix", default="", help="of the variables of a second store, such as PRIVATE_")
        if name == "show":
            deed.add_argument("--json", action="store_true", dest="as_json", help="one document for programs")
        else:
            deed.add_argument("--yes", action="store_true", help="take it without asking")


def run(options: argparse.Namespace, session: Session) -> int:
    from holdall.fork.storage import site_of
    from holdall.s3 import claims

    chosen = stores.options_of(session, options.prefix)
    storage = stores.open_storage(chosen)
    this = storage.environment
    claim = claims.Claim(kind="owner", holder=this or "", location=storage.location.strip("/"))
    said = claims.read_whole(claim, storage.store.call)
    owner, since = (str(said["owner"]), str(said.get("since", ""))) if said else (None, "")
    where = site_of(storage)
    if options.deed == "show":
        if options.as_json:
            document = {"version": JSON_VERSION, "owner": owner, "since": since or None, "environment": this}
            session.out.write(json.dumps(document, indent=2) + "\n")
        elif owner is None:
            session.out.write(
                f"Nobody owns {where}: the first environment that writes with STORAGE_ENVIRONMENT will.\n"
            )
        else:
            mine = (
                "this environment"
                if owner == this
                else f'this environment is "{this}"'
                if this
                else "this one has no name"
            )
            session.out.write(f'"{owner}" owns {where} since {since}; {mine}.\n')
        return 0
    if this is None:
        raise ContractError(
            [f"`{options.prefix}STORAGE_ENVIRONMENT` is missing; it names the environment that is to own the store."]
        )
    if owner == this:
        session.out.write(f'"{this}" owns {where} already. Nothing was done.\n')
        return 0
    if owner is not None:
        session.out.write(
            f'"{owner}" owns {where} since {since}.\n'
            f'If "{this}" takes it, "{owner}" can read it but no longer write or delete, from its next look at the marker '
            f"on: at the latest {claims.CLAIM_SECONDS} seconds from now. No file is changed.\n"
            f'If "{this}" is a copy of "{owner}", make it a fork instead (PARENT_ variables): nothing is taken then.\n'
        )
    if not confirmed(session, f'Make "{this}" the owner?', yes=options.yes):
        return 1
    claims.make(claim, storage.store.call, replace=True)
    session.out.write(f'"{this}" owns {where} now.\n')
    return 0
