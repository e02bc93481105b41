"""Find the file behind a link that was made earlier: in the text of an editor, which kept a link that has ended by now."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from urllib.parse import parse_qs, unquote, urlsplit

from holdall import names
from holdall.fork import ForkedStorage
from holdall.storage import MediaStorage
from holdall.storage.objects import links_of

# What ends an attribute or a string within an attribute, as HTML spells it there: url(&quot;https://…&quot;).
_END = r"&(?:quot|apos|lt|gt|nbsp|#0*(?:32|34|39|60|62|160)|#[xX]0*(?:20|22|27|3[cCeE]|[aA]0));"
# One character of an address in a text. An ampersand in JSON can be a number.
_CHARACTER = rf"(?!{_END})(?:[^\s\"'<>\\`{{}}|^]|\\u0026)"
# In HTML, in `srcset` and styles, in Markdown and in JSON. Whatever ends an attribute or a string ends the address, as
# does the next one in a `srcset` that was written without spaces.
_ADDRESS = re.compile(rf"(?:(?i:https?):)?//(?:(?!,(?:(?i:https?):)?//){_CHARACTER})+")
# What follows the beginning of a permalink: the rest of its path.
PATH = rf"(?:(?![?#]){_CHARACTER})+"
# What may follow an address in a text, and is never the end of a signature.
AFTER = ").,;]"
# One of them is in each link that ends, whoever signed it: SigV4, CloudFront, SigV2.
_SIGNED_BY = frozenset({"X-Amz-Signature", "Signature"})
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
_AMAZON = re.compile(r"s3(?:[.-][a-z0-9-]+)*\.amazonaws\.com(?:\.cn)?")


def signed_links(text: str) -> Iterator[re.Match[str]]:
    """Give each place of a text that has an address with a signature."""
    for found in _ADDRESS.finditer(text):
        if _is_signed(plain(found[0])):
            yield found


def _is_signed(url: str) -> bool:
    # "https://[…" is an address in a text, and none to the parser.
    with suppress(ValueError):
        return bool(_SIGNED_BY & parse_qs(urlsplit(url).query).keys())
    return False


def plain(address: str) -> str:
    """Give an address without what HTML and JSON write in place of some characters."""
    return html.unescape(address.replace("\\u0026", "&"))


def address_in(found: re.Match[str]) -> str:
    """Give the address as it stands in the text, without what follows it in a sentence."""
    return found[0].rstrip(AFTER)


def rewritten(text: str, change: Callable[[str], str | None]) -> str:
    """Give a text in which each signed address is what `change` makes of it; None leaves it."""
    pieces, end = [], 0
    for found in signed_links(text):
        address = address_in(found)
        wanted = change(plain(address))
        if wanted is not None:
            # In an attribute, and harmless elsewhere: a path of ours has none of these characters but in odd names.
            pieces += [text[end : found.start()], html.escape(wanted)]
            end = found.start() + len(address)
    return "".join([*pieces, text[end:]])


def name_of(storage: MediaStorage, url: str) -> str | None:
    """Give the name of the file that a link leads to; None if it is not one of this storage's.

    It knows links to the endpoint, to the address for browsers and to the domain, with the bucket in the host or in the
    path, as this storage or django-storages made them; of a fork, also those to its parent's files. Whether the link
    has ended, or was signed by other keys, does not count.

    Requests: none, but as `url`.
    """
    if isinstance(storage, ForkedStorage) and (found := name_of(storage.parent, url)) is not None:
        return found
    parts = urlsplit(url)
    host, path = (parts.netloc.rpartition("@")[2]).lower(), unquote(parts.path).lstrip("/")
    key = next((key for key in _keys(storage, host, path)), None)
    location = storage.location.strip("/")
    if key is None or not key.startswith(f"{location}/" if location else ""):
        return None
    name = key[len(location) + 1 :] if location else key
    return name if name and names.clean(name) == name and not name.startswith(("/", "../")) else None


def _keys(storage: MediaStorage, host: str, path: str) -> Iterator[str]:
    """Give what the key would be, for each address at which this storage's files are."""
    bucket = str(storage.bucket_name)
    for place in filter(None, (links_of(storage).place(), storage.store.place())):
        prefix = unquote(place.path).strip("/")
        if host == place.host.lower() and (not prefix or path.startswith(f"{prefix}/")):
            yield path[len(prefix) + 1 :] if prefix else path
        # The other way to write the bucket.
        bare = place.host.lower().removeprefix(f"{bucket}.")
        if host == f"{bucket}.{bare}":
            yield path
        if host == bare and path.startswith(f"{bucket}/"):
            yield path[len(bucket) + 1 :]
    if storage.custom_domain:
        domain = urlsplit(f"//{storage.custom_domain}")
        prefix = unquote(domain.path).strip("/")
        if host == domain.netloc.lower() and (not prefix or path.startswith(f"{prefix}/")):
            yield path[len(prefix) + 1 :] if prefix else path
    if not storage.endpoint_url:
        if _AMAZON.fullmatch(host.removeprefix(f"{bucket}.")) and host.startswith(f"{bucket}."):
            yield path
        if _AMAZON.fullmatch(host) and path.startswith(f"{bucket}/"):
            yield path[len(bucket) + 1 :]
