"""What is wrong with a source of keys: the source, the file and the remedy, out of whatever the SDK raised. Pure."""

from __future__ import annotations

import os
from typing import Any

from botocore import exceptions as sdk

from holdall.errors import CredentialsRefused
from holdall.shown import shown

# What is wrong with the SDK's files before any source is asked.
BROKEN_CONFIGURATION = (sdk.ConfigParseError, sdk.ConfigNotFound, sdk.ProfileNotFound)

WEB_IDENTITY = "AWS_WEB_IDENTITY_TOKEN_FILE"
CONTAINER_TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
CONTAINER_URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
_POD_IDENTITY = "pods.eks.amazonaws.com"
_SSO = (sdk.SSOError, sdk.TokenRetrievalError, sdk.UnauthorizedSSOTokenError)
# The longest text of others that is quoted.
_QUOTED = 200


def refusal(failure: BaseException, *, method: str = "", profile: str | None = None) -> BaseException:
    """Make the error that says why a source gives no keys. `method` is the SDK's word for the source.

    What the service of a source answered is left as it is: answers are explained elsewhere.
    """
    if isinstance(failure, (sdk.ClientError, CredentialsRefused)):
        return failure
    said = _configuration(failure, profile) or _of_source(failure, method, profile)
    refused = CredentialsRefused(f"The keys cannot be read: {said} Nothing was sent to the store.")
    refused.source = method or "configuration"
    if method != "custom-process":
        # What a program wrote is not for everybody, and its frames are for nobody.
        failure.__traceback__ = failure.__context__ = None
        refused.__cause__ = failure
    return refused


def too_slow(seconds: float) -> CredentialsRefused:
    """Make the error that says that the source of the keys does not answer."""
    slow = CredentialsRefused(
        f"The keys cannot be read: their source did not answer within {seconds:.0f} s{_slowest()}. Nothing was sent to the "
        "store."
    )
    slow.source = "time"
    return slow


def _slowest() -> str:
    """Name what may hang, by what is set up."""
    for name in (CONTAINER_URI, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", WEB_IDENTITY, "AWS_PROFILE"):
        if value := os.environ.get(name):
            return f" (`{name}` is {_quoted(value)})"
    return ", neither a `credential_process` of the AWS configuration file nor a role of the machine"


def _configuration(failure: BaseException, profile: str | None) -> str:
    if isinstance(failure, sdk.ProfileNotFound):
        missing = str(failure.kwargs.get("profile", profile))
        return (
            f"there is no profile {_quoted(missing)} in {_file('config')} or {_file('credentials')}, and {_chosen(profile)} "
            f"names it. Correct the name, or make it with `aws configure --profile {shown(missing)}`."
        )
    if isinstance(failure, (sdk.ConfigParseError, sdk.ConfigNotFound)):
        path = str(failure.kwargs.get("path", _file("config")))
        return f"the AWS configuration file {_quoted(path)} is not an INI file. Correct it, or set `AWS_CONFIG_FILE` to another."
    if isinstance(failure, sdk.PartialCredentialsError):
        provider, missing = failure.kwargs.get("provider"), failure.kwargs.get("cred_var")
        return f"half of a pair was found ({provider}), without {missing}. Set both, or neither."
    return ""


def _of_source(failure: BaseException, method: str, profile: str | None) -> str:
    name = profile or os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or "default"
    if isinstance(failure, _SSO) or method == "sso":
        return (
            f"the SSO session of profile {_quoted(name)} is absent or has expired{_why(failure)}. Run "
            f"`aws sso login --profile {shown(name)}`."
        )
    if isinstance(failure, sdk.LoginError) or method == "login":
        return (
            f"the login of profile {_quoted(name)} is absent or has expired. Run `aws login --profile {shown(name)}`."
        )
    explain = _METHODS.get(method)
    if explain is not None:
        return explain(failure, name)
    return f"{_title(method)} failed{_why(failure)}. Check profile {_quoted(name)} in {_file('config')}."


def _web_identity(failure: BaseException, _name: str) -> str:
    remedy = (
        "On EKS, check that the pod's service account has the annotation `eks.amazonaws.com/role-arn` and that the token is "
        f"mounted; elsewhere, unset `{WEB_IDENTITY}` and `AWS_ROLE_ARN`."
    )
    if isinstance(failure, (OSError, UnicodeError)):
        return f"the web identity token {_token_file(failure, WEB_IDENTITY)}. {remedy}"
    return f"the role could not be assumed with the web identity token{_why(failure)}. {remedy}"


def _container(failure: BaseException, _name: str) -> str:
    uri = os.environ.get(CONTAINER_URI) or os.environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") or ""
    if isinstance(failure, (OSError, UnicodeError)):
        path = os.environ.get(CONTAINER_TOKEN, "")
        what = "EKS Pod Identity's token" if _POD_IDENTITY in path else "the container's authorization token"
        return (
            f"{what} {_token_file(failure, CONTAINER_TOKEN)}. On EKS, check that the Pod Identity agent runs and that the "
            "pod's service account has an association; start the pod again after that."
        )
    if isinstance(failure, ValueError) and "Unsupported host" in str(failure):
        return (
            f"`{CONTAINER_URI}` is {_quoted(uri)}, and the SDK sends no token to that host over http. Use https, a loopback "
            "address, or the address that ECS or EKS gave (169.254.170.2, 169.254.170.23)."
        )
    if isinstance(failure, ValueError) and "legal header" in str(failure):
        return f"the token in `{CONTAINER_TOKEN}` has a line break. Write the file without one."
    return (
        f"the container's source of keys ({_quoted(uri)}){' gave none' if uri else ' failed'}{_why(failure)}. Check that the "
        "task or pod has a role, and that the agent that gives its keys runs."
    )


def _process(failure: BaseException, name: str) -> str:
    where = f"`credential_process` of profile {_quoted(name)} in {_file('config')}"
    if isinstance(failure, OSError):
        return (
            f"the program {_quoted(str(failure.filename or ''))}, which is the {where}, cannot be run: {failure.strerror}. "
            "Write its full path, and let this user run it."
        )
    return f"the program that is the {where} gave no keys{_why(failure)}. Run it by hand, as this user."


def _machine(failure: BaseException, _name: str) -> str:
    return f"the metadata service of the machine gave no keys{_why(failure)}. Check the role of the instance."


_METHODS = {
    "assume-role-with-web-identity": _web_identity,
    "container-role": _container,
    "custom-process": _process,
    "iam-role": _machine,
}


def _title(method: str) -> str:
    return {"assume-role": "assuming a role", "config-file": "the AWS configuration file"}.get(
        method, f"the source {method}" if method else "their source"
    )


def _token_file(failure: BaseException, variable: str) -> str:
    path = str(getattr(failure, "filename", None) or os.environ.get(variable, ""))
    said = f"`{variable}`" if os.environ.get(variable) == path else f"`web_identity_token_file` in {_file('config')}"
    why = getattr(failure, "strerror", None) or "it is not text"
    return f"file {_quoted(path)} ({said}) cannot be read: {why}"


def _chosen(profile: str | None) -> str:
    if os.environ.get("AWS_PROFILE") and not profile:
        return "`AWS_PROFILE`"
    return "`session_profile`" if profile else "`AWS_DEFAULT_PROFILE`"


def _file(which: str) -> str:
    variable = "AWS_CONFIG_FILE" if which == "config" else "AWS_SHARED_CREDENTIALS_FILE"
    return shown(os.environ.get(variable) or f"~/.aws/{which}")


def _why(failure: Any) -> str:
    """Quote what was said, shortened: a program may say much, and not all of it for everybody."""
    said = str(getattr(failure, "kwargs", {}).get("error_msg") or failure).strip()
    first = said.splitlines()[0] if said else type(failure).__name__
    if isinstance(failure, KeyError):
        first = f"the answer has no {first}"
    return f" ({shown(first[:_QUOTED])})".replace(".)", ")")


def _quoted(text: str) -> str:
    return f'"{shown(text)}"'
