"""Small files on the wire: that they go there, over TLS too, and what is left to the other lanes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdall.bulk.places import Folder
from holdall.bulk.wired import Wired
from tests.bulk.test_copy import MakeStore, contents, copy
from tests.contract import only

FILES = {f"{number:02}.txt": b"%d" % number * 900 for number in range(60)} | {"longer.bin": b"l" * 64_001}


@only("seaweedfs-http", "seaweedfs-https")
def test_small_files_go_on_the_wire_to_a_store_and_from_one_to_another(
    make_store: MakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried: list[str] = []
    went = Wired.copy

    def watched(wired: Wired, steps: Any) -> Any:
        done = went(wired, steps)
        carried.extend(done)
        return done

    monkeypatch.setattr(Wired, "copy", watched)
    media, first, second = Folder(tmp_path), make_store("first"), make_store("second")
    for name, content in FILES.items():
        media.file(name).write_bytes(content)
    for source, destination in ((media, first), (first, second)):
        outcome = copy(source, destination)
        assert (outcome.copied.files, outcome.failures, len(outcome.unproven)) == (len(FILES), [], 0)
        assert sorted(carried) == sorted(FILES)
        carried.clear()
    assert contents(second) == FILES
