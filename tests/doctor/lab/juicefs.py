"""JuiceFS's gateway: an S3 made of MinIO's code of 2021 that ignores conditions, and has no ACLs, CORS or versions.

The doctor must notice what it lacks, and take what it does not know for no fault.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.providers import Keys, Provider, fetch
from tests.servers.environments import environment
from tests.servers.processes import Server, free_port, run

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def program() -> Path:
    """Install the gateway if need be; raise `ServerDied` where it cannot be."""
    return environment("juicefs", REQUIREMENTS).parent / "juicefs"


@contextmanager
def start(folder: Path) -> Iterator[Provider]:
    """Run the gateway until the block ends; give its provider. It knows one pair of keys, which may do everything."""
    juicefs = str(program())
    keys = Keys.invent()
    meta = f"sqlite3://{folder / 'meta.db'}"
    (folder / "data").mkdir()
    environ = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "MINIO_ROOT_USER": keys.access_key,
        "MINIO_ROOT_PASSWORD": keys.secret_key,
    }
    # Without the agent, which would open a port for everybody to debug it.
    run(
        [
            juicefs,
            "--no-agent",
            "format",
            "--storage",
            "file",
            "--bucket",
            f"{folder / 'data'}/",
            "--trash-days",
            "0",
            meta,
            "lab",
        ]
    )
    address = f"127.0.0.1:{free_port()}"
    options = ["--multi-buckets", "--keep-etag", "--no-banner", "--backup-meta", "0", "--no-usage-report"]
    logs = ["--log", str(folder / "gateway.log"), "--cache-dir", str(folder / "cache")]
    command = [juicefs, "--no-agent", "gateway", *options, *logs, meta, address]
    server = Server(command, folder=folder, name="juicefs", environ=environ)
    try:
        server.wait_until(lambda: _answers(f"http://{address}"))
        yield Provider(
            name="juicefs",
            mode="s3",
            endpoint_url=f"http://{address}",
            keys=keys,
            readonly=keys,
            no_list=keys,
            no_rights=keys,
        )
    finally:
        server.stop()


def _answers(endpoint_url: str) -> bool:
    try:
        return fetch(f"{endpoint_url}/").status > 0
    except OSError:
        return False
