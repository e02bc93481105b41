"""A project with a store, and browsers that upload to it."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.core.files.storage import Storage
from django.db import connection
from django.test import Client

import holdall
from tests.providers import Provider
from tests.uploads.site.models import Letter


@pytest.fixture
def place(provider: Provider, bucket: str, location: str) -> dict[str, str]:
    """The environment of the project."""
    return provider.environ(bucket, location=location)


@pytest.fixture
def site(settings: Any, place: dict[str, str]) -> Iterator[Storage]:
    """The project, with its store as the default; gives the storage."""
    with project(settings, place) as storage:
        yield storage


@pytest.fixture
def public_site(settings: Any, provider: Provider, bucket: str, location: str) -> Iterator[Storage]:
    """The same with public files."""
    with project(settings, provider.environ(bucket, location=location, is_public=True)) as storage:
        yield storage


@contextmanager
def project(settings: Any, place: dict[str, str]) -> Iterator[Storage]:
    """Let the project run in an environment."""
    settings.INSTALLED_APPS = ["holdall", "holdall.uploads", "tests.uploads.site"]
    settings.MIDDLEWARE = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "tests.uploads.site.users.SessionUser",
        "holdall.uploads.middleware.UploadsMiddleware",
    ]
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    settings.ROOT_URLCONF = "tests.uploads.site.urls"
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.STORAGES = holdall.from_env(place)
    from django.core.files.storage import storages

    # Models keep their storage as it was when they were made.
    cache.clear()
    found = storages["default"]
    for name in ("file", "picture"):
        Letter._meta.get_field(name).storage = found
    yield found
    cache.clear()


@pytest.fixture
def rows(django_db_blocker: Any) -> Iterator[None]:
    """The table of the project's model, in memory. Transactions are real ones."""
    with django_db_blocker.unblock():
        with connection.schema_editor() as editor:
            editor.create_model(Letter)
        yield
        with connection.schema_editor() as editor:
            editor.delete_model(Letter)


class Answer:
    """What a store, or the project, answered."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def code(self) -> str:
        """The store's code for a failure."""
        found = re.search(rb"<Code>(.*?)</Code>", self.body)
        return found[1].decode() if found else ""


def send(method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
    """Send what a browser does: no redirect, no other header than a length."""
    parts = urlsplit(url)
    made = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
    try:
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        made.request(method, target, body, dict(headers or {}))
        response = made.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        made.close()


def form_body(fields: Mapping[str, str], content: bytes, *, name: str = "file.bin") -> tuple[bytes, dict[str, str]]:
    """Write what a browser sends for a form with one file, the file at its end."""
    boundary = "----holdall"
    body = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
        for field, value in fields.items()
    )
    body += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'.encode()
    body += b"Content-Type: application/octet-stream\r\n\r\n" + content + f"\r\n--{boundary}--\r\n".encode()
    return body, {"content-type": f"multipart/form-data; boundary={boundary}"}


class Browser:
    """A visitor with cookies: logged in as a user by its number, or (0) as nobody."""

    def __init__(self, user: int = 1) -> None:
        self.client = Client()
        if user:
            self.client.get(f"/login/{user}")

    def token(self, page: str = "/plain", field: str = "letter") -> str:
        """Open a page with a form, and give the token of one of its fields; "" if it has none."""
        html = self.client.get(page).content.decode()
        tag = next((one for one in re.findall(r"<input[^>]*>", html) if f'name="{field}"' in one), "")
        found = re.search(r'data-holdall-upload="([^"]+)"', tag)
        return found[1] if found else ""

    def post(self, what: str, **given: Any) -> tuple[int, dict[str, Any]]:
        """Ask an endpoint."""
        answer = self.client.post(f"/uploads/{what}", json.dumps(given), content_type="application/json")
        return answer.status_code, json.loads(answer.content or b"{}")

    def begin(
        self, token: str, content: bytes, *, name: str = "letter.txt", kind: str = "text/plain", **more: Any
    ) -> Any:
        """Begin an upload."""
        status, begun = self.post("begin", field=token, name=name, size=len(content), type=kind, **more)
        assert status == 201, begun
        return begun

    def send(self, begun: Mapping[str, Any], content: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a file as the answer of `begin` says."""
        if begun["method"] == "POST":
            body, needed = form_body(begun["fields"], content)
            return send("POST", begun["url"], body, {**needed, **(headers or {})})
        return send("PUT", begun["url"], content, {**begun["headers"], **(headers or {})})

    def upload(self, token: str, content: bytes, **given: Any) -> str:
        """Upload a file, and give the accepted ticket."""
        begun = self.begin(token, content, **given)
        if "parts" in begun:
            size = begun["part_size"]
            for one in begun["parts"]:
                piece = content[(one["number"] - 1) * size : one["number"] * size]
                assert send("PUT", one["url"], piece).status == 200
        else:
            assert self.send(begun, content).status in {200, 204}
        status, done = self.post("finish", ticket=begun["ticket"])
        assert status == 200, done
        return str(done["ticket"])

    def submit(self, page: str = "/plain", **values: Any) -> tuple[int, dict[str, Any]]:
        """Send a form."""
        answer = self.client.post(page, values)
        try:
            return answer.status_code, json.loads(answer.content)
        except ValueError:
            return answer.status_code, {"html": answer.content.decode()}


@pytest.fixture
def browser(site: Storage) -> Browser:
    """A visitor who is logged in as user 1."""
    return Browser(1)


MakeBrowser = Callable[[int], Browser]
