"""MiniStack: Amazon's rules (Block Public Access, owner-enforced buckets, IAM) without Amazon; guarded, see there."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.providers import Keys, Provider, fetch, wait_until_enforced
from tests.servers.environments import environment
from tests.servers.processes import Server, free_port

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
OBJECTS = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
RIGHTS = {
    "keys": ["*"],
    "readonly": ["s3:GetObject", "s3:ListBucket"],
    "no_list": OBJECTS,
    "no_rights": [],
}


def _answers(endpoint_url: str) -> bool:
    try:
        return fetch(endpoint_url + "/").status > 0
    except OSError:
        return False


def _create_user(iam: Any, name: str, actions: list[str]) -> Keys:
    iam.create_user(UserName=name)
    if actions:
        statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        iam.put_user_policy(
            UserName=name,
            PolicyName="rights",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        )
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return Keys(made["AccessKeyId"], made["SecretAccessKey"])


@contextmanager
def start(folder: Path) -> Iterator[dict[str, Provider]]:
    """Run MiniStack until the block ends; give its provider, `ministack`."""
    # Of its own: it forbids current botocore.
    python = environment("ministack", REQUIREMENTS)
    endpoint_url = f"http://127.0.0.1:{(port := free_port())}"
    root = Keys(secrets.token_hex(24), secrets.token_hex(24))
    environ = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "AWS_ACCESS_KEY_ID": root.access_key,
        "AWS_SECRET_ACCESS_KEY": root.secret_key,
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "localhost",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": "us-east-1",
        "SERVICES": "s3,iam,sts",
        "S3_PERSIST": "0",
        "PERSIST_STATE": "0",
        "S3_DATA_DIR": str(folder / "s3"),
        "STATE_DIR": str(folder / "state"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }
    guard = str(HERE / "ministack_guard.py")
    # -P: this folder, where we are a module named ministack too, stays out of its way.
    server = Server([str(python), "-P", guard], folder=folder, name="ministack", environ=environ)
    try:
        server.wait_until(lambda: _answers(endpoint_url))
        unknown = Provider("ministack", "s3", endpoint_url, root, root, root, root)
        iam = unknown.client_for(root, "iam")
        identities = {name: _create_user(iam, name.replace("_", "-"), RIGHTS[name]) for name in RIGHTS}
        provider = Provider(name="ministack", mode="s3", endpoint_url=endpoint_url, hides_missing=False, **identities)
        wait_until_enforced(provider)
        yield {provider.name: provider}
    finally:
        server.stop()
