"""What to paste so that a bucket does what its intent says: a command, a statement or a setting, for each provider."""

from __future__ import annotations

import json
import shlex

from holdall.doctor import doors, outside
from holdall.doctor.examination import Examination

_ALL_BLOCKED = "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true"
# Providers where no ACL makes a file public, and what does.
# https://developers.cloudflare.com/r2/buckets/public-buckets/
# https://www.backblaze.com/docs/cloud-storage-s3-compatible-api (object ACLs)
_PUBLISHING = {
    "r2": "Connect the custom domain to the bucket (R2 → bucket → Settings → Custom Domains); no ACL has an effect there.",
    "b2": "b2 bucket update {bucket} allPublic   # no ACL of a file has an effect there",
}


def close(examination: Examination) -> str:
    """Give the line that makes files private again, for what leaves them open."""
    found = doors.look(examination)
    if "public" in outside.acl_of(examination):
        return (
            f'Remove `default_acl` (or `AWS_DEFAULT_ACL`), which is "{outside.acl_of(examination)}"; files that are '
            f"there already:\n{aws(examination, 'put-object-acl', '--key', '…', '--acl', 'private')}"
        )
    if examination.provider.id == "amazon" or (found.blocks is not None and found.has_public_policy):
        return aws(examination, "put-public-access-block", "--public-access-block-configuration", _ALL_BLOCKED)
    if found.has_public_policy:
        return f"{aws(examination, 'delete-bucket-policy')}   # where it says more, take only `Principal: *` out"
    return aws(examination, "put-bucket-acl", "--acl", "private")


def unblock(examination: Examination, *, has_policy: bool) -> str:
    """Give the lines that let a public policy be, and have an effect; the account has the same switches, and they win."""
    opened = "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=false,RestrictPublicBuckets=false"
    lines = [aws(examination, "put-public-access-block", "--public-access-block-configuration", opened)]
    if not has_policy:
        lines.append(policy(examination))
    return "\n".join([*lines, "# then the same switches of the account, if they are on"])


def publish(examination: Examination) -> str:
    """Give the line that makes files public at this provider."""
    provider = examination.provider
    if provider.public_by_acl:
        return (
            'Set `STORAGE_MAKE_FILES_PUBLIC=true` (in STORAGES: default_acl="public-read"); files that are there already: '
            f"s3cmd setacl s3://{examination.bucket}/{examination.location} --acl-public --recursive"
        )
    if provider.id in _PUBLISHING:
        return _PUBLISHING[provider.id].format(bucket=examination.bucket)
    if provider.id == "amazon" and outside.domain(examination):
        return (
            "Let the distribution read the bucket (origin access control), with this statement in the bucket's policy: "
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
    """Give the command that lets everybody read; it replaces the policy that is there, and says so."""
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{examination.bucket}/{examination.location}*",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    command = aws(examination, "put-bucket-policy", "--policy", document)
    return f"{command}   # where there is a policy already, add the statement to it instead"


def aws(examination: Examination, command: str, *arguments: str) -> str:
    """Give a command of Amazon's own tool, which every provider understands with its endpoint."""
    endpoint_url = endpoint_of(examination)
    endpoint = ["--endpoint-url", endpoint_url] if endpoint_url else []
    return shlex.join(["aws", "s3api", command, "--bucket", examination.bucket, *endpoint, *arguments])


def endpoint_of(examination: Examination) -> str | None:
    """Give the address that tools must be told; None at Amazon, whose they know."""
    target, place = examination.connection.target, examination.connection.place()
    # The embedded server's is not configured.
    return f"{place.scheme}://{place.host}" if target.local_folder and place else target.endpoint_url


def hide_listing(examination: Examination) -> str:
    """Give the line that hides the names of files from visitors, for what shows them."""
    found = doors.look(examination)
    if examination.provider.id == "spaces" and not found.has_public_policy:
        return f"s3cmd setacl s3://{examination.bucket} --acl-private   # in the panel: File Listing → Restricted"
    if found.has_public_policy:
        return "Take `s3:ListBucket` for everybody (`Principal: *`) out of the bucket's policy; readers need `s3:GetObject` only."
    return aws(examination, "put-bucket-acl", "--acl", "private")


def shut(examination: Examination) -> str:
    """Give the line that keeps strangers from writing, for what lets them."""
    if doors.look(examination).has_public_policy:
        return "Take `s3:PutObject` and `s3:DeleteObject` for everybody (`Principal: *`) out of the bucket's policy."
    return aws(examination, "put-bucket-acl", "--acl", "private")
