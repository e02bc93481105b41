"""The way to a store by the address that browsers use, where that is another than the one for requests.

Compose and Kubernetes give a server one name inside and another outside, and a signature is good for one host alone.
"""

from __future__ import annotations

from dataclasses import replace

from holdall.s3.connection import Connection


def outside(store: Connection, endpoint_url: str) -> Connection:
    """Give what signs links for the address of browsers: the same bucket, keys and rules. It is made once for a store.

    Requests: none, but as `Connection.place`.
    """
    key = ("outside", endpoint_url)
    found: Connection | None = store.known.get(key)
    if found is None:
        place = store.place()
        region_name = place.region if place else store.target.region_name
        made = Connection(
            replace(store.target, endpoint_url=endpoint_url, region_name=region_name), signed=store.signed
        )
        # What may be changed is decided once, and its questions go to the address for requests.
        made.guard = store.guard
        found = store.known.setdefault(key, made)
    return found
