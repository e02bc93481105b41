"""A probe: one question, asked live or offline."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from holdall.doctor.examination import Examination
from holdall.findings import Finding


class Probe(NamedTuple):
    """A function that yields what it finds, findings of level OK included."""

    name: str
    run: Callable[[Examination], Iterable[Finding]]


def probes(*functions: Callable[[Examination], Iterable[Finding]]) -> tuple[Probe, ...]:
    """Make probes of functions that are named `probe_<what>`."""
    return tuple(Probe(function.__name__.removeprefix("probe_"), function) for function in functions)
