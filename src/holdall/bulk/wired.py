"""Small files on the wire: many at once, by one thread. What is out of the ordinary is left to `Copier.copy`, and safe there.

Each is made as `Copier.copy` makes it, with the same mark, so whichever of the two comes second knows what the first did.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from base64 import b64encode
from contextlib import suppress
from typing import Any

from django.core.files.base import ContentFile

from holdall.bulk.entries import Entry
from holdall.bulk.making import expected, kept_of, new_object, take_back
from holdall.bulk.places import Folder, Place, Store
from holdall.bulk.verdict import Copied
from holdall.bulk.work import Pace
from holdall.errors import HoldallError
from holdall.fork.storage import ForkedStorage
from holdall.s3.condition import conditional_put_holds
from holdall.s3.fastlane import HEADERS
from holdall.s3.saving import NewObject
from holdall.s3.wire import Declined, Errand, Station, Wire
from holdall.storage import MediaStorage
from holdall.storage.objects import is_compressed, key_of, reading_parameters, target_of, wrote

# Longer files are few, and cost by their length.
WIRED_BYTES = 64 * 1024
_METADATA = "x-amz-meta-"
_PLAIN = re.compile(r"[0-9a-f]{32}").fullmatch


class _Differs(Declined):
    """The store has something else than what was sent, as far as its ETag tells."""

    def __init__(self, made: NewObject) -> None:
        super().__init__()
        self.made = made


class Wired:
    """Copies small files from one place into a store.

    Raises:
        Declined: a place is one whose requests are out of the ordinary.
    """

    def __init__(self, source: Place, destination: Place, pace: Pace, workers: int) -> None:
        if not isinstance(destination, Store) or (
            isinstance(source, Store) and isinstance(source.storage, ForkedStorage)
        ):
            raise Declined
        self._source, self._storage = source, destination.storage
        self._to = Station(destination.storage.store)
        self._from = Station(source.storage.store) if isinstance(source, Store) else None
        self._sdk_checksums = target_of(self._storage).provider.sdk_checksums
        self._pace = pace
        self._wire = Wire(workers, pace.ended)
        self._lock = threading.Lock()
        self._is_of_use: bool | None = None

    def copy(self, steps: list[Entry]) -> dict[str, Copied]:
        """Copy files that are small, and new to the destination; give those that are copied, as far as is known."""
        storage = self._storage
        with self._lock:
            if self._is_of_use is None:
                # What is wrong here is told, and waited for, where each file is copied by itself.
                with suppress(HoldallError):
                    key = key_of(storage, steps[0].name)
                    self._is_of_use = conditional_put_holds(storage.store, None, name=steps[0].name, key=key)
        if not self._is_of_use or self._pace.is_slowed:
            # A store that is busy is asked by the lane that waits.
            return {}
        done = {}
        for result in self._wire.run(map(self._errand, steps)):
            if isinstance(result, Copied):
                wrote(storage, result.name)
                done[result.name] = result
            elif isinstance(result, _Differs):
                # A store that encrypts, or damage on the way. By the other lane the store compares what it was sent.
                self._is_of_use = False
                # What cannot be taken back is known again by its mark, and looked at in the end like all others.
                with suppress(HoldallError):
                    take_back(result.made)
        return done

    def close(self) -> None:
        """End what carries it."""
        self._wire.close()

    def _errand(self, step: Entry) -> Errand:
        if isinstance(self._source, Folder):
            return self._from_folder(step, self._source)
        return self._from_store(step, self._source.storage)

    def _from_folder(self, step: Entry, source: Folder) -> Errand:
        with source.open(step.name) as file:
            before = os.fstat(file.fileno())
            data = file.read(step.size_bytes + 1)
            after = os.fstat(file.fileno())
        if len(data) != step.size_bytes or (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise Declined
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        made = new_object(self._storage, step, ContentFile(data), md5)
        # What the store compares it with, of the hash that is there already.
        digest = {} if self._sdk_checksums else {"ContentMD5": b64encode(bytes.fromhex(md5)).decode()}
        return (yield from self._put(step, made, data, md5, digest))

    def _from_store(self, step: Entry, storage: MediaStorage) -> Errand:
        if self._from is None or reading_parameters(storage, step.name):
            raise Declined
        answer = yield self._from.request("get_object", {"Key": key_of(storage, step.name)})
        if answer.headers.get("etag", "").strip('"') != step.etag or len(answer.data) != step.size_bytes:
            raise Declined
        made = new_object(self._storage, step, ContentFile(answer.data), step.etag, kept_of(_told(answer.headers)))
        # What both stores call by one MD5 is one content.
        return (yield from self._put(step, made, answer.data, step.etag, {}))

    def _put(self, step: Entry, made: NewObject, data: bytes, etag: str, digest: dict[str, str]) -> Errand:
        if made.replace or is_compressed(self._storage, made) or not _PLAIN(etag):
            raise Declined
        answer = yield self._to.request(
            "put_object", {"Key": made.key, "Body": data, "IfNoneMatch": "*", **digest, **made.parameters}
        )
        made.etag = answer.headers.get("etag", "")
        if made.etag.strip('"') != etag:
            raise _Differs(made)
        return Copied(step.name, len(data), *expected(made, etag))


def _told(headers: dict[str, str]) -> dict[str, Any]:
    """Give what a store says of an object, in the SDK's words."""
    if "expires" in headers or not "".join(headers.values()).isascii():
        # The SDK knows how a time is written, and in which letters metadata are.
        raise Declined
    told: dict[str, Any] = {name: headers[header] for name, header in HEADERS.items() if header in headers}
    told["Metadata"] = {
        name.removeprefix(_METADATA): value for name, value in headers.items() if name.startswith(_METADATA)
    }
    return told
