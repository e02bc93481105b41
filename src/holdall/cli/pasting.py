"""Lines to paste, broken only where they stay what they are: commands at a `\\`, JSON at a comma, remarks on their own line."""

from __future__ import annotations

import re

from holdall.cli.terminal import width, wrapped

# The programs that remedies name. Any other line is a setting, a variable or a statement.
_PROGRAMS = frozenset({"aws", "b2", "curl", "doctl", "holdall", "pip", "s3cmd"})
# A word of a shell, quotes included: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/V3_chap02.html
_WORD = re.compile(r"""(?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+""")
# A text of JSON, or what stands up to the end of a member.
_MEMBER = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|[^",])+,?\s*""")
_REMARK = re.compile(r"\s{2,}# ")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*=")


def pasted(line: str, *, indent: str) -> list[str]:
    """Lay out one line to paste for this terminal. A word that is longer than a line stays whole."""
    content, remark = line, ""
    if found := _REMARK.search(line):
        content, remark = line[: found.start()], line[found.end() :]
    # `docker --env-file` takes a remark behind a value for a part of it.
    if not remark or (len(indent + line) <= width() and not _VARIABLE.match(line)):
        return _laid_out(line, indent) if not remark else [indent + line]
    said, lines = wrapped(remark, indent=f"{indent}# "), _laid_out(content, indent)
    return [*lines, *said] if _VARIABLE.match(content) else [*said, *lines]


def _laid_out(content: str, indent: str) -> list[str]:
    if len(indent + content) <= width():
        return [indent + content]
    if content.startswith("# "):
        return wrapped(content[2:], indent=f"{indent}# ")
    if content.partition(" ")[0] in _PROGRAMS:
        return _filled(_arguments(content), indent, separator=" ", end=" \\")
    if content.startswith(("{", "[")):
        return _filled([member.strip() for member in _MEMBER.findall(content)], indent, separator=" ", end="")
    return [indent + content]


def _arguments(command: str) -> list[str]:
    """Take a command apart where it may be continued: an option keeps its value."""
    parts: list[str] = []
    awaits_value = False
    for word in _WORD.findall(command):
        if awaits_value and not word.startswith("-"):
            parts[-1] += f" {word}"
            awaits_value = False
        else:
            parts.append(word)
            awaits_value = word.startswith("-") and "=" not in word
    return parts


def _filled(parts: list[str], indent: str, *, separator: str, end: str) -> list[str]:
    lines = [indent + parts[0]]
    for part in parts[1:]:
        if len(f"{lines[-1]}{separator}{part}{end}") <= width():
            lines[-1] += f"{separator}{part}"
        else:
            lines[-1] += end
            lines.append(f"{indent}  {part}")
    return lines
