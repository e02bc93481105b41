"""Layer `connection`: does the store respond, is the clock right, and do the keys open the bucket?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from holdall.doctor.catalogue import connection as kinds
from holdall.doctor.diagnosis import diagnose, set_region, unanswered
from holdall.doctor.examination import Examination
from holdall.doctor.probe import probes
from holdall.doctor.web import Page, WebFailed
from holdall.errors import AccessRefused, CredentialsRefused, HoldallError
from holdall.findings import Finding
from holdall.providers import AMAZON

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
        yield unanswered(failure, place.base, examination)
        return
    if _is_a_web_page(page):
        yield kinds.NOT_S3.found(f"{page.seen()}, {page.header('content-type')}")
        return
    found = page.header("x-amz-bucket-region")
    if found and found != place.region and (examination.provider is AMAZON or page.status in {301, 307}):
        # The SDK follows redirects by itself, links cannot.
        seen = f"{page.seen()}: the bucket is in {found}, but requests are signed for {place.region}"
        yield kinds.REGION_WRONG.found(seen, do=set_region(found, examination))
        return
    yield kinds.ENDPOINT_ANSWERS.found(page.seen())
    yield from _clock(page, asked_at)


def _is_a_web_page(page: Page) -> bool:
    return "html" in page.header("content-type") and not page.code


def _clock(page: Page, asked_at: float) -> Iterator[Finding]:
    if not (date := page.header("date")):
        return
    # The header has whole seconds, and the answer took some time.
    off_seconds = asked_at - parsedate_to_datetime(date).timestamp()
    seen = f"{abs(off_seconds):.0f} s {'ahead of' if off_seconds > 0 else 'behind'} the store's clock ({date})"
    if abs(off_seconds) > CLOCK_ERROR_SECONDS:
        yield kinds.CLOCK_IS_WRONG.found(seen)
    elif abs(off_seconds) > CLOCK_WARNING_SECONDS:
        yield kinds.CLOCK_DRIFTS.found(seen)


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
