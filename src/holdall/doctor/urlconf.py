"""Layer `urlconf`: folders that the project's own URLs serve."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver
from django.views.static import serve

import holdall
from holdall.doctor.catalogue import urlconf as kinds
from holdall.doctor.examination import Examination
from holdall.doctor.probe import probes
from holdall.findings import Finding

_SQLITE = ("sqlite3", "spatialite")
# A URLconf can include itself.
_MOST_INCLUDES = 20


def probe_served_folders(examination: Examination) -> Iterator[Finding]:
    """Find patterns that serve a folder in which there is more than media. Reads the URLconf as Django's own checks do."""
    if not (examination.project and examination.first):
        return
    secret = list(_not_to_serve(examination))
    for route, folder in _served():
        held = [what for what, path in secret if path.is_relative_to(folder)]
        held += [name for name in ("manage.py", ".holdall") if (folder / name).exists() and name not in held]
        if held:
            yield kinds.PROJECT_SERVED.found(f'the pattern "{route}" serves {folder}, which holds {", ".join(held)}')


def _not_to_serve(examination: Examination) -> Iterator[tuple[str, Path]]:
    """Yield what no URL may lead to: its name, and where it is."""
    local = getattr(examination.storage, "local_folder", None)
    beside = holdall.default_local_folder().parent
    if (beside / "manage.py").is_file():
        yield "manage.py", beside.resolve() / "manage.py"
    if local:
        yield Path(local).name, Path(local).resolve()
    for database in settings.DATABASES.values():
        name = str(database.get("NAME") or "")
        if str(database.get("ENGINE", "")).endswith(_SQLITE) and name and not name.startswith(("file:", ":memory:")):
            yield Path(name).name, Path(name).resolve()


def _served() -> Iterator[tuple[str, Path]]:
    if not getattr(settings, "ROOT_URLCONF", None):
        return
    try:
        patterns = list(_patterns(get_resolver(), "", {}))
    except Exception:  # noqa: BLE001  a broken URLconf raises anything, and Django's own checks report it
        return
    for route, view, arguments in patterns:
        view, given = _unwrapped(view)
        folder = {**given, **arguments}.get("document_root")
        if view is serve and isinstance(folder, (str, os.PathLike)):
            # As `serve` itself does: "" is the working directory.
            yield route, Path(os.path.abspath(os.fspath(folder))).resolve()  # noqa: PTH100  as `serve` does


def _patterns(
    resolver: URLResolver, route: str, arguments: Mapping[str, Any], depth: int = 0
) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Yield each pattern with its whole route, its view and the arguments that come from the URLconf."""
    for one in resolver.url_patterns if depth < _MOST_INCLUDES else ():
        longer = f"{route}{one.pattern}"
        if isinstance(one, URLResolver):
            yield from _patterns(one, longer, {**arguments, **one.default_kwargs}, depth + 1)
        elif isinstance(one, URLPattern):
            yield longer, one.callback, {**arguments, **one.default_args}


def _unwrapped(view: Any) -> tuple[Any, dict[str, Any]]:
    """Look inside decorators and `partial`: the view itself, and the arguments that it was given there."""
    given: dict[str, Any] = {}
    while True:
        view = inspect.unwrap(view)
        if not isinstance(view, partial):
            return view, given
        given, view = {**view.keywords, **given}, view.func


PROBES = probes(probe_served_folders)
