"""Make links: public ones, and ones signed with SigV4 that stay the same for a while. Pure: no clock, no network.

The signature equals botocore's bit for bit, and costs microseconds instead of a third of a millisecond: what is the
same for all links of a window is computed once.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote

from holdall.names import is_plain
from holdall.providers import MAX_SIGNED_SECONDS
from holdall.secret import Secret

ALGORITHM = "AWS4-HMAC-SHA256"
# The methods by which S3 changes nothing.
SAFE = frozenset({"GET", "HEAD"})
# Half an hour's seconds: the offsets of the default lifetime.
KEPT_MOMENTS = 2048
KEPT_DAYS = 8


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where links lead: scheme and host, and what comes before the key."""

    scheme: str
    # With the port, unless it is the scheme's own; and with the bucket, in virtual style.
    host: str
    # "/bucket" in path style, else empty.
    path: str = ""
    region: str

    @cached_property
    def base(self) -> str:
        """What comes before each key."""
        return f"{self.scheme}://{self.host}{self.path}/"


class SigningKeys(NamedTuple):
    """The keys that sign. The id is plain: it is in every link."""

    access_key: str
    secret_key: Secret
    token: Secret | None = None


class Window(NamedTuple):
    """The span in which a link stays the same: when it is deemed signed, for how long it is valid, when it changes."""

    signed_at: int
    valid_seconds: int
    changes_at: float

    @property
    def ends_at(self) -> datetime:
        """When the link stops working."""
        return datetime.fromtimestamp(self.signed_at + self.valid_seconds, UTC)


def window(now: float, *, lifetime_seconds: int, offset: int = 0, keys_end_at: float | None = None) -> Window:
    """Choose when a link is deemed signed, so that all who make it within a span make the same.

    The promise: at any moment of the span, at least `lifetime_seconds` of validity are left. The span is half of the
    lifetime, so a link lives at most one and a half times as long as promised. For lifetimes near the seven days that
    S3 allows the span shrinks to what is left of them. `offset` moves the spans of different files apart, so that not
    all links of a site change at the same second. Keys that end earlier (a role's) shorten the link.
    """
    span = max(1, min(lifetime_seconds // 2, MAX_SIGNED_SECONDS - lifetime_seconds))
    second = int(now)
    signed_at = second - (second - offset) % span
    valid = min(lifetime_seconds + span, MAX_SIGNED_SECONDS)
    if keys_end_at is None:
        return Window(signed_at, valid, signed_at + span)
    return Window(signed_at, max(1, min(valid, int(keys_end_at) - signed_at)), min(signed_at + span, keys_end_at))


def offset_of(key: str) -> int:
    """Give a number that is the same for a key in every process."""
    return zlib.crc32(key.encode())


def public_url(place: Place, key: str) -> str:
    """Give the link of a file that everybody may read."""
    return place.base + (key if is_plain(key) else _path(key))


class Signer:
    """Make the signed links of one place with one set of keys.

    What is the same for all links of a day (the signing key) or of a moment (most of the query) is kept.
    """

    def __init__(self, place: Place, keys: SigningKeys, *, admit: Callable[[str, str], None] | None = None) -> None:
        self.place = place
        self.keys = keys
        # Asked before a link is made that changes something: with the method and the key; it raises to refuse.
        self._admit = admit
        self._token = f"&X-Amz-Security-Token={_encoded(keys.token.reveal())}" if keys.token else ""
        self._days: dict[int, tuple[str, hmac.HMAC]] = {}
        self._moments: dict[tuple[int, int], _Moment] = {}

    def url(
        self,
        key: str,
        window: Window,
        *,
        method: str = "GET",
        parameters: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        unsent: Collection[str] = (),
    ) -> str:
        """Give a link that lets whoever has it make one kind of request for one file, until its time is over.

        `parameters` are put into the query and signed, `response-content-disposition` for one. `headers` (in lower case)
        must come with the request, with these very values. `unsent` are headers that are named as signed and have no
        value, for servers that leave out of the signature what was not sent (see `holdall.s3.smuggling`). Without them
        the URL equals botocore's for the same moment, letter by letter.
        """
        if method not in SAFE and self._admit:
            self._admit(method, key)
        moment = self._moments.get(window[:2]) or self._moment(window)
        path = key if is_plain(key) else _path(key)
        if headers:
            return self._with_headers(path, moment, method, parameters or {}, headers, unsent)
        if parameters:
            given = [f"{_encoded(name)}={_encoded(value)}" for name, value in parameters.items()]
            query = f"{'&'.join(given)}&{moment.query}"
            # Ours begin with a capital, so they come first.
            canonical_query = f"{moment.canonical_query}&{'&'.join(sorted(given))}"
        else:
            query, canonical_query = moment.query, moment.canonical_query
        canonical = (
            f"{method}\n{self.place.path}/{path}\n{canonical_query}\nhost:{self.place.host}\n\nhost\nUNSIGNED-PAYLOAD"
        )
        signature = moment.begun.copy()
        signature.update(hashlib.sha256(canonical.encode()).hexdigest().encode())
        return f"{self.place.base}{path}?{query}&X-Amz-Signature={signature.hexdigest()}"

    def form(
        self, key: str, window: Window, *, bucket_name: str, conditions: Sequence[Any] = (), **fields: str
    ) -> tuple[str, dict[str, str]]:
        """Give the address of a form by which a browser stores one object, and its fields: all of it is fixed by a policy.

        `conditions` are the policy's own, `["content-length-range", 1, 10]` for one.

        https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
        """
        if self._admit:
            self._admit("POST", key)
        stamp = _stamp(window.signed_at)
        scope, signing = self._day(window.signed_at // 86_400, stamp[:8])
        given = {
            "key": key,
            **fields,
            "x-amz-algorithm": ALGORITHM,
            "x-amz-credential": f"{self.keys.access_key}/{scope}",
            "x-amz-date": stamp,
        }
        if self.keys.token:
            given["x-amz-security-token"] = self.keys.token.reveal()
        ends = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(window.signed_at + window.valid_seconds))
        # The attack: the same form for another bucket of these keys, whose name nothing else fixes.
        rules = [{"bucket": bucket_name}, *conditions, *([["eq", f"${name}", value] for name, value in given.items()])]
        policy = base64.b64encode(json.dumps({"expiration": ends, "conditions": rules}).encode())
        signature = signing.copy()
        signature.update(policy)
        return self.place.base, {**given, "policy": policy.decode(), "x-amz-signature": signature.hexdigest()}

    def _with_headers(
        self,
        path: str,
        moment: _Moment,
        method: str,
        parameters: Mapping[str, str],
        headers: Mapping[str, str],
        unsent: Collection[str],
    ) -> str:
        """Give a link whose bearer is bound to headers too."""
        signed = {"host": self.place.host, **headers}
        listed = ";".join(sorted({*signed, *unsent}))
        other = f"X-Amz-SignedHeaders={_encoded(listed)}"
        given = [f"{_encoded(name)}={_encoded(value)}" for name, value in parameters.items()]
        query = "&".join([*given, moment.query.replace("X-Amz-SignedHeaders=host", other)])
        canonical_query = "&".join([moment.canonical_query.replace("X-Amz-SignedHeaders=host", other), *sorted(given)])
        lines = "".join([f"{name}:{' '.join(signed[name].split())}\n" for name in sorted(signed)])
        canonical = f"{method}\n{self.place.path}/{path}\n{canonical_query}\n{lines}\n{listed}\nUNSIGNED-PAYLOAD"
        signature = moment.begun.copy()
        signature.update(hashlib.sha256(canonical.encode()).hexdigest().encode())
        return f"{self.place.base}{path}?{query}&X-Amz-Signature={signature.hexdigest()}"

    def headers(
        self, method: str, path: str, query: str, headers: Mapping[str, str], payload_sha256: str, *, now: float
    ) -> dict[str, str]:
        """Give the headers of one request that is sent now, signed: `headers` (in lower case), and those that sign.

        `path` and `query` are encoded and in order already.
        """
        second = int(now)
        stamp = _stamp(second)
        scope, signing = self._day(second // 86_400, stamp[:8])
        signed = {
            **headers,
            "host": self.place.host,
            "x-amz-content-sha256": payload_sha256,
            "x-amz-date": stamp,
        }
        if self.keys.token:
            signed["x-amz-security-token"] = self.keys.token.reveal()
        names = sorted(signed)
        listed = ";".join(names)
        lines = "".join([f"{name}:{signed[name]}\n" for name in names])
        if _BLANKS(lines):
            # As a server reads it: several spaces in a row inside a value are signed as one.
            lines = "".join([f"{name}:{' '.join(signed[name].split())}\n" for name in names])
        canonical = f"{method}\n{path}\n{query}\n{lines}\n{listed}\n{payload_sha256}"
        signature = signing.copy()
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        signature.update(f"{ALGORITHM}\n{stamp}\n{scope}\n{digest}".encode())
        signed["authorization"] = (
            f"{ALGORITHM} Credential={self.keys.access_key}/{scope}, SignedHeaders={listed}, "
            f"Signature={signature.hexdigest()}"
        )
        return signed

    def _moment(self, window: Window) -> _Moment:
        stamp = _stamp(window.signed_at)
        scope, signing = self._day(window.signed_at // 86_400, stamp[:8])
        before = (
            f"X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={_encoded(f'{self.keys.access_key}/{scope}')}"
            f"&X-Amz-Date={stamp}&X-Amz-Expires={window.valid_seconds}"
        )
        begun = signing.copy()
        begun.update(f"{ALGORITHM}\n{stamp}\n{scope}\n".encode())
        headers = "&X-Amz-SignedHeaders=host"
        if len(self._moments) >= KEPT_MOMENTS:
            self._moments.clear()
        made = _Moment(f"{before}{headers}{self._token}", f"{before}{self._token}{headers}", begun)
        self._moments[window.signed_at, window.valid_seconds] = made
        return made

    def _day(self, day: int, stamp: str) -> tuple[str, hmac.HMAC]:
        if day not in self._days:
            scope = f"{stamp}/{self.place.region}/s3/aws4_request"
            signing_key = f"AWS4{self.keys.secret_key.reveal()}".encode()
            for part in scope.split("/"):
                signing_key = hmac.digest(signing_key, part.encode(), "sha256")
            if len(self._days) >= KEPT_DAYS:
                self._days.clear()
            # Copying a prepared HMAC costs less than preparing one for each link.
            self._days[day] = scope, hmac.new(signing_key, digestmod="sha256")
        return self._days[day]


class _Moment(NamedTuple):
    """What all links that are signed at one second for one validity share."""

    query: str
    # The same in the order in which it is signed.
    canonical_query: str
    # The HMAC of the text's beginning.
    begun: hmac.HMAC


# Blanks that are signed otherwise than they are sent.
_BLANKS = re.compile(r": |\s\s|[^\S \n]").search


@lru_cache(maxsize=4)
def _stamp(second: int) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))


def _path(key: str) -> str:
    return quote(key, safe="/-._~")


@lru_cache(maxsize=256)
def _encoded(value: str) -> str:
    return quote(value, safe="-._~")
