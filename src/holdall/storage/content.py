"""Decide what a browser may do with a file: content type, disposition, cache headers. Pure.

The type comes from a fixed list by extension, checked against the first bytes. What the client claimed is never
believed: a claim of `text/html` for `photo.jpg` would make the media domain run the uploader's script. Nor is the
machine's own MIME table asked: it differs between machines.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection
from dataclasses import dataclass

UNKNOWN = "application/octet-stream"

# As many first bytes as a browser decides by.
# https://mimesniff.spec.whatwg.org/#reading-the-resource-header
HEAD_BYTES = 1445

# Types whose files can run script when a browser opens them from the media domain.
SCRIPTABLE = {
    "htm": "text/html",
    "html": "text/html",
    "shtml": "text/html",
    "xht": "application/xhtml+xml",
    "xhtml": "application/xhtml+xml",
    "svg": "image/svg+xml",
    "xml": "application/xml",
    "xsl": "application/xml",
    "xslt": "application/xml",
    "rss": "application/xml",
    "atom": "application/xml",
    "rdf": "application/xml",
    "kml": "application/vnd.google-earth.kml+xml",
    "gpx": "application/gpx+xml",
    "js": "text/javascript",
    "mjs": "text/javascript",
    "mht": "multipart/related",
    "mhtml": "multipart/related",
    # A mail holds its pages as an MHTML file does.
    "eml": "message/rfc822",
    "mpd": "application/dash+xml",
    "ttml": "application/ttml+xml",
    "dae": "model/vnd.collada+xml",
    "x3d": "model/x3d+xml",
    "swf": "application/x-shockwave-flash",
}

HARMLESS = {
    # pictures
    "apng": "image/apng",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "ico": "image/x-icon",
    "jfif": "image/jpeg",
    "jpe": "image/jpeg",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "jxl": "image/jxl",
    "png": "image/png",
    "psd": "image/vnd.adobe.photoshop",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "webp": "image/webp",
    # sound and film
    "3gp": "video/3gpp",
    "aac": "audio/aac",
    "aif": "audio/aiff",
    "aiff": "audio/aiff",
    "amr": "audio/amr",
    "avi": "video/x-msvideo",
    "cmfa": "audio/mp4",
    "cmfv": "video/mp4",
    "flac": "audio/flac",
    "flv": "video/x-flv",
    "m2ts": "video/mp2t",
    # Playlists and segments, as RFC 8216 and ISO/IEC 23000-19 name them.
    "m3u": "audio/mpegurl",
    "m3u8": "application/vnd.apple.mpegurl",
    "m4a": "audio/mp4",
    "m4s": "video/iso.segment",
    "m4v": "video/mp4",
    "mid": "audio/midi",
    "mka": "audio/x-matroska",
    "mkv": "video/x-matroska",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "mpeg": "video/mpeg",
    "mpg": "video/mpeg",
    "mts": "video/mp2t",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "ogv": "video/ogg",
    "opus": "audio/ogg",
    "ts": "video/mp2t",
    "wav": "audio/wav",
    "weba": "audio/webm",
    "webm": "video/webm",
    "wma": "audio/x-ms-wma",
    "wmv": "video/x-ms-wmv",
    # models in three dimensions: https://www.iana.org/assignments/media-types/#model
    "3mf": "model/3mf",
    "glb": "model/gltf-binary",
    "gltf": "model/gltf+json",
    "iges": "model/iges",
    "igs": "model/iges",
    "mtl": "model/mtl",
    "obj": "model/obj",
    "reality": "model/vnd.reality",
    "step": "model/step",
    "stl": "model/stl",
    "stp": "model/step",
    "usda": "model/vnd.usda",
    "usdz": "model/vnd.usdz+zip",
    # documents
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "epub": "application/epub+zip",
    "key": "application/vnd.apple.keynote",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "pdf": "application/pdf",
    "ppt": "application/vnd.ms-powerpoint",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "rtf": "application/rtf",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    # text and data
    "css": "text/css",
    "csv": "text/csv",
    "geojson": "application/geo+json",
    "ics": "text/calendar",
    "json": "application/json",
    "log": "text/plain",
    "md": "text/markdown",
    "parquet": "application/vnd.apache.parquet",
    "srt": "text/plain",
    "tsv": "text/tab-separated-values",
    "txt": "text/plain",
    "vcf": "text/vcard",
    "vtt": "text/vtt",
    "wasm": "application/wasm",
    "webmanifest": "application/manifest+json",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    # fonts
    "eot": "application/vnd.ms-fontobject",
    "otf": "font/otf",
    "ttf": "font/ttf",
    "woff": "font/woff",
    "woff2": "font/woff2",
    # programs and archives: the stored type is that of the archive, so that `backup.tar.gz` comes back as it went in
    "7z": "application/x-7z-compressed",
    "apk": "application/vnd.android.package-archive",
    "bz2": "application/x-bzip2",
    "gz": "application/gzip",
    "rar": "application/vnd.rar",
    "svgz": "application/gzip",
    "tar": "application/x-tar",
    "tgz": "application/gzip",
    "xz": "application/x-xz",
    "zip": "application/zip",
    "zst": "application/zstd",
}

# What makes a browser's sniffing take bytes for a document that runs script, after blanks and a byte order mark.
# https://mimesniff.spec.whatwg.org/#identifying-a-resource-with-an-unknown-mime-type
_MARKUP = re.compile(
    rb"(?:\xef\xbb\xbf)?[\t\n\x0c\r ]*"
    rb"<(?:!doctype\s+html|!--|\?xml|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|svg|math)[\s>/]?",
    re.IGNORECASE,
)
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# Text that may begin with markup without being a document.
_TEXT = re.compile(r"text/|application/(?:json|yaml|rtf|geo\+json|manifest\+json)")


@dataclass(frozen=True)
class Delivery:
    """What a browser is told about a file."""

    content_type: str
    as_attachment: bool


def delivery(name: str, head: bytes = b"", *, inline: Collection[str] = (), unknown: str = UNKNOWN) -> Delivery:
    """Decide type and disposition of a file from its name's extension and its first `HEAD_BYTES` bytes.

    A file is shown by the browser only if the list knows it as harmless, or its type is in `inline`; any other is an
    attachment. A file that claims by its extension to be something else, but begins as a document that runs script,
    is an attachment of unknown type.
    """
    extension = posixpath.splitext(name)[1].lower().removeprefix(".")
    if content_type := SCRIPTABLE.get(extension):
        return Delivery(content_type, as_attachment=content_type not in inline)
    content_type = HARMLESS.get(extension, unknown)
    if not _TEXT.match(content_type) and _begins_as_markup(head):
        return Delivery(UNKNOWN, as_attachment=True)
    # The attack: an extension that this list lacks and a server knows ("page.ehtml", "schema.xsd"). Where the type is
    # unknown, SeaweedFS and nginx guess one, and it is a page's.
    is_known = extension in HARMLESS or (content_type != UNKNOWN and content_type in inline)
    return Delivery(content_type, as_attachment=not is_known)


def _begins_as_markup(head: bytes) -> bool:
    if head.startswith(_UTF16_MARKS):
        head = head.decode("utf-16", "ignore").encode()
    return _MARKUP.match(head) is not None


def cache_control(*, public: bool, lifetime_seconds: int, is_immutable: bool = False) -> str:
    """Give the `Cache-Control` of a file: for how long it is shown without a question to the store, and by whom.

    Private files are kept by the browser alone. `is_immutable`: what its name shows never changes, so that a public file
    may be kept for a year. Any other is revalidated, with its ETag, once its time is over.
    """
    if not public:
        return f"private, max-age={lifetime_seconds}"
    if is_immutable:
        return "public, max-age=31536000, immutable"
    return f"public, max-age={lifetime_seconds}, must-revalidate"
