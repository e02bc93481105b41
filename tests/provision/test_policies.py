"""The policies that are written, read by a linter that knows Amazon's actions, resources and conditions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import holdall
from holdall.provision import rights, settings
from holdall.provision.needs import Needs
from tests.provision.environments import CASES, Case
from tests.servers import processes
from tests.servers.environments import environment

REQUIREMENTS = Path(__file__).parent / "requirements.txt"
LINTER = """
import json, sys, warnings
warnings.simplefilter("ignore")
from parliament import analyze_policy_string
print(json.dumps([[f"{finding.issue} {finding.detail}" for finding in analyze_policy_string(json.dumps(policy)).findings]
                  for policy in json.load(sys.stdin)]))
"""
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def findings(*policies: dict[str, Any]) -> list[list[str]]:
    """Lint policies, without a network: the linter brings Amazon's definitions along."""
    python = environment("infrastructure", REQUIREMENTS)
    done = processes.complete(
        [str(python), "-c", LINTER], input=json.dumps(policies), capture_output=True, text=True, check=True
    )
    found: list[list[str]] = json.loads(done.stdout)
    return found


def of_bucket(needs: Needs) -> dict[str, Any]:
    return rights.bucket_policy(*settings.policy_statements(needs))


def test_linter_has_nothing_to_say() -> None:
    # A policy for Ceph says something that Amazon has no use for; the linter is Amazon's.
    policies = [rights.app_policy(case.needs()) for case in CASES.values() if case.needs().on_amazon]
    policies += [of_bucket(case.needs()) for case in CASES.values() if settings.policy_statements(case.needs())]

    assert [found for found in findings(*policies) if found] == []


def test_linter_finds_what_it_is_for() -> None:
    policy = rights.app_policy(CASES["amazon-private"].needs())
    misspelt = json.loads(json.dumps(policy).replace("s3:GetObject", "s3:GetObjekt"))
    misplaced = json.loads(json.dumps(policy).replace('acme-media/*"', 'acme-media"'))

    assert all(findings(misspelt, misplaced))


@every_case
def test_no_statement_grants_more_than_the_store(case: Case) -> None:
    needs = case.needs()
    for statement in [*rights.app_policy(needs)["Statement"], *settings.policy_statements(needs)]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert all("*" not in action for action in actions)
        assert statement["Effect"] == "Allow"
        assert statement["Resource"] in {needs.bucket_arn, needs.objects_arn}
        assert statement["Sid"].isalnum()


@every_case
def test_acl_is_granted_only_where_one_is_sent(case: Case) -> None:
    needs = case.needs()

    granted = any("s3:PutObjectAcl" in statement["Action"] for statement in rights.app_policy(needs)["Statement"])

    assert granted == (needs.provider.id in {"spaces", "scaleway"} and needs.store.public and not needs.read_only)


def test_right_to_look_at_settings_has_a_name_of_its_own() -> None:
    plain, more = (rights.app_policy(CASES["amazon-private"].needs(with_doctor=wanted)) for wanted in (False, True))

    assert more["Statement"][:-1] == plain["Statement"]
    assert more["Statement"][-1]["Sid"] == "HoldallDoctor"
    assert all(action.startswith(("s3:Get", "s3:List")) for action in more["Statement"][-1]["Action"])


def test_every_setting_that_is_looked_at_has_its_right() -> None:
    """Amazon's actions are not always called as the operations are."""
    by_operation = {
        "get_bucket_acl": "s3:GetBucketAcl",
        "get_bucket_cors": "s3:GetBucketCORS",
        "get_bucket_lifecycle_configuration": "s3:GetLifecycleConfiguration",
        "get_bucket_ownership_controls": "s3:GetBucketOwnershipControls",
        "get_bucket_policy": "s3:GetBucketPolicy",
        "get_bucket_policy_status": "s3:GetBucketPolicyStatus",
        "get_public_access_block": "s3:GetBucketPublicAccessBlock",
        "list_object_versions": "s3:ListBucketVersions",
    }
    package = Path(holdall.__file__).parent
    sources = [*(package / "doctor").glob("*.py"), package / "provision" / "plan.py"]
    asked = re.compile(r'"((?:get_(?:bucket|public)|list_object_versions)\w*)"')
    operations = {found for source in sources for found in asked.findall(source.read_text())}

    assert {by_operation[operation] for operation in operations} == {right.action for right in rights.DOCTOR}


def test_public_files_on_amazon_are_cloudfronts_alone() -> None:
    needs = CASES["amazon-public-own-domain"].needs()
    [statement] = settings.policy_statements(needs)

    assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert statement["Condition"] == {"StringEquals": {"AWS:SourceArn": needs.distribution_arn}}
    assert statement["Action"] == "s3:GetObject"
    assert settings.policy_statements(CASES["amazon-public"].needs()) == []
