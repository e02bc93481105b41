"""Uploads from a real browser straight to the bucket: what happens to files, to networks and to people's minds."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

from playwright.sync_api import Page, Playwright, Route, expect

from tests.browser import chromium
from tests.browser.conftest import OpenPage, Site
from tests.browser.uploading import MIB, Gate, Traffic, answer_once, field, ready, row, uploaded, write

PART = 5 * MIB


def save(page: Page) -> dict[str, list[str]]:
    """Send the form, and give the names of the files that were saved, by the names that they had."""
    page.get_by_role("button", name="Save").click()
    return saved(page)


def saved(page: Page) -> dict[str, list[str]]:
    text = page.locator("#saved").text_content()
    assert text is not None
    found: dict[str, list[str]] = json.loads(text)
    return found


def test_one_file_goes_straight_to_the_bucket(open_page: OpenPage, site: Site, tmp_path: Path) -> None:
    file = write(tmp_path, "Report 7.pdf", 300_000)
    page = open_page("/report/")
    traffic = Traffic(page)
    posted: list[int] = []
    page.on(
        "request",
        lambda request: (
            posted.append(len(request.post_data_buffer or b"")) if request.is_navigation_request() else None
        ),
    )
    field(page).set_input_files(file)
    uploaded(page, "Report 7.pdf")
    names = save(page)["document"]
    assert len(names) == 1
    assert site.read(names[0]) == file.read_bytes()
    # One request to begin and one to finish, and the form carries a ticket.
    assert traffic.to_site == {"begin": 1, "finish": 1}
    assert traffic.to_bucket.total() == 1
    assert posted[0] < 10_000


def test_twenty_files_at_once(open_page: OpenPage, site: Site, tmp_path: Path) -> None:
    files = [write(tmp_path, f"picture-{number:02}.txt", 20_000 + number) for number in range(20)]
    page = open_page("/report/")
    field(page, "pictures").set_input_files(files)
    # Who listens hears about all of them once, and not twenty times.
    expect(page.get_by_role("status").filter(has_text="20 of 20 files uploaded")).to_have_count(1)
    names = save(page)["pictures"]
    assert sorted(len(site.read(name)) for name in names) == [20_000 + number for number in range(20)]


def test_large_file_goes_in_parts_of_which_django_sees_none(open_page: OpenPage, site: Site, tmp_path: Path) -> None:
    file = write(tmp_path, "film.bin", 200 * MIB)
    page = open_page("/report/")
    traffic = Traffic(page)
    # A clock that is hours ahead must not make every link look too old.
    page.evaluate("() => { const now = Date.now; Date.now = () => now() + 3 * 3600_000; }")
    field(page).set_input_files(file)
    uploaded(page, "film.bin")
    assert sorted(traffic.parts) == list(range(1, 41))
    assert traffic.to_site["begin"] == traffic.to_site["finish"] == 1
    assert traffic.to_site["sign"] == 0
    name = save(page)["document"][0]
    found = site.store.head(site.bucket, name)
    assert found["ContentLength"] == 200 * MIB
    with file.open("rb") as sent:
        for start in (0, PART - 20, 33 * MIB, 192 * MIB):
            sent.seek(start)
            piece = site.store.client.get_object(Bucket=site.bucket, Key=name, Range=f"bytes={start}-{start + 999}")
            assert piece["Body"].read() == sent.read(1000)


def test_killed_browser_continues_with_the_parts_that_are_missing(
    playwright: Playwright, site: Site, tmp_path: Path
) -> None:
    file = write(tmp_path, "lecture.bin", 6 * PART)
    profile = tmp_path / "profile"
    first = chromium.remembering(playwright, profile)
    page = first.new_page()
    page.goto(site.url("/enter/ada/?next=/report/"))
    ready(page)
    traffic = Traffic(page)
    gate = Gate(page, least_part=3)
    field(page).set_input_files(file)
    # Two parts arrive; the others are on their way when it happens.
    expect(row(page, "lecture.bin").locator("progress")).to_have_js_property("value", 2 / 6)
    assert sorted(traffic.parts)[:2] == [1, 2]
    assert gate.held
    # Chromium writes cookies down every half minute; this session would have been an hour old.
    cookies = first.cookies()
    kill(profile)

    second = chromium.remembering(playwright, profile)
    try:
        second.add_cookies(cookies)
        page = second.new_page()
        page.goto(site.url("/report/"))
        expect(row(page, "lecture.bin")).to_contain_text("Choose the same file again to continue")
        traffic = Traffic(page)
        field(page).set_input_files(file)
        uploaded(page, "lecture.bin")
        expect(page.locator(".holdall-file")).to_have_count(1)
        assert sorted(traffic.parts) == [3, 4, 5, 6]
        assert traffic.to_site["begin"] == 0
        assert site.read(save(page)["document"][0]) == file.read_bytes()
    finally:
        second.close()


def kill(profile: Path) -> None:
    """End the browser of a profile as a crash or an empty battery does."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        is_browser = not any(one.startswith(b"--type=") for one in arguments)
        if is_browser and f"--user-data-dir={profile}".encode() in arguments:
            os.kill(int(process.name), signal.SIGKILL)


def test_finished_upload_survives_a_reload(open_page: OpenPage, site: Site, tmp_path: Path) -> None:
    file = write(tmp_path, "kept.txt", 5_000)
    page = open_page("/report/")
    traffic = Traffic(page)
    field(page).set_input_files(file)
    uploaded(page, "kept.txt")
    page.reload()
    uploaded(page, "kept.txt")
    assert site.read(save(page)["document"][0]) == file.read_bytes()
    assert traffic.to_site["begin"] == 1
    # What was saved is not offered a second time.
    page.goto(site.url("/report/"))
    page.reload()
    ready(page)
    expect(page.locator(".holdall-file")).to_have_count(0)


def test_lost_network_is_waited_for(open_page: OpenPage, site: Site, tmp_path: Path) -> None:
    file = write(tmp_path, "train.bin", 4 * PART)
    page = open_page("/report/")
    gate = Gate(page, least_part=2)
    field(page).set_input_files(file)
    expect(row(page, "train.bin").locator("progress")).to_have_js_property("value", 1 / 4)
    page.context.set_offline(True)
    gate.open()
    expect(row(page, "train.bin")).to_contain_text("No connection; it continues by itself")
    expect(page.get_by_role("status").filter(has_text="No connection")).to_have_count(1)
    page.context.set_offline(False)
    uploaded(page, "train.bin")
    assert site.read(save(page)["document"][0]) == file.read_bytes()


def test_store_that_fails_or_throttles_is_asked_again(open_page: OpenPage, tmp_path: Path) -> None:
    file = write(tmp_path, "again.txt", 5_000)
    page = open_page("/report/")
    answered = answer_once(page, 503)
    field(page).set_input_files(file)
    uploaded(page, "again.txt")
    assert len(answered) == 1


def test_link_that_is_too_old_is_signed_again(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("/report/")
    for name, size in (("whole.txt", 5_000), ("parts.bin", 2 * PART)):
        traffic = Traffic(page)
        answered = answer_once(page, 403)
        field(page).set_input_files(write(tmp_path, name, size))
        uploaded(page, name)
        assert len(answered) == 1
        assert traffic.to_site["sign"] == 1
        page.unroute_all()


def test_pause_continue_and_focus_stays(open_page: OpenPage, site: Site, tmp_path: Path) -> None:
    file = write(tmp_path, "slow.bin", 4 * PART)
    page = open_page("/report/")
    gate = Gate(page, least_part=3)
    field(page).set_input_files(file)
    expect(row(page, "slow.bin").locator("progress")).to_have_js_property("value", 2 / 4)
    page.get_by_role("button", name="Pause: slow.bin").press("Enter")
    expect(row(page, "slow.bin")).to_have_attribute("data-state", "paused")
    expect(page.get_by_role("button", name="Continue: slow.bin")).to_be_focused()
    gate.open()
    traffic = Traffic(page)
    page.keyboard.press("Enter")
    uploaded(page, "slow.bin")
    assert sorted(traffic.parts) == [3, 4]
    # The button that had the focus is gone; its neighbour has it.
    expect(page.get_by_role("button", name="Remove: slow.bin")).to_be_focused()
    assert site.read(save(page)["document"][0]) == file.read_bytes()


def test_form_is_held_until_the_uploads_are_finished(open_page: OpenPage, site: Site, tmp_path: Path) -> None:
    file = write(tmp_path, "held.bin", 2 * PART)
    page = open_page("/report/")
    gate = Gate(page)
    field(page).set_input_files(file)
    expect(row(page, "held.bin")).to_have_attribute("data-state", "running")
    page.get_by_role("button", name="Save").click()
    held = page.locator(".holdall-held").filter(visible=True)
    expect(held).to_have_text("The form is sent as soon as everything is uploaded. Do not send it")
    page.get_by_role("button", name="Do not send it").click()
    expect(held).to_have_count(0)
    page.get_by_role("button", name="Save").click()
    gate.open()
    # Nobody presses the button a second time.
    assert site.read(saved(page)["document"][0]) == file.read_bytes()


def test_file_that_was_chosen_before_the_module_was_there_is_uploaded(
    open_page: OpenPage, site: Site, tmp_path: Path
) -> None:
    page = open_page("/")
    early = write(tmp_path, "early.txt", 5_000)
    held: list[Route] = []
    page.route(re.compile(r"/uploads[^/]*\.js"), lambda route: held.append(route))
    page.goto(site.url("/report/"), wait_until="commit")
    field(page).set_input_files(early)
    expect(page.locator(".holdall-upload[data-ready]")).to_have_count(0)
    for route in held:
        route.continue_()
    uploaded(page, "early.txt")
    assert [site.read(name) for name in save(page)["document"]] == [early.read_bytes()]


def test_copy_of_a_form_does_not_have_its_files(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("/report/")
    ready(page)
    field(page).set_input_files(write(tmp_path, "own.txt", 5_000))
    uploaded(page, "own.txt")
    # As what adds rows to a form does; browsers copy the chosen files too.
    page.evaluate("""() => {
        const root = document.querySelector("input[name=document]").closest(".holdall-upload");
        const copy = root.cloneNode(true);
        copy.id = "copy";
        root.after(copy);
    }""")
    expect(page.locator("#copy .holdall-zone")).to_have_count(1)
    expect(page.locator("#copy .holdall-file")).to_have_count(0)


def test_mind_is_changed(open_page: OpenPage, site: Site, tmp_path: Path) -> None:
    page = open_page("/report/")
    ready(page)
    wrong, right, extra = (write(tmp_path, name, 5_000) for name in ("wrong.txt", "right.txt", "extra.txt"))
    gate = Gate(page)
    field(page, "pictures").set_input_files(write(tmp_path, "endless.bin", 3 * PART))
    page.get_by_role("button", name="Cancel: endless.bin").click()
    expect(row(page, "endless.bin")).to_have_count(0)
    gate.open()
    # A field for one file takes the last one that was chosen.
    field(page).set_input_files(wrong)
    uploaded(page, "wrong.txt")
    field(page).set_input_files(right)
    uploaded(page, "right.txt")
    expect(row(page, "wrong.txt")).to_have_count(0)
    field(page, "pictures").set_input_files(wrong)
    uploaded(page, "wrong.txt")
    # What an ordinary input forgets, this one does.
    page.evaluate("document.querySelector('form').reset()")
    expect(page.locator(".holdall-file")).to_have_count(0)
    field(page).set_input_files(right)
    uploaded(page, "right.txt")
    field(page, "pictures").set_input_files([wrong, extra])
    uploaded(page, "wrong.txt", "extra.txt")
    page.get_by_role("button", name="Remove: wrong.txt").click()
    names = save(page)
    assert [site.read(name) for name in names["document"]] == [right.read_bytes()]
    assert [site.read(name) for name in names["pictures"]] == [extra.read_bytes()]


def test_dropped_and_pasted_files_are_taken(open_page: OpenPage, site: Site) -> None:
    page = open_page("/report/")
    ready(page)
    give = """([selector, type, name]) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([name.repeat(100)], name, { type: "text/plain" }));
        const how = { bubbles: true, cancelable: true, dataTransfer: transfer, clipboardData: transfer };
        const target = document.querySelector(selector);
        target.dispatchEvent(type === "paste" ? new ClipboardEvent(type, how) : new DragEvent(type, how));
    }"""
    # What the browser knows no type of, the server decides about by its name.
    accepted = """async () => {
        const { Field } = await import(document.querySelector("script[src*='holdall/uploads']").src);
        const accepts = (accept, name, type) => Field.prototype.accepts.call({ input: { accept } }, { name, type });
        const ofExcel = ["text/csv", "a.csv", "application/vnd.ms-excel"];
        const taken = [["image/*", "a.heic", ""], ["*/*", "a.txt", "text/plain"], ofExcel];
        const refused = [["image/*", "a.txt", "text/plain"], [".pdf", "a.heic", ""]];
        return [taken, refused].map((cases) => cases.map((one) => accepts(...one)));
    }"""
    assert page.evaluate(accepted) == [[True] * 3, [False] * 2]
    zone = ".holdall-upload:has([name=pictures]) .holdall-zone"
    root = page.locator(".holdall-upload", has=field(page, "pictures"))
    page.evaluate(give, [zone, "dragenter", "dropped.txt"])
    expect(root).to_have_attribute("data-over", "")
    page.evaluate(give, [zone, "drop", "dropped.txt"])
    expect(root).not_to_have_attribute("data-over", "")
    page.evaluate(give, [zone, "paste", "pasted.txt"])
    uploaded(page, "dropped.txt", "pasted.txt")
    contents = {site.read(name) for name in save(page)["pictures"]}
    assert contents == {b"dropped.txt" * 100, b"pasted.txt" * 100}


def test_refusal_is_told_in_the_language_of_the_page(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("/report/", locale="de-DE")
    field(page, "pictures").set_input_files(write(tmp_path, "big.txt", 3 * MIB))
    refused = row(page, "big.txt")
    expect(refused).to_have_attribute("data-state", "failed")
    expect(refused).to_contain_text("Die Datei ist zu groß.")
    # Its length does not change by another try.
    expect(page.get_by_role("button", name="Noch einmal versuchen: big.txt")).to_have_count(0)
    # The browser keeps the form, points to the input, and a screen reader reads why.
    pictures = field(page, "pictures")
    expect(pictures).to_have_attribute("aria-invalid", "true")
    note = refused.locator(".holdall-note").get_attribute("id")
    assert note in (pictures.get_attribute("aria-describedby") or "").split()
    assert pictures.evaluate("input => input.validationMessage") == "big.txt: Die Datei ist zu groß."
    page.get_by_role("button", name="Entfernen: big.txt").click()
    assert pictures.evaluate("input => input.validity.valid")


def test_refused_form_keeps_the_uploads(open_page: OpenPage, site: Site, tmp_path: Path) -> None:
    file = write(tmp_path, "once.txt", 5_000)
    page = open_page("/report/")
    traffic = Traffic(page)
    field(page).set_input_files(file)
    uploaded(page, "once.txt")
    page.get_by_label("Title").fill("refused")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Another title, please.")).to_be_visible()
    uploaded(page, "once.txt")
    page.get_by_label("Title").fill("accepted")
    assert site.read(save(page)["document"][0]) == file.read_bytes()
    assert traffic.to_site == {"begin": 1, "finish": 1}


def test_keyboard_is_enough(open_page: OpenPage, site: Site, tmp_path: Path) -> None:
    file = write(tmp_path, "keys.txt", 5_000)
    page = open_page("/report/")
    # Long before the key: the browser would open a picker of its own until it has heard of this.
    page.on("filechooser", lambda chooser: chooser.set_files(file))
    ready(page)
    page.get_by_label("Title").focus()
    page.keyboard.press("Tab")
    expect(field(page)).to_be_focused()
    page.keyboard.press("Enter")
    uploaded(page, "keys.txt")
    expect(field(page)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Remove: keys.txt")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Save")).to_be_focused()
    page.keyboard.press("Enter")
    assert site.read(saved(page)["document"][0]) == file.read_bytes()


def test_form_works_without_javascript(open_page: OpenPage, site: Site, tmp_path: Path) -> None:
    file, other = write(tmp_path, "plain.txt", 5_000), write(tmp_path, "other.txt", 6_000)
    page = open_page("/report/", java_script_enabled=False)
    field(page).set_input_files(file)
    field(page, "pictures").set_input_files([file, other])
    names = save(page)
    assert [site.read(name) for name in names["document"]] == [file.read_bytes()]
    assert {site.read(name) for name in names["pictures"]} == {file.read_bytes(), other.read_bytes()}


def test_unreachable_bucket_leaves_small_files_to_the_form(open_page: OpenPage, site: Site, tmp_path: Path) -> None:
    file = write(tmp_path, "firewall.txt", 5_000)
    page = open_page("/report/")
    page.route(re.compile(r"/\.holdall/"), lambda route: route.abort())
    field(page).set_input_files(file)
    expect(row(page, "firewall.txt")).to_contain_text("Will be sent with the form")
    assert site.read(save(page)["document"][0]) == file.read_bytes()


def test_form_that_was_added_later_is_taken_over(open_page: OpenPage, site: Site, tmp_path: Path) -> None:
    file = write(tmp_path, "later.txt", 5_000)
    page = open_page("/report/")
    ready(page)
    page.evaluate(
        """async () => {
            const text = await (await fetch("/report/")).text();
            const form = new DOMParser().parseFromString(text, "text/html").querySelector("form");
            document.querySelector("form").replaceWith(form);
            // An input can be somewhere else than its form.
            form.id = "later";
            const input = form.querySelector("[name=document]");
            input.setAttribute("form", form.id);
            form.after(input.closest(".holdall-upload"));
        }"""
    )
    ready(page)
    field(page).set_input_files(file)
    uploaded(page, "later.txt")
    assert site.read(save(page)["document"][0]) == file.read_bytes()
