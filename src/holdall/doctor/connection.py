"""Layer `connection`: does the store answer, what is the time, and do the keys open the bucket?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from holdall.doctor.diagnosis import (
    CERTIFICATE_REFUSED,
    NO_TLS,
    NOT_S3,
    REGION_WRONG,
    UNREACHABLE,
    diagnose,
    host_unknown,
    set_region,
)
from holdall.doctor.examination import Examination, probes
from holdall.doctor.web import Page, WebFailed
from holdall.errors import AccessRefused, CredentialsRefused, HoldallError
from holdall.findings import Finding, Kind, Level
from holdall.providers import AMAZON

# S3 refuses beyond 15 minutes; a clock that drifts gets there.
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (RequestTimeTooSkewed)
CLOCK_WARNING_SECONDS = 60
CLOCK_ERROR_SECONDS = 300

ENDPOINT_ANSWERS = Kind("D300", Level.OK, "The endpoint answers", "An unsigned request was answered by an S3 server.")
CLOCK_DRIFTS = Kind(
    "D307",
    Level.WARNING,
    "This machine's clock is off",
    "Signed links begin or end at the wrong time; from 15 minutes on, the store refuses every request.",
    "sudo timedatectl set-ntp true   # in a virtual machine: restart it, or its time service, after sleep",
    ("B6",),
)
CLOCK_IS_WRONG = Kind(
    "D308",
    Level.ERROR,
    "This machine's clock is wrong by minutes",
    "Signed links are dead too early or not yet alive; from 15 minutes on, the store refuses every request.",
    "sudo timedatectl set-ntp true   # in a virtual machine: restart it, or its time service, after sleep",
    ("B6",),
)
# The SDK's words for where keys come from.
SOURCES = {
    "explicit": "the keys that the storage was given",
    "env": "the keys in the environment",
    "shared-credentials-file": "the keys in the AWS credentials file",
    "config-file": "the keys in the AWS configuration file",
    "assume-role": "the keys of an assumed role",
    "assume-role-with-web-identity": "the keys of a role, by a web identity token",
    "container-role": "the keys of the container's role",
    "iam-role": "the keys of the machine's role",
    "sso": "the keys of a login by SSO",
    "custom-process": "the keys that a program of the profile gives",
}
BUCKET_OPENS = Kind("D309", Level.OK, "The keys open the bucket", "A signed request about the bucket was accepted.")
BUCKET_HIDDEN = Kind(
    "D312",
    Level.UNKNOWN,
    "Whether the bucket exists cannot be told",
    "The keys may not ask for the bucket itself (`s3:ListBucket`); saving a file will tell.",
)


def probe_endpoint(examination: Examination) -> Iterator[Finding]:
    """Ask without keys: whatever S3 server it is, it answers, if only with a refusal."""
    place = examination.connection.place()
    if place is None:
        return
    asked_at = time.time()
    try:
        # A refusal too names the bucket's region.
        page = examination.web.fetch(f"{place.base}?list-type=2&max-keys=1")
    except WebFailed as failure:
        yield unanswered(failure, place.base, examination)
        return
    if _is_a_web_page(page):
        yield NOT_S3.found(f"{page.seen()}, {page.header('content-type')}")
        return
    found = page.header("x-amz-bucket-region")
    if found and found != place.region and (examination.provider is AMAZON or page.status in {301, 307}):
        # The SDK would follow a redirect by itself; links cannot.
        seen = f"{page.seen()}: the bucket lies in {found}, requests are signed for {place.region}"
        yield REGION_WRONG.found(seen, do=set_region(found, examination))
        return
    yield ENDPOINT_ANSWERS.found(page.seen())
    yield from _clock(page, asked_at)


def unanswered(failure: WebFailed, address: str, examination: Examination) -> Finding:
    """Give the finding that a request without an answer comes to."""
    seen = f"{address}: {failure}" if address else str(failure)
    if failure.reason == "certificate" and "WRONG_VERSION_NUMBER" in str(failure).upper().replace(" ", "_"):
        plain = (examination.connection.target.endpoint_url or "").replace("https://", "http://")
        return NO_TLS.found(seen, do=f"AWS_S3_ENDPOINT_URL={plain}   # or find the port that speaks HTTPS")
    if failure.reason == "name":
        return host_unknown(seen, examination)
    return (CERTIFICATE_REFUSED if failure.reason == "certificate" else UNREACHABLE).found(seen)


def _is_a_web_page(page: Page) -> bool:
    return "html" in page.header("content-type") and not page.code


def _clock(page: Page, asked_at: float) -> Iterator[Finding]:
    if not (date := page.header("date")):
        return
    # The header counts whole seconds, and the answer was on its way.
    off_seconds = asked_at - parsedate_to_datetime(date).timestamp()
    seen = f"{abs(off_seconds):.0f} s {'ahead of' if off_seconds > 0 else 'behind'} the store's ({date})"
    if abs(off_seconds) > CLOCK_ERROR_SECONDS:
        yield CLOCK_IS_WRONG.found(seen)
    elif abs(off_seconds) > CLOCK_WARNING_SECONDS:
        yield CLOCK_DRIFTS.found(seen)


def probe_bucket(examination: Examination) -> Iterator[Finding]:
    """Ask for the bucket, signed: a missing one must not pass for missing files."""
    try:
        source = examination.connection.credential_source()
        examination.call("head_bucket")
    except CredentialsRefused as error:
        yield diagnose(error, examination)
    except AccessRefused as error:
        yield BUCKET_HIDDEN.unknown(str(error))
    except HoldallError as error:
        yield diagnose(error, examination)
    else:
        yield BUCKET_OPENS.found(
            f'bucket "{examination.bucket}", opened with {SOURCES.get(source, f"keys from {source}")}'
        )


PROBES = probes(probe_endpoint, probe_bucket)
