"""Find the reason: turn an error, and what the store said with it, into a finding."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from holdall.doctor import doors
from holdall.doctor.catalogue import connection as kinds
from holdall.doctor.catalogue import ownership, reading, saving
from holdall.doctor.evidence import refusal
from holdall.doctor.examination import Examination
from holdall.doctor.grants import grant, has_statements, resource_of
from holdall.doctor.web import Page, WebFailed
from holdall.errors import Answer, BucketNotFound, CredentialsRefused, HoldallError, StoreUnreachable, WriteRefused
from holdall.findings import Cause, Finding, Kind
from holdall.s3.answers import meaning_of, moved_to, wants_virtual_style


def diagnose(error: HoldallError, examination: Examination) -> Finding:
    """Return the finding for an error, whatever was being done."""
    if error.answer is None:
        return _without_answer(error, examination)
    for applies, explain in _RULES:
        if applies(error.answer):
            return explain(error, examination)
    if isinstance(error, BucketNotFound):
        return _bucket_missing(error, examination)
    if (told := lasting(error)) is not None:
        return told
    if error.answer.status in {301, 302, 303, 307, 308}:
        return _redirected(error, examination)
    if error.answer.status == 403:
        return kinds.REFUSED.found(refusal(error), do=f"Grant the right. The request was refused with: {error}")
    return kinds.FAILED.found(refusal(error))


def lasting(error: HoldallError) -> Finding | None:
    """Return the finding for a refusal that no right of the keys would change, in the store's own words."""
    answer = error.answer
    if answer is None or not (meaning := meaning_of(answer)):
        return None
    means = f"{meaning[:1].upper()}{meaning[1:]}"
    kind = next((kind for words, kind in _LASTING if any(word in means.lower() for word in words)), None)
    return (kind or kinds.REFUSED_LASTING).found(refusal(error), means=means)


def no_right(error: HoldallError, examination: Examination, action: str) -> Finding | None:
    """Return the finding for a refusal that is no missing right, also where only the bucket's policy says so.

    Most servers say no more than "Access Denied". Requests: none, or one for the policy.
    """
    if (told := lasting(error)) is not None:
        return told
    if error.answer is None or error.answer.status != 403 or not (statement := doors.denial(examination, action)):
        return None
    return kinds.DENIED.found(f"{refusal(error)}; {statement}")


# By what the door says that a refusal means.
_LASTING: tuple[tuple[tuple[str, ...], Kind], ...] = (
    (("quota", "store is full", "disks are full"), kinds.QUOTA_USED_UP),
    (("archived",), kinds.ARCHIVED),
    (("denies it explicitly",), kinds.DENIED),
    (("locked",), kinds.LOCKED),
    (("kms key",), saving.KMS_REFUSED),
)


def _redirected(error: HoldallError, examination: Examination) -> Finding:
    assert error.answer is not None  # noqa: S101  for the type checker
    if address := moved_to(error.answer.headers.get("location", ""), bucket=examination.bucket):
        return kinds.REDIRECTS.found(f"{refusal(error)}, to {address}", do=f"AWS_S3_ENDPOINT_URL={address}")
    return kinds.NOT_S3.found(refusal(error))


def _code(*codes: str) -> Callable[[Answer], bool]:
    return lambda answer: answer.code in codes


def _region_wrong(error: HoldallError, examination: Examination) -> Finding:
    assert error.answer is not None  # noqa: S101  for the type checker
    region = error.answer.headers.get("x-amz-bucket-region") or expected_region(error.answer.message)
    return kinds.REGION_WRONG.found(refusal(error), do=set_region(region, examination))


def set_region(region: str, examination: Examination) -> str:
    """Return the line that sets the region, or where to look it up if it is not known."""
    mode_do = examination.reading is not None and examination.reading.store and examination.reading.store.mode == "do"
    variable = "DO_REGION" if mode_do else "AWS_S3_REGION_NAME"
    return f"{variable}={region}" if region else f"Look the region up in the console, and set `{variable}` to it."


def expected_region(message: str) -> str:
    """Read the right region from an error: "…the region 'us-east-1' is wrong; expecting 'eu-central-1'"."""
    _, _, rest = message.partition("expecting '")
    return rest.partition("'")[0]


def _bucket_missing(error: HoldallError, examination: Examination) -> Finding:
    return kinds.BUCKET_MISSING.found(
        f'bucket "{examination.bucket}": {refusal(error)}',
    )


def _without_answer(error: HoldallError, examination: Examination) -> Finding:
    text = str(error)
    if isinstance(error, BucketNotFound):
        return kinds.BUCKET_MISSING.found(text)
    if isinstance(error, WriteRefused):
        return ownership.FOREIGN_OWNER.found(text)
    if isinstance(error, CredentialsRefused):
        return (kinds.KEYS_UNREADABLE if error.source else kinds.NO_KEYS).found(text)
    if isinstance(error, StoreUnreachable):
        # Only the SDK's own words tell at which step it failed.
        if any(
            mark in text for mark in ("Name or service not known", "getaddrinfo", "NameResolutionError", "nodename")
        ):
            return host_unknown(text, examination)
        if "proxy" in text.lower():
            return kinds.PROXY_REFUSES.found(text)
        if "WRONG_VERSION_NUMBER" in text:
            return kinds.NO_TLS.found(text)
        return (
            kinds.CERTIFICATE_REFUSED if "TLS" in text or "CERTIFICATE" in text.upper() else kinds.UNREACHABLE
        ).found(text)
    return kinds.FAILED.found(text)


def list_not_granted(error: HoldallError, examination: Examination) -> Finding:
    """Return the finding that a missing file is refused."""
    if (told := no_right(error, examination, "s3:ListBucket")) is not None:
        return told
    return reading.LIST_NOT_GRANTED.found(
        refusal(error),
        do=grant(examination, "s3:ListBucket"),
        otherwise=[
            Cause(
                "The right is granted on the objects (`…/*`), where S3 does not look for it.",
                f'"Resource": "{resource_of(examination, "s3:ListBucket")}"',
            )
        ]
        if has_statements(examination)
        else [],
    )


def unanswered(failure: WebFailed, address: str, examination: Examination) -> Finding:
    """Return the finding for a request without an answer."""
    seen = f"{address}: {failure}" if address else str(failure)
    if failure.reason == "certificate" and "WRONG_VERSION_NUMBER" in str(failure).upper().replace(" ", "_"):
        plain = (examination.connection.target.endpoint_url or "").replace("https://", "http://")
        return kinds.NO_TLS.found(seen, do=f"AWS_S3_ENDPOINT_URL={plain}   # or use the port that speaks HTTPS")
    if failure.reason == "proxy":
        return kinds.PROXY_REFUSES.found(seen)
    if failure.reason == "name":
        return host_unknown(seen, examination)
    if failure.reason == "certificate":
        return kinds.CERTIFICATE_REFUSED.found(seen)
    endpoint = examination.connection.target.endpoint_url
    return kinds.UNREACHABLE.found(
        seen, do=f"curl -v {endpoint}   # from this machine or container" if endpoint else ""
    )


def through(page: Page, examination: Examination) -> str:
    """Say by which proxy an answer came, if by one: it may be the proxy's own."""
    proxy = examination.web.proxy(page.url)
    return f", through the proxy {proxy.where}" if proxy else ""


def host_unknown(seen: str, examination: Examination) -> Finding:
    """Return the finding that a host has no address, with the variables that it is made of."""
    target = examination.connection.target
    if target.endpoint_url:
        host = urlsplit(target.endpoint_url).hostname or ""
        return kinds.HOST_UNKNOWN.found(seen, do=kinds.HOST_UNKNOWN.do.replace("`nslookup`", f"`nslookup {host}`"))
    made_of = "AWS_S3_REGION_NAME" if target.region_name else "STORAGE_BUCKET_NAME"
    return kinds.HOST_UNKNOWN.found(
        seen,
        means="No endpoint is set, so the host is Amazon's and is made of the bucket and the region. One of them is misspelled, "
        "or this machine's DNS server does not know the host.",
        do=f"Check `{made_of}` for typing errors. For another provider, set `AWS_S3_ENDPOINT_URL`.",
    )


def _as(kind: Kind) -> Callable[[HoldallError, Examination], Finding]:
    return lambda error, _: kind.found(refusal(error))


_OTHER_REGION = frozenset(
    {
        "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException",
        "AuthorizationQueryParametersError",
    }
)  # fmt: skip
_RULES: tuple[tuple[Callable[[Answer], bool], Callable[[HoldallError, Examination], Finding]], ...] = (
    (_code("InvalidAccessKeyId"), _as(kinds.KEY_UNKNOWN)),
    (_code("SignatureDoesNotMatch"), _as(kinds.SECRET_WRONG)),
    (_code("ExpiredToken", "TokenRefreshRequired"), _as(kinds.KEYS_EXPIRED)),
    (_code("InvalidToken"), _as(kinds.TOKEN_WRONG)),
    (_code("RequestTimeTooSkewed"), _as(kinds.CLOCK_REFUSED)),
    (wants_virtual_style, _as(kinds.PATH_STYLE_REFUSED)),
    (_code("NoSuchBucket"), _bucket_missing),
    (
        lambda answer: (
            answer.code in _OTHER_REGION
            # Of a HEAD there is only the status.
            or (answer.status in {301, 307} and answer.bare and "location" not in answer.headers)
        ),
        _region_wrong,
    ),
    (_code("SlowDown", "TooManyRequests", "429", "503", "RequestLimitExceeded", "ServiceUnavailable"), _as(kinds.THROTTLED)),
)  # fmt: skip
