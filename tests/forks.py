"""A parent and its forks, as tests make them, and what must be as it was afterwards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from django.core.files.base import ContentFile

from tests.providers import Provider
from tests.stores import build_fork, build_storage


def read(storage: Any, name: str) -> bytes:
    with storage.open(name) as file:
        return bytes(file.read())


def put(storage: Any, name: str, content: bytes = b"x") -> str:
    return str(storage.save(name, ContentFile(content)))


def fingerprint(provider: Provider, bucket: str, prefix: str = "", *, without: str | None = None) -> str:
    """Digest all there is to see of a place: keys, ETags, times, versions and rights, unfinished uploads too."""
    client = provider.client
    keys = [
        found
        for found in provider.objects_in(bucket, prefix)
        if without is None or not found["Key"].startswith(without)
    ]
    seen: list[Any] = [[found["Key"], found["ETag"], found["Size"], str(found["LastModified"])] for found in keys]
    seen += [sorted(provider.unfinished_uploads(bucket, prefix))]
    for found in keys[:50]:
        answers = (
            client.head_object(Bucket=bucket, Key=found["Key"]).get("Metadata"),
            _or_refusal(lambda key=found["Key"]: client.get_object_acl(Bucket=bucket, Key=key)["Grants"]),
            _or_refusal(lambda key=found["Key"]: client.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]),
        )
        seen.append(answers)
    for ask in (client.get_bucket_acl, client.get_bucket_policy, client.get_bucket_versioning, client.get_bucket_cors):
        seen.append(_or_refusal(lambda ask=ask: _without_answer(ask(Bucket=bucket))))
    versions = _or_refusal(lambda: client.list_object_versions(Bucket=bucket, Prefix=prefix))
    if isinstance(versions, dict):
        for kind in ("Versions", "DeleteMarkers"):
            listed = versions.get(kind, ())
            seen.append(
                [
                    [one["Key"], one.get("VersionId"), one.get("ETag")]
                    for one in listed
                    if without is None or not one["Key"].startswith(without)
                ]
            )
    return hashlib.sha256(json.dumps(seen, sort_keys=True, default=str).encode()).hexdigest()


def _without_answer(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def _or_refusal(ask: Any) -> Any:
    try:
        return ask()
    except ClientError as error:
        return str(error.response["Error"].get("Code"))


@dataclass
class Family:
    """A parent, written to from outside, and the environments of its forks."""

    provider: Provider
    bucket: str
    location: str
    # The environments of what is above the forks, the nearest first.
    above: list[Mapping[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.above = self.above or [self.provider.environ(self.bucket, location=self.location)]
        # The parent as its own environment has it: it may write.
        self.parent: Any = build_storage(self.provider.environ(self.bucket, location=self.location))

    def fork(self, environ: Mapping[str, str] | None = None, **options: Any) -> Any:
        """Make a fork whose own store lies beside the parent's, or where its environment says."""
        own = environ or self.provider.environ(self.bucket, location=f"fork-of-{self.location}")
        return build_fork(own, *self.above, **options)

    def put(self, name: str, content: bytes = b"the parent's") -> None:
        self.provider.write(self.bucket, f"{self.location}/{name}" if self.location else name, content)

    def fingerprint(self, *, without: str | None = None) -> str:
        return fingerprint(self.provider, self.bucket, f"{self.location}/" if self.location else "", without=without)


def required(shape: Any, bucket: str) -> dict[str, Any]:
    """Make up what an operation needs to be sent at all."""
    made: dict[str, Any] = {}
    for name in shape.required_members or (list(shape.members)[:1] if shape.is_tagged_union else []):
        member = shape.members[name]
        made[name] = {
            "structure": lambda member=member: required(member, bucket),
            "list": lambda member=member: [
                required(member.member, bucket) if member.member.type_name == "structure" else "x"
            ],
            "map": dict,
            "integer": lambda: 1,
            "long": lambda: 1,
            "boolean": lambda: True,
            "timestamp": lambda: 0,
            "blob": lambda: b"x",
        }.get(member.type_name, lambda: "x" * 20)()
        if name == "Bucket":
            made[name] = bucket
        elif name == "AccountId":
            made[name] = "123456789012"
    return made
