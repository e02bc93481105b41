"""Layer `backend`: which versions are installed, and which class keeps the files."""

from __future__ import annotations

import importlib.util
import platform
import re
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import django
from django.conf import settings
from django.core.files.storage import FileSystemStorage

import holdall
from holdall.devserver import weed
from holdall.doctor.catalogue import backend as kinds
from holdall.doctor.examination import Examination
from holdall.doctor.probe import probes
from holdall.environment.build import BuildModeStorage
from holdall.errors import DevServerError
from holdall.findings import Finding
from holdall.providers import AMAZON

# https://docs.djangoproject.com/en/5.1/releases/5.1/#features-removed-in-5-1
LEGACY_SETTINGS = ("DEFAULT_FILE_STORAGE", "STATICFILES_STORAGE")
ADVISED = (1, 14, 6)
ALWAYS_MISSING = (1, 14, 4)


def probe_versions(examination: Examination) -> Iterator[Finding]:
    """Report what is installed, and which of it is known to be broken."""
    found = {name: metadata.version(name) for name in ("django-storages", "boto3")}
    packages = {"Python": platform.python_version(), "Django": django.get_version(), **found}
    packages["Holdall"] = holdall.__version__
    yield kinds.VERSIONS.found(", ".join(f"{name} {version}" for name, version in packages.items()))
    installed = tuple(int(digits) for digits in re.findall(r"\d+", found["django-storages"])[:3])
    if installed == ALWAYS_MISSING:
        yield kinds.NEVER_EXISTS.found(f"django-storages {found['django-storages']}")
    elif installed < ADVISED:
        yield kinds.OLD_DJANGO_STORAGES.found(f"django-storages {found['django-storages']}")


def probe_class(examination: Examination) -> Iterator[Finding]:
    """Report the class that keeps the files, if it is not on S3."""
    storage = examination.storage
    ignored = [name for name in LEGACY_SETTINGS if examination.project and hasattr(settings, name)]
    on_disk = isinstance(storage, FileSystemStorage) and examination.alias == "default"
    if on_disk and "DEFAULT_FILE_STORAGE" in ignored:
        yield kinds.SETTING_IGNORED.found(_legacy("DEFAULT_FILE_STORAGE"))
        ignored.remove("DEFAULT_FILE_STORAGE")
    elif on_disk:
        yield kinds.FILES_ON_DISK.found(f'`storages["default"]` is {_path(storage)}')
    elif isinstance(storage, BuildModeStorage) or (examination.reading and examination.reading.building):
        yield kinds.IMAGE_IS_BUILT.found("`BUILD_MODE` is true")
    elif storage is not None and not examination.is_s3:
        yield kinds.NOT_S3.found(f'`storages["{examination.alias}"]` is {_path(storage)}')
    if examination.first:
        yield from (kinds.LEFTOVER_SETTING.found(_legacy(name)) for name in ignored)


def _legacy(name: str) -> str:
    return f'`{name} = "{getattr(settings, name)}"`, with Django {django.get_version()}'


def probe_making(examination: Examination) -> Iterator[Finding]:
    """Report why the storage could not be created."""
    error = examination.broken
    if error is None:
        return
    seen = f"{type(error).__name__}: {error}"
    if examination.project and examination.alias not in settings.STORAGES:
        yield kinds.ALIAS_MISSING.found(seen)
    elif re.search(r"PEM|private key|deserialize|RSA backend|CLOUDFRONT_KEY|cloudfront_key", seen):
        yield kinds.CLOUDFRONT_KEY_UNUSABLE.found(seen)
    else:
        yield kinds.NOT_MADE.found(seen)


def probe_transfer_client(examination: Examination) -> Iterator[Finding]:
    """Find a transfer configuration that would ignore the endpoint (boto/boto3#4839)."""
    if not examination.is_s3 or examination.target.provider is AMAZON:
        return
    config: Any = examination.storage.transfer_config
    preferred = str(getattr(config, "preferred_transfer_client", "auto")).lower()
    if preferred == "crt":
        yield kinds.ENDPOINT_IGNORED.found('`preferred_transfer_client` is "crt"')
    elif preferred == "auto" and importlib.util.find_spec("awscrt"):
        yield kinds.ENDPOINT_MAY_BE_IGNORED.found('awscrt is installed, and `preferred_transfer_client` is "auto"')


def probe_embedded_server(examination: Examination) -> Iterator[Finding]:
    """Find mode `local` without the server that it needs."""
    if examination.is_ours and examination.target.local_folder:
        try:
            weed.find_program()
        except DevServerError as error:
            yield kinds.SERVER_MISSING.found(str(error))


def _path(storage: Any) -> str:
    return f"{type(storage).__module__}.{type(storage).__qualname__}"


PROBES = probes(probe_versions, probe_class, probe_making, probe_transfer_client, probe_embedded_server)
