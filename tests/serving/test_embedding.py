"""Pages with many private files: who is asked for what."""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpResponseRedirect
from django.template import engines
from django.test import RequestFactory
from django.urls import include, path, re_path

from holdall.serving import media_url, serve, stream
from tests.contract import only
from tests.docs.pages import DOCS, blocks
from tests.providers import Provider
from tests.servers.fault_proxy import FaultProxy
from tests.serving.conftest import Paper, Serve, add, everybody

pytestmark = only("seaweedfs-http")

[PAGE] = [block.text for block in blocks(DOCS / "how-to" / "serve-private-files.md") if block.comment == "template"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]


def owns(request: Any, paper: Paper) -> bool:
    return bool(request.headers.get("X-Who") == paper.owner)


def request(who: str = "") -> Any:
    return RequestFactory().get("/", headers={"X-Who": who})


def shown(papers: Any, visitor: Any, settings: Any) -> list[str]:
    """Give the addresses of the pictures on the how-to's page, as this visitor's browser has them."""
    settings.TEMPLATES = TEMPLATES
    template = engines["django"].from_string(PAGE.replace("photo.image", "photo.file"))
    page = template.render({"photos": papers, "request": visitor})
    return [part.partition('"')[0].replace("&amp;", "&") for part in page.split('src="')[1:]]


def test_page_of_forty_pictures_asks_nobody_but_the_hook(
    project: Any, urls: Serve, client: Any, provider: Provider, proxy: FaultProxy, settings: Any
) -> None:
    urls(paper=serve(Paper, "file", allow=owns))
    name = add(b"picture", owner="ada").file.name
    for number in range(39):
        Paper.objects.create(owner="ada" if number % 2 else "eve", file=name)
    proxy.exchanges.clear()

    sources = shown(Paper.objects.order_by("pk"), request("ada"), settings)

    assert len(sources) == 40
    assert proxy.requests == []
    own = [source for source in sources if "X-Amz-Signature" in source]
    assert (len(own), len(set(own))) == (20, 1)
    assert provider.fetch(own[0]).body == b"picture"
    others = [source for source in sources if source not in own]
    assert all(source.startswith("/papers/") for source in others)
    assert {client.get(source).status_code for source in others} == {403}


@pytest.mark.parametrize("visitor", [None, request(), request("eve")], ids=["nobody", "anonymous", "another"])
def test_others_get_the_address_of_the_view(visitor: Any, project: Any, urls: Serve) -> None:
    urls(paper=serve(Paper, "file", allow=owns))
    paper = add()

    assert media_url(visitor, paper.file) == f"/papers/{paper.pk}/"


def refuses(request: Any, paper: Paper) -> bool:
    raise PermissionDenied


async def allows_asynchronously(request: Any, paper: Paper) -> bool:
    return True


@pytest.mark.parametrize("hook", [None, refuses, lambda request, paper: HttpResponseRedirect("/login/")])
def test_what_is_not_plainly_allowed_is_not_embedded(hook: Any, project: Any, urls: Serve) -> None:
    urls(paper=serve(Paper, "file", allow=hook))

    assert media_url(request(), add().file).startswith("/papers/")


def test_hook_that_is_a_coroutine_is_asked_where_it_can_be_waited_for(project: Any, urls: Serve) -> None:
    urls(paper=serve(Paper, "file", allow=allows_asynchronously))
    paper = add()

    assert "X-Amz-Signature" in media_url(request(), paper.file)

    async def within() -> str:
        return media_url(request(), paper.file)

    assert asyncio.run(within()) == f"/papers/{paper.pk}/"


def test_file_that_is_streamed_is_never_linked_to(project: Any, urls: Serve) -> None:
    urls(paper=serve(Paper, "file", allow=everybody, by=stream))
    paper = add()

    assert media_url(request(), paper.file) == f"/papers/{paper.pk}/"


def test_download_has_its_name_in_the_link(project: Any, urls: Serve) -> None:
    urls(paper=serve(Paper, "file", allow=everybody))

    assert "response-content-disposition=attachment" in media_url(request(), add().file, download_as="a.pdf")


def test_view_that_shows_files_goes_before_one_that_saves_them(project: Any, urls: Serve) -> None:
    urls(
        paper=serve(Paper, "file", allow=owns),
        extra=serve(Paper, "file", allow=everybody, download_as=lambda paper: "a.txt"),
    )
    paper = add()

    assert media_url(request("eve"), paper.file) == f"/papers/{paper.pk}/"


def test_view_of_a_model_counts_for_those_that_inherit_from_it(project: Any, urls: Serve) -> None:
    class Proxy(Paper):
        class Meta:
            proxy = True
            app_label = "holdall_papers"

    urls(paper=serve(Paper, "file", allow=owns))
    paper = Proxy.objects.get(pk=add().pk)

    assert media_url(request("eve"), paper.file) == f"/papers/{paper.pk}/"


def test_empty_field_has_no_address(project: Any, urls: Serve) -> None:
    urls(paper=serve(Paper, "file", allow=everybody))

    assert media_url(request(), Paper().file) == ""


def test_view_is_found_wherever_the_urlconf_has_it(project: Any, settings: Any) -> None:
    paper = add(owner="ada")
    view = serve(Paper, "file", allow=None)
    inner = ModuleType("inner")
    wrapped = _decorated(view)
    for patterns, address in (
        ([path("p/<int:pk>/", view)], f"/p/{paper.pk}/"),
        ([path("x/", include(([path("p/<int:pk>/", view, name="one")], "papers")))], f"/x/p/{paper.pk}/"),
        ([path("<str:owner>/", include([path("p/<int:pk>/", wrapped, name="one")]))], f"/ada/p/{paper.pk}/"),
        ([re_path(r"^re/(?P<id>\d+)/$", view, name="one")], f"/re/{paper.pk}/"),
    ):
        inner = ModuleType("inner")
        inner.urlpatterns = patterns  # type: ignore[attr-defined]  # a module of our own making
        settings.ROOT_URLCONF = inner
        assert media_url(request(), paper.file) == address


def _decorated(view: Any) -> Any:
    def wrapper(*arguments: Any, **given: Any) -> Any:
        return view(*arguments, **given)

    wrapper.__wrapped__ = view  # type: ignore[attr-defined]  # as functools.wraps does
    return wrapper


def test_field_without_a_view_is_told(project: Any, urls: Serve) -> None:
    urls(paper=serve(Paper, "file", allow=everybody))
    paper = Paper(extra="extra/a.txt")

    with pytest.raises(ImproperlyConfigured, match=r"No view serves holdall_papers\.Paper\.extra"):
        media_url(request(), paper.extra)
    serve(Paper, "extra", allow=None)
    with pytest.raises(ImproperlyConfigured, match="The URLconf does not have the view"):
        media_url(request(), paper.extra)
