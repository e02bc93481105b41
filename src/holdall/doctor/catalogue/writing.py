"""Findings of the layer `writing`: what happens to a file on its way into the bucket."""

from __future__ import annotations

from functools import partial

from holdall.doctor.catalogue.saving import WITHOUT_CHECKSUMS
from holdall.findings import Cause, Kind, Level

# The writers that race for one key.
RACERS = 8
_Race = partial(Kind, evidence=f"{RACERS} simultaneous writes to one key with `If-None-Match: *`.")
_Twice = partial(Kind, evidence="Two files that were saved under the same name.")
_Types = partial(Kind, evidence="The stored headers of a picture and of an archive.")

TEXT_IS_WHOLE = Kind(
    "D410", Level.OK, "Text is stored completely", "A text with non-ASCII characters was stored unchanged."
)
TEXT_IS_CUT = Kind(
    "D411",
    Level.ERROR,
    "Text is cut off",
    "The storage counts characters where it should count bytes. Text with non-ASCII characters loses its end or is refused.",
    "Use `holdall.storage.MediaStorage`, or encode text before you save it.",
    ("G4",),
    evidence="A saved text with non-ASCII characters.",
)
FILE_IS_CLOSED = Kind(
    "D412",
    Level.WARNING,
    "A file cannot be read again after it was saved",
    "Thumbnails, emails or checksums that are made from the same upload afterwards fail or are empty.",
    "Use `holdall.storage.MediaStorage`, or call `seek(0)` before each further use.",
    ("G3",),
    evidence="A file object, after it was saved.",
    remedies=(
        Cause("The file is closed, as django-storages does before 1.14.1.", "pip install 'django-storages>=1.14.6,<2'"),
    ),
)
NAMES_ARE_KEPT_APART = Kind(
    "D413", Level.OK, "Files with the same name are kept apart", "Two files were saved under one name, and both exist."
)
OVERWRITES = _Twice(
    "D414",
    Level.WARNING,
    "A file silently replaces another with the same name",
    "If two users upload `image.jpg`, one picture is lost. CDN and browsers may show the old one for a while.",
    "Set `AWS_S3_FILE_OVERWRITE = False` (in `OPTIONS`: `file_overwrite`). django-storages overwrites by default, "
    "`holdall.storage.MediaStorage` does not.",
    ("G1", "E6"),
)
RACE_IS_LOST = _Twice(
    "D415",
    Level.WARNING,
    "Two simultaneous uploads with the same name leave one file",
    "The storage first checks whether a name is free and then writes. A file that is written in between is overwritten.",
    "Use `holdall.storage.MediaStorage`, which writes conditionally.",
    ("G2",),
)
CONDITION_IS_IGNORED = _Race(
    "D416",
    Level.NOTICE,
    "The store has no conditional writes",
    "It ignores or refuses `If-None-Match: *`. Holdall adds a random suffix to every name instead, so no file is lost.",
    failures=("G2",),
    routine=True,
)
CONDITION_IS_A_PROMISE_BROKEN = _Race(
    "D417",
    Level.ERROR,
    "The store ignores conditional writes, although this provider supports them",
    "Simultaneous uploads with the same name overwrite each other. A proxy, or a server of another kind, probably answers in "
    "the provider's place.",
    "Check `AWS_S3_ENDPOINT_URL`. For another provider's server, use that provider's mode and address.",
    ("G2",),
)
CONDITION_HOLDS = Kind(
    "D418", Level.OK, "Conditional writes work", f"Of {RACERS} simultaneous writers of one name, exactly one succeeded."
)
MULTIPART_WORKS = Kind(
    "D419", Level.OK, "Large files can be uploaded", "One multipart upload was completed, another was aborted."
)
MULTIPART_FAILS = Kind(
    "D420",
    Level.ERROR,
    "Large files cannot be uploaded",
    "Files of 8 MiB and more are sent in parts, and one of the steps failed.",
    failures=("B5",),
    evidence="The store's answers to a multipart upload of one small part.",
    remedies=(
        Cause("The keys are not allowed to do it.", "Grant `s3:PutObject` on the objects."),
        Cause("A proxy changes the request.", "Compare with the same upload sent directly to the store."),
    ),
)
ABORT_NOT_GRANTED = Kind(
    "D421",
    Level.WARNING,
    "Failed uploads cannot be cleaned up",
    "The parts of a large upload that failed stay in the bucket. They are invisible, but you pay for them.",
    "Grant `s3:AbortMultipartUpload` on the objects.",
    failures=("B5", "N1"),
    evidence="The store's answer to aborting an upload that the doctor began.",
)
DAMAGE_IS_NOTICED = Kind(
    "D422", Level.OK, "Damaged uploads are refused", "The store refused an upload with a wrong checksum."
)
DAMAGE_IS_STORED = Kind(
    "D423",
    Level.WARNING,
    "Damaged uploads are stored",
    "The store does not compare an upload with its `Content-MD5`. What is damaged on the way is stored damaged.",
    "Ask whoever runs the store. HTTPS at least detects damage between this machine and the server.",
    evidence="The store's answer to an upload with a wrong checksum.",
)
STREAM_LEAVES_NOTHING = Kind(
    "D424", Level.OK, "A failed write leaves nothing behind", "An exception inside `with storage.open(…)` left no file."
)
STREAM_LEAVES_A_PART = Kind(
    "D425",
    Level.WARNING,
    "A failed write leaves a truncated file",
    "After an exception inside `with storage.open(…, 'wb')`, what was written so far is stored as if it were complete.",
    "Use `holdall.storage.MediaStorage`, or save only complete files.",
    ("G10",),
    evidence="What a write that failed on purpose left in the bucket.",
)
TYPES_ARE_SAFE = Kind(
    "D426",
    Level.OK,
    "Files get the right content type",
    "The type comes from the file's name and not from the client, and nothing is decompressed.",
)
TYPE_IS_THE_CLIENTS = _Types(
    "D427",
    Level.WARNING,
    "The content type that the client claims is stored",
    "The uploader decides what browsers do with the file: a `photo.jpg` that is sent as text/html opens as a page and can run "
    "scripts.",
    "Use `holdall.storage.MediaStorage`, which takes the type from the name.",
    ("G7", "K2"),
)
ARCHIVES_ARE_UNPACKED = _Types(
    "D428",
    Level.WARNING,
    "Compressed files are decompressed when they are downloaded",
    "`.csv.gz` and `.tar.gz` files are stored with `Content-Encoding: gzip`, so browsers decompress them and checksums do "
    "not match.",
    "Use `holdall.storage.MediaStorage`, or set the `ContentType` of such names in `get_object_parameters`.",
    ("G8",),
)
NO_CACHE_CONTROL = _Types(
    "D429",
    Level.NOTICE,
    "Files have no Cache-Control header",
    "Browsers ask for every picture again on every page.",
    'Set this option:\nobject_parameters={"CacheControl": "public, max-age=3600"}',
    ("G9",),
)
KMS_AND_PUBLIC = _Types(
    "D430",
    Level.ERROR,
    "Public files are encrypted with a KMS key",
    "Nobody can read them without keys: visitors get 400 InvalidArgument.",
    "Encrypt the bucket with SSE-S3 (AES256), and copy the existing files over themselves.",
    ("B7",),
)
FRAMING_IS_KEPT = _Types(
    "D431",
    Level.ERROR,
    "The upload's framing is stored as the file's encoding",
    "The store treats the way boto3 sends checksums as a property of the file. Browsers and CDNs refuse a file with "
    "`Content-Encoding: aws-chunked` or show nothing.",
    f"{WITHOUT_CHECKSUMS}\nSave the affected files again.",
    ("G5", "G6"),
)
