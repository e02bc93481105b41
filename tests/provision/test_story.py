"""From nothing to a working store, by the infrastructure person's own tools and what is printed."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest
from django.core.files.base import ContentFile

from holdall.errors import AccessRefused
from holdall.provision import commands, needs
from tests.contract import only
from tests.providers import Keys, Provider
from tests.provision.test_live import provision
from tests.provision.test_policies import REQUIREMENTS
from tests.servers import processes
from tests.servers.environments import environment
from tests.stores import build_storage


def tools() -> Path:
    return environment("infrastructure", REQUIREMENTS).parent


def sh(script: str, folder: Path, **variables: str) -> str:
    environ = {"PATH": f"{folder}:{tools()}:{os.environ['PATH']}", "HOME": str(folder), **variables}
    done = processes.complete(
        ["sh", "-c", script], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@only("ministack")
def test_commands_for_amazon_make_a_store_that_works(provider: Provider, tmp_path: Path) -> None:
    bucket = f"holdall-{uuid.uuid4().hex[:12]}"
    amazon = {"STORAGE_BUCKET_NAME": bucket, "AWS_S3_REGION_NAME": provider.region, "STORAGE_LOCATION": "shop"}
    wanted = needs.read(amazon, origins=("https://www.example.com",))[0]

    printed = sh(
        commands.render(wanted),
        tmp_path,
        AWS_ENDPOINT_URL=provider.endpoint_url,
        AWS_ACCESS_KEY_ID=provider.keys.access_key,
        AWS_SECRET_ACCESS_KEY=provider.keys.secret_key,
    )

    keys = Keys(*printed.splitlines()[-1].split())
    storage = build_storage(provider.environ(bucket, location="shop", keys=keys))
    name = storage.save("a.txt", ContentFile(b"content"))
    assert storage.open(name).read() == b"content"
    assert storage.listdir("")[1] == ["a.txt"]
    storage.delete(name)
    with pytest.raises(AccessRefused):
        build_storage(provider.environ(bucket, location="elsewhere", keys=keys)).save("a.txt", ContentFile(b"content"))
    administrator = provider.environ(bucket, location="shop")
    assert provision(administrator, "--diff", "--origin", "https://www.example.com").code == 0


@only("ceph-http")
def test_commands_for_spaces_make_what_is_missed_by_nobody(provider: Provider, tmp_path: Path) -> None:
    """The Space itself, by s3cmd on the gateway behind Spaces; doctl speaks to DigitalOcean alone, and is only noted."""
    bucket = f"holdall-{uuid.uuid4().hex[:12]}"
    environ = provider.environ(bucket, is_public=True)
    wanted = needs.read(environ, origins=("https://www.example.com",))[0]
    doctl = tmp_path / "doctl"
    doctl.write_text('#!/bin/sh\necho "$@"\n')
    doctl.chmod(0o755)
    (tmp_path / ".s3cfg").write_text(
        f"[default]\naccess_key = {provider.keys.access_key}\nsecret_key = {provider.keys.secret_key}\n"
    )

    printed = sh(commands.render(wanted), tmp_path)

    assert f"spaces keys create holdall-{bucket} --grants bucket={bucket};permission=readwrite" in printed
    assert provision(environ, "--diff", "--origin", "https://www.example.com").code == 0
    storage = build_storage(environ)
    name = storage.save("a.txt", ContentFile(b"content"))
    assert provider.fetch_anonymously(bucket, name).body == b"content"
    assert provider.fetch(f"{provider.endpoint_url}/{bucket}").status == 403
