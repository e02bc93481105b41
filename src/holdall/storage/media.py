"""The media storage: django-storages' `S3Storage`, changed where it loses data, wastes requests or misleads."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager
from functools import partial
from io import UnsupportedOperation
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import File
from django.core.files.storage import storages
from django.utils.module_loading import import_string
from storages.utils import setting

from holdall import names
from holdall.errors import NameTaken, ObjectNotFound
from holdall.providers import PROVIDERS, Provider, recognise
from holdall.s3.claims import Claim
from holdall.s3.condition import conditional_put_holds
from holdall.s3.connection import Connection, connect
from holdall.s3.reading import ObjectReader
from holdall.s3.target import TIMEOUT_SECONDS, Target, transfer_config
from holdall.storage.asynchronous import AwaitedStorage
from holdall.storage.draft import HELD_BYTES, Draft
from holdall.storage.files import ObjectFile
from holdall.storage.modes import Mode
from holdall.storage.options import (
    NO_BUCKET,
    chosen,
    computed,
    hidden,
    mirror_options,
    refuse_another_place,
    revealed,
    without_secrets,
    wrapped,
)
from holdall.storage.reading import reading_parameters


class MediaStorage(AwaitedStorage):
    """Keep media in a bucket: no upload is lost, private files stay private, errors say what to do.

    Every option and `AWS_*` setting of django-storages works as documented there, except for two defaults: files are
    never overwritten (`file_overwrite=False`), and SigV4 signs. In addition:

    - `provider`: the id of the provider (`holdall.providers`); if left out, it is recognised by the endpoint.
    - `public`: whether files are public, which decides their `Cache-Control`. None: unknown, so no header.
    - `cache_lifetime`: for how many seconds browsers and CDNs may cache a file: a name can be reused after its file was
      deleted. Files that `ManifestStaticFilesStorage` names by their content are cached for a year.
    - `inline_types`: content types that the browser may show although they can run scripts, such as
      `["image/svg+xml"]` if only editors upload.
    - `fast_lane`: send plain requests without the SDK, at a fraction of its CPU. The SDK still
      sends them if a tracer or a test patches it, or listens to the events of the storage's client.
    - `domain_is_limited`: the custom domain serves this storage's location alone, although the bucket also holds private
      files of another storage.
    - `local_folder`: start the embedded server on this folder when the storage is first used.
    - `environment`: this environment's name; the first environment that writes owns the store, and no other can write.
    - `timeout`: the longest that an operation waits without progress, in seconds, all attempts together; 10 by default.
    - `trash`: for how many seconds deleted files are kept in the trash. None: they are deleted for good.
    - `mirror`: the options of another store, which gets every change too (`MIRROR_…`).
    - `read_only`: send only reads, whatever the keys allow, and sign no links for anything else.
    - `public_endpoint_url`: the address at which browsers reach the server, if they use another than `endpoint_url`: links
      are signed for it.
    - `sign_for_domain`: sign private links for the bucket's own host and put `custom_domain` in its place, for a CDN that
      passes signed links on.
    - `env_prefix`: the prefix of the variables that the other options came from, so that the doctor can read them
      again. None: they did not come from an environment.

    Any number of threads can share one instance; after a fork, each process makes its own connections. Each operation is
    also a coroutine, whose name begins with an `a`: `asave`, `aopen`, `adelete`, `aexists`, `asize`, `aurl`…
    """

    # Migrations, pickles and error pages name the class by where users import it from.
    __module__ = "holdall.storage"

    provider: str | None
    public: bool | None
    inline_types: tuple[str, ...]
    cache_lifetime: int
    domain_is_limited: bool
    local_folder: str | None
    fast_lane: bool
    environment: str | None
    timeout: float | None
    trash: int | None
    read_only: bool
    public_endpoint_url: str | None
    sign_for_domain: bool
    env_prefix: str | None

    def __init__(self, **settings: Any) -> None:
        known = frozenset({*self.get_default_settings(), "cloudfront_signer"})
        settings = hidden(settings, known=known)
        settings = chosen(self, MediaStorage, settings, known=known)
        try:
            # django-storages formats the keys into texts of its own, so it gets them plain.
            super().__init__(**{name: revealed(value) for name, value in settings.items()})
        except Exception as refusal:  # noqa: BLE001  raised again
            # An error page shows the variables of each frame, and in those inside the keys are plain.
            raise refusal.with_traceback(None) from None
        if self.provider is not None and self.provider not in PROVIDERS:
            there_are = ", ".join(sorted(PROVIDERS))
            raise ImproperlyConfigured(f'There is no provider "{self.provider}"; known are {there_are}.')
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
            access_key=wrapped(self.access_key),
            secret_key=wrapped(self.secret_key),
            token=wrapped(self.security_token),
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
            timeout_seconds=float(self.timeout or TIMEOUT_SECONDS),
            read_only=self.read_only,
            claims=() if self.read_only else self._claims(),
            within=self._within(),
            **self._lineage(provider),
        )
        self.client_config = self._target.config()
        self._store: Connection | None = None
        self.mirror = None if self.read_only else mirror_options(self, settings)
        # What a class computes, and what it was when the connection's target was made.
        self._bound = {name: getattr(self, name) for name in computed(type(self))}
        self._prepare_links()

    def _within(self) -> str:
        """Give the prefix outside of which nothing may be changed; a project's bucket is its own."""
        return ""

    def _lineage(self, _provider: Provider) -> dict[str, Any]:
        """Give what a fork's target says of the stores above it."""
        return {}

    def _claims(self) -> tuple[Claim, ...]:
        """Give the claims that must be in the store before this environment writes there."""
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
            "cache_lifetime": 3600,
            "domain_is_limited": False,
            "local_folder": None,
            "fast_lane": True,
            "environment": None,
            "timeout": None,
            "trash": None,
            "mirror": None,
            "read_only": False,
            "public_endpoint_url": None,
            "sign_for_domain": False,
            "env_prefix": None,
        }

    def __repr__(self) -> str:
        if "_target" not in self.__dict__:
            # Shown by error pages when it could not be made.
            return f"<{type(self).__name__}: not made>"
        where = f"{self._target.provider.title}, bucket {self.bucket_name!r}"
        return f"<{type(self).__name__}: {where}{f', under {self.location!r}' if self.location else ''}>"

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """Give a migration what it may keep: the alias of the storage, or its options without secrets.

        A storage's options in a migration are secrets in version control, and one environment's bucket frozen for all
        others (jschneier/django-storages#1393).
        """
        path, arguments, options = super().deconstruct()
        aliases = [
            alias
            for alias, entry in getattr(django_settings, "STORAGES", {}).items()
            if entry.get("OPTIONS", {}) == options and import_string(entry["BACKEND"]) is type(self)
        ]
        if aliases:
            # Two may be alike today and differ tomorrow: the one that was asked for counts.
            alias = next((one for one in aliases[1:] if storages[one] is self), aliases[0])
            return "holdall.storage.from_alias", (alias,), {}
        return path, arguments, without_secrets(options)

    def __getstate__(self) -> dict[str, Any]:
        # Models are pickled with their storages, into caches and tasks; a connection belongs to its process.
        state: dict[str, Any] = super().__getstate__()
        return {**state, "_store": None, "_mirror": None, "_links": {}}

    # -- connections

    @property
    def store(self) -> Connection:
        """The process's connection to this store."""
        found = self._store
        if self._bound:
            refuse_another_place(self, self._bound)
        if found is None or not found.is_own:
            if self.bucket_name is None and self._client is None:
                raise ImproperlyConfigured(NO_BUCKET)
            found = self._store = connect(self._target)
        return found

    @property
    def connection(self) -> Any:
        """The calling thread's S3 resource, over the one client of the process."""
        return self._of_thread(self._connections, "connection", self.store.resource, self.store.generation)

    @property
    def unsigned_connection(self) -> Any:
        """The same for requests and links without a signature."""
        if self._bound:
            refuse_another_place(self, self._bound)
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

    # -- reading

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        """Open a file in one of Python's modes; what is written appears, whole, when it is closed.

        Mode "w" replaces a file that has the name, as on a disk; "x" creates one and never replaces. The modes that
        read and write ("r+", "w+", "a"…) hold the file in memory, and so do not take more than 64 MiB.

        Raises:
            ObjectNotFound: in mode "r" and "r+". NameTaken: in mode "x", as soon as it is known.
            ValueError: there is no such mode.
        """
        wanted = Mode.of(mode)
        cleaned = names.clean(name)
        key = self._key(name)
        if not wanted.is_reading:
            return ObjectFile(partial(self._draft, cleaned, wanted), name=cleaned, mode=mode, storage=self)
        open_reader = partial(
            ObjectReader,
            self.store,
            self._client,
            name=cleaned,
            key=key,
            parameters=reading_parameters(self, cleaned),
        )
        return ObjectFile(open_reader, name=cleaned, mode=mode, unpacks=self.gzip, storage=self)

    def _draft(self, name: str, mode: Mode) -> Draft:
        if (
            mode.kind == "x"
            and not conditional_put_holds(self.store, self._client, name=name, key=self._key(name))
            and self.exists(name)
        ):
            raise NameTaken(f'"{name}" is taken in {self.store.where()}; mode "x" never replaces. Nothing was changed.')
        return Draft(
            name,
            mode,
            target=self.store.bound(partial(self._new_object, name, replace=mode.kind != "x")),
            parts=self._parts(),
            content=self._content_of(name, mode) if mode.starts_with_the_file else b"",
            around=self._writing,
        )

    def _content_of(self, name: str, mode: Mode) -> bytes:
        """Read a file that will be changed."""
        try:
            with self._open(name) as file:
                content: bytes = file.read(HELD_BYTES + 1)
        except ObjectNotFound:
            if mode.kind == "r":
                raise
            return b""
        if len(content) > HELD_BYTES:
            raise UnsupportedOperation(
                f'"{name}" is longer than {HELD_BYTES:,} bytes, the most that can be changed in its place: it is held in '
                "memory meanwhile. Read it, and save it again."
            )
        return content
