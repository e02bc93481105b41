"""What to paste so that a bucket is as public or private as intended: a command, statement or setting for each provider."""

from __future__ import annotations

import json
import shlex

from holdall.doctor import doors, outside
from holdall.doctor.doors import Doors
from holdall.doctor.examination import Examination

_ALL_BLOCKED = "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true"
# Providers that ignore ACLs, and what makes files public there.
# https://developers.cloudflare.com/r2/buckets/public-buckets/
# https://www.backblaze.com/docs/cloud-storage-s3-compatible-api (object ACLs)
_PUBLISHING = {
    "r2": "Connect the custom domain to the bucket (R2 → bucket → Settings → Custom Domains). R2 ignores ACLs.",
    "b2": "b2 bucket update {bucket} allPublic   # B2 ignores the ACLs of files",
}


def close(examination: Examination) -> str:
    """Return the lines that make files private again, for whatever opens them."""
    found = doors.look(examination)
    if "public" in outside.acl_of(examination):
        return (
            f'Remove `default_acl` (or `AWS_DEFAULT_ACL`), which is "{outside.acl_of(examination)}". Then close the files '
            f"that exist:\n{aws(examination, 'put-object-acl', '--key', '…', '--acl', 'private')}"
        )
    if examination.provider.id == "amazon" or (found.blocks is not None and found.has_public_policy):
        return aws(examination, "put-public-access-block", "--public-access-block-configuration", _ALL_BLOCKED)
    if found.has_public_policy:
        return f"{aws(examination, 'delete-bucket-policy')}   # if the policy has other statements, remove only `Principal: *`"
    return aws(examination, "put-bucket-acl", "--acl", "private")


def unblock(examination: Examination, found: Doors) -> str:
    """Return the lines that allow a public policy and let it work. The account's switches override the bucket's."""
    opened = "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=false,RestrictPublicBuckets=false"
    lines = [aws(examination, "put-public-access-block", "--public-access-block-configuration", opened)]
    if not found.has_public_policy:
        lines.append(policy(examination))
    return "\n".join([*lines, "# then turn the same switches of the account off, if they are on"])


def publish(examination: Examination) -> str:
    """Return the lines that make files public at this provider."""
    provider = examination.provider
    if provider.public_by_acl:
        return (
            'Set `STORAGE_MAKE_FILES_PUBLIC=true` (in STORAGES: default_acl="public-read"). Then open the files that exist:\n'
            f"s3cmd setacl s3://{examination.bucket}/{examination.location} --acl-public --recursive"
        )
    if provider.id in _PUBLISHING:
        return _PUBLISHING[provider.id].format(bucket=examination.bucket)
    if provider.id == "amazon" and outside.domain(examination):
        return (
            "Let the distribution read the bucket (origin access control) with this statement in the bucket's policy:\n"
            + json.dumps(
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "cloudfront.amazonaws.com"},
                    "Action": "s3:GetObject",
                    "Resource": f"arn:aws:s3:::{examination.bucket}/{examination.location}*",
                    "Condition": {"StringEquals": {"AWS:SourceArn": "arn:aws:cloudfront::<account>:distribution/<id>"}},
                }
            )
        )
    return policy(examination)


def policy(examination: Examination) -> str:
    """Return the command that lets everyone read. It replaces an existing policy, and says so."""
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{examination.bucket}/{examination.location}*",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    command = aws(examination, "put-bucket-policy", "--policy", document)
    return f"{command}   # if there is a policy already, add the statement to it instead"


def aws(examination: Examination, command: str, *arguments: str) -> str:
    """Return a command of Amazon's own tool, which works with every provider's endpoint."""
    endpoint_url = endpoint_of(examination)
    endpoint = ["--endpoint-url", endpoint_url] if endpoint_url else []
    return shlex.join(["aws", "s3api", command, "--bucket", examination.bucket, *endpoint, *arguments])


def endpoint_of(examination: Examination) -> str | None:
    """Return the endpoint that tools need; None for Amazon, whose endpoint they know."""
    target, place = examination.connection.target, examination.connection.place()
    # The embedded server's endpoint is not configured anywhere.
    return f"{place.scheme}://{place.host}" if target.local_folder and place else target.endpoint_url


def hide_listing(examination: Examination) -> str:
    """Return the line that hides the names of files from visitors, for whatever shows them."""
    found = doors.look(examination)
    if examination.provider.id == "spaces" and not found.has_public_policy:
        return f"s3cmd setacl s3://{examination.bucket} --acl-private   # in the panel: File Listing → Restricted"
    if found.has_public_policy:
        return "Remove `s3:ListBucket` for everyone (`Principal: *`) from the bucket's policy. Readers need only `s3:GetObject`."
    return aws(examination, "put-bucket-acl", "--acl", "private")


def shut(examination: Examination) -> str:
    """Return the line that keeps strangers from writing, for whatever lets them."""
    if doors.look(examination).has_public_policy:
        return "Remove `s3:PutObject` and `s3:DeleteObject` for everyone (`Principal: *`) from the bucket's policy."
    return aws(examination, "put-bucket-acl", "--acl", "private")


def statement(action: str, resource: str) -> str:
    """Return the policy statement that grants one right."""
    return f'{{"Effect": "Allow", "Action": "{action}", "Resource": "arn:aws:s3:::{resource}"}}'
