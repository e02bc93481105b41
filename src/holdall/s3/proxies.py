"""By which proxy the SDK sends a request, from what a storage was given or from the environment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from botocore.httpsession import ProxyConfiguration
from botocore.utils import get_environ_proxies


class Proxy(NamedTuple):
    """A proxy, and the headers that it wants: they hold its password."""

    url: str
    headers: dict[str, str]

    def __repr__(self) -> str:
        return f"<proxy {self.where}>"

    @property
    def where(self) -> str:
        """Its address, without the password."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"


def proxy_of(url: str, given: Iterable[tuple[str, str]] = ()) -> Proxy | None:
    """Give the proxy for an address, or None; `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` in either case are obeyed.

    Requests: none.
    """
    known = ProxyConfiguration(proxies=dict(given) or get_environ_proxies(url))
    address = known.proxy_url_for(url)
    return Proxy(address, dict(known.proxy_headers_for(address))) if address else None
