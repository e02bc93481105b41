"""A real nginx with the configuration of the how-to, which fetches files from a real store."""

from __future__ import annotations

import http.client
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import botocore
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.handlers.wsgi import WSGIHandler

from holdall.serving import accelerate, serve_files
from tests.contract import only
from tests.docs.pages import DOCS, blocks
from tests.servers import processes
from tests.servers.fault_proxy import Answer, FaultProxy, Rule, answers
from tests.serving.conftest import Serve

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
pytestmark = [
    only("seaweedfs-http"),
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed; on Debian: apt-get install nginx-light"),
]

CONFIGURATION = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
# One process: a worker would outlive a master that is killed.
master_process off;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {of_http}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{application};
            proxy_set_header Host testserver;
        }}
        {of_server}
    }}
}}
"""
CERTIFICATES = Path(botocore.__file__).with_name("cacert.pem")
TEXT = b"0123456789" * 10
SECRETS = ("Cookie", "Authorization")

Ask = Callable[..., tuple[int, dict[str, str], bytes]]


class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def ask(project: Any, urls: Serve, tmp_path: Path) -> Iterator[Ask]:
    """Ask nginx as a browser does; behind it is Django, and beside that the store."""
    urls(media=serve_files(allow=lambda request, name: "secret" not in name, by=accelerate))
    application = WSGIServer(("127.0.0.1", 0), Quiet)
    application.set_app(WSGIHandler())
    thread = threading.Thread(target=application.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    parts = {
        block.comment.removeprefix("nginx "): block.text
        for block in blocks(DOCS / "how-to" / "serve-private-files.md")
        if block.comment.startswith("nginx ")
    }
    port = processes.free_port()
    (tmp_path / "nginx.conf").write_text(
        CONFIGURATION.format(
            folder=tmp_path,
            port=port,
            application=application.server_port,
            of_http=parts["http"],
            # Another system has them elsewhere.
            of_server=parts["server"].replace("/etc/ssl/certs/ca-certificates.crt", str(CERTIFICATES)),
        )
    )
    server = processes.Server(
        [str(NGINX), "-p", str(tmp_path), "-e", "stderr", "-c", str(tmp_path / "nginx.conf")],
        folder=tmp_path,
        name="nginx",
    )

    def get(path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def is_ready() -> bool:
        try:
            return get("/nothing/")[0] == 404
        except OSError:
            return False

    try:
        server.wait_until(is_ready)
        yield get
    finally:
        server.stop()
        application.shutdown()
        thread.join()
        application.server_close()


def test_nginx_fetches_what_django_allows_and_shows_nothing_of_the_bucket(
    ask: Ask, bucket: str, proxy: FaultProxy
) -> None:
    save = storages["default"].save
    name = save("Ä paper+1 (%41).txt", ContentFile(TEXT))
    page = save("page.html", ContentFile(b"<script>alert(1)</script>"))
    save("secret.txt", ContentFile(b"secret"))
    path = "/media/%C3%84%20paper%2B1%20%28%2541%29.txt"
    assert name == "Ä paper+1 (%41).txt"
    proxy.exchanges.clear()

    status, headers, body = ask(path, Cookie="sessionid=1", Authorization="Bearer 1")

    assert (status, body) == (200, TEXT)
    assert headers["content-type"] == "text/plain"
    assert headers["content-disposition"].startswith("inline; filename=")
    assert headers["cache-control"] == "private, no-cache"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("sandbox;")
    # One request to the store, without what the visitor's browser keeps for the site.
    assert proxy.operations == ["GetObject"]
    assert [proxy.exchanges[0].header(secret) for secret in SECRETS] == [None, None]
    told = str(headers).lower()
    assert bucket not in told
    assert "x-amz-meta" not in told
    assert "x-holdall-url" not in told

    # What clients ask for in parts or on conditions.
    status, part, body = ask(path, Range="bytes=10-19")
    assert (status, part["content-range"], body) == (206, "bytes 10-19/100", TEXT[10:20])
    assert ask(path, Range="bytes=10-19", If_Range='"another"')[::2] == (200, TEXT)
    assert ask(path, Range="bytes=0-1,5-6")[::2] == (200, TEXT)
    assert ask(path, If_None_Match=headers["etag"])[0] == 304
    assert ask(path, If_Modified_Since=headers["last-modified"])[0] == 304
    status, head, body = ask(path, method="HEAD")
    assert (status, head["content-length"], body) == (200, "100", b"")
    # A page is a download.
    _, headers, _ = ask(f"/media/{page}")
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"] == 'attachment; filename="page.html"'
    # What is refused, and what is not there.
    assert ask("/media/secret.txt")[0] == 403
    status, headers, body = ask("/media/nothing.txt")
    assert (status, headers["cache-control"]) == (404, "no-store")
    assert bucket.encode() not in body
    # What the store says of a request that it refuses, and where it would lead to, names the bucket.
    for refused, asked in ((416, {"Range": "bytes=100-"}), (412, {"If_Match": '"another"'})):
        status, headers, body = ask(path, **asked)
        assert (status, headers["cache-control"], bucket.encode() in body) == (refused, "no-store", False)
        assert headers.get("content-range", "bytes */100") == "bytes */100"
    for code, shown in ((307, 503), (301, 503), (429, 503), (405, 404)):
        leads = Answer(code, (("Location", f"{proxy.url}/{bucket}/x"),), bucket.encode(), is_head=False)
        proxy._rules = (Rule("GetObject", answers(lambda request, leads=leads: leads)),)
        status, headers, body = ask(path)
        assert (status, headers.get("location"), bucket.encode() in body) == (shown, None, False)
    # Nobody but Django sends nginx there.
    assert ask("/_holdall/", X_Holdall_Url=f"{proxy.url}/{bucket}/secret.txt")[0] == 404
