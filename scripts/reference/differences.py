"""What behaves differently after a move from django-storages, in the page about it: between the two comments below."""

import re

from holdall.adoption import differences
from holdall.adoption.differences import Difference
from reference import prose

_PART = re.compile(
    r"(?P<head>^<!-- differences -->\n).*?(?P<tail>^<!-- end of differences -->$)", re.MULTILINE | re.DOTALL
)


def written(text: str) -> str:
    """Give a page with its part about differences as the program says them."""
    return _PART.sub(lambda match: match["head"] + "\n".join(_lines()) + "\n" + match["tail"], text)


def _lines() -> list[str]:
    others = [one for one in differences.ALL if one not in differences.ALWAYS]
    lines = ["", "### For every project"]
    for one in differences.ALWAYS:
        lines += _entry(one)
    lines += ["", "### Where it applies"]
    for one in others:
        lines += _entry(one)
    return [*lines, ""]


def _entry(one: Difference) -> list[str]:
    lines = ["", f"#### {_heading(one.id)}", "", *prose.sentences(one.what)]
    lines += ["", *(prose.sentences(f"Why: {one.why}"))]
    if one.keep:
        lines += ["", *prose.sentences(one.keep)]
    return lines


def _heading(id_: str) -> str:
    """Give the heading whose address the id is."""
    return re.sub(
        r"\b(?:acl|url)\b", lambda match: match[0].upper(), id_.replace("-", " ").capitalize(), flags=re.IGNORECASE
    )
