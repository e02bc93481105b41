"""What a link says about itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit


def signed_until(url: str) -> datetime | None:
    """Return when a signed link stops working, or None for a link that is not signed.

    Knows S3's own signatures (`X-Amz-Date` and `X-Amz-Expires`) and CloudFront's (`Expires`).
    """
    query = parse_qs(urlsplit(url).query)
    if "X-Amz-Signature" in query:
        signed = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return signed + timedelta(seconds=int(query["X-Amz-Expires"][0]))
    if "Signature" in query and "Expires" in query:
        return datetime.fromtimestamp(int(query["Expires"][0]), UTC)
    return None


def without_signature(url: str) -> str:
    """Return the address alone: what remains to somebody who was not given the link."""
    return urlsplit(url)._replace(query="", fragment="").geturl()


def origin(url: str) -> str:
    """Return the scheme and host of a link, as a Content-Security-Policy names them."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
