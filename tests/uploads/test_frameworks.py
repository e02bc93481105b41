"""The same fields in Django REST framework, in its schema, in the admin, in other storages and in a fork."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.contrib.admin.options import BaseModelAdmin
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory

import holdall
from holdall.s3.reading import ObjectReader
from holdall.uploads import checks, tickets
from holdall.uploads.admin import DirectUploads
from holdall.uploads.owners import serving
from tests.contract import only
from tests.uploads.conftest import Browser
from tests.uploads.site.models import Letter
from tests.uploads.site.users import User
from tests.uploads.test_journey import picture

pytestmark = only("seaweedfs-http")


def request_of(browser: Browser) -> Any:
    """A request as the browser's next one would be."""
    request: Any = RequestFactory().get("/")
    request.session, request.user = browser.client.session, User(1)
    return request


# -- Django REST framework


@pytest.fixture
def serializer_class(site: Any) -> Any:
    """A serializer with an upload field."""
    serializers = pytest.importorskip("rest_framework.serializers")
    from holdall.uploads.serializers import UploadField

    class LetterSerializer(serializers.Serializer):  # type: ignore[misc,name-defined]  # not typed
        file = UploadField(types=["text/plain"], max_size=1000)

    return LetterSerializer


def test_serializer_takes_a_ticket(browser: Browser, serializer_class: Any) -> None:
    from holdall.uploads.serializers import offers

    context = {"request": request_of(browser)}
    offer = offers(serializer_class(context=context))["file"]
    assert offer is not None
    assert (offer["url"], offer["max-size"]) == ("/uploads/", 1000)
    ticket = browser.upload(offer["upload"], b"by the API", name="a.txt")

    serializer = serializer_class(data={"file": ticket}, context=context)
    assert serializer.is_valid(), serializer.errors
    file = serializer.validated_data["file"]
    assert (file.name, file.read()) == ("a.txt", b"by the API")

    # Of another user it is none.
    other = request_of(Browser(2))
    other.user = User(2)
    serializer = serializer_class(data={"file": ticket}, context={"request": other})
    assert not serializer.is_valid()
    assert serializer.errors["file"][0].code == "not_yours"


def test_serializer_takes_a_file_as_ever(browser: Browser, serializer_class: Any) -> None:
    context = {"request": request_of(browser)}
    assert serializer_class(data={"file": SimpleUploadedFile("a.txt", b"file")}, context=context).is_valid()
    too_long = serializer_class(data={"file": SimpleUploadedFile("a.txt", b"x" * 1001)}, context=context)
    assert not too_long.is_valid()
    assert too_long.errors["file"][0].code == "too_large"


@pytest.mark.parametrize("scan", [None, lambda file, _ticket: file.close()])
def test_field_checks_a_file_by_itself(serializer_class: Any, settings: Any, scan: Any) -> None:
    from rest_framework import serializers

    from holdall.uploads.serializers import UploadField

    settings.HOLDALL_UPLOADS = {"SCAN": scan}
    file = SimpleUploadedFile("a.txt", b"file")
    assert UploadField().run_validation(file) is file
    assert serializers.ListField(child=UploadField()).run_validation([file])[0].read() == b"file"


def test_serializer_looks_at_pictures_as_forms_do(browser: Browser, serializer_class: Any) -> None:
    from rest_framework import serializers

    from holdall.uploads import schema
    from holdall.uploads.serializers import ImageUploadField, offers

    class PictureSerializer(serializers.Serializer):  # type: ignore[misc]  # the framework is not typed
        picture = ImageUploadField()

    context = {"request": request_of(browser)}
    offer = offers(PictureSerializer(context=context))["picture"]
    assert offer is not None
    assert offer["types"] == "image/*"
    assert schema.UploadFieldSchema._matches(PictureSerializer().fields["picture"])
    whole = picture()
    with mock.patch.object(ObjectReader, "readall", side_effect=AssertionError("it was read whole")):
        for content, code in ((whole, ""), (whole[:30], "invalid_image"), (b"<html>", "disguised")):
            ticket = browser.upload(offer["upload"], content, name="noise.png", kind="image/png")
            serializer = PictureSerializer(data={"picture": ticket}, context=context)
            assert serializer.is_valid() is not bool(code)
            assert [one.code for one in serializer.errors.get("picture", [])] == ([code] if code else [])


def test_serializer_tells_all_that_a_hook_says(browser: Browser, serializer_class: Any, settings: Any) -> None:
    def scan(_file: Any, _ticket: Any) -> None:
        raise ValidationError(["first", "second"])

    settings.HOLDALL_UPLOADS = {"SCAN": scan}
    data = {"file": SimpleUploadedFile("a.txt", b"file")}
    serializer = serializer_class(data=data, context={"request": request_of(browser)})
    assert not serializer.is_valid()
    assert serializer.errors["file"] == ["first", "second"]


def test_schema_says_ticket_or_file(serializer_class: Any) -> None:
    pytest.importorskip("drf_spectacular")
    from drf_spectacular.openapi import AutoSchema
    from drf_spectacular.settings import patched_settings

    from holdall.uploads import schema

    field = serializer_class().fields["file"]
    made: Any = schema.UploadFieldSchema(field)
    with patched_settings({"COMPONENT_SPLIT_REQUEST": True}):
        said = made.map_serializer_field(AutoSchema(), "request")
        assert [one["type"] for one in said["anyOf"]] == ["string", "string"]
        assert made.map_serializer_field(AutoSchema(), "response")["format"] == "uri"
    # One component for both directions: what a client may not send would be left out of what it sends.
    for direction in ("request", "response"):
        said = made.map_serializer_field(AutoSchema(), direction)
        assert said["type"] == "string"
        assert "readOnly" not in said
    assert schema.UploadFieldSchema._matches(field)


def test_serializer_takes_tickets_in_lists_and_inside(browser: Browser, serializer_class: Any) -> None:
    from rest_framework import serializers

    from holdall.uploads.serializers import UploadField, offers

    class ShelfSerializer(serializers.Serializer):  # type: ignore[misc]  # not typed
        letters = serializer_class(many=True)
        files = serializers.ListField(child=UploadField(types=["text/plain"]))

    context = {"request": request_of(browser)}
    found = offers(ShelfSerializer(many=True, context=context))
    assert list(found) == ["letters.file", "files"]
    sent = {name: browser.upload(offer["upload"], b"text") for name, offer in found.items() if offer}
    given = {"letters": [{"file": sent["letters.file"]}], "files": [sent["files"]]}
    serializer = ShelfSerializer(data=given, context=context)
    assert serializer.is_valid(), serializer.errors
    # One is not the other.
    given["files"] = [sent["letters.file"]]
    assert ShelfSerializer(data=given, context=context).is_valid() is False


# -- the admin


def test_admin_offers_direct_uploads(browser: Browser) -> None:
    class LetterAdmin(DirectUploads, BaseModelAdmin):  # type: ignore[type-arg]  # generic to the type checker alone
        def __init__(self) -> None:
            self.model, self.formfield_overrides = Letter, {}

    from django.forms import modelform_factory

    admin, request = LetterAdmin(), request_of(browser)

    def callback(field: Any, **options: Any) -> Any:
        return admin.formfield_for_dbfield(field, request, **options)

    form = modelform_factory(Letter, fields=("title", "file", "picture"), formfield_callback=callback)
    html = form().as_p()
    assert html.count("data-holdall-upload=") == 2
    offer = form()["file"].field.offer
    assert offer is not None
    assert tickets.read_field(offer["upload"]).field.startswith("letters.Letter.file@")

    ticket = browser.upload(offer["upload"], b"in the admin")
    bound = form({"title": "x", "file": ticket})
    assert bound.is_valid(), bound.errors
    assert bound.cleaned_data["file"].read() == b"in the admin"


# -- other storages


def test_field_of_another_storage_offers_none(browser: Browser, site: Any, tmp_path: Path) -> None:
    Letter._meta.get_field("file").storage = FileSystemStorage(tmp_path)
    assert browser.token("/letter", "file") == ""
    assert browser.token("/letter", "picture") != ""


def test_another_storage_reads_the_file_through(
    browser: Browser, site: Any, rows: None, tmp_path: Path, settings: Any
) -> None:
    """A project may take a file by one field and save it into a row of another storage."""
    from holdall.uploads.files import open_staged
    from holdall.uploads.refusals import UploadRefused

    ticket = browser.upload(browser.token(), b"to the disk")
    Letter._meta.get_field("file").storage = FileSystemStorage(tmp_path)
    letter = Letter.objects.create(title="x")
    letter.file = open_staged(ticket)
    # Nothing becomes of the file yet.
    letter.save(update_fields=["title"])
    assert open_staged(ticket).size == 11
    letter.save()
    assert (tmp_path / letter.file.name).read_bytes() == b"to the disk"
    with pytest.raises(UploadRefused) as refused:
        open_staged(ticket)
    assert refused.value.reason == "spent"


def test_compressing_storage_reads_the_file_through(
    place: dict[str, str], settings: Any, browser: Browser, rows: None
) -> None:
    settings.STORAGES = holdall.from_env(place, storages={"default": {"OPTIONS": {"gzip": True}}})
    from django.core.files.storage import storages

    storage: Any = storages["default"]
    for name in ("file", "picture"):
        Letter._meta.get_field(name).storage = storage
    content = b"compress me " * 20_000
    ticket = browser.upload(browser.token("/letter", "file"), content, name="a.css", kind="text/css")
    _, saved = browser.submit("/letter", title="x", file=ticket)
    with storage.open(saved["file"]) as file:
        assert file.read() == content
    assert storage.bucket.Object(storage._key(saved["file"])).content_encoding == "gzip"


def test_fork_takes_uploads_into_its_own_store(
    browser: Browser, site: Any, place: dict[str, str], location: str, settings: Any, rows: None
) -> None:
    own = place | {"STORAGE_LOCATION": f"{location}-fork"} | {f"PARENT_{name}": value for name, value in place.items()}
    settings.STORAGES = holdall.from_env(own)
    from django.core.files.storage import storages

    fork: Any = storages["default"]
    for name in ("file", "picture"):
        Letter._meta.get_field(name).storage = fork
    site.save("letters/taken.txt", ContentFile(b"the parent's"))
    ticket = browser.upload(browser.token("/letter", "file"), b"the fork's", name="a.txt")
    _, saved = browser.submit("/letter", title="x", file=ticket)
    with fork.open(saved["file"]) as file:
        assert file.read() == b"the fork's"
    assert not site.exists(saved["file"])


# -- what is missing


def test_checks_say_what_is_missing(site: Any, settings: Any) -> None:
    assert checks.check_uploads() == []
    settings.MIDDLEWARE = []
    settings.STORAGES = {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}}
    settings.ROOT_URLCONF = __name__
    assert [one.id for one in checks.check_uploads()] == ["holdall.U001", "holdall.U002", "holdall.U003"]


urlpatterns: list[Any] = []


def test_form_without_a_request_is_an_ordinary_one(site: Any) -> None:
    from tests.uploads.site.forms import LetterForm, PlainForm

    assert "data-holdall" not in LetterForm().as_p() + PlainForm().as_p()
    refused = PlainForm({"title": "x", "letter": "no ticket"})
    assert [one.code for one in refused.errors.as_data()["letter"]] == ["invalid_ticket"]


def test_form_can_be_given_its_request(browser: Browser) -> None:
    from tests.uploads.site.forms import LetterForm

    assert "data-holdall-upload" in LetterForm(request=request_of(browser)).as_p()
    with serving(request_of(browser)):
        assert "data-holdall-upload" in LetterForm().as_p()


def test_unknown_option_is_refused(site: Any, settings: Any) -> None:
    from django.core.exceptions import ImproperlyConfigured

    from holdall.uploads.options import options

    settings.HOLDALL_UPLOADS = {"MAX_SIZ": 3}
    with pytest.raises(ImproperlyConfigured, match="MAX_SIZ"):
        options()


# -- what it costs


def test_large_upload_costs_the_server_little(browser: Browser, site: Any, rows: None) -> None:
    """200 MB: to begin, to sign, to finish and to save take milliseconds of the server's CPU, for no byte passes."""
    token = browser.token("/letter", "file")
    content = bytes(16 * 1024**2)
    # The first of a process loads what later ones find.
    warm = browser.upload(token, content * 3, name="warm.bin", kind="")
    browser.submit("/letter", title="x", file=warm)
    from tests.uploads.conftest import send

    spent, began = 0.0, time.process_time()
    begun = browser.begin(token, _Length(200_000_000), name="film.bin", kind="")
    spent += time.process_time() - began
    for one in begun["parts"]:
        size = min(begun["part_size"], 200_000_000 - (one["number"] - 1) * begun["part_size"])
        assert send("PUT", one["url"], content[:size]).status == 200
    began = time.process_time()
    _, done = browser.post("finish", ticket=begun["ticket"])
    status, saved = browser.submit("/letter", title="x", file=done["ticket"])
    spent += time.process_time() - began
    assert status == 200
    assert site.size(saved["file"]) == 200_000_000
    print(json.dumps({"cpu_ms": round(spent * 1000, 1)}))
    # Fifty are promised of an idle machine.
    assert spent < 0.5


class _Length:
    """A content that nobody has to hold."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size
