"""Layer `caching`: what the CDN keeps, and for how long: copies of files, old copies, and errors."""

from __future__ import annotations

import time
from collections.abc import Iterator

from django.core.files.base import ContentFile

from holdall.doctor import outside
from holdall.doctor.examination import Examination, probes
from holdall.doctor.web import Page
from holdall.findings import Finding, Kind, Level

NOT_CACHED = Kind(
    "D810",
    Level.NOTICE,
    "Nothing shows that the CDN keeps copies",
    "A picture was asked for three times, and no header says that a copy was given (Age, X-Cache, CF-Cache-Status…).",
    "Look at the hit rate in the CDN's console; CloudFront: the policy CachingOptimized.",
    ("E3",),
)
CACHE_BYPASSED = Kind(
    "D812",
    Level.WARNING,
    "The CDN is told to keep nothing",
    "It says itself that it passes every request to the bucket, which is slower and dearer than no CDN.",
    "CloudFront: the policy CachingOptimized; Cloudflare: a cache rule for the domain.",
    ("E3",),
)
MISSING_IS_REFUSED = Kind(
    "D813",
    Level.NOTICE,
    "A missing file is answered with 403",
    "The CDN may read files but not list them, so it cannot tell missing from forbidden. Nothing is broken.",
    "Take 403 for missing there: the right that makes it 404 (s3:ListBucket) would let everybody list at the domain's "
    "root. Do not rewrite all 403 to 404.",
    ("E5",),
)
MISSING_IS_NOT_FOUND = Kind("D814", Level.OK, "A missing file is answered with 404", "A new name was asked for.")
MISSING_IS_ANSWERED = Kind(
    "D815",
    Level.WARNING,
    "A missing file is answered as if it were there",
    "The CDN gives a page of its own with a status of success: broken pictures are kept by caches, and nobody notices.",
    "Remove the error page (CloudFront: custom error response) from the media's distribution, or keep its status 404.",
    ("E5",),
)
STALE = Kind(
    "D816",
    Level.NOTICE,
    "A file that is replaced stays old at the CDN",
    "This storage replaces no file, but a name whose file was deleted can be given again; visitors see the old file for as "
    "long as its `Cache-Control` lets the CDN keep it (`STORAGE_CACHE_LIFETIME`).",
    failures=("E6",),
)
STALE_AND_REPLACED = Kind(
    "D817",
    Level.WARNING,
    "Files are replaced, and the CDN goes on showing the old ones",
    "The storage overwrites files of the same name (file_overwrite=True), but the link stays, and the CDN keeps its copy.",
    "file_overwrite=False (AWS_S3_FILE_OVERWRITE), so that every file has a name of its own.",
    ("E6",),
)
ERROR_KEPT = Kind(
    "D818",
    Level.WARNING,
    "The CDN goes on saying that a file is missing",
    "Who asks too early, or before a right is granted, makes the file invisible for all until the copy of the error ends.",
    "Keep errors for seconds only (CloudFront: error caching minimum TTL); purge the CDN after rights were fixed.",
    ("E6",),
)
ERROR_KEPT_BRIEFLY = Kind(
    "D819",
    Level.NOTICE,
    "The CDN keeps errors for a short while",
    "A file that is asked for before it is saved appears so much later.",
    failures=("E6",),
)
KEPT = Kind("D827", Level.OK, "The CDN keeps copies", "A picture was asked for again, and a copy was given.")

PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001"
    "a5f645400000000049454e44ae426082"
)
# In which headers CDNs tell what their cache did.
CACHE_HEADERS = (
    "x-cache", "cf-cache-status", "x-cache-status", "cdn-cache", "x-proxy-cache", "x-do-cdn-cache", "cache-status",
    "x-cdn-cache-status", "x-nginx-cache",
)  # fmt: skip
# For how long it is watched whether an error goes away; CloudFront's own default is ten seconds.
PATIENCE_SECONDS = 12.0


def probe_cache(examination: Examination) -> Iterator[Finding]:
    """Ask three times for a new picture. One PUT, up to three GETs."""
    if not outside.has_domain(examination) or outside.domain_is_bucket(examination):
        return
    saved = examination.save("picture.png", ContentFile(PICTURE))
    link = outside.link_to(examination, saved)
    for _ in range(3):
        answer = examination.web.fetch(link)
        if _was_kept(answer):
            yield KEPT.found(_cache_says(answer) or f"Age: {answer.header('age')}")
            return
    said = _cache_says(answer)
    bypassed = any(word in said.lower() for word in ("bypass", "dynamic", "uncacheable", "no-cache"))
    yield (CACHE_BYPASSED if bypassed else NOT_CACHED).found(said or "no header about a cache in the third answer")


def _was_kept(answer: Page) -> bool:
    return "hit" in _cache_says(answer).lower() or answer.header("age") not in {"", "0"}


def _cache_says(answer: Page) -> str:
    return ", ".join(f"{name}: {value}" for name in CACHE_HEADERS if (value := answer.header(name)))


def probe_missing_file(examination: Examination) -> Iterator[Finding]:
    """Ask for a file that is not there, make it, ask again. One PUT, two GETs; a few more while an error is kept."""
    if not outside.has_domain(examination):
        return
    link = outside.url_of(examination, "late.png")
    before = examination.web.fetch(link)
    if before.status < 400:
        yield MISSING_IS_ANSWERED.found(before.seen())
        return
    yield (MISSING_IS_REFUSED if before.status in {401, 403} else MISSING_IS_NOT_FOUND).found(before.seen())
    outside.put(examination, "late.png", PICTURE, ContentType="image/png")
    began = time.monotonic()
    for pause in (0.0, 0.5, 1.0, 2.0, 4.0, 8.0):
        time.sleep(min(pause, max(0.0, PATIENCE_SECONDS - (time.monotonic() - began))))
        after = examination.web.fetch(link)
        if after.status < 400:
            if pause:
                yield ERROR_KEPT_BRIEFLY.found(f"{before.seen()}, for {time.monotonic() - began:.0f} s or less")
            return
        if time.monotonic() - began >= PATIENCE_SECONDS:
            break
    kept = _kept_seconds(after)
    if after.header("cf-cache-status") and after.status in {404, 410} and not after.header("cache-control"):
        # https://developers.cloudflare.com/cache/how-to/configure-cache-status-code
        yield ERROR_KEPT_BRIEFLY.found(f"{after.seen()}; Cloudflare keeps it for 3 minutes unless it is told otherwise")
        return
    yield ERROR_KEPT.found(
        f"{after.seen()}, {time.monotonic() - began:.0f} s after the file was made"
        f"{f'; the copy has {kept} s to go' if kept else ''}"
    )


def probe_replacing(examination: Examination) -> Iterator[Finding]:
    """Replace a file behind the storage's back, and see which one the domain gives. Two PUTs, two GETs."""
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
        f"{answer.seen()}; the old copy may be given for {f'{kept} s more' if kept else 'as long as the CDN keeps it'}"
    )
    replaces = bool(getattr(examination.storage, "file_overwrite", False))
    yield (STALE_AND_REPLACED if replaces else STALE).found(seen)


def _kept_seconds(answer: Page) -> int:
    """Read how long a copy is good for; 0 where it does not say."""
    seconds = 0
    for directive in answer.header("cache-control").lower().split(","):
        name, _, value = directive.strip().partition("=")
        if name in {"max-age", "s-maxage"} and value.isdecimal():
            seconds = int(value)
    age = answer.header("age")
    return max(0, seconds - (int(age) if age.isdecimal() else 0))


PROBES = probes(probe_cache, probe_missing_file, probe_replacing)
