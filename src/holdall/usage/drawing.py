"""Draw what fills a place, as SVG: a treemap of its folders, and its growth by month.

The drawings are described in the language of Vega and made by vl-convert, which has Vega in it and needs no browser and
no network (docs/decisions/drawings-without-a-script.md). Colours are names that the page gives values to, so that one
drawing is right in light and dark.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from typing import Any

from holdall.amounts import as_share, as_size
from holdall.errors import HoldallError
from holdall.shown import shown
from holdall.usage.counting import NO_MONTH, Usage
from holdall.usage.groups import Group, months_until

EXTRA = "pip install 'django-holdall[charts]'"
INK, DIM, LINE, SURFACE = "var(--ink)", "var(--dim)", "var(--line)", "var(--surface)"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
# The least share of the whole that gets a rectangle of its own.
LEAST = 0.0015
# So many months are drawn, the last 50 years: a file may be dated by a clock that was not set.
MOST_MONTHS = 600
# What the letters of a label take in width, at most, at this size.
LABEL_SIZE, LETTER = 12, 6.9
HEAD = 20
# What a rectangle has for a label. Vega's letters may be narrower than the reader's.
ROOM = "(0.92 * (datum.x1 - datum.x0 - 12))"


# It is one picture, and its numbers are in the tables: the roles and labels of its parts would be read one by one. Letters
# are those of the page.
_NEEDLESS = re.compile(r' (?:role|aria-[a-z]+|class|font-family|font-size|text-anchor="start")(?:="[^"]*")?')
# Finer than anybody sees.
_FINER = re.compile(r"(\d\.\d)\d+")


def check() -> None:
    """Make sure that there is what draws.

    Raises:
        HoldallError: the extra that draws is not installed.
    """
    if importlib.util.find_spec("vl_convert") is None:
        raise HoldallError(
            f"The page is drawn by vl-convert, which is not installed. Nothing was written. Install it: {EXTRA}"
        )


def make_svg(specification: dict[str, Any], *, label: str) -> str:
    """Make the SVG of a drawing in Vega's language. `label` is read out in its place.

    Raises:
        HoldallError: the extra that draws is not installed.
    """
    check()
    import vl_convert

    svg: str = vl_convert.vega_to_svg(specification)
    svg = re.sub(r"<[^>]+>", lambda tag: _FINER.sub(r"\1", _NEEDLESS.sub("", tag[0])), svg)
    width, height = re.search(r'viewBox="0 0 (\d+) (\d+)"', svg).groups()  # type: ignore[union-attr]  # every drawing has one
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    )
    return svg.replace(svg[: svg.index(">") + 1], f'{opening} role="img" aria-label="{label}">', 1)


# -- the treemap


def treemap(usage: Usage, groups: list[Group], *, width: int, height: int) -> dict[str, Any]:
    """Describe the treemap: a rectangle for each group, and in it the folders."""
    rows = list(_rectangles(usage, groups))
    rect = {
        "x": {"field": "x0"},
        "y": {"field": "y0"},
        "x2": {"field": "x1"},
        "y2": {"field": "y1"},
    }
    return {
        **_frame(width, height),
        "data": [
            {
                "name": "tree",
                "values": rows,
                "transform": [
                    {"type": "stratify", "key": "id", "parentKey": "parent"},
                    {
                        "type": "treemap",
                        "field": "size",
                        "sort": {"field": "value", "order": "descending"},
                        "round": True,
                        "method": "squarify",
                        "ratio": 1.3,
                        "paddingInner": 2,
                        "paddingTop": HEAD,
                        "size": [width, height + HEAD],
                    },
                    # The whole has no head.
                    {"type": "formula", "as": "y0", "expr": f"datum.y0 - {HEAD}"},
                    {"type": "formula", "as": "y1", "expr": f"datum.y1 - {HEAD}"},
                ],
            },
            {"name": "heads", "source": "tree", "transform": [{"type": "filter", "expr": "datum.depth === 1"}]},
            {"name": "leaves", "source": "tree", "transform": [{"type": "filter", "expr": "datum.depth === 2"}]},
        ],
        "marks": [
            {
                "type": "rect",
                "from": {"data": "heads"},
                "encode": {
                    "enter": {"fill": {"signal": "'var(--s' + datum.colour + ')'"}, "cornerRadius": {"value": 2}},
                    "update": rect,
                },
            },
            {
                "type": "rect",
                "from": {"data": "leaves"},
                "encode": {
                    "enter": {
                        "fill": {"signal": "'var(--t' + datum.colour + ')'"},
                        "stroke": {"signal": "'var(--s' + datum.colour + ')'"},
                        "strokeWidth": {"value": 1},
                    },
                    "update": rect,
                },
            },
            *_labels(),
        ],
    }


def _labels() -> Iterator[dict[str, Any]]:
    """Give the texts, each only where there is room for it; the legend has them all."""
    room, tall = ROOM, "datum.y1 - datum.y0"
    fits = f"length(datum.label) * {LETTER} < {room}"
    fits_amount = f"length(datum.amount) * {LETTER} < {room}"
    fit_both = f"(length(datum.label) + length(datum.amount)) * 7.2 + 24 < {room}"
    head, right = {"fill": {"value": "var(--on)"}}, {"align": {"value": "right"}}
    yield _text("heads", "label", head | {"fontWeight": {"value": 600}}, 14, f"{fits} || {room} > 50")
    yield _text("heads", "amount", head | right, 14, fit_both, at="x1", dx=-6)
    yield _text("leaves", "label", {"fill": {"value": INK}}, 16, f"({fits} || {room} > 64) && {tall} > 20")
    yield _text("leaves", "amount", {"fill": {"value": DIM}}, 31, f"{fits_amount} && {tall} > 37")


def _text(
    data: str, field: str, looks: dict[str, Any], below: int, condition: str, *, at: str = "x0", dx: int = 6
) -> dict[str, Any]:
    return {
        "type": "text",
        "from": {"data": data},
        "encode": {
            "enter": {**looks, "fontSize": {"value": LABEL_SIZE}},
            "update": {
                "x": {"field": at, "offset": dx},
                "y": {"field": "y0", "offset": below},
                "limit": {"signal": ROOM},
                "text": {"signal": f"({condition}) ? datum.{field} : ''"},
            },
        },
    }


def _rectangles(usage: Usage, groups: list[Group]) -> Iterator[dict[str, Any]]:
    whole = max(usage.files.size_bytes, 1)
    yield {"id": "root", "parent": None}
    for group in groups:
        if group.count.size_bytes < LEAST * whole:
            # The legend has it.
            continue
        id_ = f"group {group.colour}"
        share = as_share(group.count.size_bytes, whole)
        yield {
            "id": id_,
            "parent": "root",
            "label": shown(group.title),
            "amount": f"{as_size(group.count.size_bytes)} · {share}",
            "colour": group.colour,
        }
        for number, (label, size_bytes) in enumerate(_inside(group, LEAST * whole)):
            yield {
                "id": f"{id_} {number}",
                "parent": id_,
                "label": shown(label),
                "amount": as_size(size_bytes),
                "size": size_bytes,
                "colour": group.colour,
            }


def _inside(group: Group, least: float) -> Iterator[tuple[str, int]]:
    """Give what is drawn in a group: its folders, its own files, and what is too small to be drawn as one."""
    rest = group.count.size_bytes
    large = [one for one in group.folder.folders if one.whole.size_bytes >= least]
    for one in large:
        rest -= one.whole.size_bytes
        yield one.last_name, one.whole.size_bytes
    here = group.folder.here.size_bytes
    if here and (here >= least or not large):
        rest -= here
        yield "files", here
    if rest > 0:
        yield ("smaller folders" if large or here else "small folders"), rest


# -- growth


def growth(usage: Usage, groups: list[Group], *, width: int, height: int) -> dict[str, Any]:
    """Describe the growth: for each month the bytes of the files that were saved until then and are still there."""
    dated = [month for month, _ in usage.months if month != NO_MONTH]
    months = months_until(dated[0], usage.at)[-MOST_MONTHS:]
    # What is dated later than now is of now: a clock was wrong.
    rows = [row for group in groups for row in _sums(group, months)]
    stride = max(1, -(-len(months) * 62 // width))
    by_year = len(months) > 30
    return {
        **_frame(width, height),
        "padding": {"left": 4, "right": 14, "top": 8, "bottom": 4},
        "autosize": {"type": "fit", "contains": "padding"},
        "data": [
            {
                "name": "sums",
                "values": rows,
                "format": {"parse": {"month": "utc:'%Y-%m'"}},
                "transform": [
                    {"type": "stack", "groupby": ["month"], "sort": {"field": "place"}, "field": "size"},
                ],
            }
        ],
        "scales": [
            {"name": "x", "type": "utc", "range": "width", "domain": {"data": "sums", "field": "month"}},
            {
                "name": "y",
                "type": "linear",
                "range": "height",
                "nice": 4,
                "zero": True,
                "domain": {"data": "sums", "field": "y1"},
            },
        ],
        "axes": [
            {
                "orient": "left",
                "scale": "y",
                "grid": True,
                "gridColor": LINE,
                "domain": False,
                "ticks": False,
                "labelColor": DIM,
                "labelFontSize": LABEL_SIZE,
                "labelPadding": 8,
                "tickCount": 4,
                "encode": {"labels": {"update": {"text": {"signal": _BYTES}}}},
            },
            {
                "orient": "bottom",
                "scale": "x",
                "domainColor": LINE,
                "tickColor": LINE,
                "labelColor": DIM,
                "labelFontSize": LABEL_SIZE,
                "labelPadding": 6,
                "labelFlush": True,
                "labelOverlap": "greedy",
                "format": "%Y" if by_year else "%b %Y",
                "tickCount": "year" if by_year else {"interval": "month", "step": stride},
            },
        ],
        "marks": [
            {
                "type": "group",
                "from": {"facet": {"name": "series", "data": "sums", "groupby": "colour"}},
                "marks": [
                    {
                        "type": "area",
                        "from": {"data": "series"},
                        "encode": {
                            "update": {
                                "interpolate": {"value": "monotone"},
                                "x": {"scale": "x", "field": "month"},
                                "y": {"scale": "y", "field": "y0"},
                                "y2": {"scale": "y", "field": "y1"},
                                "fill": {"signal": "'var(--s' + datum.colour + ')'"},
                                "stroke": {"value": SURFACE},
                                "strokeWidth": {"value": 0.5},
                            }
                        },
                    }
                ],
            }
        ],
    }


# 1,500,000,000 as "1.5 GB", on an axis.
_BYTES = "replace(format(datum.value, '.3~s'), regexp('([0-9])([kMGTP]?)$'), '$1 $2B')"


def _sums(group: Group, months: list[str]) -> Iterator[dict[str, Any]]:
    known, last = dict(group.months), months[-1]
    # What is older than the first month that is drawn was there by then.
    total = sum(size for month, size in known.items() if NO_MONTH < month < months[0])
    for month in months:
        total += known.pop(month, 0)
        if month == last:
            total += sum(size for later, size in known.items() if later > last)
        # The largest group is at the bottom, everything else on top.
        yield {"month": month, "size": total, "colour": group.colour, "place": group.colour or 99}


def _frame(width: int, height: int) -> dict[str, Any]:
    return {
        "$schema": "https://vega.github.io/schema/vega/v5.json",
        "width": width,
        "height": height,
        "padding": 0,
        "background": None,
        "config": {"text": {"font": FONT}, "axis": {"labelFont": FONT, "titleFont": FONT}},
    }
