"""Write sizes and numbers for people. Pure."""

from __future__ import annotations


def as_size(size_bytes: int) -> str:
    """Write a number of bytes: in units of 1,000, as disks and bills have them."""
    if size_bytes == 1:
        return "1 byte"
    size = float(size_bytes)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        # What is rounded to 1,000 is 1 of the next unit.
        if size < 999.5 or unit == "TB":
            break
        size /= 1000
    return f"{size:,.0f} {unit}" if unit == "bytes" or size >= 10 else f"{size:,.1f} {unit}"


def as_count(number: int, noun: str) -> str:
    """Write how many there are of something whose plural ends in "s"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def as_share(part: int, whole: int) -> str:
    """Write how much of the whole a part is."""
    if not whole or not part:
        return "0 %"
    percent = 100 * part / whole
    return "<0.1 %" if percent < 0.1 else f"{percent:.1f} %" if percent < 9.95 else f"{percent:.0f} %"
