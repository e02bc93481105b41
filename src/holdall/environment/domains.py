"""Parse the domain of the CDN, which is a base: scheme, host, port and path. Pure; see `holdall.environment.values`."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

from holdall.bases import Base, default_scheme
from holdall.environment.values import Remark, Said, looks_like_a_key, quoted
from holdall.hosts import is_host, is_local
from holdall.providers import AMAZON, recognise

_WRITE = "write the domain, with its port and path if it has them: media.example.com, or localhost:9000/media."


def domain(value: str, remark: Remark) -> Base:
    """Read what files are served below. A scheme that is written is kept; otherwise a private host is reached by http."""
    match = re.match(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?//", value)
    scheme, rest = ((match[1] or "").lower(), value[match.end() :]) if match else ("", value)
    address, _, _ = rest.partition("/")
    if not re.search(r"[.:]", address) and looks_like_a_key(value):
        # A secret with a slash in it would pass for a host and a path.
        raise ValueError(Said(f"is {quoted(value)}; {_WRITE}", "D118"))
    if "@" in value:
        raise ValueError(Said(f"contains a user name or password; {_WRITE}", "D112"))
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if re.search(r"%\(|[{}]|\$[A-Z]", address):
        raise ValueError(
            Said(f"is {quoted(value)}, a template that nothing fills in here; write the host itself, in full.", "D118")
        )
    if not host or not is_host(host) or scheme not in {"", "http", "https"}:
        raise ValueError(Said(f"is {quoted(value)}; {_WRITE}", "D118"))
    if parts.query or parts.fragment or rest.endswith(("?", "#")):
        said = "a link ends in the name of its file, and nothing can follow that"
        raise ValueError(Said(f"is {quoted(value)}, with a ? or # in it; {said}. Write {host}{parts.path}.", "D118"))
    base = Base(scheme or default_scheme(host), host, port, _path(parts.path, value))
    if base.path != parts.path.removesuffix("/") or "//" in parts.path:
        remark(Said(f'had extra slashes or characters that links encode; "{base}" is used.', "D116"))
    if base.scheme == "http" and not is_local(host):
        remark(
            Said(
                "is plain HTTP at a public host: what visitors fetch can be read and changed on the way, and browsers block "
                f"it on https pages; write {base.address} if the host answers https.",
                "D160",
            )
        )
    return base


# https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteEndpoints.html: "do not support HTTPS".
_WEBSITE = re.compile(r"(.+)\.s3-website[.-][a-z0-9-]+\.amazonaws\.com(?:\.cn)?")


def is_website_at_amazon(base: Base) -> bool:
    """Whether a domain is a website of Amazon's for a bucket, which answers plain HTTP alone."""
    return _WEBSITE.fullmatch(base.host) is not None


def bucket_at_amazon(base: Base) -> str:
    """Give the bucket whose own host at Amazon a domain is, in either style; "" if it is none."""
    if recognise(base.origin)[0] is AMAZON:
        return base.path.strip("/").partition("/")[0]
    if website := _WEBSITE.fullmatch(base.host):
        return website[1]
    label, _, behind = base.host.partition(".")
    while behind:
        if recognise(f"https://{behind}")[0] is AMAZON:
            return label
        more, _, behind = behind.partition(".")
        label = f"{label}.{more}"
    return ""


def _path(path: str, value: str) -> str:
    """Check a path, and encode what links encode; what is encoded already stays as it is."""
    segments = [segment for segment in path.split("/") if segment]
    if any(unquote(segment) in {".", ".."} for segment in segments):
        raise ValueError(Said(f"is {quoted(value)}; write its path without . and .. in it.", "D118"))
    if "\\" in path or not path.isprintable() or re.search(r"\s", path):
        raise ValueError(
            Said(
                f"is {quoted(value)}; write its path without spaces and backslashes (a space in a URL is %20).", "D118"
            )
        )
    if re.search(r"%(?![0-9A-Fa-f]{2})", path):
        raise ValueError(Said(f"is {quoted(value)}; write a percent sign in its path as %25.", "D118"))
    return "".join(f"/{quote(segment, safe=_KEPT)}" for segment in segments)


# What a path may have besides letters and digits (RFC 3986, pchar), the percent sign of what is encoded among it.
_KEPT = "%:@!$&'()*+,;=-._~"
