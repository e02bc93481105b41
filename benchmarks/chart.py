"""Draw what was measured as bars: one panel a row, each of its own scale. Legible in light and in dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple


class Bar(NamedTuple):
    who: str
    number: float
    shown: str
    is_ours: bool


class Panel(NamedTuple):
    """One row of the results; less is better."""

    title: str
    unit: str
    bars: Sequence[Bar]


COLUMNS = 2
PANEL_WIDTH, NAME_WIDTH, NUMBER_WIDTH = 400, 156, 52
BAR_HEIGHT, BAR_STEP, HEAD_HEIGHT, GAP = 14, 20, 28, 20

# Whoever reads in the dark gets light letters on a dark ground, and both have a ground of their own, whatever the page's.
STYLE = """
    .ground { fill: #ffffff; }
    text { font: 13px system-ui, sans-serif; fill: #1f2328; }
    .head { font-weight: 600; font-size: 14px; }
    .other { fill: #8c959f; }
    .ours { fill: #0969da; }
    @media (prefers-color-scheme: dark) {
      .ground { fill: #15181c; }
      text { fill: #e6edf3; }
      .other { fill: #6e7681; }
      .ours { fill: #4493f8; }
    }
"""


def draw(panels: Sequence[Panel]) -> str:
    """Give an SVG."""
    rows = [panels[start : start + COLUMNS] for start in range(0, len(panels), COLUMNS)]
    width, top = GAP + COLUMNS * (PANEL_WIDTH + GAP), 2 * GAP
    drawn = [f'  <text x="{GAP}" y="{top - 10}">Less is better.</text>']
    for row in rows:
        for column, panel in enumerate(row):
            drawn += _lines(panel, GAP + column * (PANEL_WIDTH + GAP), top)
        top += HEAD_HEIGHT + max(len(panel.bars) for panel in row) * BAR_STEP + GAP
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" width="{width}" height="{top}" role="img">',
            "  <!-- Drawn by benchmarks/chart.py from benchmarks/results.json; a change by hand is lost. -->",
            f"  <title>{escape(in_words(panels))}</title>",
            f"  <style>{STYLE}  </style>",
            f'  <rect class="ground" width="{width}" height="{top}" rx="8"/>',
            *drawn,
            "</svg>",
            "",
        ]
    )


def _lines(panel: Panel, left: int, top: int) -> list[str]:
    longest = max(bar.number for bar in panel.bars)
    lines = [f'  <text class="head" x="{left}" y="{top + 16}">{escape(f"{panel.title}, {panel.unit}")}</text>']
    for index, bar in enumerate(panel.bars):
        kind, y = "ours" if bar.is_ours else "other", top + HEAD_HEIGHT + index * BAR_STEP
        # So that the smallest is still seen.
        length = max(1.5, bar.number / longest * (PANEL_WIDTH - NAME_WIDTH - NUMBER_WIDTH))
        lines += [
            f'  <text x="{left}" y="{y + 12}">{escape(bar.who)}</text>',
            f'  <rect class="{kind}" x="{left + NAME_WIDTH}" y="{y}" width="{length:.1f}" height="{BAR_HEIGHT}" rx="2"/>',
            f'  <text x="{left + NAME_WIDTH + length + 6:.1f}" y="{y + 12}">{escape(bar.shown)}</text>',
        ]
    return lines


def in_words(panels: Sequence[Panel]) -> str:
    """Say what the chart shows; the numbers are in the tables, for whoever does not see it."""
    units = dict.fromkeys(panel.unit for panel in panels)
    shown = (f"{unit}: {', '.join(panel.title for panel in panels if panel.unit == unit)}" for unit in units)
    return f"Bars for the numbers of the tables below, less is better. {'; '.join(shown)}."
