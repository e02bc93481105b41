"""The one door to S3: it makes the clients, sends every request and translates every error.

No other module imports the SDK or catches its errors.
"""

from __future__ import annotations

import ipaddress
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import boto3.session
import botocore
import botocore.session
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import S3Transfer, TransferConfig
from botocore import exceptions as sdk
from botocore.config import Config
from botocore.httpsession import get_cert_path
from botocore.parsers import ResponseParserError
from botocore.utils import get_environ_proxies
from s3transfer.exceptions import RetriesExceededError
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from holdall import devserver
from holdall.answers import OBJECT_CODES, Answer, explain, what_of
from holdall.claims import Claim, Claims, unasked
from holdall.errors import (
    BucketNotFound,
    CredentialsRefused,
    HoldallError,
    StoreFailed,
    StoreUnreachable,
)
from holdall.fastlane import Declined, FastLane, Refused
from holdall.guard import READS, Guard
from holdall.providers import Provider
from holdall.signing import Place, Signer, SigningKeys
from holdall.values import Secret

CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 60
ATTEMPTS = 4
POOL_SIZE = 32
PART_BYTES = 8 * 1024 * 1024
PART_WORKERS = 4
# What may be said of a file when it is uploaded.
UPLOAD_ARGUMENTS = frozenset(S3Transfer.ALLOWED_UPLOAD_ARGS)


@dataclass(frozen=True, kw_only=True)
class Target:
    """Everything that decides which client is needed; equal targets share one."""

    provider: Provider
    bucket_name: str | None
    endpoint_url: str | None = None
    region_name: str | None = None
    # Wrapped, because error pages show the variables of every frame.
    access_key: Secret | None = None
    secret_key: Secret | None = None
    token: Secret | None = None
    profile: str | None = None
    local_folder: str | None = None
    # Whether plain requests may go by the fast lane.
    fast: bool = True
    # Only in mode `local`, whose bucket is made on demand.
    public: bool = False
    use_ssl: bool = True
    verify: Any = None
    signature_version: Any = None
    addressing_style: str | None = None
    proxies: tuple[tuple[str, str], ...] = ()
    client_config: Config | None = None
    # Whether this is a fork's parent: nothing but reads is ever sent, whatever the keys may do.
    read_only: bool = False
    # What must be written in the store before anything else is.
    claims: tuple[Claim, ...] = ()
    # The prefix outside of which a fork changes nothing, whoever asks: the rest of the bucket may be its parent's.
    within: str = ""

    def place(self, endpoint_url: str | None, region_name: str | None) -> Place | None:
        """Tell where links lead, without making a client. None: only the SDK can tell.

        The SDK's own rules, held to them by tests: a bucket's name with dots matches no certificate, so it stands in
        the path; an address has no subdomains.
        """
        if (
            self.client_config
            or self.signature_version not in {None, "s3v4"}
            or not self.bucket_name
            or not region_name
        ):
            return None
        if endpoint_url is None:
            # Other partitions have other domains, and names that are no buckets (ARNs) have rules of their own.
            if not self.use_ssl or region_name.startswith(("cn-", "us-iso", "eu-iso")) or ":" in self.bucket_name:
                return None
            # The SDK's own default for the oldest region is the host without a region.
            part = "" if region_name == "us-east-1" else f".{region_name}"
            endpoint_url = f"https://s3{part}.amazonaws.com"
        parts = urlsplit(endpoint_url)
        style = self.addressing_style or self.provider.addressing
        host = parts.netloc
        dotted = "." in self.bucket_name and parts.scheme == "https"
        if style == "virtual" and not dotted and not _is_address(parts.hostname or ""):
            return Place(scheme=parts.scheme, host=f"{self.bucket_name}.{host}", region=region_name)
        if style in {"virtual", "path"} and not parts.path.strip("/"):
            return Place(scheme=parts.scheme, host=host, path=f"/{self.bucket_name}", region=region_name)
        return None

    def __repr__(self) -> str:
        return f"<{self.provider.title}, bucket {self.bucket_name!r}>"

    def with_bucket(self, bucket_name: str | None) -> Target:
        """Give the same place and keys for another bucket."""
        return replace(self, bucket_name=bucket_name, public=False, read_only=False, claims=(), within="")

    def config(self) -> Config:
        """Give the SDK's configuration: explicit in all that the SDK would otherwise guess, the caller's on top."""
        checksums = "when_supported" if self.provider.sdk_checksums else "when_required"
        # A dictionary, because the SDK's stubs do not know all of its options.
        chosen: dict[str, Any] = {
            # Without it boto3 signs links the old way in some regions, which newer buckets and R2 refuse.
            "signature_version": self.signature_version or "s3v4",
            # With boto3's default, links for a bucket outside us-east-1 name a host that redirects, which breaks
            # their signature (jschneier/django-storages#782).
            "s3": {"addressing_style": self.addressing_style or self.provider.addressing},
            "proxies": dict(self.proxies) or None,
            "retries": {"mode": "standard", "total_max_attempts": ATTEMPTS},
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "read_timeout": READ_TIMEOUT_SECONDS,
            "max_pool_connections": POOL_SIZE,
            "tcp_keepalive": True,
            # Over HTTPS boto3's own checksums travel as a trailer, which other servers refuse or store inside the
            # file (boto/boto3#4392, #4435).
            "request_checksum_calculation": checksums,
            "response_checksum_validation": checksums,
            # AWS_ENDPOINT_URL in the environment, or a profile's, must not redirect the media.
            "ignore_configured_endpoint_urls": True,
        }
        ours = Config(**chosen)
        return ours.merge(self.client_config) if self.client_config else ours


def transfer_config(*, use_threads: bool = True) -> TransferConfig:
    """Give the transfer configuration that is safe everywhere.

    "classic", because boto3's CRT path ignores the endpoint: media meant for Spaces was addressed to Amazon
    (boto/boto3#4839).
    """
    return TransferConfig(
        multipart_threshold=PART_BYTES,
        multipart_chunksize=PART_BYTES,
        max_concurrency=PART_WORKERS,
        use_threads=use_threads,
        preferred_transfer_client="classic",
    )


def known_profiles() -> list[str]:
    """Give the profiles of this machine's AWS configuration."""
    # botocore's own session: boto3's fails for a profile that is named and missing.
    return list(botocore.session.Session().available_profiles)


class Connection:
    """The way to one store: one client a process and target, made when first used and shared by all threads.

    The SDK's clients may be shared by threads; its resources may not, so each thread gets instances of its own,
    which cost microseconds. After a fork the child makes its own client: sockets can not be shared.
    """

    def __init__(self, target: Target, *, signed: bool = True) -> None:
        self.target = target
        self.signed = signed
        self.pid = os.getpid()
        # Whether the bucket is known to exist: S3's answer to HEAD does not tell a missing bucket from a missing file.
        self.bucket_seen = False
        # Whether `If-None-Match: *` holds here; None until it is known or probed.
        self.conditional_put = target.provider.conditional_put
        self.lock = threading.RLock()
        # What those who use the store remember of it, as long as this process does.
        self.known: dict[object, Any] = {}
        self.claims = Claims(target.claims, self.call, self.where, self.lock)
        self.guard = Guard(
            bucket_name=target.bucket_name, read_only=target.read_only, within=target.within, claims=self.claims
        )
        self._resource: Any = None
        self._generation = 0
        # Where the embedded server was when the client was made.
        self._served_at: str | None = None
        self._found_region: str | None = None
        self._signer: Signer | None = None
        self._signer_keys: SigningKeys | None = None
        self._signer_ends: float | None = None
        self._place: Place | None = None
        self._place_is_known = False
        self._lane: FastLane | None = None
        self._lane_is_known = False
        self._bucket_class: Any = None
        self._object_class: Any = None

    @property
    def generation(self) -> int:
        """Count the clients that were given up; what threads made of an earlier one is of no use."""
        self._follow_server()
        return self._generation

    def _follow_server(self) -> None:
        """Give up what leads to the embedded server's last port, should it have been started anew on another."""
        if not self.target.local_folder:
            return
        endpoint_url = self._server().endpoint_url
        if endpoint_url == self._served_at:
            return
        with self.lock:
            if self._served_at not in {None, endpoint_url}:
                self._resource = self._signer = self._signer_keys = self._lane = None
                self._place_is_known = self._lane_is_known = False
                self._generation += 1
            self._served_at = endpoint_url

    # -- the SDK's objects

    @property
    def client(self) -> Any:
        """The SDK's client for this store."""
        return self._built().meta.client

    def resource(self) -> Any:
        """Give the calling thread an S3 resource of its own over the shared client."""
        resource = self._built()
        mine = type(resource)(client=resource.meta.client)
        mine.Bucket = self._bucket
        return mine

    def _bucket(self, name: str) -> Any:
        # boto3 builds a class anew for each Bucket and Object (1.4 ms); with the classes kept it takes microseconds.
        bucket = self._bucket_class(name, client=self.client)
        bucket.Object = partial(self._object_class, name, client=self.client)
        return bucket

    # -- what links are made of

    def place(self) -> Place | None:
        """Tell where links lead. None: only the SDK can tell.

        Requests: none, but for a region that is neither configured nor boto3's, which is asked once a process.
        """
        self._follow_server()
        if not self._place_is_known:
            with self.lock, self.translating("connecting", learn=False):
                endpoint_url = self._server().endpoint_url if self.target.local_folder else self.target.endpoint_url
                self._place = self.target.place(endpoint_url, self._region())
                self._place_is_known = True
        return self._place

    def signer(self, place: Place) -> tuple[Signer, float | None]:
        """Give what signs links here, and when its keys end if they do.

        Keys that are known are taken as they are; only others need boto3's session, which renews them in time.

        Raises:
            CredentialsRefused: no source has any.
        """
        if self._signer is not None and self._signer_ends is None:
            return self._signer, None
        with self.lock:
            keys, ends = self._signing_keys()
            if keys != self._signer_keys:
                self._signer, self._signer_keys = Signer(place, keys, admit=self.guard.admit), keys
            self._signer_ends = ends
            assert self._signer is not None  # noqa: S101  for the type checker
            return self._signer, ends

    def _signing_keys(self) -> tuple[SigningKeys, float | None]:
        if known := self._known_keys():
            return known, None
        with self.translating("looking for keys"):
            credentials = _session(self.target.profile).get_credentials()
            if credentials is None:
                raise sdk.NoCredentialsError
            frozen = credentials.get_frozen_credentials()
            # Private to the SDK, and watched by a test: there is no other way to learn when a role's session ends.
            ends = getattr(credentials, "_expiry_time", None)
        keys = SigningKeys(frozen.access_key, Secret(frozen.secret_key), Secret(frozen.token) if frozen.token else None)
        return keys, ends.timestamp() if ends else None

    def _known_keys(self) -> SigningKeys | None:
        target = self.target
        if target.local_folder:
            server = self._server()
            return SigningKeys(server.access_key, Secret(server.secret_key))
        if target.access_key and target.secret_key:
            return SigningKeys(target.access_key.reveal(), target.secret_key, target.token)
        key_id, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
        if key_id and secret and not target.profile and "AWS_CREDENTIAL_EXPIRATION" not in os.environ:
            token = os.environ.get("AWS_SESSION_TOKEN") or os.environ.get("AWS_SECURITY_TOKEN")
            return SigningKeys(key_id, Secret(secret), Secret(token) if token else None)
        return None

    def _server(self) -> devserver.Server:
        return devserver.use(Path(str(self.target.local_folder)))

    def credential_source(self) -> str:
        """Tell where the keys come from, in the SDK's words: "explicit", "env", "container-role", "iam-role"…

        Requests: those of the source, once a process (none for keys in the environment).

        Raises:
            CredentialsRefused: no source has any.
        """
        if self.target.access_key or self.target.local_folder:
            return "explicit"
        with self.translating("looking for keys"), self.lock:
            credentials = _session(self.target.profile).get_credentials()
            if credentials is None:
                raise sdk.NoCredentialsError
            # Role credentials are fetched only when asked for.
            credentials.get_frozen_credentials()
            return str(credentials.method)

    def _built(self) -> Any:
        self._follow_server()
        if self._resource is None:
            with self.lock:
                if self._resource is None:
                    with self.translating("connecting", learn=False):
                        self._build()
        return self._resource

    def _build(self) -> None:
        target = self.target
        session = _session(target.profile)
        endpoint_url = target.endpoint_url
        keys = (target.access_key, target.secret_key, target.token)
        if target.local_folder:
            server = self._server()
            endpoint_url, keys = server.endpoint_url, (Secret(server.access_key), Secret(server.secret_key), None)
        config = target.config()
        if not self.signed:
            config = config.merge(Config(signature_version=botocore.UNSIGNED))
        resource: Any = session.resource(
            "s3",
            region_name=self._region(),
            use_ssl=target.use_ssl,
            endpoint_url=endpoint_url,
            config=config,
            verify=target.verify,
            **{
                name: key.reveal() if key else None
                for name, key in zip(
                    ("aws_access_key_id", "aws_secret_access_key", "aws_session_token"), keys, strict=True
                )
            },
        )
        bucket = resource.Bucket(target.bucket_name or "unnamed")
        self._bucket_class, self._object_class = type(bucket), type(bucket.Object("unnamed"))
        if target.local_folder and self.signed and not target.read_only:
            with unasked():
                _make_local_bucket(resource.meta.client, target)
        self.guard.watch(resource.meta.client)
        self._resource = resource

    def _forget_client(self) -> None:
        # A client that was made while the source of its keys did not answer would stay without keys for good.
        with self.lock:
            self._resource = None
            self._generation += 1
            _forget_session(self.target.profile)

    def _region(self) -> str | None:
        target = self.target
        if target.region_name or target.endpoint_url or target.local_folder:
            return target.region_name or "us-east-1"
        if self._found_region is None:
            session = _session(target.profile)
            self._found_region = session.region_name or self._ask_region(session)
        return self._found_region

    def _ask_region(self, session: Any) -> str | None:
        """Ask Amazon where the bucket lies. One unsigned HEAD: the answer names the region even when it is a refusal."""
        if not self.target.bucket_name:
            return None
        config = self.target.config().merge(Config(signature_version=botocore.UNSIGNED))
        asker = session.client("s3", region_name="us-east-1", config=config, verify=self.target.verify)
        try:
            answer = asker.head_bucket(Bucket=self.target.bucket_name)
        except sdk.ClientError as error:
            answer = error.response
        region = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("x-amz-bucket-region")
        if region is None:
            raise BucketNotFound(
                f'Amazon does not know a bucket named "{self.target.bucket_name}", so its region can not be asked. '
                "Check `STORAGE_BUCKET_NAME`; outside Amazon's public regions set `AWS_S3_REGION_NAME`."
            )
        return str(region)

    # -- requests

    def call(
        self, operation: str, *, action: str, name: str = "", about: str = "", client: Any = None, **parameters: Any
    ) -> Any:
        """Send one request about the store's bucket and translate its failure.

        `operation` is the SDK's method ("put_object"); `action` completes the error's sentence ('saving "a.jpg"' is
        made of "saving" and the name). `about` is the key that the error speaks of, where it is not the request's.
        With a `client` the request goes through it; otherwise by the fast lane, or by the SDK where that declines.
        """
        with self.translating(action, name=name, key=about or str(parameters.get("Key", "")), client=client):
            answer = self._send(operation, parameters, client)
        self.bucket_seen = True
        return answer

    def pages(self, *, action: str, name: str = "", client: Any = None, **parameters: Any) -> Iterator[Any]:
        """Give the pages of a listing, each when it is asked for. One request for each 1,000 entries."""
        token: dict[str, str] = {}
        while True:
            page = self.call("list_objects_v2", action=action, name=name, client=client, **parameters, **token)
            yield self.whole(page, "IsTruncated", action=action, name=name)
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def _send(self, operation: str, parameters: Mapping[str, Any], client: Any) -> Any:
        if not operation.startswith(READS):
            self.guard.admit(operation, str(parameters.get("Key", "")))
        # Where moto is loaded, a test wants to answer in S3's place, and it hears of the SDK's requests alone.
        if client is None and "moto" not in sys.modules and (lane := self._fast_lane()) is not None:
            try:
                return lane.send(operation, parameters)
            except Declined as declined:
                if declined.for_good:
                    self._lane = None
        return getattr(client or self.client, operation)(Bucket=self.target.bucket_name, **parameters)

    def _fast_lane(self) -> FastLane | None:
        self._follow_server()
        if not self._lane_is_known:
            with self.lock:
                if not self._lane_is_known:
                    self._lane = self._make_fast_lane()
                    self._lane_is_known = True
        return self._lane

    def _make_fast_lane(self) -> FastLane | None:
        target = self.target
        if not (target.fast and self.signed) or target.proxies or target.verify is not None:
            return None
        if target.local_folder:
            # Makes the bucket.
            self._built()
        place = self.place()
        if place is None or get_environ_proxies(place.base):
            return None
        ca_file = os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE")
        return FastLane(
            place,
            lambda: self.signer(place)[0],
            ca_file=ca_file or get_cert_path(True),
            connect_seconds=CONNECT_TIMEOUT_SECONDS,
            read_seconds=READ_TIMEOUT_SECONDS,
            attempts=ATTEMPTS,
            pool_size=POOL_SIZE,
        )

    def whole(self, answer: Any, member: str, *, action: str, name: str) -> Any:
        """Give the answer if it has a member that every whole one has.

        Where no header tells the length, a connection that broke off looks like the end of an answer, and the SDK makes
        an empty one of it.

        Raises:
            StoreUnreachable: it has not.
        """
        if member not in answer:
            broken = StoreUnreachable(
                f'{action[:1].upper()}{action[1:]} "{name}" failed in {self.where()}: the answer broke off. '
                "Check the network between; try again."
            )
            broken.outcome_unknown = True
            raise broken
        return answer

    # -- errors

    @contextmanager
    def translating(
        self, action: str, *, name: str = "", key: str = "", client: Any = None, learn: bool = True
    ) -> Iterator[None]:
        """Turn the SDK's errors, raised inside, into Holdall's; `learn` allows one request for a better sentence."""
        try:
            yield
        except HoldallError:
            raise
        except (sdk.ClientError, Refused) as error:
            answer = Answer.of(error)
            # A failure of the server's own says enough, and a second question would only add to its load.
            if answer.bare and learn and answer.status < 500:
                answer = self._learn(answer, key, client)
            if answer.code in OBJECT_CODES:
                self.bucket_seen = True
            raise explain(
                answer, action=action, name=name, key=key, bucket=self.target.bucket_name, where=self.where()
            ) from error
        except _UNANSWERED as error:
            if isinstance(error, _NO_KEYS):
                self._forget_client()
            raise _without_answer(error, what=what_of(action, name), where=self.where()) from error

    def _learn(self, answer: Answer, key: str, client: Any) -> Answer:
        """Ask for what a bare status does not say: answers to HEAD have no body, hence no code.

        Requests: one, only after a refusal, or after the first "not found" of a process.
        """
        missing = answer.status == 404
        try:
            if not missing:
                if key:
                    self._send("get_object", {"Key": key, "Range": "bytes=0-0"}, client)["Body"].close()
                else:
                    self._send("list_objects_v2", {"MaxKeys": 1}, client)
            elif not self.bucket_seen:
                self._send("head_bucket", {}, client)
                self.bucket_seen = True
        except (sdk.ClientError, Refused) as second:
            learned = Answer.of(second)
            if learned.status >= 500:
                return answer
            if missing:
                # Any other refusal is a bucket's that exists.
                self.bucket_seen = learned.status != 404
                return answer if self.bucket_seen else answer.but(code="NoSuchBucket")
            return answer if learned.bare else learned.but(operation=answer.operation)
        except (sdk.BotoCoreError, HTTPError):
            # The question was only for a better sentence.
            return answer
        return answer

    def where(self) -> str:
        """Say which bucket, where, in words for an error."""
        if self.target.local_folder:
            return f'bucket "{self.target.bucket_name}" of the embedded server'
        return f'bucket "{self.target.bucket_name}" at {self.target.endpoint_url or self.target.provider.title}'


# -- one connection a process and target


_connections: dict[tuple[Target, bool], Connection] = {}
_sessions: dict[str | None, Any] = {}
_lock = threading.Lock()


def connect(target: Target, *, signed: bool = True) -> Connection:
    """Give the process's connection for a target. Costs nothing until it is used. Requests: none."""
    with _lock:
        found = _connections.get((target, signed))
        if found is None:
            found = _connections[target, signed] = Connection(target, signed=signed)
        return found


def _session(profile: str | None) -> Any:
    """Give the process's session: making one costs 85 ms, and it remembers the keys that it found."""
    with _session_lock:
        if profile not in _sessions:
            _sessions[profile] = boto3.Session(profile_name=profile) if profile else boto3.Session()
        return _sessions[profile]


def _forget_session(profile: str | None) -> None:
    with _session_lock:
        _sessions.pop(profile, None)


_session_lock = threading.RLock()


def _forget_after_fork() -> None:
    # A child that used its parent's sockets would read the parent's answers; a lock held at the fork stays held.
    global _lock, _session_lock
    _lock, _session_lock = threading.Lock(), threading.RLock()
    _connections.clear()
    _sessions.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _make_local_bucket(client: Any, target: Target) -> None:
    """Make the bucket of mode `local`, and let everybody read it when its files are public.

    The embedded server stores object ACLs without enforcing them, so public files go by bucket policy.
    """
    bucket = target.bucket_name

    def unless(code: str, request: Callable[..., Any]) -> None:
        try:
            request(Bucket=bucket)
        except sdk.ClientError as error:
            if not Answer.of(error).code.startswith(code):
                raise

    unless("BucketAlready", client.create_bucket)
    if target.public:
        client.put_bucket_policy(Bucket=bucket, Policy=_PUBLIC_POLICY.replace("BUCKET", str(bucket)))
    else:
        unless("NoSuchBucketPolicy", client.delete_bucket_policy)


_PUBLIC_POLICY = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*",
"Action": "s3:GetObject", "Resource": "arn:aws:s3:::BUCKET/*"}]}"""


# -- failures without an answer


_NO_KEYS = (sdk.NoCredentialsError, sdk.PartialCredentialsError, sdk.CredentialRetrievalError, sdk.TokenRetrievalError)
_NO_CONNECTION = (
    sdk.HTTPClientError,
    sdk.ConnectionError,
    sdk.ResponseStreamingError,
    sdk.IncompleteReadError,
    RetriesExceededError,
    ResponseParserError,
    HTTPError,
)
# Neither what is left of a body that broke off nor what breaks off inside TLS is an error of the SDK's own tree.
_UNANSWERED = (sdk.BotoCoreError, Boto3Error, RetriesExceededError, ResponseParserError, HTTPError)
# Nothing was sent, at least by the last attempt.
_NOTHING_SENT = (
    sdk.EndpointConnectionError,
    sdk.ConnectTimeoutError,
    sdk.ProxyConnectionError,
    sdk.SSLError,
    ConnectTimeoutError,
    NewConnectionError,
)


def _without_answer(error: Exception, *, what: str, where: str) -> HoldallError:
    failed = f"{what[:1].upper()}{what[1:]} failed in {where}"
    if isinstance(error, (*_NO_KEYS, sdk.ProfileNotFound, sdk.MetadataRetrievalError)):
        return CredentialsRefused(
            f"{failed}: no keys were found ({error}). Set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or run where "
            "boto3 deduces them (a role of the instance, container or function)."
        )
    if isinstance(error, sdk.SSLError):
        return StoreUnreachable(
            f"{failed}: the TLS connection was refused ({error}). Check the endpoint's host name and certificate; a "
            "certificate authority of your own is named by `AWS_CA_BUNDLE`."
        )
    if isinstance(error, _NO_CONNECTION):
        unreachable = StoreUnreachable(
            f"{failed}: no answer came, or it broke off ({error}). Check the endpoint, and the network between."
        )
        unreachable.outcome_unknown = not isinstance(error, _NOTHING_SENT)
        return unreachable
    return StoreFailed(f"{failed}: {error}")
