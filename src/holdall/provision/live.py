"""Look at a live bucket, and change it as a plan says. The only module here that sends anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from holdall.environment.store import Store
from holdall.errors import BucketNotFound, CredentialsRefused, HoldallError, StoreUnreachable
from holdall.provision import plan as planning
from holdall.provision.needs import Needs
from holdall.provision.plan import Change, Document, Plan, Setting
from holdall.s3.connection import Connection
from holdall.s3.target import Target


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one change: done where there is no failure."""

    change: Change
    failure: HoldallError | None = None


def target_of(store: Store) -> Target:
    """Say which client speaks to a store."""
    keys = store.keys
    return Target(
        provider=store.provider,
        bucket_name=store.bucket_name,
        endpoint_url=store.endpoint_url,
        region_name=store.region_name,
        access_key=keys.access_key if keys else None,
        secret_key=keys.secret_key if keys else None,
        token=keys.token if keys else None,
    )


def plan(needs: Needs, connection: Connection) -> Plan:
    """Compare what is needed with the bucket as it is. Changes nothing.

    Raises:
        BucketNotFound, CredentialsRefused, StoreUnreachable: there is nothing to compare with.

    Requests: one for each setting that the store has an opinion on, at most five.
    """
    changes, same, obstacles = [], [], planning.obstacles(needs)
    for setting in planning.settings_of(needs):
        try:
            found = planning.change(setting, _read(connection, setting))
        except (BucketNotFound, CredentialsRefused, StoreUnreachable):
            # Which is so for all others too.
            raise
        except HoldallError as failure:
            # What cannot be read cannot be added to: writing it would throw away what others have put there.
            obstacles.append(f"{failure} The {setting.name} is left as it is.")
        else:
            if found is None:
                same.append(setting.name)
            else:
                changes.append(found)
    return Plan(bucket=needs.bucket, changes=tuple(changes), same=tuple(same), obstacles=tuple(obstacles))


def apply(plan: Plan, connection: Connection) -> Iterator[Outcome]:
    """Do exactly what the plan says, one call after the other; a call that fails does not keep the others back.

    Requests: one for each change.
    """
    for planned in plan.changes:
        try:
            connection.call(planned.operation, action=f"setting the {planned.setting}", **planned.parameters)
        except HoldallError as failure:
            yield Outcome(change=planned, failure=failure)
        else:
            yield Outcome(change=planned)


def _read(connection: Connection, setting: Setting) -> Document:
    try:
        answer = connection.call(setting.get, action=f"reading the {setting.name}")
    except HoldallError as failure:
        if failure.code == setting.absent:
            return None
        raise
    if setting.member == "Policy":
        return json.loads(answer["Policy"])
    if setting.member in answer:
        return answer[setting.member]
    # CORS and lifecycle are answered without a name around their rules.
    return {name: value for name, value in answer.items() if name.endswith("Rules") or name in setting.beside}
