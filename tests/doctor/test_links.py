"""Links work as they are given out, end in time and cannot be changed: each failure has its own finding."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from holdall.storage import MediaStorage
from tests.contract import only
from tests.doctor import errors, examine, examine_storage, notices, the, told, warnings
from tests.doctor.conftest import MakePlain, StartCdn
from tests.doctor.lab import cdn
from tests.providers import Provider
from tests.servers.fault_proxy import Answer, Exchange, Fault, FaultProxy, Request, answers
from tests.stores import build_storage

# django-storages' own storage has faults of its own, which other layers tell.
LINKS = ["addresses", "intent", "links"]
SIGNED = ("X-Amz-Signature=", "Signature=")


def is_link(request: Request) -> bool:
    return any(mark in request.target for mark in SIGNED)


def with_links(provider: Provider, fault: Fault) -> FaultProxy:
    """Run the real server behind a proxy that does this to whoever comes with a link."""
    return FaultProxy(provider.endpoint_url, choose=lambda request: fault if is_link(request) else None)


def says(status: int, code: str, message: str, *headers: tuple[str, str]) -> Fault:
    """Answer links with an error that a provider documents."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()

    def answer(request: Request) -> Answer:
        is_head = request.method == "HEAD"
        return Answer(status, (("Content-Type", "application/xml"), *headers), b"" if is_head else body, is_head)

    return answers(answer)


def behind(proxy: FaultProxy, provider: Provider, bucket: str, location: str) -> dict[str, str]:
    return provider.environ(bucket, location=location, AWS_S3_ENDPOINT_URL=proxy.url)


# -- links that lead nowhere


@pytest.mark.failure("C4")
@only("seaweedfs-http")
def test_link_to_a_host_that_redirects_is_found(provider: Provider, bucket: str, location: str) -> None:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html
    elsewhere = "https://acme.s3.eu-central-1.amazonaws.com/x?X-Amz-Signature=0123456789abcdef"
    redirect = says(
        307,
        "TemporaryRedirect",
        "Please re-send this request to the specified temporary endpoint.",
        ("Location", elsewhere),
        ("x-amz-bucket-region", "eu-central-1"),
    )
    with with_links(provider, redirect) as proxy:
        report = examine(behind(proxy, provider, bucket, location))

    assert (errors(report), warnings(report)) == (["D701"], []), told(report)
    assert "acme.s3.eu-central-1.amazonaws.com" in the(report, "D701").seen
    assert "AWS_S3_REGION_NAME=eu-central-1" in the(report, "D701").cause.do
    assert "0123456789abcdef" not in told(report)


class HostReplaced(MediaStorage):
    """A recipe for a store with an internal address: the public one is put into links that are signed already."""

    public_host = ""

    def url(self, name: str | None, *arguments: Any, **options: Any) -> str:
        link = super().url(name, *arguments, **options)
        host = self.endpoint_url.partition("//")[2]
        return link.replace(host, self.public_host, 1)


def replaced(provider: Provider, bucket: str, location: str, host: str) -> HostReplaced:
    storage = HostReplaced(**build_storage(provider.environ(bucket, location=location))._constructor_args[1])
    storage.public_host = host
    return storage


@pytest.mark.failure("C8")
@only("seaweedfs-http", "ministack", "ceph-http")
def test_host_that_was_put_into_signed_links_is_found(provider: Provider, bucket: str, location: str) -> None:
    port = provider.endpoint_url.rpartition(":")[2]
    report = examine_storage(replaced(provider, bucket, location, f"localhost:{port}"))

    assert (errors(report), warnings(report)) == (["D702"], []), told(report)
    assert f"localhost:{port}" in the(report, "D702").seen
    assert f"127.0.0.1:{port}" in the(report, "D702").seen


@pytest.mark.failure("C8")
@only("seaweedfs-http")
def test_host_of_links_that_nothing_answers_for_is_found(provider: Provider, bucket: str, location: str) -> None:
    with socket.socket() as nobody:
        # Bound, but it does not listen.
        nobody.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{nobody.getsockname()[1]}"
        report = examine_storage(replaced(provider, bucket, location, host))

    assert (errors(report), warnings(report)) == (["D703"], []), told(report)
    assert host in the(report, "D703").seen
    assert "X-Amz" not in told(report)


@only("seaweedfs-http")
@pytest.mark.parametrize("is_public", [False, True])
def test_storage_that_makes_no_links_is_told_once(
    provider: Provider, public_bucket: str, location: str, is_public: bool, start_cdn: StartCdn
) -> None:
    class WithoutLinks(MediaStorage):
        def url(self, name: str | None, *arguments: Any, **options: Any) -> str:
            raise ValueError("not today")

    bucket = public_bucket if is_public else provider.create_bucket()
    domain = start_cdn(bucket).domain
    environ = provider.environ(bucket, location=location, is_public=is_public)
    made = build_storage(environ | ({"AWS_S3_CUSTOM_DOMAIN": domain} if is_public else {}))
    report = examine_storage(WithoutLinks(**made._constructor_args[1]))

    assert (errors(report), warnings(report)) == (["D251"], []), told(report)
    assert "D092" not in {finding.id for finding in report.findings}


@pytest.mark.failure("C8")
@only("seaweedfs-http")
def test_proxy_that_changes_the_host_of_links_is_found(provider: Provider, bucket: str, location: str) -> None:
    def renames(exchange: Exchange) -> None:
        request = exchange.request
        headers = tuple((name, "store" if name.lower() == "host" else text) for name, text in request.headers)
        exchange.answer(exchange.proxy.ask(Request(request.method, request.target, headers, request.body), b""))

    with with_links(provider, renames) as proxy:
        report = examine(behind(proxy, provider, bucket, location))

    assert (errors(report), warnings(report)) == (["D702"], []), told(report)
    assert f"Host: {proxy.url.removeprefix('http://')}" in the(report, "D702").cause.do


@pytest.mark.failure("C3")
@only("seaweedfs-http")
def test_link_that_is_signed_for_another_region_is_found(provider: Provider, bucket: str, location: str) -> None:
    # jschneier/django-storages#715
    message = "Error parsing the X-Amz-Credential parameter; the region 'us-east-1' is wrong; expecting 'fr-par'"
    with with_links(provider, says(400, "AuthorizationQueryParametersError", message)) as proxy:
        report = examine(behind(proxy, provider, bucket, location))

    assert (errors(report), warnings(report)) == (["D311"], []), told(report)
    assert the(report, "D311").cause.do == "AWS_S3_REGION_NAME=fr-par"


# -- signatures


@pytest.mark.failure("F1")
@only("seaweedfs-http")
@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, jschneier/django-storages#28, #203
        (
            400,
            "InvalidRequest",
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
        ),
        # jschneier/django-storages#1541, vastsa/FileCodeBox#148
        (401, "Unauthorized", "SigV2 authorization is not supported. Please use SigV4 instead."),
    ],
    ids=["amazon", "r2"],
)
def test_link_that_is_signed_in_the_old_way_and_refused_is_found(
    provider: Provider, bucket: str, plain: MakePlain, status: int, code: str, message: str
) -> None:
    with with_links(provider, says(status, code, message)) as proxy:
        report = examine_storage(plain(region_name=None, signature_version=None, endpoint_url=proxy.url), only=LINKS)

    assert errors(report) == ["D704"], told(report)
    assert message.rstrip(".") in the(report, "D704").seen


def re_signs(provider: Provider, *, when: Callable[[Request], bool]) -> Fault:
    """Do what a gateway does that has rights of its own and does not look at the visitor's signature."""

    def fault(exchange: Exchange) -> None:
        request = exchange.request
        if not when(request):
            exchange.answer(exchange.forward())
            return
        path = request.target.partition("?")[0]
        status, headers, body = cdn.ask(provider, request.method, path, {}, keys=provider.keys)
        exchange.answer(Answer(status, tuple(headers), body, request.method == "HEAD"))

    return fault


@only("seaweedfs-http")
def test_store_that_does_not_look_at_signatures_is_found(provider: Provider, bucket: str, location: str) -> None:
    with with_links(provider, re_signs(provider, when=lambda _: True)) as proxy:
        report = examine(behind(proxy, provider, bucket, location))

    assert errors(report) == ["D713", "D714"], told(report)


@only("seaweedfs-http")
def test_store_whose_links_do_not_end_is_found(provider: Provider, bucket: str, location: str) -> None:
    with with_links(provider, re_signs(provider, when=lambda found: "X-Amz-Expires=1&" in found.target)) as proxy:
        report = examine(behind(proxy, provider, bucket, location))

    assert errors(report) == ["D713"], told(report)


# -- lifetime


@pytest.mark.failure("F2")
@only("seaweedfs-http")
def test_links_of_keys_that_have_ended_are_found(provider: Provider, bucket: str, location: str) -> None:
    # jschneier/django-storages#956, boto/boto3#2392
    with with_links(provider, says(400, "ExpiredToken", "The provided token has expired.")) as proxy:
        report = examine(behind(proxy, provider, bucket, location))

    assert (errors(report), warnings(report)) == (["D706"], []), told(report)


@pytest.mark.failure("F2")
@only("seaweedfs-http", "ministack")
def test_links_that_outlive_their_keys_are_warned_of(
    provider: Provider, bucket: str, location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = f"temporary-{uuid.uuid4().hex[:8]}"
    ends = datetime.now(UTC) + timedelta(minutes=40)
    told_keys = tmp_path / "keys.json"
    told_keys.write_text(
        json.dumps(
            {
                "Version": 1,
                "AccessKeyId": provider.keys.access_key,
                "SecretAccessKey": provider.keys.secret_key,
                "Expiration": ends.isoformat(),
            }
        )
    )
    (tmp_path / "config").write_text(f"[profile {profile}]\ncredential_process = cat {told_keys}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    environ = provider.environ(bucket, location=location)
    del environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"]
    report = examine_storage(build_storage(environ, session_profile=profile, querystring_expire=7200))

    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert "links should work for 7200 s" in the(report, "D707").seen
    assert f"{ends:%H:%M}" in the(report, "D707").seen


@pytest.mark.failure("F2")
@only("seaweedfs-http", "ministack", "ceph-http")
def test_links_that_ask_for_too_long_are_told_once(provider: Provider, bucket: str, plain: MakePlain) -> None:
    report = examine_storage(plain(querystring_expire=8 * 24 * 3600), only=LINKS)

    # Before anything was asked, so the store's refusal is no news.
    assert errors(report) == ["D253"], told(report)


@pytest.fixture(scope="session")
def signing_keys() -> tuple[str, bytes]:
    """A private key for CloudFront's links, and its public one, which a distribution knows."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public


def restricted(provider: Provider, bucket: str, location: str, domain: str, private_key: str) -> dict[str, str]:
    return provider.environ(
        bucket,
        location=location,
        AWS_S3_CUSTOM_DOMAIN=domain,
        AWS_CLOUDFRONT_KEY_ID="K2JCJMDEHXQW5F",
        AWS_CLOUDFRONT_KEY=private_key,
    )


@pytest.mark.failure("F3")
@only("seaweedfs-http")
def test_link_that_changes_with_every_view_behind_a_cdn_is_warned_of(
    provider: Provider, bucket: str, plain: MakePlain, start_cdn: StartCdn, signing_keys: tuple[str, bytes]
) -> None:
    domain = start_cdn(bucket, keys=provider.keys, key_group=signing_keys[1]).domain
    report = examine_storage(
        plain(
            custom_domain=domain,
            url_protocol="http:",
            cloudfront_key_id="K2JCJMDEHXQW5F",
            cloudfront_key=signing_keys[0],
        ),
        only=[*LINKS, "cdn"],
    )

    assert errors(report) == [], told(report)
    assert "D711" in warnings(report)


@pytest.mark.failure("F5")
@only("seaweedfs-http", "ministack")
def test_private_store_behind_a_cdn_with_a_key_group_is_healthy(
    provider: Provider, bucket: str, location: str, start_cdn: StartCdn, signing_keys: tuple[str, bytes]
) -> None:
    domain = start_cdn(bucket, keys=provider.keys, key_group=signing_keys[1]).domain
    report = examine(restricted(provider, bucket, location, domain, signing_keys[0]))

    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert "D800" in {finding.id for finding in report.findings}
    assert "D716" in notices(report)
    assert "Signature=" not in told(report)


@pytest.mark.failure("K1")
@only("seaweedfs-http", "ministack")
def test_cdn_that_asks_nobody_for_a_signature_is_found(
    provider: Provider, bucket: str, location: str, start_cdn: StartCdn, signing_keys: tuple[str, bytes]
) -> None:
    domain = start_cdn(bucket, keys=provider.no_list).domain
    report = examine(restricted(provider, bucket, location, domain, signing_keys[0]))

    assert (errors(report), warnings(report)) == (["D603"], []), told(report)


@pytest.mark.failure("E7")
@only("seaweedfs-http")
def test_cdn_that_knows_another_key_is_found(
    provider: Provider, bucket: str, location: str, start_cdn: StartCdn, signing_keys: tuple[str, bytes]
) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    public = other.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    domain = start_cdn(bucket, keys=provider.keys, key_group=public).domain
    report = examine(restricted(provider, bucket, location, domain, signing_keys[0]))

    assert (errors(report), warnings(report)) == (["D808"], []), told(report)
    assert "key group" in the(report, "D808").cause.do


# -- links for another address than that of requests


def outside_of(provider: Provider) -> str:
    return provider.endpoint_url.replace("127.0.0.1", "localhost")


@only("seaweedfs-http")
def test_server_with_an_outside_name_is_healthy(provider: Provider, bucket: str, location: str) -> None:
    environ = provider.environ(bucket, location=location, AWS_S3_PUBLIC_ENDPOINT_URL=outside_of(provider))
    report = examine(environ)

    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert "D720" not in notices(report)
    assert "localhost" in the(report, "D700").seen


@pytest.mark.failure("C8")
@only("seaweedfs-http")
def test_outside_address_that_is_not_reached_from_here_is_no_error(
    provider: Provider, bucket: str, location: str
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        environ = provider.environ(bucket, location=location, AWS_S3_PUBLIC_ENDPOINT_URL=f"http://localhost:{port}")
        report = examine(environ)

    assert (errors(report), warnings(report)) == ([], []), told(report)
    # The server knows the link by the host that it was signed for.
    assert the(report, "D720").seen.startswith(f"localhost:{port}: ")
    assert "with that host: 206 from" in the(report, "D720").seen
    assert "D703" not in told(report)


def signing(provider: Provider, bucket: str, location: str, domain: str) -> dict[str, str]:
    """Describe private files whose links are signed for the bucket, and carry the domain."""
    return provider.environ(bucket, location=location, AWS_S3_CUSTOM_DOMAIN=domain, AWS_S3_SIGN_FOR_DOMAIN="true")


@only("seaweedfs-http")
def test_cdn_that_passes_signed_links_on_is_healthy(
    provider: Provider, bucket: str, location: str, start_cdn: StartCdn
) -> None:
    report = examine(signing(provider, bucket, location, start_cdn("", passes_queries=True).domain))

    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert {"D800", "D827", "D830"} <= {finding.id for finding in report.findings}
    assert "Signature=" not in told(report)


@pytest.mark.failure("E4")
@only("seaweedfs-http")
def test_cdn_that_drops_queries_is_found(provider: Provider, bucket: str, location: str, start_cdn: StartCdn) -> None:
    report = examine(signing(provider, bucket, location, start_cdn("").domain))

    assert (errors(report), warnings(report)) == (["D829"], []), told(report)
    assert f"the link is signed for {provider.endpoint_url.removeprefix('http://')}" in the(report, "D829").seen
    assert "CloudFront" not in told(report)


@pytest.mark.failure("E4")
@only("seaweedfs-http")
def test_cdn_that_changes_what_was_signed_is_found(
    provider: Provider, bucket: str, location: str, start_cdn: StartCdn
) -> None:
    # As one does whose origin is the bucket itself, where the bucket is in the path that was signed.
    report = examine(signing(provider, bucket, location, start_cdn(bucket, passes_queries=True).domain))

    assert (errors(report), warnings(report)) == (["D829"], []), told(report)


@pytest.mark.failure("K1")
@only("seaweedfs-http")
def test_cdn_that_gives_its_copy_to_everybody_is_found(
    provider: Provider, bucket: str, location: str, start_cdn: StartCdn
) -> None:
    domain = start_cdn("", passes_queries=True, keys_queries=False).domain
    report = examine(signing(provider, bucket, location, domain), only=["saving", "cdn"])

    assert errors(report) == ["D831"], told(report)
    assert "query part of the cache key" in the(report, "D831").cause.do


@only("seaweedfs-http")
def test_query_that_something_removes_is_not_blamed_on_the_keys(
    provider: Provider, bucket: str, location: str, start_cdn: StartCdn, signing_keys: tuple[str, bytes]
) -> None:
    domain = start_cdn(bucket, keys=provider.keys, key_group=signing_keys[1], strips_queries=True).domain
    report = examine(restricted(provider, bucket, location, domain, signing_keys[0]))

    assert (errors(report), warnings(report)) == (["D832"], []), told(report)
    assert "key group" not in told(report)


# -- what a link may say, and names


@pytest.mark.failure("F5")
@only("seaweedfs-http")
def test_store_that_ignores_what_links_say_is_warned_of(provider: Provider, bucket: str, location: str) -> None:
    def forgets(exchange: Exchange) -> None:
        found = exchange.forward()
        kept = tuple((name, text) for name, text in found.headers if name.lower() != "content-disposition")
        exchange.answer(Answer(found.status, kept, found.body, found.is_head))

    with with_links(provider, forgets) as proxy:
        report = examine(behind(proxy, provider, bucket, location))

    assert (errors(report), warnings(report)) == ([], ["D715"]), told(report)


@pytest.mark.failure("F5")
@only("seaweedfs-http")
def test_unsigned_links_that_can_not_name_a_download_are_noticed(
    provider: Provider, public_bucket: str, location: str, start_cdn: StartCdn
) -> None:
    domain = start_cdn(public_bucket).domain
    report = examine(provider.environ(public_bucket, location=location, is_public=True, AWS_S3_CUSTOM_DOMAIN=domain))

    assert (errors(report), warnings(report)) == ([], []), told(report)
    # Before anything was asked, so it is not asked for.
    assert "D256" in notices(report)
    assert "D716" not in notices(report)


@pytest.mark.failure("F5")
@only("seaweedfs-http", "ministack", "ceph-http")
def test_link_that_answers_to_get_alone_is_noticed(provider: Provider, bucket: str, location: str) -> None:
    report = examine(provider.environ(bucket, location=location))

    assert "HEAD: 403" in the(report, "D717").seen


@pytest.mark.failure("G11")
@only("seaweedfs-http", "ministack", "ceph-http")
def test_cdn_that_encodes_names_anew_is_found(
    provider: Provider, public_bucket: str, location: str, start_cdn: StartCdn
) -> None:
    domain = start_cdn(public_bucket, encodes_again=True).domain
    report = examine(provider.environ(public_bucket, location=location, is_public=True, AWS_S3_CUSTOM_DOMAIN=domain))

    assert (errors(report), warnings(report)) == (["D718"], []), told(report)
    assert "the bucket itself serves the file" in the(report, "D718").cause.do.lower()


@pytest.mark.failure("G11")
@only("seaweedfs-http")
def test_link_that_is_not_encoded_is_found(provider: Provider, bucket: str, location: str) -> None:
    class Unencoded(MediaStorage):
        """A recipe: the name is put into the link as it is, before the query of another."""

        def url(self, name: str | None, *arguments: Any, **options: Any) -> str:
            path, mark, query = super().url(name, *arguments, **options).partition("?")
            return f"{path.replace('%23', '#').replace('%20', ' ')}{mark}{query}"

    made = build_storage(provider.environ(bucket, location=location))
    report = examine_storage(Unencoded(**made._constructor_args[1]))

    assert (errors(report), warnings(report)) == (["D718"], []), told(report)
