"""Last week's database dump is restored: every row shows its file again, also those whose files were deleted since."""

from __future__ import annotations

from pathlib import Path

from tests.contract import only
from tests.journeys.test_copied_environment import Environment
from tests.providers import Provider

ROWS = 6


@only("seaweedfs-http")
def test_rows_of_a_dump_show_their_files_again(provider: Provider, tmp_path: Path) -> None:
    variables = provider.environ(provider.create_bucket(), STORAGE_TRASH="30d")
    site = Environment(tmp_path / "site.sqlite3", tmp_path / ".holdall", variables)
    assert site.does("fill", str(ROWS)) == ROWS
    dump = site.copy("dump", variables)
    for number in range(1, ROWS):
        assert site.does("delete", f"photograph {number}") is None

    dangling = [row for row in dump.does("look") if not row[2].startswith("http")]
    assert len(dangling) == ROWS - 1
    assert dump.does("command", "trash", "restore", "--missing").endswith(f"{ROWS - 1} files restored.\n")
    assert len(dump.files) == ROWS
