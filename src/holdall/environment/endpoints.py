"""Parse the address of an S3 API, and where the bucket stands in it. Pure; see `holdall.environment.values`."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from holdall.bases import default_scheme
from holdall.environment.values import Remark, Said, nearest, quoted
from holdall.hosts import is_host, is_local
from holdall.providers import DELIVERY_HOST, recognise

STYLES = ("virtual", "path")
_DEFAULT_PORTS = {"http": 80, "https": 443}
# What needs no encoding: the signature is then the same however a server reads the path.
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*")


def _refused(finding: str, text: str) -> ValueError:
    return ValueError(Said(text, finding))


def endpoint(value: str, remark: Remark) -> str:
    """Check the address of an S3 API: scheme, host, port, and the path below which it is, if it is below one.

    Without a scheme it is https; http for this machine, private networks and hosts of a single label.
    """
    given = value if "://" in value else f"//{value.removeprefix('//')}"
    try:
        parts = urlsplit(given)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme not in {"", "http", "https"} or not is_host(host):
        raise _refused("D111", "is not the address of a server; write something like https://s3.example.com.")
    if parts.username or parts.password:
        raise _refused(
            "D112",
            "contains a user name or password; write only the address, and put the keys into their own variables.",
        )
    scheme = parts.scheme or default_scheme(host)
    if DELIVERY_HOST.search(host):
        raise _refused(
            "D113",
            f"is {quoted(host)}, which serves files but is not an S3 API; "
            "write the API's address here and this domain in `AWS_S3_CUSTOM_DOMAIN`.",
        )
    netloc = f"[{host}]" if ":" in host else host
    if port and port != _DEFAULT_PORTS[scheme]:
        netloc += f":{port}"
    address = f"{scheme}://{netloc}{_path(f'{scheme}://{netloc}', parts.path.rstrip('/'))}"
    if parts.query or parts.fragment:
        raise _refused("D114", f"has a ? or # in it, which no API's address has; write {address}.")
    if not parts.scheme:
        why = ", as private hosts rarely have a certificate" if scheme == "http" else ""
        remark(Said(f"had no scheme; {scheme}:// was added{why}.", "D110"))
    elif scheme == "http" and not is_local(host):
        remark(
            Said(
                "is plain HTTP: files and signatures cross the network unencrypted; use https:// if the server supports it.",
                "D115",
            )
        )
    return address


def _path(address: str, path: str) -> str:
    provider = recognise(address)[0]
    if provider.path and path not in {provider.path, f"{provider.path}/"}:
        raise _refused(
            "D114", f"leads to {provider.title}, whose S3 API is below a path; write {address}{provider.path}."
        )
    if path and provider.is_hosted and not provider.path:
        raise _refused(
            "D114",
            f"has a path after its host; write only the address, {address}, and name the bucket in `STORAGE_BUCKET_NAME`.",
        )
    if not _PATH.fullmatch(path):
        raise _refused(
            "D114", f"is {quoted(address + path)}; write its path in letters, digits, dots, hyphens and single slashes."
        )
    return path


def addressing_style(value: str, _remark: Remark) -> str:
    if value.lower() in STYLES:
        return value.lower()
    if value.lower() == "auto":
        raise _refused(
            "D158", f"is {quoted(value)}; write virtual or path, or unset it: the provider's own is then used."
        )
    hint = nearest(value.lower()[:20], STYLES)
    raise _refused(
        "D158", f"is {quoted(value)}; write virtual or path" + (f" (did you mean {hint}?)." if hint else ".")
    )
