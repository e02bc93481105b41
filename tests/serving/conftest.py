"""A project with papers that not everybody may read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection, models
from django.test import AsyncClient, Client
from django.urls import path

import holdall
from holdall.serving import views
from tests.providers import Provider
from tests.servers.fault_proxy import FaultProxy


class Paper(models.Model):
    """A document with an owner."""

    owner = models.CharField(max_length=20, default="ada")
    file = models.FileField(upload_to="papers")
    extra = models.FileField(upload_to="extra", blank=True)

    class Meta:
        app_label = "holdall_papers"

    def __str__(self) -> str:
        return str(self.file)


@pytest.fixture(autouse=True)
def _new_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the views of other tests."""
    monkeypatch.setattr(views, "_views", {})


@pytest.fixture
def papers(settings: Any, transactional_db: None) -> Iterator[type[Paper]]:
    """The table of papers."""
    with connection.schema_editor() as editor:
        editor.create_model(Paper)
    yield Paper
    with connection.schema_editor() as editor:
        editor.delete_model(Paper)


@pytest.fixture
def proxy(provider: Provider) -> Iterator[FaultProxy]:
    """What stands between the project and its store, and counts."""
    with FaultProxy(provider.endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def project(
    provider: Provider, bucket: str, location: str, proxy: FaultProxy, papers: Any, settings: Any
) -> dict[str, Any]:
    """A private store as the default, behind the proxy. Give its storages, as in settings."""
    settings.STORAGES = holdall.from_env(
        provider.environ(bucket, location=location, AWS_S3_ENDPOINT_URL=proxy.url, STORAGE_TIMEOUT="4s")
    )
    settings.ALLOWED_HOSTS = ["testserver"]
    return dict(settings.STORAGES)


@pytest.fixture
def hasten(project: dict[str, Any], settings: Any) -> Callable[[], None]:
    """Let the store have half a second for an answer, from now on."""

    def now() -> None:
        default = project["default"]
        settings.STORAGES = {**project, "default": {**default, "OPTIONS": {**default["OPTIONS"], "timeout": 0.5}}}

    return now


Serve = Callable[..., None]


@pytest.fixture
def urls(settings: Any) -> Serve:
    """Set the URLs of the project: patterns by their routes."""

    def set_to(**made: Any) -> None:
        module = ModuleType("urls_of_a_test")
        module.urlpatterns = [path(ROUTES[name], view, name=name) for name, view in made.items()]  # type: ignore[attr-defined]  # a module of our own making
        settings.ROOT_URLCONF = module

    return set_to


ROUTES = {"paper": "papers/<int:pk>/", "extra": "extra/<int:pk>/", "media": "media/<path:name>"}


def add(content: bytes = b"paper", name: str = "a.txt", **fields: Any) -> Paper:
    """Save a paper."""
    paper: Paper = Paper.objects.create(file=ContentFile(content, name=name), **fields)
    return paper


def everybody(request: Any, subject: Any) -> bool:
    return True


@pytest.fixture
def client(transactional_db: None) -> Iterator[Client]:
    """A browser; at the end, whatever was answered is closed, as a server does."""
    answers: list[Any] = []

    class Closing(Client):
        def request(self, **request: Any) -> Any:
            answers.append(super().request(**request))
            return answers[-1]

    yield Closing()
    for answer in answers:
        answer.close()


@pytest.fixture
def async_client(transactional_db: None) -> Iterator[AsyncClient]:
    """The same for the asynchronous side of Django."""
    answers: list[Any] = []

    class Closing(AsyncClient):
        async def request(self, **request: Any) -> Any:
            answers.append(await super().request(**request))
            return answers[-1]

    yield Closing()
    for answer in answers:
        answer.close()


def content(response: Any) -> bytes:
    """Read a streamed answer to its end, as a server does, and close it."""
    try:
        return b"".join(response)
    finally:
        response.close()
