"""What opens a bucket to visitors or keeps it closed: its policy, its ACL and its public access block.

Keys are rarely allowed to ask for them. A refused question is not a fault.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from holdall.doctor.examination import Examination
from holdall.errors import HoldallError

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
# What stores answer if there is none.
_NONE_THERE = frozenset({"NoSuchPublicAccessBlockConfiguration", "NoSuchBucketPolicy", "NoSuchBucketPolicyStatus"})


class Doors(NamedTuple):
    """The answers; None if the question was refused."""

    has_public_policy: bool | None
    has_public_acl: bool | None
    # The switches that are on, in Amazon's words.
    blocks: frozenset[str] | None
    # How the question for the switches was refused.
    refusal: str = ""


def look(examination: Examination) -> Doors:
    """Ask for everything that decides. Requests: three or four."""
    block, refusal = _ask(examination, "get_public_access_block")
    switches = None
    if block is not None:
        found = block.get("PublicAccessBlockConfiguration", {})
        switches = frozenset(name for name, on in found.items() if on is True)
    return Doors(_public_policy(examination), _public_acl(examination), switches, refusal)


def _public_policy(examination: Examination) -> bool | None:
    # The text first: Ceph's status includes ACLs, and not every server with policies reports their status.
    policy, _ = _ask(examination, "get_bucket_policy")
    if policy is not None:
        return _is_public(policy.get("Policy", "{}"))
    status, _ = _ask(examination, "get_bucket_policy_status")
    return None if status is None else bool(status.get("PolicyStatus", {}).get("IsPublic"))


def _is_public(text: str) -> bool:
    return any(
        one.get("Effect") == "Allow" and one.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})
        for one in _statements(text)
        if not one.get("Condition")
    )


def _statements(text: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(text).get("Statement", [])
    except ValueError:
        return []
    return [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]


def denial(examination: Examination, action: str) -> str:
    """Say which statement of the bucket's policy denies an action, or "" if none does or nobody may ask. One request."""
    policy, _ = _ask(examination, "get_bucket_policy")
    for statement in _statements((policy or {}).get("Policy", "{}")):
        actions = statement.get("Action") or []
        actions = [actions] if isinstance(actions, str) else actions
        if statement.get("Effect") == "Deny" and any(fnmatchcase(action, str(one)) for one in actions):
            return f"the bucket's policy has a `Deny` for {', '.join(map(str, actions))}"
    return ""


def _public_acl(examination: Examination) -> bool | None:
    acl, _ = _ask(examination, "get_bucket_acl")
    if acl is None:
        return None
    return any(grant.get("Grantee", {}).get("URI") == ALL_USERS for grant in acl.get("Grants", ()))


def _ask(examination: Examination, operation: str) -> tuple[dict[str, Any] | None, str]:
    try:
        answer: dict[str, Any] = examination.call(operation)
    except HoldallError as error:
        if error.code in _NONE_THERE:
            return {}, ""
        return None, f"{error.answer.status} {error.code}" if error.answer else "no answer"
    return answer, ""
