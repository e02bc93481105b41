"""Layer `cors`: fonts, canvases and fetch on the sites that show the files, which browsers allow by headers alone."""

from __future__ import annotations

import json
from collections.abc import Iterator

from django.core.files.base import ContentFile

from holdall.doctor import outside
from holdall.doctor.examination import Examination, probes
from holdall.doctor.remedies import aws
from holdall.doctor.web import Page
from holdall.findings import Finding, Kind, Level

ALLOWED = Kind("D850", Level.OK, "The sites may use the files", "A font was asked for as their pages do.")
NOT_ALLOWED = Kind(
    "D851",
    Level.WARNING,
    "Fonts, canvases and fetch are refused to a site",
    "Pictures show, but browsers refuse the site's pages whatever reads a file: fonts, drawing on a canvas, fetch. "
    "The header comes from the bucket and the CDN; Django has no part in it.",
    failures=("J1",),
)
PREFLIGHT_REFUSED = Kind(
    "D852",
    Level.NOTICE,
    "Requests with headers of their own are refused to a site",
    "Plain reading works; fetch with headers of its own asks by OPTIONS first, and that is refused.",
    "Let the CDN pass OPTIONS with `Origin` and `Access-Control-Request-*` (CloudFront: CORS-S3Origin).",
    ("J1",),
)
KEPT_FOR_ANOTHER = Kind(
    "D853",
    Level.WARNING,
    "The permission of one site is kept for another",
    "The first visitor decides: a copy without the header, or with another site's, is given to all. Fonts fail now and "
    "then, and work after the cache is emptied.",
    "Let `Origin` be part of the cache's key (CloudFront: origin request policy CORS-S3Origin), or allow every origin: *.",
    ("J2",),
)
VARY_MISSING = Kind(
    "D854",
    Level.WARNING,
    "Browsers are not told that the permission depends on the site",
    "The answer names one site and has no `Vary: Origin`, so a copy in a browser or proxy serves another site wrongly.",
    "Let the CDN pass `Vary` as it comes from the bucket, or allow every origin: *.",
    ("J2",),
)
NOT_EXAMINED = Kind(
    "D855",
    Level.NOTICE,
    "Whether sites may use the files was not examined",
    "Fonts, canvases and fetch need a header for each site; which sites show the files is not known here.",
    "holdall doctor --origin https://www.example.com",
)
NOT_ALLOWED_TO_PROJECT = Kind(
    "D856",
    Level.NOTICE,
    "Fonts, canvases and fetch are refused to a site of the project",
    "Pictures show. Only if the site's pages read files otherwise, as fonts, on a canvas or by fetch, do browsers refuse.",
    failures=("J1",),
)

# Nobody's; that it is refused or allowed is no fault.
_OTHER = "https://another.example"
_FONT = b"wOF2 is how fonts begin; this is none.\n"


def probe_sites(examination: Examination) -> Iterator[Finding]:
    """Ask for new fonts as the pages of each site do. One PUT, and two requests a site."""
    if not outside.domain(examination) or not outside.is_served(examination):
        return
    if not (origins := _origins(examination)):
        yield NOT_EXAMINED.found("no origin was given")
        return
    allowed = []
    for number, origin in enumerate(origins):
        # For each a file that no cache has seen.
        saved = examination.save(f"font-{number}.woff2", ContentFile(_FONT))
        link = outside.link_to(examination, saved)
        answer = examination.web.fetch(link, headers={"origin": origin})
        if not _permits(answer, origin):
            # What `CSRF_TRUSTED_ORIGINS` names may show pictures and nothing else.
            kind = NOT_ALLOWED if examination.origins else NOT_ALLOWED_TO_PROJECT
            yield kind.found(_seen(answer, origin), do=_rule(examination, origins))
            continue
        allowed.append(origin)
        asked = {"origin": origin, "access-control-request-method": "GET", "access-control-request-headers": "range"}
        preflight = examination.web.fetch(link, method="OPTIONS", headers=asked)
        if preflight.status >= 300 or not _permits(preflight, origin):
            yield PREFLIGHT_REFUSED.found(f"OPTIONS: {_seen(preflight, origin)}")
    if allowed:
        yield ALLOWED.found(", ".join(allowed))
        yield from _kept(examination, allowed)


def _kept(examination: Examination, origins: list[str]) -> Iterator[Finding]:
    """Ask for one file without an origin, for another site, and then for one that is allowed."""
    saved = examination.save("font-shared.woff2", ContentFile(_FONT))
    link = outside.link_to(examination, saved)
    examination.web.fetch(link)
    answers = [examination.web.fetch(link, headers={"origin": origin}) for origin in (_OTHER, *origins)]
    for origin, answer in zip(origins, answers[1:], strict=True):
        if not _permits(answer, origin):
            yield KEPT_FOR_ANOTHER.found(f"after a request without Origin: {_seen(answer, origin)}")
            return
    vary = answers[-1].header("vary").lower()
    if _permission(answers[-1]) != "*" and "origin" not in vary and "*" not in vary:
        yield VARY_MISSING.found(f"{_seen(answers[-1], origins[-1])}, Vary: {vary or 'none'}")


def _origins(examination: Examination) -> list[str]:
    """Give the sites that were named, else those that Django's settings name."""
    if examination.origins or not examination.project:
        return list(examination.origins)
    from django.conf import settings

    return [origin for origin in settings.CSRF_TRUSTED_ORIGINS if "*" not in origin]


def _permission(answer: Page) -> str:
    return answer.header("access-control-allow-origin")


def _permits(answer: Page, origin: str) -> bool:
    return _permission(answer) in {"*", origin}


def _seen(answer: Page, origin: str) -> str:
    return f"Origin {origin}: {answer.seen()}, Access-Control-Allow-Origin: {_permission(answer) or 'none'}"


def _rule(examination: Examination, origins: list[str]) -> str:
    rule = {
        "AllowedOrigins": origins,
        "AllowedMethods": ["GET", "HEAD"],
        "AllowedHeaders": ["*"],
        "MaxAgeSeconds": 3600,
    }
    command = aws(examination, "put-bucket-cors", "--cors-configuration", json.dumps({"CORSRules": [rule]}))
    return f"{command}   # it replaces the rules that are there; and let the CDN forward Origin"


PROBES = probes(probe_sites)
