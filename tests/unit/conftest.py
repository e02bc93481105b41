"""The pure tests run with every change: properties are searched briefly, and deeply when asked to."""

from __future__ import annotations

import os

from hypothesis import settings

# HOLDALL_EXAMPLES=5000 digs deeper.
settings.register_profile("brief", max_examples=int(os.environ.get("HOLDALL_EXAMPLES", "15")), deadline=None)
settings.load_profile("brief")
