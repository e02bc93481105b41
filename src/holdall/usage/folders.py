"""Folders within folders, with all that is below them: the largest are kept, the others are rolled up. Exact totals."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from holdall.usage.tally import Count

# So many folders are told apart, the largest ones.
KEPT = 1_000
# What is deeper counts as being in the last of them.
DEEPEST = 32


@dataclass(eq=False)
class Folder:
    """A folder: its own files, and everything below it."""

    # The whole name, without a slash at the end; "" is the place itself.
    name: str
    # Everything in it, however deep.
    whole: Count = field(default_factory=Count)
    # Only the files that are in no folder of it.
    here: Count = field(default_factory=Count)
    # Those that are kept, the largest first.
    folders: list[Folder] = field(default_factory=list)
    # The others, however deep: how many, and what is in them.
    smaller: Count = field(default_factory=Count)
    smaller_folders: int = 0

    @property
    def last_name(self) -> str:
        return self.name.rpartition("/")[2]

    def below(self) -> Iterator[Folder]:
        """Give every folder that is kept, the outer ones before those in them."""
        for folder in self.folders:
            yield folder
            yield from folder.below()


def tree(counts: Iterable[tuple[str, Count]], *, kept: int = KEPT) -> Folder:
    """Make the tree of counts by folder, which come in the order of the folders' names with a slash at the end.

    At no time are more than twice the kept folders in memory, and those that lead to the one that is read.
    """
    root = Folder("")
    growing = _Growing(root, kept)
    for name, count in counts:
        growing.add(name.removesuffix("/"), count)
    growing.end()
    for folder in (root, *root.below()):
        folder.folders.sort(key=lambda one: (-one.whole.size_bytes, -one.whole.files, one.name))
    return root


class _Growing:
    """A tree that is built from a sorted list: a folder is whole when one comes that is not in it."""

    def __init__(self, root: Folder, kept: int) -> None:
        self._open = [root]
        self._kept = kept
        # Of folders of one size the deeper one is rolled up first, so that none goes before those in it.
        self._whole: list[tuple[int, int, int, int]] = []
        self._by_number: dict[int, tuple[Folder, Folder]] = {}
        self._number = 0

    def add(self, name: str, count: Count) -> None:
        parts = name.split("/")[:DEEPEST] if name else []
        depth = 0
        while depth < len(parts) and depth + 1 < len(self._open) and self._open[depth + 1].last_name == parts[depth]:
            depth += 1
        self.close(depth)
        for number in range(depth, len(parts)):
            self._open.append(Folder("/".join(parts[: number + 1])))
        self._open[-1].here.add(count)

    def close(self, depth: int) -> None:
        """End all folders that are deeper than this."""
        while len(self._open) > depth + 1:
            folder = self._open.pop()
            self._sum_up(folder)
            parent = self._open[-1]
            parent.folders.append(folder)
            self._number += 1
            whole = folder.whole
            heapq.heappush(self._whole, (whole.size_bytes, whole.files, -len(self._open), self._number))
            self._by_number[self._number] = (folder, parent)
            if len(self._whole) > 2 * self._kept:
                self.prune(self._kept)

    def end(self) -> None:
        self.close(0)
        self._sum_up(self._open[0])
        self.prune(self._kept)

    def _sum_up(self, folder: Folder) -> None:
        folder.whole = Count()
        for part in (folder.here, folder.smaller, *(one.whole for one in folder.folders)):
            folder.whole.add(part)

    def prune(self, kept: int) -> None:
        """Roll the smallest folders up into those that they are in."""
        gone: dict[int, set[Folder]] = {}
        while len(self._whole) > kept:
            number = heapq.heappop(self._whole)[-1]
            folder, parent = self._by_number.pop(number)
            parent.smaller.add(folder.whole)
            parent.smaller_folders += 1 + folder.smaller_folders
            gone.setdefault(id(parent), set()).add(folder)
        for parent in (*self._open, *(folder for folder, _ in self._by_number.values())):
            if left := gone.get(id(parent)):
                parent.folders = [one for one in parent.folders if one not in left]
