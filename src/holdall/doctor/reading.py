"""Layer `reading`: do files come back as they went in, whole and in part, and is a missing one said to be missing?"""

from __future__ import annotations

import time
from collections.abc import Iterator

from holdall.doctor.examination import Examination, probes, refusal, statement
from holdall.errors import AccessRefused, HoldallError
from holdall.findings import Cause, Finding, Kind, Level

MISSING_EXISTS = Kind(
    "D501",
    Level.ERROR,
    "A file that was never saved is said to exist",
    "Something between here and the store answers for it, so no name is ever free.",
    "Look for a proxy that answers errors with a page of its own.",
)
NOT_LISTED = Kind(
    "D502",
    Level.WARNING,
    "A file that was saved is not listed",
    "The store's listings lag behind, or something between here and the store keeps old ones.",
    "Do not rely on listings; look for a cache before the S3 API.",
)
LIST_NOT_GRANTED = Kind(
    "D500",
    Level.ERROR,
    "A missing file is refused instead of not found",
    "Without the right to list the bucket, S3 hides what is missing behind 403: `exists()` fails, and so does every "
    "save that asks first.",
    failures=("B4",),
)
MISSING_IS_MISSING = Kind("D505", Level.OK, "A missing file is not found", "A name that nobody has was asked for.")
RANGES_ARE_IGNORED = Kind(
    "D506",
    Level.WARNING,
    "Parts of files cannot be read",
    "The store answers every question for a part with the whole: the size of a picture costs all of it.",
    "Look for a proxy that removes the `Range` header.",
    ("H1",),
)
READS_THE_WHOLE = Kind(
    "D507",
    Level.WARNING,
    "Ten bytes cost the whole file",
    "This storage loads a file whole into memory when it is opened: large uploads make workers slow, or end them.",
    "Use `holdall.storage.MediaStorage`, which reads what is asked for; or set `max_memory_size`.",
    ("H1",),
)
LISTS = Kind("D508", Level.OK, "Folders can be listed", "The doctor's folder was listed.")
LISTING_IS_SLOW = Kind(
    "D509",
    Level.NOTICE,
    "Listing is slow",
    "One page of a listing took seconds; a view that lists makes visitors wait.",
    "Keep names in the database, and never list while a visitor waits.",
    ("I4",),
)
TIME_IS_WRONG = Kind(
    "D510",
    Level.WARNING,
    "The time of a new file is not now",
    "The store's clock and this machine's differ, or the time zone is lost on the way.",
    "Set the clock; time zones play no part.",
    ("B6",),
)

SLOW_SECONDS = 3.0
FOLDERS_ARE_REFUSED = Kind(
    "D511",
    Level.ERROR,
    "The keys may not list folders",
    "`listdir()` fails, and with it clean-ups, and choosers of files; on Amazon, saving would fail too.",
    failures=("B5",),
)


def probe_missing(examination: Examination) -> Iterator[Finding]:
    """Ask for a file that nobody has, as each save of other storages does. Two requests at most."""
    name = examination.name("missing.txt")
    try:
        with examination.translating("looking for", name):
            found = examination.storage.exists(name)
    except AccessRefused as error:
        yield list_not_granted(error, examination)
    else:
        if found:
            yield MISSING_EXISTS.found(f'"{name}"')
        else:
            yield MISSING_IS_MISSING.found("404")


def list_not_granted(error: HoldallError, examination: Examination) -> Finding:
    """Give the finding that a missing file is hidden."""
    return LIST_NOT_GRANTED.found(
        refusal(error),
        do=statement("s3:ListBucket", examination.bucket),
        otherwise=[
            Cause(
                "The right is granted on the objects (`…/*`), where S3 does not look for it.",
                f'"Resource": "arn:aws:s3:::{examination.bucket}"',
            )
        ],
    )


def probe_range(examination: Examination) -> Iterator[Finding]:
    """Ask for three bytes in the middle. One GET, and what the storage makes of reading ten."""
    sample = examination.sample
    if sample is None:
        return
    answer = examination.call("get_object", Key=sample.key, Range="bytes=2-4")
    with answer["Body"] as body:
        part = body.read()
    if part != sample.content[2:5]:
        yield RANGES_ARE_IGNORED.found(f"3 bytes were asked for, {len(part)} came")
    if not examination.is_ours and examination.storage.max_memory_size == 0:
        yield READS_THE_WHOLE.found(f"{type(examination.storage).__qualname__} with max_memory_size=0")


def probe_listing(examination: Examination) -> Iterator[Finding]:
    """List the doctor's own folder, and time a page of the whole store. Two requests."""
    sample = examination.sample
    if sample is None:
        return
    began = time.monotonic()
    try:
        with examination.translating("listing", examination.folder):
            _, files = examination.storage.listdir(examination.folder)
        examination.call("list_objects_v2", Prefix=examination.location, MaxKeys=1000)
    except AccessRefused as error:
        if LIST_NOT_GRANTED.id not in examination.found:
            yield FOLDERS_ARE_REFUSED.found(refusal(error), do=statement("s3:ListBucket", examination.bucket))
        return
    seconds = time.monotonic() - began
    if sample.name.rpartition("/")[2] not in files:
        yield NOT_LISTED.found(f'"{sample.name}"')
        return
    yield LISTS.found(f"{len(files)} files in {seconds * 1000:.0f} ms")
    if seconds > SLOW_SECONDS:
        yield LISTING_IS_SLOW.found(f"{seconds:.1f} s for two pages")


def probe_time(examination: Examination) -> Iterator[Finding]:
    """Ask for the time of the sample, which was saved a moment ago. One HEAD."""
    sample = examination.sample
    if sample is None:
        return
    try:
        with examination.translating("asking the time of", sample.name):
            modified = examination.storage.get_modified_time(sample.name)
    except HoldallError:
        # Said already.
        return
    off_seconds = time.time() - modified.timestamp()
    if abs(off_seconds) > 300:
        yield TIME_IS_WRONG.found(f"{modified.isoformat()}, {abs(off_seconds):.0f} s from now")


PROBES = probes(probe_missing, probe_range, probe_listing, probe_time)
