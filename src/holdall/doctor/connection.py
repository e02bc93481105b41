"""Layer `connection`: does the store respond, is the clock right, and do the keys open the bucket?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from holdall.doctor.catalogue import connection as kinds
from holdall.doctor.diagnosis import diagnose, set_region, through, unanswered
from holdall.doctor.examination import Examination
from holdall.doctor.probe import probes
from holdall.doctor.web import Page, WebFailed
from holdall.errors import AccessRefused, CredentialsRefused, HoldallError
from holdall.findings import Finding
from holdall.providers import AMAZON
from holdall.s3.answers import moved_to

# S3 refuses requests from 15 minutes on, and a clock that drifts gets there.
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (RequestTimeTooSkewed)
CLOCK_WARNING_SECONDS = 60
CLOCK_ERROR_SECONDS = 300

# The SDK's names of the places where it finds keys.
SOURCES = {
    "explicit": "the keys that the storage was given",
    "env": "the keys in the environment",
    "shared-credentials-file": "the keys in the AWS credentials file",
    "config-file": "the keys in the AWS configuration file",
    "assume-role": "the keys of an assumed role",
    "assume-role-with-web-identity": "the keys of a role, through a web identity token",
    "container-role": "the keys of the container's role",
    "iam-role": "the keys of the machine's role",
    "sso": "the keys of an SSO login",
    "custom-process": "the keys from the profile's credential process",
}


def probe_endpoint(examination: Examination) -> Iterator[Finding]:
    """Ask without keys: every S3 server responds, even if it refuses."""
    place = examination.connection.place()
    if place is None:
        return
    asked_at = time.time()
    try:
        # Even a refusal names the bucket's region.
        page = examination.web.fetch(f"{place.base}?list-type=2&max-keys=1")
    except WebFailed as failure:
        wants_tls = failure.reason == "connection" and _speaks_tls(examination, place.base)
        yield _needs_tls(str(failure), examination) if wants_tls else unanswered(failure, place.base, examination)
        return
    if (wrong := _not_s3(page, examination)) is not None:
        yield wrong
        return
    found = page.header("x-amz-bucket-region")
    if found and found != place.region and (examination.provider is AMAZON or page.status in {301, 307}):
        # The SDK follows redirects by itself, links cannot.
        seen = f"{page.seen()}: the bucket is in {found}, but requests are signed for {place.region}"
        yield kinds.REGION_WRONG.found(seen, do=set_region(found, examination))
        return
    yield kinds.ENDPOINT_ANSWERS.found(page.seen())
    yield from _clock(page, asked_at)


def _not_s3(page: Page, examination: Examination) -> Finding | None:
    """Return what is wrong if the answer is not S3's, or not the store's own."""
    kind = page.header("content-type")
    seen = f"{page.seen()}{f', {kind}' if kind else ''}{through(page, examination)}"
    location = page.header("location")
    if 300 <= page.status < 400 and location and not page.is_s3:
        if address := moved_to(location, bucket=examination.bucket):
            return kinds.REDIRECTS.found(f"{seen}, to {address}", do=f"AWS_S3_ENDPOINT_URL={address}")
        return kinds.NOT_S3.found(f"{seen}, to {location.partition('?')[0]}")
    if not page.is_answer:
        return (kinds.THROTTLED if page.status == 429 or page.code == "SlowDown" else kinds.FAILED).found(seen)
    if page.status == 407:
        return kinds.PROXY_REFUSES.found(seen)
    if page.status == 400 and any(words in page.body for words in _WANTS_TLS):
        return _needs_tls(seen, examination)
    if page.is_s3 or (not page.is_page and _signed_is_s3(examination)):
        return None
    return kinds.NOT_S3.found(seen)


# How Go's servers, nginx and Apache answer plain HTTP at a port for HTTPS.
_WANTS_TLS = (
    b"Client sent an HTTP request to an HTTPS server",
    b"plain HTTP request was sent to HTTPS port",
    b"speaking plain HTTP to an SSL-enabled server port",
)


def _speaks_tls(examination: Examination, base: str) -> bool:
    if not base.startswith("http://"):
        return False
    try:
        return examination.web.fetch(base.replace("http://", "https://", 1)).is_s3
    except WebFailed as failure:
        return failure.reason == "certificate" and "WRONG_VERSION" not in str(failure).upper().replace(" ", "_")


def _needs_tls(seen: str, examination: Examination) -> Finding:
    address = (examination.target.endpoint_url or "").replace("http://", "https://", 1)
    return kinds.NEEDS_TLS.found(seen, do=f"AWS_S3_ENDPOINT_URL={address}   # or use the port that speaks HTTP")


def _signed_is_s3(examination: Examination) -> bool:
    """Ask with the keys, as a server may have words of its own for those who have none. One GET."""
    try:
        examination.call("list_objects_v2", MaxKeys=1)
    except HoldallError as error:
        # A 404 of whoever answers here is that of a missing bucket to the door.
        return error.answer is not None and not error.answer.bare and error.answer.status != 404
    return True


def _clock(page: Page, asked_at: float) -> Iterator[Finding]:
    if not (date := page.header("date")):
        return
    # The header has whole seconds, and the answer took some time.
    off_seconds = asked_at - parsedate_to_datetime(date).timestamp()
    seen = f"{_duration(abs(off_seconds))} {'ahead of' if off_seconds > 0 else 'behind'} the store's clock ({date})"
    if abs(off_seconds) > CLOCK_ERROR_SECONDS:
        yield kinds.CLOCK_IS_WRONG.found(seen)
    elif abs(off_seconds) > CLOCK_WARNING_SECONDS:
        yield kinds.CLOCK_DRIFTS.found(seen)


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 10:
        return f"{seconds:.0f} s"
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours and {minutes % 60} minutes"


def probe_bucket(examination: Examination) -> Iterator[Finding]:
    """Ask for the bucket with a signed request: a missing bucket must not look like missing files."""
    try:
        source = examination.connection.credential_source()
        examination.call("head_bucket")
    except CredentialsRefused as error:
        yield diagnose(error, examination)
    except AccessRefused as error:
        yield kinds.BUCKET_HIDDEN.unknown(str(error))
    except HoldallError as error:
        yield diagnose(error, examination)
    else:
        yield kinds.BUCKET_OPENS.found(
            f'bucket "{examination.bucket}", opened with {SOURCES.get(source, f"keys from {source}")}'
        )


PROBES = probes(probe_endpoint, probe_bucket)
