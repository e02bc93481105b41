"""A text that must not be shown."""

from __future__ import annotations


class Secret(str):
    """A text that shows itself nowhere: not in `repr`, `str`, formats or tracebacks, only to whoever calls `reveal`."""

    __slots__ = ()

    def reveal(self) -> str:
        """Give the plain text, for the one place that signs with it."""
        return "".join(self)

    def __repr__(self) -> str:
        return "'(secret)'"

    def __str__(self) -> str:
        return "(secret)"

    def __format__(self, spec: str) -> str:
        return format("(secret)", spec)
