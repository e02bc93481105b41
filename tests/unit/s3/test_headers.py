"""Headers go out as the SDK makes and signs them, or the SDK makes them; botocore is the oracle."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any
from unittest import mock

import botocore.auth
import botocore.session
import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ParamValidationError
from hypothesis import example, given
from hypothesis import strategies as st

from holdall.s3 import fastlane
from holdall.s3.fastlane import Declined
from holdall.s3.signing import Place, Signer, SigningKeys
from holdall.secret import Secret

PLACE = Place(scheme="https", host="s3.example.com", path="/acme-media", region="r1")
KEYS = ("HOLDALLKEY", "s" * 40)
NOW = 1_795_349_017
# What the SDK adds of its own, to any request.
OF_THE_SDK = {"user-agent", "authorization", "expect", "content-length", "x-amz-date", "x-amz-content-sha256"}


class _Capture:
    """The SDK's client, whose requests are looked at and not sent."""

    def __init__(self) -> None:
        self.client: Any = botocore.session.Session().create_client(
            "s3",
            region_name=PLACE.region,
            endpoint_url="https://s3.example.com",
            aws_access_key_id=KEYS[0],
            aws_secret_access_key=KEYS[1],
            config=Config(
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                retries={"max_attempts": 0},
            ),
        )
        self.client.meta.events.register("before-send.s3", self._keep)

    def _keep(self, request: Any, **_event: Any) -> AWSResponse:
        self.request = request
        answer = AWSResponse(request.url, 200, {}, mock.Mock())
        answer._content = b""
        return answer

    def headers(self, parameters: dict[str, Any]) -> dict[str, str] | None:
        """Give what the SDK would send; None where it refuses."""
        try:
            self.client.put_object(Bucket="acme-media", **parameters)
        except ParamValidationError:
            return None
        headers = {
            name.lower(): value.decode("latin-1") if isinstance(value, bytes) else value
            for name, value in self.request.headers.items()
        }
        return {name: text for name, text in headers.items() if name not in OF_THE_SDK and "sdk-" not in name}


@pytest.fixture(scope="module")
def sdk() -> _Capture:
    return _Capture()


TEXTS = st.one_of(
    st.text("ab ,;=\"'\t\n\x00\x7fé😀/", max_size=12),
    st.text(max_size=12),
    st.sampled_from(['attachment; filename="Minutes  2026.pdf"', "", " ", "  a", "a  ", "a\u00a0b", "a  b   c"]),
)
VALUES = st.one_of(TEXTS, st.none(), st.integers(), st.booleans(), st.binary(max_size=4))
NAMES = sorted(set(fastlane.HEADERS) - {"ContentMD5"})


@given(
    headers=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4),
    metadata=st.none()
    | st.dictionaries(
        st.one_of(st.text("abAB-_ :é.", min_size=1, max_size=6), st.sampled_from(["a", "A"])), VALUES, max_size=3
    ),
)
@example(headers={"ContentDisposition": 'attachment; filename="Minutes  2026.pdf"'}, metadata={"a  b": "x  y"})
@example(headers={"CacheControl": None}, metadata=None)
@example(headers={"CacheControl": ""}, metadata={"empty": ""})
@example(headers={"ContentLanguage": 7}, metadata={"pages": 7})
@example(headers={"Range": ""}, metadata=None)
@example(headers={}, metadata={"a": "1", "A": "2"})
def test_headers_are_the_sdks_or_left_to_it(
    headers: dict[str, Any], metadata: dict[str, Any] | None, sdk: _Capture
) -> None:
    parameters = {"Key": "a.txt", "Body": b"hello", **headers}
    if metadata is not None:
        parameters["Metadata"] = metadata
    try:
        *_, made, _ = fastlane._request("put_object", parameters, PLACE)
    except Declined:
        # Then the SDK makes or refuses them.
        return
    assert made == sdk.headers(parameters)


@pytest.mark.parametrize("path", ["/acme-media", "/storage/v1/s3/acme-media"])
@given(
    headers=st.dictionaries(
        st.sampled_from(sorted(fastlane.HEADERS.values())),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20).filter(
            lambda text: text == text.strip()
        ),
        max_size=4,
    )
)
@example(headers={"content-disposition": 'attachment; filename="Minutes  2026.pdf"'})
def test_headers_are_signed_as_the_sdk_signs_them(path: str, headers: dict[str, str]) -> None:
    digest = hashlib.sha256(b"hello").hexdigest()
    signer = Signer(replace(PLACE, path=path), SigningKeys(KEYS[0], Secret(KEYS[1])))
    ours = signer.headers("PUT", f"{path}/a.txt", "", dict(headers), digest, now=NOW)

    theirs = AWSRequest("PUT", f"https://s3.example.com{path}/a.txt", headers=headers, data=b"hello")
    # The payload is hashed over plain HTTP alone.
    theirs.context["payload_signing_enabled"] = True
    with mock.patch.object(botocore.auth, "get_current_datetime", return_value=_moment()):
        botocore.auth.S3SigV4Auth(Credentials(*KEYS), "s3", PLACE.region).add_auth(theirs)

    assert ours["authorization"] == theirs.headers["Authorization"]


def _moment() -> Any:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(NOW, UTC).replace(tzinfo=None)
