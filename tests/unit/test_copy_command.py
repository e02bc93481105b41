"""`holdall copy`: what it is called with, what it says, and how it ends."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from holdall import cli
from holdall.bulk import copying
from holdall.bulk.entries import Entry
from holdall.bulk.live import Live
from holdall.bulk.places import Store, overlap
from holdall.bulk.plan import Plan
from holdall.cli import copy as command
from holdall.cli import places
from holdall.cli.terminal import Session, Style
from holdall.s3 import owed
from holdall.storage import MediaStorage
from holdall.storage.mirror import place_of


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    return parser.parse_args(arguments)


def holdall(*arguments: str, in_project: bool = False) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = cli.run(parsed(*arguments), out=out, err=err, environ={}, in_project=in_project)
    return code, out.getvalue(), err.getvalue()


@pytest.fixture
def media(tmp_path: Path) -> Path:
    for name in ("a.txt", "b/c.txt"):
        (tmp_path / "media" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "media" / name).write_text(name)
    return tmp_path / "media"


def test_folder_is_copied_and_verified(media: Path, tmp_path: Path) -> None:
    new = f"{tmp_path}/new"
    code, said, _ = holdall("copy", str(media), new, "--yes")
    assert (code, "Done: 2 of 2 files copied and verified (12 bytes)." in said) == (0, True)
    assert (tmp_path / "new" / "b" / "c.txt").read_text() == "b/c.txt"
    assert holdall("copy", str(media), new)[0] == 0


def test_without_a_terminal_it_asks_for_yes(media: Path, tmp_path: Path) -> None:
    code, said, _ = holdall("copy", str(media), f"{tmp_path}/new")
    assert (code, "--yes" in said) == (1, True)
    code, said, complaint = holdall("copy", str(media), f"{tmp_path}/new", "--json")
    assert (code, "--yes" in complaint) == (1, True)
    assert not (tmp_path / "new").exists()


def test_conflict_is_named_left_and_reported(media: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.txt").write_text("other")
    report = tmp_path / "report.json"
    there = f"{tmp_path}/there"
    assert holdall("copy", str(media), there, "--plan")[0] == 1
    code, said, _ = holdall("copy", str(media), there, "--yes", "--report", str(report))
    assert (code, "  a.txt\n" in said) == (1, True)
    assert (tmp_path / "there" / "a.txt").read_text() == "other"
    assert json.loads(report.read_text())["conflicts"] == ["a.txt"]
    assert json.loads(report.read_text())["copied"] == {"files": 1, "size_bytes": 7}


def test_json_is_one_object_a_line(media: Path, tmp_path: Path) -> None:
    code, said, _ = holdall("copy", str(media), f"{tmp_path}/new", "--yes", "--json")
    events = [json.loads(line) for line in said.splitlines()]
    assert code == 0
    assert [event["event"] for event in events] == ["plan", "outcome"]
    assert events[0]["to_copy"] == {"files": 2, "size_bytes": 12}
    assert events[1] == {
        "version": 1,
        "event": "outcome",
        "copied": {"files": 2, "size_bytes": 12},
        "unproven": 0,
        "conflicts": [],
        "failures": [],
    }


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere", "new/"], 'no folder and no env file "nowhere"'),
        (["media", "nowhere"], "write it with a slash"),
        (["media", "media"], "the same"),
        (["media", "new/", "--workers", "0"], "from 1 to 256"),
        (["media", "new/", "--since", "yesterday"], "is not a time"),
        (["media", "new/", "--s3-batch", "job"], "is not at Amazon S3"),
        (["media", "new/", "--report", "media/report.json"], "Write it somewhere else"),
        (["media", "new/", "--since", ""], "is not a time"),
        (["media", "new/", "--since", "99999999999d"], "is too long; write a shorter span"),
        (["media", "new/", "--since", "999999d"], "is too long; write a shorter span"),
        (["media", "new/", "--since", "2999-01-01"], "in the future"),
        (["", "new/"], '"" is none'),
        (["media", ""], '"" is none'),
        (
            ["media", "./missing.env"],
            'no env file "./missing.env" here. For a new folder write it with a slash: ./missing.env/.',
        ),
        (["x" * 5_000, "new/"], "cannot be opened: File name too long"),
        (["media", "wrong.env"], "does not describe a store:\nThe environment"),
        (["nowhere", "wrong.env"], 'no env file "nowhere" here.\nwrong.env does not describe a store'),
    ],
)
def test_misuse_is_said_and_changes_nothing(
    arguments: list[str], complaint: str, media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wrong.env").write_text("STORAGES_MODE=do\n")
    code, _, said = holdall("copy", *arguments)
    assert (code, complaint in said) == (2, True), said
    assert not Path("new").exists()


def test_home_is_known_where_no_shell_reads_it(media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(media)
    assert holdall("copy", ".", "~/copy", "--yes")[0] == 0
    assert (tmp_path / "copy/a.txt").exists()
    # What is there under this very name is meant.
    Path("~").mkdir()
    assert "folder ~\n" in holdall("copy", "~", "../other/", "--plan")[1]


def test_since_is_read_as_an_age_a_date_or_a_time() -> None:
    now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    assert places.moment("10d", now=now) == datetime(2026, 11, 16, 12, tzinfo=UTC)
    assert places.moment("2026-11-26", now=now) == datetime(2026, 11, 26, tzinfo=UTC)
    assert places.moment("2026-11-26T14:30+02:00", now=now + timedelta(hours=1)) == datetime(
        2026, 11, 26, 12, 30, tzinfo=UTC
    )


def test_bar_and_lines_say_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from holdall.cli import progress

    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    out = io.StringIO()
    for one in (progress.Lines(out), progress.JsonLines(out)):
        one.begin(2, 20)
        one.advance("a\x1b.txt", 10)
        one.end()
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("1 of 2 files, 10 bytes of 20 bytes")
    assert "\x1b" not in lines[0]
    assert json.loads(lines[1])["files"] == 1
    assert [progress.as_span(seconds) for seconds in (5, 65, 3_700)] == ["5 s", "1 min 05 s", "1 h 01 min"]


def test_name_that_looks_like_markup_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from holdall.cli import progress

    monkeypatch.setenv("FORCE_COLOR", "1")
    bar = progress.Bar()
    bar._bytes.console.file = out = io.StringIO()
    bar._bytes.console.width = 160
    bar.begin(2, 20)
    try:
        for name in ("[bold red]x.jpg", "[link=javascript:x]y"):
            bar.advance(name, 10)
            bar._bytes.refresh()
    finally:
        bar.end()
    assert "[bold red]x.jpg" in out.getvalue()
    assert "[link=javascript:x]y" in out.getvalue()


def test_alias_of_the_project_is_a_place(tmp_path: Path, settings: object) -> None:
    settings.STORAGES = {  # type: ignore[attr-defined]  # the fixture has no type
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(tmp_path)}},
        "memory": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
        "staticfiles": {
            "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage",
            "OPTIONS": {"base_url": "/static/"},
        },
    }
    session = Session(out=io.StringIO(), err=io.StringIO(), environ={}, style=Style(coloured=False), in_project=True)
    assert str(places.open_place("default", session)) == f"folder {tmp_path}"
    with pytest.raises(places.Misused, match="neither a folder nor a store"):
        places.open_place("memory", session)
    with pytest.raises(places.Misused, match="has no folder"):
        places.open_place("staticfiles", session)


@pytest.mark.parametrize(
    ("arguments", "in_project", "complaint"),
    [
        (["a", "b"], False, "use `manage.py holdall copy … --celery`"),
        (["production.env", "b"], True, "an env file, whose keys must not go through a broker"),
        (["a", "./media/"], True, '"./media/" is a path of this machine'),
        (["a", "b"], True, "each worker would write it on its own machine"),
    ],
)
def test_place_that_no_worker_could_open_is_refused(
    arguments: list[str],
    in_project: bool,
    complaint: str,
    tmp_path: Path,
    settings: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("production.env").write_text("STORAGES_MODE=do\nAWS_SECRET_ACCESS_KEY=secret\n")
    backend = "django.core.files.storage.FileSystemStorage"
    settings.STORAGES = {  # type: ignore[attr-defined]  # the fixture has no type
        name: {"BACKEND": backend, "OPTIONS": {"location": f"{tmp_path}/{name}"}} for name in ("a", "b")
    }
    code, said, complained = holdall("copy", *arguments, "--celery", "--yes", in_project=in_project)
    assert (code, said) == (2, "")
    assert complaint in complained


def test_mirror_of_a_store_is_a_place(tmp_path: Path) -> None:
    file, session = (
        tmp_path / "production.env",
        Session(out=io.StringIO(), err=io.StringIO(), environ={}, style=Style(coloured=False)),
    )
    file.write_text(
        "STORAGE_BUCKET_NAME=acme-media\nMIRROR_STORAGE_BUCKET_NAME=acme-new\nMIRROR_STORAGE_LOCATION=media\n"
    )
    found = places.open_place(f"{file}:mirror", session)
    assert str(found) == 'bucket "acme-new", under "media" on Amazon S3'
    file.write_text("STORAGE_BUCKET_NAME=acme-media\n")
    with pytest.raises(places.Misused, match="has no mirror"):
        places.open_place(f"{file}:mirror", session)
    code, _, complaint = holdall("copy", str(file), f"{file}:mirror")
    assert (code, "MIRROR_" in complaint) == (2, True)


def test_source_that_finds_nothing_is_said(media: Path, tmp_path: Path) -> None:
    code, said, _ = holdall("copy", str(media), f"{tmp_path}/new/", "--plan", "--prefix", "/a")
    assert (code, 'no file whose name begins with "/a"' in said) == (0, True), said


def test_folder_of_an_alias_that_is_not_there_is_no_empty_source(tmp_path: Path, settings: object) -> None:
    settings.STORAGES = {  # type: ignore[attr-defined]  # the fixture has no type
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": f"{tmp_path}/unmounted"},
        }
    }
    err = io.StringIO()
    options = parsed("copy", "default", f"{tmp_path}/new/", "--yes")
    assert cli.run(options, out=io.StringIO(), err=err, environ={}, in_project=True) == 2
    assert "unmounted, is not there" in err.getvalue()


def test_what_becomes_public_is_said_before_it_is(tmp_path: Path) -> None:
    private, public = (
        Store(MediaStorage(bucket_name="acme", region_name="eu-west-1", location=location, **options))
        for location, options in (("a", {}), ("b", {"querystring_auth": False, "custom_domain": "media.example.com"}))
    )
    planned = Plan(private, public)
    planned.steps.append(Entry("a.txt", 1, None))
    planned.to_copy.add(1)
    assert command._plan_as_json(planned)["becomes_public"]
    out = io.StringIO()
    session = Session(out=out, err=out, environ={}, style=Style(coloured=False))
    command._say_plan(session, planned, parsed("copy", "a", "b"))
    assert "Everybody can read them" in out.getvalue()
    assert not command._becomes_public(Plan(public, private))
    # Half a terabyte goes over no line where the store copies it.
    assert command._estimate(planned, 16) == (3, 3 * command.REQUEST_SECONDS / 16)
    planned.to_copy.add(500 * 1024**3)
    assert command._estimate(planned, 16) == (9, 9 * command.REQUEST_SECONDS / 16)


def test_copy_that_is_told_to_end_says_how_to_go_on(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever runs the tests may have been started by `nohup`.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    for number, ends in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):

        def told(*_: object, number: int = number, **__: object) -> None:
            os.kill(os.getpid(), number)
            time.sleep(9)

        monkeypatch.setattr(copying, "apply", told)
        code, _, said = holdall("copy", str(media), f"{tmp_path}/new/", "--yes")
        assert (code, "run the same line again" in said) == (ends, True)
        assert {signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)} == {signal.SIG_DFL}
    signal.signal(signal.SIGHUP, before)


def reached(address: str, location: str = "", bucket_name: str = "media") -> Store:
    return Store(MediaStorage(bucket_name=bucket_name, endpoint_url=address, location=location))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://localhost:9000", "http://127.0.0.1:9000"),
        ("http://localhost:9000", "http://[::1]:9000/"),
        ("https://s3.example.com", "https://media.s3.example.com"),
        ("https://s3.example.com", "https://s3.example.com/media"),
        ("https://s3.example.com", "https://s3.example.com:443"),
        ("http://s3.example.com:80", "http://S3.example.com."),
        ("https://example.com/s3/", "https://example.com:443/s3"),
        ("https://s3.us-west-004.backblazeb2.com", "https://media.s3.us-west-004.backblazeb2.com"),
        ("https://s3.eu-central-1.amazonaws.com", "https://media.s3.eu-central-1.amazonaws.com"),
    ],
)
def test_places_overlap_by_whichever_address_they_are_reached(one: str, other: str) -> None:
    assert "are the same" in overlap(reached(one, "a"), reached(other, "a"))
    for first, second in (("", "a"), ("a/b", "a")):
        assert "overlap" in overlap(reached(one, first), reached(other, second))
    assert not overlap(reached(one, "a"), reached(other, "ab"))
    assert not overlap(reached(one), reached(other, bucket_name="other"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://localhost:9000", "http://localhost:9001"),
        ("http://localhost:9000", "http://minio.example.com:9000"),
        ("https://example.com/production", "https://example.com/staging"),
    ],
)
def test_buckets_of_one_name_on_two_servers_do_not_overlap(one: str, other: str) -> None:
    assert not overlap(reached(one), reached(other))


def test_store_of_a_folder_overlaps_with_itself_alone(tmp_path: Path) -> None:
    local = Store(MediaStorage(bucket_name="media", local_folder=str(tmp_path / "a")))
    assert not overlap(local, Store(MediaStorage(bucket_name="media", region_name="eu-central-1")))
    # Each folder has a server of its own, with buckets of its own.
    assert not overlap(local, Store(MediaStorage(bucket_name="media", local_folder=str(tmp_path / "b"))))
    again = MediaStorage(bucket_name="media", local_folder=f"{tmp_path}/b/../a/")
    assert "are the same" in overlap(local, Store(again))


@pytest.mark.parametrize("is_told", [False, True], ids=["by the variables", "by what the store says"])
@pytest.mark.parametrize(
    ("mirror", "given", "is_it"),
    [
        ({"endpoint_url": "http://localhost:9000"}, {"endpoint_url": "http://127.0.0.1:9000"}, True),
        ({"endpoint_url": "https://s3.example.com"}, {"endpoint_url": "https://media.s3.example.com:443"}, True),
        ({}, {"endpoint_url": "https://s3.eu-central-1.amazonaws.com"}, True),
        ({"endpoint_url": "http://localhost:9000"}, {"endpoint_url": "http://localhost:9001"}, False),
        ({"location": "a"}, {"location": "b"}, False),
        ({"local_folder": "here"}, {"local_folder": "./there/../here"}, True),
        ({"local_folder": "here"}, {"local_folder": "there"}, False),
        ({"local_folder": "here"}, {}, False),
    ],
)
def test_mirror_is_known_by_whichever_address_it_is_reached(
    mirror: dict[str, str], given: dict[str, str], *, is_it: bool, is_told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"bucket_name": "media"} | mirror
    own = MediaStorage(bucket_name="own", mirror=None if is_told else options)
    said = place_of(MediaStorage(**options)) if is_told else {}
    monkeypatch.setattr(owed, "told", lambda *_: said)
    there = MediaStorage(**{"bucket_name": "media"} | given)
    assert (Live.of(Store(own), Store(there)) is not None) is is_it
