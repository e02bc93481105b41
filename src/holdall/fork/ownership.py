"""Whose a fork's own store and its parent are: asked before anything is planned or sent, and nothing is left behind."""

from __future__ import annotations

from holdall.errors import WriteRefused
from holdall.fork.storage import ForkedStorage
from holdall.s3 import claims
from holdall.s3.claims import Claim
from holdall.storage import MediaStorage
from holdall.storage.objects import site_of


def owner_of(storage: MediaStorage) -> str | None:
    """Tell which environment a store belongs to; None if it is nobody's. One GET."""
    return claims.read(Claim(kind="owner", holder="", location=storage.location.strip("/")), storage.store.call)


def check_lineage(fork: ForkedStorage) -> None:
    """Make sure that the own store was started as a fork of this parent, if it was started at all. One GET.

    Raises:
        WriteRefused: it was started as a fork of another one.
    """
    for claim in fork._claims():
        if claim.kind == "fork":
            holder = claims.read(claim, fork.store.call)
            if holder not in {None, claim.holder}:
                raise WriteRefused(claim.refusal(str(holder), fork.store.where()))


def check_owner(fork: ForkedStorage, *, named: bool = False) -> None:
    """Make sure that the own store is not another environment's.

    One GET; none for an environment without a name, unless only the owner by name may do it (`named`).

    Raises:
        WriteRefused: it is.
    """
    owner = owner_of(fork) if named or fork.environment else None
    if owner not in {None, fork.environment}:
        given = f'is "{fork.environment}"' if fork.environment else "has no name"
        raise WriteRefused(
            f'The files in the fork\'s own store, {site_of(fork)}, belong to the environment "{owner}"; this environment '
            f'{given}. Nothing was sent. If this is to be done in "{owner}", set '
            f"`{fork.env_prefix or ''}STORAGE_ENVIRONMENT={owner}` for this one run; else give this environment's own "
            "store, which the other variables name."
        )


def check_parents_owner(parent: MediaStorage) -> None:
    """Make sure that a parent which has an owner is written to in the owner's name. One GET.

    Elsewhere an environment without a name may write. Here the variables are a fork's, made for reading, so that a name
    left out says nothing about what is meant.

    Raises:
        WriteRefused: it belongs to an environment that was not named.
    """
    owner = owner_of(parent)
    if owner not in {None, parent.environment}:
        variable = f"{'PARENT_' if parent.env_prefix is None else parent.env_prefix}STORAGE_ENVIRONMENT"
        given = f'is "{parent.environment}"' if parent.environment else "is not set"
        raise WriteRefused(
            f'The files in the parent, {site_of(parent)}, belong to the environment "{owner}"; `{variable}` {given}. '
            f"Nothing was sent, nothing was changed. Set `{variable}={owner}` on the one run that is meant to write there."
        )
