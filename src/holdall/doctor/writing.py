"""Layer `writing`: what becomes of a file on its way into the bucket."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import SimpleUploadedFile

from holdall.doctor import outside
from holdall.doctor.examination import Examination, probes, refusal, statement
from holdall.errors import AccessRefused, HoldallError, NameTaken, StoreFailed
from holdall.findings import Finding, Kind, Level

RACERS = 8

TEXT_IS_WHOLE = Kind(
    "D410", Level.OK, "Text is stored whole", "A text with letters beyond ASCII came back byte for byte."
)
TEXT_IS_CUT = Kind(
    "D411",
    Level.ERROR,
    "Text is cut off",
    "The storage counts letters where it should count bytes, so a text beyond ASCII loses its end, or is refused.",
    "Use `holdall.storage.MediaStorage`, or encode every text before it is saved.",
    ("G4",),
)
FILE_IS_CLOSED = Kind(
    "D412",
    Level.WARNING,
    "The caller's file cannot be read after it was saved",
    "Thumbnails, mails and checksums that are made of the same upload afterwards fail, or are empty.",
    "Use `holdall.storage.MediaStorage`, or call `seek(0)` before each use; before django-storages 1.14.1 the file was "
    "even closed.",
    ("G3",),
)
NAMES_ARE_KEPT_APART = Kind(
    "D413", Level.OK, "No file takes another's place", "Two files of one name were saved, and both are there."
)
OVERWRITES = Kind(
    "D414",
    Level.WARNING,
    "A file silently takes the place of another of its name",
    "Two users upload `image.jpg`, and one picture is gone; CDN and browsers go on showing the old one for a while.",
    "Set `AWS_S3_FILE_OVERWRITE = False` (in `OPTIONS`: `file_overwrite`); django-storages overwrites by default, "
    "`holdall.storage.MediaStorage` does not.",
    ("G1", "E6"),
)
RACE_IS_LOST = Kind(
    "D415",
    Level.WARNING,
    "Two uploads of one name at the same moment leave one file",
    "The storage asks whether a name is free and then writes; whoever writes in between is overwritten.",
    "Use `holdall.storage.MediaStorage`, whose writes are conditional.",
    ("G2",),
)
CONDITION_IS_IGNORED = Kind(
    "D416",
    Level.NOTICE,
    "The store has no conditional writes",
    "It ignores or refuses `If-None-Match: *`; Holdall gives every name a random suffix instead, so no file is lost.",
    failures=("G2",),
)
CONDITION_IS_A_PROMISE_BROKEN = Kind(
    "D417",
    Level.ERROR,
    "The store ignores conditional writes, which this provider is known to have",
    "Uploads of one name at the same moment overwrite each other. A proxy or another server stands where the provider should.",
    "Check `AWS_S3_ENDPOINT_URL`; for another provider's server use that provider's own mode and address.",
    ("G2",),
)
CONDITION_HOLDS = Kind(
    "D418", Level.OK, "Conditional writes hold", f"Of {RACERS} writers of one name at the same moment exactly one won."
)
MULTIPART_WORKS = Kind(
    "D419", Level.OK, "Large files can be uploaded", "A multipart upload was completed, another aborted."
)
MULTIPART_FAILS = Kind(
    "D420",
    Level.ERROR,
    "Large files cannot be uploaded",
    "From 8 MiB on files are sent in parts, and a step of that was refused.",
    failures=("B5",),
)
ABORT_NOT_GRANTED = Kind(
    "D421",
    Level.WARNING,
    "Uploads that fail cannot be taken back",
    "The parts of a large file that failed stay in the bucket, unseen and billed.",
    failures=("B5", "N1"),
)
DAMAGE_IS_NOTICED = Kind(
    "D422", Level.OK, "Damaged uploads are refused", "An upload with another's checksum was refused."
)
DAMAGE_IS_STORED = Kind(
    "D423",
    Level.WARNING,
    "Damaged uploads are stored",
    "The store does not compare an upload with its `Content-MD5`; what breaks on the way is kept as it arrived.",
    "Ask whoever runs the store; HTTPS at least notices damage between here and there.",
)
STREAM_LEAVES_NOTHING = Kind(
    "D424", Level.OK, "A write that fails leaves nothing", "An exception inside `with storage.open(…)` left no file."
)
STREAM_LEAVES_A_PART = Kind(
    "D425",
    Level.WARNING,
    "A write that fails leaves a truncated file",
    "An exception inside `with storage.open(…, 'wb')` stores what was written by then, as if it were whole.",
    "Use `holdall.storage.MediaStorage`, or save complete files only.",
    ("G10",),
)
TYPES_ARE_SAFE = Kind(
    "D426",
    Level.OK,
    "Files get the right type",
    "Types come from the file's name, not from the client; nothing is unpacked.",
)
TYPE_IS_THE_CLIENTS = Kind(
    "D427",
    Level.WARNING,
    "The client's claim of a content type is believed",
    "Whoever uploads decides what the browser does with it: a `photo.jpg` sent as text/html is a page with script.",
    "Use `holdall.storage.MediaStorage`, which takes the type from the name.",
    ("G7", "K2"),
)
ARCHIVES_ARE_UNPACKED = Kind(
    "D428",
    Level.WARNING,
    "Compressed files come back unpacked",
    "`.csv.gz` and `.tar.gz` are stored with `Content-Encoding: gzip`, so browsers unpack them and checksums differ.",
    "Use `holdall.storage.MediaStorage`, or set the `ContentType` of such names in `get_object_parameters`.",
    ("G8",),
)
NO_CACHE_CONTROL = Kind(
    "D429",
    Level.NOTICE,
    "Files carry no Cache-Control",
    "Browsers ask again for every picture on every page.",
    'Set `object_parameters={"CacheControl": "public, max-age=3600"}`.',
    ("G9",),
)
KMS_AND_PUBLIC = Kind(
    "D430",
    Level.ERROR,
    "Public files are encrypted with a KMS key",
    "Nobody without keys can read them: visitors get 400 InvalidArgument.",
    "Encrypt the bucket with SSE-S3 (AES256); files that are there already must be copied over themselves.",
    ("B7",),
)
FRAMING_IS_KEPT = Kind(
    "D431",
    Level.ERROR,
    "The upload's framing is kept as if it were the file's encoding",
    "The store took boto3's way of sending checksums for a property of the file: browsers and CDNs that meet "
    "`Content-Encoding: aws-chunked` refuse the file or show nothing.",
    "Use `holdall.storage.MediaStorage`, or set AWS_REQUEST_CHECKSUM_CALCULATION=when_required; files that were saved "
    "so must be saved again.",
    ("G5", "G6"),
)


# What stores answer to a body that is shorter or longer than was said: jschneier/django-storages#1357.
_LENGTH_CODES = frozenset({"BadDigest", "IncompleteBody", "InternalError", "RequestTimeout", "MissingContentLength"})


def probe_text(examination: Examination) -> Iterator[Finding]:
    """Save a text, and look at what is stored. Two requests."""
    text = "Grüße, 日本語, ¡ñ!\n"
    try:
        saved = examination.save("text.txt", ContentFile(text))
    except HoldallError as error:
        if error.code not in _LENGTH_CODES:
            raise
        yield TEXT_IS_CUT.found(refusal(error))
        return
    stored = examination.read(saved.key)
    if stored == text.encode():
        yield TEXT_IS_WHOLE.found(f"{len(stored)} bytes")
    else:
        yield TEXT_IS_CUT.found(f"{len(stored)} of {len(text.encode())} bytes were stored")


def probe_kept(examination: Examination) -> Iterator[Finding]:
    """Look at what saving leaves of a file in the caller's hands. One request."""
    name = examination.name("kept.bin")
    content = File(io.BytesIO(b"still here"), name=name)
    examination.note(examination.key(name))
    with examination.translating("saving", name):
        examination.note(examination.key(examination.storage.save(name, content)), made=True)
    if content.closed or content.read() != b"still here":
        yield FILE_IS_CLOSED.found("closed" if content.closed else "it is left at its end: read() gives nothing")


def probe_names(examination: Examination) -> Iterator[Finding]:
    """Save two files under one name. Four requests."""
    first = examination.save("twice.txt", ContentFile(b"first"))
    examination.pause()
    second = examination.save("twice.txt", ContentFile(b"second"))
    if first.key == second.key:
        yield OVERWRITES.found(f'both were saved as "{first.name}"; "first" is gone')
    elif examination.is_ours:
        yield NAMES_ARE_KEPT_APART.found(f'"{_end(first.name)}" and "{_end(second.name)}"')
    else:
        yield RACE_IS_LOST.found(f"{type(examination.storage).__qualname__} asks with HEAD, then writes with PUT")


def _end(name: str) -> str:
    return name.rpartition("/")[2]


def probe_condition(examination: Examination) -> Iterator[Finding]:
    """Let writers race for one key with `If-None-Match: *`. As many PUTs as there are racers, and one more."""
    key = examination.key(examination.name("race.txt"))
    # Once for all of them: one that is refused does not say that no other made it.
    examination.note(key)
    known = examination.provider.conditional_put

    def write(number: int) -> bool:
        try:
            examination.call("put_object", Key=key, Body=f"{number}".encode(), IfNoneMatch="*")
        except (NameTaken, StoreFailed):
            return False
        return True

    with ThreadPoolExecutor(RACERS) as pool:
        won = sum(pool.map(write, range(RACERS)))
    again = write(RACERS)
    seen = f"{won} of {RACERS} writers at the same moment won; a later one {'won too' if again else 'was refused'}"
    if won == 1 and not again:
        yield CONDITION_HOLDS.found(seen)
    elif known:
        yield CONDITION_IS_A_PROMISE_BROKEN.found(f"{seen} ({examination.provider.title})")
    else:
        yield CONDITION_IS_IGNORED.found(seen)


def probe_multipart(examination: Examination) -> Iterator[Finding]:
    """Complete one upload of a single small part, and abort another. Six requests."""
    key = examination.key(examination.name("parts.bin"))
    content, upload_id = b"a single part", ""
    try:
        upload_id = examination.call("create_multipart_upload", Key=key)["UploadId"]
        part = examination.call("upload_part", Key=key, UploadId=upload_id, PartNumber=1, Body=content)
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        examination.call("complete_multipart_upload", Key=key, UploadId=upload_id, MultipartUpload=parts)
    except HoldallError as error:
        with suppress(HoldallError):
            examination.call("abort_multipart_upload", Key=key, UploadId=upload_id)
        right = statement("s3:PutObject", f"{examination.bucket}/{examination.location}*")
        yield MULTIPART_FAILS.found(refusal(error), do=right if isinstance(error, AccessRefused) else "")
        return
    try:
        upload_id = examination.call("create_multipart_upload", Key=key)["UploadId"]
        examination.call("abort_multipart_upload", Key=key, UploadId=upload_id)
    except AccessRefused as error:
        right = statement("s3:AbortMultipartUpload", f"{examination.bucket}/{examination.location}*")
        yield ABORT_NOT_GRANTED.found(refusal(error), do=right)
        return
    yield MULTIPART_WORKS.found("an upload in parts was begun and completed, another begun and aborted")


def probe_damage(examination: Examination) -> Iterator[Finding]:
    """Send bytes with the checksum of others, which must be refused. One PUT."""
    key = examination.key(examination.name("damaged.bin"))
    digest = hashlib.md5(b"what was meant", usedforsecurity=False).digest()
    try:
        examination.call("put_object", Key=key, Body=b"what came", ContentMD5=base64.b64encode(digest).decode())
    except HoldallError as error:
        if error.answer is None or error.answer.status != 400:
            # Throttled, or broken off: it says nothing about the checksum.
            raise
        yield DAMAGE_IS_NOTICED.found(refusal(error))
    else:
        yield DAMAGE_IS_STORED.found("an upload whose `Content-MD5` was that of other bytes was accepted")


def probe_stream(examination: Examination) -> Iterator[Finding]:
    """Fail in the middle of a streamed write."""
    name = examination.name("stream.bin")
    key = examination.key(name)
    examination.note(key)
    with suppress(_OnPurpose), examination.translating("writing", name), examination.storage.open(name, "wb") as file:
        file.write(b"the first half")
        raise _OnPurpose
    try:
        stored = examination.read(key)
    except HoldallError:
        yield STREAM_LEAVES_NOTHING.found("the name is free")
    else:
        yield STREAM_LEAVES_A_PART.found(f"{len(stored)} bytes were stored after the exception")


class _OnPurpose(Exception):
    """Raised in the middle of a write, to see what it leaves."""


def probe_types(examination: Examination) -> Iterator[Finding]:
    """Save a picture that claims to be a page, and an archive; look at the headers they got."""
    picture = _headers(examination, "photo.jpg", b"\xff\xd8\xff\xe0 no more than a beginning", "text/html")
    archive = _headers(examination, "table.csv.gz", b"\x1f\x8b\x08\x00 no more than a beginning", "application/gzip")
    right = True
    if "html" in str(picture.get("ContentType")):
        right = False
        yield TYPE_IS_THE_CLIENTS.found(f"photo.jpg, sent as text/html, is stored as {picture['ContentType']}")
    if "aws-chunked" in str(picture.get("ContentEncoding")):
        right = False
        yield FRAMING_IS_KEPT.found(f"photo.jpg has Content-Encoding: {picture['ContentEncoding']}")
    elif archive.get("ContentEncoding"):
        right = False
        yield ARCHIVES_ARE_UNPACKED.found(f"table.csv.gz has Content-Encoding: {archive['ContentEncoding']}")
    if not picture.get("CacheControl"):
        yield NO_CACHE_CONTROL.found("photo.jpg has none")
    # CloudFront may read what a KMS key encrypts, by origin access control: then visitors can.
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
    encrypted = str(picture.get("ServerSideEncryption", "")).startswith("aws:kms")
    if encrypted and examination.public and not outside.is_served(examination):
        yield KMS_AND_PUBLIC.found(f"photo.jpg is encrypted with {picture['ServerSideEncryption']}")
    if right:
        yield TYPES_ARE_SAFE.found(
            f"photo.jpg is {picture.get('ContentType')}, table.csv.gz {archive.get('ContentType')}"
        )


def _headers(examination: Examination, ending: str, content: bytes, claim: str) -> dict[str, Any]:
    saved = examination.save(ending, SimpleUploadedFile(ending, content, content_type=claim))
    # By the SDK: the fast lane reads no more headers than the storage needs.
    with examination.translating("looking at", saved.name):
        answer: dict[str, Any] = examination.connection.client.head_object(Bucket=examination.bucket, Key=saved.key)
    return answer


PROBES = probes(
    probe_text, probe_kept, probe_names, probe_condition, probe_multipart, probe_damage, probe_stream, probe_types
)
