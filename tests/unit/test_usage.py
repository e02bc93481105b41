"""What fills a place is counted exactly, in bounded memory, and shown as text, JSON and one page."""

from __future__ import annotations

import argparse
import errno
import io
import json
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from holdall import cli
from holdall.bulk.entries import Entry
from holdall.bulk.places import Folder as FolderPlace
from holdall.cli import bars
from holdall.cli import usage as command
from holdall.cli.terminal import Session, Style
from holdall.usage import counting, drawing, folders, kinds, page, tally, walking
from holdall.usage.counting import Usage
from holdall.usage.folders import Folder
from holdall.usage.groups import groups
from holdall.usage.notes import notes
from holdall.usage.tally import Count, Tally
from holdall.usage.walking import Part, part_of

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
PLACE = FolderPlace(Path("media"))
HOSTILE = "evil/<script>alert(1)</script>\x1b[31m\u202e\" onload='x'.jpg"


def counted(monkeypatch: pytest.MonkeyPatch, entries: list[Entry], **more: Any) -> Usage:
    monkeypatch.setattr(walking, "objects", lambda _place: ((part_of(entry.name), entry) for entry in entries))
    return counting.count(PLACE, now=NOW, **more)


def some(number: int, *, folders: int = 400) -> list[Entry]:
    chosen = random.Random(7)
    return [
        Entry(
            f"top{one % 7}/{one % 50:02}/{one % folders:05}/file-{one}.{('jpg', 'png', 'pdf', f'x{one % 900}')[one % 4]}",
            chosen.randrange(1_000_000),
            NOW - timedelta(days=chosen.randrange(2500)),
        )
        for one in range(number)
    ]


def sums(folder: Folder) -> None:
    """Check that the parts of each folder add up to it."""
    for one in (folder, *folder.below()):
        parts = Count()
        for count in (one.here, one.smaller, *(inner.whole for inner in one.folders)):
            parts.add(count)
        assert parts == one.whole, one.name


# -- counting


@pytest.mark.parametrize("order", ["sorted", "mixed"])
def test_counts_are_exact_whatever_the_order_and_however_little_is_held(
    order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally.Tally.__init__, "__kwdefaults__", {"held": 60})
    monkeypatch.setattr(folders.tree, "__kwdefaults__", {"kept": 30})
    entries = some(4000)
    if order == "sorted":
        entries.sort(key=lambda entry: entry.name.encode())
    usage = counted(monkeypatch, entries)

    whole = Count(4000, sum(entry.size_bytes for entry in entries))
    assert usage.files == usage.root.whole == whole
    assert usage.folders == len({entry.name.rpartition("/")[0] for entry in entries})
    sums(usage.root)
    assert len(list(usage.root.below())) == 30
    months = Counter[str]()
    tops = Counter[str]()
    for entry in entries:
        assert entry.modified
        months[f"{entry.modified:%Y-%m}"] += entry.size_bytes
        tops[entry.name.split("/")[0]] += entry.size_bytes
    assert {month: count.size_bytes for month, count in usage.months} == months
    assert [month for month, _ in usage.months] == sorted(months)
    assert {folder.name: folder.whole.size_bytes for folder in usage.root.folders} == tops
    assert sum(one.count.size_bytes for one in usage.types) == whole.size_bytes
    assert sum(count.files for _, count in usage.ages) == whole.files
    assert [entry.size_bytes for entry in usage.largest] == sorted(
        (entry.size_bytes for entry in entries), reverse=True
    )[:10]


def test_memory_does_not_grow_with_what_is_counted() -> None:
    held = Tally(held=100)
    most = 0
    for one in range(30_000):
        held.add((f"{one:06}",), 1)
        most = max(most, len(held._counts))
    assert most == 100
    assert sum(len(run._last) for run in held._runs) < 30_000
    assert sum(count.files for _, count in held) == 30_000

    growing = folders._Growing(Folder(""), 50)
    for one in range(20_000):
        growing.add(f"{one // 100:03}/{one:06}", Count(1, one))
        assert len(growing._by_number) <= 100
        assert sum(len(folder.folders) for folder in growing._open) <= 102


LONG_LISTING = """
import resource, sys
from datetime import datetime, timedelta, UTC
from holdall.bulk.entries import Entry
from holdall.usage import counting, page, walking
from holdall.usage.walking import Part

now, names, folders = datetime.now(UTC), int(sys.argv[1]), int(sys.argv[2])
def listed(place):
    for one in range(names):
        folder = one * folders // names
        name = f"{folder % 7}/{folder // 1000:03}/{folder:06}/{one:07}.{('jpg', 'png', f'x{one % 9999}')[one % 3]}"
        yield Part.FILES, Entry(name, one % 1000, now - timedelta(days=one % 2000))
walking.objects = listed
usage = counting._counted("a store", now, None, lambda seen: None)
assert usage.files.files == usage.root.whole.files == names and usage.folders == folders
assert sum(count.size_bytes for _, count in usage.months) == usage.root.whole.size_bytes
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "linux" else 1024**2))
"""


def test_memory_for_a_long_listing_is_that_for_a_short_one() -> None:
    """In MB. A million names in 100,000 folders took 67, of which 49 are Python and Django."""
    short, long = (
        int(
            subprocess.run(
                [sys.executable, "-c", LONG_LISTING, *size], check=True, capture_output=True, text=True
            ).stdout
        )
        for size in (("1000", "100"), ("60000", "40000"))
    )
    assert long - short < 30


def test_folder_of_very_many_levels_is_counted_and_written(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = counted(monkeypatch, [Entry("/".join("a" * 500), 5, NOW), Entry("b", 1, NOW)])
    assert usage.root.whole == Count(2, 6)
    assert len(list(usage.root.below())) == folders.DEEPEST
    assert json.dumps(command.as_document(usage))
    assert page.render(usage)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("a.jpg", Part.FILES),
        (".holdall/trash/2026-11-26/1-2/a.jpg", Part.TRASH),
        ("forks/pr-1/.holdall/trash/x", Part.TRASH),
        (".holdall/uploads/1/a.jpg", Part.UPLOADS),
        (".holdall/uploads/2026-11-26/1/file", Part.UPLOADS),
        (".holdall/uploads/2026-11-26/1/spent", Part.HOLDALL),
        (".holdall/owner.json", Part.HOLDALL),
        (".holdall", Part.HOLDALL),
        ("folder/", Part.MARKS),
    ],
)
def test_object_is_counted_by_what_it_is_for(name: str, part: Part) -> None:
    assert part_of(name) is part
    assert part_of(name, 1) is (Part.FILES if part is Part.MARKS else part)


def test_trash_is_apart_and_everything_is_all(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [Entry("a.jpg", 10, NOW), Entry(".holdall/trash/2026-01-01/1-2/b.jpg", 5, NOW), Entry("c/", 0, NOW)]
    usage = counted(monkeypatch, entries)
    assert (usage.files, usage.parts[Part.TRASH], usage.everything) == (Count(1, 10), Count(1, 5), Count(3, 15))
    assert notes(usage)[0] == "In the trash: 5 bytes in 1 object, on top of the files."


@pytest.mark.parametrize("order", ["sorted", "mixed"])
def test_field_is_that_of_the_rows_that_name_the_file(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["a.jpg", "a/b.jpg", "b.jpg", "c.jpg", "é.jpg"]
    entries = [Entry(name, 10**number, NOW) for number, name in enumerate(names)]
    if order == "mixed":
        entries.reverse()
    rows = [("a.jpg", "shop.P.image"), ("b.jpg", "shop.P.image"), ("b.jpg", "shop.P.zoom"), ("missing", "shop.P.zoom")]
    rows += [("é.jpg", "shop.P.zoom"), ("é.jpg", "shop.P.zoom")]
    usage = counted(monkeypatch, entries, references=lambda: iter(rows))
    assert usage.fields is not None
    assert {label: count.size_bytes for label, count in usage.fields} == {
        "shop.P.zoom": 10**4,
        "": 10**3 + 10,
        "shop.P.image + shop.P.zoom": 100,
        "shop.P.image": 1,
    }


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        ("a/b.JPG", ".jpg"),
        ("b.tar.gz", ".gz"),
        ("photos.2025/ada", ""),
        (".profile", ""),
        ("a/.profile", ""),
        ("a.", ""),
        ("Minutes of 3. May", ""),
        ("a." + "x" * 16, ""),
    ],
)
def test_extension_is_what_the_name_ends_in(name: str, extension: str) -> None:
    assert kinds.extension(name) == extension


@pytest.mark.parametrize(
    ("days", "called"),
    [
        (0, "up to 30 days"),
        (29, "up to 30 days"),
        (31, "1 to 3 months"),
        (400, "1 to 2 years"),
        (9999, "more than 5 years"),
    ],
)
def test_age_is_told_by_days(days: int, called: str, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = counted(monkeypatch, [Entry("a", 5, NOW - timedelta(days=days))])
    assert usage.ages == [(called, Count(1, 5))]


# -- the terminal


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def holdall(*arguments: str, out: io.StringIO | None = None) -> tuple[int, str, str]:
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    out, err = out or io.StringIO(), io.StringIO()
    code = cli.run(parser.parse_args(["usage", *arguments]), out=out, err=err, environ={})
    return code, out.getvalue(), err.getvalue()


@pytest.fixture
def media(tmp_path: Path) -> Path:
    for name, size in (("photos/2025/a.jpg", 3_000_000), ("docs/a.pdf", 900_000), ("b.txt", 3)):
        (tmp_path / "media" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "media" / name).write_bytes(b"x" * size)
    return tmp_path / "media"


@pytest.mark.parametrize("kind", ["plain", "rich", "without rich"])
def test_terminal_of_80_columns_shows_whole_lines(kind: str, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(media.parent)
    (media / f"{'long' * 30}").mkdir()
    (media / f"{'long' * 30}" / "x.bin").write_bytes(b"x" * 999)
    if kind == "without rich":
        monkeypatch.setitem(sys.modules, "rich.bar", None)
    code, said, _ = holdall("media", out=io.StringIO() if kind == "plain" else Terminal())
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    assert code == 0
    assert max(map(len, plain.splitlines())) <= 80
    assert re.search(r"photos/ +█+ +3\.0 MB +77 % +1\b", plain)
    assert re.search(r"  2025/ +█+ +3\.0 MB", plain)
    assert "3.9 MB in 4 files" in plain


def test_narrow_terminal_gets_names_and_numbers_and_no_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    for table in (bars.Plain, bars.Rich):
        out = io.StringIO()
        session = Session(out=out, err=out, environ={}, style=Style(coloured=False))
        table(session).write("By type (from extension)", [bars.Row("image/jpeg, .jpg", 10, 1)], whole_bytes=10)
        lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in out.getvalue().splitlines()]
        assert lines[1] == "By type (from extension)"
        assert max(map(len, lines)) <= 40
        assert re.search("10 bytes +100 %", lines[3])
        # What the numbers leave is the name's.
        assert table is bars.Plain or "image/jpeg, .jpg" in lines[3]


def test_bar_is_of_plain_signs_where_a_terminal_shows_no_others() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    session = Session(out=out, err=out, environ={}, style=Style(coloured=False))
    bars.Plain(session).write("By folder", [bars.Row("a/", 10, 1), bars.Row("b/", 5, 1)], whole_bytes=15)
    out.seek(0)
    assert re.search(r"a/ +#{10,} +10 bytes +67 % +1\n", out.read())


def test_json_is_whole_bytes_by_folder_type_month_and_field(media: Path) -> None:
    code, said, _ = holdall(str(media), "--json")
    found = json.loads(said)
    assert (code, found["version"], found["files"], found["size_bytes"]) == (0, 1, 3, 3_900_003)
    assert set(found) == {
        *("version", "place", "at", "files", "size_bytes", "trash", "uploads", "holdall", "folder_marks", "everything"),
        *("unfinished_uploads", "parent", "left_out", "folders", "types", "ages", "months", "fields", "largest"),
    }
    assert [(one["folder"], one["size_bytes"]) for one in found["folders"]] == [
        ("photos", 3_000_000),
        ("docs", 900_000),
        ("", 3),
    ]
    assert found["folders"][0]["folders"] == [
        {"folder": "photos/2025", "files": 1, "size_bytes": 3_000_000, "folders": []}
    ]
    assert found["types"][0] == {"type": "image/jpeg", "extensions": ["jpg"], "files": 1, "size_bytes": 3_000_000}
    assert sum(one["size_bytes"] for one in found["months"]) == 3_900_003
    assert found["fields"] is None


def test_trash_of_a_folder_is_counted_apart(media: Path) -> None:
    (media / ".holdall/trash/2026-11-26/143000-0").mkdir(parents=True)
    (media / ".holdall/trash/2026-11-26/143000-0/old.jpg").write_bytes(b"x" * 70)
    found = json.loads(holdall(str(media), "--json")[1])
    assert (found["files"], found["trash"]) == (3, {"files": 1, "size_bytes": 70})


# -- the page


def test_page_needs_no_network_and_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [*some(300), Entry(HOSTILE, 10**9, NOW)]
    usage = counted(monkeypatch, entries)
    written = page.render(usage)
    assert "default-src 'none'" in written
    for forbidden in (
        "<script",
        "<link",
        "<img",
        "<iframe",
        "@import",
        "url(",
        "src=",
        "href=",
        "\x1b",
        "\u202e",
        "onload='",
    ):
        assert forbidden not in written, forbidden
    assert set(re.findall(r"https?://[^\"' <]+", written)) == {"http://www.w3.org/2000/svg"}
    assert "&lt;script&gt;" in written
    assert "26 November 2026, 12:00 UTC" in written
    assert "<title>Storage use: folder media, 2026-11-26</title>" in written
    # Three widths of the treemap and of the growth.
    assert written.count("<svg ") == 6
    # All of it is there, however it is rolled up.
    assert f"{usage.files.files:,}" in written


def test_page_of_very_many_folders_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    written = page.render(counted(monkeypatch, some(9000, folders=8000)))
    assert len(written) < 600_000


@pytest.mark.parametrize(
    "entries", [[], [Entry("a", 0, NOW)], [Entry("a.jpg", 5, None)], [Entry("a/b.jpg", 5, NOW)]], ids=str
)
def test_page_of_little_is_whole(entries: list[Entry], monkeypatch: pytest.MonkeyPatch) -> None:
    assert page.render(counted(monkeypatch, entries)).endswith("</html>\n")


def test_page_is_written_beside_the_text(media: Path, tmp_path: Path) -> None:
    code, said, _ = holdall(str(media), "--html", str(tmp_path / "usage.html"))
    assert (code, "usage.html" in said) == (0, True)
    assert "photos/" in (tmp_path / "usage.html").read_text()
    assert json.loads(holdall(str(media), "--json", "--html", str(tmp_path / "usage.html"))[1])


def test_page_without_the_extra_says_how_to_install_it(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def walked(_place: object) -> Iterator[Any]:
        raise AssertionError("It walked before it knew that it can draw.")

    monkeypatch.setitem(sys.modules, "vl_convert", None)
    monkeypatch.setattr(walking, "objects", walked)
    code, _, complaint = holdall(str(media), "--html", str(tmp_path / "usage.html"))
    assert (code, complaint.endswith(" Install it: pip install 'django-holdall[charts]'\n")) == (1, True)
    assert not (tmp_path / "usage.html").exists()


def test_page_that_cannot_be_written_is_said_before_the_walk(media: Path, tmp_path: Path) -> None:
    code, _, complaint = holdall(str(media), "--html", str(tmp_path / "no-such-folder" / "usage.html"))
    assert (code, "cannot be written" in complaint) == (2, True)


def test_place_that_is_none_is_misuse() -> None:
    assert holdall("nowhere")[0] == 2


def test_wide_letters_take_the_room_that_they_have() -> None:
    assert [bars.cells(name) for name in ("ab", "\u5199\u771f", "e\u0301", "\U0001f600")] == [2, 4, 1, 2]
    for columns in range(4, 14):
        for name in ("\u5199\u771f" * 5, "a\u5199" * 6, "short"):
            assert bars.cells(bars._fitted(name, columns)) == columns
    out = io.StringIO()
    table = bars.Plain(Session(out=out, err=out, environ={}, style=Style(coloured=False)))
    table.write("By folder", [bars.Row("\u5199\u771f/", 1, 1), bars.Row("plain/", 1, 1)], whole_bytes=2)
    assert {bars.cells(line) for line in out.getvalue().splitlines() if line} == {
        bars.cells(out.getvalue().splitlines()[1])
    }


def test_page_on_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.png").write_bytes(b"png")
    monkeypatch.chdir(tmp_path)
    for name, there in (("old.html", True), ("/dev/full", True), ("new.html", False)):
        if name == "old.html":
            Path(name).write_text("the page of last month")
        with pytest.MonkeyPatch.context() as patch:
            if name != "/dev/full":
                patch.setattr(Path, "replace", _full)
            code, said = _run("usage", "./media", "--html", name)
        assert (code, f"{name} cannot be written: No space left" in said) == (1, True), said
        assert Path(name).exists() == there
    assert Path("old.html").read_text() == "the page of last month"
    assert list(tmp_path.glob("*.part")) == []
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    err = io.StringIO()
    assert cli.run(parser.parse_args(["usage", "./media", "--json"]), out=_Full(), err=err, environ={}) == 1
    assert "No space left on device. What was written is not whole." in err.getvalue()


def _full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


class _Full(io.StringIO):
    def write(self, text: str) -> int:
        _full()
        return 0


def _run(*arguments: str) -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    out = io.StringIO()
    return cli.run(parser.parse_args(arguments), out=out, err=out, environ={}), out.getvalue()


def test_file_of_an_impossible_date_makes_the_page_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [Entry("old/a", 5, datetime(1, 1, 1, tzinfo=UTC)), Entry("new/b", 3, NOW), Entry("new/c", 2, NOW)]
    usage = counted(monkeypatch, entries)
    rows = drawing.growth(usage, groups(usage), width=700, height=300)["data"][0]["values"]
    assert len({row["month"] for row in rows}) == drawing.MOST_MONTHS
    assert sum(row["size"] for row in rows if row["month"] == rows[0]["month"]) == 5
    assert sum(row["size"] for row in rows if row["month"] == rows[drawing.MOST_MONTHS - 1]["month"]) == 10
