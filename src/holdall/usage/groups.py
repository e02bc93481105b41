"""The few groups of folders that a drawing tells apart, the same in all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from holdall.usage.counting import NO_MONTH, Usage
from holdall.usage.folders import Folder
from holdall.usage.tally import Count

# As many as there are colours that people tell apart.
GROUPS = 6
# A folder with so much of everything is no group: those in it are.
NEARLY_ALL = 0.9
OTHERS = "everything else"
TOP = "files in no folder"


@dataclass
class Group:
    """Folders that are drawn as one, with a colour of their own."""

    # What people read: the folder's whole name, or what else it is.
    title: str
    # 1 to 6, and 0 for everything else.
    colour: int
    # Whose files they are; of everything else a folder that holds the other folders.
    folder: Folder
    # Bytes by month, as saved in it.
    months: dict[str, int] = field(default_factory=dict)

    @property
    def count(self) -> Count:
        return self.folder.whole


def groups(usage: Usage) -> list[Group]:
    """Choose the groups: the largest folders, one level down where one holds nearly all; the rest is the last."""
    parent = usage.root
    if parent.folders and parent.folders[0].whole.size_bytes >= NEARLY_ALL * max(parent.whole.size_bytes, 1):
        inner = parent.folders[0]
        if len(inner.folders) > 1:
            parent = inner
    candidates = [(f"{folder.name}/", folder) for folder in parent.folders]
    if parent.here.files:
        title = f"files in {parent.name}/ itself" if parent.name else TOP
        candidates.append((title, Folder(parent.name, parent.here, parent.here)))
    candidates.sort(key=lambda one: (-one[1].whole.size_bytes, one[0]))
    found = [Group(title, number, folder) for number, (title, folder) in enumerate(candidates[:GROUPS], 1)]
    rest = Count(
        usage.files.files - sum(group.count.files for group in found),
        usage.files.size_bytes - sum(group.count.size_bytes for group in found),
    )
    if rest.files:
        others = [folder for _, folder in candidates[GROUPS:] if folder.name != parent.name]
        found.append(Group(OTHERS, 0, Folder(parent.name, rest, folders=others)))
    _add_months(usage, found, depth=parent.name.count("/") + 2 if parent.name else 1)
    return found


def _add_months(usage: Usage, found: list[Group], *, depth: int) -> None:
    by_folder = {group.folder.name: group for group in found if group.colour}
    others = next((group for group in found if not group.colour), None)
    for (month, folder), count in usage.growth:
        group = by_folder.get("/".join(folder.split("/")[:depth]), others)
        if group is not None and month != NO_MONTH:
            group.months[month] = group.months.get(month, 0) + count.size_bytes


def months_until(first: str, last: datetime) -> list[str]:
    """Give every month from the first to that of a time, at least two, so that there is something to see."""
    year, month = int(first[:4]), int(first[5:])
    found = []
    while (year, month) <= (last.year, last.month):
        found.append(f"{year:04}-{month:02}")
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    before = f"{int(first[:4]) - 1:04}-12" if first.endswith("-01") else f"{first[:4]}-{int(first[5:]) - 1:02}"
    return [before, *found] if found else [before, first]
