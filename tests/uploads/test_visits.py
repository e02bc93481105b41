"""What visitors, sessions, forms and stores do besides: an upload is neither lost by it nor somebody else's."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from django import forms
from django.core.cache import cache

from holdall.errors import HoldallError, StoreUnreachable
from holdall.s3.connection import Connection
from holdall.uploads import tickets
from holdall.uploads.files import open_staged
from holdall.uploads.forms import DirectUploads
from holdall.uploads.owners import serving
from tests.contract import only
from tests.providers import Provider
from tests.servers.fault_proxy import Fault, FaultProxy, Request, resets_after
from tests.uploads.conftest import Browser, project
from tests.uploads.site.models import Letter
from tests.uploads.test_frameworks import request_of

pytestmark = only("seaweedfs-http")
TEXT = b"Dear Ada, this is a letter."
LONG = bytes(range(256)) * 1200


# -- sessions


@pytest.fixture
def visitor(site: Any, settings: Any) -> Browser:
    """Somebody who is not logged in, where everybody can upload."""
    settings.HOLDALL_UPLOADS = {"PERMISSION": lambda _request, _field: True}
    return Browser(0)


@pytest.mark.parametrize("engine", ["cache", "signed_cookies"])
def test_upload_outlives_a_login(visitor: Browser, settings: Any, engine: str) -> None:
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    token = visitor.token()
    begun, ticket = visitor.begin(token, TEXT), visitor.upload(token, TEXT)
    # Django gives the session another key, and keeps what is in it.
    visitor.client.get("/login/1")
    assert visitor.send(begun, TEXT).status == 200
    assert visitor.post("finish", ticket=begun["ticket"])[0] == 200
    assert visitor.post("begin", field=token, name="a.txt", size=3, type="")[0] == 201
    assert visitor.submit(title="x", letter=ticket)[0] == 200


def test_upload_outlives_a_new_key_of_the_session(browser: Browser) -> None:
    ticket = browser.upload(browser.token(), TEXT)
    # As after a change of one's own password.
    browser.client.get("/login/1")
    assert browser.submit(title="x", letter=ticket)[0] == 200


def test_two_pages_that_are_opened_at_once_both_work(browser: Browser) -> None:
    first, second = (request_of(browser) for _ in range(2))
    from tests.uploads.site.forms import PlainForm

    tokens = []
    for request in (first, second):
        with serving(request):
            tokens.append(PlainForm()["letter"].field.offer["upload"])  # type: ignore[attr-defined]  # of the direct upload's field
    for request in (first, second):
        request.session.save()
    assert all(browser.begin(token, TEXT) for token in tokens)


# -- forms


class PictureForm(DirectUploads, forms.ModelForm):
    """The picture can be cleared."""

    class Meta:
        model = Letter
        fields = ("picture",)


def test_file_is_kept_when_it_was_also_cleared(browser: Browser) -> None:
    letter = Letter(title="x", picture="pictures/old.png")
    with serving(request_of(browser)):
        offer = PictureForm(instance=letter)["picture"].field.offer  # type: ignore[attr-defined]  # of the direct upload's field
        ticket = browser.upload(offer["upload"], b"\x89PNG\r\n\x1a\n", name="a.png", kind="image/png")
        form = PictureForm({"picture": ticket, "picture-clear": "on"}, instance=letter)
        assert [one.code for one in form.errors.as_data()["picture"]] == ["contradiction"]
        assert f'value="{ticket}"' in form.as_p()


def test_disabled_field_offers_nothing_and_keeps_its_file(browser: Browser, site: Any) -> None:
    letter = Letter(title="x", picture="pictures/old.png")
    with serving(request_of(browser)):
        form = PictureForm({"picture": "anything"}, instance=letter)
        form.fields["picture"].disabled = True
        # Its file is not looked at again: there is none.
        assert "data-holdall-upload" not in form.as_p()
        assert form.cleaned_data["picture"].name == "pictures/old.png"


# -- what is saved


def test_visitor_is_told_why_a_save_is_refused(browser: Browser, site: Any, rows: None) -> None:
    ticket = browser.upload(browser.token("/letter", "file"), TEXT)
    # Two requests at the same moment: both have opened it when the first is saved.
    staging = open_staged(ticket).file.staging
    staging.spend(tickets.read_accepted(ticket).key)
    status, said = browser.submit("/letter", title="x", file=ticket)
    assert (status, said["html"]) == (410, "This upload was used already. Upload the file again.")
    assert Letter.objects.count() == 0


def test_file_is_read_and_saved_again_by_the_same_code(browser: Browser, site: Any) -> None:
    file = open_staged(browser.upload(browser.token(field="many"), LONG, name="a.bin", kind=""))
    first = site.save("first.bin", file)
    # To make a thumbnail, or for a second field.
    file.seek(200_000)
    assert file.read(10) == LONG[200_000:200_010]
    second = site.save("second.bin", file)
    file.close()
    assert file.open().read() == LONG
    for name in (first, second):
        with site.open(name) as saved:
            assert saved.read() == LONG
    empty = open_staged(browser.upload(browser.token(field="many"), b"", name="a.bin", kind=""))
    assert [site.save(f"{number}.bin", empty) for number in (1, 2)] == ["1.bin", "2.bin"]


def test_save_does_not_fail_because_the_cache_does(browser: Browser, site: Any) -> None:
    file = open_staged(browser.upload(browser.token(), TEXT))
    with mock.patch.object(type(cache._connections["default"]), "get", side_effect=OSError("no cache")):  # type: ignore[attr-defined]  # Django's cache, behind its proxy
        assert site.save("a.txt", file) == "a.txt"


def test_lost_answer_does_not_use_an_upload_up(settings: Any, provider: Provider, bucket: str, location: str) -> None:
    def fault(request: Request) -> Fault | None:
        is_note = request.method == "PUT" and request.target.endswith("/spent")
        return resets_after if is_note and proxy.faults == 0 else None

    with FaultProxy(provider.endpoint_url, choose=fault) as proxy:
        place = provider.environ(bucket, location=location, AWS_S3_ENDPOINT_URL=proxy.url)
        with project(settings, place) as site:
            browser = Browser(1)
            file = open_staged(browser.upload(browser.token(), TEXT))
            assert site.save("a.txt", file) == "a.txt"
            assert proxy.faults == 1


def test_failure_of_a_save_is_told_and_not_that_of_the_tidying(browser: Browser, site: Any) -> None:
    file = open_staged(browser.upload(browser.token(), TEXT))
    call = Connection.call

    def fails(self: Any, operation: str, **given: Any) -> Any:
        if operation in {"copy_object", "delete_object"}:
            raise StoreUnreachable(operation)
        return call(self, operation, **given)

    with mock.patch.object(Connection, "call", fails), pytest.raises(HoldallError, match="copy_object"):
        site.save("a.txt", file)
