"""The part of the storage that saves: under a name that nobody has, whole or not at all."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from django.core.files.base import File
from django.core.files.storage import Storage
from django.core.files.utils import validate_file_name
from storages.backends.s3 import S3File
from storages.utils import ReadBytesWrapper

from holdall import names
from holdall.errors import NameTaken
from holdall.s3.bodies import read_exactly
from holdall.s3.condition import conditional_put_holds
from holdall.s3.saving import MAX_COPY_BYTES, MAX_PARTS, NewObject, Parts, Source
from holdall.storage import content as rules
from holdall.storage.files import ObjectFile, Replayed, is_seekable
from holdall.storage.links import LinkingStorage

# Set by `save` for its own call of `_save`, whose signature is Django's and may be a project's.
_may_replace = ContextVar("holdall_may_replace", default=False)
# The same for a name with a random part that was drawn for this one file: the storage, and the name.
_drawn: ContextVar[tuple[object, str] | None] = ContextVar("holdall_drawn", default=None)


class WritingStorage(LinkingStorage):
    """django-storages' storage, with names and saving of our own. `MediaStorage` gives it a connection and its options."""

    # -- names

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Give a name that is free at this moment. One HEAD for each that is not.

        `save` does not ask: what is free now may be taken when the file arrives.
        """
        cleaned = names.clean(name)
        if not cleaned:
            # Django's refusal shows the name as it was given.
            validate_file_name(name)
        return str(super().get_available_name(cleaned, max_length))

    def _candidates(self, name: str, max_length: int | None) -> Iterator[str]:
        if type(self).get_available_name is WritingStorage.get_available_name:
            yield from names.candidates(name, max_length=max_length, alternative=self.get_alternative_name)
        while True:
            # A project's own rule for names, which is asked again until it insists.
            yield self.get_available_name(name, max_length)

    # -- saving

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Save a file under this name or, if it is taken, under one that is free, and give that name.

        Two writers of one name give two files, also when they write at the same moment. With `file_overwrite` the
        file that has the name is replaced instead, or left as it was when the save fails. The content is stored whole
        or not at all, and stays open; it is read from its beginning if it can be.

        Requests: one PUT. From the multipart threshold on two and one a part, and one that reserves the name (on
        Amazon: that asks for it). Two more for each name that is taken. Where it is not known whether the provider
        has conditional writes, three more once a process. With `file_overwrite` none but those that write.

        Raises:
            InvalidName: the name cannot become a key; nothing was sent.
            AccessRefused, BucketNotFound: nothing was saved.
            StoreUnreachable, StoreFailed: no name was given; when every answer was lost, a file may be there that
                nobody was told of.
        """
        name = content.name if name is None else name
        if not hasattr(content, "chunks"):
            content = File(content, name)
        if not is_seekable(content):
            content = Replayed(ReadBytesWrapper(content), name=name, remembered_bytes=self._parts().threshold_bytes + 1)
        if self.file_overwrite:
            return str(super().save(name, content, max_length))
        asked = names.clean(str(name))
        candidates = self._candidates(asked, max_length)
        if not conditional_put_holds(self.store, self._client, name=str(name), key=self._key(str(name))):
            # Without the condition only a name that nobody else can think of is free for certain.
            next(candidates)
        last = None
        for candidate in candidates:
            validate_file_name(candidate, allow_relative_path=True)
            if is_seekable(content):
                # A project's own `_save` may have read it for a name that turned out to be taken.
                content.seek(0)
            # A project's own `get_available_name` that insists on a taken name means to replace the file.
            insists = _may_replace.set(candidate == last)
            drawn = _drawn.set((self, candidate) if self._is_drawn(candidate, asked) else None)
            try:
                saved = self._save(candidate, content)
            except NameTaken:
                if not is_seekable(content):
                    # Of a stream that was read by a project's own `_save` only the rest would be saved.
                    raise
                last = candidate
                continue
            finally:
                _may_replace.reset(insists)
                _drawn.reset(drawn)
            validate_file_name(saved, allow_relative_path=True)
            return saved
        raise AssertionError("candidates never end")

    def _save(self, name: str, content: Any) -> str:
        cleaned = names.clean(name)
        if is_seekable(content):
            content.seek(0)
        # A stream gives no more than its beginning a second time; what is sent in parts is longer.
        again = is_seekable(content) and not isinstance(content, Replayed)
        target = self._new_object(cleaned, content)
        if self._is_compressed(target.parameters):
            target.parameters["ContentEncoding"] = "gzip"
            target.create(self._compress_content(ReadBytesWrapper(content)), again=again)
        elif (source := self._source_of(content)) is not None:
            target.copy(source)
        else:
            target.create(ReadBytesWrapper(content), again=again)
        if is_seekable(content):
            # The caller may want to read it once more: to make a thumbnail, or to send it by mail.
            content.seek(0)
        return cleaned

    def _source_of(self, content: Any) -> Source | None:
        """Find the object that a content is a file of, if the store can copy it by itself."""
        while isinstance(content, File) and not isinstance(content, (ObjectFile, S3File)):
            content = content.file
        if isinstance(content, ObjectFile) and (reader := content.reader) is not None:
            target = reader.connection.target
            if (
                reader.etag
                and not content.is_unpacked
                and reader.size <= MAX_COPY_BYTES
                and target.with_bucket(None) == self._target.with_bucket(None)
            ):
                return Source(bucket_name=str(target.bucket_name), key=reader.key, etag=reader.etag)
        elif isinstance(content, S3File) and "w" not in content._mode:
            theirs, found = content._storage, content.obj
            same = all(getattr(theirs, name) == getattr(self, name) for name in _SAME_PLACE)
            if same and not found.content_encoding and found.content_length <= MAX_COPY_BYTES:
                return Source(bucket_name=found.bucket_name, key=found.key, etag=found.e_tag)
        return None

    def _new_object(self, name: str, content: Any, *, replace: bool | None = None) -> NewObject:
        """Prepare a new object; `replace` says whether it may replace one, where that is not what `save` does."""
        may_replace = self.file_overwrite or _may_replace.get() if replace is None else replace
        return NewObject(
            connection=self.store,
            client=self._client,
            name=name,
            key=self._key(name),
            parameters=self._get_write_parameters(name, content),
            replace=may_replace or self.store.conditional_put is False,
            parts=self._parts(content),
        )

    def _parts(self, content: Any = None) -> Parts:
        chosen = self.transfer_config
        # S3 takes no more than so many parts; longer files need longer ones.
        least_bytes = -(-(getattr(content, "size", None) or 0) // MAX_PARTS)
        return Parts(
            threshold_bytes=chosen.multipart_threshold,
            part_bytes=max(chosen.multipart_chunksize, least_bytes),
            workers=chosen.max_request_concurrency if chosen.use_threads else 1,
        )

    def _is_compressed(self, parameters: dict[str, Any]) -> bool:
        return (
            self.gzip and parameters["ContentType"] in self.gzip_content_types and "ContentEncoding" not in parameters
        )

    def _is_drawn(self, candidate: str, asked: str) -> bool:
        """Say whether a name was made of the one that was asked for by Django's own random part, drawn for this save."""
        own = type(self)
        return (
            candidate != asked
            and own.get_available_name is WritingStorage.get_available_name
            and own.get_alternative_name is Storage.get_alternative_name
        )

    def _is_immutable(self, name: str, content: Any) -> bool:
        """Say whether this name will never show anything else: known from how it was made, not guessed from its look.

        Either its random part was drawn for this file, or the class hashes names (`ManifestStaticFilesStorage`) and the
        name carries the hash of this very content. All other names can be given again, once their file was deleted.
        """
        storage, drawn = _drawn.get() or (None, None)
        if storage is self and drawn == name:
            return True
        hash_of = getattr(self, "file_hash", None)
        if hash_of is None or content is None or not is_seekable(content):
            return False
        content.seek(0)
        digest = hash_of(name, content)
        content.seek(0)
        root, _ = posixpath.splitext(posixpath.basename(name))
        return bool(digest) and root.endswith(f".{digest}")

    def _get_write_parameters(self, name: str, content: Any = None) -> dict[str, Any]:
        """Give the headers of a new file; what `get_object_parameters` says counts, the client's claim never does."""
        parameters: dict[str, Any] = self.get_object_parameters(name)
        decided = rules.delivery(name, _head(content), inline=self.inline_types, unknown=self.default_content_type)
        if "ContentType" not in parameters:
            parameters["ContentType"] = decided.content_type
            if decided.as_attachment:
                parameters.setdefault("ContentDisposition", "attachment")
        if "CacheControl" not in parameters and self.public is not None:
            is_immutable = self._is_immutable(name, content)
            parameters["CacheControl"] = rules.cache_control(
                public=self.public,
                lifetime_seconds=self.querystring_expire if is_immutable else self._cache_seconds,
                is_immutable=is_immutable,
            )
        if self.default_acl:
            parameters.setdefault("ACL", self.default_acl)
        return parameters


# The options that say where a store is and who asks, in django-storages' words.
_SAME_PLACE = ("endpoint_url", "region_name", "access_key", "secret_key", "security_token", "session_profile")


def _head(content: Any) -> bytes:
    """Look at the first bytes of a content without moving in it."""
    if content is None or not is_seekable(content):
        return b""
    at = content.tell() if hasattr(content, "tell") else 0
    content.seek(0)
    # Whole, because a read may give less than was asked for, and script may hide behind it.
    head = read_exactly(ReadBytesWrapper(content), rules.HEAD_BYTES)
    content.seek(at)
    return head
