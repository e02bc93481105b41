"""Keys from every source that boto3 knows, each proved by a request that a real server has verified.

The sources are stand-ins on the loopback that hand out the embedded server's own key pair; each storage lives in a
process of its own, as boto3 remembers what it found.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from holdall import devserver
from tests.servers import processes

APP = """
import json, sys
import django
from django.conf import settings

for line in json.loads(sys.argv[1]):
    exec(line)

import holdall
settings.configure(STORAGES=holdall.from_env())
django.setup()

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage as storage

told = {"configured": storage.store.target.access_key}
try:
    told["source"] = storage.store.credential_source()
    name = storage.save("ada.txt", ContentFile(b"lovelace"))
    with storage.open(name) as file:
        told["read"] = file.read().decode()
    after = sys.argv[2]
    if after:
        exec(after)
    signer = storage.store.client._request_signer._credentials
    told["token"], told["id"] = signer.token, signer.access_key
    told["endpoint"] = storage.store.client.meta.endpoint_url
except holdall.HoldallError as error:
    told["error"], told["said"] = type(error).__name__, str(error)
print(json.dumps(told))
"""

Answer = tuple[int, str]


class StandIn:
    """A source of keys on the loopback: it answers by a rule and remembers what it was asked."""

    def __init__(self, rule: Callable[[str, str, dict[str, str]], Answer]) -> None:
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                stand_in.asked.append((self.command, self.path, {**headers, "body": body}))
                status, text = rule(self.command, self.path, {**headers, "body": body})
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                if self.command == "PUT":
                    self.send_header("x-aws-ec2-metadata-token-ttl-seconds", "21600")
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_PUT = do_POST = do_HEAD = answer  # noqa: N815  the base class looks for these

            def log_message(self, *_arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"


@contextmanager
def running(rule: Callable[[str, str, dict[str, str]], Answer]) -> Iterator[StandIn]:
    stand_in = StandIn(rule)
    thread = threading.Thread(target=stand_in.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        stand_in.server.shutdown()
        stand_in.server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[devserver.Server]:
    folder = tmp_path_factory.mktemp("server")
    yield devserver.use(folder)
    devserver.leave(folder)


def run(
    server: devserver.Server,
    environ: dict[str, str],
    *,
    before: tuple[str, ...] = (),
    after: str = "",
    seconds: float = 60,
) -> dict[str, Any]:
    """Run the storage in a process that has this environment and nothing else of AWS."""
    bare = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    contract = {
        "STORAGE_BUCKET_NAME": server.bucket,
        "AWS_S3_ENDPOINT_URL": server.endpoint_url,
        "AWS_S3_REGION_NAME": server.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_CONFIG_FILE": os.devnull,
    }
    done = processes.complete(
        [sys.executable, "-c", APP, json.dumps(before), after],
        env=bare | contract | environ,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    # Whatever the source, the keys did not go through Django's settings.
    assert told.pop("configured") is None
    return told


def soon(seconds: int = 3600) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def role_keys(server: devserver.Server, *, token: str = "", seconds: int = 3600) -> str:
    return json.dumps(
        {
            "Code": "Success",
            "AccessKeyId": server.access_key,
            "SecretAccessKey": server.secret_key,
            "Token": token,
            "Expiration": soon(seconds),
        }
    )


def assert_kept(told: dict[str, Any], server: devserver.Server, source: str) -> None:
    assert told.get("error") is None, told
    assert (told["source"], told["read"], told["id"]) == (source, "lovelace", server.access_key)


def test_keys_in_the_environment_are_used(server: devserver.Server) -> None:
    told = run(server, {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key})
    assert_kept(told, server, "env")


def test_keys_that_boto3_would_misread_are_given_to_it(server: devserver.Server) -> None:
    environ = {
        "AWS_ACCESS_KEY_ID": server.access_key,
        "AWS_SECRET_ACCESS_KEY": server.secret_key,
        "STORAGE_BUCKET_NAME": server.bucket,
        "AWS_S3_ENDPOINT_URL": server.endpoint_url,
    }
    from holdall import from_env
    from holdall.storage import MediaStorage

    storage = MediaStorage(**from_env(environ)["default"]["OPTIONS"])
    assert storage.store.credential_source() == "explicit"
    assert storage.exists("nothing") is False


def test_wrong_keys_are_refused_by_the_same_server(server: devserver.Server) -> None:
    told = run(server, {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": "not-the-secret"})
    assert told["error"] == "CredentialsRefused"
    assert "the secret does not match it" in told["said"]
    assert "not-the-secret" not in told["said"]


def test_container_on_fargate_lends_its_role(server: devserver.Server) -> None:
    with running(lambda *_: (200, role_keys(server))) as source:
        told = run(
            server,
            {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/task"},
            # Fargate's address cannot be had here; everything else is as it is there.
            before=(
                "from botocore.utils import ContainerMetadataFetcher",
                f"ContainerMetadataFetcher.IP_ADDRESS = {source.host!r}",
            ),
        )
    assert_kept(told, server, "container-role")
    assert {path for _, path, _ in source.asked} == {"/v2/credentials/task"}


def test_container_on_eks_lends_its_role(server: devserver.Server) -> None:
    with running(lambda *_: (200, role_keys(server))) as source:
        told = run(
            server,
            {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{source.url}/v1/credentials",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": "pod-identity",
            },
        )
    assert_kept(told, server, "container-role")
    assert {headers["authorization"] for _, _, headers in source.asked} == {"pod-identity"}


def test_token_of_a_role_is_sent_with_the_request(server: devserver.Server) -> None:
    seen: list[str] = []

    def refuse(_method: str, _path: str, headers: dict[str, str]) -> Answer:
        seen.append(headers.get("x-amz-security-token", ""))
        return 403, "<Error><Code>ExpiredToken</Code><Message>expired</Message></Error>"

    with running(lambda *_: (200, role_keys(server, token="of-the-role"))) as source, running(refuse) as s3:
        environ = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": source.url, "AWS_S3_ENDPOINT_URL": s3.url}
        told = run(server, environ)
    assert set(seen) == {"of-the-role"}
    assert told["error"] == "CredentialsRefused"
    assert "the temporary keys have expired" in told["said"]


STS = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{0}</AccessKeyId><SecretAccessKey>{1}</SecretAccessKey>
<SessionToken></SessionToken><Expiration>{2}</Expiration></Credentials>
<AssumedRoleUser><AssumedRoleId>A:b</AssumedRoleId><Arn>arn:aws:sts::1:assumed-role/a/b</Arn></AssumedRoleUser>
</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""


def test_web_identity_is_changed_into_keys(server: devserver.Server, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("signed-by-the-cluster")
    answer = STS.format(server.access_key, server.secret_key, soon())
    with running(lambda *_: (200, answer)) as sts:
        told = run(
            server,
            {
                "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/media",
                "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
                "AWS_ENDPOINT_URL_STS": sts.url,
            },
        )
    assert_kept(told, server, "assume-role-with-web-identity")
    assert all("WebIdentityToken=signed-by-the-cluster" in headers["body"] for _, _, headers in sts.asked)


def test_profile_is_looked_up(server: devserver.Server, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(
        f"[media]\naws_access_key_id = {server.access_key}\naws_secret_access_key = {server.secret_key}\n"
    )
    (tmp_path / "config").write_text("[profile media]\nregion = us-east-1\nendpoint_url = http://127.0.0.1:1\n")
    told = run(
        server,
        {
            "AWS_PROFILE": "media",
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
            "AWS_CONFIG_FILE": str(tmp_path / "config"),
        },
    )
    assert_kept(told, server, "shared-credentials-file")
    # The profile's own endpoint does not redirect the media.
    assert told["endpoint"] == server.endpoint_url


def test_profile_that_does_not_exist_is_named(server: devserver.Server) -> None:
    told = run(server, {"AWS_PROFILE": "nobody"})
    assert told["error"] == "CredentialsRefused"
    assert 'there is no profile "nobody"' in told["said"]


def instance_metadata(server: devserver.Server, method: str, path: str, headers: dict[str, str]) -> Answer:
    """Answer as EC2's metadata service does, in its second version."""
    if method == "PUT" and path == "/latest/api/token":
        return 200, "imds-v2"
    if headers.get("x-aws-ec2-metadata-token") != "imds-v2":
        return 401, ""
    if path.rstrip("/").endswith("security-credentials"):
        return 200, "media-role"
    return 200, role_keys(server)


def test_instance_on_ec2_lends_its_role(server: devserver.Server) -> None:
    with running(lambda *request: instance_metadata(server, *request)) as source:
        told = run(server, {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": source.url})
    assert_kept(told, server, "iam-role")
    assert any(path.endswith("/security-credentials/media-role") for _, path, _ in source.asked)


def test_keys_that_were_not_there_at_first_are_found_later(server: devserver.Server) -> None:
    """An instance's metadata may fail for a moment; the process must not stay without keys for the rest of its life."""
    ready = threading.Event()

    def metadata(method: str, path: str, headers: dict[str, str]) -> Answer:
        if path == "/ready":
            ready.set()
            return 200, ""
        return instance_metadata(server, method, path, headers) if ready.is_set() else (404, "")

    with running(metadata) as source:
        # By the SDK's client and by the fast lane: each looks for keys in its own way.
        first_use = f"""
import os, urllib.request
from django.core.files.storage import storages
def refused(use):
    try:
        use()
    except holdall.CredentialsRefused:
        return
    raise AssertionError("it had keys")
settings.configure(STORAGES=holdall.from_env())
django.setup()
refused(lambda: storages["default"].delete("ada.txt"))
refused(lambda: storages["default"].exists("ada.txt"))
urllib.request.urlopen("{source.url}/ready")
storages["default"].delete("ada.txt")
assert storages["default"].exists("ada.txt") is False
settings._wrapped = None
from django.utils.functional import empty
settings._wrapped = empty
"""
        told = run(
            server,
            {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": source.url},
            before=(f"import holdall\n{first_use}",),
        )
    assert_kept(told, server, "iam-role")


def test_keys_of_the_environment_go_before_a_role(server: devserver.Server) -> None:
    with running(lambda *_: (500, "")) as source:
        told = run(
            server,
            {
                "AWS_ACCESS_KEY_ID": server.access_key,
                "AWS_SECRET_ACCESS_KEY": server.secret_key,
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": source.url,
            },
        )
    assert_kept(told, server, "env")
    assert source.asked == []


def test_short_lived_keys_are_renewed(server: devserver.Server) -> None:
    def keys(name: str, seconds: int) -> str:
        return json.dumps({**json.loads(role_keys(server, seconds=seconds)), "AccessKeyId": name})

    # The first ones expire within the time in which boto3 insists on new ones.
    answers = iter([keys("THE-FIRST-KEY", 30), keys("THE-SECOND-KEY", 3600)])
    asked: list[str] = []
    seen: list[str] = []

    def source_rule(_method: str, path: str, _headers: dict[str, str]) -> Answer:
        asked.append(path)
        return 200, next(answers)

    def s3_rule(_method: str, _path: str, headers: dict[str, str]) -> Answer:
        seen.append(headers["authorization"].partition("Credential=")[2].partition("/")[0])
        return 404, ""

    with running(source_rule) as source, running(s3_rule) as s3:
        run(
            server,
            {"AWS_CONTAINER_CREDENTIALS_FULL_URI": source.url, "AWS_S3_ENDPOINT_URL": s3.url},
        )
    assert len(asked) == 2
    assert set(seen) == {"THE-SECOND-KEY"}


def test_long_lived_process_follows_its_keys(server: devserver.Server) -> None:
    lives: list[int] = []

    def rule(*_: Any) -> Answer:
        lives.append(1)
        return 200, role_keys(server)

    with running(rule) as source:
        told = run(
            server,
            {"AWS_CONTAINER_CREDENTIALS_FULL_URI": source.url},
            after=(
                "from datetime import datetime, timedelta, UTC\n"
                "keys = storage.store.client._request_signer._credentials\n"
                "keys._expiry_time = datetime.now(UTC) + timedelta(seconds=30)\n"
                "with storage.open(name) as file: told['read'] = file.read().decode()\n"
                "told['left'] = (keys._expiry_time - datetime.now(UTC)).total_seconds()\n"
            ),
        )
    assert_kept(told, server, "container-role")
    assert told["left"] > 3000
    assert len(lives) == 2


def test_no_keys_at_all_are_refused_quickly_with_the_remedy(server: devserver.Server) -> None:
    began = time.monotonic()
    told = run(server, {})
    assert told["error"] == "CredentialsRefused"
    assert told["said"].endswith(
        "Set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or run where boto3 finds them "
        "(a role of the instance, container or function)."
    )
    assert time.monotonic() - began < 20


def test_instance_that_does_not_answer_costs_seconds_at_most(server: devserver.Server) -> None:
    began = time.monotonic()
    told = run(
        server,
        {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"},
    )
    assert told["error"] == "CredentialsRefused"
    assert time.monotonic() - began < 20


def test_broken_source_is_named(server: devserver.Server) -> None:
    with running(lambda *_: (500, "out of order")) as source:
        told = run(server, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": source.url})
    assert told["error"] == "CredentialsRefused"
    assert f'the container\'s source of keys ("{source.url}") gave none' in told["said"]


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
def test_endpoint_of_the_sdk_redirects_nothing(server: devserver.Server, name: str) -> None:
    keys = {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key}
    with running(lambda *_: (500, "")) as trap:
        told = run(server, {**keys, name: trap.url})
    assert_kept(told, server, "env")
    assert trap.asked == []


LINK = """
import json, warnings
from django.conf import settings
import holdall
warnings.simplefilter("ignore")
settings.configure(STORAGES=holdall.from_env())
from django.core.files.storage import default_storage as storage
link = storage.url("ada.txt").partition("?")[0]
print(json.dumps({"endpoint": storage.store.client.meta.endpoint_url, "link": link}))
"""


def endpoint_and_link(environ: dict[str, str]) -> Any:
    """Tell where requests and links would go on Amazon, which cannot be asked here."""
    bare = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    amazon = {"STORAGE_BUCKET_NAME": "acme-media", "AWS_S3_REGION_NAME": "eu-central-1"}
    done = processes.complete(
        [sys.executable, "-c", LINK],
        env=bare | amazon | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
def test_endpoint_of_the_sdk_does_not_replace_amazon(server: devserver.Server, name: str) -> None:
    keys = {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key}
    with running(lambda *_: (500, "")) as trap:
        told = endpoint_and_link({**keys, name: trap.url})
    assert told == {
        "endpoint": "https://s3.eu-central-1.amazonaws.com",
        "link": "https://acme-media.s3.eu-central-1.amazonaws.com/ada.txt",
    }
    assert trap.asked == []
