"""The demo as a visitor and its operator meet it: started by its script, seen by HTTP, stopped by a signal."""

from __future__ import annotations

import html
import http.cookiejar
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import tomllib
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from demo.gallery.images import SUFFIXES, ImageFacts, NotAPhotograph, inspect_image
from demo.gallery.links import signed_until, without_signature
from demo.project.environment import fill_in
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from tests.browser import chromium
from tests.servers import processes

DEMO = Path(__file__).resolve().parents[2] / "demo"
PHOTOGRAPHS = DEMO / "photographs"
SHIPPED = tomllib.loads((PHOTOGRAPHS / "photographs.toml").read_text(encoding="utf-8"))["photograph"]
CONTRACT = ("STORAGE", "AWS_", "DO_", "PUBLIC_", "PARENT_", "BUILD_MODE", "DJANGO_", "DEMO_")

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="the embedded server does not run on Windows")


@dataclass
class Demo:
    """A running demo and all that it printed so far."""

    process: subprocess.Popen[str]
    mark: str
    lines: list[str] = field(default_factory=list)

    @property
    def printed(self) -> str:
        return "".join(self.lines)

    @property
    def address(self) -> str:
        return re.search(r"Gallery +(http://\S+)", self.printed)[1]

    @property
    def endpoints(self) -> set[str]:
        return set(re.findall(r"Public .* at (http://\S+)|Private .* at (http://\S+)", self.printed)[0]) - {""}

    def stop(self, number: int) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(60)
        self.lines += self.process.stdout.readlines()
        self.process.stdout.close()
        return code


def start(folder: Path, *, port: int, environment: dict[str, str] | None = None) -> Demo:
    """Start the demo, and return when it waits for visitors or has ended."""
    mark = uuid.uuid4().hex
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(CONTRACT)}
    process = processes.start(
        [sys.executable, str(DEMO / "run.py"), "--folder", str(folder), "--port", str(port), "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**inherited, "MARK_OF_THIS_TEST": mark, "DEMO_LARGEST_MB": "20", **(environment or {})},
    )
    demo = Demo(process, mark)
    arriving: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        while line := process.stdout.readline():
            arriving.put(line)
            if "Ctrl-C" in line:
                return
        arriving.put("")

    threading.Thread(target=read, daemon=True).start()
    while line := arriving.get(timeout=90):
        demo.lines.append(line)
        if "Ctrl-C" in line:
            break
    return demo


def answers(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port), timeout=2).close()
    except OSError:
        return False
    return True


def processes_of(demo: Demo, folder: Path) -> list[str]:
    """Return what still runs on behalf of a demo: started by it, working in its folder, or called with it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            surroundings = (process / "environ").read_bytes().decode(errors="replace")
            works_in = str((process / "cwd").readlink())
        except OSError:
            continue
        if demo.mark in surroundings or str(folder) in command or works_in.startswith(str(folder)):
            found.append(f"{process.name} {command}")
    return found


class Visitor:
    """A browser without a window: it keeps cookies and sends forms."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.cookies)
        )

    def get(self, path: str) -> str:
        with self.opener.open(self.address + path.lstrip("/"), timeout=30) as response:
            return response.read().decode()

    def post(self, path: str, fields: dict[str, str], *files: tuple[str, bytes]) -> tuple[int, str]:
        """Send a form as a browser does, and return status and page; redirects are followed."""
        page = self.get("/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
        edge, body = uuid.uuid4().hex, b""
        for name, value in {"csrfmiddlewaretoken": token, **fields}.items():
            body += f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, content in files:
            head = f'Content-Disposition: form-data; name="photographs"; filename="{name}"'
            body += f"--{edge}\r\n{head}\r\nContent-Type: image/jpeg\r\n\r\n".encode() + content + b"\r\n"
        request = urllib.request.Request(
            self.address + path.lstrip("/"),
            data=body + f"--{edge}--\r\n".encode(),
            headers={"Content-Type": f"multipart/form-data; boundary={edge}"},
        )
        try:
            with self.opener.open(request, timeout=60) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()


@dataclass(frozen=True)
class Card:
    """One photograph as the gallery shows it."""

    title: str
    page: str
    link: str
    alternative: str
    text: str


def cards(page: str) -> dict[str, Card]:
    """Read the photographs of a gallery page, by title."""
    found = {}
    for item in re.findall(r'<li class="card">(.*?)</li>', page, re.DOTALL):
        image = re.search(r'<img src="([^"]+)" alt="([^"]+)"', item)
        heading = re.search(r'<h2><a href="([^"]+)">([^<]+)</a>', item)
        text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", item)).split())
        card = Card(html.unescape(heading[2]), heading[1], *map(html.unescape, image.groups()), text)
        found[card.title] = card
    return found


def fetch(url: str) -> tuple[int, bytes]:
    """Fetch a link as a stranger without cookies."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=30) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read()


def picture(suffix: str = "PNG", size: tuple[int, int] = (40, 30)) -> bytes:
    content = BytesIO()
    Image.radial_gradient("L").resize(size).save(content, suffix)
    return content.getvalue()


@pytest.fixture
def launched() -> Iterator[list[Demo]]:
    """Keep what a test starts, so that nothing of it outlives a failure."""
    demos: list[Demo] = []
    yield demos
    for demo in demos:
        if demo.process.poll() is None:
            demo.stop(signal.SIGTERM)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = start(tmp_path_factory.mktemp("gallery"), port=processes.free_port())
    assert demo.process.poll() is None, demo.printed
    yield demo
    assert demo.stop(signal.SIGTERM) == 0, demo.printed


@pytest.fixture
def visitor(running: Demo) -> Visitor:
    return Visitor(running.address)


@posix_only
def test_photographs_come_back_from_the_bucket_byte_for_byte(visitor: Visitor) -> None:
    shown = cards(visitor.get("/"))
    for entry in SHIPPED:
        card = shown[entry["title"]]
        status, content = fetch(card.link)
        assert status == 200
        assert content == (PHOTOGRAPHS / entry["file"]).read_bytes(), entry["file"]
        assert card.alternative == entry["description"]


@posix_only
def test_card_shows_name_and_key_and_kind_of_link(visitor: Visitor) -> None:
    shown = cards(visitor.get("/"))
    for entry in SHIPPED:
        card = shown[entry["title"]]
        name = re.search(r"Name (\S+) Key (\S+) Link", card.text)
        assert name[1] == name[2]
        assert name[2] in urlsplit(card.link).path
        kind = "public, never expires" if entry["public"] else "signed until "
        assert kind in card.text


@posix_only
def test_public_link_works_for_everybody_and_private_one_only_with_its_signature(visitor: Visitor) -> None:
    shown = cards(visitor.get("/"))
    for entry in SHIPPED:
        link = shown[entry["title"]].link
        assert ("?" in link) is not entry["public"]
        assert fetch(without_signature(link))[0] == (200 if entry["public"] else 403)


@posix_only
def test_photograph_page_tells_what_the_bucket_answers(visitor: Visitor) -> None:
    shown = cards(visitor.get("/"))
    private = next(shown[entry["title"]] for entry in SHIPPED if not entry["public"])
    page = visitor.get(private.page)
    assert "To everybody else" in page
    assert "<code>403</code> without the signature" in page
    assert "the file: <code>200</code> image/jpeg" in page
    assert 'class="bad"' not in page


@posix_only
@pytest.mark.parametrize("visibility", ["public", "private"])
def test_uploaded_photograph_is_shown_and_then_deleted_from_the_bucket(visitor: Visitor, visibility: str) -> None:
    content = picture()
    title = f"My {visibility} gradient"
    fields = {"visibility": visibility, "description": "A grey <gradient>"}
    status, page = visitor.post("/add/", fields, (f"my_{visibility} gradient.jpeg", content))
    assert status == 200
    assert f"“{title}” is now in the {visibility} store." in page
    card = cards(page)[title]
    assert card.alternative == "A grey <gradient>"
    # The name says what the bytes are, not what the uploader said.
    assert urlsplit(card.link).path.endswith(f"my-{visibility}-gradient.png")
    assert fetch(card.link) == (200, content)

    asked = visitor.get(f"{card.page}delete/")
    assert f"Delete “{title}”?" in asked
    assert fetch(card.link)[0] == 200, "asking must not delete"
    status, page = visitor.post(f"{card.page}delete/", {})
    assert status == 200
    assert f"“{title}” is deleted" in html.unescape(page)
    assert title not in cards(page)
    assert fetch(card.link)[0] == 404


@posix_only
@pytest.mark.skipif(chromium.PROGRAM is None, reason=chromium.MISSING)
@pytest.mark.parametrize("visibility", ["Public", "Private"])
def test_browser_sends_photographs_straight_to_the_bucket(running: Demo, tmp_path: Path, visibility: str) -> None:
    files = []
    for number in range(3):
        files.append(tmp_path / f"sent-{visibility}-{number}.png".lower())
        files[-1].write_bytes(picture(size=(60 + number, 40)))
    with sync_playwright() as playwright, chromium.launched(playwright) as browser:
        page = chromium.patient(browser.new_context()).new_page()
        watched = chromium.Watched(page)
        posted: list[int] = []
        page.on(
            "request", lambda sent: posted.append(len(sent.post_data_buffer or b"")) if "/add/" in sent.url else None
        )
        page.goto(running.address)
        page.locator("input[type=file]").set_input_files(files)
        expect(page.locator(".holdall-total")).to_have_text("3 of 3 files uploaded", timeout=60_000)
        page.get_by_label(visibility, exact=True).check()
        page.get_by_role("button", name="Upload", exact=True).click()
        expect(page.locator(".message")).to_contain_text(f"now in the {visibility.lower()} store", timeout=60_000)
        # Tickets, where the photographs would have been.
        assert max(posted) < 10_000
        shown = cards(page.content())
        for number, file in enumerate(files):
            assert fetch(shown[f"Sent {visibility.lower()} {number}"].link) == (200, file.read_bytes())
        assert watched.faults == []


@posix_only
def test_same_name_twice_gives_two_photographs(visitor: Visitor) -> None:
    first, second = picture(size=(20, 20)), picture(size=(30, 30))
    status, page = visitor.post("/add/", {"visibility": "private"}, ("twin.png", first), ("twin.png", second))
    assert status == 200
    assert "2 photographs are now in the private store." in page
    links = re.findall(r'<img src="([^"]*/twin[^"]*)"', page)
    assert {fetch(html.unescape(link))[1] for link in links} == {first, second}


@posix_only
@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([], "Please choose a photograph first."),
        ([("notes.jpg", b"dear diary")], "“notes.jpg” is not a JPEG, PNG, WebP, GIF or AVIF image"),
        ([("empty.jpg", b"")], "This file is empty; please choose another."),
        ([("page.jpg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")], "“page.jpg” is not a JPEG"),
        ([("half.png", picture()[:200])], "“half.png” is not a JPEG"),
        ([("good.png", picture()), ("bad.png", b"bad")], "Nothing was uploaded."),
        (
            [("huge.png", picture() + b"\0" * 21_000_000)],
            "huge.png: The file is too large.",
        ),
        ([(f"{number}.png", picture()) for number in range(21)], "please upload at most 20 at once."),
        ([("flood.png", b"\0" * 70_000_000)], "These files are 66.8\xa0MB in total; the limit is 40.0\xa0MB."),
    ],
    ids=["none", "text", "empty", "svg", "damaged", "one of two", "too large", "too many", "flood"],
)
def test_refused_upload_is_explained_in_a_sentence(
    visitor: Visitor, files: list[tuple[str, bytes]], sentence: str
) -> None:
    before = set(cards(visitor.get("/")))
    status, page = visitor.post("/add/", {"visibility": "public"}, *files)
    assert status in (413, 422)
    assert sentence in html.unescape(page)
    assert 'role="alert"' in page
    assert set(cards(page)) == before


@posix_only
def test_page_allows_no_foreign_content_and_no_inline_script(running: Demo) -> None:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(running.address) as response:
        policy = response.headers["Content-Security-Policy"]
        page = response.read().decode()
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=", page)
    assert not re.findall(r'(?:src|href)="//', page)


@posix_only
def test_unknown_page_and_unknown_photograph_are_answered_politely(visitor: Visitor) -> None:
    for path in ("/nowhere/", "/photographs/999999/"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            visitor.get(path)
        with refused.value as answer:
            assert answer.code == 404
            assert "Page not found" in answer.read().decode()


@posix_only
def test_demo_stops_without_a_trace_and_starts_again_where_it_was(tmp_path: Path, launched: list[Demo]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        first = start(tmp_path, port=port)
        launched.append(first)
        assert f"Port {port} is taken by another program" in first.printed
        assert first.address != f"http://127.0.0.1:{port}/"
        assert f"{len(SHIPPED)} of them uploaded just now" in first.printed
        endpoint = next(iter(first.endpoints))
        assert answers(first.address)
        assert answers(endpoint)
        Visitor(first.address).post("/add/", {"visibility": "private"}, ("kept.png", picture()))
        assert first.stop(signal.SIGINT) == 0, first.printed
    assert "no process is left running" in first.printed
    assert "Traceback" not in first.printed
    assert not answers(first.address)
    assert not answers(endpoint)
    if sys.platform == "linux":
        assert processes_of(first, tmp_path) == []

    second = start(tmp_path, port=processes.free_port())
    launched.append(second)
    assert f"{len(SHIPPED) + 1} in the gallery\n" in second.printed
    kept = cards(Visitor(second.address).get("/"))["Kept"]
    assert fetch(kept.link) == (200, picture())
    assert second.stop(signal.SIGTERM) == 0, second.printed
    assert not answers(second.address)
    if sys.platform == "linux":
        assert processes_of(second, tmp_path) == []


@posix_only
def test_demo_prints_no_secret(running: Demo) -> None:
    identities = (Path(re.search(r"On the disk +(\S+)", running.printed)[1]) / "store" / "s3.json").read_text()
    secrets = re.findall(r'"(?:accessKey|secretKey)": *"([^"]+)"', identities)
    assert secrets
    assert not [secret for secret in secrets if secret in running.printed]


def test_demo_says_what_is_missing_in_the_environment(tmp_path: Path) -> None:
    demo = start(
        tmp_path, port=processes.free_port(), environment={"STORAGES_MODE": "do", "STORAGE_BUCKET_NAME": "photographs"}
    )
    assert demo.wait() == 1
    assert "The demo cannot start. The environment does not describe a usable store" in demo.printed
    assert "`AWS_ACCESS_KEY_ID` is missing" in demo.printed
    assert "`PUBLIC_STORAGE_BUCKET_NAME` is missing" in demo.printed
    assert "Traceback" not in demo.printed


def test_demo_says_which_packages_are_missing(tmp_path: Path) -> None:
    shutil.copy(DEMO / "run.py", tmp_path)
    done = processes.complete(
        [sys.executable, "-S", "-E", str(tmp_path / "run.py")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert "Missing here: Django, django-storages, boto3, Pillow, Holdall." in done.stderr
    assert "`make demo`" in done.stderr


def test_credits_name_every_shipped_photograph_with_its_licence() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|(.*)$", (PHOTOGRAPHS / "CREDITS.md").read_text(encoding="utf-8"), re.MULTILINE)
    given = dict(rows)
    assert set(given) == {entry["file"] for entry in SHIPPED} == {path.name for path in PHOTOGRAPHS.glob("*.jpg")}
    for entry in SHIPPED:
        author, _, licence = entry["credit"].rpartition(", ")
        assert author in given[entry["file"]]
        assert licence in given[entry["file"]]


def test_shipped_photographs_are_small_enough_for_a_repository() -> None:
    sizes = [path.stat().st_size for path in PHOTOGRAPHS.glob("*.jpg")]
    assert max(sizes) < 350_000
    assert sum(sizes) < 3_000_000


@pytest.mark.parametrize(
    ("url", "until"),
    [
        ("https://media.example.com/a.jpg", None),
        ("https://media.example.com/a.jpg?response-content-type=image%2Fpng", None),
        (
            "https://b.s3.amazonaws.com/a.jpg?X-Amz-Date=20260301T143000Z&X-Amz-Expires=3600&X-Amz-Signature=00",
            datetime(2026, 3, 1, 15, 30, tzinfo=UTC),
        ),
        (
            "https://cdn.example.com/a.jpg?Expires=1772379000&Signature=00&Key-Pair-Id=K",
            datetime(2026, 3, 1, 15, 30, tzinfo=UTC),
        ),
    ],
    ids=["public", "public with a query", "S3", "CloudFront"],
)
def test_signed_until_reads_the_link(url: str, until: datetime | None) -> None:
    assert signed_until(url) == until


def test_inspect_image_reads_the_bytes_and_follows_the_camera() -> None:
    content = BytesIO()
    upright = Image.Exif()
    upright[0x0112] = 6
    Image.new("RGB", (40, 30)).save(content, "JPEG", exif=upright)
    content.seek(7)
    assert inspect_image(content) == ImageFacts(".jpg", 30, 40)
    assert content.tell() == 0


@pytest.mark.parametrize(("kind", "suffix"), list(SUFFIXES.items()))
def test_inspect_image_knows_what_browsers_show(kind: str, suffix: str) -> None:
    assert inspect_image(BytesIO(picture(kind))) == ImageFacts(suffix, 40, 30)


def test_inspect_image_refuses_a_picture_that_would_fill_the_memory() -> None:
    content = BytesIO()
    Image.new("1", (20_000, 20_000)).save(content, "PNG")
    content.seek(0)
    with pytest.raises(NotAPhotograph, match="too many pixels"):
        inspect_image(content)


@pytest.mark.parametrize(
    ("given", "modes"),
    [
        ({}, ("local", "local")),
        ({"STORAGES_MODE": "local"}, ("local", "local")),
        ({"STORAGE_BUCKET_NAME": "photographs"}, (None, None)),
        ({"STORAGES_MODE": "do", "PUBLIC_STORAGES_MODE": "do"}, ("do", "do")),
        ({"PUBLIC_STORAGE_BUCKET_NAME": "shown"}, (None, None)),
    ],
    ids=["nothing", "local", "a bucket", "two Spaces", "only the public one"],
)
def test_environment_is_filled_in_only_where_it_describes_no_store(
    given: dict[str, str], modes: tuple[str | None, str | None]
) -> None:
    environment = dict(given)
    fill_in(environment)
    assert (environment.get("STORAGES_MODE"), environment.get("PUBLIC_STORAGES_MODE")) == modes
    assert environment["PUBLIC_STORAGE_MAKE_FILES_PUBLIC"] == "true"
