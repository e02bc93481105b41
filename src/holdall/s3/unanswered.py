"""What it means when the store did not answer: no keys, no connection, or one that broke off."""

from __future__ import annotations

from boto3.exceptions import Boto3Error
from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError
from s3transfer.exceptions import RetriesExceededError
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from holdall.errors import CredentialsRefused, HoldallError, StoreFailed, StoreUnreachable

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


def explain_silence(error: Exception, *, what: str, where: str) -> HoldallError:
    """Make the error that says why there is no answer."""
    failed = f"{what[:1].upper()}{what[1:]} failed in {where}"
    if isinstance(error, (*NO_KEYS, sdk.ProfileNotFound, sdk.MetadataRetrievalError)):
        return CredentialsRefused(
            f"{failed}: no keys were found ({error}). Set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or run where "
            "boto3 finds them (a role of the instance, container or function)."
        )
    if isinstance(error, sdk.SSLError):
        return StoreUnreachable(
            f"{failed}: the TLS connection was refused ({error}). Check the endpoint's host name and certificate. "
            "To use your own certificate authority, set `AWS_CA_BUNDLE`."
        )
    if isinstance(error, _NO_CONNECTION):
        unreachable = StoreUnreachable(
            f"{failed}: the store did not answer, or its answer broke off ({error}). Check the endpoint and the network."
        )
        unreachable.outcome_unknown = not isinstance(error, _NOTHING_SENT)
        return unreachable
    return StoreFailed(f"{failed}: {error}")
