"""The S3 servers that the storage is tried on, each as a value, and plain ways to look behind the storage's back."""

from __future__ import annotations

import functools
import http.client
import json
import ssl
import time
import urllib.parse
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

CDN_DOMAIN = "media.example.com"


@dataclass(frozen=True)
class Keys:
    """One identity's pair of keys."""

    access_key: str
    secret_key: str

    @classmethod
    def invent(cls) -> Keys:
        """Make a pair that no server knows, in the form that AWS uses."""
        return cls("HOLD" + uuid.uuid4().hex[:16].upper(), uuid.uuid4().hex + uuid.uuid4().hex[:8])


@dataclass(frozen=True)
class Provider:
    """A running S3 server, as one mode of the contract meets it."""

    name: str
    mode: str
    endpoint_url: str
    keys: Keys
    """May do everything."""
    readonly: Keys
    """May get and list in every bucket."""
    no_list: Keys
    """May get, put and delete in every bucket, but not list."""
    no_rights: Keys
    """Known to the server, and allowed nothing."""
    region: str = "us-east-1"
    ca_file: Path | None = None
    hides_missing: bool = True
    """Whether a missing object is 403 to who may not list, as on Amazon, and not 404."""

    def environ(
        self,
        bucket: str,
        *,
        location: str = "",
        is_public: bool = False,
        keys: Keys | None = None,
        **variables: str,
    ) -> dict[str, str]:
        """Describe one store here in the variables of Holdall's contract; more can be given, or others."""
        used = keys or self.keys
        environ = {
            "STORAGES_MODE": self.mode,
            "STORAGE_BUCKET_NAME": bucket,
            "AWS_S3_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": used.access_key,
            "AWS_SECRET_ACCESS_KEY": used.secret_key,
        }
        if self.mode == "s3":
            environ["AWS_S3_REGION_NAME"] = self.region
        if location:
            environ["STORAGE_LOCATION"] = location
        if is_public:
            environ["STORAGE_MAKE_FILES_PUBLIC"] = "true"
            environ["AWS_S3_CUSTOM_DOMAIN"] = CDN_DOMAIN
        return environ | variables

    @functools.cached_property
    def client(self) -> Any:
        """A plain boto3 client with every right, to prepare and to verify; nothing of Holdall is in it."""
        return self.client_for(self.keys)

    def client_for(self, keys: Keys, service: str = "s3") -> Any:
        return boto3.session.Session().client(
            service,
            endpoint_url=self.endpoint_url,
            region_name=self.region,
            aws_access_key_id=keys.access_key,
            aws_secret_access_key=keys.secret_key,
            verify=str(self.ca_file) if self.ca_file else None,
            config=Config(
                signature_version="s3v4" if service == "s3" else None,
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                max_pool_connections=80,
                read_timeout=60,
                retries={"mode": "standard", "total_max_attempts": 5},
            ),
        )

    def create_bucket(self) -> str:
        """Make a bucket with a name of its own and everything else as the server has it."""
        bucket = f"holdall-{uuid.uuid4().hex[:12]}"
        self.client.create_bucket(Bucket=bucket)
        return bucket

    def object_url(self, bucket: str, key: str) -> str:
        """The address of an object, without a signature."""
        return f"{self.endpoint_url}/{bucket}/{urllib.parse.quote(key, safe='/~')}"

    def fetch_anonymously(self, bucket: str, key: str, *, method: str = "GET") -> Response:
        """Ask for an object as any visitor could."""
        return self.fetch(self.object_url(bucket, key), method=method)

    def fetch(self, url: str, *, method: str = "GET") -> Response:
        """Ask for exactly this address: no redirects, no tidying of the path, no keys."""
        return fetch(url, method=method, ca_file=self.ca_file)

    def keys_in(self, bucket: str, prefix: str = "") -> list[str]:
        """List every key of a file, also those that only reserve a name; not what Holdall keeps for itself."""
        return [found["Key"] for found in self.objects_in(bucket, prefix) if "/.holdall/" not in f"/{found['Key']}"]

    def objects_in(self, bucket: str, prefix: str = "") -> Iterator[dict[str, Any]]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            yield from page.get("Contents", [])

    def unfinished_uploads(self, bucket: str, prefix: str = "") -> list[str]:
        """List the keys of multipart uploads that were neither completed nor aborted; they cost money unseen."""
        # Not the parameter Prefix: SeaweedFS applies it to keys that it has shortened.
        pages = self.client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket)
        found = [upload["Key"] for page in pages for upload in page.get("Uploads", [])]
        return [key for key in found if key.startswith(prefix)]

    def read(self, bucket: str, key: str) -> bytes:
        body: bytes = self.client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def write(self, bucket: str, key: str, content: bytes = b"", **headers: Any) -> None:
        self.client.put_object(Bucket=bucket, Key=key, Body=content, **headers)

    def head(self, bucket: str, key: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.head_object(Bucket=bucket, Key=key)
        return found

    def allow_public_reads(self, bucket: str) -> None:
        """Do what the infrastructure does on Amazon for public files: lift the block, then a bucket policy."""
        self.client.delete_public_access_block(Bucket=bucket)
        statement = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{bucket}/*",
        }
        self.client.put_bucket_policy(
            Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        )


@dataclass(frozen=True)
class Response:
    """What a plain HTTP request was answered with."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def fetch(url: str, *, method: str = "GET", ca_file: Path | None = None) -> Response:
    parts = urllib.parse.urlsplit(url)
    assert parts.hostname is not None
    assert not parts.fragment, f"a browser would not send what follows the #: {url}"
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=ca_file)
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=30, context=context)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        connection.request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path)
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Response(answer.status, headers, answer.read())
    finally:
        connection.close()


def wait_until_enforced(provider: Provider, *, seconds: float = 20) -> None:
    """Prove with a bucket and an object that the server stores, serves, and knows all its identities."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            bucket = provider.create_bucket()
            provider.write(bucket, "ready", b"ready")
            for keys in (provider.readonly, provider.no_list):
                client = provider.client_for(keys)
                assert client.get_object(Bucket=bucket, Key="ready")["Body"].read() == b"ready"
        except ClientError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return
