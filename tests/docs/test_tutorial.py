"""The tutorial, done as it is written: its steps in their order, in a folder of its own."""

import sys

import pytest

from holdall import devserver
from tests.docs.pages import DOCS, blocks
from tests.docs.reader import Reader

TUTORIAL = DOCS / "tutorial.md"

# What the reader does with a browser.
IN_THE_BROWSER = """
import re, urllib.error, urllib.request
from html import unescape
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

browser = Client(SERVER_NAME="localhost")
assert browser.login(username="ada", password="only-for-today")
form = "/admin/papers/paper/"
scan = SimpleUploadedFile("scan.pdf", b"%PDF-1.7 the very bytes")
assert browser.post(form + "add/", {"title": "A paper", "scan": scan}).status_code == 302
page = browser.get(form + "1/change/").content.decode()
link = unescape(re.search(r'href="(http[^"]*scan[^"]*)"', page)[1])
assert urllib.request.urlopen(link).read() == b"%PDF-1.7 the very bytes"
try:
    urllib.request.urlopen(link.partition("?")[0])
except urllib.error.HTTPError as error:
    print("without the signature:", error.code)
"""


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Somebody who has done all steps before the last."""
    reader = Reader(tmp_path_factory.mktemp("tutorial"))
    for block in blocks(TUTORIAL):
        kind, _, name = block.comment.partition(": ")
        if kind == "step":
            reader.do(block)
        elif kind in {"append", "write"}:
            with (reader.folder / "mysite" / name).open("a" if kind == "append" else "w") as file:
                file.write(block.text)
        elif kind == "serve":
            (reader.folder / "mysite" / "browse.py").write_text(IN_THE_BROWSER)
    return reader


@pytest.mark.skipif(sys.platform == "win32", reason="the embedded server needs file locks that Windows lacks")
def test_tutorial_ends_with_an_upload_that_needs_its_signature(reader: Reader):
    assert reader.run("python manage.py shell --no-imports < browse.py") == "without the signature: 403\n"


@pytest.mark.skipif(sys.platform == "win32", reason="the embedded server needs file locks that Windows lacks")
def test_tutorial_moves_to_mode_do_without_a_change_of_code(reader: Reader):
    """Spaces itself is not here: the embedded server stands in for it, in mode `do`."""
    folder = reader.folder / "mysite" / ".holdall"
    server = devserver.use(folder)
    try:
        printed = reader.run(
            "unset STORAGES_MODE; export STORAGES_MODE=do; python manage.py shell --no-imports < save.py",
            STORAGE_BUCKET_NAME=server.bucket,
            STORAGE_LOCATION="on-spaces",
            AWS_S3_ENDPOINT_URL=server.endpoint_url,
            AWS_ACCESS_KEY_ID=server.access_key,
            AWS_SECRET_ACCESS_KEY=server.secret_key,
        )
    finally:
        devserver.leave(folder)

    assert printed == "notes/hello.txt b'Hello, first.'\nFalse b'Hello, second.'\n"


@pytest.mark.skipif(sys.platform == "win32", reason="the tutorial is written for a POSIX shell")
def test_commands_are_the_same_by_all_their_names(reader: Reader):
    named = ("holdall", "python -m holdall", "python manage.py holdall")
    printed = [reader.run(f"{name} env --json") for name in named]

    assert printed[0].startswith("{")
    assert printed[1:] == printed[:1] * 2
