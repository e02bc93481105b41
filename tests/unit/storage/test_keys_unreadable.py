"""Keys that cannot be read: every source that breaks, by every method, in both lanes, says which, where and what to do."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from health_check.exceptions import ServiceUnavailable

import holdall
from holdall import cli, health
from holdall.errors import CredentialsRefused
from holdall.s3 import sessions, sources
from tests.doctor import errors, examine, the, told
from tests.stores import build_storage

# Nobody listens there: whatever is sent fails otherwise than by its keys.
NOWHERE = "http://127.0.0.1:9"
ENVIRON = {"STORAGE_BUCKET_NAME": "acme-media", "AWS_S3_ENDPOINT_URL": NOWHERE}
SSO = """[profile work]
sso_start_url = https://acme.awsapps.com/start
sso_region = eu-central-1
sso_account_id = 111122223333
sso_role_name = media
"""
SESSION = """[profile work]
sso_session = acme
sso_account_id = 111122223333
sso_role_name = media
[sso-session acme]
sso_start_url = https://acme.awsapps.com/start
sso_region = eu-central-1
"""


class Machine:
    """The environment of a process, and the files of its AWS configuration."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self._patch = folder, patch
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        self.set(
            HOME=str(folder),
            AWS_CONFIG_FILE=str(folder / "config"),
            AWS_SHARED_CREDENTIALS_FILE=str(folder / "credentials"),
            AWS_EC2_METADATA_DISABLED="true",
        )

    def set(self, **variables: str) -> None:
        for name, value in variables.items():
            self._patch.setenv(name, value)

    def write(self, name: str, text: str, *, mode: int = 0o600) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return str(path)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    forget()
    yield Machine(tmp_path, monkeypatch)
    forget()


def forget() -> None:
    sessions._sessions.clear()
    sources._sources.clear()


def storage_of(machine: Machine, **options: Any) -> Any:
    # A connection of its own, whatever others have found out.
    return build_storage(
        {**ENVIRON, "STORAGE_BUCKET_NAME": f"acme-{machine.folder.name.replace('_', '-')}"[:60].strip("-").lower()},
        **options,
    )


# -- the sources, and what is to be said of each


def web_identity_missing(machine: Machine) -> list[str]:
    path = str(machine.folder / "token")
    machine.set(AWS_WEB_IDENTITY_TOKEN_FILE=path, AWS_ROLE_ARN="arn:aws:iam::111122223333:role/media")
    return [path, "`AWS_WEB_IDENTITY_TOKEN_FILE`", "No such file", "service account"]


def web_identity_is_a_folder(machine: Machine) -> list[str]:
    machine.set(AWS_WEB_IDENTITY_TOKEN_FILE=str(machine.folder), AWS_ROLE_ARN="arn:aws:iam::111122223333:role/media")
    return [str(machine.folder), "`AWS_WEB_IDENTITY_TOKEN_FILE`", "Is a directory"]


def web_identity_without_a_role(machine: Machine) -> list[str]:
    machine.set(AWS_WEB_IDENTITY_TOKEN_FILE=machine.write("token", "ey.ey.ey"))
    return ["web identity", "`AWS_ROLE_ARN`"]


def web_identity_of_a_profile(machine: Machine) -> list[str]:
    path = str(machine.folder / "token")
    machine.write("config", f"[profile work]\nrole_arn = arn:aws:iam::1:role/m\nweb_identity_token_file = {path}\n")
    machine.set(AWS_PROFILE="work")
    return [path, "`web_identity_token_file`"]


def pod_identity_missing(machine: Machine) -> list[str]:
    path = str(machine.folder / "var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token")
    machine.set(
        AWS_CONTAINER_CREDENTIALS_FULL_URI="http://169.254.170.23/v1/credentials",
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=path,
    )
    return [path, "Pod Identity", "`AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`", "No such file"]


def container_token_is_binary(machine: Machine) -> list[str]:
    path = machine.write("token", "")
    Path(path).write_bytes(b"\xff\xfe\x00")
    machine.set(AWS_CONTAINER_CREDENTIALS_FULL_URI="http://127.0.0.1:9/", AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=path)
    return [path, "`AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`", "not text"]


def container_token_with_a_line_break(machine: Machine) -> list[str]:
    path = machine.write("token", "token\n")
    machine.set(AWS_CONTAINER_CREDENTIALS_FULL_URI="http://127.0.0.1:9/", AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=path)
    return ["`AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`", "line break"]


def container_host_refused(machine: Machine) -> list[str]:
    machine.set(AWS_CONTAINER_CREDENTIALS_FULL_URI="http://keys.example.com/role")
    return ["`AWS_CONTAINER_CREDENTIALS_FULL_URI`", "http://keys.example.com/role", "https"]


def sso_never_logged_in(machine: Machine) -> list[str]:
    machine.write("config", SSO)
    machine.set(AWS_PROFILE="work")
    return ['profile "work"', "`aws sso login --profile work`"]


def sso_session_never_logged_in(machine: Machine) -> list[str]:
    machine.write("config", SESSION)
    machine.set(AWS_PROFILE="work")
    return ['profile "work"', "`aws sso login --profile work`"]


def sso_expired(machine: Machine) -> list[str]:
    machine.write("config", SSO)
    machine.set(AWS_PROFILE="work")
    # The file is named by the SHA-1 of the start URL, as the CLI does.
    machine.write(
        ".aws/sso/cache/40169cea58ca6cbf23fb27b2542923fb5f524af0.json",
        '{"accessToken": "t", "expiresAt": "2020-01-01T00:00:00Z"}',
    )
    return ["`aws sso login --profile work`"]


def configuration_broken(machine: Machine) -> list[str]:
    path = machine.write("config", "this is no INI file\n[profile")
    return [path, "not an INI file"]


def profile_missing(machine: Machine) -> list[str]:
    machine.write("config", "[profile work]\nregion = eu-central-1\n")
    machine.set(AWS_PROFILE="wrok")
    return ['"wrok"', "`AWS_PROFILE`", str(machine.folder / "config")]


def process_missing(machine: Machine) -> list[str]:
    machine.write("config", "[profile work]\ncredential_process = /opt/no/such/program --media\n")
    machine.set(AWS_PROFILE="work")
    return ['"/opt/no/such/program"', "`credential_process`", 'profile "work"', "No such file"]


def process_fails(machine: Machine) -> list[str]:
    program = machine.write("program", "#!/bin/sh\necho 'vault is sealed' >&2\nexit 3\n", mode=0o700)
    machine.write("config", f"[profile work]\ncredential_process = {program}\n")
    machine.set(AWS_PROFILE="work")
    return ["`credential_process`", "vault is sealed", 'profile "work"']


def process_speaks_otherwise(machine: Machine) -> list[str]:
    program = machine.write("program", "#!/bin/sh\necho hello\n", mode=0o700)
    machine.write("config", f"[profile work]\ncredential_process = {program}\n")
    machine.set(AWS_PROFILE="work")
    return ["`credential_process`", "gave no keys"]


def half_a_pair(machine: Machine) -> list[str]:
    machine.write("credentials", "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n")
    return ["half of a pair", "aws_secret_access_key"]


SOURCES: list[Callable[[Machine], list[str]]] = [
    web_identity_missing,
    web_identity_is_a_folder,
    web_identity_without_a_role,
    web_identity_of_a_profile,
    pod_identity_missing,
    container_token_is_binary,
    container_token_with_a_line_break,
    container_host_refused,
    sso_never_logged_in,
    sso_session_never_logged_in,
    sso_expired,
    configuration_broken,
    profile_missing,
    process_missing,
    process_fails,
    process_speaks_otherwise,
    half_a_pair,
]


def read(storage: Storage) -> None:
    with storage.open("a.txt") as file:
        file.read()


def write(storage: Storage) -> None:
    with storage.open("a.txt", "wb") as file:
        file.write(b"a")


METHODS: dict[str, Callable[[Any], Any]] = {
    "exists": lambda storage: storage.exists("a.txt"),
    "exists_many": lambda storage: storage.exists_many(["a.txt", "b.txt"]),
    "size": lambda storage: storage.size("a.txt"),
    "modified": lambda storage: storage.get_modified_time("a.txt"),
    "open": read,
    "write": write,
    "save": lambda storage: storage.save("a.txt", ContentFile(b"a")),
    "delete": lambda storage: storage.delete("a.txt"),
    "delete_many": lambda storage: storage.delete_many(["a.txt"]),
    "listdir": lambda storage: storage.listdir(""),
    "url": lambda storage: storage.url("a.txt"),
    "url_many": lambda storage: storage.url_many(["a.txt"]),
    "connection": lambda storage: storage.connection.meta.client.list_buckets(),
    "bucket": lambda storage: storage.bucket.Object("a.txt").load(),
}


@pytest.mark.parametrize("break_it", SOURCES, ids=lambda one: one.__name__)
@pytest.mark.parametrize("fast", [True, False], ids=["fast", "sdk"])
def test_every_method_says_why_the_keys_cannot_be_read(
    machine: Machine, break_it: Callable[[Machine], list[str]], fast: bool, caplog: pytest.LogCaptureFixture
) -> None:
    expected = break_it(machine)
    storage = storage_of(machine, fast_lane=fast)
    with caplog.at_level(logging.WARNING):
        for name, ask in METHODS.items():
            with pytest.raises(CredentialsRefused) as refused:
                ask(storage)
            text = str(refused.value)
            assert [words for words in expected if words not in text] == [], f"{name}: {text}"
            assert not isinstance(refused.value, FileNotFoundError)
            assert text.endswith("Nothing was sent to the store.")
    # One line, whoever asks and how often.
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) <= 1, lines
    assert all(str(refused.value) in line for line in lines)


@contextmanager
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str | None]]:
    asked: list[str | None] = []
    ask = sources._found

    def counted(profile: str | None) -> Any:
        asked.append(profile)
        return ask(profile)

    monkeypatch.setattr(sources, "_found", counted)
    yield asked


def keep_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a failure be kept for as long as all methods take, which on a busy machine is longer than is kept in earnest."""
    monkeypatch.setattr(sources, "KEPT_SECONDS", 3600)


@pytest.mark.parametrize("break_it", [web_identity_missing, process_fails, sso_expired], ids=lambda one: one.__name__)
def test_source_that_failed_is_asked_once(
    machine: Machine, break_it: Callable[[Machine], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    break_it(machine)
    storage = storage_of(machine)
    keep_failures(monkeypatch)
    with counting(monkeypatch) as asked:
        for ask in METHODS.values():
            with pytest.raises(CredentialsRefused):
                ask(storage)
        assert asked == [None]
        # Later, somebody may have mended it.
        monkeypatch.setattr(sources, "KEPT_SECONDS", 0)
        with pytest.raises(CredentialsRefused):
            storage.exists("a.txt")
        assert asked == [None, None]


def test_source_that_was_mended_is_used(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    process_fails(machine)
    storage = storage_of(machine)
    with pytest.raises(CredentialsRefused):
        storage.url("a.txt")
    keys = '{"Version": 1, "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "secret"}'
    machine.write("program", f"#!/bin/sh\necho '{keys}'\n", mode=0o700)
    monkeypatch.setattr(sources, "KEPT_SECONDS", 0)
    assert "AKIAIOSFODNN7EXAMPLE" in storage.url("a.txt")
    assert storage.connection.meta.client._request_signer._credentials.method == "custom-process"


def test_program_that_hangs_is_given_up_by_all(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    ends = machine.folder / "ends"
    os.mkfifo(ends)
    program = machine.write("program", f"#!/bin/sh\nread _ < {ends}\n", mode=0o700)
    machine.write("config", f"[profile work]\ncredential_process = {program}\n")
    machine.set(AWS_PROFILE="work")
    storage = storage_of(machine, timeout=1)
    try:
        for ask in METHODS.values():
            with pytest.raises(CredentialsRefused, match=r"did not answer within 1 s \(`AWS_PROFILE` is \"work\"\)"):
                ask(storage)
        # Whoever has keys of his own waits for nobody.
        other = storage_of(machine, access_key="AKIAIOSFODNN7EXAMPLE", secret_key="secret")
        assert "AKIAIOSFODNN7EXAMPLE" in other.url("a.txt")
        assert len(caplog.records) == 1
    finally:
        [source] = sources._sources.values()
        assert source.question is not None
        descriptor = os.open(ends, os.O_WRONLY)
        os.close(descriptor)
        source.question.done.wait()


def test_metadata_service_that_does_not_answer_is_asked_once(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    # One that hangs is given up by the SDK after a second; here any time is long.
    monkeypatch.setattr(sources, "QUICK_SECONDS", 0)
    keep_failures(monkeypatch)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        connections: list[object] = []

        def hang_up() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    connections.append(connection)
                    connection.close()

        def connected() -> int:
            """Count the connections that were made by now: they are accepted in their order, some time after."""
            with socket.create_connection(address) as ours:
                assert not ours.recv(1)
            return len(connections)

        threading.Thread(target=hang_up, daemon=True).start()
        machine.set(
            AWS_EC2_METADATA_DISABLED="false",
            AWS_EC2_METADATA_SERVICE_ENDPOINT=f"http://127.0.0.1:{address[1]}",
        )
        storage = storage_of(machine)
        with pytest.raises(CredentialsRefused, match="no keys were found"):
            storage.exists("a.txt")
        before = connected()
        assert before > 1
        for name, ask in METHODS.items():
            # The SDK's own client is made without keys, as by boto3, and says so in the SDK's words.
            raw = name in {"connection", "bucket"}
            with pytest.raises(
                NoCredentialsError if raw else CredentialsRefused,
                match="Unable to locate credentials" if raw else "no keys were found",
            ):
                ask(storage)
        assert connected() == before + 1
        server.shutdown(socket.SHUT_RDWR)


def test_keys_that_cannot_be_renewed_are_told_in_our_words(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=60)
    keys = (
        '{"Version": 1, "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "secret", "SessionToken": "t", '
        f'"Expiration": "{soon.isoformat()}"}}'
    )
    program = machine.write("program", f"#!/bin/sh\necho '{keys}'\n", mode=0o700)
    machine.write("config", f"[profile work]\ncredential_process = {program}\n")
    machine.set(AWS_PROFILE="work")
    storage = storage_of(machine)
    assert "AKIAIOSFODNN7EXAMPLE" in storage.url("a.txt")
    client = storage.connection.meta.client
    Path(program).unlink()
    # A link that was signed works as long as its keys do.
    methods = [ask for name, ask in METHODS.items() if not name.startswith("url")]
    for ask in (*methods, lambda _: storage.url("b.txt"), lambda _: client.list_buckets()):
        with pytest.raises(CredentialsRefused, match=r"cannot be run: No such file"):
            ask(storage)


def test_links_of_public_files_ask_no_source(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    web_identity_missing(machine)
    with counting(monkeypatch) as asked:
        storage = storage_of(machine, public=True, querystring_auth=False)
        assert storage.url("a.txt").endswith("/a.txt")
        assert storage.unsigned_connection.meta.client
        assert asked == []


class _Refusing(BaseHTTPRequestHandler):
    """Answer as S3 does to requests without keys."""

    def answer(self) -> None:
        body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        self.send_response(403)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = answer  # noqa: N815  the base class looks for it

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def refusing() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Refusing) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.failure("B2")
@pytest.mark.parametrize("break_it", SOURCES, ids=lambda one: one.__name__)
def test_doctor_names_the_source_once(
    machine: Machine, break_it: Callable[[Machine], list[str]], refusing: str
) -> None:
    expected = break_it(machine)
    environ = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    report = examine({**environ, **ENVIRON, "AWS_S3_ENDPOINT_URL": refusing})
    if break_it is profile_missing:
        # Found before any source is asked.
        assert errors(report) == ["D208"], told(report)
        return
    assert errors(report) == ["D313"], told(report)
    seen = the(report, "D313").seen
    assert [words for words in expected if words not in seen] == [], seen


@pytest.mark.parametrize("command", [["provision", "--diff"], ["fork", "status"], ["owner", "show"]], ids=" ".join)
def test_commands_name_the_source_that_failed(
    machine: Machine, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    expected = web_identity_missing(machine)
    for name, value in ENVIRON.items():
        machine.set(**{name: value, f"PARENT_{name}": value.replace("acme-media", "acme-parent")})
    machine.set(STORAGE_ENVIRONMENT="staging")
    # 3: it could not look.
    assert cli.main(command) == (3 if "--diff" in command else 1)
    text = capsys.readouterr().err
    assert [words for words in expected if words not in text] == [], text
    assert "Traceback" not in text


def test_health_check_names_the_source_that_failed(machine: Machine, settings: Any) -> None:
    expected = web_identity_missing(machine)
    settings.STORAGES = holdall.from_env({**ENVIRON, "STORAGE_BUCKET_NAME": "acme-health"})
    with pytest.raises(ServiceUnavailable) as refused:
        health.Storage(interval=timedelta(0)).run()
    assert [words for words in expected if words not in str(refused.value)] == []


def test_environment_is_printed_all_the_same(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    configuration_broken(machine)
    machine.set(**ENVIRON)
    assert cli.main(["env"]) == 0
    assert "acme-media" in capsys.readouterr().out


@pytest.mark.parametrize("break_it", [configuration_broken, profile_missing], ids=lambda one: one.__name__)
def test_keys_that_are_given_do_not_hide_a_broken_configuration(
    machine: Machine, break_it: Callable[[Machine], list[str]]
) -> None:
    expected = break_it(machine)
    storage = storage_of(machine, fast_lane=False, access_key="AKIAIOSFODNN7EXAMPLE", secret_key="secret")
    # Links are made without the SDK.
    assert "AKIAIOSFODNN7EXAMPLE" in storage.url("a.txt")
    for name, ask in METHODS.items():
        if not name.startswith("url"):
            with pytest.raises(CredentialsRefused) as refused:
                ask(storage)
            assert [words for words in expected if words not in str(refused.value)] == [], f"{name}: {refused.value}"
