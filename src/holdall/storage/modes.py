"""The modes in which a file is opened: Python's own, as Django's storage on a disk has them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Python's grammar: one of the four, then "+" and one of "b" and "t" in any order.
_MODE = re.compile(r"(?P<kind>[rwxa])(?P<more>[b+t]{0,2})").fullmatch


@dataclass(frozen=True, kw_only=True)
class Mode:
    """What may be done with an open file, and what happens to a file that has the name."""

    # "r": it must be there. "w": it is replaced. "x": there must be none. "a": it is written on at its end.
    kind: str
    updates: bool
    is_text: bool

    @classmethod
    def of(cls, mode: str) -> Mode:
        """Read a mode as Python's `open` does.

        Raises:
            ValueError: there is no such mode.
        """
        found = _MODE(mode)
        more = found["more"] if found else "bt"
        if found is None or len(set(more)) < len(more) or {"b", "t"} <= set(more):
            raise ValueError(
                f"A file cannot be opened with mode {mode!r}; use r, w, x or a, with + to read and write, and b for bytes."
            )
        return cls(kind=found["kind"], updates="+" in more, is_text="b" not in more)

    @property
    def is_reading(self) -> bool:
        """Whether nothing is written."""
        return self.kind == "r" and not self.updates

    @property
    def is_held(self) -> bool:
        """Whether the whole file is held in memory until it is closed: anything in it may still change."""
        return self.updates or self.kind == "a"

    @property
    def starts_with_the_file(self) -> bool:
        """Whether what is there already is written on."""
        return self.kind in "ra"
