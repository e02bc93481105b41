"""What the Celery workers of a project do for Holdall; found by `app.autodiscover_tasks()`."""

from __future__ import annotations

from typing import Any

from celery import shared_task


# The message is gone once it is taken: who waits for a shard sends it again, and nothing else may, hours later.
@shared_task(name="holdall.copy", bind=True, acks_late=False, ignore_result=True, max_retries=0)
def copy_shard(self: Any, order: dict[str, Any]) -> None:
    """Carry out one shard of `holdall copy --celery`."""
    from holdall.bulk import crew
    from holdall.cli.places import open_alias

    crew.carry_out(order, str(self.request.id), open_alias, self.app)
