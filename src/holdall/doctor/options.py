"""Layer `options`: the storage's options, whatever its class."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from storages.backends.s3 import S3Storage

from holdall.doctor.catalogue import options as kinds
from holdall.doctor.examination import Examination
from holdall.doctor.outside import acl_of
from holdall.doctor.probe import probes
from holdall.environment.unread import MISNOMERS
from holdall.environment.values import nearest, slip
from holdall.findings import Finding
from holdall.providers import AMAZON, GENERIC, recognise
from holdall.s3 import greenlets
from holdall.s3.sessions import known_profiles
from holdall.s3.target import UPLOAD_ARGUMENTS

_TEXTS = ("bucket_name", "endpoint_url", "region_name", "custom_domain", "access_key", "secret_key", "security_token")
_SECRET = frozenset({"access_key", "secret_key", "security_token"})
_SWITCHES = ("querystring_auth", "file_overwrite", "gzip", "use_ssl")
_NUMBERS = ("querystring_expire", "max_memory_size")
# How keys begin, according to the providers' documentation and consoles: hints, not proofs.
_KEY_BEGINS = {"amazon": r"A(?:KIA|SIA)[A-Z0-9]{12,}", "spaces": r"DO[A-Z0-9]{10,}", "scaleway": r"SCW[A-Z0-9]{10,}"}


def probe_required_options(examination: Examination) -> Iterator[Finding]:
    """Find what is missing, and the misspelled name under which it may have been set."""
    storage = examination.storage
    if not examination.is_s3:
        return
    misnamed = _misnamed(storage) if examination.project and not examination.is_ours else {}
    for name, meant in misnamed.items():
        yield kinds.MISNAMED_SETTING.found(f"`{name}` is set, `{meant}` is not", do=f"Rename `{name}` to `{meant}`.")
    explained = set(misnamed.values())
    if not storage.bucket_name and "AWS_STORAGE_BUCKET_NAME" not in explained:
        yield kinds.NO_BUCKET.found(f"`bucket_name` is {storage.bucket_name!r}")
    yield from _keys(examination, explained)


def _misnamed(storage: Any) -> dict[str, str]:
    """Return the settings that are a misspelling of one that is not set: name -> the one that is read."""
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
        yield kinds.EMPTY_KEY.found('`access_key` and `secret_key` are ""')
    elif bool(pair["access_key"]) != bool(pair["secret_key"]):
        present, missing = sorted(pair, key=lambda name: not pair[name])
        if not explained & {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}:
            yield kinds.HALF_PAIR.found(f"`{present}` is set, `{missing}` is not")
    elif pair["access_key"] and str(pair["access_key"]).startswith("ASIA") and not storage.security_token:
        yield kinds.TOKEN_MISSING.found("`access_key` begins with ASIA, `security_token` is unset")
    profile = storage.session_profile or ("" if any(pair.values()) else os.environ.get("AWS_PROFILE", ""))
    if profile and profile not in (profiles := known_profiles()):
        yield kinds.PROFILE_MISSING.found(
            f'profile "{profile}"; this machine has {", ".join(profiles) or "no profiles"}'
        )
    yield from _foreign_key(examination)


def _foreign_key(examination: Examination) -> Iterator[Finding]:
    """Compare the key's beginning with the endpoint's host. Local servers accept any key."""
    storage, reading = examination.storage, examination.reading
    key = storage.access_key or ""
    if not key and reading and reading.store and reading.store.keys:
        key = reading.store.keys.access_key.reveal()
    provider = recognise(storage.endpoint_url or None)[0]
    if provider is GENERIC or (provider is not AMAZON and provider.id not in {"spaces", "scaleway", "r2", "b2"}):
        return
    maker = next((id_ for id_, begin in _KEY_BEGINS.items() if re.match(begin, key)), None)
    if maker and maker != provider.id:
        yield kinds.FOREIGN_KEY.found(
            f"the key id begins with {key[:2]}…, like those of {maker}, and the endpoint is {provider.title}'s"
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
            yield kinds.DIRTY_OPTION.found(f"`{name}` {dirt}{shown} ({len(value)} characters)")
    for name in (*_SWITCHES, *_NUMBERS):
        if isinstance(value := getattr(storage, name), str):
            yield kinds.TEXT_FOR_VALUE.found(f"`{name}` is the string {value!r}")
    for name in ("endpoint_url", "region_name"):
        if getattr(storage, name) == "":
            yield kinds.EMPTY_OPTION.found(f'`{name}` is ""')
    endpoint = str(storage.endpoint_url or "")
    if endpoint and "://" not in endpoint and not _dirt(endpoint):
        yield kinds.NO_SCHEME.found(f'`endpoint_url` is "{endpoint}"', do=f'AWS_S3_ENDPOINT_URL = "https://{endpoint}"')


def _dirt(value: str) -> str:
    if value != value.strip():
        return "ends with a line break" if value.endswith(("\n", "\r")) else "has whitespace around it"
    return "has quotes around it" if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else ""


def probe_upload_options(examination: Examination) -> Iterator[Finding]:
    """Find upload parameters that make every upload fail."""
    if not examination.is_s3:
        return
    for name in examination.storage.get_object_parameters(examination.name("a.jpg")):
        if name not in UPLOAD_ARGUMENTS:
            near = nearest(name, UPLOAD_ARGUMENTS)
            yield kinds.UNKNOWN_PARAMETER.found(f'"{name}"' + (f"; did you mean {near}?" if near else ""))


def probe_behaviour(examination: Examination) -> Iterator[Finding]:
    """Find options that lose files or waste memory."""
    storage = examination.storage
    if not examination.is_s3:
        return
    if storage.file_overwrite is True:
        yield kinds.OVERWRITES.found(f'`file_overwrite` is True in `storages["{examination.alias}"]`')
    if examination.is_ours:
        return
    if storage.max_memory_size == 0:
        yield kinds.READS_WHOLE_FILES.found("`max_memory_size` is 0")
    if greenlets.are_used() and getattr(storage.transfer_config, "use_threads", True):
        yield kinds.THREADS_UNDER_GEVENT.found("gevent has patched the socket module, and `use_threads` is on")


def probe_public_at_amazon(examination: Examination) -> Iterator[Finding]:
    """Find out before the first upload whether files at Amazon can become public this way."""
    storage = examination.storage
    if not examination.is_s3 or not storage.bucket_name or examination.provider is not AMAZON:
        return
    acl, domain = acl_of(examination), str(storage.custom_domain or "")
    if acl.startswith("public"):
        yield kinds.PUBLIC_ACL_AT_AMAZON.found(f'files are sent with the ACL "{acl}"')
    elif examination.is_ours and storage.public and _is_bucket_itself(domain, storage.bucket_name):
        yield kinds.NOTHING_PUBLISHES.found(f"links lead to {domain}")


def _is_bucket_itself(domain: str, bucket: str) -> bool:
    """Whether a domain is the bucket's own at Amazon, in either style."""
    host, _, path = domain.partition("://")[2].partition("/") if "://" in domain else domain.partition("/")
    if path.strip("/") == bucket:
        host = f"{bucket}.{host}"
    rest = host.removeprefix(f"{bucket}.")
    return rest != host and (rest.startswith("s3-website") or recognise(f"https://{rest}")[0] is AMAZON)


PROBES = probes(
    probe_required_options, probe_written_options, probe_upload_options, probe_behaviour, probe_public_at_amazon
)
