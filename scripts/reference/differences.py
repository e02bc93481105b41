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
    lines = ["", f"#### {one.id.replace('-', ' ').capitalize()}", "", *prose.sentences(one.what)]
    lines += ["", *(prose.sentences(f"Why: {one.why}"))]
    if one.is_kept:
        lines += ["", *prose.sentences(one.keep)]
    elif one.keep:
        lines += ["", *prose.sentences(f"To keep the old way: {one.keep}{'' if one.keep.endswith('.') else '.'}")]
    return lines
