"""How the SDK's client of a store is made, and how the region is found that it is made with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import botocore
from botocore import exceptions as sdk
from botocore.config import Config
from django.core.exceptions import ImproperlyConfigured

from holdall.errors import BucketNotFound
from holdall.s3 import clients, keys, local, sessions, sockets, sources
from holdall.s3.target import Target
from holdall.s3.unanswered import bare
from holdall.secret import Secret

UNSIGNED = Config(signature_version=botocore.UNSIGNED)


def make(target: Target, region_name: str | None, *, config: Config, where: str, reveals: Callable[[str], str]) -> Any:
    """Make the SDK's S3 resource of a store. `reveals` takes out of a text what is a secret. Requests: none.

    Raises:
        ImproperlyConfigured: the SDK makes no client of these options.
        CredentialsRefused: the keys are no keys.
        HoldallError: gevent came after the sockets that the client would use.
    """
    sockets.refuse_late_patch()
    refused = None
    try:
        session = sessions.session(target.profile)
        with ExitStack() as making:
            if getattr(config, "signature_version", None) is botocore.UNSIGNED:
                making.enter_context(sources.unneeded())
            elif not (target.access_key or target.local_folder):
                try:
                    sessions.look_for_keys(session)
                except sdk.NoCredentialsError:
                    # A client is made all the same, as by boto3: its requests say that there are no keys.
                    making.enter_context(sources.unneeded())
            making.enter_context(sessions.alone())
            # Under no name: this frame is shown on an error page, and they hold the keys, plain.
            return session.resource(**_arguments(target, region_name, config))
    except (ValueError, TypeError, AttributeError) as error:
        refused = ImproperlyConfigured(
            f"The SDK makes no client for {where}: {reveals(str(error)).rstrip('.')}. Check the options of the storage: the "
            "endpoint, the region, the configuration of the client."
        )
        # Its frames have the keys, plain.
        refused.__cause__ = bare(error)
    # Outside, so that it does not carry the other one along with the frames.
    raise refused


def _arguments(target: Target, region_name: str | None, config: Config) -> dict[str, Any]:
    """Give what the SDK makes a client of."""
    endpoint_url = target.endpoint_url
    given = (target.access_key, target.secret_key, target.token)
    if target.local_folder:
        server = local.server(target)
        endpoint_url, given = server.endpoint_url, (Secret(server.access_key), Secret(server.secret_key), None)
    keys.check(*given)
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    return {
        "service_name": "s3",
        "region_name": region_name,
        "use_ssl": target.use_ssl,
        "endpoint_url": endpoint_url,
        "config": config,
        "verify": target.verify,
        **{name: key.reveal() if key else None for name, key in zip(names, given, strict=True)},
    }


def ask_region(target: Target) -> str | None:
    """Give boto3's own region, else ask Amazon for that of the bucket.

    Requests: none, or one unsigned HEAD: the answer names the region even when it is a refusal.

    Raises:
        BucketNotFound: Amazon does not know the bucket.
    """
    session = sessions.session(target.profile)
    if session.region_name or not target.bucket_name:
        return str(session.region_name) if session.region_name else None
    unsigned = target.config().merge(UNSIGNED)
    with sources.unneeded(), sessions.alone():
        asker = session.client("s3", region_name="us-east-1", config=unsigned, verify=target.verify)
    clients.prepare(asker)
    try:
        answer = asker.head_bucket(Bucket=target.bucket_name)
    except sdk.ClientError as error:
        answer = error.response
    region = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("x-amz-bucket-region")
    if region is None:
        raise BucketNotFound(
            f'Amazon does not know a bucket named "{target.bucket_name}", so its region cannot be asked. '
            "Check `STORAGE_BUCKET_NAME`; outside Amazon's public regions set `AWS_S3_REGION_NAME`."
        )
    return str(region)
