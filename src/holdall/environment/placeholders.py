"""Values that stand for one that nobody has filled in yet: taken for values, they end as refusals far from the cause."""

from __future__ import annotations

import re

# Exactly these, in any case: a bucket may well be called "your-town".
_WORDS = re.compile(
    r"none|null|undefined|changeme|change-me|todo|xxx|<.*>"
    r"|your-(?:bucket|space)(?:-name)?|your-(?:region|domain|endpoint)"
    r"|your-access-key(?:-id)?|your-secret(?:-access-key|-key)?",
    re.DOTALL,
).fullmatch


def is_placeholder(value: str) -> bool:
    """Say whether a text is a placeholder of a guide, or what a template makes of a value that is missing."""
    return _WORDS(value.lower().replace("_", "-")) is not None
