"""From red to green: an env file with mistakes, keys without rights, and nobody to ask but the doctor."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import holdall
from tests.contract import only
from tests.providers import Keys, Provider
from tests.servers import processes


def doctor(file: Path) -> dict[str, Any]:
    """Run the command as on a bare machine: no project, no variables but the file's."""
    done = processes.complete(
        [sys.executable, "-m", "holdall", "doctor", "--env-file", str(file), "--json"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(holdall.__file__).parents[1]),
            "HOME": str(file.parent),
            "AWS_EC2_METADATA_DISABLED": "true",
        },
        cwd=file.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    assert document["healthy"] is (done.returncode == 0)
    return document


def complaints(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in document["findings"] if one["level"] in {"error", "warning"}]


class Infrastructure:
    """The person who can change the keys' rights, and pastes what is printed."""

    def __init__(self, provider: Provider) -> None:
        self._iam = provider.client_for(provider.keys, "iam")
        self._iam.create_user(UserName="red-to-green")
        made = self._iam.create_access_key(UserName="red-to-green")["AccessKey"]
        self.keys = Keys(made["AccessKeyId"], made["SecretAccessKey"])
        self.statements: list[Any] = []

    def paste(self, statement: str) -> None:
        self.statements.append(json.loads(statement))
        document = json.dumps({"Version": "2012-10-17", "Statement": self.statements})
        self._iam.put_user_policy(UserName="red-to-green", PolicyName="rights", PolicyDocument=document)


@only("ministack")
def test_infrastructure_person_gets_from_red_to_green_by_what_is_printed(
    provider: Provider, bucket: str, location: str, tmp_path: Path
) -> None:
    person = Infrastructure(provider)
    file = tmp_path / "store.env"
    file.write_text(
        f'STORAGE_BUCKET="{bucket}"\n'
        f"STORAGE_LOCATION={location}\n"
        "STORAGES_MODE=s3\n"
        f"AWS_S3_ENDPOINT_URL={provider.endpoint_url}\n"
        f"AWS_ACCESS_KEY_ID={person.keys.access_key}\n"
        f"AWS_SECRET_ACCESS_KEY={person.keys.secret_key}\n"
    )
    story = []
    before: list[str] = []
    while found := complaints(document := doctor(file)):
        first = found[0]
        story.append(first["id"])
        assert len(story) < 12, story
        where, _, statement = (first["do"] or "").partition("\n")
        if statement.startswith("{"):
            assert where.startswith("Add this statement to the policy of the user that the keys belong to")
            person.paste(statement)
        else:
            # "… did you mean `STORAGE_BUCKET_NAME`?"; "… had quotes … which were removed": the file is fixed.
            told = " ".join([first["seen"], first["means"], first["do"]])
            name = re.search(r"`(STORAGE_BUCKET_NAME)`", told)
            assert name, first
            file.write_text(file.read_text().replace("STORAGE_BUCKET=", f"{name[1]}=").replace('"', ""))
        # Without the right to delete the doctor cannot clean up, and says so.
        before = provider.keys_in(bucket, location)
    assert document["healthy"]
    # The store is named wrongly; then one right after the other is missing.
    assert story == ["D125", "D401", "D407", "D421", "D511", "D901"]
    actions = [statement["Action"] for statement in person.statements]
    assert sorted(actions) == [
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
    ], "the rights that the doctor asked for one by one are the least there are"
    assert provider.keys_in(bucket, location) == before
