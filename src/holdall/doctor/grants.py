"""How keys get a right at each kind of S3: a statement and where it is pasted, or the words of the provider's own panel."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable

from holdall.doctor.examination import Examination

_ON_OBJECTS = frozenset(
    {
        "s3:GetObject",
        "s3:PutObject",
        "s3:PutObjectAcl",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:AbortMultipartUpload",
    }
)
# What a store does; the rest is about the bucket's settings.
_STORE = frozenset({*_ON_OBJECTS, "s3:ListBucket", "s3:ListBucketMultipartUploads"})

# Where a statement is pasted.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_manage-attach-detach.html
# https://support.us.ovhcloud.com/hc/en-us/articles/4603929872275 (S3 users, Import S3 Policy)
_PAGES = {
    "amazon": "Add this statement to a policy of the user or role that the keys belong to (console: IAM → Users or Roles → its "
    "name → Permissions):",
    "ovh": "Add this statement to the policy of the user that the keys belong to (Control Panel: Public Cloud → Object Storage → "
    "S3 users → … → Import S3 Policy):",
    "wasabi": "Add this statement to a policy of the user that the keys belong to (Wasabi console: Policies):",
}
_ANYWHERE = (
    "Add this statement to the policy of the user that the keys belong to, with the server's or provider's own tool. If it "
    "has no such policies, grant the closest right that it has:"
)


def grant(examination: Examination, action: str) -> str:
    """Return what gives the keys the right to do this, which is named in Amazon's words."""
    own = _OWN_WORDS.get(examination.provider.id)
    if own is not None:
        return own(examination, action)
    return f"{_PAGES.get(examination.provider.id, _ANYWHERE)}\n{_statement(examination, action)}"


def has_statements(examination: Examination) -> bool:
    """Whether rights are statements there, which can name the wrong resource."""
    return examination.provider.id not in _OWN_WORDS


def resource_of(examination: Examination, action: str) -> str:
    """Return the resource name that a statement for this action has to have."""
    objects = f"/{examination.location}*" if action in _ON_OBJECTS else ""
    return f"arn:aws:s3:::{examination.bucket}{objects}"


def _statement(examination: Examination, action: str) -> str:
    return json.dumps({"Effect": "Allow", "Action": action, "Resource": resource_of(examination, action)})


def _at_spaces(examination: Examination, action: str) -> str:
    # https://docs.digitalocean.com/products/spaces/how-to/manage-access/
    if action not in _STORE:
        return "Only a key with full access can read the settings of a Space. The application does not need one."
    # A key has one permission for all that it does: a store that reads also writes.
    bucket = examination.bucket
    create = [
        "doctl",
        "spaces",
        "keys",
        "create",
        f"holdall-{bucket}",
        "--grants",
        f"bucket={bucket};permission=readwrite",
    ]
    return (
        "Give the key the permission Read/Write/Delete for this Space (control panel: Spaces Object Storage → Access Keys), or "
        f"create a new one:\n{shlex.join(create)}"
    )


def _at_r2(examination: Examination, action: str) -> str:
    # https://developers.cloudflare.com/r2/api/tokens/
    name = "Object Read & Write" if action in _STORE else "Admin Read only"
    return f'Give the API token the permission "{name}" for this bucket (Cloudflare dashboard: R2 → Manage API tokens).'


def _at_b2(examination: Examination, action: str) -> str:
    # https://www.backblaze.com/docs/cloud-storage-s3-compatible-app-keys
    # https://www.backblaze.com/docs/cloud-storage-key-create-command
    capabilities = "listAllBucketNames,listBuckets,listFiles,readFiles,writeFiles,deleteFiles"
    if action not in _STORE:
        capabilities += ",readBuckets"
    bucket = examination.bucket
    create = shlex.join(["b2", "key", "create", "--bucket", bucket, f"holdall-{bucket}", capabilities])
    return f"The capabilities of an application key cannot be changed. Create one that has them:\n{create}"


def _at_scaleway(examination: Examination, action: str) -> str:
    # https://www.scaleway.com/en/docs/object-storage/reference-content/s3-iam-permissions-equivalence/
    writes = {"s3:PutObject", "s3:PutObjectAcl", "s3:AbortMultipartUpload"}
    deletes = {"s3:DeleteObject", "s3:DeleteObjectVersion"}
    ending = "ObjectsWrite" if action in writes else "ObjectsDelete" if action in deletes else "ReadOnly"
    return (
        f"Give the application or user that the keys belong to the permission set `ObjectStorage{ending}` (console: IAM → "
        "Policies). If the bucket has a policy, it has to allow it too."
    )


def _at_hetzner(examination: Examination, action: str) -> str:
    # https://docs.hetzner.com/storage/object-storage/faq/s3-credentials/
    return (
        "Keys at Hetzner can do everything in their project, unless a bucket policy denies it. Check that the keys are of the "
        "bucket's own project, and read the Deny statements of the policy."
    )


_OWN_WORDS: dict[str, Callable[[Examination, str], str]] = {
    "spaces": _at_spaces,
    "r2": _at_r2,
    "b2": _at_b2,
    "scaleway": _at_scaleway,
    "hetzner": _at_hetzner,
}
