"""Ask the bucket what it answers to a link, as a visitor's browser would."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one link; a status of 0 means that nothing did."""

    status: int
    content_type: str = ""
    size_bytes: int = 0
    cache_control: str = ""

    @property
    def is_given(self) -> bool:
        """Tell whether the file itself came back."""
        return self.status == 200

    @property
    def is_refused(self) -> bool:
        """Tell whether the bucket answered that this visitor may not see the file."""
        return self.status in (401, 403)


def ask(url: str) -> Answer:
    """Fetch the headers behind a link that one of our own storages made; the body stays where it is.

    Requests: one GET, ended after the headers, because a link signed for GET refuses HEAD.
    """
    # A proxy outside cannot reach a server on this machine.
    is_here = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
    opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if is_here else []))
    try:
        with opener.open(url, timeout=5) as response:
            headers = response.headers
            return Answer(
                response.status,
                headers.get("Content-Type", ""),
                int(headers.get("Content-Length") or 0),
                headers.get("Cache-Control", ""),
            )
    except urllib.error.HTTPError as refusal:
        refusal.close()
        return Answer(refusal.code)
    except (OSError, HTTPException):
        return Answer(0)
