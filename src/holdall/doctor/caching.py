"""Layer `caching`: what the CDN keeps, and for how long: files, old files and errors."""

from __future__ import annotations

import time
from collections.abc import Iterator

from django.core.files.base import ContentFile

from holdall.doctor import outside
from holdall.doctor.catalogue import cdn as kinds
from holdall.doctor.examination import Examination
from holdall.doctor.probe import probes
from holdall.doctor.web import Page
from holdall.findings import Finding

PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001"
    "a5f645400000000049454e44ae426082"
)
# The headers in which CDNs say what their cache did.
CACHE_HEADERS = (
    "x-cache", "cf-cache-status", "x-cache-status", "cdn-cache", "x-proxy-cache", "x-do-cdn-cache", "cache-status",
    "x-cdn-cache-status", "x-nginx-cache",
)  # fmt: skip
# How long to wait for an error to go away. CloudFront's default is ten seconds.
PATIENCE_SECONDS = 12.0


def probe_cache(examination: Examination) -> Iterator[Finding]:
    """Request a new picture three times. One PUT, up to three GETs."""
    if not outside.has_domain(examination) or outside.domain_is_bucket(examination):
        return
    saved = examination.save("picture.png", ContentFile(PICTURE))
    link = outside.link_to(examination, saved)
    for _ in range(3):
        answer = examination.web.fetch(link)
        if answer.status == 200 and _was_kept(answer):
            yield kinds.KEPT.found(_cache_says(answer) or f"Age: {answer.header('age')}")
            return
    said = _cache_says(answer)
    if answer.status != 200:
        yield kinds.KEPT.unknown(answer.seen())
        return
    bypassed = any(word in said.lower() for word in ("bypass", "dynamic", "uncacheable", "no-cache"))
    yield (kinds.CACHE_BYPASSED if bypassed else kinds.NOT_CACHED).found(
        said or "the third answer has no header about a cache"
    )


def _was_kept(answer: Page) -> bool:
    return "hit" in _cache_says(answer).lower() or answer.header("age") not in {"", "0"}


def _cache_says(answer: Page) -> str:
    return ", ".join(f"{name}: {value}" for name in CACHE_HEADERS if (value := answer.header(name)))


def probe_missing_file(examination: Examination) -> Iterator[Finding]:
    """Request a file that does not exist, save it, request it again. One PUT, two GETs; a few more while an error is kept."""
    if not outside.has_domain(examination):
        return
    link = outside.url_of(examination, "late.png")
    before = examination.web.fetch(link)
    if before.status < 400:
        yield kinds.MISSING_IS_ANSWERED.found(before.seen())
        return
    if before.status not in {401, 403, 404, 410}:
        yield kinds.MISSING_IS_NOT_FOUND.unknown(before.seen())
        return
    yield (kinds.MISSING_IS_REFUSED if before.status in {401, 403} else kinds.MISSING_IS_NOT_FOUND).found(before.seen())
    outside.put(examination, "late.png", PICTURE, ContentType="image/png")
    began = time.monotonic()
    for pause in (0.0, 0.5, 1.0, 2.0, 4.0, 8.0):
        time.sleep(min(pause, max(0.0, PATIENCE_SECONDS - (time.monotonic() - began))))
        after = examination.web.fetch(link)
        if after.status < 400:
            if pause:
                yield kinds.ERROR_KEPT_BRIEFLY.found(f"{before.seen()}, for {time.monotonic() - began:.0f} s or less")
            return
        if time.monotonic() - began >= PATIENCE_SECONDS:
            break
    if not after.is_answer:
        yield kinds.ERROR_KEPT.unknown(after.seen())
        return
    kept = _kept_seconds(after)
    if after.header("cf-cache-status") and after.status in {404, 410} and not after.header("cache-control"):
        # https://developers.cloudflare.com/cache/how-to/configure-cache-status-code
        yield kinds.ERROR_KEPT_BRIEFLY.found(f"{after.seen()}; Cloudflare keeps it for 3 minutes by default")
        return
    yield kinds.ERROR_KEPT.found(
        f"{after.seen()}, {time.monotonic() - began:.0f} s after the file was saved"
        f"{f'; the cached error lasts {kept} s more' if kept else ''}"
    )


def probe_replacing(examination: Examination) -> Iterator[Finding]:
    """Replace a file directly in the bucket, and see which one the domain serves. Two PUTs, two GETs."""
    if not outside.has_domain(examination) or outside.domain_is_bucket(examination):
        return
    sample = outside.at_domain(examination)
    headers = {"ContentType": "text/plain"}
    if isinstance(sample, Page) and (control := sample.header("cache-control")):
        headers["CacheControl"] = control
    link = outside.url_of(examination, "replaced.txt")
    outside.put(examination, "replaced.txt", b"first\n", **headers)
    examination.web.fetch(link)
    examination.pause()
    outside.put(examination, "replaced.txt", b"second\n", **headers)
    answer = examination.web.fetch(link)
    if outside.body_of(answer) != b"first\n":
        return
    kept = _kept_seconds(answer)
    seen = (
        f"{answer.seen()}; the old file may be served {f'for {kept} s more' if kept else 'as long as the CDN keeps it'}"
    )
    replaces = bool(getattr(examination.storage, "file_overwrite", False))
    yield (kinds.STALE_AND_REPLACED if replaces else kinds.STALE).found(seen)


def _kept_seconds(answer: Page) -> int:
    """Return for how many seconds a copy may still be used; 0 if it does not say."""
    seconds = 0
    for directive in answer.header("cache-control").lower().split(","):
        name, _, value = directive.strip().partition("=")
        if name in {"max-age", "s-maxage"} and value.isdecimal():
            seconds = int(value)
    age = answer.header("age")
    return max(0, seconds - (int(age) if age.isdecimal() else 0))


PROBES = probes(probe_cache, probe_missing_file, probe_replacing)
