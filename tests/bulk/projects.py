"""A Django project inside of a test: its apps, its databases and its storages, and all as it was afterwards."""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from asgiref.local import Local
from django.db import connections
from django.test import override_settings

from holdall import cli

PLAIN = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}


@contextmanager
def databases(given: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    """Put these databases in place of the project's, with the tables of `tests.bulk.audited` in each."""
    settings, opened = connections.settings, connections._connections
    connections.settings = connections.configure_settings({alias: dict(one) for alias, one in given.items()})
    connections._connections = Local(connections.thread_critical)
    try:
        yield
    finally:
        connections.close_all()
        connections.settings, connections._connections = settings, opened


@contextmanager
def project(storages: Mapping[str, Any], *apps: str) -> Iterator[None]:
    """Be a project with these storages and apps."""
    with override_settings(
        STORAGES={**PLAIN, **storages}, INSTALLED_APPS=["holdall", *(apps or ("tests.bulk.audited",))]
    ):
        yield


def make_tables(alias: str, models: Any) -> None:
    """Make the tables of these models in a database."""
    with connections[alias].schema_editor() as editor:
        for model in models:
            editor.create_model(model)


def manage(*arguments: str) -> tuple[int, str]:
    """Run `manage.py holdall …`; give its exit code and all that it said."""
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    out = io.StringIO()
    code = cli.run(parser.parse_args(arguments), out=out, err=out, environ={}, in_project=True)
    return code, out.getvalue()
