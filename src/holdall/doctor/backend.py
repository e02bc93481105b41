"""Layer `backend`: which versions run, and which class really keeps the files."""

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
from holdall.doctor.examination import Examination, probes
from holdall.environment.build import BuildModeStorage
from holdall.errors import DevServerError
from holdall.findings import Cause, Finding, Kind, Level
from holdall.providers import AMAZON

VERSIONS = Kind("D000", Level.OK, "These versions run", "They are what is installed here.")
FILES_ON_DISK = Kind(
    "D001",
    Level.ERROR,
    "Files are kept on this machine's disk",
    "In a container they are gone with the next deployment, and no second machine sees them.",
    "STORAGES = holdall.from_env()   # in the settings",
    ("A1",),
)
SETTING_IGNORED = Kind(
    "D002",
    Level.ERROR,
    "The setting that chooses the storage is ignored by this Django",
    "Django 5.1 removed it, without a word at start: files are kept on this machine's disk.",
    "STORAGES = holdall.from_env()   # in the settings, in place of the old one",
    ("A1",),
)
LEFTOVER_SETTING = Kind(
    "D003",
    Level.WARNING,
    "A setting of older Djangos is ignored",
    "Django 5.1 removed it; `STORAGES` decides. Whoever changes it will wonder.",
    "Remove it from the settings.",
    ("A1",),
)
NOT_S3 = Kind(
    "D004",
    Level.NOTICE,
    "A storage that is not on S3 was not examined",
    "The doctor knows S3 only.",
)
IMAGE_IS_BUILT = Kind(
    "D005",
    Level.ERROR,
    "Build mode is on",
    "Any use of the storage raises, as is right while an image is built, and wrong when it runs.",
    "unset BUILD_MODE   # where the image runs",
)
NOT_MADE = Kind(
    "D006",
    Level.ERROR,
    "The storage cannot be made",
    "Its class refuses its options, or cannot be imported; the first upload would say so.",
    "Correct the entry of `STORAGES`, or the `AWS_*` setting that is named.",
    ("A3", "B2", "G11"),
)
CLOUDFRONT_KEY_UNUSABLE = Kind(
    "D007",
    Level.ERROR,
    "CloudFront's key material cannot be used",
    "No private link can be signed for the CDN domain.",
    "pip install 'django-holdall[cloudfront]'",
    ("E7",),
)
ALIAS_MISSING = Kind(
    "D008",
    Level.ERROR,
    "`STORAGES` has no such entry",
    "The setting replaces Django's own and is not merged with it: whatever uses this storage raises.",
    "STORAGES = holdall.from_env()   # gives `default` and `staticfiles`",
    ("A2",),
)
NEVER_EXISTS = Kind(
    "D010",
    Level.ERROR,
    "This django-storages says of files that they do not exist",
    "In 1.14.4 `exists()` is always false where files may be overwritten.",
    "pip install 'django-storages>=1.14.6,<2'",
    ("G13",),
)
OLD_DJANGO_STORAGES = Kind(
    "D011",
    Level.WARNING,
    "This django-storages is older than what Holdall is made for",
    "Known defects of it are repaired in 1.14.6.",
    "pip install 'django-storages>=1.14.6,<2'",
    ("G13", "G3"),
)
ENDPOINT_IGNORED = Kind(
    "D012",
    Level.ERROR,
    "Uploads would go to Amazon, whatever the endpoint",
    "boto3's CRT client, which this transfer configuration asks for, ignores the endpoint.",
    'AWS_S3_TRANSFER_CONFIG = TransferConfig(preferred_transfer_client="classic")',
)
ENDPOINT_MAY_BE_IGNORED = Kind(
    "D013",
    Level.WARNING,
    "On some machines uploads would go to Amazon, whatever the endpoint",
    "awscrt is installed and boto3 may choose it by itself on machines it is optimised for; it ignores the endpoint.",
    'AWS_S3_TRANSFER_CONFIG = TransferConfig(preferred_transfer_client="classic")   # or: pip uninstall awscrt',
)

SERVER_MISSING = Kind(
    "D014",
    Level.ERROR,
    "The embedded server is not installed",
    "Mode `local` keeps files in a server of its own, which is an extra of the package.",
    "pip install 'django-holdall[local]'",
)

# https://docs.djangoproject.com/en/5.1/releases/5.1/#features-removed-in-5-1
LEGACY_SETTINGS = ("DEFAULT_FILE_STORAGE", "STATICFILES_STORAGE")
ADVISED = (1, 14, 6)
ALWAYS_MISSING = (1, 14, 4)


def probe_versions(examination: Examination) -> Iterator[Finding]:
    """Say what is installed, and what of it is known to be broken."""
    found = {name: metadata.version(name) for name in ("django-storages", "boto3")}
    packages = {"Python": platform.python_version(), "Django": django.get_version(), **found}
    packages["Holdall"] = holdall.__version__
    yield VERSIONS.found(", ".join(f"{name} {version}" for name, version in packages.items()))
    installed = tuple(int(digits) for digits in re.findall(r"\d+", found["django-storages"])[:3])
    if installed == ALWAYS_MISSING:
        yield NEVER_EXISTS.found(f"django-storages {found['django-storages']}")
    elif installed < ADVISED:
        yield OLD_DJANGO_STORAGES.found(f"django-storages {found['django-storages']}")


def probe_class(examination: Examination) -> Iterator[Finding]:
    """Say which class keeps the files, if it is none on S3."""
    storage = examination.storage
    ignored = [name for name in LEGACY_SETTINGS if examination.project and hasattr(settings, name)]
    on_disk = isinstance(storage, FileSystemStorage) and examination.alias == "default"
    if on_disk and "DEFAULT_FILE_STORAGE" in ignored:
        yield SETTING_IGNORED.found(_legacy("DEFAULT_FILE_STORAGE"))
        ignored.remove("DEFAULT_FILE_STORAGE")
    elif on_disk:
        yield FILES_ON_DISK.found(f'`storages["default"]` is {_path(storage)}')
    elif isinstance(storage, BuildModeStorage) or (examination.reading and examination.reading.building):
        yield IMAGE_IS_BUILT.found("`BUILD_MODE` is true")
    elif storage is not None and not examination.is_s3:
        yield NOT_S3.found(f'`storages["{examination.alias}"]` is {_path(storage)}')
    if examination.first:
        yield from (LEFTOVER_SETTING.found(_legacy(name)) for name in ignored)


def _legacy(name: str) -> str:
    return f'`{name} = "{getattr(settings, name)}"`, with Django {django.get_version()}'


def probe_making(examination: Examination) -> Iterator[Finding]:
    """Say why the storage could not be made."""
    error = examination.broken
    if error is None:
        return
    seen = f"{type(error).__name__}: {error}"
    if examination.project and examination.alias not in settings.STORAGES:
        yield ALIAS_MISSING.found(seen)
    elif re.search(r"PEM|private key|deserialize|RSA backend|CLOUDFRONT_KEY|cloudfront_key", seen):
        yield CLOUDFRONT_KEY_UNUSABLE.found(
            seen,
            otherwise=[
                Cause(
                    "The key is not a whole PEM: a literal `\\n` where line breaks should be, or only one of key and id.",
                    "AWS_CLOUDFRONT_KEY=…   # holdall.from_env() reads it on one line, or as base64",
                )
            ],
        )
    else:
        yield NOT_MADE.found(seen)


def probe_transfer_client(examination: Examination) -> Iterator[Finding]:
    """Find a transfer configuration that would ignore the endpoint (boto/boto3#4839)."""
    if not examination.is_s3 or examination.target.provider is AMAZON:
        return
    config: Any = examination.storage.transfer_config
    preferred = str(getattr(config, "preferred_transfer_client", "auto")).lower()
    if preferred == "crt":
        yield ENDPOINT_IGNORED.found('`preferred_transfer_client` is "crt"')
    elif preferred == "auto" and importlib.util.find_spec("awscrt"):
        yield ENDPOINT_MAY_BE_IGNORED.found('awscrt is installed, and `preferred_transfer_client` is "auto"')


def probe_embedded_server(examination: Examination) -> Iterator[Finding]:
    """Find mode `local` without the server that it needs."""
    if examination.is_ours and examination.target.local_folder:
        try:
            weed.find_program()
        except DevServerError as error:
            yield SERVER_MISSING.found(str(error))


def _path(storage: Any) -> str:
    return f"{type(storage).__module__}.{type(storage).__qualname__}"


PROBES = probes(probe_versions, probe_class, probe_making, probe_transfer_client, probe_embedded_server)
