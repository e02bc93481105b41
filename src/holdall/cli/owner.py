"""`holdall owner`: see which environment a store belongs to, or take it over."""

from __future__ import annotations

import argparse
import json

from holdall.cli import stores
from holdall.cli.terminal import Session, confirmed
from holdall.errors import ContractError

HELP = "show which environment may write to the store, or take the store over"
# The shape of `--json` output; raised when a key changes its meaning or goes.
JSON_VERSION = 1


def declare(parser: argparse.ArgumentParser) -> None:
    deeds = parser.add_subparsers(dest="deed", required=True, metavar="action")
    for name, text in (
        ("show", "show which environment owns the store"),
        ("take", "make this environment (STORAGE_ENVIRONMENT) the owner"),
    ):
        deed = deeds.add_parser(name, help=text)
        deed.add_argument("--prefix", default="", help="prefix of the store's variables, such as PRIVATE_")
        if name == "show":
            deed.add_argument("--json", action="store_true", dest="as_json", help="print one JSON document")
        else:
            deed.add_argument("--yes", action="store_true", help="take the store without asking")


def run(options: argparse.Namespace, session: Session) -> int:
    from holdall.s3 import claims
    from holdall.storage.objects import site_of

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
                f"Nobody owns {where} yet: the first environment that writes with STORAGE_ENVIRONMENT set will.\n"
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
            [f"`{options.prefix}STORAGE_ENVIRONMENT` is missing; it names the environment that will own the store."]
        )
    if owner == this:
        session.out.write(f'"{this}" owns {where} already. Nothing was done.\n')
        return 0
    if owner is not None:
        session.out.write(
            f'"{owner}" owns {where} since {since}.\n'
            f'If "{this}" takes it, "{owner}" can still read but no longer write or delete, within '
            f"{claims.CLAIM_SECONDS} seconds. No file is changed.\n"
            f'If "{this}" is a copy of "{owner}", make it a fork instead (PARENT_ variables); then nothing is taken.\n'
        )
    if not confirmed(session, f'Make "{this}" the owner?', yes=options.yes):
        return 1
    claims.make(claim, storage.store.call, replace=True)
    session.out.write(f'"{this}" owns {where} now.\n')
    return 0
