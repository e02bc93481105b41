"""The staging area of a store: where a browser puts a file before it is looked at and becomes one of the project's.

It is a folder of Holdall's own below the store's location, one folder a day, so that a lifecycle rule can empty it:
`.holdall/uploads/2026-11-26/<random>/file`. Browsers write there with links that fix everything: one key, one length, one
content type. Only the server reads there; nobody gets a link that lists, reads or deletes.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from holdall.errors import HoldallError, NameTaken, ObjectNotFound, StoreFailed
from holdall.providers import MAX_SIGNED_SECONDS
from holdall.s3 import smuggling
from holdall.s3.circuit import taking_back
from holdall.s3.condition import conditional_put_holds
from holdall.s3.connection import Connection
from holdall.s3.multipart import Parts
from holdall.s3.patience import unstopped
from holdall.s3.reading import ObjectReader
from holdall.s3.saving import NewObject
from holdall.s3.signing import Signer, Window
from holdall.s3.smuggling import Unsigned
from holdall.sites import RESERVED

FOLDER = f"{RESERVED}/uploads/"
BATCH = 1000
# The object that says that an upload was made a file of, in the folder of the upload.
SPENT = "spent"
_ACTION = "taking an upload"
_LOOKING = "looking for waiting uploads"
# A link is signed as of a moment ago: the store's clock may be behind.
_CLOCK_SECONDS = 5
_PIECE_BYTES = 256 * 1024


class Permit(NamedTuple):
    """What a browser needs to store one object, or one part of it."""

    method: str
    url: str
    # What must be sent with it; a browser adds the length by itself.
    headers: dict[str, str]
    # The fields of a form, for POST.
    fields: dict[str, str]
    expires: datetime


class Part(NamedTuple):
    """A part that the store has."""

    number: int
    etag: str
    size_bytes: int


class Waiting(NamedTuple):
    """An object, or an unfinished upload, in the staging area."""

    key: str
    # When the upload began: by the day of its folder, or as the store says.
    since: datetime
    size_bytes: int
    # Of an upload in parts that was not finished.
    upload_id: str = ""


def new_key() -> str:
    """Give the key of a new upload below a store's own prefix."""
    return f"{FOLDER}{datetime.now(UTC):%Y-%m-%d}/{secrets.token_hex(16)}/file"


class Staging:
    """The staging area of one store. `links` is the connection that signs for browsers, `prefix` the store's own."""

    def __init__(self, store: Connection, links: Connection, *, prefix: str) -> None:
        self.store, self.links, self.prefix = store, links, prefix

    # -- what browsers get

    def permit(
        self, key: str, *, size_bytes: int, content_type: str, digest: Mapping[str, str], seconds: int
    ) -> Permit:
        """Permit one PUT, or one form, that stores exactly so many bytes under this key, and never over what is there.

        `digest`: a header by which the store compares the content ("content-md5").

        Requests: none, but those of `smuggling.of` and of `conditional_put_holds`, once per process.
        """
        unsigned = self.unsigned()
        if unsigned is Unsigned.OBEYED:
            return self.form(key, least=size_bytes, most=size_bytes, content_type=content_type, seconds=seconds)
        sent = {"content-type": content_type, **digest}
        if conditional_put_holds(self.store, None, name=key, key=f"{self.prefix}{key}"):
            # The attack: a file that was looked at, and is replaced before it is copied.
            sent["if-none-match"] = "*"
        return self._link(key, sent, size_bytes, unsigned, seconds)

    def form(self, key: str, *, least: int, most: int, content_type: str, seconds: int) -> Permit:
        """Permit one form that stores at least and at most so many bytes under this key. Requests: none."""
        signer, window = self._signing(seconds)
        url, fields = signer.form(
            f"{self.prefix}{key}",
            window,
            bucket_name=str(self.store.target.bucket_name),
            conditions=[["content-length-range", least, most]],
            **{"Content-Type": content_type},
        )
        return Permit("POST", url, {}, fields, window.ends_at)

    def part_permit(self, key: str, upload_id: str, number: int, *, size_bytes: int | None, seconds: int) -> Permit:
        """Permit one PUT of one part. `size_bytes`: None where nobody said how long it will be.

        Requests: none, but those of `smuggling.of`, once per process.

        Raises:
            StoreFailed: as far as this process knows, such a link would permit more than that.
        """
        unsigned = self.unsigned()
        if unsigned is Unsigned.OBEYED:
            # The attack: an upload that a process began which knows more, and a link for it from one that does not. Sent with
            # `x-amz-copy-source` it reads every file of the bucket.
            raise StoreFailed(
                f"Parts cannot be sent to {self.store.where()} at present: whether it obeys headers that are not signed is not "
                "known. Try again later."
            )
        parameters = {"partNumber": str(number), "uploadId": upload_id}
        return self._link(key, {}, size_bytes, unsigned, seconds, parameters=parameters)

    def origin(self) -> str:
        """Give the scheme and the host to which browsers send. Requests: none."""
        signer, window = self._signing(1)
        parts = urlsplit(signer.url(f"{self.prefix}{FOLDER}", window, method="PUT"))
        return f"{parts.scheme}://{parts.netloc}"

    def unsigned(self) -> Unsigned:
        """Tell what the store does with headers that are not signed. Requests: as `smuggling.of`."""
        return smuggling.of(self.store, f"{self.prefix}{FOLDER}")

    def _link(
        self,
        key: str,
        sent: dict[str, str],
        size_bytes: int | None,
        unsigned: Unsigned,
        seconds: int,
        parameters: Mapping[str, str] | None = None,
    ) -> Permit:
        signer, window = self._signing(seconds)
        signed = dict(sent) if size_bytes is None else {**sent, "content-length": str(size_bytes)}
        url = signer.url(
            f"{self.prefix}{key}",
            window,
            method="PUT",
            parameters=parameters,
            headers=signed,
            unsent=smuggling.UNSENT if unsigned is Unsigned.LISTED else (),
        )
        return Permit("PUT", url, sent, {}, window.ends_at)

    def _signing(self, seconds: int) -> tuple[Signer, Window]:
        place = self.links.place()
        if place is None:
            raise StoreFailed(
                f"Uploads straight to {self.store.where()} are not possible: only the SDK knows its address. Upload "
                "through the server."
            )
        signer, ends = self.links.signers.signer(place)
        now = int(time.time()) - _CLOCK_SECONDS
        valid = min(seconds + _CLOCK_SECONDS, MAX_SIGNED_SECONDS)
        if ends is not None:
            valid = max(1, min(valid, int(ends) - now))
        return signer, Window(now, valid, now + valid)

    # -- uploads in parts

    def begin(self, key: str, *, content_type: str) -> str:
        """Begin an upload in parts and give its id. One request."""
        answer = self._call("create_multipart_upload", key, ContentType=content_type)
        return str(answer["UploadId"])

    def parts(self, key: str, upload_id: str) -> list[Part]:
        """Give the parts that the store has. One request for each 1,000.

        Raises:
            StoreFailed: with the code `NoSuchUpload`: it was finished, or cancelled.
        """
        found: list[Part] = []
        marker: dict[str, Any] = {}
        while True:
            page = self._call("list_parts", key, UploadId=upload_id, **marker)
            found += [Part(int(one["PartNumber"]), str(one["ETag"]), int(one["Size"])) for one in page.get("Parts", ())]
            if not page.get("IsTruncated"):
                return found
            marker = {"PartNumberMarker": page["NextPartNumberMarker"]}

    def complete(self, key: str, upload_id: str, parts: Sequence[tuple[int, str]]) -> None:
        """Make one object of parts. One request.

        Raises:
            StoreFailed: with the code `NoSuchUpload`: it was finished, or cancelled; `InvalidPart`: the store has no such.
        """
        named = [{"PartNumber": number, "ETag": etag} for number, etag in parts]
        self._call("complete_multipart_upload", key, UploadId=upload_id, MultipartUpload={"Parts": named})

    def abort(self, key: str, upload_id: str) -> None:
        """Cancel an upload in parts; one that is over is no error. One request."""
        try:
            self._call("abort_multipart_upload", key, UploadId=upload_id)
        except HoldallError as failure:
            if failure.code not in {"NoSuchUpload", "NoSuchKey"}:
                raise

    # -- what is there

    def look(self, key: str) -> tuple[int, str]:
        """Give the length and the ETag of what is under a key. One HEAD.

        Raises:
            ObjectNotFound: nothing is.
        """
        found = self._call("head_object", key)
        return int(found.get("ContentLength") or 0), str(found.get("ETag") or "")

    def checksum(self, key: str) -> str | None:
        """Give the SHA-256 that the store keeps of an object, in base64; None where it keeps none. One HEAD."""
        found = self.store.call(
            "head_object",
            action=_ACTION,
            client=self.store.client,
            Key=f"{self.prefix}{key}",
            ChecksumMode="ENABLED",
        )
        said = found.get("ChecksumSHA256")
        return str(said) if said else None

    def digest(self, key: str, kind: str) -> bytes:
        """Read an object and give its digest, in bounded memory. One GET for each block."""
        found = hashlib.new(kind, usedforsecurity=False)
        with ObjectReader(self.store, None, name=key, key=f"{self.prefix}{key}", parameters={}) as reader:
            while piece := reader.read(_PIECE_BYTES):
                found.update(piece)
        return found.digest()

    def spend(self, key: str) -> None:
        """Note that an upload becomes a file now, and only now. One PUT; where the condition does not hold a HEAD more.

        An answer that was lost is no other's note: the request that is repeated finds its own mark.

        Raises:
            NameTaken: it has become one.
        """
        marker = _marker(key)
        full = f"{self.prefix}{marker}"
        holds = conditional_put_holds(self.store, None, name=marker, key=full)
        if not holds and self.is_spent(key):
            raise NameTaken("The upload has become a file.")
        parts = Parts(threshold_bytes=0, part_bytes=0, workers=1)
        NewObject(connection=self.store, name=marker, key=full, parameters={}, replace=not holds, parts=parts).put(b"")

    def is_spent(self, key: str) -> bool:
        """Say whether an upload has become a file. One HEAD."""
        try:
            self._call("head_object", _marker(key))
        except ObjectNotFound:
            return False
        return True

    def give_back(self, key: str) -> None:
        """Take back the note that an upload becomes a file, also when the store or the visitor is given up. One DELETE."""
        with taking_back(), unstopped():
            self._call("delete_object", _marker(key))

    def remove(self, key: str) -> None:
        """Delete an uploaded object. One DELETE."""
        self._call("delete_object", key)

    def shut(self, key: str) -> bool:
        """Delete an uploaded object, and let no link store anything in its place; False: links still do. One request."""
        if self.unsigned() is not Unsigned.OBEYED and conditional_put_holds(
            self.store, None, name=key, key=f"{self.prefix}{key}"
        ):
            # A link stores nothing over it.
            self._call("put_object", key, Body=b"")
            return True
        self.remove(key)
        return False

    # -- what was left behind

    def waiting(self) -> Iterator[Waiting]:
        """Give all that is in the staging area, unfinished uploads too. One request for each 1,000."""
        start = f"{self.prefix}{FOLDER}"
        for page in self.store.pages(action=_LOOKING, Prefix=start):
            for found in page.get("Contents", ()):
                yield Waiting(found["Key"], _when(found["Key"], start, found.get("LastModified")), int(found["Size"]))
        for upload in self.store.unfinished(action=_LOOKING, prefix=start):
            begun = _when(upload["Key"], start, upload.get("Initiated"))
            yield Waiting(upload["Key"], begun, 0, str(upload["UploadId"]))

    def sweep(self, found: Iterable[Waiting]) -> None:
        """Delete what was left behind, and cancel what was not finished. One request for each 1,000, and one an upload.

        Raises:
            StoreFailed: some could not be deleted, and which.
        """
        batch: list[str] = []
        failed: list[str] = []

        def empty() -> None:
            answer = self.store.call(
                "delete_objects",
                action="sweeping uploads",
                client=self.store.client,
                Delete={"Objects": [{"Key": key} for key in batch]},
            )
            failed.extend(f'"{error["Key"]}" ({error.get("Code")})' for error in answer.get("Errors", ()))
            batch.clear()

        for one in found:
            if one.upload_id:
                self.abort(one.key.removeprefix(self.prefix), one.upload_id)
                continue
            batch.append(one.key)
            if len(batch) == BATCH:
                empty()
        if batch:
            empty()
        if failed:
            raise StoreFailed(f"Could not be deleted from {self.store.where()}: {', '.join(failed)}.")

    def _call(self, operation: str, key: str, **parameters: Any) -> Any:
        return self.store.call(operation, action=_ACTION, Key=f"{self.prefix}{key}", **parameters)


def left_behind(found: Iterable[Waiting], *, seconds: float) -> Iterator[Waiting]:
    """Give what has been in the staging area for so long."""
    now = datetime.now(UTC)
    return (one for one in found if now - one.since >= timedelta(seconds=seconds))


def _marker(key: str) -> str:
    return f"{key.rpartition('/')[0]}/{SPENT}"


def _when(key: str, start: str, modified: Any) -> datetime:
    if isinstance(modified, datetime):
        return modified
    try:
        # As listings write it.
        return datetime.fromisoformat(str(modified))
    except ValueError:
        pass
    try:
        return datetime.strptime(key.removeprefix(start).partition("/")[0], "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return datetime.now(UTC)
