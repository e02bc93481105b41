"""The media storage: django-storages' `S3Storage`, changed where it loses data, wastes requests or misleads."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from contextvars import ContextVar
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import File
from django.core.files.storage import Storage, storages
from django.core.files.utils import validate_file_name
from django.utils import timezone
from django.utils.module_loading import import_string
from storages.backends.s3 import S3File, _filter_download_params
from storages.utils import ReadBytesWrapper, setting

from holdall import content as rules
from holdall import names
from holdall.claims import Claim
from holdall.client import Connection, Target, connect, transfer_config
from holdall.errors import NameTaken, ObjectNotFound, StoreFailed
from holdall.files import MODES, MediaFile, NewFile, ObjectFile, Replayed, is_seekable
from holdall.lineage import RESERVED
from holdall.links import LinkingStorage
from holdall.providers import PROVIDERS, recognise
from holdall.reading import ObjectReader
from holdall.saving import MAX_COPY_BYTES, MAX_PARTS, NewObject, Parts, Source, conditional_put_holds
from holdall.values import Secret

# What one request may delete: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
DELETE_BATCH = 1000
POOL_WORKERS = 16
# What never leaves the process: not into a migration, a log or a pickle's repr.
SECRET_OPTIONS = frozenset({"access_key", "secret_key", "security_token", "cloudfront_key"})

# Set by `save` for its own call of `_save`, whose signature is Django's and may be a project's.
_may_replace = ContextVar("holdall_may_replace", default=False)


class MediaStorage(LinkingStorage):
    """Keep media in a bucket: no upload is lost, private files stay private, errors say what to do.

    Every option and `AWS_*` setting of django-storages works as documented there, but for two defaults: no file is
    ever overwritten (`file_overwrite=False`), and SigV4 signs. Beyond them:

    - `provider`: the id of the kind of S3 (`holdall.providers`); found from the endpoint when it is left out.
    - `public`: the declared intent; decides the `Cache-Control` that files get. None: no intent, no header.
    - `inline_types`: content types that may be shown by the browser although they can run script, such as
      `["image/svg+xml"]` where only editors upload.
    - `fast_lane`: send plain requests without the SDK, at a fraction of its CPU. False where something watches the
      SDK's events, such as a tracer.
    - `local_folder`: start the embedded server on this folder when the storage is first used.
    - `environment`: this environment's name; the first that writes with one owns the store, and no other writes to it.
    - `read_only`: send nothing but reads, whatever the keys may do, and sign no other links.

    One instance may be used by any number of threads; after a fork each process makes connections of its own.
    """

    provider: str | None
    public: bool | None
    inline_types: tuple[str, ...]
    local_folder: str | None
    fast_lane: bool
    environment: str | None
    read_only: bool

    def __init__(self, **settings: Any) -> None:
        # django-storages formats the keys into texts of its own, so it gets them plain.
        super().__init__(**{name: _revealed(value) for name, value in settings.items()})
        if self.provider is not None and self.provider not in PROVIDERS:
            known = ", ".join(sorted(PROVIDERS))
            raise ImproperlyConfigured(f'There is no provider "{self.provider}"; known are {known}.')
        # django-storages has filled these in by now; only what the project chose itself is to be kept.
        own_config = self._chosen(settings, "client_config", "config", "AWS_S3_CLIENT_CONFIG")
        if self._chosen(settings, "transfer_config", "transfer_config", "AWS_S3_TRANSFER_CONFIG") is None:
            self.transfer_config = transfer_config(use_threads=self.use_threads is not False)
        provider = PROVIDERS[self.provider] if self.provider else recognise(self.endpoint_url)[0]
        self._target = Target(
            provider=provider,
            bucket_name=self.bucket_name,
            endpoint_url=self.endpoint_url,
            region_name=self.region_name,
            access_key=_wrapped(self.access_key),
            secret_key=_wrapped(self.secret_key),
            token=_wrapped(self.security_token),
            profile=self.session_profile,
            local_folder=self.local_folder,
            fast=self.fast_lane,
            public=bool(self.public),
            use_ssl=self.use_ssl,
            verify=self.verify,
            signature_version=self.signature_version,
            addressing_style=self.addressing_style,
            proxies=tuple(sorted((self.proxies or {}).items())),
            client_config=own_config,
            read_only=self.read_only,
            claims=() if self.read_only else self._claims(),
        )
        self.client_config = self._target.config()
        self._store: Connection | None = None
        self._prepare_links()

    def _claims(self) -> tuple[Claim, ...]:
        """Give what must stand in the store before this environment writes there."""
        if not self.environment:
            return ()
        return (Claim(kind="owner", holder=self.environment, location=self.location.strip("/")),)

    def _chosen(self, settings: dict[str, Any], option: str, attribute: str, name: str) -> Any:
        return settings.get(option) or getattr(type(self), attribute, None) or setting(name)

    def get_default_settings(self) -> dict[str, Any]:
        return {
            **super().get_default_settings(),
            "file_overwrite": setting("AWS_S3_FILE_OVERWRITE", False),
            "provider": None,
            "public": None,
            "inline_types": (),
            "local_folder": None,
            "fast_lane": True,
            "environment": None,
            "read_only": False,
        }

    def __repr__(self) -> str:
        where = f"{self._target.provider.title}, bucket {self.bucket_name!r}"
        return f"<{type(self).__name__}: {where}{f', under {self.location!r}' if self.location else ''}>"

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """Give a migration what it may keep: the alias of the storage, or its options without secrets.

        A storage's options in a migration are secrets in version control, and one environment's bucket frozen for all
        others (jschneier/django-storages#1393).
        """
        path, arguments, options = super().deconstruct()
        for alias, entry in getattr(django_settings, "STORAGES", {}).items():
            if entry.get("OPTIONS", {}) == options and import_string(entry["BACKEND"]) is type(self):
                return "holdall.storage.from_alias", (alias,), {}
        return path, arguments, _without_secrets(options)

    def __getstate__(self) -> dict[str, Any]:
        # Models are pickled with their storages, into caches and tasks; a connection belongs to its process.
        state: dict[str, Any] = super().__getstate__()
        return {**state, "_store": None, "_links": {}}

    # -- connections

    @property
    def store(self) -> Connection:
        """The process's connection to this store."""
        found = self._store
        if found is None or found.pid != os.getpid():
            found = self._store = connect(self._target)
        return found

    @property
    def connection(self) -> Any:
        """The calling thread's S3 resource, over the one client of the process."""
        return self._of_thread(self._connections, "connection", self.store.resource, self.store.generation)

    @property
    def unsigned_connection(self) -> Any:
        """The same for requests and links without a signature."""
        unsigned = connect(self._target, signed=False)
        return self._of_thread(self._unsigned_connections, "connection", unsigned.resource, unsigned.generation)

    @property
    def bucket(self) -> Any:
        """The calling thread's bucket; django-storages shares the first thread's with all others."""
        return self._of_thread(
            self._connections, "bucket", lambda: self.connection.Bucket(self.bucket_name), self.store.generation
        )

    @staticmethod
    def _of_thread(place: threading.local, name: str, make: Any, generation: int) -> Any:
        # After a fork a thread's own things are those of the parent process, sockets included.
        now = (os.getpid(), generation)
        if getattr(place, "made", now) != now:
            place.__dict__.clear()
        place.made = now
        found = getattr(place, name, None)
        if found is None:
            found = make()
            setattr(place, name, found)
            if name == "connection":
                place.ours = found
        return found

    @property
    def _client(self) -> Any:
        """The SDK's client of a connection that a project, or a test, put in place of ours; then all goes through it."""
        placed = getattr(self._connections, "connection", None)
        return None if placed is None or placed is getattr(self._connections, "ours", None) else placed.meta.client

    def translating(self, action: str, name: str, key: str | None = None) -> AbstractContextManager[None]:
        """Turn the SDK's errors inside into Holdall's; `action` completes "… failed"."""
        key = self._normalize_name(name) if key is None else key
        return self.store.translating(action, name=name, key=key, client=self._client)

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
        if type(self).get_available_name is MediaStorage.get_available_name:
            yield from names.candidates(name, max_length=max_length, alternative=self.get_alternative_name)
        while True:
            # A project's own rule for names, which is asked again until it insists.
            yield self.get_available_name(name, max_length)

    # -- saving

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Save a file under this name or, if it is taken, under one that is free, and give that name.

        Two writers of one name give two files, also when they write at the same moment. The content is stored whole
        or not at all, and stays open; it is read from its beginning if it can be.

        Requests: one PUT. From the multipart threshold on two and one a part, and one that reserves the name (on
        Amazon: that asks for it). Two more for each name that is taken. Where it is not known whether the provider
        has conditional writes, three more once a process.

        Raises:
            InvalidName: the name can not become a key; nothing was sent.
            AccessRefused, BucketNotFound: nothing was saved.
            StoreUnreachable, StoreFailed: no name was given; when every answer was lost, a file may be there that
                nobody was told of.
        """
        if self.file_overwrite:
            return str(super().save(name, content, max_length))
        name = content.name if name is None else name
        if not hasattr(content, "chunks"):
            content = File(content, name)
        if not is_seekable(content):
            content = Replayed(ReadBytesWrapper(content), name=name, remembered_bytes=self._parts().threshold_bytes + 1)
        candidates = self._candidates(names.clean(str(name)), max_length)
        if not conditional_put_holds(self.store, self._client, name=str(name), key=self._normalize_name(str(name))):
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
            validate_file_name(saved, allow_relative_path=True)
            return saved
        raise AssertionError("candidates never end")

    def _save(self, name: str, content: Any) -> str:
        if self.file_overwrite or _may_replace.get():
            return self._save_over(name, content)
        cleaned = names.clean(name)
        again = is_seekable(content)
        if again:
            content.seek(0)
        target = self._new_object(cleaned, content)
        if self._is_compressed(target.parameters):
            target.parameters["ContentEncoding"] = "gzip"
            target.create(self._compress_content(ReadBytesWrapper(content)), again=again)
        elif (source := self._source_of(content)) is not None:
            target.copy(source)
        else:
            target.create(ReadBytesWrapper(content), again=again)
        if again:
            # The caller may want to read it once more: to make a thumbnail, or to send it by mail.
            content.seek(0)
        return cleaned

    def _source_of(self, content: Any) -> Source | None:
        """Find the object that a content is a file of, if the store can copy it by itself."""
        while isinstance(content, File) and not isinstance(content, (ObjectFile, S3File)):
            content = content.file
        if isinstance(content, ObjectFile):
            reader = content.reader
            target = reader.connection.target
            if (
                reader.etag
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

    def _save_over(self, name: str, content: Any) -> str:
        with self.translating("saving", name):
            return str(super()._save(name, content))

    def _new_object(self, name: str, content: Any) -> NewObject:
        return NewObject(
            connection=self.store,
            client=self._client,
            name=name,
            key=self._normalize_name(name),
            parameters=self._get_write_parameters(name, content),
            replace=self.store.conditional_put is False,
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

    def _get_write_parameters(self, name: str, content: Any = None) -> dict[str, Any]:
        """Give the headers of a new file; what `get_object_parameters` says counts, the client's claim never does."""
        parameters: dict[str, Any] = self.get_object_parameters(name)
        decided = rules.delivery(name, _head(content), inline=self.inline_types, unknown=self.default_content_type)
        if "ContentType" not in parameters:
            parameters["ContentType"] = decided.content_type
            if decided.as_attachment:
                parameters.setdefault("ContentDisposition", "attachment")
        if "CacheControl" not in parameters and self.public is not None and not self.file_overwrite:
            parameters["CacheControl"] = rules.cache_control(
                public=self.public, lifetime_seconds=self.querystring_expire
            )
        if self.default_acl:
            parameters.setdefault("ACL", self.default_acl)
        return parameters

    # -- reading

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        """Open a file for reading, or for writing as a stream that appears when it is closed.

        Raises:
            ObjectNotFound: when reading. NameTaken: when writing, as soon as it is known.
        """
        if mode not in MODES:
            raise ValueError(f'A file in a bucket can not be opened with mode "{mode}"; use r, rb, w or wb.')
        cleaned = names.clean(name)
        key = self._normalize_name(cleaned)
        if "w" in mode and not self.file_overwrite:
            if not conditional_put_holds(self.store, self._client, name=cleaned, key=key) and self.exists(cleaned):
                raise NameTaken(f'"{cleaned}" is taken in {self.store.where()}; names are never given twice.')
            return NewFile(cleaned, partial(self._new_object, cleaned), parts=self._parts(), mode=mode)
        if "w" in mode or self.gzip:
            return MediaFile(key, mode, self, cleaned)
        open_reader = partial(
            ObjectReader,
            self.store,
            self._client,
            name=cleaned,
            key=key,
            parameters=_filter_download_params(self.get_object_parameters(cleaned)),
        )
        return ObjectFile(open_reader, name=cleaned, mode=mode)

    def delete(self, name: str) -> None:
        """Delete a file; one that does not exist is none to worry about. One DELETE.

        Raises:
            ValueError: the name is empty, which would mean the whole store.
        """
        if not name:
            raise ValueError("The name must be given to delete().")
        with suppress(ObjectNotFound), self.translating("deleting", name):
            self.bucket.Object(self._normalize_name(name)).delete()

    def delete_many(self, names: Iterable[str]) -> None:
        """Delete files; those that do not exist are none to worry about. One request for each 1,000.

        Raises:
            StoreFailed: some could not be deleted, and which; all others are.
        """
        failed: list[str] = []
        for batch in batched({self._normalize_name(name): name for name in names if _given(name)}.items()):
            answer = self.store.call(
                "delete_objects",
                action="deleting",
                name=batch[0][1],
                client=self.connection.meta.client,
                Delete={"Objects": [{"Key": key} for key, _ in batch], "Quiet": True},
            )
            by_key = dict(batch)
            failed += [f'"{by_key[error["Key"]]}" ({error.get("Code")})' for error in answer.get("Errors", ())]
        if failed:
            raise StoreFailed(f"Could not be deleted from {self.store.where()}: {', '.join(failed)}.")

    def exists_many(self, names: Iterable[str]) -> dict[str, bool]:
        """Say of each name whether a file has it. One HEAD each, a few at a time."""
        asked = list(dict.fromkeys(names))
        with ThreadPoolExecutor(min(POOL_WORKERS, len(asked)) or 1, thread_name_prefix="holdall-exists") as pool:
            return dict(zip(asked, pool.map(self.exists, asked), strict=True))

    def exists(self, name: str) -> bool:
        """Say whether a file has this name. One HEAD; one more after the first "no" of a process.

        Raises:
            AccessRefused: also for a missing file, where the keys may not list the bucket.
            BucketNotFound: the bucket itself is missing, which is no answer about a file.
        """
        if not names.clean(name):
            return False
        key = self._normalize_name(name)
        parameters = _filter_download_params(self.get_object_parameters(name))
        try:
            self.store.call("head_object", action="looking for", name=name, client=self._client, Key=key, **parameters)
        except ObjectNotFound:
            return False
        return True

    def size(self, name: str) -> int:
        """Give the file's size in bytes. One HEAD."""
        with self.translating("asking the size of", name):
            size_bytes = self.bucket.Object(self._normalize_name(name)).content_length
        if size_bytes is None:
            raise StoreFailed(
                f'The size of "{name}" is not known: the answer of {self.store.where()} has no '
                "`Content-Length`. Check whether a proxy between compresses what passes."
            )
        return int(size_bytes)

    def get_modified_time(self, name: str) -> datetime:
        """Give the time when the file was saved: aware under `USE_TZ`, otherwise in the default time zone. One HEAD."""
        with self.translating("asking the time of", name):
            modified: datetime = self.bucket.Object(self._normalize_name(name)).last_modified
        return modified if django_settings.USE_TZ else timezone.make_naive(modified, timezone.get_default_timezone())

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """List folders and files of a folder. One request for each 1,000."""
        prefix = self._normalize_name(path)
        if prefix and not prefix.endswith("/"):
            prefix += "/"
        folders: list[str] = []
        files: list[str] = []
        for page in self._pages(path, Delimiter="/", Prefix=prefix):
            folders += [entry["Prefix"][len(prefix) :].rstrip("/") for entry in page.get("CommonPrefixes", ())]
            files += [entry["Key"][len(prefix) :] for entry in page.get("Contents", ()) if entry["Key"] != prefix]
        if prefix == self._normalize_name(""):
            # What Holdall keeps there for itself.
            folders = [folder for folder in folders if folder != RESERVED]
        return folders, files

    def _pages(self, path: str, **parameters: Any) -> Iterator[Any]:
        # V1 breaks on keys with "%" or "+" on Ceph: its marker comes back unescaped.
        if (client := self._client) is not None:
            return iter(client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket_name, **parameters))
        return self.store.pages(action="listing", name=path, **parameters)


def from_alias(alias: str) -> Storage:
    """Give the storage that `STORAGES` has under this alias; migrations are written with it."""
    return storages[alias]


# The options that say where a store is and who asks, in django-storages' words.
_SAME_PLACE = ("endpoint_url", "region_name", "access_key", "secret_key", "security_token", "session_profile")


def _given(name: str) -> str:
    if not name:
        raise ValueError("The name must be given to delete_many().")
    return name


def batched(items: Iterable[Any], size: int = DELETE_BATCH) -> Iterator[list[Any]]:
    """Cut into lists of no more than `size`, in order."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _without_secrets(options: Mapping[str, Any]) -> dict[str, Any]:
    """Leave the secrets out, those of a fork's parent too."""
    kept = {name: value for name, value in options.items() if name not in SECRET_OPTIONS}
    return {name: _without_secrets(value) if name == "parent" else value for name, value in kept.items()}


def _revealed(value: Any) -> Any:
    return value.reveal() if isinstance(value, Secret) else value


def _wrapped(key: str | None) -> Secret | None:
    return Secret(key) if key else None


def _head(content: Any) -> bytes:
    """Look at the first bytes of a content without moving in it."""
    if content is None or not is_seekable(content):
        return b""
    at = content.tell() if hasattr(content, "tell") else 0
    content.seek(0)
    head = content.read(rules.HEAD_BYTES)
    content.seek(at)
    return head.encode() if isinstance(head, str) else bytes(head)
