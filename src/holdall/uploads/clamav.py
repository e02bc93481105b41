"""An example of a scanner: ClamAV's daemon, asked by its own protocol.

    HOLDALL_UPLOADS = {"SCAN": "holdall.uploads.clamav.scan"}
    HOLDALL_CLAMAV = "clamav:3310"            # or "[::1]:3310", or "/run/clamav/clamd.ctl"

The bytes pass through the server while they are scanned, a piece at a time; nothing of them is kept.

https://docs.clamav.net/manual/Usage/Scanning.html#clamd (INSTREAM)
"""

from __future__ import annotations

import logging
import socket
import struct
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from holdall.uploads.refusals import UploadRefused

SETTING = "HOLDALL_CLAMAV"
PORT = 3310
PIECE_BYTES = 128 * 1024
TIMEOUT_SECONDS = 60.0
_MOST_ANSWER_BYTES = 4096
# Nothing else that ends so: a web server's "HTTP/1.1 200 OK".
_CLEAN = "stream: OK"
log = logging.getLogger("holdall")


def scan(file: Any, ticket: Any) -> None:
    """Let ClamAV look at a file.

    Requests: none, but those that read the file.

    Raises:
        ValidationError: it found something; or it did not answer, or could not look at all of it: what nobody has looked at
            is not saved.
    """
    try:
        answer = ask(getattr(settings, SETTING, "localhost:3310"), file)
    except OSError as error:
        log.error("ClamAV did not answer: %s", error)  # noqa: TRY400  the error says all
        raise ValidationError(_("The file could not be checked. Try again later."), code="not_scanned") from error
    if answer == _CLEAN:
        return
    if answer.endswith(" FOUND"):
        log.warning("ClamAV refused an upload: %s", answer)
        raise ValidationError(_("The file contains something harmful and was not accepted."), code="infected")
    log.error("ClamAV could not look at an upload: %s", answer)
    if "size limit exceeded" in answer:
        # To try again would not help.
        raise ValidationError(UploadRefused("too_large").message, code="not_scanned")
    raise ValidationError(_("The file could not be checked. Try again later."), code="not_scanned")


def ask(address: str, file: Any) -> str:
    """Send a file to the daemon and give its answer: "stream: OK", "stream: Eicar-Signature FOUND", "… ERROR".

    Raises:
        OSError: it cannot be reached, or hangs up; or the file cannot be read.
    """
    with _connect(address) as daemon:
        daemon.sendall(b"zINSTREAM\0")
        is_whole, answer = False, b""
        while not is_whole:
            piece = file.read(PIECE_BYTES)
            try:
                # The last one is empty.
                daemon.sendall(struct.pack("!L", len(piece)) + piece)
            except ConnectionError:
                # It hangs up on a file that is longer than its own limit, and has said so before.
                break
            is_whole = not piece
        while not answer.endswith(b"\0") and len(answer) < _MOST_ANSWER_BYTES:
            received = daemon.recv(_MOST_ANSWER_BYTES)
            if not received:
                break
            answer += received
    if not answer:
        raise ConnectionError("the connection was closed without an answer")
    said = answer.rstrip(b"\0\n").decode("utf-8", "replace")
    if said == _CLEAN and not is_whole:
        # Whatever it is that answers so.
        raise ConnectionError("the file was found clean before all of it was sent")
    return said


def _connect(address: str) -> socket.socket:
    if address.startswith("/"):
        daemon = socket.socket(socket.AF_UNIX)
        daemon.settimeout(TIMEOUT_SECONDS)
        daemon.connect(address)
        return daemon
    found = urlsplit(f"//{address}")
    return socket.create_connection((str(found.hostname), found.port or PORT), timeout=TIMEOUT_SECONDS)
