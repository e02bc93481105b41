"""What a browser may do with a file that comes from the application's own origin. Pure.

There an uploaded page would run with the visitor's session, so the rules are stricter than those of the media domain
(`holdall.storage.content`), and no option of the storage loosens them.
"""

from __future__ import annotations

import posixpath
from typing import NamedTuple

from holdall.storage import content
from holdall.storage.disposition import disposition

# The attack: a page of the site that may load scripts and styles from `'self'` is made to load an uploaded one. With
# `nosniff` browsers take neither from this type.
_NEVER_AS_THEMSELVES = frozenset(
    {"text/html", "application/xhtml+xml", "text/javascript", "text/css", "application/wasm", "multipart/related"}
)
# A document that is opened by itself gets an origin of its own and loads nothing. Pictures, sound and films are shown
# by a document that the browser makes, under the same policy.
_POLICY = "sandbox; default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'"
# Browsers show these in a viewer of their own, which does not run in a sandbox: https://crbug.com/271452
_IN_A_VIEWER = frozenset({"application/pdf"})


class Appearance(NamedTuple):
    """What a browser is told about a file."""

    content_type: str
    disposition: str
    policy: str | None

    @property
    def headers(self) -> dict[str, str]:
        headers = {
            "Content-Type": self.content_type,
            "Content-Disposition": self.disposition,
            "X-Content-Type-Options": "nosniff",
        }
        return headers | ({"Content-Security-Policy": self.policy} if self.policy else {})


def appearance(name: str, *, download_as: str | None = None) -> Appearance:
    """Decide how a file is shown: by its name's extension alone, never by what was stored or claimed.

    It is an attachment if `download_as` names it, or if browsers might run it.
    """
    rule = content.delivery(name)
    is_unsafe = rule.content_type in _NEVER_AS_THEMSELVES
    content_type = content.UNKNOWN if is_unsafe else rule.content_type
    as_attachment = download_as is not None or rule.as_attachment or is_unsafe
    filename = posixpath.basename(name) if download_as is None else download_as
    return Appearance(
        content_type,
        disposition(filename, as_attachment=as_attachment),
        None if content_type in _IN_A_VIEWER else _POLICY,
    )
