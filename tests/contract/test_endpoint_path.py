"""An endpoint with a path: a real server below a path of a reverse proxy, and every kind of request through it."""

from __future__ import annotations

import http.client
import io
import urllib.parse
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.core.files.base import ContentFile

from holdall.errors import NameTaken
from tests.contract import only
from tests.providers import Provider
from tests.servers.fault_proxy import Answer, Exchange, FaultProxy
from tests.stores import build_storage

PATH = "/storage/v1/s3"
# Larger than one request may be, so that it is sent in parts.
LARGE = b"0123456789abcdef" * (600 * 1024)


def below_a_path(exchange: Exchange) -> None:
    """Pass on what is below the path, without it, and tell the server so: SeaweedFS checks signatures over the whole path.

    Of plain names alone: others it reads in another form. Those are held to the SDK's signature (`test_links.py`).

    https://github.com/seaweedfs/seaweedfs/blob/master/weed/s3api/auth_signature_v4.go (X-Forwarded-Prefix)
    """
    request = exchange.request
    if not request.target.startswith(f"{PATH}/"):
        exchange.answer(Answer(404, (("Content-Type", "text/plain"),), b"nothing here", request.method == "HEAD"))
        return
    headers = (*request.headers, ("X-Forwarded-Prefix", PATH))
    inner = replace(request, target=request.target.removeprefix(PATH), headers=headers)
    exchange.answer(exchange.proxy.ask(inner, inner.body))


@pytest.fixture
def proxy(provider: Provider) -> Iterator[FaultProxy]:
    with FaultProxy(provider.endpoint_url, choose=lambda _request: below_a_path) as running:
        yield running


@only("seaweedfs-http")
@pytest.mark.parametrize("lane", [True, False], ids=["fast", "sdk"])
def test_everything_works_below_a_path(
    lane: bool, proxy: FaultProxy, provider: Provider, bucket: str, location: str
) -> None:
    environ = provider.environ(bucket, location=location, AWS_S3_ENDPOINT_URL=f"{proxy.url}{PATH}/")
    storage: Any = build_storage(environ, fast_lane=lane)

    name = storage.save("folder/a-b.txt", ContentFile(b"content"))
    large = storage.save("large.bin", ContentFile(LARGE))
    assert storage.save(name, ContentFile(b"another")) != name
    with pytest.raises(NameTaken), storage.open(name, "xb") as file:
        file.write(b"never")
    with storage.open(name) as file:
        assert file.read() == b"content"
    assert (storage.size(large), storage.exists(name), storage.exists("missing.txt")) == (len(LARGE), True, False)
    assert len(storage.listdir("folder")[1]) == 2
    with storage.open(large) as file:
        copy = storage.save("copy.bin", file)
    assert provider.read(bucket, f"{location}/{copy}") == LARGE
    assert provider.fetch(storage.url(name)).body == b"content"
    storage.delete(name)
    storage.delete_many([large, copy])
    assert len(provider.keys_in(bucket, location)) == 1
    assert {target[: len(PATH)] for _, target in proxy.requests} == {PATH}


@only("seaweedfs-http")
def test_form_leads_below_the_path(proxy: FaultProxy, provider: Provider, bucket: str, location: str) -> None:
    storage: Any = build_storage(provider.environ(bucket, location=location, AWS_S3_ENDPOINT_URL=f"{proxy.url}{PATH}"))
    key = f"{location}/form.txt"
    form = storage.connection.meta.client.generate_presigned_post(bucket, key)
    assert form["url"] == f"{proxy.url}{PATH}/{bucket}"

    assert _posted(form["url"], form["fields"], b"by a form") in {200, 201, 204}

    assert provider.read(bucket, key) == b"by a form"


def _posted(url: str, fields: dict[str, str], content: bytes) -> int:
    edge = uuid.uuid4().hex
    body = io.BytesIO()
    for name, value in fields.items():
        body.write(f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
    body.write(f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'.encode())
    body.write(content + f"\r\n--{edge}--\r\n".encode())
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
    try:
        connection.request(
            "POST", parts.path, body.getvalue(), {"Content-Type": f"multipart/form-data; boundary={edge}"}
        )
        return connection.getresponse().status
    finally:
        connection.close()
