"""How long the random operations against a model go on: a little every day, and as long as is asked for.

`HOLDALL_MODEL_STEPS` sets how many steps are taken in each variant.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

STEPS = int(os.environ.get("HOLDALL_MODEL_STEPS", "100"))
STEPS_AT_A_TIME = 50
TIMEOUT_SECONDS = max(300, STEPS)


def model_settings() -> settings:
    """Give hypothesis' settings for a state machine."""
    return settings(
        max_examples=max(1, STEPS // STEPS_AT_A_TIME),
        stateful_step_count=STEPS_AT_A_TIME,
        # The same steps on every machine, every day; more of them in the long run.
        derandomize=True,
        database=None,
        deadline=None,
        # In the long run a failure is told as it was met: to make it smaller takes longer than to find it.
        phases=[Phase.generate, Phase.shrink][: 1 if STEPS > 1_000 else 2],
        suppress_health_check=list(HealthCheck),
    )
