"""The same uploads in the forms of others: Django's admin in both themes, Wagtail, and pages whose uploads are Uppy's."""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser import bundling, howto
from tests.browser.conftest import OpenPage, Site
from tests.browser.uploading import MIB, Gate, Traffic, field, ready, row, uploaded, write


def picture(folder: Path, name: str, colour: str = "teal") -> Path:
    path = folder / name
    Image.new("RGB", (640, 480), colour).save(path)
    return path


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_admin_takes_documents_and_pictures_of_inlines(
    open_page: OpenPage, site: Site, tmp_path: Path, theme: str
) -> None:
    page = open_page("/admin/site/report/add/", color_scheme=theme)
    traffic = Traffic(page)
    page.get_by_label("Title:").fill(f"In the {theme}")
    field(page).set_input_files(write(tmp_path, f"{theme}.txt", 5_000))
    # A form that the page makes of the formset's empty one.
    page.get_by_role("button", name="Add another Picture").click()
    field(page, "pictures-0-image").set_input_files(picture(tmp_path, f"{theme}.png"))
    uploaded(page, f"{theme}.txt", f"{theme}.png")
    # The widget has the colours of the theme: its text is the page's, light on dark or dark on light.
    colours = "([text, ground]) => [getComputedStyle(text).color, getComputedStyle(ground).backgroundColor]"
    name = row(page, f"{theme}.txt").locator(".holdall-name").element_handle()
    text, ground = page.evaluate(colours, [name, page.locator("body").element_handle()])
    assert (brightness(text) > brightness(ground)) is (theme == "dark")
    page.get_by_role("button", name="Save and continue editing").click()
    link = page.locator(".holdall-current a").first
    expect(link).to_contain_text("reports/")
    assert traffic.to_site == {"begin": 2, "finish": 2}

    # What is there can be replaced, or cleared.
    page.get_by_label("Clear").check()
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.locator(".field-document .holdall-current")).to_have_count(0)
    expect(page.locator(".field-image .holdall-current")).to_have_count(1)


def brightness(colour: str) -> int:
    return sum(int(part) for part in colour.partition("(")[2].rstrip(")").split(",")[:3])


def test_wagtail_takes_documents_and_pictures(open_page: OpenPage, site: Site, tmp_path: Path) -> None:
    page = open_page("/cms/documents/add/")
    traffic = Traffic(page)
    field(page, "file").set_input_files(write(tmp_path, "Annual report.txt", 5_000))
    uploaded(page, "Annual report.txt")
    # Wagtail makes the title of the file's name, as it does of a file that it gets itself.
    expect(page.get_by_role("textbox", name="Title")).to_have_value("Annual report")
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_text("Document 'Annual report' added.")).to_be_visible()

    page.goto(site.url("/cms/images/1/"))
    ready(page)
    # Wagtail shows what is there itself.
    expect(page.locator(".holdall-current")).to_have_count(0)
    field(page, "file").set_input_files(picture(tmp_path, "landscape.png"))
    uploaded(page, "landscape.png")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("updated")).to_be_visible()
    assert {"documents/Annual_report.txt", "original_images/landscape.png"} <= set(site.stored())
    assert traffic.to_site == {"begin": 2, "finish": 2}


def photo(folder: Path, name: str) -> Path:
    """A picture that is much longer than a ticket."""
    path = folder / name
    Image.frombytes("RGB", (160, 160), random.Random(name).randbytes(160 * 160 * 3)).save(path)
    return path


def wagtails_row(page: Page, name: str) -> Locator:
    return page.locator("#upload-list > li", has=page.locator(".left", has_text=name))


def post_ticket(page: Page, ticket: str) -> dict[str, object]:
    """Post a ticket as Wagtail's page for several files does, and give the answer."""
    answer: dict[str, object] = page.evaluate(
        """async (ticket) => {
            const body = new FormData(document.querySelector("form:has(#fileupload)"));
            body.set("files[]", new File([ticket], "posted.png", { type: "application/vnd.holdall.ticket" }));
            return (await fetch("", { method: "POST", body })).json();
        }""",
        ticket,
    )
    return answer


def test_wagtail_takes_several_pictures_at_once(open_page: OpenPage, site: Site, tmp_path: Path) -> None:
    page = open_page("/cms/images/multiple/add/")
    traffic, choose = Traffic(page), page.locator("#fileupload").set_input_files
    first = photo(tmp_path, "mountain view.png")
    copied = tmp_path / "copied.png"
    shutil.copy(first, copied)
    site.received()
    with page.expect_response("**/uploads/finish") as finished:
        choose(first)
    expect(wagtails_row(page, first.name)).to_have_class(re.compile("upload-success"))
    choose([copied, photo(tmp_path, "lake.png"), write(tmp_path, "letter.png", 50_000)])
    # What Wagtail says of each file, it goes on saying: success, a duplicate, what is no picture.
    expect(wagtails_row(page, "lake.png")).to_have_class(re.compile("upload-success"))
    expect(wagtails_row(page, "copied.png")).to_have_class(re.compile("upload-duplicate"))
    expect(wagtails_row(page, "letter.png").locator(".error_messages")).to_have_text(
        "The content of the file does not fit its name."
    )
    title = wagtails_row(page, first.name).get_by_role("textbox", name="Title")
    expect(title).to_have_value("mountain view")
    title.fill("A mountain")
    wagtails_row(page, first.name).get_by_role("button", name="Update").click()
    expect(wagtails_row(page, first.name)).to_have_count(0)
    assert traffic.to_site == {"begin": 4, "finish": 4}
    # The ticket is good for once, and for nobody else; what is none is no file either.
    ticket = finished.value.json()["ticket"]
    assert post_ticket(page, ticket) == {
        "success": False,
        "error_message": "This upload was used already. Upload the file again.",
    }
    assert post_ticket(page, "forged") == {
        "success": False,
        "error_message": "This upload is not valid. Reload the page and try again.",
    }
    assert post_ticket(open_page("/cms/images/multiple/add/", as_user="bob"), ticket) == {
        "success": False,
        "error_message": "This upload belongs to another session. Reload the page and try again.",
    }
    # The files have 77 kB; what is posted for each is a ticket.
    assert max(site.received().values()) < 10_000
    assert [site.read(f"original_images/{name}.png") for name in ("mountain_view", "copied")] == [
        first.read_bytes()
    ] * 2


def test_wagtail_takes_up_a_document_that_was_interrupted(open_page: OpenPage, site: Site, tmp_path: Path) -> None:
    page = open_page("/cms/documents/multiple/add/")
    page.on("dialog", lambda dialog: dialog.accept())
    traffic, choose = Traffic(page), page.locator("#fileupload").set_input_files
    gate = Gate(page, least_part=2)
    file = write(tmp_path, "atlas.bin", 9 * MIB)
    site.received()
    choose(file)
    expect(row(page, "atlas.bin").locator(".holdall-note")).to_contain_text("55%")
    page.reload()
    gate.open()
    expect(row(page, "atlas.bin")).to_have_attribute("data-state", "absent")
    # Projects make titles by this event of Wagtail's. Without one, Wagtail keeps the file until somebody writes it.
    page.evaluate(
        "document.addEventListener('wagtail:documents-upload', (event) => (event.detail.data.title = ''), {once: true})"
    )
    choose(file)
    wagtails_row(page, "atlas.bin").get_by_role("textbox", name="Title").fill("Atlas")
    wagtails_row(page, "atlas.bin").get_by_role("button", name="Update").click()
    expect(wagtails_row(page, "atlas.bin")).to_have_count(0)
    assert site.read("documents/atlas.bin") == file.read_bytes()
    assert traffic.parts.count(1) == 1
    assert traffic.to_site == {"begin": 1, "parts": 1, "sign": 1, "finish": 1}
    assert max(site.received().values()) < 10_000

    # It can be cancelled by the keyboard.
    held = Gate(page)
    choose(write(tmp_path, "unwanted.txt", 50_000))
    page.get_by_role("button", name="Cancel: unwanted.txt").press("Enter")
    expect(wagtails_row(page, "unwanted.txt")).to_have_count(0)
    held.open()

    # Where there is no ticket, the file goes through the server as before.
    page.route(
        "**/uploads/begin", lambda route: route.fulfill(status=403, json={"error": "forbidden", "message": "No."})
    )
    choose(write(tmp_path, "by the server.txt", 50_000))
    expect(wagtails_row(page, "by the server.txt")).to_have_class(re.compile("upload-success"))
    assert site.received()["/cms/documents/multiple/add/"] > 50_000
    names = site.stored()
    assert "documents/by_the_server.txt" in names
    assert [name for name in names if name.startswith("wagtail_uploads") or "unwanted" in name] == []


def test_form_of_the_how_to_uploads(open_page: OpenPage, site: Site, tmp_path: Path) -> None:
    file = write(tmp_path, "to ada.txt", 5_000)
    page = open_page("/letters/")
    traffic = Traffic(page)
    page.get_by_label("Subject").fill("A letter")
    field(page, "file").set_input_files(file)
    uploaded(page, "to ada.txt")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".holdall-file")).to_have_count(0)
    assert [site.read(name) for name in site.stored() if "to_ada" in name] == [file.read_bytes()]
    page.goto(site.url("/admin/letters/letter/add/"))
    field(page, "file").set_input_files(write(tmp_path, "admin.txt", 5_000))
    uploaded(page, "admin.txt")
    assert traffic.to_site == {"begin": 2, "finish": 2}


def test_api_of_the_how_to_takes_a_ticket(open_page: OpenPage, site: Site) -> None:
    page = open_page("/letters/")
    answer = page.evaluate(
        """async () => {
            const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
            const headers = { "Content-Type": "application/json", "X-CSRFToken": token };
            const post = async (url, body) =>
                (await fetch(url, { method: "POST", headers, body: JSON.stringify(body) })).json();
            const { upload, url } = await (await fetch("/letters/api/", { headers: { Accept: "application/json" } })).json();
            const begun = await post(`${url}begin`, { field: upload, name: "api.txt", size: 5, type: "text/plain" });
            await fetch(begun.url, { method: begun.method, headers: begun.headers, body: "bytes" });
            const { ticket } = await post(`${url}finish`, { ticket: begun.ticket });
            return post("/letters/api/", { subject: "By the API", file: ticket });
        }"""
    )
    assert answer["subject"] == "By the API"
    assert [site.read(name) for name in site.stored() if name.endswith("/api.txt")] == [b"bytes"]


@pytest.mark.skipif(not (bundling.NPM and bundling.NODE), reason=bundling.MISSING)
def test_stock_uppy_uploads_with_one_option(open_page: OpenPage, site: Site, tmp_path: Path) -> None:
    shutil.copy(bundling.uppy(), howto.bundle_of(site.folder))
    small = write(tmp_path, "uppy-small.txt", 5_000)
    # Beyond 100 MB, Uppy sends parts.
    large = write(tmp_path, "uppy-large.bin", 101 * MIB)
    page = open_page("/letters/uppy/")
    for file in (small, large):
        page.goto(site.url("/letters/uppy/"))
        page.locator("#files").set_input_files(file)
        page.locator("input[name=file]").wait_for(state="attached")
        page.get_by_role("button", name="Save").click()
        page.wait_for_url("**/letters/")
    sizes = {found["Key"].rpartition("/")[2]: found["Size"] for found in site.store.objects_in(site.bucket, "letters/")}
    assert sizes["uppy-small.txt"] == 5_000
    assert sizes["uppy-large.bin"] == 101 * MIB
