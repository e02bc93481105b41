"""Make links: public ones, and ones signed with SigV4 that stay the same for a while. Pure: no clock, no network.

The signature equals botocore's bit for bit, and costs microseconds instead of a third of a millisecond: what is the
same for all links of a window is computed once.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote

from holdall.providers import MAX_SIGNED_SECONDS
from holdall.values import Secret

ALGORITHM = "AWS4-HMAC-SHA256"
# A link may outlive the promise by no more than the promise itself.
_UNRESERVED = "-._~"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where links lead: scheme and host, and what stands before the key."""

    scheme: str
    # With the port, unless it is the scheme's own; and with the bucket, in virtual style.
    host: str
    # "/bucket" in path style, else empty.
    path: str = ""
    region: str

    @property
    def base(self) -> str:
        return f"{self.scheme}://{self.host}{self.path}/"


class SigningKeys(NamedTuple):
    """The keys that sign, plain: they never leave this module's caller."""

    access_key: str
    secret_key: Secret
    token: Secret | None = None


@dataclass(frozen=True, kw_only=True)
class Window:
    """The span in which a link stays the same: when it is signed, and for how long it is valid."""

    signed_at: int
    valid_seconds: int


def window(now: float, *, lifetime_seconds: int, offset: int = 0, keys_end_at: float | None = None) -> Window:
    """Choose when a link is deemed signed, so that all who make it within a span make the same.

    The promise: at any moment of the span, at least `lifetime_seconds` of validity are left. The span is half of the
    lifetime, so a link lives at most one and a half times as long as promised. For lifetimes near the seven days that
    S3 allows the span shrinks to what is left of them. `offset` moves the spans of different files apart, so that not
    all links of a site change at the same second. Keys that end earlier (a role's) shorten the link, never the span.
    """
    span = max(1, min(lifetime_seconds // 2, MAX_SIGNED_SECONDS - lifetime_seconds))
    moved = int(now) - offset % span
    signed_at = moved - moved % span + offset % span
    valid = min(lifetime_seconds + span, MAX_SIGNED_SECONDS)
    if keys_end_at is not None:
        valid = max(1, min(valid, int(keys_end_at) - signed_at))
    return Window(signed_at=signed_at, valid_seconds=valid)


def offset_of(key: str) -> int:
    """Give a number that is the same for a key in every process."""
    return zlib.crc32(key.encode())


def public_url(place: Place, key: str) -> str:
    """Give the link of a file that everybody may read."""
    return place.base + _path(key)


def presign(
    place: Place,
    keys: SigningKeys,
    key: str,
    *,
    window: Window,
    method: str = "GET",
    parameters: Mapping[str, str] | None = None,
) -> str:
    """Give a link that lets whoever has it make one kind of request for one file, until its time is over.

    `parameters` are put into the query and signed, `response-content-disposition` for one. The URL equals
    botocore's for the same moment, letter by letter.
    """
    signer = _signer(place, keys, window.signed_at - window.signed_at % 86_400)
    return signer.url(_path(key), window, method, parameters or {})


def _path(key: str) -> str:
    return quote(key, safe="/-._~")


def _encoded(value: str) -> str:
    return quote(value, safe="-._~")


@functools.lru_cache(maxsize=64)
def _signer(place: Place, keys: SigningKeys, day: int) -> _Signer:
    return _Signer(place, keys, time.strftime("%Y%m%d", time.gmtime(day)))


class _Signer:
    """All that is the same for the links of one day: the signing key, and the constant parts of the texts."""

    def __init__(self, place: Place, keys: SigningKeys, day: str) -> None:
        self.place = place
        scope = f"{day}/{place.region}/s3/aws4_request"
        signing_key = f"AWS4{keys.secret_key.reveal()}".encode()
        for part in scope.split("/"):
            signing_key = hmac.digest(signing_key, part.encode(), "sha256")
        # Copying a prepared HMAC costs less than preparing one for each link.
        self._hmac = hmac.new(signing_key, digestmod="sha256")
        self._scope = scope
        self._credential = _encoded(f"{keys.access_key}/{scope}")
        self._token = f"&X-Amz-Security-Token={_encoded(keys.token.reveal())}" if keys.token else ""
        self._headers = f"host:{place.host}\n\nhost\nUNSIGNED-PAYLOAD"
        self._moments: dict[int, str] = {}

    def url(self, path: str, window: Window, method: str, parameters: Mapping[str, str]) -> str:
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(window.signed_at))
        ours = (
            f"X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={self._credential}&X-Amz-Date={moment}"
            f"&X-Amz-Expires={window.valid_seconds}&X-Amz-SignedHeaders=host{self._token}"
        )
        if parameters:
            theirs = "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in parameters.items())
            canonical_query = "&".join(sorted([*theirs.split("&"), *ours.split("&")]))
            query = f"{theirs}&{ours}"
        else:
            # In order already, but for the token, which stands between the headers' and nothing.
            query = ours
            canonical_query = ours if not self._token else "&".join(sorted(ours.split("&")))
        canonical = f"{method}\n{self.place.path}/{path}\n{canonical_query}\n{self._headers}"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        signature = self._hmac.copy()
        signature.update(f"{ALGORITHM}\n{moment}\n{self._scope}\n{digest}".encode())
        return f"{self.place.base}{path}?{query}&X-Amz-Signature={signature.hexdigest()}"
