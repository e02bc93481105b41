"""Show a text that somebody else chose, such as a file's name, where people and terminals read it. Pure."""

from __future__ import annotations

# Joins letters in Persian and Indian scripts, and the parts of an emoji: they change nothing of what stands around.
_JOINERS = "\u200c\u200d"


def shown(text: str, *, keeps: str = "") -> str:
    """Escape what would be obeyed instead of shown: control characters, and those that change the reading direction.

    The attack: an upload named with escape sequences that paint "ok" over a warning, with a line's end that forges the
    next entry of a log, or with U+202E, after which "gpj.exe" reads as "exe.jpg". `keeps` are left as they are.
    """
    if text.isprintable():
        return text
    return "".join(
        one
        if one.isprintable() or one in _JOINERS or one in keeps
        else one.encode("unicode_escape", "surrogatepass").decode()
        for one in text
    )
