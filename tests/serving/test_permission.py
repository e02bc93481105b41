"""Who gets a file, and who does not."""

from __future__ import annotations

import asyncio
import functools
import urllib.parse
from types import ModuleType
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import path

from holdall.serving import redirect, serve, serve_files, stream
from tests.contract import only
from tests.providers import Provider
from tests.servers.fault_proxy import FaultProxy
from tests.serving.conftest import Paper, Serve, add, content, everybody

pytestmark = only("seaweedfs-http")
WAYS = [redirect, stream]


def owns(request: Any, paper: Paper) -> bool:
    return bool(request.headers.get("X-Who") == paper.owner)


async def owns_asynchronously(request: Any, paper: Paper) -> bool:
    await asyncio.sleep(0)
    return owns(request, paper)


class OwnsAsynchronously:
    async def __call__(self, request: Any, paper: Paper) -> bool:
        return await owns_asynchronously(request, paper)


HOOKS = [
    owns,
    owns_asynchronously,
    OwnsAsynchronously(),
    functools.partial(owns_asynchronously),
    # A coroutine that nothing tells to be one: it is true, whatever it comes to.
    lambda request, paper: owns_asynchronously(request, paper),
]


@pytest.mark.parametrize("hook", HOOKS, ids=["function", "coroutine", "object", "partial", "lambda"])
@pytest.mark.parametrize("is_async", [False, True], ids=["wsgi", "asgi"])
def test_file_goes_to_whom_the_hook_allows(
    hook: Any, is_async: bool, project: Any, urls: Serve, client: Any, async_client: Any
) -> None:
    urls(paper=serve(Paper, "file", allow=hook, by=redirect))
    paper = add(owner="ada")

    def ask(**headers: str) -> int:
        if is_async:
            return int(asyncio.run(async_client.get(f"/papers/{paper.pk}/", headers=headers)).status_code)
        return int(client.get(f"/papers/{paper.pk}/", headers=headers).status_code)

    assert ask(**{"X-Who": "ada"}) == 302
    assert ask(**{"X-Who": "eve"}) == 403
    assert ask() == 403


@pytest.mark.parametrize("way", WAYS)
def test_without_a_hook_nobody_is_allowed(way: Any, project: Any, urls: Serve, client: Any, caplog: Any) -> None:
    urls(paper=serve(Paper, "file", by=way), media=serve_files(by=way))
    paper = add()

    assert client.get(f"/papers/{paper.pk}/").status_code == 403
    assert client.get(f"/media/{paper.file.name}").status_code == 403
    assert "it has no `allow`" in caplog.text


def refuses(request: Any, subject: Any) -> bool:
    raise PermissionDenied


def hides(request: Any, subject: Any) -> bool:
    raise Http404


def sends_to_log_in(request: Any, subject: Any) -> Any:
    return HttpResponseRedirect("/login/")


def forgets(request: Any, subject: Any) -> Any:
    return None


def explains(request: Any, subject: Any) -> Any:
    return "This is not yours."


def forgets_to_call(request: Any, subject: Any) -> Any:
    return request.is_secure


def yields(request: Any, subject: Any) -> Any:
    yield False


HOOKS_THAT_REFUSE = [
    (refuses, 403),
    (hides, 404),
    (sends_to_log_in, 302),
    (forgets, 403),
    (explains, 403),
    (forgets_to_call, 403),
    (yields, 403),
]


@pytest.mark.parametrize(("hook", "status"), HOOKS_THAT_REFUSE)
def test_hook_answers_in_its_own_way(
    hook: Any, status: int, project: Any, urls: Serve, client: Any, proxy: FaultProxy
) -> None:
    urls(paper=serve(Paper, "file", allow=hook, by=stream))
    paper = add()
    proxy.exchanges.clear()

    response = client.get(f"/papers/{paper.pk}/")

    assert response.status_code == status
    assert response.get("Location", "/login/") == "/login/"
    # A CDN that kept it would refuse whoever can have the file.
    assert response["Cache-Control"] == "private, no-store"
    assert proxy.requests == []


def test_answer_of_the_hook_says_itself_who_can_keep_it(project: Any, urls: Serve, client: Any) -> None:
    urls(
        paper=serve(
            Paper, "file", allow=lambda request, paper: HttpResponse("soon", headers={"Cache-Control": "public"})
        )
    )

    assert client.get(f"/papers/{add().pk}/")["Cache-Control"] == "public"


@pytest.mark.parametrize("is_async", [False, True], ids=["wsgi", "asgi"])
def test_refusal_is_the_page_of_the_project(
    is_async: bool, project: Any, urls: Serve, settings: Any, client: Any, async_client: Any
) -> None:
    hook = owns_asynchronously if is_async else owns
    urls(paper=serve(Paper, "file", allow=hook), media=serve(Paper, "file", allow=hook))
    settings.ROOT_URLCONF.handler403 = lambda request, exception: HttpResponse("Ask Ada.", status=403)
    settings.ROOT_URLCONF.handler404 = lambda request, exception: HttpResponse("Nothing.", status=404)
    address = f"/papers/{add().pk}/"

    asked = [asyncio.run(async_client.get(one)) if is_async else client.get(one) for one in (address, "/papers/4711/")]

    assert [(one.status_code, one.content) for one in asked] == [(403, b"Ask Ada."), (404, b"Nothing.")]
    assert all(one["Cache-Control"] == "private, no-store" for one in asked)


def test_address_that_no_row_can_have_is_not_found(project: Any, settings: Any, client: Any) -> None:
    module = ModuleType("urls_with_text")
    module.urlpatterns = [path("papers/<str:pk>/", serve(Paper, "file", allow=everybody))]  # type: ignore[attr-defined]  # a module of our own making
    settings.ROOT_URLCONF = module

    assert client.get("/papers/ada/").status_code == 404
    assert client.get("/papers/%00/").status_code == 404
    assert client.get(f"/papers/{add().pk}/").status_code == 302


@pytest.mark.parametrize("way", WAYS)
def test_only_get_and_head_are_answered(way: Any, project: Any, urls: Serve, client: Any) -> None:
    urls(paper=serve(Paper, "file", allow=everybody, by=way))
    paper = add()

    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        response = client.generic(method, f"/papers/{paper.pk}/")
        assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("way", WAYS)
def test_what_is_not_there_is_not_found(way: Any, project: Any, urls: Serve, client: Any) -> None:
    urls(paper=serve(Paper, "file", allow=everybody, by=way), extra=serve(Paper, "extra", allow=everybody, by=way))
    paper = add()

    assert client.get("/papers/4711/").status_code == 404
    assert client.get("/papers/99999999999999999999999999/").status_code == 404
    # The row has no file there.
    assert client.get(f"/extra/{paper.pk}/").status_code == 404


def test_row_whose_file_is_gone_is_not_found(project: Any, urls: Serve, client: Any) -> None:
    urls(paper=serve(Paper, "file", allow=everybody, by=stream))
    paper = add()
    paper.file.storage.delete(paper.file.name)

    assert client.get(f"/papers/{paper.pk}/").status_code == 404


def test_queryset_bounds_what_can_be_asked_for(project: Any, urls: Serve, client: Any) -> None:
    urls(paper=serve(Paper.objects.filter(owner="ada"), "file", allow=everybody))
    own, others = add(owner="ada"), add(owner="eve")

    assert client.get(f"/papers/{own.pk}/").status_code == 302
    assert client.get(f"/papers/{others.pk}/").status_code == 404


def test_field_that_has_no_files_is_refused_at_once(project: Any) -> None:
    for field in ("owner", "nothing"):
        with pytest.raises(ImproperlyConfigured, match=f'"{field}"'):
            serve(Paper, field, allow=everybody)


# -- by name


@pytest.mark.parametrize("way", WAYS)
def test_names_lead_nowhere_but_into_the_folder(
    way: Any, project: Any, urls: Serve, client: Any, proxy: FaultProxy
) -> None:
    asked = []

    def hook(request: Any, name: str) -> bool:
        asked.append(name)
        return True

    urls(media=serve_files(folder="pictures/", allow=hook, by=way))
    storages["default"].save("secret.txt", ContentFile(b"secret"))
    storages["default"].save("pictures/ada.txt", ContentFile(b"ada"))
    proxy.exchanges.clear()

    for name in (
        "../secret.txt", "..%2Fsecret.txt", "%2e%2e/secret.txt", "..%5Csecret.txt", "x/../../secret.txt", "./ada.txt",
        "x//ada.txt", "/ada.txt", "..", ".", ".holdall/owner", "ada.txt/", "a%00b",
    ):  # fmt: skip
        assert client.get(f"/media/{name}").status_code in {400, 404}, name
    assert not any(request.target for request in proxy.exchanges if "secret" in request.target)
    assert client.get("/media/ada.txt").status_code in {200, 302}
    assert asked[-1] == "pictures/ada.txt"
    assert not any(".." in name for name in asked)


def test_redirect_is_kept_no_longer_than_its_link(project: Any, urls: Serve, client: Any, provider: Provider) -> None:
    urls(paper=serve(Paper, "file", allow=everybody))
    paper = add(b"the paper")

    response = client.get(f"/papers/{paper.pk}/")

    assert response.url == paper.file.url
    assert provider.fetch(response.url).body == b"the paper"
    kept = int(response["Cache-Control"].removeprefix("private, max-age="))
    assert 0 < kept <= 1_800
    assert {"Cookie", "Authorization"} <= set(response["Vary"].split(", "))


def test_head_of_a_redirect_leads_to_a_link_for_heads(
    project: Any, urls: Serve, client: Any, provider: Provider
) -> None:
    urls(paper=serve(Paper, "file", allow=everybody))
    paper = add(b"the paper")

    response = client.head(f"/papers/{paper.pk}/")

    assert response.status_code == 302
    answer = provider.fetch(response.url, method="HEAD")
    assert (answer.status, answer.headers["content-length"]) == (200, "9")


def test_redirect_makes_no_request(project: Any, urls: Serve, client: Any, proxy: FaultProxy) -> None:
    urls(paper=serve(Paper, "file", allow=everybody))
    paper = add()
    proxy.exchanges.clear()

    assert client.get(f"/papers/{paper.pk}/").status_code == 302

    assert proxy.requests == []


@pytest.mark.parametrize("way", WAYS)
def test_download_has_the_name_of_the_project(
    way: Any, project: Any, urls: Serve, client: Any, provider: Provider
) -> None:
    urls(paper=serve(Paper, "file", allow=everybody, by=way, download_as=lambda paper: f"Rechnung Nº {paper.pk}.txt"))
    paper = add(b"the paper")

    response = client.get(f"/papers/{paper.pk}/")

    told = (
        provider.fetch(response.url).headers["content-disposition"]
        if way is redirect
        else response["Content-Disposition"]
    )
    assert told.startswith("attachment; ")
    assert urllib.parse.unquote(told.partition("UTF-8''")[2]) == f"Rechnung Nº {paper.pk}.txt"
    if way is stream:
        assert content(response) == b"the paper"
