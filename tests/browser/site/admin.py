"""The admin of the reports, with pictures inside."""

from __future__ import annotations
