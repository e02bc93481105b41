"""Write what fills a place as one HTML page that needs nothing else: no network, no script, no other file.

It can be opened from a mail on a phone, where programs that show attachments run no scripts, and it can be printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape
from importlib import resources
from typing import Any

from holdall import amounts
from holdall.amounts import as_count
from holdall.shown import shown
from holdall.usage import drawing, kinds
from holdall.usage.counting import NO_FIELD, NO_MONTH, Usage
from holdall.usage.folders import Folder
from holdall.usage.groups import Group, groups
from holdall.usage.notes import notes
from holdall.usage.tally import Count
from holdall.usage.walking import Part

# Nothing is fetched and nothing is run, whatever a file's name tries.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
# The drawings are made for three widths of the page, so that their letters are always of a size to be read.
WIDE, MIDDLE, NARROW = 1118, 700, 336
# Between a number and its unit, where a line does not end.
_TOGETHER = "\u00a0"
# So many rows a table has, and so many folders the list of folders.
ROWS, FOLDERS = 12, 400


def render(usage: Usage) -> str:
    """Write the page.

    Raises:
        HoldallError: the extra that draws is not installed.
    """
    css = resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    body = [
        _head(usage),
        *_folders(usage, found := groups(usage)),
        *_growth(usage, found),
        '<div class="columns">',
        *_types(usage),
        *_ages(usage),
        *_fields(usage),
        *_largest(usage),
        "</div>",
        *_every_folder(usage),
        *_footer(usage),
    ]
    return "\n".join([
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="robots" content="noindex">',
        f"<title>{_text(f'Storage use: {usage.place}, {usage.at:%Y-%m-%d}')}</title>",
        f"<style>\n{css}</style>",
        "</head>",
        "<body>",
        "<main>",
        *body,
        "</main>",
        "</body>",
        "</html>",
        "",
    ])  # fmt: skip


def as_size(size_bytes: int) -> str:
    return amounts.as_size(size_bytes).replace(" ", _TOGETHER)


def as_share(part: int, whole: int) -> str:
    return escape(amounts.as_share(part, whole)).replace(" ", _TOGETHER)


def _text(text: str) -> str:
    """Write a text that somebody else chose.

    The attack: an upload named `<script>…`, or with a sign that turns the reading direction around.
    """
    return escape(shown(text))


def _name(text: str) -> str:
    """Write a name so that its reading direction changes nothing around it."""
    return f"<bdi>{_text(text)}</bdi>"


# -- the top


def _head(usage: Usage) -> str:
    tiles = [
        ("Size of all files", as_size(usage.files.size_bytes)),
        ("Files", f"{usage.files.files:,}"),
        *_tile_of_growth(usage),
        *_tile_of_trash(usage),
    ]
    cells = "".join(f"<li><span>{label}</span><strong>{value}</strong></li>" for label, value in tiles)
    return (
        f"<header>\n<h1>What fills the media storage</h1>\n"
        f'<p class="where">{_text(_capital(usage.place))} · {usage.at:%-d %B %Y, %H:%M} UTC</p>\n'
        f'<p class="gist">{_gist(usage)}</p>\n<ul class="tiles">{cells}</ul>\n</header>'
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _tile_of_growth(usage: Usage) -> Iterator[tuple[str, str]]:
    if recent := _last_year(usage):
        yield "Saved in the last 12 months", as_size(recent.size_bytes)


def _tile_of_trash(usage: Usage) -> Iterator[tuple[str, str]]:
    if trash := usage.parts[Part.TRASH].size_bytes:
        yield "In the trash, on top", as_size(trash)
    elif usage.files.files:
        yield "Average file", as_size(usage.files.size_bytes // usage.files.files)


def _last_year(usage: Usage) -> Count | None:
    """Count the files of this month and the eleven before it; None where nothing is older, or has no date."""
    since = f"{usage.at.year - 1:04}-{usage.at.month:02}"
    if not any(month != NO_MONTH and month <= since for month, _ in usage.months):
        return None
    recent = Count()
    for month, one in usage.months:
        if month > since:
            recent.add(one)
    return recent


def _gist(usage: Usage) -> str:
    """Say in one or two sentences what a reader in a hurry should know."""
    if not usage.files.files:
        return "There are no files."
    said = [f"{as_size(usage.files.size_bytes)} in {as_count(usage.files.files, 'file')}."]
    if usage.root.folders:
        first = usage.root.folders[0]
        share = as_share(first.whole.size_bytes, usage.files.size_bytes)
        said.append(f"The largest folder is <b>{_name(f'{first.name}/')}</b> with {share} of it.")
    families: dict[str, Count] = {}
    for type_ in usage.types:
        families.setdefault(kinds.family(type_.name), Count()).add(type_.count)
    family, most = max(families.items(), key=lambda pair: pair[1].size_bytes)
    if family != kinds.OTHERS:
        said.append(f"{family} make up {as_share(most.size_bytes, usage.files.size_bytes)}.")
    if (recent := _last_year(usage)) and (before := usage.files.size_bytes - recent.size_bytes) > 0:
        grown = 100 * recent.size_bytes / before
        said.append(
            f"In the last 12 months it grew by {grown:,.0f}{_TOGETHER}%."
            if grown >= 1
            else "In the last 12 months it hardly grew."
        )
    return " ".join(said)


# -- drawings


def _folders(usage: Usage, found: list[Group]) -> Iterator[str]:
    if not usage.files.size_bytes:
        return
    yield "<section>\n<h2>By folder</h2>"
    yield '<p class="note">The area is the size. Small folders are drawn as one.</p>'
    label = "Treemap of the folders; the list of folders below has the numbers"
    sizes = {"wide": (WIDE, 470), "middle": (MIDDLE, 440), "narrow": (NARROW, 560)}
    yield _figure(lambda width, height: drawing.treemap(usage, found, width=width, height=height), sizes, label)
    yield _legend(found, usage)
    yield "</section>"


def _growth(usage: Usage, found: list[Group]) -> Iterator[str]:
    if not usage.files.size_bytes or sum(month != NO_MONTH for month, _ in usage.months) < 2:
        # Of one month there is no growth to see.
        return
    yield "<section>\n<h2>Growth</h2>"
    yield '<p class="note">The size of the files that are here today, by the month in which each was saved.</p>'
    label = "Growth of the size by month"
    sizes = {"wide": (WIDE, 320), "middle": (MIDDLE, 300), "narrow": (NARROW, 260)}
    yield _figure(lambda width, height: drawing.growth(usage, found, width=width, height=height), sizes, label)
    yield _legend(found, usage)
    yield "</section>"


def _figure(draw: Callable[[int, int], dict[str, Any]], sizes: Mapping[str, tuple[int, int]], label: str) -> str:
    """Draw the same in several widths; the style sheet shows the one that fits."""
    inner = "".join(
        f'<div class="{name}">{drawing.make_svg(draw(*size), label=label)}</div>' for name, size in sizes.items()
    )
    return f"<figure>{inner}</figure>"


def _legend(found: list[Group], usage: Usage) -> str:
    items = "".join(
        f'<li><i class="c{group.colour}"></i>{_name(group.title)} '
        f"<span>{as_share(group.count.size_bytes, usage.files.size_bytes)}</span></li>"
        for group in found
    )
    return f'<ul class="legend">{items}</ul>'


# -- tables


def _table(title: str, note: str, head: str, rows: Iterable[tuple[str, str, Count]], usage: Usage) -> Iterator[str]:
    """Write a table of sizes with bars. Names and their explanations are HTML already."""
    found = list(rows)
    if not found:
        return
    yield f"<section>\n<h2>{title}</h2>"
    yield f'<p class="note">{note}</p>' if note else ""
    yield f"<table><thead><tr><th>{head}</th><th>Size</th><th>Share</th><th>Files</th></tr></thead><tbody>"
    most = max(count.size_bytes for _, _, count in found) or 1
    for name, more, count in found:
        width = 100 * count.size_bytes / most
        small = f"<small>{more}</small>" if more else ""
        yield (
            f'<tr><th>{name}{small}<span class="bar"><b style="width:{width:.1f}%"></b></span></th>'
            f"<td>{as_size(count.size_bytes)}</td><td>{as_share(count.size_bytes, usage.files.size_bytes)}</td>"
            f"<td>{count.files:,}</td></tr>"
        )
    yield "</tbody></table>\n</section>"


def _cut(rows: list[tuple[str, str, Count]], what: str) -> list[tuple[str, str, Count]]:
    """Keep the first rows, and make one of the others."""
    if len(rows) <= ROWS:
        return rows
    rest = Count()
    for _, _, count in rows[ROWS - 1 :]:
        rest.add(count)
    return [*rows[: ROWS - 1], (f"{len(rows) - ROWS + 1:,} other {what}", "", rest)]


def _types(usage: Usage) -> Iterator[str]:
    rows = []
    for type_ in usage.types:
        ends = ", ".join(type_.extensions)
        name = f"{kinds.family(type_.name)} ({ends})" if ends else "Files without an ending"
        rows.append((_text(name), _text(type_.name) if kinds.is_known(type_.name) else "", type_.count))
    yield from _table(
        "By type", "From the name's extension: a listing has no types.", "Type", _cut(rows, "types"), usage
    )


def _ages(usage: Usage) -> Iterator[str]:
    rows = [(_capital(called), "", one) for called, one in usage.ages]
    yield from _table(
        "By age", "Since the file was saved here. A copied file is as old as the copy.", "Age", rows, usage
    )


def _fields(usage: Usage) -> Iterator[str]:
    rows = [
        (_name(label) if label != NO_FIELD else "No row refers to it", "", one) for label, one in usage.fields or ()
    ]
    note = "Whose rows refer to the file. <code>manage.py holdall audit</code> names the files that no row refers to."
    yield from _table("By model field", note, "Field", _cut(rows, "fields"), usage)


def _largest(usage: Usage) -> Iterator[str]:
    rows = []
    for entry in usage.largest:
        folder, _, last = entry.name.rpartition("/")
        saved = f"{entry.modified:%-d %b %Y}" if entry.modified else ""
        more = " · ".join(filter(None, (_name(f"{folder}/") if folder else "", saved)))
        rows.append((_name(last), more, Count(1, entry.size_bytes)))
    if len(rows) == len(usage.largest) and rows:
        yield "<section>\n<h2>The largest files</h2>"
        yield '<table class="files"><thead><tr><th>File</th><th>Size</th></tr></thead><tbody>'
        yield from (
            f"<tr><th>{name}<small>{more}</small></th><td>{as_size(one.size_bytes)}</td></tr>"
            for name, more, one in rows
        )
        yield "</tbody></table>\n</section>"


def _every_folder(usage: Usage) -> Iterator[str]:
    if not usage.root.folders:
        return
    sizes = sorted((folder.whole.size_bytes for folder in usage.root.below()), reverse=True)
    least = sizes[FOLDERS - 1] if len(sizes) > FOLDERS else 0
    yield "<section>\n<h2>All folders</h2>"
    note = f"{as_count(usage.folders, 'folder')} with files in them. Open one to see what is in it."
    yield f'<p class="note">{note}</p>'
    yield from _listed(usage.root, least)
    yield "</section>"


def _listed(folder: Folder, least: int) -> Iterator[str]:
    large = [one for one in folder.folders if one.whole.size_bytes >= least]
    rest, folders = Count(), folder.smaller_folders
    rest.add(folder.smaller)
    for one in folder.folders[len(large) :]:
        rest.add(one.whole)
        folders += 1 + one.smaller_folders + sum(1 + inner.smaller_folders for inner in one.below())
    for one in large:
        if one.folders or one.smaller_folders:
            yield f"<details><summary>{_line(_name(f'{one.last_name}/'), one.whole)}</summary>"
            yield from _listed(one, least)
            yield "</details>"
        else:
            yield f'<div class="leaf">{_line(_name(f"{one.last_name}/"), one.whole)}</div>'
    if folders:
        yield f'<div class="leaf rest">{_line(as_count(folders, "smaller folder"), rest)}</div>'
    if folder.here.files:
        yield f'<div class="leaf rest">{_line("files in none of these folders", folder.here)}</div>'


def _line(name: str, count: Count) -> str:
    files = f'<span class="number files">{as_count(count.files, "file")}</span>'
    return f'<span class="name">{name}</span><span class="number">{as_size(count.size_bytes)}</span>{files}'


# -- the bottom


def _footer(usage: Usage) -> Iterator[str]:
    yield "<footer>"
    yield from (f"<p>{_text(line)}</p>" for line in notes(usage))
    yield "<p>Made by <code>holdall usage --html</code>. 1 GB is 1,000 MB. This page needs no network.</p>"
    yield "</footer>"
