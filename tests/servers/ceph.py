"""A Ceph RADOS gateway from the system's packages: the software behind DigitalOcean Spaces, over HTTP and HTTPS.

One monitor, one memory-backed OSD and one gateway; no manager, no systemd, as root or not.
"""

from __future__ import annotations

import json
import os
import shutil
import ssl
import tempfile
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.providers import Keys, Provider, wait_until_enforced
from tests.servers.authority import Authority
from tests.servers.processes import Server, ServerDied, free_ports, run

BINARIES = ("ceph", "ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "monmaptool")
PACKAGES = "radosgw ceph-mon ceph-osd ceph-common"
OBJECTS = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:PutObjectAcl"]
RIGHTS = {"readonly": ["s3:GetObject", "s3:ListBucket"], "no_list": OBJECTS, "no_rights": []}
STORE_BYTES = 6 * 1024**3

CONFIGURATION = """\
[global]
fsid = {fsid}
mon host = v1:127.0.0.1:{monitor_port}
auth cluster required = none
auth service required = none
auth client required = none
auth supported = none
auth allow insecure global id reclaim = false
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv4 = true
ms bind ipv6 = false
ms bind msgr2 = false
ms bind port min = {first_port}
ms bind port max = {last_port}
run dir = {sockets}
admin socket = {sockets}/$name.asok
log file = {folder}/$name.own.log
log to syslog = false
err to syslog = false
crash dir = {folder}/crash
setuser match path =
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
mon data avail warn = 2
mon warn on pool no redundancy = false
debug none = 0
[mon]
mon data = {folder}/mon
mon cluster log to file = false
debug mon = 0
debug paxos = 0
debug rocksdb = 0
[osd]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = {store_bytes}
osd max object name len = 2048
osd class update on start = false
# With this on, a fresh OSD now and then dies with "wrong fsid".
osd crush update on start = false
debug osd = 0
[client]
rgw data = {folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:{http_port} ssl_endpoint=127.0.0.1:{https_port} \
ssl_certificate={certificate} ssl_private_key={key} tcp_nodelay=1
rgw dns name = localhost
rgw thread pool size = 100
rgw enable usage log = false
rgw enable ops log = false
rgw gc obj min wait = 60
rgw run sync thread = false
debug rgw = 1
"""


def _search_path() -> str:
    # Debian keeps daemons where only root's PATH looks.
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def missing_binaries() -> list[str]:
    """Say which of Ceph's programs are not installed here."""
    return [name for name in BINARIES if shutil.which(name, path=_search_path()) is None]


class _Cluster:
    """The monitor, the OSD and the gateway, each added to the stack that ends them."""

    def __init__(self, folder: Path, sockets: Path, authority: Authority, stack: ExitStack) -> None:
        ports = free_ports(20)
        self.folder = folder
        self.http_port, self.https_port, self.monitor_port = ports[:3]
        self.fsid = str(uuid.uuid4())
        self.file = folder / "ceph.conf"
        self._stack = stack
        self.file.write_text(
            CONFIGURATION.format(
                fsid=self.fsid,
                folder=folder,
                sockets=sockets,
                monitor_port=self.monitor_port,
                http_port=self.http_port,
                https_port=self.https_port,
                first_port=ports[3],
                last_port=ports[-1],
                certificate=authority.certificate_file,
                key=authority.key_file,
                store_bytes=STORE_BYTES,
            )
        )
        for name in ("mon", "osd", "rgw", "crash"):
            (folder / name).mkdir()

    def command(self, program: str, *arguments: str) -> list[str]:
        found = shutil.which(program, path=_search_path()) or program
        return [found, "-c", str(self.file), *arguments]

    def serve(self, program: str, *arguments: str) -> Server:
        # -f: stay in the foreground, so that it is our child and can be tethered.
        server = Server(self.command(program, *arguments, "-f"), folder=self.folder, name=program)
        self._stack.callback(server.stop)
        return server

    def ask(self, *commands: str) -> str:
        """Give the monitor some commands in one go: each start of the client costs a second.

        A monitor that has just started refuses everything (EPERM) until it has made itself the leader.
        """
        lines = "".join(line + "\n" for line in commands)
        deadline = time.monotonic() + 30
        while True:
            try:
                return run(self.command("ceph", "--connect-timeout", "30"), text=lines)
            except ServerDied:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)

    def start_monitor(self) -> None:
        monmap = self.folder / "monmap"
        address = f"v1:127.0.0.1:{self.monitor_port}"
        monmaptool = shutil.which("monmaptool", path=_search_path()) or "monmaptool"
        run([monmaptool, "--create", "--fsid", self.fsid, "--addv", "a", f"[{address}]", str(monmap)])
        run(self.command("ceph-mon", "--mkfs", "-i", "a", "--monmap", str(monmap)))
        self.serve("ceph-mon", "-i", "a", "--public-addr", address)

    def start_osd(self) -> None:
        identity = str(uuid.uuid4())
        (self.folder / "osd" / "type").write_text("memstore\n")
        self.ask(f"osd new {identity} 0", "osd crush add osd.0 1.0 root=default host=localhost")
        run(self.command("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", identity))
        server = self.serve("ceph-osd", "-i", "0")
        server.wait_until(lambda: " 1 up" in self.ask("osd stat"))

    def start_gateway(self) -> None:
        server = self.serve("radosgw", "-n", "client.rgw")
        server.wait_until(self._answers)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/", timeout=2):
                return True
        except OSError:
            return False

    def create_owner(self) -> Keys:
        keys = Keys.invent()
        run(
            self.command(
                "radosgw-admin", "-n", "client.admin", "user", "create", "--uid=owner", "--display-name=owner",
                f"--access-key={keys.access_key}", f"--secret={keys.secret_key}", "--caps=users=*;user-policy=*",
            )
        )  # fmt: skip
        return keys


def add_user(endpoint_url: str, owner: Keys, name: str, *, ca_file: Path | None = None) -> Keys:
    """Add a user through the gateway's own API: a start of `radosgw-admin` costs seconds."""
    keys = Keys.invent()
    query = {"uid": name, "display-name": name, "access-key": keys.access_key, "secret-key": keys.secret_key}
    url = f"{endpoint_url}/admin/user?{urllib.parse.urlencode(query)}"
    request = AWSRequest(method="PUT", url=url, headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    SigV4Auth(Credentials(owner.access_key, owner.secret_key), "s3", "us-east-1").add_auth(request)
    signed = urllib.request.Request(url, method="PUT", headers=dict(request.headers))
    context = ssl.create_default_context(cafile=ca_file) if ca_file else None
    with urllib.request.urlopen(signed, timeout=30, context=context):
        return keys


def _grant(provider: Provider, name: str, actions: list[str]) -> None:
    statement = {"Effect": "Allow", "Action": actions, "Resource": ["arn:aws:s3:::*"]}
    provider.client_for(provider.keys, "iam").put_user_policy(
        UserName=name,
        PolicyName="rights",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


@contextmanager
def start(folder: Path, authority: Authority) -> Iterator[dict[str, Provider]]:
    """Run the gateway until the block ends; give its providers, `ceph-http` and `ceph-https`."""
    if missing := missing_binaries():
        raise ServerDied(f"Ceph is not installed ({', '.join(missing)}): apt-get install {PACKAGES}.")
    with ExitStack() as stack:
        # A socket's path may have 107 bytes only; in the folder of the tests nothing has to be removed after a kill.
        (sockets := folder / "s").mkdir()
        if len(os.fsencode(sockets)) > 107 - len("/client.rgw.4194304.99999999999999.asok"):
            sockets = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rgw")))
        cluster = _Cluster(folder, sockets, authority, stack)
        cluster.start_monitor()
        cluster.start_osd()
        owner = cluster.create_owner()
        cluster.start_gateway()
        endpoint_url = f"http://127.0.0.1:{cluster.http_port}"
        identities = {"keys": owner} | {name: add_user(endpoint_url, owner, name) for name in RIGHTS}
        plain = Provider(name="ceph-http", mode="do", endpoint_url=endpoint_url, **identities)
        encrypted = Provider(
            name="ceph-https",
            mode="do",
            endpoint_url=f"https://127.0.0.1:{cluster.https_port}",
            ca_file=authority.ca_file,
            **identities,
        )
        for name, actions in RIGHTS.items():
            if actions:
                _grant(plain, name, actions)
        wait_until_enforced(plain)
        yield {provider.name: provider for provider in (plain, encrypted)}
