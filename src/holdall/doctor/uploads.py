"""Layer `uploads`: files that browsers send straight to the store, where the project has `holdall.uploads`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from holdall.doctor import outside
from holdall.doctor.catalogue import uploads as kinds
from holdall.doctor.examination import Examination
from holdall.doctor.probe import probes
from holdall.doctor.remedies import allow_uploads
from holdall.doctor.web import Page
from holdall.errors import HoldallError
from holdall.findings import Finding
from holdall.s3.staging import FOLDER, Permit, Staging, left_behind
from holdall.storage.objects import links_of, prefix_of

_CONTENT = b"The doctor looks whether a browser may upload.\n"
# What the lifecycle rule of `holdall provision` leaves, and a day.
LEFT_SECONDS = 8 * 24 * 3600
_SECONDS = 300


def probe_sending(examination: Examination) -> Iterator[Finding]:
    """Send a file as the pages of each site do, with a link for it. Two requests for each site, and two that look."""
    staging = _staging(examination)
    if staging is None:
        return
    if not (origins := _origins(examination)):
        yield kinds.NOT_EXAMINED.found("no origin was given")
        return
    allowed, hidden = [], []
    for number, origin in enumerate(origins):
        key = _key(examination, f"{number}")
        full = f"{staging.prefix}{key}"
        examination.traces.expect(full)
        permit = staging.permit(key, size_bytes=len(_CONTENT), content_type="text/plain", digest={}, seconds=_SECONDS)
        refusal = _refusal(examination, permit, origin)
        if refusal is not None:
            yield kinds.NOT_ALLOWED.found(refusal, do=allow_uploads(examination, origins))
            continue
        answer = _sent(examination, permit, origin)
        if answer.status >= 300:
            yield kinds.ALLOWED.unknown(_seen(permit, answer, origin))
            continue
        if not _permits(answer, origin):
            yield kinds.NOT_ALLOWED.found(_seen(permit, answer, origin), do=allow_uploads(examination, origins))
            continue
        allowed.append(origin)
        exposed = {one.strip().lower() for one in answer.header("access-control-expose-headers").split(",")}
        if not exposed & {"etag", "*"}:
            hidden.append(origin)
    if allowed:
        yield kinds.ALLOWED.found(", ".join(allowed))
    if hidden:
        yield kinds.ETAG_HIDDEN.found(", ".join(hidden), do=allow_uploads(examination, origins))


def probe_waiting(examination: Examination) -> Iterator[Finding]:
    """Request a file that waits, without keys: at the bucket, and at the CDN. One PUT, and a GET for each."""
    staging = _staging(examination)
    if staging is None:
        return
    key = f"{staging.prefix}{_key(examination, 'waiting')}"
    examination.call("put_object", Key=key, Body=_CONTENT)
    addresses = [outside.origin_url(examination, key)]
    if domain := outside.domain(examination):
        protocol = getattr(examination.storage, "url_protocol", "https:")
        addresses.append(f"{protocol}//{domain}/{key}")
    for url in filter(None, addresses):
        answer = outside.ask(examination, str(url))
        if isinstance(answer, Page) and answer.status == 200 and answer.body == _CONTENT:
            yield kinds.PUBLIC.found(f"GET {url} without keys: {answer.seen()}")
            return


def probe_left_behind(examination: Examination) -> Iterator[Finding]:
    """List what waits in the staging area. One request for each 1,000, and one for unfinished uploads."""
    staging = _staging(examination)
    if staging is None:
        return
    try:
        found = (one for one in staging.waiting() if examination.traces.folder not in one.key)
        old = list(left_behind(found, seconds=LEFT_SECONDS))
    except HoldallError as error:
        yield kinds.LEFT_BEHIND.unknown(str(error))
        return
    if old:
        oldest = min(old, key=lambda one: one.since)
        yield kinds.LEFT_BEHIND.found(f"{len(old)}, the oldest from {oldest.since:%Y-%m-%d}")


def _staging(examination: Examination) -> Staging | None:
    """Give the staging area of a store to which the project lets browsers upload."""
    if not (examination.project and examination.is_ours) or getattr(examination.storage, "read_only", False):
        return None
    from django.apps import apps

    if not apps.is_installed("holdall.uploads"):
        return None
    storage = examination.storage
    if examination.connection.place() is None:
        return None
    return Staging(examination.connection, links_of(storage), prefix=prefix_of(storage))


def _key(examination: Examination, name: str) -> str:
    return f"{FOLDER}{datetime.now(UTC):%Y-%m-%d}/{examination.traces.folder}/{name}"


def _origins(examination: Examination) -> list[str]:
    """Return the sites that were given, or those in Django's settings."""
    if examination.origins:
        return list(examination.origins)
    from django.conf import settings

    return [origin for origin in settings.CSRF_TRUSTED_ORIGINS if "*" not in origin]


def _refusal(examination: Examination, permit: Permit, origin: str) -> str | None:
    """Ask what a browser asks before it sends; None if it may. A form is sent without a question."""
    if permit.method != "PUT":
        return None
    asked = {"origin": origin, "access-control-request-method": "PUT"}
    if permit.headers:
        asked["access-control-request-headers"] = ",".join(sorted(permit.headers))
    answer = examination.web.fetch(permit.url, method="OPTIONS", headers=asked)
    allowed = {one.strip().lower() for one in answer.header("access-control-allow-headers").split(",")}
    methods = {one.strip().upper() for one in answer.header("access-control-allow-methods").split(",")}
    if answer.status < 300 and _permits(answer, origin) and methods & {"PUT", "*"}:
        if "*" in allowed or permit.headers.keys() <= allowed:
            return None
        missing = ", ".join(sorted(permit.headers.keys() - allowed))
        return f"OPTIONS, Origin {origin}: the headers {missing} are not allowed"
    return f"OPTIONS, {_seen(permit, answer, origin)}"


def _sent(examination: Examination, permit: Permit, origin: str) -> Page:
    if permit.method == "PUT":
        return examination.web.fetch(
            permit.url, method="PUT", headers={"origin": origin, **permit.headers}, body=_CONTENT
        )
    boundary = "holdall-doctor"
    fields = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in permit.fields.items()
    )
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n\r\n'
    body = (fields + head).encode() + _CONTENT + f"\r\n--{boundary}--\r\n".encode()
    headers = {"origin": origin, "content-type": f"multipart/form-data; boundary={boundary}"}
    return examination.web.fetch(permit.url, method="POST", headers=headers, body=body)


def _permits(answer: Page, origin: str) -> bool:
    return answer.header("access-control-allow-origin") in {"*", origin}


def _seen(permit: Permit, answer: Page, origin: str) -> str:
    permission = answer.header("access-control-allow-origin") or "none"
    return f"{permit.method}, Origin {origin}: {answer.seen()}, Access-Control-Allow-Origin: {permission}"


PROBES = probes(probe_sending, probe_waiting, probe_left_behind)
