"""Links that CloudFront opens under a policy of one's own: from a moment on, for an address, for more than one file. Pure.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-custom-policy.html
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Network
from typing import Any

KEPT_SIGNATURES = 4096


def custom_query(
    signer: Any, url: str, *, opens: str, until: datetime, since: datetime | None = None, address: str | None = None
) -> str:
    """Give the query that lets `url` pass, and whatever `opens` matches, with `*` for any characters.

    `signer` is the SDK's. The same policy is signed once, also for other files.

    Raises:
        ValueError: the link would never work.
    """
    if not re.fullmatch(".*".join(map(re.escape, opens.split("*"))), url):
        raise ValueError(f"{url} is not among what {opens} stands for, so that its link would not open it.")
    for moment in (until, since):
        if moment is not None and moment.tzinfo is None:
            raise ValueError(f"{moment} says no time zone; give an aware moment, as django.utils.timezone.now() is.")
    if since is not None and since >= until:
        raise ValueError(f"A link from {since} on would have ended before, at {until}; give a later `expire`.")
    try:
        network = str(IPv4Network(address, strict=False)) if address else None
    except ValueError as error:
        raise ValueError(f"A link is bound to an IPv4 address or network, 192.0.2.0/24 for one: {error}.") from error
    return _signed(signer, signer.build_policy(opens, until, since, network))


@lru_cache(maxsize=KEPT_SIGNATURES)
def _signed(signer: Any, policy: str) -> str:
    query: str = signer.generate_presigned_url("", policy=policy)
    return query.removeprefix("?")
