"""Which of the many reasons it is: from an error, and what the store said with it, to a finding."""

from __future__ import annotations

from collections.abc import Callable

from holdall.doctor.examination import Examination, refusal
from holdall.errors import Answer, BucketNotFound, CredentialsRefused, HoldallError, StoreUnreachable, WriteRefused
from holdall.findings import Cause, Finding, Kind, Level

KEY_UNKNOWN = Kind(
    "D301",
    Level.ERROR,
    "The store does not know the key's id",
    "`AWS_ACCESS_KEY_ID` was made by another provider or account, was deleted, or was copied wrongly.",
    "Compare it with the console of this provider and account, or make a new pair there; set both variables.",
    ("B3", "B1"),
)
SECRET_WRONG = Kind(
    "D302",
    Level.ERROR,
    "The signature does not match: the secret is not the key's",
    "The store knows the key's id, but `AWS_SECRET_ACCESS_KEY` is not its secret: cut off, or of another pair.",
    "Copy `AWS_SECRET_ACCESS_KEY` again, whole; a secret is shown once only, so make a new pair if it is lost.",
    ("B3",),
)
KEYS_EXPIRED = Kind(
    "D303",
    Level.ERROR,
    "The temporary keys have expired",
    "They worked for some hours; uploads fail from now on, and every link that they signed is dead.",
    "Fetch new ones and set all three: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`.",
    ("F2",),
)
TOKEN_WRONG = Kind(
    "D304",
    Level.ERROR,
    "The session token does not belong to the key",
    "Temporary keys come in threes; these three are of different sets.",
    "Set `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN` of one set, or unset all three on AWS.",
    ("B1",),
)
NO_KEYS = Kind(
    "D305",
    Level.ERROR,
    "No keys were found",
    "Neither the environment nor boto3's other sources have any: no profile, no role of an instance or container.",
    "Set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or give the instance, container or function a role.",
    ("B2",),
)
CLOCK_REFUSED = Kind(
    "D306",
    Level.ERROR,
    "The store refuses this machine's clock",
    "Requests are signed with the time; one that is more than 15 minutes off is refused. Time zones play no part.",
    "sudo timedatectl set-ntp true   # in a virtual machine: restart it, or its time service, after sleep",
    ("B6",),
)
BUCKET_MISSING = Kind(
    "D310",
    Level.ERROR,
    "There is no such bucket here",
    "The name is mistyped, or the bucket lies in another region or at another provider.",
    "Correct `STORAGE_BUCKET_NAME`, or make the bucket.",
    ("C9",),
)
REGION_WRONG = Kind(
    "D311",
    Level.ERROR,
    "The bucket lies in another region",
    "Requests and links are signed for a region, and another one refuses or redirects them.",
    "Set the bucket's own region.",
    ("C5", "C3", "C4"),
)
HOST_UNKNOWN = Kind(
    "D320",
    Level.ERROR,
    "The endpoint's host name does not exist",
    "The address is mistyped, or this machine's name server does not know it.",
    "Check `AWS_S3_ENDPOINT_URL` (or `DO_REGION`) letter by letter; ask `nslookup` for the host.",
)
UNREACHABLE = Kind(
    "D321",
    Level.ERROR,
    "The store cannot be reached",
    "Nothing answers at the endpoint: a wrong port, a firewall, or a server that is not running.",
    "Try `curl -v` with the endpoint from this very machine or container.",
)
CERTIFICATE_REFUSED = Kind(
    "D322",
    Level.ERROR,
    "The endpoint's certificate is refused",
    "Its name is another, it has expired, or an authority that this machine does not know has signed it.",
    "Use the host name that the certificate is for; name an authority of your own with `AWS_CA_BUNDLE`.",
    ("C6",),
)
NO_TLS = Kind(
    "D325",
    Level.ERROR,
    "The endpoint speaks plain HTTP at this port",
    "HTTPS was begun, and something answered that is none: the address should begin with http://, or name another port.",
    "Write `AWS_S3_ENDPOINT_URL` with http:// at its beginning, or the port that speaks HTTPS.",
    ("C2",),
)
NOT_S3 = Kind(
    "D323",
    Level.ERROR,
    "What answers is not S3",
    "A web page, a CDN or a proxy stands where the API is expected.",
    "Set `AWS_S3_ENDPOINT_URL` to the address of the S3 API, without bucket and without CDN.",
    ("C1",),
)
THROTTLED = Kind(
    "D324",
    Level.ERROR,
    "The store says: too many requests",
    "It limits how often this account or address may ask, and retries were refused too.",
    "Run the doctor when less is going on; spread bulk work, and list nothing while a visitor waits.",
    ("I4",),
)
FOREIGN_OWNER = Kind(
    "D340",
    Level.ERROR,
    "The store belongs to another environment",
    "This environment may read its files, but every write and delete is refused, so that a copy cannot harm the original.",
    "Make it a fork: its own bucket or `STORAGE_LOCATION`, and the original's variables with `PARENT_` before their "
    "names. If the store changes hands for good: holdall owner take",
    ("L1",),
)
REFUSED = Kind(
    "D330",
    Level.ERROR,
    "The store refused a request",
    "The keys are known, and may not do this.",
    "Grant what `holdall provision` prints.",
    ("B5",),
)
FAILED = Kind(
    "D331",
    Level.ERROR,
    "The store failed",
    "It answered with a failure of its own.",
    "Try again; if it stays, ask whoever runs the store, with the evidence below.",
)


def diagnose(error: HoldallError, examination: Examination) -> Finding:
    """Give the finding that an error comes to, whatever was being done."""
    if error.answer is None:
        return _without_answer(error, examination)
    for applies, explain in _RULES:
        if applies(error.answer):
            return explain(error, examination)
    if isinstance(error, BucketNotFound):
        return _bucket_missing(error, examination)
    if error.answer.status == 403:
        return REFUSED.found(refusal(error), do=f"Grant it; the request was refused with: {error}")
    return FAILED.found(refusal(error))


def _code(*codes: str) -> Callable[[Answer], bool]:
    return lambda answer: answer.code in codes


def _region_wrong(error: HoldallError, examination: Examination) -> Finding:
    assert error.answer is not None  # noqa: S101  for the type checker
    region = error.answer.headers.get("x-amz-bucket-region") or expected_region(error.answer.message)
    return REGION_WRONG.found(refusal(error), do=set_region(region, examination))


def set_region(region: str, examination: Examination) -> str:
    """Give the line that sets the region; what to look up where it is not known."""
    mode_do = examination.reading is not None and examination.reading.store and examination.reading.store.mode == "do"
    variable = "DO_REGION" if mode_do else "AWS_S3_REGION_NAME"
    return f"{variable}={region}" if region else f"Look the region up in the console, and set {variable} to it."


def expected_region(message: str) -> str:
    """Read the right region out of an error: "…the region 'us-east-1' is wrong; expecting 'eu-central-1'"."""
    _, _, rest = message.partition("expecting '")
    return rest.partition("'")[0]


def _bucket_missing(error: HoldallError, examination: Examination) -> Finding:
    return BUCKET_MISSING.found(
        f'bucket "{examination.bucket}": {refusal(error)}',
        otherwise=[
            Cause(
                "The endpoint or region is another bucket's: buckets are known in their own region only, on most providers.",
                "Check `AWS_S3_ENDPOINT_URL`, `AWS_S3_REGION_NAME` or `DO_REGION` against the console.",
            )
        ],
    )


def _without_answer(error: HoldallError, examination: Examination) -> Finding:
    text = str(error)
    if isinstance(error, BucketNotFound):
        return BUCKET_MISSING.found(text)
    if isinstance(error, WriteRefused):
        return FOREIGN_OWNER.found(text)
    if isinstance(error, CredentialsRefused):
        return NO_KEYS.found(text)
    if isinstance(error, StoreUnreachable):
        # The SDK's own words are the only place where the step is told.
        if any(
            mark in text for mark in ("Name or service not known", "getaddrinfo", "NameResolutionError", "nodename")
        ):
            return host_unknown(text, examination)
        if "WRONG_VERSION_NUMBER" in text:
            return NO_TLS.found(text)
        return (CERTIFICATE_REFUSED if "TLS" in text or "CERTIFICATE" in text.upper() else UNREACHABLE).found(text)
    return FAILED.found(text)


def host_unknown(seen: str, examination: Examination) -> Finding:
    """Give the finding that a host has no address, with the variables that it was made of."""
    target = examination.connection.target
    if target.endpoint_url:
        return HOST_UNKNOWN.found(seen)
    made_of = "AWS_S3_REGION_NAME" if target.region_name else "STORAGE_BUCKET_NAME"
    return HOST_UNKNOWN.found(
        seen,
        means="No endpoint is set, so it is Amazon's, and its host is made of bucket and region: one of them is mistyped, "
        "or this machine's name server does not know the host.",
        do=f"Check `{made_of}` letter by letter; for another provider than Amazon set `AWS_S3_ENDPOINT_URL`.",
    )


def _as(kind: Kind) -> Callable[[HoldallError, Examination], Finding]:
    return lambda error, _: kind.found(refusal(error))


_RULES: tuple[tuple[Callable[[Answer], bool], Callable[[HoldallError, Examination], Finding]], ...] = (
    (_code("InvalidAccessKeyId"), _as(KEY_UNKNOWN)),
    (_code("SignatureDoesNotMatch"), _as(SECRET_WRONG)),
    (_code("ExpiredToken", "TokenRefreshRequired"), _as(KEYS_EXPIRED)),
    (_code("InvalidToken"), _as(TOKEN_WRONG)),
    (_code("RequestTimeTooSkewed"), _as(CLOCK_REFUSED)),
    (_code("NoSuchBucket"), _bucket_missing),
    (
        _code("PermanentRedirect", "TemporaryRedirect", "301", "307", "AuthorizationHeaderMalformed",
              "IllegalLocationConstraintException", "AuthorizationQueryParametersError"),
        _region_wrong,
    ),
    (_code("SlowDown", "TooManyRequests", "429", "503", "RequestLimitExceeded", "ServiceUnavailable"), _as(THROTTLED)),
)  # fmt: skip
