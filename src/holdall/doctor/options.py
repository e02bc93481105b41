"""Layer `options`: what the storage was given, whatever class it has and whoever wrote it."""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from storages.backends.s3 import S3Storage

from holdall.doctor.examination import Examination, probes
from holdall.environment.unread import MISNOMERS
from holdall.environment.values import nearest, slip
from holdall.findings import Finding, Kind, Level
from holdall.providers import AMAZON, GENERIC, recognise
from holdall.s3.sessions import known_profiles
from holdall.s3.target import UPLOAD_ARGUMENTS

NO_BUCKET = Kind(
    "D201",
    Level.ERROR,
    "The storage has no bucket",
    "The first upload or link fails with a TypeError or ValueError that does not say so.",
    'AWS_STORAGE_BUCKET_NAME = "…"   # or the option bucket_name; with Holdall: STORAGE_BUCKET_NAME',
    ("A4",),
)
DIRTY_OPTION = Kind(
    "D202",
    Level.ERROR,
    "An option has quotes, blanks or a line break around it",
    "boto3 takes it as it is: hosts and buckets are not found, signatures do not match.",
    "Remove them where the value comes from: `docker --env-file` keeps quotes, `echo` adds a line break.",
    ("A5",),
)
TEXT_FOR_VALUE = Kind(
    "D203",
    Level.ERROR,
    "An option is a text where a boolean or number is meant",
    'Every text but an empty one counts as true, "False" among them; numbers fail where they are reckoned with.',
    'os.environ["…"].lower() == "true"   # or int(os.environ["…"])',
    ("A6",),
)
EMPTY_OPTION = Kind(
    "D204",
    Level.ERROR,
    "An option is an empty text",
    "It is not the same as none: boto3 refuses it as an address.",
    'os.environ.get("…") or None',
    ("A7",),
)
EMPTY_KEY = Kind(
    "D205",
    Level.WARNING,
    "A key is an empty text",
    "boto3 passes over it in silence, and another identity than the one that is meant may sign.",
    'os.environ.get("…") or None',
    ("A7",),
)
HALF_PAIR = Kind(
    "D206",
    Level.ERROR,
    "Half a key pair",
    "The first request fails with an AttributeError or NoCredentialsError.",
    "Give both `access_key` and `secret_key`, or neither where the machine has a role.",
    ("B2",),
)
TOKEN_MISSING = Kind(
    "D207",
    Level.ERROR,
    "Temporary keys without their session token",
    "The store says that it does not know the key, although it works in the tool that it was copied from.",
    "Give `security_token` (AWS_SESSION_TOKEN) too, or none of the three where the machine has a role.",
    ("B1",),
)
PROFILE_MISSING = Kind(
    "D208",
    Level.ERROR,
    "There is no such profile on this machine",
    "boto3 raises ProfileNotFound with the first request.",
    "aws configure list-profiles   # then correct the name, or unset it",
    ("B2",),
)
NO_SCHEME = Kind(
    "D209",
    Level.ERROR,
    "The endpoint has no scheme",
    "boto3 refuses it with `Invalid endpoint`.",
    "Write it with https:// at its beginning.",
    ("C2",),
)
UNKNOWN_PARAMETER = Kind(
    "D210",
    Level.ERROR,
    "An upload parameter is none that the SDK knows",
    "Every upload fails with `Invalid extra_args key`.",
    "Correct or remove it in `object_parameters` (AWS_S3_OBJECT_PARAMETERS); CORS headers belong to the bucket.",
    ("G9",),
)
MISNAMED_SETTING = Kind(
    "D211",
    Level.ERROR,
    "A setting has a name that nobody reads",
    "django-storages passes over it in silence, and what it was meant for is unset.",
    failures=("A3",),
)
FOREIGN_KEY = Kind(
    "D212",
    Level.WARNING,
    "The key looks like another provider's",
    "Its beginning is of another provider than the endpoint is; then every request is refused.",
    "Compare it with the console of the provider whose endpoint it is.",
    ("B3",),
)
OVERWRITES = Kind(
    "D220",
    Level.WARNING,
    "Files of the same name replace each other",
    "`file_overwrite` is on, as is django-storages' default: of two users' image.jpg one is lost, without an error.",
    "AWS_S3_FILE_OVERWRITE = False   # or holdall.storage.MediaStorage",
    ("G1",),
)
READS_WHOLE_FILES = Kind(
    "D221",
    Level.WARNING,
    "Opened files are held in memory whole",
    "`max_memory_size` is 0, which means without limit: ten bytes of a large file cost all of it, in memory.",
    "AWS_S3_MAX_MEMORY_SIZE = 5 * 1024 * 1024   # or holdall.storage.MediaStorage, which reads in ranges",
    ("H1",),
)
THREADS_UNDER_GEVENT = Kind(
    "D222",
    Level.WARNING,
    "Uploads use threads under gevent",
    "boto3's thread pool and gevent's patches block each other; uploads time out.",
    "AWS_S3_TRANSFER_CONFIG = TransferConfig(use_threads=False)",
    ("G12",),
)

_TEXTS = ("bucket_name", "endpoint_url", "region_name", "custom_domain", "access_key", "secret_key", "security_token")
_SECRET = frozenset({"access_key", "secret_key", "security_token"})
_SWITCHES = ("querystring_auth", "file_overwrite", "gzip", "use_ssl")
_NUMBERS = ("querystring_expire", "max_memory_size")
# How keys begin, by their makers' documentation and consoles: hints, no proofs.
_KEY_BEGINS = {"amazon": r"A(?:KIA|SIA)[A-Z0-9]{12,}", "spaces": r"DO[A-Z0-9]{10,}", "scaleway": r"SCW[A-Z0-9]{10,}"}


def probe_required_options(examination: Examination) -> Iterator[Finding]:
    """Find what is missing, and the name under which it was given in vain."""
    storage = examination.storage
    if not examination.is_s3:
        return
    misnamed = _misnamed(storage) if examination.project and not examination.is_ours else {}
    for name, meant in misnamed.items():
        yield MISNAMED_SETTING.found(f"`{name}` is set, `{meant}` is not", do=f"Rename `{name}` to `{meant}`.")
    explained = set(misnamed.values())
    if not storage.bucket_name and "AWS_STORAGE_BUCKET_NAME" not in explained:
        yield NO_BUCKET.found(f"`bucket_name` is {storage.bucket_name!r}")
    yield from _keys(examination, explained)


def _misnamed(storage: Any) -> dict[str, str]:
    """Give the settings that are a slip for one that is unset: name -> the one that is read."""
    known = set(re.findall(r'"(AWS_\w+)"', inspect.getsource(S3Storage.get_default_settings)))
    found = {}
    for name in dir(settings):
        if name in known or not name.startswith(("AWS_", "S3_")):
            continue
        meant = MISNOMERS.get(name, "").replace("STORAGE_BUCKET_NAME", "AWS_STORAGE_BUCKET_NAME")
        if meant not in known:
            meant = next((one for one in sorted(known) if slip(name, one)), "")
        if meant and getattr(settings, meant, None) is None and getattr(settings, name):
            found[name] = meant
    return found


def _keys(examination: Examination, explained: set[str]) -> Iterator[Finding]:
    storage = examination.storage
    pair = {name: getattr(storage, name) for name in ("access_key", "secret_key")}
    empty = [name for name, value in pair.items() if value == ""]
    if len(empty) == 2:
        yield EMPTY_KEY.found('`access_key` and `secret_key` are ""')
    elif bool(pair["access_key"]) != bool(pair["secret_key"]):
        present, missing = sorted(pair, key=lambda name: not pair[name])
        if not explained & {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}:
            yield HALF_PAIR.found(f"`{present}` is set, `{missing}` is not")
    elif pair["access_key"] and str(pair["access_key"]).startswith("ASIA") and not storage.security_token:
        yield TOKEN_MISSING.found("`access_key` begins with ASIA, `security_token` is unset")
    profile = storage.session_profile or ("" if any(pair.values()) else os.environ.get("AWS_PROFILE", ""))
    if profile and profile not in (profiles := known_profiles()):
        yield PROFILE_MISSING.found(f'profile "{profile}"; there are {", ".join(profiles) or "none"}')
    yield from _foreign_key(examination)


def _foreign_key(examination: Examination) -> Iterator[Finding]:
    """Compare the key's beginning with the endpoint's host; local servers take any."""
    storage, reading = examination.storage, examination.reading
    key = storage.access_key or ""
    if not key and reading and reading.store and reading.store.keys:
        key = reading.store.keys.access_key.reveal()
    provider = recognise(storage.endpoint_url or None)[0]
    if provider is GENERIC or (provider is not AMAZON and provider.id not in {"spaces", "scaleway", "r2", "b2"}):
        return
    maker = next((id_ for id_, begin in _KEY_BEGINS.items() if re.match(begin, key)), None)
    if maker and maker != provider.id:
        yield FOREIGN_KEY.found(
            f"the key's id begins with {key[:2]}…, as {maker}'s do; the endpoint is {provider.title}'s"
        )


def probe_written_options(examination: Examination) -> Iterator[Finding]:
    """Find options that are not what they look like."""
    storage = examination.storage
    if not examination.is_s3:
        return
    for name in _TEXTS:
        value = getattr(storage, name)
        if isinstance(value, str) and (dirt := _dirt(value)):
            shown = "" if name in _SECRET else f": {value!r}"
            yield DIRTY_OPTION.found(f"`{name}` {dirt}{shown} ({len(value)} characters)")
    for name in (*_SWITCHES, *_NUMBERS):
        if isinstance(value := getattr(storage, name), str):
            yield TEXT_FOR_VALUE.found(f"`{name}` is the text {value!r}")
    for name in ("endpoint_url", "region_name"):
        if getattr(storage, name) == "":
            yield EMPTY_OPTION.found(f'`{name}` is ""')
    endpoint = str(storage.endpoint_url or "")
    if endpoint and "://" not in endpoint and not _dirt(endpoint):
        yield NO_SCHEME.found(f'`endpoint_url` is "{endpoint}"', do=f'AWS_S3_ENDPOINT_URL = "https://{endpoint}"')


def _dirt(value: str) -> str:
    if value != value.strip():
        return "ends with a line break" if value.endswith(("\n", "\r")) else "has blanks around it"
    return "has quotes around it" if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else ""


def probe_upload_options(examination: Examination) -> Iterator[Finding]:
    """Find upload parameters that no upload survives."""
    if not examination.is_s3:
        return
    for name in examination.storage.get_object_parameters(examination.name("a.jpg")):
        if name not in UPLOAD_ARGUMENTS:
            near = nearest(name, UPLOAD_ARGUMENTS)
            yield UNKNOWN_PARAMETER.found(f'"{name}"' + (f"; {near}, perhaps?" if near else ""))


def probe_behaviour(examination: Examination) -> Iterator[Finding]:
    """Find options under which files are lost, or memory."""
    storage = examination.storage
    if not examination.is_s3:
        return
    if storage.file_overwrite is True:
        yield OVERWRITES.found(f'`file_overwrite` is True in `storages["{examination.alias}"]`')
    if not examination.is_ours and storage.max_memory_size == 0:
        yield READS_WHOLE_FILES.found("`max_memory_size` is 0")
    if _gevent_patched() and getattr(storage.transfer_config, "use_threads", True):
        yield THREADS_UNDER_GEVENT.found("gevent has patched the socket module, and `use_threads` is on")


def _gevent_patched() -> bool:
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("socket"))


PROBES = probes(probe_required_options, probe_written_options, probe_upload_options, probe_behaviour)
