"""The part of the storage that saves: under a name that nobody has, whole or not at all."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from django.core.files.storage import Storage
from django.core.files.utils import validate_file_name
from storages.utils import ReadBytesWrapper

from holdall import names
from holdall.errors import NameTaken, StoreFailed
from holdall.s3.bodies import read_exactly
from holdall.s3.condition import conditional_put_holds
from holdall.s3.multipart import Parts
from holdall.s3.patience import refuse_if_stopped
from holdall.s3.ranges import MAX_PARTS, Source
from holdall.s3.saving import NewObject
from holdall.storage import content as rules
from holdall.storage.asking import AskingStorage
from holdall.storage.attempt import Attempt, current, tried
from holdall.storage.files import ObjectFile
from holdall.storage.mirror import Mirror
from holdall.storage.reading import reading_parameters
from holdall.storage.upload import Upload, is_seekable

# After so many taken names in a row, there is no point in trying another.
MAX_NAMES = 1_000


class WritingStorage(AskingStorage):
    """The storage that answers, with names and saving of our own. `MediaStorage` gives it a connection and its options."""

    _mirror_options: Mapping[str, Any] | None = None
    _mirror: Mirror | None = None

    @property
    def mirror(self) -> Mirror | None:
        """The second store that gets every change too, if there is one."""
        if self._mirror is None and self._mirror_options:
            self._mirror = Mirror(self, self._mirror_options)
        return self._mirror

    @mirror.setter
    def mirror(self, options: Mapping[str, Any] | None) -> None:
        # django-storages gives a storage its options one by one, by their names.
        self._mirror, self._mirror_options = None, options

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
        if not self._insists:
            yield from names.candidates(name, max_length=max_length, alternative=self._another)
        while True:
            # A project's own rule for names, which is asked again until it insists.
            yield self.get_available_name(name, max_length)

    @property
    def _insists(self) -> bool:
        """Whether names are a project's own rule: one that gives a taken name twice means to replace the file."""
        return type(self).get_available_name is not WritingStorage.get_available_name

    @property
    def _another(self) -> Callable[[str, str], str]:
        """Give what makes alternatives to one name: the project's rule, and a random part where that repeats itself."""
        last = ""

        def alternative(root: str, extension: str) -> str:
            nonlocal last
            made = str(self.get_alternative_name(root, extension))
            if made == last:
                # The accident: an alternative by the day or the second is taken too, and says nothing else until later.
                return str(Storage.get_alternative_name(self, root, extension))
            last = made
            return made

        return alternative

    # -- saving

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Save a file under this name or, if it is taken, under one that is free, and give that name.

        Two writers of one name give two files, also when they write at the same moment, and where one's mirror is the
        other's store. With `file_overwrite` the file that has the name is replaced instead, or left as it was when the
        save fails. The content is stored whole or not at all, and stays open; it is read from its beginning if it can be.

        Requests: one PUT. From the multipart threshold on two and one a part, and two that reserve the name and look
        whether it still is (on Amazon: one that asks for it). Two more for each name that is taken. Where it is not
        known whether the provider has conditional writes, three more once per process. With `file_overwrite` none but
        those that write. With a mirror those of `holdall.storage.mirror.Mirror.claim` more, or of its `replacing`.

        Raises:
            InvalidName: the name cannot become a key; nothing was sent.
            AccessRefused, BucketNotFound: nothing was saved.
            NameTaken: of another file that a project's own `_save` writes.
            StoreUnreachable, StoreFailed: no name was given; when every answer was lost, a file may be there that
                nobody was told of.
        """
        name = content.name if name is None else name
        upload = Upload(content, name=name, remembered_bytes=self.transfer_config.multipart_threshold + 1)
        with upload.being_saved():
            return self._save_upload(name, upload, max_length)

    def _save_upload(self, name: str | None, upload: Upload, max_length: int | None) -> str:
        if self.file_overwrite:
            return str(super().save(name, upload.file, max_length))
        candidates = self._candidates(str(name), max_length)
        store = self.store
        if store.conditional_put is None:
            conditional_put_holds(store, self._client, name=str(name), key=self._key(str(name)))
        if not store.conditional_put:
            # Without the condition only a name that nobody else can think of is free for certain.
            next(candidates)
        with ExitStack() as given_up:
            return self._save_under_one(candidates, upload, given_up)

    def _save_under_one(self, candidates: Iterator[str], upload: Upload, given_up: ExitStack) -> str:
        """Save under the first of these names that is free."""
        # A project's own `_save` has Django's signature.
        plain = type(self)._save is WritingStorage._save
        # Those of `names.candidates` are valid.
        insists = self._insists
        last, last_key, retreats = "", "", 0
        for candidate, _ in zip(candidates, range(MAX_NAMES), strict=False):
            refuse_if_stopped()
            if insists:
                validate_file_name(candidate, allow_relative_path=True)
            # A project's own `get_available_name` that insists on a taken name means to replace the file.
            replaces = last_key if insists and candidate == last else None
            attempt = Attempt(self, upload, stores_the_content=plain, retreats=retreats, replaces=replaces)
            try:
                with tried(attempt):
                    if plain:
                        return self._save_as(candidate, upload)
                    # It may have been read for a name that turned out to be taken.
                    upload.rewind()
                    saved = self._save(candidate, upload.file)
            except NameTaken as taken:
                # Of a file that a project's own `_save` writes besides.
                if taken is not attempt.taken:
                    raise
                if attempt.given_up is not None:
                    upload = self._read_back(attempt.given_up, given_up)
                elif not upload.can_rewind:
                    # Of one stream only the rest is left.
                    raise
                if candidate != last and taken.key == last_key:
                    # Whatever is offered, it is saved by one name.
                    raise
                last, last_key, retreats = candidate, taken.key, attempt.retreats
                continue
            validate_file_name(saved, allow_relative_path=True)
            return saved
        raise StoreFailed(
            f"No free name was found in {self.store.where()}: {MAX_NAMES:,} were refused as taken, the last {last!r}. Check "
            "`get_available_name` or `get_alternative_name` of the storage; or the store refuses what is not taken."
        )

    def _read_back(self, made: NewObject, given_up: ExitStack) -> Upload:
        """Give what was stored as the content to save again, because it can be read nowhere else; then it is deleted."""
        given_up.callback(made.abandon)
        file = given_up.enter_context(self._open(made.name))
        return Upload(file, name=made.name, remembered_bytes=0)

    def _save(self, name: str, content: Any) -> str:
        upload = Upload(content, name=name, remembered_bytes=self.transfer_config.multipart_threshold + 1)
        attempt = current()
        if attempt is not None and attempt.storage is self:
            return self._save_as(names.clean(name), upload)
        with tried(Attempt(self)):
            saved = self._save_as(names.clean(name), upload)
        if attempt is not None:
            # Of another storage, which saves this too.
            attempt.has_saved = True
        return saved

    def _save_as(self, name: str, upload: Upload) -> str:
        """Save under this name, which is clean, and no other."""
        attempt = current()
        upload.rewind()
        target = self._new_object(name, upload.file)
        try:
            with self._writing(target), target.taking_back():
                self._send(target, upload)
                # The caller may want to read it once more: to make a thumbnail, or to send it by mail.
                upload.rewind()
        except NameTaken as taken:
            if attempt is not None and attempt.storage is self and not attempt.has_saved:
                attempt.taken = taken
            raise
        if attempt is not None:
            attempt.has_saved = True
        return name

    @contextmanager
    def _writing(self, made: NewObject) -> Iterator[None]:
        """Enclose what stores a file.

        Raises:
            NameTaken: the mirror has another file of the name; this one is taken back.
        """
        mirror = self.mirror
        if mirror is None:
            yield
            self._wrote(made.name)
        # Never of a fork, which has no mirror, and so nothing else to hear.
        elif made.replace:
            with mirror.replacing(made.name):
                yield
        else:
            yield
            self._claim(mirror, made)

    def _claim(self, mirror: Mirror, made: NewObject) -> None:
        try:
            mirror.claim(made)
        except NameTaken as taken:
            attempt = current()
            if attempt is not None and attempt.storage is not self:
                attempt = None
            if made.is_shared or (attempt is not None and not attempt.can_give_way):
                mirror.miss(made.name, taken)
                return
            if attempt is not None:
                attempt.retreats += 1
                if attempt.upload is not None and not attempt.upload.can_rewind:
                    attempt.given_up = made
                    raise
            made.abandon()
            raise

    def _wrote(self, name: str) -> None:
        """Hear of a file that is stored now, under a clean name."""
        if (mirror := self.mirror) is not None:
            mirror.follow(name)

    def _send(self, target: NewObject, upload: Upload) -> None:
        if self._is_compressed(target.parameters):
            target.parameters["ContentEncoding"] = "gzip"
            target.create(self._compress_content(upload.body()), again=upload.starts_again)
            return
        if (source := self._source_of(upload)) is not None:
            if target.copy(source):
                upload.was_copied(target)
                return
            upload.rewind()
        target.create(upload.body(), again=upload.starts_again)

    def _source_of(self, upload: Upload) -> Source | None:
        """Find the object that an upload is a file of, if the store can copy it by itself."""
        content = upload.stored_file()
        if isinstance(content, ObjectFile) and (reader := content.reader) is not None:
            target = reader.connection.target
            if reader.etag and not content.is_unpacked and target.with_bucket(None) == self._target.with_bucket(None):
                return Source(
                    bucket_name=str(target.bucket_name),
                    key=reader.key,
                    etag=reader.etag,
                    size_bytes=reader.size,
                    parameters=reader.parameters,
                    is_pinned=content.is_pinned,
                    look=reader.look,
                )
        elif content is not None:
            theirs, found = content._storage, content.obj
            same = all(getattr(theirs, name) == getattr(self, name) for name in _SAME_PLACE)
            if same and not found.content_encoding:
                return Source(
                    bucket_name=found.bucket_name,
                    key=found.key,
                    etag=found.e_tag,
                    size_bytes=found.content_length,
                    parameters=reading_parameters(theirs, str(content.name)),
                )
        return None

    def _new_object(self, name: str, content: Any, *, replace: bool | None = None) -> NewObject:
        """Prepare a new object; `replace` says whether it may replace one, where that is not what `save` does."""
        store, key = self.store, self._key(name)
        attempt = current()
        insists = attempt is not None and attempt.storage is self and attempt.replaces == key
        may_replace = self.file_overwrite or insists if replace is None else replace
        return NewObject(
            connection=store,
            client=self._client,
            name=name,
            key=key,
            parameters=self._get_write_parameters(name, content),
            replace=may_replace or store.conditional_put is False,
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

    def _is_immutable(self, name: str, content: Any) -> bool:
        """Say whether this name will never show anything else: known from how it was made, not guessed from its look.

        The class hashes names (`ManifestStaticFilesStorage`), and this one carries the hash of this very content. Any other
        name can show another file: once its own was deleted, or was opened for writing again.
        """
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
    try:
        at = content.tell() if hasattr(content, "tell") else 0
        content.seek(0)
    except (AttributeError, OSError):
        # It has no beginning to go back to.
        return b""
    # Whole, because a read may give less than was asked for, and script may hide behind it.
    head = read_exactly(ReadBytesWrapper(content), rules.HEAD_BYTES)
    content.seek(at)
    return head
