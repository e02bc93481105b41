"""Links: the same within a window, never shorter than promised, the same in every process."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from datetime import UTC, datetime
from unittest import mock
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from botocore.auth import S3SigV4PostAuth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from holdall.providers import MAX_SIGNED_SECONDS
from holdall.s3.signing import Place, Signer, SigningKeys, offset_of, public_url, window
from holdall.secret import Secret

NOW = 1_795_349_017


lifetimes = st.one_of(st.integers(1, MAX_SIGNED_SECONDS), st.sampled_from([1, 2, 3, 900, 3600, MAX_SIGNED_SECONDS]))


@given(now=st.floats(0, 4e9), lifetime=lifetimes, offset=st.integers(0, 2**32))
def test_link_lives_as_long_as_promised_and_no_longer_than_half_as_long_again(
    now: float, lifetime: int, offset: int
) -> None:
    span = window(now, lifetime_seconds=lifetime, offset=offset)

    assert span.signed_at <= now < span.changes_at
    left = span.signed_at + span.valid_seconds - int(now)
    assert lifetime <= left <= max(lifetime * 1.5, lifetime + 1)
    assert span.valid_seconds <= MAX_SIGNED_SECONDS


@pytest.mark.parametrize("lifetime", [1, 2, 10, 61, 900])
def test_link_stays_the_same_for_every_second_of_its_window(lifetime: int) -> None:
    offset = offset_of("photos/ada.jpg")
    spans = [window(second, lifetime_seconds=lifetime, offset=offset) for second in range(NOW, NOW + 5 * lifetime)]

    # Each window is seen from its first to its last second, and nothing else is.
    for span in spans[lifetime:-lifetime]:
        assert spans.count(span) == int(span.changes_at) - span.signed_at == max(1, lifetime // 2)
    assert [span.signed_at for span in spans] == sorted(span.signed_at for span in spans)


def test_links_of_different_files_do_not_all_change_at_once() -> None:
    changes = {
        window(NOW, lifetime_seconds=3600, offset=offset_of(f"photos/{number}.jpg")).changes_at for number in range(200)
    }

    assert len(changes) > 150


@given(now=st.integers(0, 4_000_000_000), lifetime=lifetimes, left=st.integers(1, 7200))
def test_keys_that_end_earlier_shorten_the_link(now: int, lifetime: int, left: int) -> None:
    span = window(now, lifetime_seconds=lifetime, keys_end_at=now + left)

    assert span.signed_at + span.valid_seconds <= max(now + left, span.signed_at + 1)
    assert span.changes_at <= now + left


def test_another_process_makes_the_same_link() -> None:
    program = """
from holdall.s3.signing import *
from holdall.secret import Secret
span = window(1795349017.4, lifetime_seconds=3600, offset=offset_of("photos/ada.jpg"))
place = Place(scheme="https", host="media.example.com", region="r1")
print(Signer(place, SigningKeys("KEY", Secret("secret"))).url("photos/ada.jpg", span))
"""
    links = {subprocess.check_output([sys.executable, "-c", program], text=True) for _ in range(3)}
    links |= {subprocess.check_output([sys.executable, "-c", program.replace("017.4", "019.0")], text=True)}

    assert len(links) == 1


def test_secret_shows_itself_in_no_repr_of_what_signs() -> None:
    place = Place(scheme="https", host="media.example.com", region="r1")
    keys = SigningKeys("KEY", Secret("a-secret-of-mine"), Secret("a-token-of-mine"))

    for thing in (Signer(place, keys), keys, place):
        assert "of-mine" not in repr(thing)


def test_public_link_has_no_query() -> None:
    place = Place(scheme="https", host="media.example.com", region="r1")

    assert public_url(place, "a b/ü.jpg") == "https://media.example.com/a%20b/%C3%BC.jpg"


@pytest.mark.parametrize("token", [None, "a/token=="])
@pytest.mark.parametrize("path", ["", "/acme"])
def test_link_with_headers_equals_the_sdks(token: str | None, path: str) -> None:
    place = Place(scheme="https", host="s3.example.com", path=path, region="eu-central-1")
    signer = Signer(place, SigningKeys("KEY", Secret("secret"), Secret(token) if token else None))
    headers = {"content-type": "image/png", "content-length": "17", "if-none-match": "*"}
    parameters = {"partNumber": "3", "uploadId": "a/b+c=="}
    span = window(NOW, lifetime_seconds=900)
    ours = signer.url("a b/\u00fc~.jpg", span, method="PUT", parameters=parameters, headers=headers)

    query = "&".join(f"{name}={quote(value, safe='-._~')}" for name, value in parameters.items())
    request = AWSRequest("PUT", f"https://s3.example.com{path}/a%20b/%C3%BC~.jpg?{query}", headers=headers)
    sdk = S3SigV4QueryAuth(Credentials("KEY", "secret", token), "s3", "eu-central-1", expires=span.valid_seconds)
    now = datetime.fromtimestamp(span.signed_at, UTC)
    with mock.patch("botocore.auth.get_current_datetime", return_value=now):
        sdk.add_auth(request)
    assert dict(parse_qsl(urlsplit(ours).query)) == dict(parse_qsl(urlsplit(request.url).query))


def test_form_equals_the_sdks() -> None:
    place = Place(scheme="https", host="s3.example.com", path="/acme", region="eu-central-1")
    signer = Signer(place, SigningKeys("KEY", Secret("secret"), Secret("token")))
    span = window(NOW, lifetime_seconds=900)
    url, fields = signer.form(
        "a/b", span, bucket_name="acme", conditions=[["content-length-range", 1, 9]], acl="private"
    )

    assert url == "https://s3.example.com/acme/"
    policy = json.loads(base64.b64decode(fields["policy"]))
    assert policy["conditions"][:2] == [{"bucket": "acme"}, ["content-length-range", 1, 9]]
    # Every field is fixed, but those that carry the policy itself.
    fixed = {one[1] for one in policy["conditions"][2:]}
    assert fixed == {f"${name}" for name in fields if name not in {"policy", "x-amz-signature"}}

    request = AWSRequest("POST", url)
    request.context["s3-presign-post-fields"] = {}
    request.context["s3-presign-post-policy"] = {"conditions": []}
    sdk = S3SigV4PostAuth(Credentials("KEY", "secret", "token"), "s3", "eu-central-1")
    now = datetime.fromtimestamp(span.signed_at, UTC)
    with mock.patch("botocore.auth.get_current_datetime", return_value=now):
        sdk.add_auth(request)
    made = request.context["s3-presign-post-fields"]
    assert {name: fields[name] for name in made if name not in {"policy", "x-amz-signature"}} == {
        name: value for name, value in made.items() if name not in {"policy", "x-amz-signature"}
    }
    request.context["timestamp"] = now.strftime("%Y%m%dT%H%M%SZ")
    assert fields["x-amz-signature"] == sdk.signature(fields["policy"], request)
