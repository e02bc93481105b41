"""With which keys a store is asked: those that were given, or those that boto3 finds.

What the SDK raises here, `Connection` translates.
"""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import quote

from botocore import exceptions as sdk

from holdall.errors import CredentialsRefused
from holdall.s3 import local
from holdall.s3.sessions import alone, look_for_keys, session
from holdall.s3.signing import SigningKeys
from holdall.s3.target import Target
from holdall.secret import Secret


def known_keys(target: Target) -> SigningKeys | None:
    """Give the keys for which nobody needs to be asked; None where boto3 has to find them. Requests: none."""
    if target.local_folder:
        server = local.server(target)
        return SigningKeys(server.access_key, Secret(server.secret_key))
    if target.access_key and target.secret_key:
        return SigningKeys(target.access_key.reveal(), target.secret_key, target.token)
    key_id, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if key_id and secret and not target.profile and "AWS_CREDENTIAL_EXPIRATION" not in os.environ:
        token = os.environ.get("AWS_SESSION_TOKEN") or os.environ.get("AWS_SECURITY_TOKEN")
        return SigningKeys(key_id, Secret(secret), Secret(token) if token else None)
    return None


def found_keys(target: Target) -> tuple[SigningKeys, float | None]:
    """Give the keys that boto3 finds, renewed in time, and when they end if they do.

    Requests: those of their source, once per process and at each renewal (none for keys in the environment).
    """
    credentials = _credentials(target)
    frozen = credentials.get_frozen_credentials()
    # Private to the SDK, and watched by a test: there is no other way to learn when a role's session ends.
    ends = getattr(credentials, "_expiry_time", None)
    keys = SigningKeys(frozen.access_key, Secret(frozen.secret_key), Secret(frozen.token) if frozen.token else None)
    return keys, ends.timestamp() if ends else None


def check(*keys: Secret | None) -> None:
    """Make sure that keys can be sent: the errors of what would send them show their values.

    Raises:
        CredentialsRefused: one of them has a character that no key has.
    """
    for key, what in zip(keys, ("key's id", "key's secret", "session token"), strict=True):
        if key is not None and not re.fullmatch(r"[!-~]+", key.reveal()):
            raise CredentialsRefused(
                f"The {what} contains a blank, a line break or a character that is not ASCII, which no key does; nothing "
                "was sent. Copy `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN` again."
            )


def redacted(text: str, *secrets: Secret | str | None) -> str:
    """Take secrets out of a text, in every form in which an error of the SDK may show what was sent."""
    for secret in secrets:
        if isinstance(secret, Secret) and (plain := secret.reveal()):
            for form in {plain, repr(plain)[1:-1], quote(plain, safe=""), quote(plain, safe="-._~")}:
                text = text.replace(form, "…")
    return text


def source(target: Target) -> str:
    """Tell where the keys come from, in the SDK's words: "explicit", "env", "container-role", "iam-role"…

    Requests: those of the source, once per process (none for keys in the environment).
    """
    if target.access_key or target.local_folder:
        return "explicit"
    credentials = _credentials(target)
    # Role credentials are fetched only when asked for.
    credentials.get_frozen_credentials()
    return str(credentials.method)


def _credentials(target: Target) -> Any:
    found = session(target.profile)
    look_for_keys(found)
    with alone():
        credentials = found.get_credentials()
    if credentials is None:
        raise sdk.NoCredentialsError
    return credentials
