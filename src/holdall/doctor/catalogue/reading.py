"""Findings of the layer `reading`: files, parts of files, and listings."""

from __future__ import annotations

from functools import partial

from holdall.findings import Cause, Kind, Level
from holdall.providers import PROVIDERS

# Where rights are statements that name a resource.
HAS_STATEMENTS = tuple(id_ for id_ in PROVIDERS if id_ not in {"spaces", "r2", "b2", "scaleway", "hetzner"})

_Missing = partial(Kind, evidence="The answer to a request for a file that does not exist.")
_Listing = partial(Kind, evidence="A listing of the doctor's own folder, and one page of the whole store.")

LIST_NOT_GRANTED = _Missing(
    "D500",
    Level.ERROR,
    "A missing file is refused instead of reported as missing",
    "Without the right to list the bucket, S3 answers 403 for missing files. `exists()` fails, and so does every save that "
    "checks first.",
    "Grant `s3:ListBucket` on the bucket: arn:aws:s3:::BUCKET.",
    failures=("B4",),
    remedies=(
        Cause(
            "The right is granted on the objects (`…/*`), where S3 does not look for it.",
            '"Resource": "arn:aws:s3:::BUCKET"',
            HAS_STATEMENTS,
        ),
    ),
)
MISSING_EXISTS = _Missing(
    "D501",
    Level.ERROR,
    "A file that was never saved is reported as existing",
    "Something between this machine and the store answers in its place, so every name seems taken.",
    "Look for a proxy that answers errors with a page of its own.",
)
NOT_LISTED = _Listing(
    "D502",
    Level.WARNING,
    "A saved file is missing from the listing",
    "The store's listings are delayed, or something between this machine and the store caches them.",
    "Do not rely on listings. Look for a cache in front of the S3 API.",
)
MISSING_IS_MISSING = Kind(
    "D505", Level.OK, "A missing file is reported as missing", "A name that does not exist was checked."
)
RANGES_ARE_IGNORED = Kind(
    "D506",
    Level.WARNING,
    "Parts of files cannot be read",
    "The store answers every request for a part with the whole file, so reading the size of a picture downloads all of it.",
    "Look for a proxy that removes the `Range` header.",
    ("H1",),
    evidence="The answer to a request for three bytes.",
)
READS_THE_WHOLE = Kind(
    "D507",
    Level.WARNING,
    "Reading ten bytes downloads the whole file",
    "This storage loads a whole file into memory when it is opened. Large uploads make workers slow, or crash them.",
    "Use `holdall.storage.MediaStorage`, which reads only what it needs, or set `max_memory_size`.",
    ("H1",),
    evidence="The storage's option `max_memory_size`.",
)
LISTS = Kind("D508", Level.OK, "Folders can be listed", "The doctor's folder was listed.")
LISTING_IS_SLOW = _Listing(
    "D509",
    Level.NOTICE,
    "Listing is slow",
    "One page of a listing took seconds. A view that lists files makes visitors wait.",
    "Keep names in the database, and do not list files during page views.",
    ("I4",),
)
TIME_IS_WRONG = Kind(
    "D510",
    Level.WARNING,
    "The modification time of a new file is wrong",
    "The store's clock and this machine's differ, or the storage loses the time zone.",
    "Set this machine's clock. If it is right, check what `get_modified_time()` of the storage class returns.",
    ("B6",),
    evidence="`get_modified_time()` of a file that was saved a moment ago.",
)
FOLDERS_ARE_REFUSED = _Listing(
    "D511",
    Level.ERROR,
    "The keys are not allowed to list folders",
    "`listdir()` fails, and with it clean-up jobs and file pickers. On Amazon, saving would fail too.",
    "Grant `s3:ListBucket` on the bucket: arn:aws:s3:::BUCKET.",
    failures=("B5",),
)
