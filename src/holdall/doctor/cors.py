"""Layer `cors`: fonts, canvas and fetch on the sites that show the files, which browsers allow only with headers."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.files.base import ContentFile

from holdall.doctor import outside
from holdall.doctor.catalogue import cors as kinds
from holdall.doctor.examination import Examination
from holdall.doctor.probe import probes
from holdall.doctor.remedies import allow_sites
from holdall.doctor.web import Page
from holdall.findings import Finding

# Nobody's site: whether it is refused or allowed does not matter.
_OTHER = "https://another.example"
_FONT = b"wOF2 is how fonts begin; this is not one.\n"


def probe_sites(examination: Examination) -> Iterator[Finding]:
    """Request new fonts as the pages of each site do. One PUT, and two requests for each site.

    Signed links to the bucket itself are only tried for sites that were named: most projects need no CORS for them.
    """
    if not outside.is_served(examination) or not (outside.domain(examination) or examination.origins):
        return
    if not (origins := _origins(examination)):
        yield kinds.NOT_EXAMINED.found("no origin was given")
        return
    allowed = []
    for number, origin in enumerate(origins):
        # A file for each that no cache has seen.
        saved = examination.save(f"font-{number}.woff2", ContentFile(_FONT))
        link = outside.link_to(examination, saved)
        answer = examination.web.fetch(link, headers={"origin": origin})
        if answer.status != 200:
            yield kinds.ALLOWED.unknown(_seen(answer, origin))
            continue
        if not _permits(answer, origin):
            # The sites in `CSRF_TRUSTED_ORIGINS` may need nothing but pictures.
            kind = kinds.NOT_ALLOWED if examination.origins else kinds.NOT_ALLOWED_TO_PROJECT
            if not outside.domain(examination):
                kind = kinds.SIGNED_NOT_ALLOWED
            yield kind.found(_seen(answer, origin), do=allow_sites(examination, origins))
            continue
        allowed.append(origin)
        asked = {"origin": origin, "access-control-request-method": "GET", "access-control-request-headers": "range"}
        preflight = examination.web.fetch(link, method="OPTIONS", headers=asked)
        if preflight.is_answer and (preflight.status >= 300 or not _permits(preflight, origin)):
            yield kinds.PREFLIGHT_REFUSED.found(f"OPTIONS: {_seen(preflight, origin)}")
    if allowed:
        yield kinds.ALLOWED.found(", ".join(allowed))
    if allowed and outside.domain(examination):
        yield from _kept(examination, allowed)


def _kept(examination: Examination, origins: list[str]) -> Iterator[Finding]:
    """Request one file without an origin, for another site, and then for one that is allowed."""
    saved = examination.save("font-shared.woff2", ContentFile(_FONT))
    link = outside.link_to(examination, saved)
    examination.web.fetch(link)
    answers = [examination.web.fetch(link, headers={"origin": origin}) for origin in (_OTHER, *origins)]
    for origin, answer in zip(origins, answers[1:], strict=True):
        if answer.status == 200 and not _permits(answer, origin):
            yield kinds.KEPT_FOR_ANOTHER.found(f"after a request without Origin: {_seen(answer, origin)}")
            return
    vary = answers[-1].header("vary").lower()
    if _permission(answers[-1]) != "*" and "origin" not in vary and "*" not in vary:
        yield kinds.VARY_MISSING.found(f"{_seen(answers[-1], origins[-1])}, Vary: {vary or 'none'}")


def _origins(examination: Examination) -> list[str]:
    """Return the sites that were given, or those in Django's settings."""
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


PROBES = probes(probe_sites)
