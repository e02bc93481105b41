"""Layer `writing`: what happens to a file on its way into the bucket."""

from __future__ import annotations

import base64
import hashlib
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import copy_context
from typing import Any

from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import SimpleUploadedFile

from holdall.doctor import outside
from holdall.doctor.catalogue import writing as kinds
from holdall.doctor.catalogue.writing import RACERS
from holdall.doctor.diagnosis import no_right
from holdall.doctor.evidence import refusal
from holdall.doctor.examination import Examination
from holdall.doctor.grants import grant
from holdall.doctor.probe import probes
from holdall.errors import AccessRefused, HoldallError, NameTaken, ObjectNotFound, StoreFailed
from holdall.findings import Finding

# What stores answer if a body is shorter or longer than announced: jschneier/django-storages#1357.
_LENGTH_CODES = frozenset({"BadDigest", "IncompleteBody", "InternalError", "RequestTimeout", "MissingContentLength"})


def probe_text(examination: Examination) -> Iterator[Finding]:
    """Save a text, and check what is stored. Two requests."""
    text = "Grüße, 日本語, ¡ñ!\n"
    try:
        saved = examination.save("text.txt", ContentFile(text))
    except HoldallError as error:
        if error.code not in _LENGTH_CODES:
            raise
        yield kinds.TEXT_IS_CUT.found(refusal(error))
        return
    stored = examination.read(saved.key)
    if stored == text.encode():
        yield kinds.TEXT_IS_WHOLE.found(f"{len(stored)} bytes")
    else:
        yield kinds.TEXT_IS_CUT.found(f"{len(stored)} of {len(text.encode())} bytes were stored")


def probe_kept(examination: Examination) -> Iterator[Finding]:
    """Check whether the caller can still read a file after saving it. One request."""
    name = examination.name("kept.bin")
    content = File(io.BytesIO(b"still here"), name=name)
    examination.traces.expect(examination.key(name))
    with examination.translating("saving", name):
        examination.traces.record(examination.key(examination.storage.save(name, content)))
    if content.closed or content.read() != b"still here":
        seen = "the file is closed" if content.closed else "the position is at the end, so read() returns nothing"
        yield kinds.FILE_IS_CLOSED.found(seen, otherwise=kinds.FILE_IS_CLOSED.remedies if content.closed else ())


def probe_names(examination: Examination) -> Iterator[Finding]:
    """Save two files under one name. Four requests."""
    first = examination.save("twice.txt", ContentFile(b"first"))
    examination.pause()
    second = examination.save("twice.txt", ContentFile(b"second"))
    if first.key == second.key:
        yield kinds.OVERWRITES.found(f'both were saved as "{first.name}", and the first one is gone')
    elif examination.is_ours:
        yield kinds.NAMES_ARE_KEPT_APART.found(f'"{_end(first.name)}" and "{_end(second.name)}"')
    else:
        yield kinds.RACE_IS_LOST.found(
            f"{type(examination.storage).__qualname__} checks with HEAD, then writes with PUT"
        )


def _end(name: str) -> str:
    return name.rpartition("/")[2]


def probe_condition(examination: Examination) -> Iterator[Finding]:
    """Let writers race for one key with `If-None-Match: *`. One PUT for each, and one more."""
    key = examination.key(examination.name("race.txt"))
    # Once for all of them: if one is refused, another may have made it.
    examination.traces.expect(key)
    known = examination.provider.conditional_put

    def write(number: int) -> str:
        try:
            examination.call("put_object", Key=key, Body=f"{number}".encode(), IfNoneMatch="*")
        except NameTaken:
            return "lost"
        except StoreFailed as error:
            # Two at the same time: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
            return "lost" if error.code == "ConditionalRequestConflict" else refusal(error)
        return "won"

    answers = _racing(write)
    won, again = answers.count("won"), write(RACERS)
    said = next((one for one in (*answers, again) if one not in {"won", "lost"}), "")
    late = {"won": "did too", "lost": "was refused"}.get(again, "was not answered")
    seen = f"{won} of {RACERS} simultaneous writers succeeded; a later one {late}"
    if won <= 1 and again != "won" and said:
        # A writer that got no answer proves nothing, whatever the others were told.
        yield kinds.CONDITION_HOLDS.unknown(f"{seen}; {said}")
    elif won == 1 and again == "lost":
        yield kinds.CONDITION_HOLDS.found(seen)
    elif known:
        yield kinds.CONDITION_IS_A_PROMISE_BROKEN.found(f"{seen} ({examination.provider.title})")
    else:
        yield kinds.CONDITION_IS_IGNORED.found(seen)


def _racing(write: Callable[[int], str]) -> list[str]:
    """Let all of them write at once. Their threads do not keep the process alive, as those of a pool would."""
    answers: list[str] = []
    failures: list[HoldallError] = []

    def run(number: int) -> None:
        try:
            answers.append(write(number))
        except HoldallError as error:
            failures.append(error)

    # They wait no longer than this one may.
    threads = [
        threading.Thread(target=copy_context().run, args=(run, number), name="holdall-race", daemon=True)
        for number in range(RACERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return answers


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
        if (told := no_right(error, examination, "s3:PutObject")) is not None:
            yield told
            return
        right = grant(examination, "s3:PutObject")
        yield kinds.MULTIPART_FAILS.found(refusal(error), do=right if isinstance(error, AccessRefused) else "")
        return
    try:
        upload_id = examination.call("create_multipart_upload", Key=key)["UploadId"]
        examination.call("abort_multipart_upload", Key=key, UploadId=upload_id)
    except AccessRefused as error:
        if (told := no_right(error, examination, "s3:AbortMultipartUpload")) is not None:
            yield told
            return
        right = grant(examination, "s3:AbortMultipartUpload")
        yield kinds.ABORT_NOT_GRANTED.found(refusal(error), do=right)
        return
    yield kinds.MULTIPART_WORKS.found("one upload was completed, another was aborted")


def probe_damage(examination: Examination) -> Iterator[Finding]:
    """Send an upload with a wrong checksum, which must be refused. One PUT."""
    key = examination.key(examination.name("damaged.bin"))
    digest = hashlib.md5(b"what was meant", usedforsecurity=False).digest()
    try:
        examination.call("put_object", Key=key, Body=b"what came", ContentMD5=base64.b64encode(digest).decode())
    except HoldallError as error:
        if error.answer is None or error.answer.status != 400 or error.answer.bare or error.code == "RequestTimeout":
            # Throttled, interrupted, or not the store's answer: this says nothing about the checksum.
            raise
        yield kinds.DAMAGE_IS_NOTICED.found(refusal(error))
    else:
        yield kinds.DAMAGE_IS_STORED.found("an upload with a wrong `Content-MD5` was accepted")


def probe_stream(examination: Examination) -> Iterator[Finding]:
    """Fail in the middle of a streamed write."""
    name = examination.name("stream.bin")
    key = examination.key(name)
    examination.traces.expect(key)
    with suppress(_OnPurpose), examination.translating("writing", name), examination.storage.open(name, "wb") as file:
        file.write(b"the first half")
        raise _OnPurpose
    try:
        stored = examination.read(key)
    except ObjectNotFound:
        yield kinds.STREAM_LEAVES_NOTHING.found("the name is free")
    except AccessRefused as error:
        # Without the right to list, a missing file is refused, and so may be one that is there.
        yield kinds.STREAM_LEAVES_NOTHING.unknown(refusal(error))
    else:
        yield kinds.STREAM_LEAVES_A_PART.found(f"{len(stored)} bytes were stored after the exception")


class _OnPurpose(Exception):
    """Raised in the middle of a write, to see what it leaves behind."""


def probe_types(examination: Examination) -> Iterator[Finding]:
    """Save a picture that claims to be a page, and an archive, and check their headers."""
    picture = _headers(examination, "photo.jpg", b"\xff\xd8\xff\xe0 no more than a beginning", "text/html")
    archive = _headers(examination, "table.csv.gz", b"\x1f\x8b\x08\x00 no more than a beginning", "application/gzip")
    right = True
    if "html" in str(picture.get("ContentType")):
        right = False
        yield kinds.TYPE_IS_THE_CLIENTS.found(
            f"photo.jpg was sent as text/html and is stored as {picture['ContentType']}"
        )
    if "aws-chunked" in str(picture.get("ContentEncoding")):
        right = False
        yield kinds.FRAMING_IS_KEPT.found(f"photo.jpg has Content-Encoding: {picture['ContentEncoding']}")
    elif archive.get("ContentEncoding"):
        right = False
        yield kinds.ARCHIVES_ARE_UNPACKED.found(f"table.csv.gz has Content-Encoding: {archive['ContentEncoding']}")
    if not picture.get("CacheControl"):
        yield kinds.NO_CACHE_CONTROL.found("photo.jpg has none")
    # With an origin access control, CloudFront can read what a KMS key encrypts, and so can visitors.
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
    encrypted = str(picture.get("ServerSideEncryption", "")).startswith("aws:kms")
    if encrypted and examination.public and not outside.is_served(examination):
        yield kinds.KMS_AND_PUBLIC.found(f"photo.jpg is encrypted with {picture['ServerSideEncryption']}")
    if right:
        yield kinds.TYPES_ARE_SAFE.found(
            f"photo.jpg is {picture.get('ContentType')}, table.csv.gz {archive.get('ContentType')}"
        )


def _headers(examination: Examination, ending: str, content: bytes, claim: str) -> dict[str, Any]:
    saved = examination.save(ending, SimpleUploadedFile(ending, content, content_type=claim))
    # By the SDK: the fast lane reads only the headers that the storage needs.
    with examination.translating("looking at", saved.name):
        answer: dict[str, Any] = examination.connection.client.head_object(Bucket=examination.bucket, Key=saved.key)
    return answer


PROBES = probes(
    probe_text, probe_kept, probe_names, probe_condition, probe_multipart, probe_damage, probe_stream, probe_types
)
