"""What a listing of a part of a folder proves, and what it does not."""

from __future__ import annotations

from holdall.fork import overlay
from holdall.fork.windows import KEPT_FOLDERS, Windows

# What lies directly in one folder.
NAMES = [f"a/{number:02}" for number in range(10)]


class Server:
    """Lists four files at a time."""

    def __init__(self, names: list[str], *, sorts: bool = True) -> None:
        self.names, self.sorts = names, sorts
        self.asked: list[tuple[str, str]] = []

    def folder(self, folder: str, after: str) -> tuple[list[str], bool]:
        self.asked.append((folder, after))
        found = [name for name in self.names if name.startswith(folder) and name > after]
        page = found[:4] if self.sorts else found[:-5:-1]
        return page, len(found) <= 4


def test_one_request_proves_what_is_there_and_what_is_not() -> None:
    server = Server(NAMES)
    windows = Windows(server.folder, lambda: 1.0)

    window = windows.look("a/01")
    assert window is not None
    assert [name in window.names for name in ("a/01", "a/01-x", "a/03")] == [True, False, True]
    assert [windows.find(name) is window for name in ("a/00", "a/02-x", "a/03", "a/03-x", "b/01")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert server.asked == [("a/", "a/")]


def test_name_further_on_costs_a_second_request() -> None:
    server = Server(NAMES)
    windows = Windows(server.folder, lambda: 1.0)

    window = windows.look("a/08")
    assert window is not None
    assert window.names >= {"a/08", "a/09"}
    assert window.high is None
    assert windows.find("z") is None
    assert server.asked == [("a/", "a/"), ("a/", "a/07~")]


def test_listing_that_is_not_sorted_proves_nothing_but_as_a_whole() -> None:
    """Amazon's directory buckets: "objects are not returned in lexicographical order"."""
    assert Windows(Server(NAMES, sorts=False).folder, lambda: 1.0).look("a/08") is None
    whole = Windows(Server(NAMES[:4], sorts=False).folder, lambda: 1.0).look("a/08")
    assert whole is not None
    assert "a/08" not in whole.names


def test_folders_are_not_remembered_without_end() -> None:
    server = Server([f"{number:03}/a" for number in range(100)])
    windows = Windows(server.folder, lambda: 1.0)
    for number in range(100):
        windows.look(f"{number:03}/a")
    known = [number for number in range(100) if windows.find(f"{number:03}/a")]
    assert known == list(range(100 - KEPT_FOLDERS, 100))


def test_listing_has_passed_holdalls_own_in_the_order_of_each_server() -> None:
    is_beyond = overlay._is_beyond_reserved
    assert is_beyond([".holdall-x", ".holdall/hidden/a", "a-b", "a/b"])
    # As SeaweedFS sorts.
    assert is_beyond([".holdall/hidden/a", ".holdall-x", "a/b", "a-b"])
    assert not is_beyond([".holdall/hidden/a", ".holdall-x"])
    assert not is_beyond([".holdall-x", ".holdall/hidden/a"])
    assert not is_beyond(["b", ".holdall/hidden/a", "c", "a"])
    assert not is_beyond([])
