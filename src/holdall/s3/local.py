"""Mode `local`: the embedded server of a folder, and the bucket that is made there on demand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore import exceptions as sdk

from holdall import devserver
from holdall.s3.answers import answer_of
from holdall.s3.target import Target


def server(target: Target) -> devserver.Server:
    """Give the embedded server of the target's folder, started if it does not run."""
    return devserver.use(Path(str(target.local_folder)))


def make_bucket(client: Any, target: Target) -> None:
    """Make the bucket of mode `local`, and let everybody read it when its files are public.

    The embedded server stores object ACLs without enforcing them, so a bucket policy makes files public.
    """
    bucket = target.bucket_name

    def unless(code: str, request: Callable[..., Any]) -> None:
        try:
            request(Bucket=bucket)
        except sdk.ClientError as error:
            if not answer_of(error).code.startswith(code):
                raise

    unless("BucketAlready", client.create_bucket)
    if target.public:
        client.put_bucket_policy(Bucket=bucket, Policy=_PUBLIC_POLICY.replace("BUCKET", str(bucket)))
    else:
        unless("NoSuchBucketPolicy", client.delete_bucket_policy)


_PUBLIC_POLICY = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*",
"Action": "s3:GetObject", "Resource": "arn:aws:s3:::BUCKET/*"}]}"""
