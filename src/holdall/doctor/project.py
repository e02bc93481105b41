"""Layer `project`."""

from __future__ import annotations

from holdall.doctor.examination import Probe

PROBES: tuple[Probe, ...] = ()
