"""Everything that somebody else, or the uploader himself, may try: each attempt is refused by the server or by the store."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import mock
from urllib.parse import quote

import pytest
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models.fields.files import FieldFile
from django.test import Client

import holdall
from holdall.errors import HoldallError
from holdall.s3.smuggling import UNSENT
from holdall.uploads import tickets
from holdall.uploads.refusals import UploadRefused
from tests.providers import Provider
from tests.uploads.attacks import ATTACKS, attack
from tests.uploads.conftest import Answer, Browser, form_body, send
from tests.uploads.site.models import Letter

TEXT = b"Dear Ada, this is a letter."


def key_of(site: Any, ticket: str, *, accepted: bool = True) -> str:
    """The key under which an upload waits."""
    read = tickets.read_accepted if accepted else tickets.read_ticket
    return f"{site._prefix('')}{read(ticket).key}"


def refusals(said: dict[str, Any], field: str = "letter") -> list[str]:
    """The codes of what a form says of a field."""
    return [one["code"] for one in said["errors"].get(field, [])]


def is_refused(answer: Answer) -> bool:
    return 400 <= answer.status < 500


# -- who


@attack("anonymous", "begin an upload without being logged in, with somebody's token", refused_by="server")
def test_anonymous_cannot_begin(browser: Browser) -> None:
    status, said = Browser(0).post("begin", field=browser.token(), name="a.txt", size=3, type="text/plain")
    assert (status, said["error"]) == (403, "forbidden")


@attack("anonymous", "get a token by opening the form", refused_by="server")
def test_anonymous_gets_no_token(browser: Browser) -> None:
    assert Browser(0).token() == ""


@attack("anonymous", "sign, list, finish or cancel somebody's upload", refused_by="server")
@pytest.mark.parametrize("what", ["sign", "parts", "finish", "cancel"])
def test_anonymous_cannot_go_on(browser: Browser, what: str) -> None:
    begun = browser.begin(browser.token(), TEXT)
    status, said = Browser(0).post(what, ticket=begun["ticket"])
    assert (status, said["error"]) == (403, "forbidden")


@attack("another user", "use a stolen field token", refused_by="server")
def test_another_user_cannot_begin(browser: Browser) -> None:
    status, said = Browser(2).post("begin", field=browser.token(), name="a.txt", size=3, type="text/plain")
    assert (status, said["error"]) == (403, "not_yours")


@attack("another user", "sign, list, finish or cancel with a stolen ticket", refused_by="server")
@pytest.mark.parametrize("what", ["sign", "parts", "finish", "cancel"])
def test_another_user_cannot_go_on(browser: Browser, what: str) -> None:
    begun = browser.begin(browser.token(), TEXT)
    assert browser.send(begun, TEXT).status < 300
    status, said = Browser(2).post(what, ticket=begun["ticket"])
    assert (status, said["error"]) == (403, "not_yours")
    assert browser.post("finish", ticket=begun["ticket"])[0] == 200


@attack("another user", "submit a stolen accepted ticket", refused_by="server")
def test_another_user_cannot_submit(browser: Browser) -> None:
    ticket = browser.upload(browser.token(), TEXT)
    status, said = Browser(2).submit(title="x", letter=ticket)
    assert (status, refusals(said)) == (400, ["not_yours"])
    # Nor is it shown how it is named.
    assert "letter.txt" not in said["html"] or ticket in said["html"]


@attack("another session", "use token and tickets in another session of the same user", refused_by="server")
def test_another_session_cannot_use_it(browser: Browser) -> None:
    token = browser.token()
    begun, ticket = browser.begin(token, TEXT), browser.upload(token, TEXT)
    other = Browser(1)
    assert other.post("begin", field=token, name="a.txt", size=3, type="text/plain")[1]["error"] == "not_yours"
    assert other.post("finish", ticket=begun["ticket"])[1]["error"] == "not_yours"
    assert refusals(other.submit(title="x", letter=ticket)[1]) == ["not_yours"]


@attack("another session", "use a visitor's token as another visitor, with sessions in cookies", refused_by="server")
def test_visitors_are_not_all_the_same(site: Any, settings: Any) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    settings.HOLDALL_UPLOADS = {"PERMISSION": lambda _request, _field: True}
    first, second = Browser(0), Browser(0)
    token = first.token()
    ticket = first.upload(token, TEXT)
    assert second.token()
    assert second.post("begin", field=token, name="a.txt", size=3, type="text/plain")[1]["error"] == "not_yours"
    assert refusals(second.submit(title="x", letter=ticket)[1]) == ["not_yours"]
    assert first.submit(title="x", letter=ticket)[0] == 200


@attack("another user", "log in where somebody else is logged in, and submit his ticket", refused_by="server")
def test_next_user_of_a_browser_cannot_submit(browser: Browser) -> None:
    ticket = browser.upload(browser.token(), TEXT)
    browser.client.get("/login/2")
    assert refusals(browser.submit(title="x", letter=ticket)[1]) == ["not_yours"]


@attack("another session", "submit what a visitor uploaded whose session has ended", refused_by="server")
@pytest.mark.parametrize("user", [0, 1])
def test_next_visitor_of_a_browser_cannot_submit(site: Any, settings: Any, user: int) -> None:
    settings.HOLDALL_UPLOADS = {"PERMISSION": lambda _request, _field: True}
    visitor = Browser(0)
    ticket = visitor.upload(visitor.token(), TEXT)
    visitor.client.session.flush()
    if user:
        visitor.client.get(f"/login/{user}")
    assert refusals(visitor.submit(title="x", letter=ticket)[1]) == ["not_yours"]


@attack("another field", "submit a ticket of a field with wider limits", refused_by="server")
def test_another_field_cannot_have_it(browser: Browser) -> None:
    ticket = browser.upload(browser.token(field="many"), b"x" * 10, name="program.exe", kind="")
    assert refusals(browser.submit(title="x", letter=ticket)[1]) == ["other_field"]


@attack("another form", "submit a ticket of another form's field of the same name", refused_by="server")
def test_another_form_cannot_have_it(browser: Browser) -> None:
    ticket = browser.upload(browser.token("/plain/OtherForm"), TEXT)
    assert refusals(browser.submit(title="x", letter=ticket)[1]) == ["other_field"]


@attack("another form", "submit a ticket of a plain form to a model's form", refused_by="server")
def test_model_form_cannot_have_it(browser: Browser, rows: None) -> None:
    ticket = browser.upload(browser.token(), TEXT)
    status, said = browser.submit("/letter", title="x", file=ticket)
    assert status == 400
    assert "for another field" in said["html"]


# -- again, and late


@attack("replay", "submit the same ticket a second time", refused_by="server")
def test_ticket_works_once(browser: Browser, site: Any, rows: None) -> None:
    ticket = browser.upload(browser.token("/letter", "file"), TEXT)
    assert browser.submit("/letter", title="1", file=ticket)[0] == 200
    status, said = browser.submit("/letter", title="2", file=ticket)
    assert status == 400
    assert "used already" in said["html"]
    assert Letter.objects.count() == 1


@attack("replay", "submit it many times at the same moment", refused_by="server")
def test_ticket_works_once_in_a_race(browser: Browser, site: Any) -> None:
    from holdall.uploads.files import open_staged

    ticket = browser.upload(browser.token(), TEXT)
    files = [open_staged(ticket) for _ in range(4)]

    def save(file: Any) -> str:
        try:
            return str(site.save("raced.txt", file))
        except UploadRefused as refused:
            return refused.reason

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(save, files))
    assert sorted(done) == ["raced.txt", "spent", "spent", "spent"]
    assert site.listdir("")[1] == ["raced.txt"]


@attack("replay", "upload the same bytes again with the old link, and submit the old ticket", refused_by="server")
def test_link_does_not_bring_a_spent_ticket_back(browser: Browser, site: Any) -> None:
    from holdall.uploads.files import open_staged

    begun = browser.begin(browser.token(), TEXT)
    browser.send(begun, TEXT)
    ticket = browser.post("finish", ticket=begun["ticket"])[1]["ticket"]
    site.save("once.txt", open_staged(ticket))
    browser.send(begun, TEXT)
    with pytest.raises(UploadRefused) as refused:
        site.save("twice.txt", open_staged(ticket))
    assert refused.value.reason == "spent"
    assert site.listdir("")[1] == ["once.txt"]


@attack("replay", "submit a ticket again whose field made a file of its own, a smaller picture", refused_by="server")
def test_ticket_works_once_where_a_field_makes_another_file(
    browser: Browser, site: Any, rows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Smaller(FieldFile):
        def save(self, name: str, content: Any, save: bool = True) -> None:
            super().save(name, ContentFile(content.read()[:3]), save)

    monkeypatch.setattr(Letter._meta.get_field("file"), "attr_class", Smaller)
    ticket = browser.upload(browser.token("/letter", "file"), TEXT)
    status, saved = browser.submit("/letter", title="x", file=ticket)
    assert status == 200
    assert site.size(saved["file"]) == 3
    assert browser.submit("/letter", title="x", file=ticket)[0] == 400
    assert Letter.objects.count() == 1


@attack("replay", "name one upload twice in a field of several files", refused_by="server")
def test_ticket_counts_once_in_a_field(browser: Browser) -> None:
    letter, ticket = browser.upload(browser.token(), TEXT), browser.upload(browser.token(field="many"), TEXT)
    status, form = browser.submit(title="x", letter=letter, many=[ticket, ticket])
    assert (status, len(form["many"])) == (200, 1)


@attack("expired", "use a field token, a ticket or an accepted ticket of yesterday", refused_by="server")
def test_old_texts_are_refused(browser: Browser, settings: Any) -> None:
    token = browser.token()
    begun, ticket = browser.begin(token, TEXT), browser.upload(token, TEXT)
    with mock.patch("django.core.signing.time.time", return_value=signing.time.time() + 24 * 3600 + 5):
        status, said = browser.post("begin", field=token, name="a.txt", size=3, type="text/plain")
        assert (status, said["error"]) == (410, "expired")
        assert browser.post("finish", ticket=begun["ticket"])[1]["error"] == "expired"
        assert refusals(browser.submit(title="x", letter=ticket)[1]) == ["expired"]


@attack("expired", "send a file with a link that has aged", refused_by="store")
def test_old_link_is_refused(browser: Browser) -> None:
    import time

    # The first upload of a process asks the store what it obeys, which must not be asked with a wrong clock.
    browser.begin(browser.token(), TEXT)
    with mock.patch("holdall.s3.staging.time.time", return_value=time.time() - 2 * 3600):
        begun = browser.begin(browser.token(), TEXT)
    assert is_refused(browser.send(begun, TEXT))
    status, fresh = browser.post("sign", ticket=begun["ticket"])
    assert status == 200
    assert browser.send({**begun, **fresh}, TEXT).status < 300


# -- what is sent


@attack("larger body", "send more bytes than were said", refused_by="store")
def test_larger_body_is_refused(browser: Browser) -> None:
    begun = browser.begin(browser.token(), TEXT)
    assert is_refused(browser.send(begun, TEXT + b"!"))
    assert browser.post("finish", ticket=begun["ticket"])[1]["error"] == "not_uploaded"


@attack("larger body", "say a length that the field does not take", refused_by="server")
def test_larger_size_is_refused(browser: Browser) -> None:
    status, said = browser.post("begin", field=browser.token(), name="a.txt", size=1_000_001, type="text/plain")
    assert (status, said["error"]) == (413, "too_large")


@attack("larger body", "send a longer file through the server, past the limit of all fields", refused_by="server")
def test_larger_file_through_the_server_is_refused(browser: Browser, settings: Any) -> None:
    settings.HOLDALL_UPLOADS = {"MAX_SIZE": 10}
    for content, code in ((b"short", []), (b"longer than ten", ["too_large"])):
        letter, many = SimpleUploadedFile("a.txt", b"short"), SimpleUploadedFile("a.txt", content)
        _, said = browser.submit(title="x", letter=letter, many=many)
        assert refusals({"errors": {}} | said, "many") == code


@attack("smaller body", "send fewer bytes than were said", refused_by="store")
def test_smaller_body_is_refused(browser: Browser) -> None:
    begun = browser.begin(browser.token(), TEXT)
    assert is_refused(browser.send(begun, TEXT[:-1]))
    assert browser.post("finish", ticket=begun["ticket"])[1]["error"] == "not_uploaded"


@attack("smaller body", "put another length into the staging area past the link", refused_by="server")
def test_other_length_is_noticed(browser: Browser, site: Any, provider: Provider, bucket: str) -> None:
    begun = browser.begin(browser.token(), TEXT)
    provider.client.put_object(Bucket=bucket, Key=key_of(site, begun["ticket"], accepted=False), Body=b"short")
    status, said = browser.post("finish", ticket=begun["ticket"])
    assert (status, said["error"]) == (409, "size_differs")


@attack("another content", "send other bytes than those whose digest was said", refused_by="store or server")
@pytest.mark.parametrize("kind", ["md5", "sha256"])
def test_other_content_than_its_digest_is_refused(browser: Browser, kind: str) -> None:
    digest = hashlib.new(kind, TEXT).hexdigest()
    begun = browser.begin(browser.token(), TEXT, **{kind: digest})
    sent = browser.send(begun, TEXT.swapcase())
    if not is_refused(sent):
        status, said = browser.post("finish", ticket=begun["ticket"])
        assert (status, said["error"]) == (409, "changed")
    begun = browser.begin(browser.token(), TEXT, **{kind: base64.b64encode(bytes.fromhex(digest)).decode()})
    assert browser.send(begun, TEXT).status < 300
    assert browser.post("finish", ticket=begun["ticket"])[0] == 200


@attack("another type", "begin with a name or a type that the field does not take", refused_by="server")
@pytest.mark.parametrize(
    ("name", "said"),
    [("a.exe", ""), ("a.txt", "text/html"), ("a.html", "text/plain"), ("a.pdf.svg", "application/pdf")],
)
def test_other_type_is_refused(browser: Browser, name: str, said: str) -> None:
    status, answer = browser.post("begin", field=browser.token(), name=name, size=3, type=said)
    assert (status, answer["error"]) == (415, "type_refused")


@attack("another type", "send another content type than the link is for", refused_by="store")
def test_other_content_type_is_refused_by_the_store(browser: Browser) -> None:
    begun = browser.begin(browser.token(), TEXT)
    if begun["method"] == "POST":
        body, headers = form_body(begun["fields"] | {"Content-Type": "text/html"}, TEXT)
        assert is_refused(send("POST", begun["url"], body, headers))
    else:
        assert is_refused(browser.send(begun, TEXT, {"content-type": "text/html"}))


@attack("HTML in disguise", "upload a page that is named as a document or a picture", refused_by="server")
@pytest.mark.parametrize(("field", "name"), [("letter", "letter.pdf"), ("picture", "photo.png")])
def test_page_in_disguise_is_refused(browser: Browser, field: str, name: str) -> None:
    page = b"<!DOCTYPE html><script>alert(1)</script>"
    kind = "application/pdf" if field == "letter" else "image/png"
    ticket = browser.upload(browser.token(field=field), page, name=name, kind=kind)
    values = {"title": "x", "letter": browser.upload(browser.token(), TEXT), field: ticket}
    assert refusals(browser.submit(**values)[1], field) == ["disguised"]


@attack(
    "HTML in disguise",
    "upload a page where every type is taken: it waits and is saved as a download",
    refused_by="server",
)
def test_page_is_never_shown(browser: Browser, site: Any, provider: Provider, bucket: str, rows: None) -> None:
    page = b"<!DOCTYPE html><script>alert(1)</script>"
    ticket = browser.upload(browser.token("/letter", "file"), page, name="page.html", kind="text/html")
    waiting = provider.client.head_object(Bucket=bucket, Key=key_of(site, ticket))
    assert waiting["ContentType"] == "application/octet-stream"
    _, saved = browser.submit("/letter", title="x", file=ticket)
    found = provider.client.head_object(Bucket=bucket, Key=site._key(saved["file"]))
    assert (found["ContentType"], found["ContentDisposition"]) == ("text/html", "attachment")


@attack("past the scanner", "send the file itself in place of a ticket", refused_by="server")
def test_file_that_came_through_the_server_is_scanned(browser: Browser, settings: Any) -> None:
    def scan(file: Any, _ticket: Any) -> None:
        if file.read() == b"evil":
            raise ValidationError("No.", code="infected")

    settings.HOLDALL_UPLOADS = {"SCAN": scan}
    assert refusals(browser.submit(title="x", letter=SimpleUploadedFile("a.txt", b"evil"))[1]) == ["infected"]
    assert browser.submit(title="x", letter=SimpleUploadedFile("a.txt", b"good"))[0] == 200


@attack(
    "headers that are smuggled in",
    "read another file by `x-amz-copy-source` beside a permitted PUT",
    refused_by="store",
)
def test_no_other_file_is_copied_in(browser: Browser, site: Any, bucket: str) -> None:
    secret = site.save("secret.txt", ContentFile(TEXT.swapcase()))
    source = {"x-amz-copy-source": quote(f"/{bucket}/{site._key(secret)}")}
    for body in (TEXT, b""):
        begun = browser.begin(browser.token(), TEXT)
        browser.send(begun, body, source)
        status, said = browser.post("finish", ticket=begun["ticket"])
        if status == 200:
            # A form's headers mean nothing.
            _, form = browser.submit(title="x", letter=said["ticket"])
            assert form["letter"][0]["text"] == TEXT.decode()


@attack("headers that are smuggled in", "the same with a part of a large file", refused_by="store")
def test_no_other_file_is_copied_into_a_part(browser: Browser, site: Any, bucket: str, settings: Any) -> None:
    settings.HOLDALL_UPLOADS = {"PARTS_FROM": 10}
    secret = site.save("secret.txt", ContentFile(TEXT.swapcase()))
    begun = browser.begin(browser.token(), TEXT)
    if "parts" not in begun:
        # Where the store obeys such headers, no links for parts are given.
        assert begun["method"] == "POST"
        return
    source = {"x-amz-copy-source": quote(f"/{bucket}/{site._key(secret)}")}
    for body in (TEXT, b""):
        for more in ({}, {"x-amz-copy-source-range": f"bytes=0-{len(TEXT) - 1}"}):
            assert is_refused(send("PUT", begun["parts"][0]["url"], body, source | more))


@attack("headers that are smuggled in", "publish, lock, tag or redirect the upload", refused_by="store")
@pytest.mark.parametrize("header", [one for one in UNSENT if one.startswith("x-amz-") and "copy" not in one])
def test_no_other_header_is_obeyed(browser: Browser, site: Any, provider: Provider, bucket: str, header: str) -> None:
    values = {"x-amz-acl": "public-read", "x-amz-tagging": "a=b", "x-amz-object-lock-mode": "GOVERNANCE"}
    values["x-amz-storage-class"] = "STANDARD"
    begun = browser.begin(browser.token(), TEXT)
    sent = browser.send(
        begun, TEXT, {header: values.get(header, "uri=http://acs.amazonaws.com/groups/global/AllUsers")}
    )
    assert is_refused(sent) or begun["method"] == "POST"
    assert provider.fetch_anonymously(bucket, key_of(site, begun["ticket"], accepted=False)).status in {403, 404}


@attack(
    "headers that are smuggled in",
    "have the file stored with an encoding, a disposition or a cache time",
    refused_by="store or server",
)
def test_smuggled_headers_do_not_survive(
    browser: Browser, site: Any, provider: Provider, bucket: str, rows: None
) -> None:
    begun = browser.begin(browser.token("/letter", "file"), TEXT)
    smuggled = {
        "content-encoding": "gzip",
        "content-disposition": "inline; filename=x.html",
        "cache-control": "max-age=9",
    }
    if is_refused(browser.send(begun, TEXT, smuggled)):
        return
    ticket = browser.post("finish", ticket=begun["ticket"])[1]["ticket"]
    _, saved = browser.submit("/letter", title="x", file=ticket)
    found = provider.client.head_object(Bucket=bucket, Key=site._key(saved["file"]))
    assert "ContentEncoding" not in found
    assert "ContentDisposition" not in found
    assert found.get("CacheControl") != "max-age=9"


# -- after it was looked at


@attack(
    "swapped after the check",
    "send other content with the same link, after the upload was finished",
    refused_by="store or server",
)
def test_content_is_not_swapped_by_the_link(browser: Browser) -> None:
    begun = browser.begin(browser.token(), TEXT)
    browser.send(begun, TEXT)
    ticket = browser.post("finish", ticket=begun["ticket"])[1]["ticket"]
    swapped = browser.send(begun, TEXT.swapcase())
    status, said = browser.submit(title="x", letter=ticket)
    if is_refused(swapped):
        assert said["letter"][0]["text"] == TEXT.decode()
    else:
        assert (status, refusals(said)) == (400, ["changed"])


@attack(
    "swapped after the check",
    "replace the content between the look and the copy, past all links",
    refused_by="store or server",
)
@pytest.mark.parametrize("length", [len(TEXT), 300_000])
@pytest.mark.parametrize("overwrites", [False, True], ids=["new", "overwriting"])
def test_content_is_not_swapped_before_the_copy(
    browser: Browser, site: Any, provider: Provider, bucket: str, length: int, overwrites: bool
) -> None:
    from holdall.uploads.files import open_staged

    good, evil = b"g" * length, b"e" * length
    ticket = browser.upload(browser.token(), good)
    file = open_staged(ticket)
    assert file.read(4) == b"gggg"
    provider.client.put_object(Bucket=bucket, Key=key_of(site, ticket), Body=evil)
    site.file_overwrite = overwrites
    try:
        name = site.save("swapped.txt", file)
    except HoldallError:
        assert not site.exists("swapped.txt")
    else:
        # What was read already is what is saved: the first block is in memory.
        assert length <= 64 * 1024
        with site.open(name) as saved:
            assert saved.read() == good


@attack("swapped after the check", "send a part again after the upload was finished", refused_by="store")
def test_part_is_not_swapped(browser: Browser, settings: Any) -> None:
    settings.HOLDALL_UPLOADS = {"PARTS_FROM": 10}
    begun = browser.begin(browser.token(), TEXT)
    if "parts" not in begun:
        return
    url = begun["parts"][0]["url"]
    assert send("PUT", url, TEXT).status == 200
    ticket = browser.post("finish", ticket=begun["ticket"])[1]["ticket"]
    assert is_refused(send("PUT", url, TEXT.swapcase()))
    assert browser.submit(title="x", letter=ticket)[1]["letter"][0]["text"] == TEXT.decode()


# -- where it goes


@attack("key injection and traversal", "begin with a name that leads elsewhere", refused_by="server")
@pytest.mark.parametrize(
    "name",
    ["../../secret.txt", "/etc/passwd.txt", "..\\..\\a.txt", "a/../../b.txt", ".holdall/owner.txt", "x\x00/../y.txt"],
)
def test_name_leads_nowhere(browser: Browser, site: Any, name: str) -> None:
    begun = browser.begin(browser.token(), TEXT, name=name)
    ticket = tickets.read_ticket(begun["ticket"])
    assert re.fullmatch(r"\.holdall/uploads/\d{4}-\d\d-\d\d/[0-9a-f]{32}/file", ticket.key)
    assert "/" not in ticket.name
    assert "\\" not in ticket.name


@attack("key injection and traversal", "begin with an invalid name", refused_by="server")
@pytest.mark.parametrize("name", ["", "..", "a/", "\n", ".holdall", "~", None, 7, ["a"], "\ud800"])
def test_no_name_is_refused(browser: Browser, name: Any) -> None:
    status, said = browser.post("begin", field=browser.token(), name=name, size=3, type="text/plain")
    assert (status, said["error"]) in {(400, "bad_name"), (400, "malformed")}


@attack("key injection and traversal", "send a form's file under another key", refused_by="store")
def test_form_takes_no_other_key_and_no_other_field(
    browser: Browser, site: Any, provider: Provider, bucket: str
) -> None:
    client = browser.client
    said = client.get(f"/uploads/companion/{browser.token()}/s3/params?filename=a.txt&type=text/plain").json()
    for key in ("stolen.txt", said["fields"]["key"] + "/../x", "${filename}", site._key("secret.txt")):
        body, headers = form_body(said["fields"] | {"key": key}, TEXT, name=site._key("secret.txt"))
        assert is_refused(send("POST", said["url"], body, headers))
    for field in ({"acl": "public-read"}, {"x-amz-meta-a": "b"}):
        body, headers = form_body(said["fields"] | field, TEXT)
        # SeaweedFS takes a field for an ACL, and obeys none.
        assert is_refused(send("POST", said["url"], body, headers)) or "acl" in field
        assert provider.fetch_anonymously(bucket, said["fields"]["key"]).status in {403, 404}


@attack("a part for another upload", "use the link of a part for another upload, number or key", refused_by="store")
def test_part_is_for_one_upload(browser: Browser, settings: Any) -> None:
    settings.HOLDALL_UPLOADS = {"PARTS_FROM": 10}
    token = browser.token()
    first, second = browser.begin(token, TEXT), browser.begin(token, TEXT)
    if "parts" not in first:
        return
    url, other = first["parts"][0]["url"], second["parts"][0]["url"]

    def id_of(link: str) -> str:
        return re.search(r"uploadId=([^&]+)", link)[1]  # type: ignore[index]  # a link of parts has one

    path, other_path = url.partition("?")[0], other.partition("?")[0]
    for changed in (
        url.replace(id_of(url), id_of(other)),
        url.replace("partNumber=1", "partNumber=2"),
        url.replace(path, other_path),
    ):
        assert changed != url
        assert is_refused(send("PUT", changed, TEXT))


@attack("a part for another upload", "ask for links of parts that the upload does not have", refused_by="server")
@pytest.mark.parametrize("numbers", [[0], [2], [-1], [10_001], ["1"], [1.0], [True], [], None, list(range(1, 200))])
def test_no_other_part_is_signed(browser: Browser, settings: Any, numbers: Any) -> None:
    settings.HOLDALL_UPLOADS = {"PARTS_FROM": 10}
    begun = browser.begin(browser.token(), TEXT)
    if "parts" not in begun:
        return
    status, said = browser.post("sign", ticket=begun["ticket"], parts=numbers)
    assert status == 400, said


@attack("completing another's upload", "finish with parts of another upload, or with missing ones", refused_by="server")
def test_upload_is_not_completed_with_other_parts(browser: Browser, settings: Any) -> None:
    settings.HOLDALL_UPLOADS = {"PARTS_FROM": 10}
    begun = browser.begin(browser.token(), TEXT)
    if "parts" not in begun:
        return
    wrong = [{"number": 1, "etag": '"0123456789abcdef0123456789abcdef"'}]
    assert browser.post("finish", ticket=begun["ticket"])[1]["error"] == "bad_parts"
    assert browser.post("finish", ticket=begun["ticket"], parts=wrong)[1]["error"] == "bad_parts"
    assert send("PUT", begun["parts"][0]["url"], TEXT).status == 200
    assert browser.post("finish", ticket=begun["ticket"], parts=wrong)[1]["error"] == "bad_parts"
    assert browser.post("finish", ticket=begun["ticket"])[0] == 200


@attack("completing another's upload", "finish, list or cancel another user's upload in parts", refused_by="server")
@pytest.mark.parametrize("what", ["sign", "parts", "finish", "cancel"])
def test_other_user_does_not_touch_an_upload_in_parts(browser: Browser, settings: Any, what: str) -> None:
    settings.HOLDALL_UPLOADS = {"PARTS_FROM": 10}
    begun = browser.begin(browser.token(), TEXT)
    status, said = Browser(2).post(what, ticket=begun["ticket"], parts=[1])
    assert (status, said["error"]) == (403, "not_yours")


@attack("completing another's upload", "use a ticket of Uppy's endpoints at the others, and back", refused_by="server")
def test_ticket_is_for_its_own_endpoints(browser: Browser, settings: Any) -> None:
    settings.HOLDALL_UPLOADS = {"PARTS_FROM": 10}
    token = browser.token(field="many")
    uppy = f"/uploads/companion/{token}/s3"
    made = browser.client.post(f"{uppy}/multipart", '{"filename": "a.txt"}', content_type="application/json").json()
    key = browser.client.get(f"{uppy}/params?filename=a.txt&type=text/plain").json()["fields"]["key"]
    for text in (made["uploadId"], "".join(key.partition(".holdall/")[2].split("/")[3:])):
        assert tickets.read_ticket(text).size is None
        for what in ("sign", "parts", "finish", "cancel"):
            status, said = browser.post(what, ticket=text, parts=[1])
            assert (status, said["error"]) == (403, "invalid_ticket")
    # A link for a part of any length, of an upload whose length was said.
    answer = browser.client.get(f"{uppy}/multipart/{browser.begin(token, TEXT)['ticket']}/1")
    assert (answer.status_code, answer.json()["error"]) == (403, "invalid_ticket")


# -- the endpoint as an oracle


@attack("signing oracle", "have another key, method or header signed by adding it to the request", refused_by="server")
def test_nothing_that_is_asked_for_is_signed(browser: Browser, site: Any) -> None:
    more = {
        "key": site._key("secret.txt"),
        "method": "DELETE",
        "headers": {"x-amz-acl": "public-read"},
        "acl": "public-read",
    }
    begun = browser.begin(browser.token(), TEXT, **more)
    assert begun["method"] in {"PUT", "POST"}
    assert "secret" not in json.dumps(begun)
    assert "x-amz-acl" not in begun["headers"]
    status, signed = browser.post("sign", ticket=begun["ticket"], **more)
    assert status == 200
    assert "secret" not in json.dumps(signed)


@attack("signing oracle", "use a link with another method, key or subresource", refused_by="store")
def test_link_is_for_one_request(browser: Browser, site: Any) -> None:
    begun = browser.begin(browser.token(), TEXT)
    assert browser.send(begun, TEXT).status < 300
    if begun["method"] == "POST":
        return
    url, headers = begun["url"], begun["headers"]
    for method in ("GET", "HEAD", "DELETE", "POST"):
        assert is_refused(send(method, url, b"", headers if method == "POST" else {}))
    secret = site._key(site.save("secret.txt", ContentFile(b"secret")))
    path = url.partition("?")[0]
    root = path[: path.index(site._prefix(""))]
    for changed in (
        url.replace(path, f"{root}{secret}"),
        url.replace("?", "?acl&", 1),
        url.replace("?", "?tagging&", 1),
    ):
        assert is_refused(send("PUT", changed, TEXT, headers))
    with site.open("secret.txt") as file:
        assert file.read() == b"secret"


@attack("signing oracle", "change a ticket, or pass off one kind for another", refused_by="server")
def test_forged_ticket_is_refused(browser: Browser) -> None:
    token = browser.token()
    begun, ticket = browser.begin(token, TEXT), browser.upload(token, TEXT)
    forged = [
        begun["ticket"][:-3] + "AAA",
        token,
        ticket,
        signing.dumps({"field": "x"}),
        "",
        "x" * 9000,
        # JSON can say half of a pair of surrogates, which no encoding has.
        "a.\ud800.b",
        None,
        7,
        {"a": 1},
        [],
    ]
    for text in forged:
        status, said = browser.post("finish", ticket=text)
        assert (status, said["error"]) == (403, "invalid_ticket")
    for text in (begun["ticket"], token):
        assert refusals(browser.submit(title="x", letter=text)[1]) == ["invalid_ticket"]
    assert browser.post("begin", field=begun["ticket"], name="a.txt", size=3, type="")[1]["error"] == "invalid_ticket"
    # A ticket that was begun, in the clothes of a companion's key.
    dressed = f".holdall/uploads/2026-01-01/{'0' * 32}/{begun['ticket']}"
    assert refusals(browser.submit(title="x", letter=dressed)[1]) == ["invalid_ticket"]


@attack("CSRF", "let a page of another site post to the endpoints", refused_by="server")
@pytest.mark.parametrize("what", ["begin", "sign", "parts", "finish", "cancel"])
def test_csrf_is_refused(browser: Browser, what: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = browser.client.cookies
    answer = strict.post(f"/uploads/{what}", "{}", content_type="application/json")
    assert answer.status_code == 403
    assert b"CSRF" in answer.content


@attack("CSRF", "let a page of another site use Uppy's endpoints", refused_by="server")
def test_csrf_by_uppys_endpoints_is_refused(browser: Browser) -> None:
    path = f"/uploads/companion/{browser.token()}/s3/multipart"
    answer = browser.client.post(
        path, '{"filename": "a.txt"}', content_type="text/plain", headers={"origin": "https://evil.example"}
    )
    assert (answer.status_code, answer.json()["error"]) == (403, "other_site")


@attack("CSRF", "ask an endpoint by GET", refused_by="server")
@pytest.mark.parametrize("what", ["begin", "sign", "parts", "finish", "cancel"])
def test_get_is_refused(browser: Browser, what: str) -> None:
    assert browser.client.get(f"/uploads/{what}").status_code == 405


# -- floods


@attack("a flood of tickets", "begin more uploads than a user may have open", refused_by="server")
def test_open_uploads_are_limited(browser: Browser, settings: Any) -> None:
    settings.HOLDALL_UPLOADS = {"MAX_OPEN": 3}
    token = browser.token()
    begun = [browser.begin(token, TEXT) for _ in range(3)]
    status, said = browser.post("begin", field=token, name="a.txt", size=3, type="text/plain")
    assert (status, said["error"]) == (429, "too_many")
    # Another user is another one; and what is cancelled counts no more.
    other = Browser(2)
    assert other.begin(other.token(), TEXT)
    assert browser.post("cancel", ticket=begun[0]["ticket"])[0] == 204
    assert browser.begin(token, TEXT)


@attack("a flood of tickets", "begin more in other sessions of the same user", refused_by="server")
def test_open_uploads_are_counted_for_the_user(browser: Browser, settings: Any) -> None:
    settings.HOLDALL_UPLOADS = {"MAX_OPEN": 2}
    other = Browser(1)
    browser.begin(browser.token(), TEXT)
    other.begin(other.token(), TEXT)
    status, said = browser.post("begin", field=browser.token(), name="a.txt", size=3, type="text/plain")
    assert (status, said["error"]) == (429, "too_many")


@attack("a flood of tickets", "cancel one upload again and again, to free the places of others", refused_by="server")
def test_cancelling_twice_frees_one_place(browser: Browser, settings: Any) -> None:
    settings.HOLDALL_UPLOADS = {"MAX_OPEN": 1}
    token = browser.token()
    first = browser.begin(token, TEXT)
    browser.post("cancel", ticket=first["ticket"])
    browser.begin(token, TEXT)
    browser.post("cancel", ticket=first["ticket"])
    status, said = browser.post("begin", field=token, name="a.txt", size=3, type="text/plain")
    assert (status, said["error"]) == (429, "too_many")


@attack("a flood of tickets", "begin, cancel, and send all the same, again and again", refused_by="store or server")
def test_cancelled_upload_is_not_sent_all_the_same(browser: Browser, settings: Any) -> None:
    settings.HOLDALL_UPLOADS = {"MAX_OPEN": 1}
    token = browser.token()
    begun = browser.begin(token, TEXT)
    for _ in range(2):
        assert browser.post("cancel", ticket=begun["ticket"])[0] == 204
    _, fresh = browser.post("sign", ticket=begun["ticket"])
    if is_refused(browser.send(begun | fresh, TEXT)):
        assert browser.begin(token, TEXT)
    else:
        status, said = browser.post("begin", field=token, name="a.txt", size=3, type="text/plain")
        assert (status, said["error"]) == (429, "too_many")


@attack("a flood of tickets", "begin faster than the project's throttle allows", refused_by="server")
def test_throttle_is_asked(browser: Browser, settings: Any) -> None:
    asked: list[Any] = []

    def throttle(request: Any, field: Any) -> float | None:
        asked.append(field)
        return 7.5 if len(asked) > 1 else None

    settings.HOLDALL_UPLOADS = {"THROTTLE": throttle}
    token = browser.token()
    assert browser.begin(token, TEXT)
    answer = browser.client.post(
        "/uploads/begin",
        json.dumps({"field": token, "name": "a.txt", "size": 3, "type": ""}),
        content_type="application/json",
    )
    assert (answer.status_code, answer["Retry-After"]) == (429, "8")
    assert asked[0].field.endswith("PlainForm:letter")


@attack("a flood of tickets", "send something other than JSON, or too much of it", refused_by="server")
@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"a": "' + b"x" * 1_100_000 + b'"}'])
def test_bodies_are_limited(browser: Browser, body: bytes) -> None:
    answer = browser.client.post("/uploads/begin", body, content_type="application/json")
    assert answer.status_code in {400, 403}


# -- the staging area


@attack("staging read in public", "read a waiting upload without a signature", refused_by="store")
def test_waiting_upload_is_not_public(browser: Browser, site: Any, provider: Provider, bucket: str) -> None:
    ticket = browser.upload(browser.token(), TEXT)
    key = key_of(site, ticket)
    provider.client.head_object(Bucket=bucket, Key=key)
    assert provider.fetch_anonymously(bucket, key).status in {403, 404}


@attack("staging listed", "find waiting uploads among the files", refused_by="server")
def test_waiting_upload_is_not_listed(browser: Browser, site: Any) -> None:
    browser.upload(browser.token(), TEXT)
    assert site.listdir("") == ([], [])


@attack("staging linked to", "have a link, a row or a file made of a key in the staging area", refused_by="server")
def test_staging_has_no_links(browser: Browser, site: Any) -> None:
    key = tickets.read_accepted(browser.upload(browser.token(), TEXT)).key
    for deed in (site.url, site.open, site.delete, site.size):
        with pytest.raises(HoldallError):
            deed(key)
    assert refusals(browser.submit(title="x", letter=key)[1]) == ["invalid_ticket"]


# -- other environments


@pytest.fixture
def moved(settings: Any) -> Callable[[dict[str, str]], None]:
    """Let the project run in another environment, with the same secret key and sessions."""

    def move(place: dict[str, str]) -> None:
        settings.STORAGES = holdall.from_env(place)

    return move


@attack(
    "a fork's ticket elsewhere", "use tickets of one environment in another of the same secret key", refused_by="server"
)
@pytest.mark.parametrize("change", ["location", "environment", "fork"])
def test_ticket_is_for_one_environment(
    browser: Browser, place: dict[str, str], location: str, moved: Callable[[dict[str, str]], None], change: str
) -> None:
    token = browser.token()
    begun, ticket = browser.begin(token, TEXT), browser.upload(token, TEXT)
    other = {
        "location": {"STORAGE_LOCATION": f"{location}-other"},
        "environment": {"STORAGE_ENVIRONMENT": "staging"},
        "fork": {"STORAGE_LOCATION": f"{location}-fork"} | {f"PARENT_{name}": value for name, value in place.items()},
    }[change]
    moved(place | other)
    status, said = browser.post("finish", ticket=begun["ticket"])
    assert (status, said["error"]) == (403, "other_store")
    assert browser.post("cancel", ticket=begun["ticket"])[1]["error"] == "other_store"
    assert refusals(browser.submit(title="x", letter=ticket)[1]) == ["other_store"]
    moved(place)
    assert browser.submit(title="x", letter=ticket)[0] == 200


def test_every_case_of_the_list_is_tried() -> None:
    assert {one.case for one in ATTACKS} >= {
        "anonymous", "another user", "another session", "another field", "another form", "replay", "expired", "larger body",
        "smaller body", "another type", "HTML in disguise", "swapped after the check", "key injection and traversal",
        "a part for another upload", "completing another's upload", "signing oracle", "CSRF", "a flood of tickets",
        "staging read in public", "staging listed", "staging linked to", "a fork's ticket elsewhere",
    }  # fmt: skip
