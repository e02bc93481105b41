"""What comes before every key in a link to a domain: its scheme, host, port and path. Pure."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from holdall.hosts import is_local


class Base(NamedTuple):
    """The address below which a domain serves the files: `url` is followed by a slash and the key."""

    # "http" or "https".
    scheme: str
    # In lower case, an IPv6 address without its brackets.
    host: str
    # None: the scheme's own.
    port: int | None = None
    # Empty, or begins with a slash and does not end in one; encoded as in a URL.
    path: str = ""

    @property
    def netloc(self) -> str:
        """The host, with the port if it has one, as browsers send it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host

    @property
    def origin(self) -> str:
        """The base without its path: what CORS and a Content-Security-Policy name."""
        return f"{self.scheme}://{self.netloc}"

    @property
    def address(self) -> str:
        """The base without its scheme: django-storages' option `custom_domain`, whose scheme is `url_protocol`."""
        return f"{self.netloc}{self.path}"

    @property
    def url(self) -> str:
        """The whole base. What the path has encoded stays so: nothing may encode it again."""
        return f"{self.origin}{self.path}"

    def __str__(self) -> str:
        """Show it as people write it, without the scheme that it would have anyway."""
        return self.address if self.scheme == default_scheme(self.host) else self.url


def default_scheme(host: str) -> str:
    """Give the scheme of a domain that is written without one: private hosts rarely have a certificate."""
    return "http" if is_local(host) else "https"


def base_of(custom_domain: str | None, *, url_protocol: str | None = "https:") -> Base | None:
    """Give the base that django-storages' options stand for; None where they name no host.

    A project that sets the options itself may write anything there; what the environment says was checked when it was
    read.
    """
    written = str(custom_domain or "").strip("/")
    scheme, _, address = written.rpartition("://")
    try:
        parts = urlsplit(f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    scheme = scheme or str(url_protocol or "").rstrip(":")
    return Base(scheme or "https", host, port, parts.path.rstrip("/")) if host else None
