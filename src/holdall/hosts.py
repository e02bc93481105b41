"""What a host is: this machine, one of a private network, or anybody's. Pure."""

from __future__ import annotations

import ipaddress
import re


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# Names that only a private network resolves: mDNS, RFC 9476 and 8375, Kubernetes services, and what routers give out.
_PRIVATE_NAMES = (".localhost", ".local", ".internal", ".svc", ".home.arpa", ".lan", ".localdomain", ".intranet")
# Of these, the names that a cluster, a cloud or a compose network gives to machines.
_INSIDE_NAMES = (".local", ".internal", ".svc")
# RFC 1918, 6598, 3927, 4193 and 4291. Python's `is_private` counts the addresses of documentation among them.
_PRIVATE_NETWORKS = (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10",
)  # fmt: skip


def is_local(host: str) -> bool:
    """Say whether a host is this machine, or inside a private network."""
    if is_loopback(host) or host.endswith(_PRIVATE_NAMES) or ("." not in host and ":" not in host):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    networks = map(ipaddress.ip_network, _PRIVATE_NETWORKS)
    return address.is_unspecified or any(address in network for network in networks)


def is_inside(host: str) -> bool:
    """Say whether only machines of one network know a host by its name: no browser on another machine does."""
    is_known = bool(host) and not is_loopback(host)
    return is_known and (host.endswith(_INSIDE_NAMES) or ("." not in host and ":" not in host))


def is_host(host: str) -> bool:
    """Say whether a host, in lower case, is a name or an address that can be in a URL."""
    if ":" in host:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            return False
        # A zone ("%eth0") means something on one machine only, and may hold anything.
        return "%" not in host
    labels = host.removesuffix(".").split(".")
    return len(host) <= 253 and all(re.fullmatch(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", label) for label in labels)
