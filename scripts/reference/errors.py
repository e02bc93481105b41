"""The page of every exception, with texts that the program itself wrote."""

import inspect
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore import exceptions as sdk

import holdall
from holdall import devserver, errors, names, providers
from holdall.environment import build
from holdall.s3 import answers, claims
from holdall.s3.connection import Connection
from holdall.s3.target import Target
from reference import prose
from reference.environments import S3


def _answered(code: str, operation: str, status: int, *, action: str = "saving", **headers: str) -> Exception:
    target = Target(provider=providers.AMAZON, bucket_name="acme-media", region_name="eu-central-1")
    answer: Any = {
        "Error": {"Code": code, "Message": ""},
        "ResponseMetadata": {"HTTPStatusCode": status, "RetryAttempts": 3, "HTTPHeaders": headers},
    }
    return _translated(target, sdk.ClientError(answer, operation), action)


def _unanswered(error: Exception) -> Exception:
    target = Target(
        provider=providers.SPACES, bucket_name="acme-media", endpoint_url="https://ams3.digitaloceanspaces.com"
    )
    return _translated(target, error, "saving")


def _translated(target: Target, error: Exception, action: str) -> Exception:
    def raising() -> None:
        with Connection(target).translating(action, name="avatars/ada.png", key="avatars/ada.png"):
            raise error

    return _raised(raising)


def _raised(deed: Callable[[], object]) -> Exception:
    try:
        deed()
    except errors.HoldallError as error:
        return error
    raise AssertionError("nothing was raised")


def _warned() -> Warning:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        holdall.from_env({**S3, "STORAGE_LOCATION": "/media/"})
    return caught[0].message


def _parent() -> Connection:
    """Give a read-only connection; it is never used."""
    return Connection(Target(provider=providers.AMAZON, bucket_name="acme-media", read_only=True))


# For each class, what provokes it; the texts are the program's own.
PROVOKED: dict[type[BaseException], Callable[[], list[BaseException]]] = {
    errors.ContractError: lambda: [
        _raised(
            lambda: holdall.from_env({"STORAGE_MAKE_FILES_PUBLIC": "ture", "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"})
        )
    ],
    errors.BuildModeError: lambda: [_raised(lambda: build.BuildModeStorage().url("avatars/ada.png"))],
    errors.BucketNotFound: lambda: [_answered("NoSuchBucket", "PutObject", 404)],
    errors.InvalidName: lambda: [
        _raised(lambda: names.to_key("../other/ada.png", location="media")),
        _raised(lambda: names.to_key("long/" + "name/" * 300)),
    ],
    errors.ObjectNotFound: lambda: [_answered("NoSuchKey", "GetObject", 404, action="reading")],
    errors.NameTaken: lambda: [_answered("PreconditionFailed", "PutObject", 412)],
    errors.ObjectChanged: lambda: [_answered("PreconditionFailed", "GetObject", 412, action="reading")],
    errors.AccessRefused: lambda: [
        _answered("AccessDenied", "PutObject", 403),
        _answered("AccessDenied", "ListObjectsV2", 403, action="listing"),
        _answered("AccessControlListNotSupported", "PutObject", 400),
    ],
    errors.CredentialsRefused: lambda: [
        *(_answered(code, "PutObject", 403) for code in answers.CREDENTIALS),
        _unanswered(sdk.NoCredentialsError()),
    ],
    errors.WriteRefused: lambda: [
        _raised(lambda: _parent().call("delete_object", action="deleting", name="ada.png", Key="avatars/ada.png")),
        errors.WriteRefused(
            claims.Claim(kind="owner", holder="staging").refusal("production", 'bucket "acme-media" at Amazon S3')
        ),
        errors.WriteRefused(
            claims.Claim(kind="fork", holder='bucket "acme-media" on Amazon S3', location="forks/pr-123").refusal(
                'bucket "acme-other" on Amazon S3', 'bucket "acme-media" at Amazon S3'
            )
        ),
    ],
    errors.StoreUnreachable: lambda: [
        _unanswered(sdk.EndpointConnectionError(endpoint_url="https://ams3.digitaloceanspaces.com")),
        _unanswered(
            sdk.SSLError(endpoint_url="https://ams3.digitaloceanspaces.com", error="certificate verify failed")
        ),
    ],
    errors.StoreFailed: lambda: [
        _answered("PermanentRedirect", "PutObject", 301, **{"x-amz-bucket-region": "eu-west-1"}),
        _answered("SlowDown", "PutObject", 503),
        _answered("InternalError", "PutObject", 500),
    ],
    errors.DevServerError: lambda: [_raised(lambda: devserver.use(Path("/dev/null/media")))],
    errors.ContractWarning: lambda: [_warned()],
}


def classes() -> list[type[BaseException]]:
    """Give every class of `holdall.errors`, in the order of the tree."""
    return [
        one
        for one in vars(errors).values()
        if inspect.isclass(one) and issubclass(one, Exception) and one.__module__ == errors.__name__
    ]


def page() -> str:
    tree = inspect.cleandoc(errors.__doc__ or "").split("\n\n")
    lines = [
        "# Errors",
        "",
        *prose.sentences(
            "Every exception is a `HoldallError`, and also the type that Django or Python callers expect."
        ),
        "Code that does not know Holdall handles them correctly: `except FileNotFoundError` catches a missing file.",
        (
            "Each has the store's error code in `code`, the number of retries in `retries`, "
            "and the SDK's error, if there is one, as `__cause__`."
        ),
        "No message contains a secret.",
        "",
        "```none",
        *inspect.cleandoc(next(part for part in tree if "├──" in part)).splitlines(),
        "```",
    ]
    for one in classes():
        lines += ["", f"({prose.anchor(one.__name__)})=", f"## `{one.__name__}`", "", *prose.paragraphs(one), ""]
        expected = [
            base.__name__ for base in one.__mro__[1:] if base is not object and base.__module__ != errors.__name__
        ]
        above = [base.__name__ for base in one.__bases__ if base.__module__ == errors.__name__]
        kinds = [f"[`{name}`](#{prose.anchor(name)})" for name in above] + [f"`{name}`" for name in _nearest(expected)]
        lines += [f"It is also: {', '.join(kinds)}."]
        if one in PROVOKED:
            lines += ["", "Example messages:", "", "```text"]
            texts = list(dict.fromkeys(str(error) for error in PROVOKED[one]()))
            lines += "\n\n".join(texts).splitlines()
            lines += ["```"]
    return prose.joined(lines)


def _nearest(bases: list[str]) -> list[str]:
    """Leave out what everything is."""
    return [name for name in bases if name not in {"Exception", "BaseException", "Warning"}] or bases[:1]
