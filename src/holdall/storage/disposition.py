"""Name a download: `Content-Disposition` for a file name in any script. Pure.

https://www.rfc-editor.org/rfc/rfc6266 and https://www.rfc-editor.org/rfc/rfc8187
"""

from __future__ import annotations

import posixpath
import re
from urllib.parse import quote

# The attack: a line's end would begin a header of its own; other control characters end a file name on some systems.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# The attack: a name whose end is shown backwards, so that "gpj.exe" reads "exe.jpg". Letters of scripts that run from
# right to left need none of these.
_BIDI_CONTROLS = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# The attack: a name that leads out of the folder for downloads.
_SEPARATORS = re.compile(r"[/\\]")
_NAMELESS = "download"
# As much as Linux can name a file; Windows and macOS are no stricter. In a signed link a longer one, whose bytes take nine
# characters each there, would be longer than stores and proxies read.
_MOST_BYTES = 255
_EXTENSION_BYTES = 32
# What old clients read in a quoted string in different ways: RFC 6266, appendix D.
_DOUBTFUL = re.compile(r'["%\\]')
# What RFC 8187 allows unencoded in a value (`attr-char`), beside letters and digits.
_ATTR_CHARS = "!#$&+-.^_`|~"


def disposition(filename: str, *, as_attachment: bool) -> str:
    """Give the value of a `Content-Disposition` that saves the file under this name; ASCII, and one line.

    Control characters, directional overrides and folders are taken out of the name, and of a name of more than 255 bytes
    the end before its extension. A name that needs more than plain
    ASCII appears in two forms: encoded, and as an approximation for clients that do not know the encoding.
    """
    kind = "attachment" if as_attachment else "inline"
    cleaned = cleaned_filename(filename)
    plain = _DOUBTFUL.sub("_", cleaned.encode("ascii", "replace").decode().replace("?", "_"))
    if plain == cleaned:
        return f'{kind}; filename="{plain}"'
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(cleaned, safe=_ATTR_CHARS)}"


def cleaned_filename(filename: str) -> str:
    """Give the name without anything that could deceive a reader, a header or a folder."""
    text = filename.encode("utf-8", "replace").decode()
    text = _SEPARATORS.sub("_", _BIDI_CONTROLS.sub("", _CONTROLS.sub("", text))).strip(" ")
    return _shortened(text) if text.strip(". ") else _NAMELESS


def _shortened(text: str) -> str:
    if len(text.encode()) <= _MOST_BYTES:
        return text
    stem, extension = posixpath.splitext(text)
    if len(extension.encode()) > _EXTENSION_BYTES:
        stem, extension = text, ""
    return stem.encode()[: _MOST_BYTES - len(extension.encode())].decode(errors="ignore").rstrip(" ") + extension
