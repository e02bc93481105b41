"""Two stores in one bucket: it has one list of lifecycle rules, which holds those of both and of everybody else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from holdall.provision import commands, handover, merging, needs, plan, settings, terraform
from tests.contract import only
from tests.providers import Provider
from tests.provision.environments import AMAZON, KEYS, OTHER, SPACES
from tests.provision.test_commands import run, validated
from tests.provision.test_live import lifecycle, provision
from tests.provision.test_story import sh

THEIRS = {"ID": "logs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 30}}


def both(place: dict[str, str]) -> dict[str, str]:
    """Describe two private stores in one bucket, with trashes of 30 and of 60 days and an hour."""
    own = {"STORAGE_LOCATION": "shop", "STORAGE_TRASH": "30d", **KEYS}
    other = {"STORAGE_LOCATION": "archive", "STORAGE_TRASH": f"{60 * 24 + 1}h", **KEYS}
    return place | own | {f"OLD_{name}": value for name, value in (place | other).items()}


def expiring(rules: list[dict[str, Any]]) -> dict[str, int]:
    return {rule["Filter"]["Prefix"]: rule["Expiration"]["Days"] for rule in rules if "Expiration" in rule}


TRASHES = {"shop/.holdall/trash/": 30, "archive/.holdall/trash/": 61}


@pytest.mark.parametrize("place", [AMAZON, SPACES, OTHER], ids=["amazon", "spaces", "other"])
@pytest.mark.parametrize("prefix", ["", "OLD_"])
def test_rules_are_those_of_both_stores_whichever_is_asked_for(place: dict[str, str], prefix: str) -> None:
    wanted = needs.read(both(place), prefix=prefix)[0]
    rules = settings.lifecycle_rules(wanted)
    assert expiring(rules) == TRASHES
    assert len({rule["ID"] for rule in rules}) == len(rules) == 4
    assert all(folder in handover.render(wanted) for folder in TRASHES)


@pytest.mark.parametrize(
    "changes",
    [
        {"OLD_STORAGE_BUCKET_NAME": "another"},
        {"OLD_STORAGE_BUCKET_NAME": "acme-media", "OLD_AWS_S3_ENDPOINT_URL": "https://s3.example.com"},
        {"OLD_STORAGE_BUCKET_NAME": "acme-media", "OLD_STORAGE_TRASH": "soon"},
        {"PARENT_STORAGE_BUCKET_NAME": "acme-media", "PARENT_STORAGE_LOCATION": "prod", "PARENT_STORAGE_TRASH": "9d"},
    ],
    ids=["another bucket", "another place", "unreadable", "a parent"],
)
def test_only_stores_of_the_environment_in_the_bucket_are_neighbours(changes: dict[str, str]) -> None:
    environ = AMAZON | {"STORAGE_LOCATION": "shop", "STORAGE_TRASH": "30d"} | changes
    assert expiring(settings.lifecycle_rules(needs.read(environ)[0])) == {"shop/.holdall/trash/": 30}


def test_two_storages_of_one_store_keep_the_longer_promise() -> None:
    environ = AMAZON | {"STORAGE_TRASH": "30d"}
    environ |= {f"LONG_{name}": value for name, value in (AMAZON | {"STORAGE_TRASH": "90d"}).items()}
    for prefix in ("", "LONG_"):
        rules = settings.lifecycle_rules(needs.read(environ, prefix=prefix)[0])
        assert (len(rules), expiring(rules)) == (2, {".holdall/trash/": 90})


@pytest.mark.parametrize("seconds", [1, 3600, 86_400, 86_401, 30 * 86_400])
def test_trash_is_kept_at_least_as_long_as_promised(seconds: int) -> None:
    days = settings.trash_days(seconds)
    assert days >= 1
    assert 0 <= days * 86_400 - seconds < 86_400


@pytest.mark.parametrize("place", [AMAZON, SPACES], ids=["amazon", "spaces"])
def test_terraform_has_the_rules_of_both(place: dict[str, str]) -> None:
    written = terraform.render(needs.read(both(place))[0])
    assert all(f'"{folder}"' in written for folder in TRASHES)
    assert "These are all lifecycle rules of the bucket" in written
    assert len(set(re.findall('"Holdall(?:UnfinishedUploads|Trash)[0-9a-f]{8}"', written))) == 4


def test_what_is_answered_beside_the_rules_is_written_again() -> None:
    """Left out, it would go back to its default, and the rules of others would move other files."""
    wanted = needs.read(AMAZON)[0]
    [setting] = [one for one in plan.settings_of(wanted) if one.name == "lifecycle"]
    live = {"Rules": [THEIRS], "TransitionDefaultMinimumObjectSize": "varies_by_storage_class"}
    change = plan.change(setting, live)
    assert change is not None
    assert change.parameters["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"
    assert change.parameters["LifecycleConfiguration"]["Rules"][0] == THEIRS
    done = {**live, "Rules": change.parameters["LifecycleConfiguration"]["Rules"]}
    assert plan.change(setting, done) is None


def answering(folder: Path, there: str, code: int = 0) -> Path:
    """Make tools that answer every question with this, and note what is written."""
    for name in ("aws", "s3cmd"):
        tool = folder / name
        tool.write_text(
            f"#!{sys.executable} -IS\nimport os, shutil, sys\nif {{'getlifecycle'}} & set(sys.argv) or "
            "any(one.startswith('get-') for one in sys.argv):\n"
            f"    print({there!r})\n    sys.exit({code})\n"
            "open('written', 'a').write('\\n'.join(sys.argv[1:]) + '\\n')\n"
        )
        tool.chmod(0o755)
    return folder


def shell(script: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", "\n".join(["set -eu", *script])],
        cwd=folder,
        env={"PATH": f"{folder}:{Path(sys.executable).parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


OURS = [{"ID": "HoldallTrash", "Expiration": {"Days": 30}}]
SCRIPT = [*merging.function(), *merging.command("lifecycle", "Rules", OURS, bucket="acme")]
NONE = "An error occurred (NoSuchLifecycleConfiguration) when calling the GetBucketLifecycleConfiguration operation: …"


@pytest.mark.parametrize(
    ("there", "code", "kept"),
    [(json.dumps([THEIRS, {"ID": "HoldallTrash"}]), 0, ["logs"]), ("", 0, []), ("null", 0, []), (NONE, 254, [])],
    ids=["rules", "nothing", "null", "none"],
)
def test_rules_that_are_there_stay(there: str, code: int, kept: list[str], tmp_path: Path) -> None:
    done = shell(SCRIPT, answering(tmp_path, there, code))
    assert (done.returncode, done.stderr) == (0, "")
    written = (tmp_path / "written").read_text().splitlines()
    rules = json.loads(written[written.index("--lifecycle-configuration") + 1])["Rules"]
    assert [rule["ID"] for rule in rules] == [*kept, "HoldallTrash"]
    assert rules[-1] == OURS[0]


@pytest.mark.parametrize(
    ("there", "code"),
    [
        ("An error occurred (AccessDenied) when calling …", 254),
        ("Could not connect to the endpoint URL", 255),
        ("An error occurred (NoSuchBucket) when calling …", 254),
        ("not JSON", 0),
    ],
)
def test_rules_that_cannot_be_read_are_not_replaced(there: str, code: int, tmp_path: Path) -> None:
    done = shell(SCRIPT, answering(tmp_path, there, code))
    assert done.returncode != 0
    assert not (tmp_path / "written").exists()
    by_s3cmd = ['space() { s3cmd "$@"; }', *merging.lifecycle_by_s3cmd("acme", OURS)]
    assert code == 0 or shell(by_s3cmd, tmp_path).returncode != 0
    assert code == 0 or not (tmp_path / "written").exists()


def test_commands_for_one_store_are_valid_with_both(tmp_path: Path) -> None:
    from tests.provision.environments import Case

    calls = run(Case(both(AMAZON)), tmp_path, AWS_S3_REGION_NAME="eu-west-3")
    [call] = [call for call in calls if "put-bucket-lifecycle-configuration" in call]
    assert expiring(validated(call)["LifecycleConfiguration"]["Rules"]) == TRASHES


@only("ministack", "ceph-http")
def test_commands_keep_the_rules_of_others_on_a_real_store(provider: Provider, tmp_path: Path) -> None:
    bucket = provider.create_bucket()
    provider.client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [THEIRS]})
    keys = {"AWS_ACCESS_KEY_ID": provider.keys.access_key, "AWS_SECRET_ACCESS_KEY": provider.keys.secret_key}
    (tmp_path / ".s3cfg").write_text(
        f"[default]\naccess_key = {provider.keys.access_key}\nsecret_key = {provider.keys.secret_key}\n"
    )
    for location in ("shop", "archive"):
        # Two environments, neither of which knows of the other.
        wanted = needs.read(provider.environ(bucket, location=location, STORAGE_TRASH="30d"))[0]
        rules = settings.lifecycle_rules(wanted)
        script = (
            [line for line in commands._s3cmd(wanted) if not line.startswith("space mb")]
            if wanted.on_spaces
            else [*merging.function(), *merging.command("lifecycle", "Rules", rules, bucket=bucket)]
        )
        sh(
            "\n".join(["set -eu", *script]),
            tmp_path,
            AWS_ENDPOINT_URL=provider.endpoint_url,
            AWS_DEFAULT_REGION=provider.region or "us-east-1",
            **keys,
        )

    assert set(expiring(list(lifecycle(provider, bucket).values()))) == {
        "logs/",
        "shop/.holdall/trash/",
        "archive/.holdall/trash/",
    }
    assert len(lifecycle(provider, bucket)) == 5


@only("ministack")
def test_apply_for_one_store_puts_the_rules_of_both_into_the_bucket(provider: Provider) -> None:
    bucket = provider.create_bucket()
    provider.client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [THEIRS]})
    own = provider.environ(bucket, location="shop", STORAGE_TRASH="30d")
    other = provider.environ(bucket, location="archive", STORAGE_TRASH="60d")
    environ = own | {f"OLD_{name}": value for name, value in other.items()}

    assert provision(environ, "--apply", "--yes").code == 0
    assert {provision(environ, "--diff", *more).code for more in ((), ("--prefix", "OLD_"))} == {0}
    assert len(lifecycle(provider, bucket)) == 5
