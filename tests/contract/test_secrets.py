"""No secret is on Django's error page, in a log or in a text, whatever is wrong with the options or the network."""

from __future__ import annotations

import io
import json
import logging
import secrets
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import RequestFactory
from django.views.debug import technical_500_response

from holdall.fork import ForkedStorage
from holdall.storage import MediaStorage
from tests.contract import only
from tests.providers import Provider
from tests.servers import fault_proxy as wire
from tests.servers.fault_proxy import FaultProxy, Rule
from tests.stores import build_storage

SECRET, TOKEN = secrets.token_urlsafe(30), secrets.token_urlsafe(50)
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{secrets.token_urlsafe(40)}\n-----END RSA PRIVATE KEY-----\n"
HIDDEN = (SECRET, TOKEN, PEM.splitlines()[1])
GOOD = {
    "bucket_name": "acme-media",
    "endpoint_url": "http://127.0.0.1:9",
    "region_name": "us-east-1",
    "access_key": "AKIAIOSFODNN7EXAMPLE",
    "secret_key": SECRET,
    "security_token": TOKEN,
}
WRONG: dict[str, dict[str, Any]] = {
    "nothing answers": {},
    "misspelt secret": {"secert_key": SECRET, "secret_key": None},
    "another tool's name": {"aws_secret_access_key": SECRET},
    "provider": {"provider": "acme"},
    "endpoint": {"endpoint_url": "not a url"},
    "endpoint without a host": {"endpoint_url": "https://"},
    "region": {"region_name": "no region at all"},
    "bucket": {"bucket_name": "No Bucket!"},
    "addressing": {"addressing_style": "sideways"},
    "signature": {"signature_version": "v99"},
    "certificate": {"verify": "/nowhere/ca.pem", "endpoint_url": "https://127.0.0.1:9"},
    "proxies": {"proxies": {"http": "nonsense://127.0.0.1:9", "https": 5}},
    "config": {"client_config": "none at all"},
    "profile": {"session_profile": "nobody", "access_key": None, "secret_key": None, "security_token": None},
    "CloudFront key": {"cloudfront_key_id": "K1", "cloudfront_key": PEM, "custom_domain": "cdn.example.com"},
    "CloudFront key in bytes": {
        "cloudfront_key_id": "K1",
        "cloudfront_key": PEM.encode(),
        "custom_domain": "a.example",
    },
    "transfer": {"transfer_config": "none at all"},
    "parameters": {"object_parameters": {"ContentType": 5, "Metadata": "no mapping"}},
    "expiry": {"querystring_expire": "soon"},
    "location": {"location": 5},
}
DEEDS: dict[str, Callable[[Any], Any]] = {
    "save": lambda storage: storage.save("a.txt", ContentFile(b"x")),
    "open": lambda storage: storage.open("a.txt").read(),
    "write": lambda storage: storage.open("a.txt", "wb").close(),
    "exists": lambda storage: storage.exists("a.txt"),
    "size": lambda storage: storage.size("a.txt"),
    "delete": lambda storage: storage.delete("a.txt"),
    "listdir": lambda storage: storage.listdir(""),
    "url": lambda storage: storage.url("a.txt"),
    "connection": lambda storage: storage.connection,
}


def told(error: BaseException) -> str:
    """Give all that an error page, a log and a traceback show of an error, without the frames of this file."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    error = error.with_traceback(trace)
    page = technical_500_response(RequestFactory().get("/"), type(error), error, trace).content.decode()
    plain = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    return "\n".join([page, plain, str(error), repr(error), json.dumps(repr(error.__dict__))])


def failures_of(storage_class: type, options: dict[str, Any]) -> dict[str, str]:
    """Try everything, and give what is told of each failure."""
    seen: dict[str, str] = {}
    for deed, do in DEEDS.items():
        try:
            do(storage_class(**options))
        except Exception as error:
            seen[deed] = told(error)
    return seen


# An error page looks for the project's views.
urlpatterns: list[Any] = []


@pytest.fixture(autouse=True)
def _project(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__


@pytest.fixture
def log() -> Any:
    """All that is logged, by any library, as it is formatted."""
    handler = logging.StreamHandler(io.StringIO())
    root = logging.getLogger()
    root.addHandler(handler)
    yield handler.stream
    root.removeHandler(handler)


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("fast", [True, False], ids=["fast", "sdk"])
def test_wrong_option_shows_no_secret(wrong: str, fast: bool, log: io.StringIO, monkeypatch: Any) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    seen = failures_of(MediaStorage, {**GOOD, "fast_lane": fast, **WRONG[wrong]})
    assert seen
    for deed, text in {**seen, "log": log.getvalue()}.items():
        assert [secret for secret in HIDDEN if secret in text] == [], deed


@pytest.mark.parametrize("wrong", ["misspelt secret", "endpoint", "provider", "CloudFront key", "region"])
def test_wrong_option_of_a_parent_shows_no_secret(wrong: str, log: io.StringIO) -> None:
    own = {**GOOD, "bucket_name": "own"}
    seen = failures_of(ForkedStorage, {**own, "parent": {**GOOD, **WRONG[wrong]}})
    assert seen
    for deed, text in {**seen, "log": log.getvalue()}.items():
        assert [secret for secret in HIDDEN if secret in text] == [], deed


@only("seaweedfs-http")
@pytest.mark.parametrize("fault", [wire.resets_before, wire.answers_500_before], ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("fast", [True, False], ids=["fast", "sdk"])
def test_network_failure_shows_no_secret(
    provider: Provider, bucket: str, fault: Any, fast: bool, log: io.StringIO
) -> None:
    secret = provider.keys.secret_key
    rules = [Rule(operation, fault, times=1000) for operation in ("PutObject", "GetObject", "HeadObject")]
    with FaultProxy(provider.endpoint_url, *rules) as proxy:
        storage = build_storage(provider.environ(bucket, AWS_S3_ENDPOINT_URL=proxy.url), fast_lane=fast)
        for deed in ("save", "open", "exists"):
            with pytest.raises(OSError) as caught:
                DEEDS[deed](storage)
            assert secret not in told(caught.value), deed
    assert secret not in log.getvalue()


def test_misspelt_option_is_named_with_the_one_that_is_meant() -> None:
    with pytest.raises(Exception, match="no option `secert_key`; did you mean `secret_key`"):
        MediaStorage(**{**GOOD, "secert_key": "x"})
