"""Give a server one more identity, with exactly the rights of a policy."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
from typing import Any

from holdall.provision import needs, rights
from tests.providers import Keys, Provider
from tests.servers import ceph
from tests.servers.catalogue import SERVER_OF

Policy = dict[str, Any]

# SeaweedFS has no identities to add at run time that outlive a request, so one of its own is named in the bucket's policy.
SEAWEEDFS_USER = "arn:aws:iam::000000000000:user/no_rights"

_numbers = itertools.count(1)


def with_policy(provider: Provider, policy: Policy) -> Keys:
    """Make an identity that may do what the policy says, and nothing else.

    MiniStack and Ceph have users with policies; on SeaweedFS the policy becomes that of the bucket it speaks of.
    """
    server = SERVER_OF[provider.name]
    if server == "seaweedfs":
        statements = [{**statement, "Principal": {"AWS": SEAWEEDFS_USER}} for statement in policy["Statement"]]
        bucket = policy["Statement"][-1]["Resource"].removeprefix("arn:aws:s3:::")
        provider.client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({**policy, "Statement": statements}))
        return provider.no_rights
    name = f"limited-{os.getpid()}-{next(_numbers)}"
    iam = provider.client_for(provider.keys, "iam")
    if server == "ceph":
        keys = ceph.add_user(provider.endpoint_url, provider.keys, name, ca_file=provider.ca_file)
    else:
        iam.create_user(UserName=name)
        made = iam.create_access_key(UserName=name)["AccessKey"]
        keys = Keys(made["AccessKeyId"], made["SecretAccessKey"])
    set_policy(provider, name, policy)
    return keys


def set_policy(provider: Provider, user: str, policy: Policy) -> None:
    provider.client_for(provider.keys, "iam").put_user_policy(
        UserName=user, PolicyName="generated", PolicyDocument=json.dumps(policy)
    )


class LimitedProvider(Provider):
    """A provider whose storages have the rights that are generated for them, and no others.

    What looks behind their back keeps every right.
    """

    @classmethod
    def of(cls, provider: Provider) -> LimitedProvider:
        return cls(**{field.name: getattr(provider, field.name) for field in dataclasses.fields(provider)})

    def environ(
        self,
        bucket: str,
        *,
        location: str = "",
        is_public: bool = False,
        keys: Keys | None = None,
        **variables: str,
    ) -> dict[str, str]:
        full = super().environ(bucket, location=location, is_public=is_public, keys=keys, **variables)
        if keys is not None:
            return full
        place = (self.name, bucket, full.get("STORAGE_LOCATION", ""), is_public)
        if place not in _limited:
            usable = super().environ(bucket, location=location, is_public=is_public)
            _limited[place] = with_policy(self, rights.app_policy(needs.read(usable)[0]))
        found = _limited[place]
        return full | {"AWS_ACCESS_KEY_ID": found.access_key, "AWS_SECRET_ACCESS_KEY": found.secret_key}

    def create_bucket(self) -> str:
        bucket = super().create_bucket()
        if SERVER_OF[self.name] == "ceph":
            # There an object belongs to the user who wrote it, and the bucket's owner may not even read it.
            statement = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam:::user/owner"}, "Action": "s3:*"}
            resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
            policy = {"Version": "2012-10-17", "Statement": [{**statement, "Resource": resources}]}
            self.client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
        return bucket


# One identity for each place: making one costs the servers a moment.
_limited: dict[tuple[str, str, str, bool], Keys] = {}
