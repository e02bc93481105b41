"""A project with Celery workers, as Celery's page on Django makes it; where it is comes from the environment."""

from __future__ import annotations

import json
import os
from typing import Any

from celery import Celery

import holdall

SECRET_KEY = "tests-only"
INSTALLED_APPS = ["holdall"]
USE_TZ = True
# Each alias is its own variables.
STORAGES: dict[str, Any] = {
    alias: holdall.from_env(environ)["default"] for alias, environ in json.loads(os.environ.get("PLACES", "{}")).items()
}
CELERY_BROKER_URL = os.environ.get("BROKER", "memory://")
# As projects have it, to be safe: a task is given out again when its worker is gone, here in an hour.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_TIME_LIMIT = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.bulk.celery_site")
app = Celery("celery_site", set_as_current=False)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
