"""Layer `project`: what only Django knows, from its settings, models and migrations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.files.storage import storages
from django.utils.module_loading import import_string
from storages.backends.s3 import S3Storage

from holdall.doctor.catalogue import project as kinds
from holdall.doctor.examination import Examination
from holdall.doctor.fields import file_fields, own_apps
from holdall.doctor.probe import probes
from holdall.findings import Finding

_SECRET_OPTIONS = ("access_key", "secret_key", "security_token", "cloudfront_key")
_KEY_IN_CODE = re.compile(r"""\b(?:access_key|secret_key|security_token)\s*=\s*['"][^'"]{8,}['"]""")


def probe_staticfiles(examination: Examination) -> Iterator[Finding]:
    """Look at where static files go."""
    if not (examination.project and examination.first):
        return
    entry = settings.STORAGES.get("staticfiles")
    if entry is None:
        if apps.is_installed("django.contrib.staticfiles"):
            yield kinds.STATICFILES_MISSING.found(f"`STORAGES` has {', '.join(settings.STORAGES) or 'nothing'}")
    elif issubclass(import_string(entry["BACKEND"]), S3Storage):
        yield kinds.STATIC_ON_S3.found(f'`storages["staticfiles"]` is {entry["BACKEND"]}')


def probe_media_settings(examination: Examination) -> Iterator[Finding]:
    """Find settings that only work on a disk, and a disk that is only for development."""
    if not (examination.project and examination.is_s3 and examination.first):
        return
    for name in ("MEDIA_URL", "MEDIA_ROOT"):
        # The stubs do not know it.
        if settings.is_overridden(name) and getattr(settings, name):  # type: ignore[misc]  # the stubs do not know it
            yield kinds.MEDIA_SETTINGS_UNUSED.found(f'`{name}` is "{getattr(settings, name)}"')
    if examination.is_ours and examination.storage.local_folder and not settings.DEBUG:
        yield kinds.LOCAL_IN_PRODUCTION.found("`STORAGES_MODE` is local, `DEBUG` is False")


# -- models and migrations


def probe_fields(examination: Examination) -> Iterator[Finding]:
    """Check what fields would write into migrations, and where they put their files."""
    if not (examination.project and examination.is_s3):
        return
    for field in file_fields(examination):
        upload_to, location = str(field.upload_to).strip("/"), str(examination.storage.location or "").strip("/")
        if location and not callable(field.upload_to) and f"{upload_to}/".startswith(f"{location}/"):
            yield kinds.FOLDER_TWICE.found(f'{field}: `upload_to` is "{field.upload_to}", `location` "{location}"')
        kept = field.deconstruct()[3].get("storage")
        if isinstance(kept, S3Storage):
            path, _, options = kept.deconstruct()
            if secret := [name for name in _SECRET_OPTIONS if options.get(name)]:
                yield kinds.SECRET_IN_MIGRATION.found(
                    f"{field}: migrations would contain {path}({', '.join(secret)}, …)"
                )
            elif options:
                yield kinds.STORAGE_IN_MIGRATION.found(
                    f"{field}: migrations would contain {path}({', '.join(options)})"
                )


def probe_migrations(examination: Examination) -> Iterator[Finding]:
    """Look for keys in the project's own migrations."""
    if not (examination.project and examination.first):
        return
    known = [*examination.secrets(), str(getattr(examination.storage, "access_key", None) or "")]
    for app in own_apps():
        for file in sorted(Path(app.path, "migrations").glob("*.py")):
            text = file.read_text(encoding="utf-8", errors="replace")
            if _KEY_IN_CODE.search(text) or any(len(key) >= 8 and key in text for key in known):
                yield kinds.SECRET_IN_MIGRATION.found(f"{app.label}/migrations/{file.name}")


def probe_paths(examination: Examination) -> Iterator[Finding]:
    """Look for `.path` of file fields in the project's own code."""
    if not (examination.project and examination.is_s3):
        return
    names = {field.name for field in file_fields(examination)}
    pattern = re.compile(rf"\.(?:{'|'.join(map(re.escape, sorted(names)))})\.path\b") if names else None
    for app in own_apps() if pattern else ():
        for file in _sources(Path(app.path)):
            for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
                if pattern and pattern.search(line) and not line.lstrip().startswith("#"):
                    yield kinds.USES_PATH.found(
                        f"{app.label}/{file.relative_to(app.path)}, line {number}: {line.strip()}"
                    )


def _sources(folder: Path) -> Iterator[Path]:
    """Yield the Python files of an app, without those of a virtual environment in its folder."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith((".", "__")) and not (path / "pyvenv.cfg").exists():
            yield from _sources(path)
        elif path.suffix == ".py":
            yield path


# -- the running project


def probe_import_use(examination: Examination) -> Iterator[Finding]:
    """Check whether the storage has a connection before anything was served, unless its class allows that."""
    if not (examination.project and examination.is_s3) or examination.is_ours:
        return
    # Django's handler has no public way to see what it has made without making it.
    made: Any = storages._storages.get(examination.alias)  # type: ignore[attr-defined]  # made already, and not to be made here
    connections = getattr(made, "_connections", None)
    if getattr(made, "_bucket", None) is not None or getattr(connections, "connection", None) is not None:
        yield kinds.USED_AT_IMPORT.found(f'`storages["{examination.alias}"]` has a connection before the first request')


PROBES = probes(
    probe_staticfiles,
    probe_media_settings,
    probe_fields,
    probe_migrations,
    probe_paths,
    probe_import_use,
)
