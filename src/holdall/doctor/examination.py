"""What the probes of one store work with: the storage as the project uses it, and direct access to the bucket."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple

from holdall import names
from holdall.doctor.running import Running
from holdall.doctor.traces import Traces
from holdall.doctor.web import Page, Web, WebFailed
from holdall.environment import contract, variables
from holdall.environment.entries import SECRET_LENGTH
from holdall.findings import Cause, Finding
from holdall.providers import R2, Provider, recognise
from holdall.s3.connection import Connection, connect
from holdall.s3.patience import Deadline
from holdall.s3.target import Target
from holdall.secret import WORDS, Secret, without
from holdall.storage.objects import target_of

# The part of a link's query that gives access.
_SIGNED = re.compile(r"\b((?:X-Amz-)?Signature|X-Amz-Security-Token)=[^&\s\"'(]+")


class Saved(NamedTuple):
    """A file that a probe saved."""

    name: str
    key: str
    content: bytes


class Described(NamedTuple):
    """What an environment says about the store."""

    environ: Mapping[str, str] = MappingProxyType({})
    # None if the storage was not made from variables.
    reading: contract.Reading | None = None
    # Where variables come from that are not the process's own: name -> "file .env".
    sources: Mapping[str, str] = MappingProxyType({})


class Entry(NamedTuple):
    """An entry of a Django project's `STORAGES`."""

    alias: str = "default"
    # What findings call it; "" if it is the only one.
    label: str = ""
    # The project itself is checked along with its first storage.
    is_first: bool = True


class Sister(NamedTuple):
    """Another store of the same environment or project."""

    # What findings call it.
    label: str
    storage: Any


class Examination:
    """What the probes of one store share.

    Everything that it saves is in a folder with a random name. `cleanup` removes it, whatever happens.
    """

    def __init__(
        self,
        storage: Any = None,
        *,
        entry: Entry | None = None,
        described: Described = Described(),  # noqa: B008  a value
        origins: Iterable[str] = (),
        broken: Exception | None = None,
        sisters: Iterable[Sister] = (),
    ) -> None:
        # Django's storage object, of whatever class; None if it could not be made.
        self.storage = storage
        # Why it could not be made.
        self.broken = broken
        # Its entry in the settings; None if no Django project is loaded.
        self.entry = entry
        self.described = described
        # The other stores, which must not publish what is private here.
        self.sisters = tuple(sisters)
        # The storage of the mirror, which is examined by itself; what is saved to examine this one does not go there.
        self.mirror: Any = None
        # What findings call it, where no entry of the settings says so.
        self.called = ""
        # The sites that show the files, such as https://www.example.com.
        self.origins = tuple(origin.rstrip("/") for origin in origins)
        self.traces = Traces()
        # What each thread waits for, by its number.
        self.under_way: dict[int, str] = {}
        # When whatever the probes wait for ends.
        self.deadline = Deadline(float("inf"))
        # What `probe_saving` saved, for the probes after it.
        self.sample: Saved | None = None
        # What visitors were answered, by URL, so that several probes can look at one answer.
        self.seen: dict[str, Page | WebFailed] = {}
        # What the clean-up found, if the run was interrupted.
        self.farewell: list[Finding] = []
        # What the interrupted probe waited for, as the rest of a sentence.
        self.was_waiting = ""
        # The ids of what was found so far, so that nothing is reported twice.
        self.found: set[str] = set()
        # The probes that were begun. One that was given up may still be waiting for an answer.
        self.running: list[Running] = []
        self._connection: Connection | None = None
        self._web: Web | None = None

    @property
    def project(self) -> bool:
        """Whether a Django project's settings are loaded."""
        return self.entry is not None

    @property
    def alias(self) -> str:
        return self.entry.alias if self.entry else "default"

    @property
    def label(self) -> str:
        return self.called or (self.entry.label if self.entry else "")

    @property
    def first(self) -> bool:
        """Whether the project itself is checked along with this storage."""
        return self.entry is None or self.entry.is_first

    @property
    def reading(self) -> contract.Reading | None:
        return self.described.reading

    @property
    def environ(self) -> Mapping[str, str]:
        return self.described.environ

    @property
    def sources(self) -> Mapping[str, str]:
        return self.described.sources

    # -- the store

    @property
    def is_ours(self) -> bool:
        """Whether the storage is a `MediaStorage`."""
        return hasattr(self.storage, "_target")

    @property
    def is_s3(self) -> bool:
        """Whether the storage is django-storages' on S3, of whatever subclass."""
        from storages.backends.s3 import S3Storage

        return isinstance(self.storage, S3Storage)

    @property
    def public(self) -> bool:
        """Whether files are meant to be public: declared, or what the options of a plain `S3Storage` amount to."""
        declared = getattr(self.storage, "public", None)
        if declared is not None:
            return bool(declared)
        return not getattr(self.storage, "querystring_auth", True)

    @property
    def signs_for_domain(self) -> bool:
        """Whether links are signed for the bucket itself and carry the CDN's domain, which passes them on."""
        return bool(getattr(self.storage, "_signs_for_domain", False))

    @property
    def public_endpoint(self) -> str:
        """The address at which browsers reach the server, or "" if they use the endpoint."""
        return str(getattr(self.storage, "public_endpoint_url", None) or "")

    @property
    def connection(self) -> Connection:
        """Holdall's own connection to the same bucket with the same keys, whatever class the storage has."""
        if self._connection is None:
            self._connection = self.storage.store if self.is_ours else connect(self.target)
        return self._connection

    @property
    def web(self) -> Web:
        """A visitor without keys, who goes out as this store's requests do."""
        if self._web is None:
            self._web = Web(self.target.proxies if self.is_s3 else (), under_way=self.under_way)
        return self._web

    def part(self) -> None:
        """Go on by a connection of one's own: a probe that hangs may hold what others need of the storage's."""
        if self.is_s3:
            self._connection = Connection(self.target)
            self._connection.claims.may_make = False

    @property
    def provider(self) -> Provider:
        return self.target.provider

    @property
    def target(self) -> Target:
        """What decides where requests go. Creates no client."""
        return target_of(self.storage) if self.is_ours else _foreign_target(self.storage)

    @property
    def bucket(self) -> str:
        return str(self.connection.target.bucket_name)

    @property
    def location(self) -> str:
        """The prefix of every key, with its slash, or "" if there is none."""
        location = str(getattr(self.storage, "location", "") or "").strip("/")
        return f"{location}/" if location else ""

    def name(self, ending: str) -> str:
        """Return a name for a probe's file."""
        return f"{self.traces.folder}/{ending}"

    def key(self, name: str) -> str:
        """Return the key of a name, by the storage's own rule."""
        return str(self.storage._normalize_name(names.clean(name)))

    def addressed(self, finding: Finding) -> Finding:
        """Name the variables in remedies as this store's environment does, such as `PRIVATE_STORAGE_LOCATION`."""
        prefix = self.reading.prefix if self.reading else getattr(self.storage, "env_prefix", None)
        if not prefix:
            return finding

        def named(text: str) -> str:
            return variables.addressed(text, prefix)

        causes = [Cause(named(cause.means), named(cause.do)) for cause in (finding.cause, *finding.otherwise)]
        return finding._replace(cause=causes[0], otherwise=tuple(causes[1:]))

    def redacted(self, finding: Finding) -> Finding:
        """Remove every secret from a finding, wherever it came from: the last line of defence."""

        def clean(text: str) -> str:
            text = without(text, self.secrets())
            # Anyone with a signed link can read a private file.
            return _SIGNED.sub(r"\1=(secret)", text)

        causes = [Cause(clean(cause.means), clean(cause.do)) for cause in (finding.cause, *finding.otherwise)]
        return finding._replace(seen=clean(finding.seen), cause=causes[0], otherwise=tuple(causes[1:]))

    def secrets(self) -> Iterator[str]:
        """Return all secrets, only to find them where they must not be."""
        options = ("secret_key", "security_token", "cloudfront_key")
        given = [str(getattr(self.storage, option, None) or "") for option in options]
        marks = ("SECRET_ACCESS_KEY", "SESSION_TOKEN", "CLOUDFRONT_KEY")
        given += [value.strip() for name, value in self.environ.items() if name.endswith(marks)]
        # Shorter ones are words, and so are the keys that the guides of test servers use.
        yield from (text for text in given if len(text) >= SECRET_LENGTH and text.lower() not in WORDS)

    @contextmanager
    def leaving_no_claims(self) -> Iterator[None]:
        """Write without becoming the store's owner: an examination leaves the bucket as it was."""
        if not self.is_ours:
            yield
            return
        claims = self.connection.claims
        claims.may_make = False
        try:
            yield
        finally:
            claims.may_make = True

    # -- requests

    def save(self, ending: str, content: Any) -> Saved:
        """Save a file through the storage, as the project would, and return what it was called.

        Raises:
            HoldallError: as `MediaStorage.save`; what another class raises is translated.
        """
        name = self.name(ending)
        with self.traces.making(self.key(name)), self.translating("saving", name):
            saved = str(self.storage.save(name, content))
        self.traces.record(self.key(saved))
        content.seek(0)
        read = content.read()
        return Saved(saved, self.key(saved), read.encode() if isinstance(read, str) else bytes(read))

    def call(self, operation: str, **parameters: Any) -> Any:
        """Send one request directly to the store.

        Raises:
            HoldallError: it failed.
        """
        if "Key" in parameters and operation.startswith(("put", "create", "copy", "complete")):
            with self.traces.making(parameters["Key"]):
                return self._call(operation, parameters)
        return self._call(operation, parameters)

    def _call(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        me = threading.get_ident()
        self.under_way[me] = f"{operation} in {self.connection.where()}"
        try:
            return self.connection.call(operation, action="checking", name=parameters.get("Key", ""), **parameters)
        finally:
            self.under_way.pop(me, None)

    def pause(self) -> None:
        """Wait between two writes of one key, if the provider refuses more than one per second."""
        # https://developers.cloudflare.com/r2/platform/limits/
        if self.provider is R2:
            time.sleep(1.1)

    def read(self, key: str) -> bytes:
        """Read an object exactly as it is stored. One GET."""
        body = self.call("get_object", Key=key)["Body"]
        try:
            with self.connection.translating("checking", name=key, key=key, is_request=False):
                return bytes(body.read())
        finally:
            body.close()

    @contextmanager
    def translating(self, action: str, name: str) -> Iterator[None]:
        me = threading.get_ident()
        self.under_way[me] = f"{action} in {self.connection.where()}"
        try:
            with self.connection.translating(action, name=name, key=self.key(name)):
                yield
        finally:
            self.under_way.pop(me, None)


def _foreign_target(storage: Any) -> Target:
    """Describe a plain `S3Storage` to Holdall's connection."""
    return Target(
        provider=recognise(storage.endpoint_url)[0],
        bucket_name=storage.bucket_name,
        endpoint_url=storage.endpoint_url,
        region_name=storage.region_name,
        access_key=Secret(storage.access_key) if storage.access_key else None,
        secret_key=Secret(storage.secret_key) if storage.secret_key else None,
        token=Secret(storage.security_token) if storage.security_token else None,
        profile=storage.session_profile,
        use_ssl=storage.use_ssl,
        verify=storage.verify,
        proxies=tuple(sorted((getattr(storage, "proxies", None) or {}).items())),
    )
