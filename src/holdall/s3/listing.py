"""Read a page of a listing, of files or of unfinished uploads. Pure.

Of files no tree of elements is made: of a page with a thousand entries it is six thousand objects that live at the same
time, and for these Python's garbage collector looks through the whole process so often that it takes as long as the reading
itself.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET
from xml.parsers import expat


def parsed(body: bytes) -> dict[str, Any]:
    """Give a page of a listing in the SDK's terms; `IsTruncated` is None if it is none.

    Raises:
        expat.ExpatError: it is not XML, or not all of it.
    """
    page = _Page()
    page.read(body)
    return page.answer()


def unfinished(body: bytes) -> dict[str, Any]:
    """Give a page of unfinished uploads in the SDK's terms; `IsTruncated` is None if it is none.

    Raises:
        ET.ParseError: it is not XML, or not all of it.
    """
    root = ET.fromstring(body)  # noqa: S314  the store's own answer, to a signed request
    truncated = root.findtext("{*}IsTruncated")
    uploads = []
    for one in root.iterfind("{*}Upload"):
        upload: dict[str, Any] = {
            "Key": one.findtext("{*}Key") or "",
            "UploadId": one.findtext("{*}UploadId") or "",
        }
        # Not every server tells it.
        if begun := one.findtext("{*}Initiated"):
            upload["Initiated"] = _moment(begun)
        uploads.append(upload)
    return {
        "Uploads": uploads,
        "IsTruncated": truncated and truncated == "true",
        "NextKeyMarker": root.findtext("{*}NextKeyMarker"),
        "NextUploadIdMarker": root.findtext("{*}NextUploadIdMarker"),
    }


def _moment(text: str) -> datetime:
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise ET.ParseError from None
    # As the SDK reads it.
    return told if told.tzinfo else told.replace(tzinfo=UTC)


class _Page:
    def __init__(self) -> None:
        # The names of elements begin with the root's namespace, which not every server gives.
        self._space = ""
        self._top: dict[str, str] = {}
        self._contents: list[dict[str, Any]] = []
        self._folders: list[str] = []

    def read(self, body: bytes) -> None:
        parser = expat.ParserCreate(namespace_separator="}")
        parser.buffer_text = True

        def root(name: str, _attributes: object) -> None:
            space, between, _ = name.rpartition("}")
            self._space = space + between
            self._hand_over(parser)

        parser.StartElementHandler = root
        parser.Parse(body, True)

    def _hand_over(self, parser: Any) -> None:
        contents, folders, top, space = self._contents, self._folders, self._top, self._space
        entry, group, prefix = (f"{space}{name}" for name in ("Contents", "CommonPrefixes", "Prefix"))
        key, size, etag, modified = (f"{space}{name}" for name in ("Key", "Size", "ETag", "LastModified"))
        begin_anew = frozenset({entry, group})
        fields, text = top, ""

        # Five times an entry each, so they do little.
        def start(name: str, _attributes: object) -> None:
            nonlocal fields, text
            text = ""
            if name in begin_anew:
                fields = {}

        def data(some: str) -> None:
            nonlocal text
            text += some

        def end(name: str) -> None:
            nonlocal fields, text
            if name == entry:
                contents.append(
                    {
                        "Key": fields[key],
                        "Size": int(fields.get(size) or 0),
                        "ETag": fields.get(etag, ""),
                        "LastModified": fields.get(modified, ""),
                    }
                )
                fields = top
            elif name == group:
                fields = top
            else:
                fields[name] = text
                if name == prefix and fields is not top:
                    folders.append(text)
                text = ""

        parser.StartElementHandler, parser.CharacterDataHandler, parser.EndElementHandler = start, data, end

    def answer(self) -> dict[str, Any]:
        told = {name.removeprefix(self._space): text for name, text in self._top.items()}
        folders = self._folders
        # Not every server that is asked to encode does.
        if told.get("EncodingType") == "url":
            for one in self._contents:
                one["Key"] = unquote_plus(one["Key"])
            folders = [unquote_plus(one) for one in folders]
        truncated = told.get("IsTruncated")
        return {
            "Contents": self._contents,
            "CommonPrefixes": [{"Prefix": one} for one in folders],
            # None if the answer has none; then it is not a listing.
            "IsTruncated": truncated and truncated == "true",
            "NextContinuationToken": told.get("NextContinuationToken"),
        }
