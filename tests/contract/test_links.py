"""Links, held to botocore's: the same letters for the same moment, and accepted by servers that check signatures."""

from __future__ import annotations

import base64
import datetime as dt
import json
import time
import urllib.parse
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import RefreshableCredentials
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from hypothesis import example, given, settings
from hypothesis import strategies as st
from storages.backends.s3 import S3Storage

import holdall
from holdall.providers import AMAZON, MAX_SIGNED_SECONDS, recognise
from holdall.s3 import connection, hosts, sessions
from holdall.s3.signing import Place, Signer, SigningKeys, Window, public_url
from holdall.s3.target import Target
from holdall.secret import Secret
from holdall.storage import MediaStorage
from holdall.storage import links as links_module
from tests.conftest import MakeStorage
from tests.contract import only
from tests.providers import Provider
from tests.stores import build_storage

NOW = 1_795_349_017
ACCESS_KEY, SECRET_KEY = "HOLDALLTESTKEY000001", "sec/ret+key="

# (endpoint, style, region, bucket)
PLACES: list[tuple[str | None, str, str, str]] = [
    (None, "virtual", "eu-central-1", "acme-media"),
    (None, "virtual", "us-east-1", "acme-media"),
    (None, "virtual", "us-gov-west-1", "acme-media"),
    (None, "virtual", "ap-southeast-2", "acme.media.example"),
    (None, "path", "eu-west-1", "acme-media"),
    ("https://ams3.digitaloceanspaces.com", "virtual", "ams3", "acme-media"),
    ("https://s3.example.com:8443", "virtual", "r1", "acme-media"),
    ("http://127.0.0.1:9000", "path", "us-east-1", "acme-media"),
    ("http://127.0.0.1:9000", "virtual", "us-east-1", "acme-media"),
    ("http://localhost:9000", "virtual", "us-east-1", "acme-media"),
    ("http://s3.example.com", "virtual", "us-east-1", "acme.media"),
    ("https://s3.example.com", "virtual", "us-east-1", "acme.media"),
    ("http://[::1]:9000", "path", "us-east-1", "acme-media"),
    ("https://abc.storage.supabase.co/storage/v1/s3", "path", "eu-central-1", "acme-media"),
    ("https://s3.example.com/storage/v1/s3", "virtual", "r1", "acme-media"),
    ("http://127.0.0.1:9000/minio", "virtual", "us-east-1", "acme-media"),
    ("https://s3.example.com/with/dots", "virtual", "r1", "acme.media"),
]


@cache
def botocore_client(endpoint_url: str | None, style: str, region: str, token: str | None) -> Any:
    return boto3.Session().client(
        "s3",
        region_name=region,
        endpoint_url=endpoint_url,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        aws_session_token=token,
        config=Config(signature_version="s3v4", s3={"addressing_style": style}),
    )


def botocore_url(client: Any, at: int, *, method: str = "GET", seconds: int, **parameters: str) -> str:
    moment = dt.datetime.fromtimestamp(at, dt.UTC).replace(tzinfo=None)
    with mock.patch("botocore.auth.get_current_datetime", return_value=moment):
        return str(client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=seconds, HttpMethod=method))


def place_of(endpoint_url: str | None, style: str, region: str, bucket: str) -> Place:
    provider = recognise(endpoint_url)[0]
    target = Target(provider=provider, bucket_name=bucket, addressing_style=style)
    place = hosts.place(target, endpoint_url, region)
    assert place is not None
    return place


def keys(token: str | None = None) -> SigningKeys:
    return SigningKeys(ACCESS_KEY, Secret(SECRET_KEY), Secret(token) if token else None)


# Keys that S3 takes: any text but lone surrogates, not empty, and no more than 1,024 bytes.
any_key = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@settings(max_examples=200, deadline=None)
@given(
    place=st.sampled_from(PLACES),
    key=any_key,
    token=st.sampled_from([None, "FwoGZXIvYXdz+/tok=="]),
    overrides=st.dictionaries(
        st.sampled_from(["ResponseContentDisposition", "ResponseContentType", "ResponseCacheControl", "VersionId"]),
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30),
    ),
    seconds=st.integers(1, MAX_SIGNED_SECONDS),
    at=st.integers(0, 4_000_000_000),
    method=st.sampled_from(["GET", "HEAD"]),
)
@example(
    place=PLACES[0],
    key="a b+c%2F#é😀?&=.jpg",
    token=None,
    overrides={"ResponseContentDisposition": 'attachment; filename="é ü.txt"'},
    seconds=3600,
    at=NOW,
    method="GET",
)
def test_signed_link_equals_botocores(
    place: tuple[str | None, str, str, str],
    key: str,
    token: str | None,
    overrides: dict[str, str],
    seconds: int,
    at: int,
    method: str,
) -> None:
    names = {
        "ResponseContentDisposition": "response-content-disposition",
        "ResponseContentType": "response-content-type",
        "ResponseCacheControl": "response-cache-control",
        "VersionId": "versionId",
    }
    endpoint_url, style, region, bucket = place
    client = botocore_client(endpoint_url, style, region, token)
    theirs = botocore_url(client, at, method=method, seconds=seconds, Bucket=bucket, Key=key, **overrides)

    ours = Signer(place_of(*place), keys(token)).url(
        key,
        Window(at, seconds, at + 1),
        method=method,
        parameters={names[name]: value for name, value in overrides.items()},
    )

    assert ours == theirs


@pytest.mark.parametrize(
    "region",
    [
        "us-east-1",
        "us-west-2",
        "af-south-1",
        "ap-southeast-2",
        "us-gov-east-1",
        "cn-north-1",
        "us-iso-east-1",
        "eu-isoe-west-1",
        "eusc-de-east-1",
    ],
)
def test_link_to_amazon_leads_where_botocores_does_in_every_region(region: str) -> None:
    client = botocore_client(None, "virtual", region, None)
    theirs = botocore_url(client, NOW, seconds=60, Bucket="acme-media", Key="a.jpg")

    place = place_of(None, "virtual", region, "acme-media")

    assert theirs.startswith(public_url(place, "a.jpg"))


@pytest.mark.parametrize(
    "unusual",
    [
        {"client_config": Config(s3={"use_accelerate_endpoint": True})},
        {"signature_version": "s3"},
        {"bucket_name": "arn:aws:s3:eu-west-1:123456789012:accesspoint/acme"},
        {"bucket_name": "acme--euw1-az1--x-s3"},
    ],
)
def test_place_out_of_the_ordinary_is_left_to_the_sdk(unusual: dict[str, Any]) -> None:
    target = Target(**{"provider": AMAZON, "bucket_name": "acme-media", **unusual})

    assert hosts.place(target, None, "eu-west-1") is None


def test_signer_keeps_nothing_that_a_new_day_would_make_wrong() -> None:
    signer = Signer(place_of(*PLACES[7]), keys())
    client = botocore_client(*PLACES[7][:3], None)

    for at in (NOW, NOW + 86_400, NOW, NOW - 86_400 * 40):
        theirs = botocore_url(client, at, seconds=900, Bucket="acme-media", Key="a.jpg")
        assert signer.url("a.jpg", Window(at, 900, at + 1)) == theirs


# -- on servers

LIFETIME_SECONDS = 60


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set the time at which the storage makes links."""

    def set_to(moment: float) -> None:
        monkeypatch.setattr(links_module.time, "time", lambda: moment)

    return set_to


def test_link_of_every_moment_of_its_window_is_accepted_and_is_one(
    make_storage: MakeStorage, provider: Provider, clock: Callable[[float], None]
) -> None:
    storage = make_storage(STORAGE_URL_LIFETIME=f"{LIFETIME_SECONDS}s")
    name = storage.save("a b+ü.txt", ContentFile(b"within the window"))
    now = int(time.time())
    seen = []
    for second in range(now - LIFETIME_SECONDS // 2, now + 1):
        clock(second)
        seen.append(make_storage(STORAGE_URL_LIFETIME=f"{LIFETIME_SECONDS}s").url(name))

    # The span of thirty seconds that ends now touches two windows at most.
    assert len(set(seen)) <= 2
    for url in set(seen):
        answer = provider.fetch(url)
        assert (answer.status, answer.body) == (200, b"within the window")


def test_link_to_a_private_file_lets_the_browser_keep_it(storage: Storage, provider: Provider) -> None:
    name = storage.save("ada.jpg", ContentFile(b"picture"))

    answer = provider.fetch(storage.url(name))

    assert answer.headers["cache-control"] == "private, max-age=3600"


def test_link_with_overrides_gives_what_they_say(storage: Storage, provider: Provider) -> None:
    name = storage.save("ada.txt", ContentFile(b"text"))

    url = storage.url(name, parameters={"ResponseContentDisposition": 'attachment; filename="ä.txt"'})

    answer = provider.fetch(url)
    assert answer.status == 200
    assert answer.headers["content-disposition"].startswith("attachment")


def test_link_asked_for_with_a_lifetime_of_its_own_lives_that_long(storage: Storage) -> None:
    expires = urllib.parse.parse_qs(urllib.parse.urlsplit(storage.url("a.txt", expire=600)).query)["X-Amz-Expires"]

    assert expires == ["900"]


@only("seaweedfs-http")
def test_links_need_neither_a_client_nor_a_session_when_the_keys_are_known(
    make_storage: MakeStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a session was made")

    storage = make_storage()
    connection._connections.clear()
    monkeypatch.setattr(sessions.boto3, "Session", refuse)
    monkeypatch.setattr("holdall.s3.keys.session", refuse)

    assert "X-Amz-Signature" in storage.url("ada.jpg")


@only("seaweedfs-http")
def test_link_that_was_kept_is_made_anew_when_an_option_changes(storage: Any) -> None:
    before = storage.url("ada.jpg")
    assert storage.url("ada.jpg") is before

    storage.querystring_expire = 60

    assert "X-Amz-Expires=90&" in storage.url("ada.jpg")


@pytest.mark.parametrize("public", ["true", "false"])
def test_links_of_a_location_that_the_project_computes_are_not_remembered(public: str) -> None:
    """The recipe for tenants: what is remembered by its name alone would show one of them the other's file."""
    tenant = "one"

    class OfTenant(MediaStorage):
        location = property(lambda self: tenant)

    environ = {
        "STORAGE_BUCKET_NAME": "acme-media",
        "STORAGE_MAKE_FILES_PUBLIC": public,
        "AWS_S3_REGION_NAME": "eu-central-1",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": "s" * 40,
    }
    if public == "true":
        environ["AWS_S3_CUSTOM_DOMAIN"] = "media.example.com"
    options = holdall.from_env(environ)["default"]["OPTIONS"]
    options.pop("location", None)
    made = OfTenant(**options)

    first = made.url("a.jpg")
    tenant = "two"

    assert "/one/a.jpg" in first
    assert "/two/a.jpg" in made.url("a.jpg")


@pytest.mark.parametrize("location", ["", "media", "sites/one", "späße", "a b"])
@pytest.mark.parametrize("name", ["a.jpg", "x/y/ä b.jpg", "x//y.jpg", "x/./y.jpg", "folder/", "x/+%.jpg", "x/.hidden"])
def test_public_links_on_a_domain_are_those_of_django_storages(location: str, name: str) -> None:
    place = {"bucket_name": "acme-media", "custom_domain": "media.example.com", "location": location}

    made = MediaStorage(**place, querystring_auth=False)

    assert made.url(name) == S3Storage(**place, querystring_auth=False).url(name)
    made.custom_domain = "other.example.com"
    assert made.url(name).startswith("https://other.example.com/")


@only("seaweedfs-http")
def test_link_signed_by_a_role_ends_with_its_session(
    make_storage: MakeStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK's private attribute that says when: this fails when it goes."""
    ends = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=10)
    metadata = {
        "access_key": "ROLEKEY",
        "secret_key": "role-secret",
        "token": "role-token",
        "expiry_time": ends.isoformat(),
    }
    role = RefreshableCredentials.create_from_metadata(metadata, refresh_using=lambda: metadata, method="iam-role")
    storage = make_storage(options={"access_key": None, "secret_key": None})
    monkeypatch.setattr("holdall.s3.keys.session", lambda _: SimpleNamespace(get_credentials=lambda: role))

    query = urllib.parse.parse_qs(urllib.parse.urlsplit(storage.url("ada.jpg")).query)

    signed = dt.datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    dies = signed + dt.timedelta(seconds=int(query["X-Amz-Expires"][0]))
    assert abs((dies - ends).total_seconds()) <= 1
    assert query["X-Amz-Security-Token"] == ["role-token"]


# -- on a private CDN domain


@pytest.fixture(scope="module")
def private() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def on_cloudfront(private: rsa.RSAPrivateKey) -> Callable[..., Any]:
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()

    def make(**changes: str) -> Any:
        return build_storage(
            {
                "STORAGE_BUCKET_NAME": "acme-media",
                "AWS_S3_REGION_NAME": "eu-central-1",
                "AWS_S3_CUSTOM_DOMAIN": "media.example.com",
                "AWS_CLOUDFRONT_KEY_ID": "K2HOLDALLTEST",
                "AWS_CLOUDFRONT_KEY": pem.replace("\n", "\\n"),
                **changes,
            }
        )

    return make


def decoded(value: str) -> bytes:
    """Undo CloudFront's own form of base64."""
    return base64.b64decode(value.translate(str.maketrans("-_~", "+=/")))


def opened(url: str, private: rsa.RSAPrivateKey) -> tuple[str, dict[str, Any]]:
    """Give what a link leads to and what its policy says, once the signature is found to be the key's."""
    parts = urllib.parse.urlsplit(url)
    query = dict(pair.split("=", 1) for pair in parts.query.split("&"))
    assert query.pop("Key-Pair-Id") == "K2HOLDALLTEST"
    policy = decoded(query.pop("Policy"))
    private.public_key().verify(decoded(query.pop("Signature")), policy, PKCS1v15(), SHA1())
    rest = "&".join(f"{name}={value}" for name, value in query.items())
    (statement,) = json.loads(policy)["Statement"]
    return urllib.parse.urlunsplit(parts._replace(query=rest)), statement


def test_custom_policy_says_all_that_was_asked_for_and_stays_for_a_window(
    on_cloudfront: Callable[..., Any], private: rsa.RSAPrivateKey, clock: Callable[[float], None]
) -> None:
    starts = dt.datetime.fromtimestamp(NOW + 60, dt.UTC)
    links = []
    for second in range(NOW, NOW + 1_800, 60):
        clock(second)
        links.append(
            on_cloudfront().cloudfront_url("films/ä 1.mp4", expire=3_600, not_before=starts, ip_address="192.0.2.7/24")
        )
        leads_to, statement = opened(links[-1], private)
        ends = statement["Condition"].pop("DateLessThan")["AWS:EpochTime"]
        assert second + 3_600 <= ends <= second + 5_400
        assert leads_to == statement["Resource"] == "https://media.example.com/films/%C3%A4%201.mp4"
        assert statement["Condition"] == {
            "DateGreaterThan": {"AWS:EpochTime": NOW + 60},
            "IpAddress": {"AWS:SourceIp": "192.0.2.0/24"},
        }
    assert len(set(links)) == 2


def test_links_for_cloudfront_begin_with_the_whole_base(
    on_cloudfront: Callable[..., Any], private: rsa.RSAPrivateKey
) -> None:
    storage = on_cloudfront(AWS_S3_CUSTOM_DOMAIN="https://media.example.com:8443/files/a%20b")

    assert storage.url("x y.pdf").startswith("https://media.example.com:8443/files/a%20b/x%20y.pdf?Expires=")
    leads_to, statement = opened(storage.cloudfront_url("x y.pdf", resource="x*"), private)
    assert leads_to == "https://media.example.com:8443/files/a%20b/x%20y.pdf"
    assert statement["Resource"] == "https://media.example.com:8443/files/a%20b/x*"


def test_custom_policy_ends_at_the_very_moment(on_cloudfront: Callable[..., Any], private: rsa.RSAPrivateKey) -> None:
    storage = on_cloudfront()
    midnight = dt.datetime(2027, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1)))

    leads_to, statement = opened(storage.cloudfront_url("a.pdf", expire=midnight, parameters={"v": "2"}), private)

    assert leads_to == statement["Resource"] == "https://media.example.com/a.pdf?v=2"
    assert statement["Condition"] == {"DateLessThan": {"AWS:EpochTime": 1_798_758_000}}


def test_one_signature_opens_what_the_resource_names(
    on_cloudfront: Callable[..., Any], private: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = on_cloudfront(STORAGE_LOCATION="media")
    signed = mock.Mock(wraps=storage.cloudfront_signer.rsa_signer)
    monkeypatch.setattr(storage.cloudfront_signer, "rsa_signer", signed)

    # The exact end, so that no window changes between the two.
    ends = dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)
    links = [
        storage.cloudfront_url(f"videos/7/{part}", resource="videos/7/*", expire=ends)
        for part in ("playlist.m3u8", "segment-1.ts")
    ]

    assert {opened(link, private)[1]["Resource"] for link in links} == {"https://media.example.com/media/videos/7/*"}
    assert len({link.partition("?")[2] for link in links}) == 1
    assert signed.call_count == 1


def test_name_with_an_asterisk_opens_itself_alone(
    on_cloudfront: Callable[..., Any], private: rsa.RSAPrivateKey
) -> None:
    leads_to, statement = opened(on_cloudfront().cloudfront_url("uploads/*"), private)

    assert leads_to == statement["Resource"] == "https://media.example.com/uploads/%2A"


@pytest.mark.parametrize(
    "name", ["*", "?", "uploads/*", "a?b*c.jpg", "photo (1)!.jpg", "ä 'x'.jpg", "a+b&c=d#e%2A.jpg"]
)
def test_canned_signature_is_of_no_wildcard(
    on_cloudfront: Callable[..., Any], private: rsa.RSAPrivateKey, name: str
) -> None:
    storage = on_cloudfront(STORAGE_LOCATION="media")
    url = storage.url(name, parameters={"v": "*?"})
    signed_for, _, query = url.rpartition("&Expires=")
    values = dict(pair.split("=", 1) for pair in f"Expires={query}".split("&"))
    policy = (
        f'{{"Statement":[{{"Resource":"{signed_for}",'
        f'"Condition":{{"DateLessThan":{{"AWS:EpochTime":{values["Expires"]}}}}}}}]}}'
    )
    private.public_key().verify(decoded(values["Signature"]), policy.encode(), PKCS1v15(), SHA1())

    address, _, parameters = signed_for.partition("?")
    assert not set("*?") & set(address + parameters)
    assert urllib.parse.unquote(address) == f"https://media.example.com/media/{name}"
    # Both kinds of link, and a public one, lead to the same address.
    assert storage.cloudfront_url(name).partition("?")[0] == address
    assert storage.url(name).partition("?")[0] == address
    storage.querystring_auth = False
    assert storage.url(name) == address


@pytest.mark.parametrize("place", ["store", "cloudfront"])
def test_link_that_was_made_while_the_clock_was_ahead_is_made_anew(
    on_cloudfront: Callable[..., Any], clock: Callable[[float], None], place: str
) -> None:
    keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": "s" * 40}
    domain = (
        {}
        if place == "cloudfront"
        else {"AWS_S3_CUSTOM_DOMAIN": "", "AWS_CLOUDFRONT_KEY_ID": "", "AWS_CLOUDFRONT_KEY": ""}
    )
    storage = on_cloudfront(**keys, **domain)
    clock(NOW)
    right = storage.url("a.jpg")
    for wrong in (NOW + 5 * 3600, NOW - 5 * 3600):
        clock(wrong)
        assert storage.url("a.jpg") != right
        clock(NOW)
        assert storage.url("a.jpg") == right


def test_name_may_be_a_path(storage: Any) -> None:
    assert storage.url(Path("folder") / "a.txt") == storage.url("folder/a.txt")
    assert storage.url(Path("ä b.txt"), expire=60).partition("?")[0] == storage.url("ä b.txt").partition("?")[0]
    assert storage.url_many([Path("a.txt")]) == {Path("a.txt"): storage.url("a.txt")}


def test_name_on_a_domain_may_be_a_path(on_cloudfront: Callable[..., Any]) -> None:
    storage = on_cloudfront()
    address = "https://media.example.com/folder/a.txt"
    assert storage.url(Path("folder/a.txt")).startswith(f"{address}?")
    assert storage.cloudfront_url(Path("folder/a.txt")).startswith(f"{address}?")
    storage.querystring_auth = False
    assert storage.url(Path("folder/a.txt")) == address


NEVER = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("restriction", "said"),
    [
        ({"resource": "videos/8/*"}, r"a\.ts is not among .*videos/8/\*"),
        ({"resource": "videos/?/a.ts"}, "is not among"),
        ({"expire": NEVER, "not_before": NEVER}, "ended before"),
        ({"expire": dt.datetime(2030, 1, 1)}, "no time zone"),
        ({"not_before": dt.datetime(2030, 1, 1)}, "no time zone"),
        ({"ip_address": "2001:db8::1"}, "IPv4"),
    ],
)
def test_custom_policy_that_opens_nothing_is_refused(
    on_cloudfront: Callable[..., Any], restriction: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        on_cloudfront().cloudfront_url("videos/7/a.ts", **restriction)


def test_resource_does_not_lead_out_of_the_location(on_cloudfront: Callable[..., Any]) -> None:
    with pytest.raises(SuspiciousFileOperation):
        on_cloudfront(STORAGE_LOCATION="media").cloudfront_url("a.ts", resource="../*")


def test_custom_policy_without_cloudfront_is_refused_with_what_to_set() -> None:
    with pytest.raises(ImproperlyConfigured, match="AWS_CLOUDFRONT_KEY_ID"):
        MediaStorage(bucket_name="acme-media").cloudfront_url("a.pdf")


def test_link_for_a_private_cdn_domain_is_signed_for_cloudfront_once_a_window(
    on_cloudfront: Callable[..., Any], private: rsa.RSAPrivateKey, clock: Callable[[float], None]
) -> None:
    storage = on_cloudfront()
    clock(NOW)
    url = storage.url("a b.jpg")

    parts = urllib.parse.urlsplit(url)
    query = {name: values[0] for name, values in urllib.parse.parse_qs(parts.query).items()}
    assert (parts.netloc, parts.path, query["Key-Pair-Id"]) == ("media.example.com", "/a%20b.jpg", "K2HOLDALLTEST")
    assert NOW + 3600 <= int(query["Expires"]) <= NOW + 5400
    policy = (
        f'{{"Statement":[{{"Resource":"https://media.example.com/a%20b.jpg",'
        f'"Condition":{{"DateLessThan":{{"AWS:EpochTime":{query["Expires"]}}}}}}}]}}'
    )
    private.public_key().verify(decoded(query["Signature"]), policy.encode(), PKCS1v15(), SHA1())

    clock(NOW + 1)
    assert storage.url("a b.jpg") == url
