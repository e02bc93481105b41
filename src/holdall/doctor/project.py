"""Layer `project`: what only Django knows, from its settings, models and migrations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.files.storage import default_storage, storages
from django.db.models import FileField
from django.utils.module_loading import import_string
from storages.backends.s3 import S3Storage

from holdall.doctor.examination import Examination, probes
from holdall.findings import Finding, Kind, Level

STATICFILES_MISSING = Kind(
    "D050",
    Level.ERROR,
    "`STORAGES` has no `staticfiles`",
    "The setting replaces Django's own and is not merged with it: collectstatic and `{% static %}` raise.",
    "STORAGES = holdall.from_env()   # gives `default` and `staticfiles`",
    ("A2",),
)
STATIC_ON_S3 = Kind(
    "D051",
    Level.WARNING,
    "Static files are kept on S3",
    "collectstatic asks and uploads file by file, which takes minutes with each deployment.",
    "Serve them with WhiteNoise or from the image; keep S3 for media.",
    ("I2",),
)
SECRET_IN_MIGRATION = Kind(
    "D052",
    Level.ERROR,
    "A key stands in a migration, or the next one will hold it",
    "Migrations are in version control: whoever reads the code may read and delete the files.",
    "Give the field a function that returns the storage: def media(): return storages['…']. Make a new pair of keys.",
    ("K4",),
)
STORAGE_IN_MIGRATION = Kind(
    "D053",
    Level.WARNING,
    "A field's storage is written into migrations with its options",
    "One environment's bucket is frozen for all others.",
    "Give the field a function that returns the storage: def media(): return storages['…']",
    ("K4",),
)
MEDIA_SETTINGS_UNUSED = Kind(
    "D054",
    Level.NOTICE,
    "A setting for media on disk has no effect",
    "Links and places of files come from the storage alone.",
    "Remove it, and the url pattern that serves it.",
    ("E3",),
)
FOLDER_TWICE = Kind(
    "D055",
    Level.WARNING,
    "A folder stands in the keys twice",
    "`upload_to` begins with what `location` says already; a CDN with that origin path finds nothing.",
    "Leave it out of one of the two; files that are there keep their names.",
    ("E2",),
)
USED_AT_IMPORT = Kind(
    "D056",
    Level.WARNING,
    "The storage was used while the project was loaded",
    "Under gunicorn --preload or Celery all workers share its one connection then: TLS errors, odd refusals.",
    "Use the storage in functions only; or holdall.storage.MediaStorage, which connects anew in each process.",
    ("M1",),
)
USES_PATH = Kind(
    "D057",
    Level.WARNING,
    "The project asks a file for its path",
    "On S3 there is none: `.path` raises NotImplementedError.",
    "Use `.open()`; for programs that need a file, copy it into a temporary one.",
    ("H2",),
)
LOCAL_IN_PRODUCTION = Kind(
    "D058",
    Level.WARNING,
    "Development's embedded server keeps the files, and DEBUG is off",
    "They lie in a folder of this machine: in a container they are gone with the next deployment.",
    "STORAGES_MODE=s3   # or do",
)
_SECRET_OPTIONS = ("access_key", "secret_key", "security_token", "cloudfront_key")
_KEY_IN_CODE = re.compile(r"""\b(?:access_key|secret_key|security_token)\s*=\s*['"][^'"]{8,}['"]""")


def probe_staticfiles(examination: Examination) -> Iterator[Finding]:
    """Look at where static files go."""
    if not (examination.project and examination.first):
        return
    entry = settings.STORAGES.get("staticfiles")
    if entry is None:
        if apps.is_installed("django.contrib.staticfiles"):
            yield STATICFILES_MISSING.found(f"`STORAGES` has {', '.join(settings.STORAGES) or 'nothing'}")
    elif issubclass(import_string(entry["BACKEND"]), S3Storage):
        yield STATIC_ON_S3.found(f'`storages["staticfiles"]` is {entry["BACKEND"]}')


def probe_media_settings(examination: Examination) -> Iterator[Finding]:
    """Find settings that mean something on a disk only, and a disk that is meant for development only."""
    if not (examination.project and examination.is_s3 and examination.first):
        return
    for name in ("MEDIA_URL", "MEDIA_ROOT"):
        # The stubs do not know it.
        if settings.is_overridden(name) and getattr(settings, name):  # type: ignore[misc]
            yield MEDIA_SETTINGS_UNUSED.found(f'`{name}` is "{getattr(settings, name)}"')
    if examination.is_ours and examination.storage.local_folder and not settings.DEBUG:
        yield LOCAL_IN_PRODUCTION.found("`STORAGES_MODE` is local, `DEBUG` is False")


# -- models and migrations


def file_fields(examination: Examination) -> Iterator[FileField]:
    """Give the fields whose files are in this storage."""
    for model in apps.get_models():
        for field in model._meta.get_fields(include_parents=False):
            if isinstance(field, FileField) and _is_same(field.storage, examination):
                yield field


def _is_same(storage: Any, examination: Examination) -> bool:
    if storage is default_storage:
        return examination.alias == "default"
    own = examination.storage
    places = [
        tuple(getattr(one, name, None) for name in ("bucket_name", "location", "endpoint_url"))
        for one in (storage, own)
    ]
    return type(storage) is type(own) and places[0] == places[1]


def probe_fields(examination: Examination) -> Iterator[Finding]:
    """Look at what fields would write into migrations, and at where they put their files."""
    if not (examination.project and examination.is_s3):
        return
    for field in file_fields(examination):
        upload_to, location = str(field.upload_to).strip("/"), str(examination.storage.location or "").strip("/")
        if location and not callable(field.upload_to) and f"{upload_to}/".startswith(f"{location}/"):
            yield FOLDER_TWICE.found(f'{field}: `upload_to` is "{field.upload_to}", `location` "{location}"')
        kept = field.deconstruct()[3].get("storage")
        if isinstance(kept, S3Storage):
            path, _, options = kept.deconstruct()
            if secret := [name for name in _SECRET_OPTIONS if options.get(name)]:
                yield SECRET_IN_MIGRATION.found(f"{field}: its storage deconstructs to {path}({', '.join(secret)}, …)")
            elif options:
                yield STORAGE_IN_MIGRATION.found(f"{field}: its storage deconstructs to {path}({', '.join(options)})")


def probe_migrations(examination: Examination) -> Iterator[Finding]:
    """Look for keys in the project's own migrations."""
    if not (examination.project and examination.first):
        return
    known = [*examination.secrets(), str(getattr(examination.storage, "access_key", None) or "")]
    for app in own_apps():
        for file in sorted(Path(app.path, "migrations").glob("*.py")):
            text = file.read_text(encoding="utf-8", errors="replace")
            if _KEY_IN_CODE.search(text) or any(len(key) >= 8 and key in text for key in known):
                yield SECRET_IN_MIGRATION.found(f"{app.label}/migrations/{file.name}")


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
                    yield USES_PATH.found(f"{app.label}/{file.relative_to(app.path)}, line {number}: {line.strip()}")


def _sources(folder: Path) -> Iterator[Path]:
    """Give the Python files of an app, not those of an environment that may lie in its folder."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith((".", "__")) and not (path / "pyvenv.cfg").exists():
            yield from _sources(path)
        elif path.suffix == ".py":
            yield path


def own_apps() -> Iterable[AppConfig]:
    """Give the project's own apps, not what it has installed."""
    return [
        app
        for app in apps.get_app_configs()
        if not {"site-packages", "dist-packages"} & set(Path(app.path).parts) and app.name != "holdall"
    ]


# -- the running project


def probe_import_use(examination: Examination) -> Iterator[Finding]:
    """See whether a storage that is not made for it has a connection already, before anything was served."""
    if not (examination.project and examination.is_s3) or examination.is_ours:
        return
    # Django's handler has no other way to tell what it has made without making it.
    made: Any = storages._storages.get(examination.alias)  # type: ignore[attr-defined]
    connections = getattr(made, "_connections", None)
    if getattr(made, "_bucket", None) is not None or getattr(connections, "connection", None) is not None:
        yield USED_AT_IMPORT.found(f'`storages["{examination.alias}"]` has a connection before the first request')


PROBES = probes(
    probe_staticfiles,
    probe_media_settings,
    probe_fields,
    probe_migrations,
    probe_paths,
    probe_import_use,
)
