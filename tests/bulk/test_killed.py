"""A copy that is killed, at any point, and run again."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from holdall.bulk import copying, plan
from holdall.bulk.places import Folder, Store
from tests.bulk.test_copy import MakeStore, contents, described
from tests.contract import only
from tests.providers import Provider
from tests.servers import processes

ROOT = Path(__file__).parent.parent.parent
FILES = {f"small/{number:03}.txt": b"%d" % number * 500 for number in range(150)} | {
    f"large/{number}.bin": bytes([number]) * 18_000_000 for number in range(2)
}


@pytest.mark.parametrize(("way", "times"), [("into a store", 20), ("from store to store", 10), ("into a folder", 10)])
@only("seaweedfs-http")
def test_killed_copy_is_taken_up_where_it_was(
    way: str, times: int, make_store: MakeStore, provider: Provider, bucket: str, location: str, tmp_path: Path
) -> None:
    folder = Folder(tmp_path / "media")
    for name, content in FILES.items():
        (folder.path / name).parent.mkdir(parents=True, exist_ok=True)
        (folder.path / name).write_bytes(content)
    store, other, back = make_store("store"), make_store("other"), Folder(tmp_path / "back")
    source: Any = folder
    destination: Any = store
    if way != "into a store":
        copying.apply(plan.make(folder, store))
        source, destination = store, other if way == "from store to store" else back

    def as_order(place: Folder | Store) -> Any:
        named = {id(store): "store", id(other): "other"}
        if isinstance(place, Folder):
            return str(place.path)
        return provider.environ(bucket, location=f"{location}/{named[id(place)]}")

    order = {"source": as_order(source), "destination": as_order(destination), "times": times, "seed": way}
    ran = processes.complete(
        [sys.executable, str(Path(__file__).with_name("killed.py")), json.dumps(order)],
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert ran.returncode == 0, ran.stderr
    runs = [json.loads(line) for line in ran.stdout.splitlines()]

    # Finished work is not done again, and what was left unfinished is not taken for somebody else's.
    assert [run["same"] for run in runs] == sorted(run["same"] for run in runs)
    assert {run["in_conflict"] for run in runs} == {0}
    assert sum(not run["is_over"] for run in runs) >= 3
    planned = plan.make(source, destination)
    outcome = copying.apply(planned)
    assert planned.in_conflict.files == 0
    assert (outcome.conflicts, outcome.failures) == ([], [])
    again = plan.make(source, destination)
    assert (again.to_copy.files, again.same.files) == (0, len(FILES))
    if isinstance(destination, Folder):
        assert sorted(path for path in back.path.rglob("*") if path.is_file()) == sorted(map(back.file, FILES))
        assert {name: back.file(name).read_bytes() for name in FILES} == FILES
        return
    saved = make_store("saved")
    copying.apply(plan.make(folder, saved))
    assert contents(destination) == FILES
    assert described(provider, bucket, destination) == described(provider, bucket, saved)
    uploads = provider.client.list_multipart_uploads(Bucket=bucket, Prefix=location).get("Uploads", [])
    assert uploads == []
