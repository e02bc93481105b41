"""An example of a scanner: ClamAV's daemon, asked by its own protocol.

    HOLDALL_UPLOADS = {"SCAN": "holdall.uploads.clamav.scan"}
    HOLDALL_CLAMAV = "clamav:3310"            # or "/run/clamav/clamd.ctl"

The bytes pass through the server while they are scanned, a piece at a time; nothing of them is kept.

https://docs.clamav.net/manual/Usage/Scanning.html#clamd (INSTREAM)
"""

from __future__ import annotations

import logging
import socket
import struct
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

SETTING = "HOLDALL_CLAMAV"
PIECE_BYTES = 128 * 1024
TIMEOUT_SECONDS = 60.0
_MOST_ANSWER_BYTES = 4096
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
    if answer.endswith(" OK"):
        return
    if answer.endswith(" FOUND"):
        log.warning("ClamAV refused an upload: %s", answer)
        raise ValidationError(_("The file contains something harmful and was not accepted."), code="infected")
    log.error("ClamAV could not look at an upload: %s", answer)
    raise ValidationError(_("The file could not be checked. Try again later."), code="not_scanned")


def ask(address: str, file: Any) -> str:
    """Send a file to the daemon and give its answer: "stream: OK", "stream: Eicar-Signature FOUND", "… ERROR".

    Raises:
        OSError: it cannot be reached, or hangs up.
    """
    with _connect(address) as daemon:
        daemon.sendall(b"zINSTREAM\0")
        try:
            while piece := file.read(PIECE_BYTES):
                daemon.sendall(struct.pack("!L", len(piece)) + piece)
            daemon.sendall(struct.pack("!L", 0))
        except ConnectionError:
            # It hangs up on a file that is longer than its own limit, and has said so before.
            pass
        answer = b""
        while not answer.endswith(b"\0") and len(answer) < _MOST_ANSWER_BYTES:
            received = daemon.recv(_MOST_ANSWER_BYTES)
            if not received:
                break
            answer += received
    if not answer:
        raise ConnectionError("the connection was closed without an answer")
    return answer.rstrip(b"\0\n").decode("utf-8", "replace")


def _connect(address: str) -> socket.socket:
    if address.startswith("/"):
        daemon = socket.socket(socket.AF_UNIX)
        daemon.settimeout(TIMEOUT_SECONDS)
        daemon.connect(address)
        return daemon
    host, _separator, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=TIMEOUT_SECONDS)
