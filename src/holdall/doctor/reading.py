"""Layer `reading`: whether parts of files and listings can be read, and a missing file is reported as missing."""

from __future__ import annotations

import time
from collections.abc import Iterator

from holdall.doctor.catalogue import reading as kinds
from holdall.doctor.diagnosis import list_not_granted, no_right
from holdall.doctor.evidence import refusal
from holdall.doctor.examination import Examination
from holdall.doctor.grants import grant
from holdall.doctor.probe import probes
from holdall.errors import AccessRefused, HoldallError
from holdall.findings import Finding

SLOW_SECONDS = 3.0


def probe_missing(examination: Examination) -> Iterator[Finding]:
    """Check a file that does not exist, as other storages do on every save. Two requests at most."""
    name = examination.name("missing.txt")
    try:
        with examination.translating("looking for", name):
            found = examination.storage.exists(name)
    except AccessRefused as error:
        yield list_not_granted(error, examination)
    else:
        if found:
            yield kinds.MISSING_EXISTS.found(f'"{name}"')
        else:
            yield kinds.MISSING_IS_MISSING.found("404")


def probe_range(examination: Examination) -> Iterator[Finding]:
    """Request three bytes in the middle. One GET."""
    sample = examination.sample
    if sample is None:
        return
    answer = examination.call("get_object", Key=sample.key, Range="bytes=2-4")
    body = answer["Body"]
    try:
        part = body.read()
    finally:
        body.close()
    if part != sample.content[2:5]:
        yield kinds.RANGES_ARE_IGNORED.found(f"3 bytes were requested, and {len(part)} came")
    if not examination.is_ours and examination.storage.max_memory_size == 0:
        yield kinds.READS_THE_WHOLE.found(f"{type(examination.storage).__qualname__} with max_memory_size=0")


def probe_listing(examination: Examination) -> Iterator[Finding]:
    """List the doctor's own folder, and time a page of the whole store. Two requests."""
    sample = examination.sample
    if sample is None:
        return
    began = time.monotonic()
    try:
        with examination.translating("listing", examination.traces.folder):
            _, files = examination.storage.listdir(examination.traces.folder)
        examination.call("list_objects_v2", Prefix=examination.location, MaxKeys=1000)
    except AccessRefused as error:
        if (told := no_right(error, examination, "s3:ListBucket")) is not None:
            yield told
            return
        if kinds.LIST_NOT_GRANTED.id not in examination.found:
            yield kinds.FOLDERS_ARE_REFUSED.found(refusal(error), do=grant(examination, "s3:ListBucket"))
        return
    seconds = time.monotonic() - began
    if sample.name.rpartition("/")[2] not in files:
        yield kinds.NOT_LISTED.found(f'"{sample.name}"')
        return
    yield kinds.LISTS.found(f"{len(files)} files in {seconds * 1000:.0f} ms")
    if seconds > SLOW_SECONDS:
        yield kinds.LISTING_IS_SLOW.found(f"{seconds:.1f} s for two pages")


def probe_time(examination: Examination) -> Iterator[Finding]:
    """Check the time of the sample, which was saved a moment ago. One HEAD."""
    sample = examination.sample
    if sample is None:
        return
    try:
        with examination.translating("reading the time of", sample.name):
            modified = examination.storage.get_modified_time(sample.name)
    except HoldallError:
        # This was reported already.
        return
    off_seconds = time.time() - modified.timestamp()
    if abs(off_seconds) > 300:
        yield kinds.TIME_IS_WRONG.found(f"{modified.isoformat()}, {abs(off_seconds):.0f} s away from now")


PROBES = probes(probe_missing, probe_range, probe_listing, probe_time)
