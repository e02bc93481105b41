"""Importing Holdall from a settings module is cheap: nothing of the SDK is loaded before a storage is used."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"boto3", "botocore", "s3transfer", "storages", "urllib3", "cryptography", "asyncio"}
LOADED = """
import json, sys
# What measures coverage loads modules of its own in every process.
before = set(sys.modules)
import holdall
holdall.from_env({environ!r})
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.mark.parametrize(
    "environ",
    [
        {"STORAGE_BUCKET_NAME": "acme-media"},
        {"STORAGES_MODE": "local"},
        {"BUILD_MODE": "true"},
        {
            "STORAGES_MODE": "do",
            "STORAGE_BUCKET_NAME": "a-b",
            "AWS_ACCESS_KEY_ID": "x" * 20,
            "AWS_SECRET_ACCESS_KEY": "y" * 40,
        },
    ],
    ids=["s3", "local", "build", "do"],
)
def test_settings_load_nothing_of_the_sdk(environ: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", LOADED.format(environ=environ)], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stdout))
    assert "holdall.environment.contract" in loaded
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()
    # Nor what only a mistake, or a rare variable, needs.
    assert {"difflib", "base64"} & loaded == set()
