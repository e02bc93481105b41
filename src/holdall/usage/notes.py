"""What is in a place beside what the breakdowns show, in sentences."""

from __future__ import annotations

from holdall.amounts import as_count, as_size
from holdall.usage.counting import Usage
from holdall.usage.walking import Part


def notes(usage: Usage) -> list[str]:
    """Say what is not in the breakdowns, and what could not be counted."""
    said = [
        f"{label}: {as_size(count.size_bytes)} in {as_count(count.files, 'object')}, on top of the files."
        for part, label in (
            (Part.TRASH, "In the trash"),
            (Part.UPLOADS, "In direct uploads whose form is not saved yet"),
            (Part.HOLDALL, "Holdall's own marks"),
            (Part.MARKS, "Empty objects with which consoles mark folders"),
        )
        if (count := usage.parts[part]).files
    ]
    if (waiting := usage.unfinished) and waiting.uploads:
        size = "" if waiting.size_bytes is None else f" ({as_size(waiting.size_bytes)})"
        oldest = f", the oldest from {waiting.oldest:%Y-%m-%d}" if waiting.oldest else ""
        said.append(f"Unfinished uploads, which no listing shows: {waiting.uploads:,}{size}{oldest}.")
    if usage.from_parent is not None:
        parent = usage.from_parent
        said.append(
            f"This is a fork: it also shows {as_count(parent.files, 'file')} ({as_size(parent.size_bytes)}) of its parent, "
            "which are not stored here and not counted above."
        )
    if usage.left_out:
        said.append(f"Could not be looked at, and is not counted: {as_count(usage.left_out, 'name')}.")
    return said
