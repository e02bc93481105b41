"""The audit: it finds what nobody refers to, and never calls anything else so."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connections
from django.test import override_settings
from pytest_django.plugin import DjangoDbBlocker

import holdall
from holdall import cli, references
from holdall.bulk import audit, matching, nearest, rereading, tidying, trash
from holdall.bulk.entries import merged
from holdall.bulk.inventory import Page
from holdall.bulk.looking import Sample, judged
from holdall.bulk.nearest import Nearest
from holdall.errors import AccessRefused, WriteRefused
from holdall.storage import MediaStorage
from holdall.storage.batches import batched
from tests.bulk import projects
from tests.bulk.projects import manage
from tests.contract import only
from tests.providers import Provider
from tests.servers import processes
from tests.servers.fault_proxy import FaultProxy, Rule, answers_500_before

everywhere = only("seaweedfs-http", "ceph-http", "ministack")
on_one_server = only("seaweedfs-http")
ROOT = Path(__file__).parents[2]
PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 30


class Site:
    """A project with a database of its own and a store, and what tests do with it."""

    def __init__(self, environ: dict[str, str], models: Any) -> None:
        self.environ, self.models = environ, models

    @property
    def storage(self) -> Any:
        return storages["default"]

    def save(self, *names: str, content: bytes = PNG) -> None:
        for name in names:
            assert self.storage.save(name, ContentFile(content)) == name

    def refer(self, *names: str) -> None:
        self.models.Product.objects.bulk_create(self.models.Product(photo=name) for name in names)

    def names(self) -> set[str]:
        return {one.name for one in audit.Inventory(self.storage).files()}

    def in_trash(self) -> list[str]:
        return [one.name for one in trash.entries(self.storage)]


@pytest.fixture
def make_site(
    provider: Provider, bucket: str, location: str, tmp_path: Path, django_db_blocker: DjangoDbBlocker
) -> Iterator[Callable[..., Site]]:
    with ExitStack() as stack:

        def make(*parents: dict[str, str], storages: Any = None, **more: str) -> Site:
            environ = provider.environ(bucket, location=location) | more
            for parent in parents:
                environ |= {f"PARENT_{name}": value for name, value in parent.items()}
            file = tmp_path / "site.sqlite3"
            database = {"ENGINE": "django.db.backends.sqlite3", "NAME": file, "OPTIONS": {"timeout": 30}}
            stack.enter_context(django_db_blocker.unblock())
            stack.enter_context(projects.databases({"default": database}))
            stack.enter_context(projects.project({**holdall.from_env(environ), **(storages or {})}))
            from tests.bulk.audited import models

            if not file.exists():
                projects.make_tables("default", models.MODELS)
            return Site(environ, models)

        yield make


@pytest.fixture
def site(make_site: Callable[..., Site], an_hour_later: None) -> Site:
    return make_site()


def report(path: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    """Audit with no age floor, and give the report."""
    found, said = manage("audit", "--min-age", "0s", "--report", str(path), *arguments)
    assert found == code, said
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return read


def names_in(found: dict[str, Any], kind: str) -> list[str]:
    return [one["name"] for one in found[kind]]


class Later(datetime):
    """An hour from now, so that what was just saved is older than the store's clock, which counts seconds, can tell."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime.now(tz) + timedelta(hours=1)


@pytest.fixture
def an_hour_later(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (audit, tidying):
        monkeypatch.setattr(module, "datetime", Later)


# What is one name to some collation, form or server is not to others.
HARD = [
    "a-b.png",
    "a/b.png",
    "A.png",
    "a.png",
    "caf\u00e9.png",
    "cafe\u0301.png",
    "\u5199\u771f.png",
    "\U0001f600.png",
    "a_b.png",
]


@everywhere
def test_audit_tells_orphans_and_missing(site: Site, tmp_path: Path) -> None:
    site.save(*HARD, *(f"orphan-{name}" for name in HARD))
    site.refer(*HARD, *(f"gone/{name}" for name in HARD))
    found = report(tmp_path / "report.json")
    assert sorted(names_in(found, "orphans")) == sorted(f"orphan-{name}" for name in HARD)
    assert sorted(names_in(found, "missing")) == sorted(f"gone/{name}" for name in HARD)
    assert found["counts"]["referenced"]["files"] == len(HARD)
    assert found["missing"][0]["rows"] == [
        {"model": "audited.Product", "field": "photo", "database": "default", "count": 1}
    ]


@everywhere
def test_orphans_are_moved_and_come_back(site: Site, tmp_path: Path) -> None:
    site.save("kept.png", "orphan.png", "adopted.png", "changed.png", "gone.png")
    site.refer("kept.png")
    path = tmp_path / "report.json"
    assert len(report(path)["orphans"]) == 4
    site.refer("adopted.png")
    site.storage.delete("changed.png")
    site.save("changed.png", content=b"another")
    site.storage.delete("gone.png")
    code, said = manage("audit", "--apply", str(path), "--yes")
    assert code == 0, said
    assert site.names() == {"kept.png", "adopted.png", "changed.png"}
    assert site.in_trash() == ["orphan.png"]
    for why in ("adopted.png: a row refers to it", "changed.png: was replaced", "gone.png: is gone"):
        assert why in said
    assert manage("trash", "restore", "orphan.png")[0] == 0
    assert "orphan.png" in site.names()


@on_one_server
def test_young_files_are_no_orphans(site: Site, tmp_path: Path) -> None:
    site.save("young.png")
    code, said = manage("audit", "--report", str(tmp_path / "report.json"))
    assert code == 0
    found = json.loads((tmp_path / "report.json").read_text())
    assert (found["orphans"], found["counts"]["young"]["files"]) == ([], 1)
    assert "saved less than 24 hours ago" in said


@on_one_server
def test_clock_that_is_days_ahead_makes_no_file_old(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.save("young.png")

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(days=3)

    monkeypatch.setattr(audit, "datetime", Wrong)
    found = report(tmp_path / "report.json", "--min-age", "1h")
    assert (found["orphans"], found["counts"]["young"]["files"]) == ([], 1)
    assert "clock" in found["notes"][0]


@pytest.mark.parametrize(
    ("there", "missed", "differs"),
    [
        ("photos/Ada.png", "photos/ada.png", "case"),
        (unicodedata.normalize("NFD", "photos/caf\u00e9.png"), "photos/caf\u00e9.png", "Unicode normal form"),
        ("photos/ada_x7Yz123.png", "photos/ada.png", "random suffix"),
        ("photos/ada.jpeg", "photos/ada.jpg", "extension"),
        ("photos/2026/ada.png", "photos/ada.png", "folder"),
    ],
)
def test_missing_name_has_the_nearest_beside_it(there: str, missed: str, differs: str) -> None:
    near = Nearest([missed, "photos/other.png"])
    near.consider(["photos/adam.png", there, "else/where.txt"])
    assert near.of(missed) == (there, differs)
    assert near.of("photos/other.png") is None


def test_names_that_differ_in_the_folder_alone_are_not_all_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder for each row, with a file of the same name in each: everything is as near as everything else."""
    compared = list[str]()

    class Counting(nearest.SequenceMatcher):  # type: ignore[type-arg]  # generic to the type checker alone
        def ratio(self) -> float:
            compared.append("once")
            return super().ratio()

    monkeypatch.setattr(nearest, "SequenceMatcher", Counting)
    monkeypatch.setattr(nearest, "CANDIDATES", 10)
    near = Nearest(f"gone-{number}/original.jpg" for number in range(200))
    near.consider([f"{number}/original.jpg" for number in range(500)])
    near.consider(["GONE-199/original.jpg"])
    assert len(compared) <= nearest.CANDIDATES * nearest.COMPARED + 1
    assert near.of("gone-199/original.jpg") == ("GONE-199/original.jpg", "case")


@on_one_server
@pytest.mark.parametrize("few", [0, 20_000], ids=["in-order", "in-memory"])
def test_report_gives_nearest_names_as_they_are(
    site: Site, tmp_path: Path, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rereading, "FEW", few)
    there, missed = unicodedata.normalize("NFD", "caf\u00e9 \U0001f600.png"), "caf\u00e9 \U0001f600.png"
    site.save(there, "b/Referenced.png")
    site.refer("b/Referenced.png", "b/referenced.png", missed, missed, "gone.png")
    path = tmp_path / "report.json"
    found = report(path)
    assert {one["name"]: one["nearest"] for one in found["missing"]} == {
        missed: there,
        "b/referenced.png": "b/Referenced.png",
        "gone.png": None,
    }
    assert [row["count"] for one in found["missing"] for row in one["rows"]] == [1, 2, 1]
    assert there.encode() in path.read_bytes()


@on_one_server
def test_empty_and_mistyped_files_and_unfinished_uploads_are_found(
    site: Site, provider: Provider, bucket: str, tmp_path: Path
) -> None:
    key = site.storage._key
    put = provider.client.put_object
    put(Bucket=bucket, Key=key("page.png"), Body=b"<html><script>", ContentType="image/png")
    put(Bucket=bucket, Key=key("photo.jpg"), Body=b"\xff\xd8\xff" + b"j" * 9, ContentType="text/html")
    put(Bucket=bucket, Key=key("really.jpg"), Body=PNG, ContentType="image/jpeg")
    put(Bucket=bucket, Key=key("empty.txt"), Body=b"", ContentType="text/plain")
    site.save("right.png")
    upload = provider.client.create_multipart_upload(Bucket=bucket, Key=key("film.mp4"))
    found = report(tmp_path / "report.json")
    provider.client.abort_multipart_upload(Bucket=bucket, Key=key("film.mp4"), UploadId=upload["UploadId"])
    assert names_in(found, "empty") == ["empty.txt"]
    assert names_in(found, "wrong_type") == ["page.png", "photo.jpg", "really.jpg"]
    assert (found["wrong_type"][0]["content_type"], found["wrong_type"][1]["expected"]) == ("image/png", "image/jpeg")
    assert names_in(found, "unfinished_uploads") == ["film.mp4"]
    assert report(tmp_path / "report.json", "--look", "all")["counts"]["looked_at"] == 4
    assert report(tmp_path / "report.json", "--look", "0")["counts"]["looked_at"] == 0


@pytest.mark.parametrize(
    ("name", "said", "head", "reason"),
    [
        ("a.png", "image/png", PNG, None),
        ("a.jpg", "image/jpg", b"\xff\xd8\xff", None),
        ("a.js", "application/javascript; charset=utf-8", b"x", None),
        ("a.unknown", "application/x-own", b"x", None),
        ("a.unknown", "text/html", b"x", "can run script"),
        ("a.png", "binary/octet-stream", PNG, "stored as binary/octet-stream"),
        ("a.pdf", "application/pdf", b"text", "does not begin as one"),
        # Packed: the bytes say nothing.
        ("a.png", "image/png", b"", None),
    ],
)
def test_type_is_judged_by_name_and_bytes(name: str, said: str, head: bytes, reason: str | None) -> None:
    found = judged(name, said, head)
    assert (found is None) if reason is None else (found is not None and reason in found.reason)


def test_sample_has_each_with_the_same_chance() -> None:
    everything = page(*map(str, range(1_000)))
    drawn = [0] * 10
    for _ in range(200):
        sample = Sample(20)
        for start in range(0, 1_000, 90):
            sample.offer(Page(everything.names[start : start + 90], everything.entries[start : start + 90]))
        assert (len(sample.chosen), sample.seen) == (20, 1_000)
        for one in sample.chosen:
            drawn[int(one.name) // 100] += 1
    assert min(drawn) > 250
    nothing = Sample(0)
    nothing.offer(everything)
    assert nothing.chosen == []


# -- it cannot hurt


@pytest.fixture
def path_of_report(site: Site, tmp_path: Path) -> Path:
    site.save("orphan.png")
    path = tmp_path / "report.json"
    assert names_in(report(path), "orphans") == ["orphan.png"]
    return path


def refused(site: Site, path: Path, *why: str) -> None:
    code, said = manage("audit", "--apply", str(path), "--yes")
    assert code == 1
    assert all(one in said for one in why), said
    assert "orphan.png" in site.names()
    assert site.in_trash() == []


@on_one_server
def test_nothing_is_moved_without_a_yes(site: Site, path_of_report: Path) -> None:
    code, said = manage("audit", "--apply", str(path_of_report))
    assert code == 1
    assert "--yes" in said
    assert site.in_trash() == []
    assert manage("audit", "--apply", str(path_of_report), "--json")[0] == 1
    code, said = manage("audit", "--apply", str(path_of_report), "--json", "--yes")
    assert (code, json.loads(said)["moved_files"]) == (0, 1)


@on_one_server
@pytest.mark.parametrize(
    ("old", "new"),
    [("orphan.png", "kept.png"), ('"complete": true', '"complete": 1'), ('"store"', '"stare"'), ("}\n", "")],
)
def test_report_that_was_changed_is_refused(site: Site, path_of_report: Path, old: str, new: str) -> None:
    site.save("kept.png")
    path_of_report.write_text(path_of_report.read_text().replace(old, new))
    refused(site, path_of_report, "Nothing was changed")


@on_one_server
def test_report_of_another_project_a_day_ago_or_another_store_is_refused(
    site: Site, path_of_report: Path, monkeypatch: pytest.MonkeyPatch, make_site: Callable[..., Site], location: str
) -> None:
    with override_settings(SECRET_KEY="another"):
        refused(site, path_of_report, "was not written by this project")
    later = time.time() + 24 * 3600 + 60
    with monkeypatch.context() as patch:
        # Not the whole process's: the store refuses a request of tomorrow.
        patch.setattr("django.core.signing.time", SimpleNamespace(time=lambda: later))
        refused(site, path_of_report, "older than a day")
    with monkeypatch.context() as patch:
        patch.setattr("holdall.bulk.dossier.time", SimpleNamespace(time=lambda: later - 2 * 24 * 3600))
        refused(site, path_of_report, "from the future")
    path_of_report.with_name("other.json").write_text("[]")
    refused(site, path_of_report.with_name("other.json"), "was not written")
    refused(site, path_of_report.with_name("none.json"), "cannot be read")
    with monkeypatch.context() as patch:
        patch.setitem(connections["default"].settings_dict, "HOST", "another")
        refused(site, path_of_report, "other databases")
    make_site(STORAGE_LOCATION=f"{location}/elsewhere")
    code, said = manage("audit", "--apply", str(path_of_report), "--yes")
    assert (code, "another store" in said) == (1, True)


@on_one_server
def test_foreign_store_is_refused(site: Site, path_of_report: Path, make_site: Callable[..., Site]) -> None:
    owner = make_site(STORAGE_ENVIRONMENT="production")
    owner.save("owned.png")
    for environment in ({"STORAGE_ENVIRONMENT": "staging"}, {}):
        make_site(**environment)
        for arguments in (["--apply", str(path_of_report), "--yes"], []):
            code, said = manage("audit", *arguments)
            assert (code, 'belong to the environment "production"' in said) == (1, True)
    assert "orphan.png" in owner.names()


@on_one_server
def test_nothing_is_an_orphan_where_rows_are_unknown(site: Site, path_of_report: Path) -> None:
    @references.register
    def broken() -> Iterator[str]:
        raise LookupError("no index")

    try:
        found = report(path_of_report.with_name("second.json"), code=1)
        assert (found["orphans"], found["missing"], found["complete"]) == ([], [], False)
        assert "no index" in found["problems"][0]
        assert "unknown" in manage("audit")[1]
        refused(site, path_of_report.with_name("second.json"), "not complete")
        refused(site, path_of_report, "no index")
    finally:
        references.unregister(broken)


@on_one_server
def test_static_files_in_the_same_folder_leave_orphans_unknown(make_site: Callable[..., Site], tmp_path: Path) -> None:
    site = make_site()
    site.save("css/site.css", content=b"a{}")
    make_site(storages={"staticfiles": holdall.from_env(site.environ)["default"]})
    assert "`location` of their own" in report(tmp_path / "report.json", code=1)["problems"][0]


@on_one_server
def test_files_of_other_stores_in_the_bucket_are_left(
    make_site: Callable[..., Site], an_hour_later: None, provider: Provider, bucket: str, location: str, tmp_path: Path
) -> None:
    parent = make_site()
    parent.save("parents.png", "private/secret.png")
    parents = dict(parent.environ)
    fork = make_site(parents, STORAGE_LOCATION=f"{location}/forks/pr-1")
    fork.save("!first.png", "own.png", "own-orphan.png")
    fork.refer("own.png", "parents.png", "hidden.png", "never.png")
    # The fork: neither the parent's file nor what it refers to is touched.
    found = report(tmp_path / "fork.json")
    assert names_in(found, "orphans") == ["!first.png", "own-orphan.png"]
    assert names_in(found, "missing") == ["hidden.png", "never.png"]
    assert "the parent's are its own" in manage("audit")[1]
    assert manage("audit", "--apply", str(tmp_path / "fork.json"), "--yes")[0] == 0
    assert set(fork.in_trash()) == {"!first.png", "own-orphan.png"}
    # The parent: what is the fork's, or another alias's, is none of its files.
    private = holdall.from_env(parents | {"STORAGE_LOCATION": f"{location}/private"})["default"]
    make_site(storages={"private": private})
    fork.models.Product.objects.all().delete()
    found = report(tmp_path / "parent.json")
    assert names_in(found, "orphans") == ["parents.png"]
    assert found["counts"]["of_other_stores"]["files"] == 2
    assert sorted(found["other_stores"]) == ["forks/pr-1/", "private/"]


@on_one_server
def test_next_command_is_the_one_that_is_needed(make_site: Callable[..., Site], an_hour_later: None) -> None:
    """Of an alias that is not the default, with this floor of age; and nothing is said of rows that are unknown."""
    site = make_site()
    site.save("orphan.png")
    make_site(storages={"second": holdall.from_env(site.environ)["default"]})
    said = manage("audit", "--place", "second", "--min-age", "0s", "--report", "/dev/null")[1]
    assert "audit --apply /dev/null --place second\n" in said
    said = manage("audit", "--place", "second", "--min-age", "0s")[1]
    assert "audit --report audit.json --min-age 0s --place second\n" in said
    connections["default"].cursor().execute(f"DROP TABLE {site.models.Bicycle._meta.db_table}")
    assert "rows refer to" not in manage("audit", "--min-age", "0s")[1]


@on_one_server
def test_audit_refuses_options_that_make_no_sense(site: Site, tmp_path: Path) -> None:
    for arguments in (
        ["--min-age", "soon"],
        ["--min-age", "99999999999d"],
        ["--min-age", "200000w"],
        ["--look", "some"],
        ["--yes"],
        ["--place", "none"],
    ):
        assert manage("audit", *arguments)[0] == 2, arguments
    assert manage("audit", "--apply", "x.json", "--report", "y.json")[0] == 2
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = threading.Thread(target=fifo.read_bytes)
    reader.start()
    assert manage("audit", "--report", str(fifo))[0] == 0
    reader.join()
    # What is no file is written to, never replaced.
    assert fifo.is_fifo()
    for unwritable in (tmp_path / "no" / "folder.json", tmp_path, Path()):
        code, said = manage("audit", "--report", str(unwritable))
        assert (code, "cannot be written" in said) == (1, True), unwritable
    code, said = manage("audit", "--json")
    assert (code, json.loads(said)["orphans"]) == (0, [])


# -- it is right while others work


@on_one_server
def test_row_that_comes_while_its_file_is_moved_has_it_again(site: Site, path_of_report: Path) -> None:
    calls: list[int] = []

    @references.register
    def late() -> Iterator[str]:
        """A row that commits between the look and the move."""
        calls.append(1)
        yield from ["orphan.png"] if len(calls) > 1 else []

    try:
        code, said = manage("audit", "--apply", str(path_of_report), "--yes")
    finally:
        references.unregister(late)
    assert (code, "it was brought back" in said) == (0, True)
    assert site.names() == {"orphan.png"}
    assert site.in_trash() == []


@on_one_server
def test_file_is_brought_back_once_however_many_are_moved(site: Site, tmp_path: Path) -> None:
    site.save("a.png", "b.png", "c.png")
    path, calls = tmp_path / "report.json", list[int]()
    report(path)

    @references.register
    def late() -> Iterator[str]:
        calls.append(1)
        yield from ["a.png"] if len(calls) > 1 else []

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tidying, "GROUP", 1)
            code, said = manage("audit", "--apply", str(path), "--yes", "--json")
    finally:
        references.unregister(late)
    done = json.loads(said)
    assert (code, done["moved_files"], done["failed"]) == (0, 2, [])
    assert ([one["name"] for one in done["trashed"]], names_in(done, "left")) == (["b.png", "c.png"], ["a.png"])
    assert site.names() == {"a.png"}


@on_one_server
@pytest.mark.parametrize("stop", [KeyboardInterrupt, WriteRefused("The store has another owner by now.")])
def test_row_that_comes_before_an_end_from_outside_has_its_file(site: Site, tmp_path: Path, stop: Any) -> None:
    site.save("a.png", "b.png")
    path, calls = tmp_path / "report.json", list[int]()
    report(path)

    @references.register
    def late() -> Iterator[str]:
        calls.append(1)
        yield from ["a.png"] if len(calls) > 1 else []

    def ended(self: Any, name: str, *given: Any) -> bool:
        if name == "b.png":
            raise stop
        return bool(into_trash(self, name, *given))

    into_trash = MediaStorage.into_trash
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tidying, "WORKERS", 1)
            patch.setattr(MediaStorage, "into_trash", ended)
            code, said = manage("audit", "--apply", str(path), "--yes")
    finally:
        references.unregister(late)
    assert (code, site.names()) == (130 if stop is KeyboardInterrupt else 1, {"a.png", "b.png"})
    assert stop is KeyboardInterrupt or "restore --missing" in said


@on_one_server
def test_nothing_that_is_used_is_an_orphan_while_others_write(make_site: Callable[..., Site], tmp_path: Path) -> None:
    """Uploads, renames and deletions run beside audits whose age floor is three seconds; old files change their rows."""
    site = make_site()
    orphans = {f"orphan-{number}.png" for number in range(5)}
    old = [f"old-{number}.png" for number in range(12)]
    site.save(*orphans, *old)
    site.refer(*old)
    ended, failures = threading.Event(), list[BaseException]()
    storage, product, legacy = site.storage, site.models.Product, site.models.Legacy

    def upload(number: int) -> None:
        row = product.objects.create(photo=storage.save(f"new/{number}.png", ContentFile(PNG)))
        if number % 2:
            renamed = storage.save(f"new/renamed-{number}.png", ContentFile(PNG))
            before, row.photo = str(row.photo), renamed
            row.save()
            storage.delete(before)

    def move(number: int) -> None:
        """Let another table refer to an old file, and only then the first one no more; and back."""
        name = old[number % len(old)]
        here, there = (product, legacy) if number // len(old) % 2 == 0 else (legacy, product)
        there.objects.create(**{"scan" if there is legacy else "photo": name})
        here.objects.filter(**{"scan" if here is legacy else "photo": name}).delete()

    def work(deed: Callable[[int], None]) -> None:
        number = 0
        try:
            while not ended.is_set():
                deed(number)
                number += 1
        except BaseException as failure:
            failures.append(failure)
        finally:
            connections.close_all()

    def used() -> set[str]:
        # In the order in which rows move, so that none is seen nowhere.
        return {*product.objects.values_list("photo", flat=True), *legacy.objects.values_list("scan", flat=True), *old}

    threads = [threading.Thread(target=work, args=(deed,)) for deed in (upload, move)]
    for thread in threads:
        thread.start()
    try:
        path, seen, audits = tmp_path / "report.json", set[str](), 0
        while not orphans <= seen or audits < 5:
            code, said = manage("audit", "--min-age", "3s", "--look", "0", "--report", str(path))
            assert code == 0, said
            found, audits = json.loads(path.read_text()), audits + 1
            seen = set(names_in(found, "orphans"))
            assert seen <= orphans
            assert not set(names_in(found, "missing")) & used()
        assert manage("audit", "--apply", str(path), "--yes")[0] == 0
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert used() <= site.names()
    assert set(site.in_trash()) == orphans


PACKAGES = ("easy_thumbnails", "filer", "imagekit", "reversion", "simple_history", "sorl", "wagtail")


@on_one_server
def test_files_that_packages_make_are_no_orphans(provider: Provider, bucket: str, location: str) -> None:
    """All of them in one site, with thumbnails that they really made; then rows go, and only what they named is found."""
    for package in PACKAGES:
        pytest.importorskip(package)
    program = [sys.executable, "-m", "tests.bulk.packages_site"]
    environ = json.dumps(provider.environ(bucket, location=location))
    done = processes.complete([*program, environ], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    saved, found = told["saved"], told["found"]
    originals = {saved[what] for what in ("easy", "kit", "sorl")}
    thumbnails = {saved[f"{what} small"] for what in ("easy", "filer", "sorl", "wagtail")}
    assert [set(one["files"]) for one in found] == [set(saved.values())] * 3
    # A thumbnail is kept as long as its package has a row for it.
    assert [set(one["orphans"]) for one in found] == [set(), originals, originals | thumbnails]
    assert [(one["missing"], one["cached"], one["notes"]) for one in found] == [([], 1, [])] * 3


@on_one_server
def test_files_of_an_app_that_was_removed_are_kept(site: Site, tmp_path: Path) -> None:
    site.save("of-removed-app.png", "orphan.png", "another.png")
    with connections["default"].cursor() as cursor:
        cursor.execute("CREATE TABLE old_gallery (id integer, picture varchar(100), title varchar(100))")
        cursor.execute("INSERT INTO old_gallery VALUES (1, 'of-removed-app.png', 'orphan'), (2, './another.png', NULL)")
    found = report(tmp_path / "report.json")
    assert names_in(found, "orphans") == ["orphan.png"]
    assert "old_gallery.picture" in found["notes"][0]
    assert "title" not in found["notes"][0]
    assert "Look at this" in manage("audit", "--min-age", "0s")[1]


@on_one_server
def test_files_of_a_field_that_was_removed_or_is_a_text_are_kept(site: Site, tmp_path: Path) -> None:
    site.save("of-removed-field.png", "a/path-in-text.png", "orphan.png")
    with connections["default"].cursor() as cursor:
        cursor.execute("ALTER TABLE audited_product ADD COLUMN old_photo varchar(100)")
        # No type that Django knows, and no reason to end an audit.
        cursor.execute("CREATE TABLE places (spot geometry, remark geometry)")
        cursor.execute("INSERT INTO places VALUES (1, 2)")
    site.refer("a/photo.png")
    site.models.HistoricalProduct.objects.create(photo="", note="a/path-in-text.png")
    with connections["default"].cursor() as cursor:
        cursor.execute("UPDATE audited_product SET old_photo = 'of-removed-field.png'")
    found = report(tmp_path / "report.json")
    assert names_in(found, "orphans") == ["orphan.png"]
    assert found["notes"][0].startswith("audited_historicalproduct.note, audited_product.old_photo: ")


@on_one_server
def test_rows_that_are_lost_in_the_middle_are_told(site: Site, path_of_report: Path) -> None:
    calls: list[int] = []

    @references.register
    def breaking() -> Iterator[str]:
        calls.append(1)
        if len(calls) > 1:
            raise LookupError("no index")
        yield from ()

    try:
        code, said = manage("audit", "--apply", str(path_of_report), "--yes")
    finally:
        references.unregister(breaking)
    assert code == 1
    assert "1 files were moved into the trash" in said
    assert "trash restore --missing" in said


@on_one_server
def test_copy_that_fails_leaves_the_file_and_is_told(
    make_site: Callable[..., Site], an_hour_later: None, provider: Provider, tmp_path: Path
) -> None:
    rule = Rule("CopyObject", answers_500_before, times=99)
    with FaultProxy(provider.endpoint_url, rule) as proxy:
        site = make_site(AWS_S3_ENDPOINT_URL=proxy.url)
        site.save("orphan.png")
        path = tmp_path / "report.json"
        report(path)
        # Whoever is too busy is asked again for minutes, which nobody waits for here.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("holdall.bulk.work.PATIENCE_SECONDS", 0.0)
            code, said = manage("audit", "--apply", str(path), "--yes")
        assert (code, "Failed: 1 file" in said) == (1, True)
        assert site.names() == {"orphan.png"}


@on_one_server
def test_store_that_cannot_be_listed_ends_the_audit(
    make_site: Callable[..., Site], provider: Provider, tmp_path: Path
) -> None:
    rule = Rule("ListObjects", answers_500_before, times=99)
    with FaultProxy(provider.endpoint_url, rule) as proxy:
        make_site(AWS_S3_ENDPOINT_URL=proxy.url)
        path = tmp_path / "report.json"
        code, said = manage("audit", "--report", str(path))
        assert (code, "cannot be written" in said) == (1, False)
    assert list(tmp_path.glob("report*")) == []


def page(*names: str) -> Page:
    return Page(list(names), [{"Size": 1, "ETag": "etag", "LastModified": "2026-01-01T00:00:00Z"}] * len(names))


@pytest.mark.parametrize("held", [1, 1_000])
def test_listing_in_any_order_gives_the_same(monkeypatch: pytest.MonkeyPatch, held: int) -> None:
    """SeaweedFS lists folder by folder, others by bytes; whatever comes too late is found again."""
    monkeypatch.setattr(matching, "HELD", held)
    names = [f"{folder}{number:02}" for folder in ("a/", "a-", "B", "\U0001f600", "\uffee") for number in range(40)]
    referenced, gone = set(names[::3]), {"a-gone", "zz", "\U0001f600gone"}
    pairs = sorted((name, 0) for name in [*referenced, *referenced, *gone])
    for order in (sorted(names), sorted(names, reverse=True), sorted(names, key=lambda name: name[::-1])):
        for size in (1, 7, 1_000):
            match = matching.Match(batched(pairs, 5))
            for some in batched(order, size):
                match.offer(page(*some))
            free, unmatched = match.finish()
            assert [one.name for one in free] == sorted(set(names) - referenced)
            assert sorted(unmatched) == [(name, 0) for name in sorted(gone)]


def test_streams_of_rows_become_one() -> None:
    """Each database and function gives a stream, in batches of any size."""
    streams = [[(name, place) for name in names] for place, names in enumerate(("aabcz", "", "b", "bbbbbbbq"))]
    for size in (1, 2, 100):
        some = list(merged([batched(one, size) for one in streams], lambda pair: pair[0]))
        assert [pair[0] for batch in some for pair in batch] == sorted("aabczbbbbbbbbq")
        assert sorted(pair for batch in some for pair in batch) == sorted(pair for one in streams for pair in one)
        assert all(some)


@on_one_server
def test_many_missing_files_are_found_by_another_listing(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "ASKED", 3)
    site.save(*HARD)
    site.refer(*HARD, *(f"gone/{name}" for name in HARD))
    assert sorted(names_in(report(tmp_path / "report.json"), "missing")) == sorted(f"gone/{name}" for name in HARD)


@on_one_server
def test_name_that_can_be_no_key_is_missing(site: Site, tmp_path: Path) -> None:
    site.refer("../climbs.png", "x" * 1_100, ".holdall/owner.json")
    assert len(report(tmp_path / "report.json")["missing"]) == 3


@on_one_server
def test_printed_report_is_as_good_as_a_file(site: Site, tmp_path: Path) -> None:
    site.save("orphan.png")
    path = tmp_path / "printed.json"
    code, printed = manage("audit", "--min-age", "0s", "--json")
    path.write_text(printed)
    assert (code, manage("audit", "--apply", str(path), "--yes")[0]) == (0, 0)
    assert site.in_trash() == ["orphan.png"]


def test_audit_needs_a_project() -> None:
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    out = io.StringIO()
    assert cli.run(parser.parse_args(["audit"]), out=out, err=out, environ={}) == 2
    assert "python manage.py holdall audit" in out.getvalue()


@everywhere
def test_file_whose_name_is_another_files_is_never_moved(
    site: Site, provider: Provider, bucket: str, tmp_path: Path
) -> None:
    """Only other programs make such keys. Whoever deletes "b//c.png" by its name deletes "b/c.png"."""
    start = site.storage._prefix("")
    for name in ("b/c.png", "b\\c.png", "b//c.png"):
        provider.client.put_object(Bucket=bucket, Key=f"{start}{name}", Body=PNG, ContentType="image/png")
    site.refer("b/c.png")
    listed = site.names()
    found = report(tmp_path / "report.json", "--look", "all")
    assert (found["orphans"], found["counts"]["unreachable"]["files"]) == ([], len(listed) - 1)
    tidied = tidying.apply(site.storage, list(audit.Inventory(site.storage).files()), min_age_seconds=0)
    assert tidied.moved.files == 0
    assert site.names() == listed


@on_one_server
def test_right_that_is_missing_does_not_hide_the_orphans(site: Site, tmp_path: Path) -> None:
    """A key may list files, and neither unfinished uploads nor each file: AmazonS3/latest/API/API_ListMultipartUploads.html."""
    site.save("orphan.png")

    site.refer("gone.png")

    def refused(*_: object, **__: object) -> None:
        raise AccessRefused("It was refused.")

    path = tmp_path / "report.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("holdall.bulk.inventory.Inventory.uploads", refused)
        patch.setattr("holdall.bulk.audit.has_files", refused)
        found = report(path, code=1)
        said = manage("audit", "--min-age", "0s")[1]
    assert (names_in(found, "orphans"), found["complete"], found["rows_known"]) == (["orphan.png"], False, True)
    assert "Orphans: 1 file" in said
    assert "Unfinished uploads could not be listed" in said
    assert ("Which files are missing is unknown" in said, "Missing:" in said) == (True, False)
    assert manage("audit", "--apply", str(path), "--yes")[0] == 0
    assert site.in_trash() == ["orphan.png"]
