"""Layer `site`: the host of links, compared with the hosts, cookies and policy of the site that shows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from holdall.doctor.catalogue import site as kinds
from holdall.doctor.examination import Examination
from holdall.doctor.linking import link_host, link_or_none
from holdall.doctor.probe import probes
from holdall.findings import Finding
from holdall.hosts import is_local


def probe_site_hosts(examination: Examination) -> Iterator[Finding]:
    """Compare the host of links with those of the site."""
    if not examination.project:
        return
    host = link_host(examination)
    sites = [site.lstrip(".") for site in settings.ALLOWED_HOSTS if site != "*" and not is_local(site.lstrip("."))]
    if not host or not sites:
        return
    if is_local(host):
        yield kinds.INTERNAL_HOST.found(f"links lead to {host}; the site is {', '.join(sites)}")
        return
    cookie_domain = (settings.SESSION_COOKIE_DOMAIN or "").lstrip(".")
    sister = next((site for site in sites if _domain_of(site) == _domain_of(host)), None)
    if cookie_domain and (host == cookie_domain or host.endswith(f".{cookie_domain}")):
        yield kinds.SENDS_SESSION.found(
            f"links lead to {host}; SESSION_COOKIE_DOMAIN is {settings.SESSION_COOKIE_DOMAIN}"
        )
    elif host in sites:
        yield kinds.SAME_HOST.found(f"links lead to {host}, which is in ALLOWED_HOSTS")
    elif sister:
        yield kinds.SAME_SITE.found(f"links lead to {host}; the site is {sister}")


def _domain_of(host: str) -> str:
    """Return the last two labels, or three under suffixes like co.uk: close enough to the registered domain for a notice."""
    labels = host.split(".")
    return ".".join(labels[-3:] if len(labels[-1]) == 2 and len(labels[-2:][0]) <= 3 else labels[-2:])


def probe_content_policy(examination: Examination) -> Iterator[Finding]:
    """Compare the Content-Security-Policy with the host of links."""
    if not examination.project or not (host := link_host(examination)):
        return
    parts = urlsplit(link_or_none(examination) or f"https://{host}")
    for source, policy in content_policies():
        name = "img-src" if "img-src" in policy else "default-src"
        allowed = policy.get(name)
        if allowed is not None and not any(_allows(one, host) for one in allowed):
            shown = " ".join(allowed) or "nothing"
            yield kinds.POLICY_FORBIDS_MEDIA.found(
                f"links lead to {host}; {source} has {name} {shown}",
                do=f"Add {parts.scheme}://{parts.netloc} to `img-src` in {source}.",
            )


def content_policies() -> Iterator[tuple[str, dict[str, list[str]]]]:
    """Yield the policies of Django 6 and of django-csp, before and from version 4: setting -> directives.

    https://docs.djangoproject.com/en/6.0/ref/csp/ and https://django-csp.readthedocs.io/en/latest/configuration.html
    """
    if policy := getattr(settings, "SECURE_CSP", None):
        yield "SECURE_CSP", _directives(policy)
    if policy := getattr(settings, "CONTENT_SECURITY_POLICY", None):
        yield "CONTENT_SECURITY_POLICY", _directives(policy.get("DIRECTIVES", {}))
    old = {
        name: getattr(settings, f"CSP_{name.upper().replace('-', '_')}", None) for name in ("img-src", "default-src")
    }
    if any(value is not None for value in old.values()):
        yield "CSP_IMG_SRC", _directives({name: value for name, value in old.items() if value is not None})


def _directives(policy: dict[str, Any]) -> dict[str, list[str]]:
    return {
        name: [value] if isinstance(value, str) else [str(one) for one in value]
        for name, value in policy.items()
        if isinstance(value, (str, list, tuple, set))
    }


def _allows(source: str, host: str) -> bool:
    """Whether a source of a policy allows the host. https://www.w3.org/TR/CSP3/#match-url-to-source-expression"""
    if source in {"*", "https:"}:
        return True
    if source == "'self'":
        return host in settings.ALLOWED_HOSTS
    named = urlsplit(source if "//" in source else f"//{source}").hostname or ""
    return named == host or (named.startswith("*.") and host.endswith(named[1:]))


PROBES = probes(probe_site_hosts, probe_content_policy)
