"""What the probes of one store work with: the storage as the project uses it, and ways to look behind its back."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from holdall import names
from holdall.doctor.web import Page, Web, WebFailed
from holdall.environment import contract, variables
from holdall.environment.entries import SECRET_LENGTH
from holdall.errors import AccessRefused, HoldallError
from holdall.findings import Cause, Finding
from holdall.providers import R2, Provider, recognise
from holdall.s3.connection import Connection, connect
from holdall.s3.target import Target
from holdall.secret import Secret

# What of a link's query is the permission.
_SIGNED = re.compile(r"\b((?:X-Amz-)?Signature|X-Amz-Security-Token)=[^&\s\"'(]+")


class Saved(NamedTuple):
    """A file that a probe saved."""

    name: str
    key: str
    content: bytes


class StrayKey(Exception):
    """A storage makes keys that do not lie in the doctor's folder, where nobody can tell them from the project's."""


class ExaminationOver(Exception):
    """A probe that was given up wants to write after its time, when its files may have been removed already."""


class Examination:
    """The examination of one store.

    All that it saves lies under a folder with a random name, so that no cache has seen it and no file of the project
    can be touched; `clean_up` in `housekeeping` removes it, whatever happened.
    """

    def __init__(
        self,
        storage: Any = None,
        *,
        store: str = "",
        reading: contract.Reading | None = None,
        environ: Mapping[str, str] | None = None,
        origins: Iterable[str] = (),
        project: bool = False,
        alias: str = "default",
        first: bool = True,
        broken: Exception | None = None,
        sources: Mapping[str, str] | None = None,
    ) -> None:
        # Django's storage object of whatever class; None when the environment describes none.
        self.storage = storage
        # Its alias, where there are several.
        self.store = store
        # What the environment says, where a contract was read.
        self.reading = reading
        self.environ: Mapping[str, str] = environ or {}
        # The sites that show the files, such as https://www.example.com.
        self.origins = tuple(origin.rstrip("/") for origin in origins)
        # Whether a Django project's settings are loaded, beyond what this examination itself configured.
        self.project = project
        # What `STORAGES` calls it.
        self.alias = alias
        # Whether it is the first of its project, with which the project itself is examined.
        self.first = first
        # Why the storage could not be made.
        self.broken = broken
        # Where variables come from that are not the process's own: name -> "file .env".
        self.sources: Mapping[str, str] = sources or {}
        self.folder = f"holdall-doctor-{secrets.token_hex(8)}"
        self.web = Web()
        # What `probe_saving` saved, for those that come after it.
        self.sample: Saved | None = None
        # What visitors were answered, by URL, so that several probes can look at one answer.
        self.seen: dict[str, Page | WebFailed] = {}
        # What the clean-up found, where the examination was broken off.
        self.farewell: list[Finding] = []
        # The ids of what was found so far, so that nothing is told twice.
        self.found: set[str] = set()
        # Every key that was made, or may have been; each has the folder in it.
        self.made: set[str] = set()
        # What a storage made elsewhere, by names of its own; nothing deletes it, as it may have been there before.
        self.strays: set[str] = set()
        # The threads of the probes; one that was given up may still be waiting for an answer.
        self.threads: list[threading.Thread] = []
        # From then on nothing is written any more.
        self.is_over = False
        self._connection: Connection | None = None

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
        """The intent: declared, or what the options of a plain `S3Storage` come down to."""
        declared = getattr(self.storage, "public", None)
        if declared is not None:
            return bool(declared)
        return not getattr(self.storage, "querystring_auth", True)

    @property
    def connection(self) -> Connection:
        """A connection of Holdall's own to the same bucket with the same keys, whatever class the storage has."""
        if self._connection is None:
            self._connection = self.storage.store if self.is_ours else connect(self.target)
        return self._connection

    @property
    def provider(self) -> Provider:
        return self.target.provider

    @property
    def target(self) -> Target:
        """What decides where requests go. Makes no client."""
        target: Target = self.storage._target if self.is_ours else _target_of(self.storage)
        return target

    @property
    def bucket(self) -> str:
        return str(self.connection.target.bucket_name)

    @property
    def location(self) -> str:
        """The prefix of every key, with its slash; "" where there is none."""
        location = str(getattr(self.storage, "location", "") or "").strip("/")
        return f"{location}/" if location else ""

    def name(self, ending: str) -> str:
        """Give a name for a probe's file."""
        return f"{self.folder}/{ending}"

    def key(self, name: str) -> str:
        """Give the key of a name, by the storage's own rule."""
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
        """Take every secret out of a finding, wherever it may have come from: the last line of defence."""

        def clean(text: str) -> str:
            for secret in self.secrets():
                text = text.replace(secret, "(secret)")
            # A signed link opens a private file, whoever shows it.
            return _SIGNED.sub(r"\1=(secret)", text)

        causes = [Cause(clean(cause.means), clean(cause.do)) for cause in (finding.cause, *finding.otherwise)]
        return finding._replace(seen=clean(finding.seen), cause=causes[0], otherwise=tuple(causes[1:]))

    def secrets(self) -> Iterator[str]:
        """Give the texts of all secrets, for nothing but to find them where they must not be."""
        options = ("secret_key", "security_token", "cloudfront_key")
        given = [str(getattr(self.storage, option, None) or "") for option in options]
        marks = ("SECRET_ACCESS_KEY", "SESSION_TOKEN", "CLOUDFRONT_KEY")
        given += [value.strip() for name, value in self.environ.items() if name.endswith(marks)]
        # Shorter ones are words, such as the keys of a test server.
        yield from (text for text in given if len(text) >= SECRET_LENGTH)

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

    def note(self, key: str, *, made: bool = False) -> None:
        """Remember a key that is about to be made, or was under another name than the one that was asked for.

        The accident: a class of the project's own that drops folders, or gives equal contents one key, saves the
        doctor's file over or as one of the project's; deleting it would delete theirs.

        Raises:
            StrayKey: it is not in the doctor's folder.
            ExaminationOver: nothing is written any more.
        """
        if self.folder not in key:
            if made:
                self.strays.add(key)
            raise StrayKey(f"{self.folder}/… becomes {key}" if made else f"{self.folder}/… would become {key}")
        if self.is_over and not made:
            raise ExaminationOver
        self.made.add(key)

    @contextmanager
    def making(self, key: str) -> Iterator[None]:
        """Remember a key that is made inside, unless the store says for certain that it was not."""
        is_new = key not in self.made
        self.note(key)
        try:
            yield
        except AccessRefused:
            if is_new:
                self.made.discard(key)
            raise

    @property
    def prefixes(self) -> list[str]:
        """What the keys begin with that were made, up to the doctor's folder."""
        return sorted({f"{key.partition(self.folder)[0]}{self.folder}/" for key in self.made})

    def save(self, ending: str, content: Any) -> Saved:
        """Save a file through the storage, as the project would, and give what it was called.

        Raises:
            HoldallError: as `MediaStorage.save`; what another class raises is translated.
        """
        name = self.name(ending)
        with self.making(self.key(name)), self.translating("saving", name):
            saved = str(self.storage.save(name, content))
        self.note(self.key(saved), made=True)
        content.seek(0)
        read = content.read()
        return Saved(saved, self.key(saved), read.encode() if isinstance(read, str) else bytes(read))

    def call(self, operation: str, **parameters: Any) -> Any:
        """Send one request behind the storage's back.

        Raises:
            HoldallError: it failed.
        """
        if "Key" in parameters and operation.startswith(("put", "create", "copy", "complete")):
            with self.making(parameters["Key"]):
                return self._call(operation, parameters)
        return self._call(operation, parameters)

    def _call(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        return self.connection.call(operation, action="examining", name=parameters.get("Key", ""), **parameters)

    def pause(self) -> None:
        """Wait between two writes of one key, where more than one a second are refused."""
        # https://developers.cloudflare.com/r2/platform/limits/
        if self.provider is R2:
            time.sleep(1.1)

    def read(self, key: str) -> bytes:
        """Read an object whole, byte for byte as it is stored. One GET."""
        body = self.call("get_object", Key=key)["Body"]
        try:
            return bytes(body.read())
        finally:
            body.close()

    @contextmanager
    def translating(self, action: str, name: str) -> Iterator[None]:
        with self.connection.translating(action, name=name, key=self.key(name)):
            yield


class Probe(NamedTuple):
    """One live or offline question: yields what it finds, `OK` kinds included."""

    name: str
    run: Callable[[Examination], Iterable[Finding]]


def probes(*functions: Callable[[Examination], Iterable[Finding]]) -> tuple[Probe, ...]:
    """Make probes of functions that are named `probe_<what>`."""
    return tuple(Probe(function.__name__.removeprefix("probe_"), function) for function in functions)


def refusal(error: HoldallError) -> str:
    """Say what a request was answered with, as evidence: status, code, and who answered."""
    answer = error.answer
    if answer is None:
        return str(error)
    server = answer.headers.get("server", "")
    code = "" if answer.bare else f" {answer.code}"
    said = f': "{answer.message.rstrip(".")}"' if answer.message else ""
    return f"{answer.operation} was answered with {answer.status}{code}{said}{f' (by {server})' if server else ''}"


def statement(action: str, resource: str) -> str:
    """Give the policy statement that grants one right."""
    return f'{{"Effect": "Allow", "Action": "{action}", "Resource": "arn:aws:s3:::{resource}"}}'


def _target_of(storage: Any) -> Target:
    """Describe a plain `S3Storage` as Holdall's client would meet it."""
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
    )
