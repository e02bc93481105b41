"""A scanner is asked before a file is saved; ClamAV's daemon is one, here a script that speaks its protocol."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.contract import only
from tests.servers import processes
from tests.uploads.conftest import Browser

pytestmark = only("seaweedfs-http")

# https://www.eicar.org/download-anti-malware-testfile/, as its two halves: scanners of source code look for it too.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"


class Clamd:
    """A daemon that answers as https://docs.clamav.net/manual/Usage/Scanning.html#clamd says of INSTREAM."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.seen: list[bytes] = []
        self.most = 25 * 1024**2
        self.clean = b"stream: OK\0"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self._answer(connection.makefile("rb"), connection)

    def _answer(self, stream: Any, connection: socket.socket) -> None:
        assert stream.read(10) == b"zINSTREAM\0"
        content = b""
        while head := stream.read(4):
            if not (length := struct.unpack("!L", head)[0]):
                break
            content += stream.read(length)
            if len(content) > self.most:
                connection.sendall(b"INSTREAM size limit exceeded. ERROR\0")
                return
        else:
            # It broke off.
            return
        self.seen.append(content)
        connection.sendall(b"stream: Eicar-Signature FOUND\0" if EICAR in content else self.clean)


@pytest.fixture
def clamd(settings: Any) -> Iterator[Clamd]:
    daemon = Clamd()
    settings.HOLDALL_UPLOADS = {"SCAN": "holdall.uploads.clamav.scan"}
    settings.HOLDALL_CLAMAV = daemon.address
    yield daemon
    daemon.listener.close()


def test_clean_file_is_taken(browser: Browser, clamd: Clamd) -> None:
    content = b"harmless " * 40_000
    assert browser.submit(title="x", letter=browser.upload(browser.token(), content))[0] == 200
    assert clamd.seen == [content]


def test_what_is_no_answer_of_a_scanner_is_not_believed(browser: Browser, clamd: Clamd) -> None:
    clamd.clean = b"HTTP/1.1 200 OK\0"
    _, said = browser.submit(title="x", letter=browser.upload(browser.token(), b"content"))
    assert said["errors"]["letter"][0]["code"] == "not_scanned"


def test_infected_file_is_refused(browser: Browser, clamd: Clamd) -> None:
    status, said = browser.submit(title="x", letter=browser.upload(browser.token(), EICAR))
    assert (status, said["errors"]["letter"][0]["code"]) == (400, "infected")


@pytest.mark.parametrize("what", ["too long", "gone"])
def test_file_that_was_not_scanned_is_refused(browser: Browser, clamd: Clamd, settings: Any, what: str) -> None:
    clamd.most = 10
    if what == "gone":
        # Nobody listens there.
        settings.HOLDALL_CLAMAV = f"127.0.0.1:{processes.free_port()}"
    status, said = browser.submit(title="x", letter=browser.upload(browser.token(), b"x" * 1000))
    said = said["errors"]["letter"][0]
    assert (status, said["code"]) == (400, "not_scanned")
    # To try again helps if it is gone.
    assert ("Try again" in said["message"]) is (what == "gone")


def test_hook_may_refuse_and_knows_the_ticket(browser: Browser, settings: Any) -> None:
    asked: list[Any] = []

    def scan(file: Any, ticket: Any) -> None:
        asked.append((file.read(3), ticket.name))
        raise ValidationError("No.", code="no")

    settings.HOLDALL_UPLOADS = {"SCAN": scan}
    _, said = browser.submit(title="x", letter=browser.upload(browser.token(), b"content"))
    assert said["errors"]["letter"][0]["code"] == "no"
    assert asked == [(b"con", "letter.txt")]
    # What a validator refuses is not scanned.
    browser.submit(title="x", letter=browser.upload(browser.token(), b"refuse"))
    assert len(asked) == 1


def test_hook_may_close_the_file(browser: Browser, settings: Any) -> None:
    def scan(file: Any, _ticket: Any) -> None:
        with file.open() as opened:
            opened.read()

    settings.HOLDALL_UPLOADS = {"SCAN": scan}
    status, form = browser.submit(title="x", letter=browser.upload(browser.token(), b"content"))
    assert (status, form["letter"][0]["text"]) == (200, "content")


def test_hook_that_answers_false_refuses(browser: Browser, settings: Any) -> None:
    settings.HOLDALL_UPLOADS = {"SCAN": lambda _file, _ticket: False}
    _, said = browser.submit(title="x", letter=browser.upload(browser.token(), b"content"))
    assert said["errors"]["letter"][0]["code"] == "infected"


def test_hook_is_told_the_same_of_it(browser: Browser, settings: Any) -> None:
    told: list[Any] = []
    settings.HOLDALL_UPLOADS = {"SCAN": lambda _file, ticket: told.append(ticket)}
    browser.submit(title="x", letter=SimpleUploadedFile("a.txt", b"content"))
    browser.submit(title="x", letter=browser.upload(browser.token(), b"content", name="a.txt"))
    by_server, direct = ((one.field, one.name, one.type, one.size) for one in told)
    assert by_server == direct
