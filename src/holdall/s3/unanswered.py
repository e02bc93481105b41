"""What it means when the store did not answer: no keys, no connection, or one that broke off."""

from __future__ import annotations

import re
from collections.abc import Callable

from boto3.exceptions import Boto3Error
from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError
from s3transfer.exceptions import RetriesExceededError
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from holdall.errors import CredentialsRefused, HoldallError, StoreFailed, StoreUnreachable
from holdall.s3.refusals import BROKEN_CONFIGURATION, refusal

NO_KEYS = (sdk.NoCredentialsError, sdk.PartialCredentialsError, sdk.CredentialRetrievalError, sdk.TokenRetrievalError)
_NO_CONNECTION = (
    sdk.HTTPClientError,
    sdk.ConnectionError,
    sdk.ResponseStreamingError,
    sdk.IncompleteReadError,
    RetriesExceededError,
    ResponseParserError,
    HTTPError,
)
# Neither what is left of a body that broke off nor what breaks off inside TLS is an error of the SDK's own tree.
UNANSWERED = (sdk.BotoCoreError, Boto3Error, RetriesExceededError, ResponseParserError, HTTPError)
# Nothing was sent, at least by the last attempt.
_NOTHING_SENT = (
    sdk.EndpointConnectionError,
    sdk.ConnectTimeoutError,
    sdk.ProxyConnectionError,
    sdk.SSLError,
    ConnectTimeoutError,
    NewConnectionError,
)


# How urllib3 names the object in front of what happened to it; every error of ours names the address.
_OBJECT = re.compile(r"\b\w*Connection(?:Pool)?\(host=[^)]*\):\s*")


def in_words(error: BaseException) -> str:
    """Give an error's text without the objects of the HTTP library in front of it."""
    return _OBJECT.sub("", str(error))


def bare(error: BaseException) -> BaseException:
    """Give an error without the frames that it passed: they hold signed headers and keys, which error pages show."""
    error.__traceback__ = error.__context__ = error.__cause__ = None
    for inner in (getattr(error, "kwargs", {}).get("error"), getattr(error, "reason", None)):
        if isinstance(inner, BaseException) and inner is not error:
            inner.__traceback__ = inner.__context__ = inner.__cause__ = None
    return error


def explain_silence(
    error: Exception, *, what: str, where: str, tried: str = "", reveals: Callable[[str], str] = str
) -> HoldallError:
    """Make the error that says why there is no answer; `reveals` takes secrets out of the SDK's words."""
    failed = f"{what[:1].upper()}{what[1:]} failed in {where}"
    said = reveals(in_words(error))
    if isinstance(error, BROKEN_CONFIGURATION):
        refused = refusal(error)
        assert isinstance(refused, CredentialsRefused)  # noqa: S101  for the type checker
        return refused
    if isinstance(error, (*NO_KEYS, sdk.MetadataRetrievalError)):
        return CredentialsRefused(
            f"{failed}: no keys were found ({said}). Set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or run where "
            "boto3 finds them (a role of the instance, container or function)."
        )
    if isinstance(error, sdk.SSLError):
        return StoreUnreachable(
            f"{failed}: the TLS connection was refused ({said}). Check the endpoint's host name and certificate. "
            "To use your own certificate authority, set `AWS_CA_BUNDLE`."
        )
    if isinstance(error, _NO_CONNECTION):
        details = "; ".join(filter(None, (said, tried)))
        unreachable = StoreUnreachable(
            f"{failed}: the store did not answer, or its answer broke off ({details}). Check the endpoint and the network."
        )
        unreachable.outcome_unknown = not isinstance(error, _NOTHING_SENT)
        return unreachable
    return StoreFailed(f"{failed}: {said}")
