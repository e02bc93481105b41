"""What to do so that a bucket is as public or private as intended: a command, statement or setting for each provider."""

from __future__ import annotations

import json
import re
import shlex

from holdall.doctor import outside
from holdall.doctor.doors import Doors
from holdall.doctor.examination import Examination
from holdall.doctor.grants import grant
from holdall.findings import Cause, Finding

_ALL_BLOCKED = "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/add-bucket-policy.html
_POLICY_PAGE = "S3 console: the bucket → Permissions → Bucket policy"
# What names one service in the middle of a text for all.
_SERVICES = {"CloudFront": ("amazon",), "Spaces": ("spaces",), "DO_REGION": ("spaces",)}


def close(examination: Examination, found: Doors) -> str:
    """Return the lines that make files private again, for whatever opens them."""
    provider = examination.provider.id
    if "public" in outside.acl_of(examination):
        return (
            f'Remove `default_acl` (or `AWS_DEFAULT_ACL`), which is "{outside.acl_of(examination)}". Then close the files '
            f"that exist:\n{_setacl(examination, examination.location or '…', is_folder=True, acl='private')}"
        )
    if provider == "amazon":
        return aws(examination, "put-public-access-block", "--public-access-block-configuration", _ALL_BLOCKED)
    if provider == "r2":
        # https://developers.cloudflare.com/r2/buckets/public-buckets/
        return "Remove the custom domain and the r2.dev address from the bucket (Cloudflare dashboard: R2 → bucket → Settings)."
    if provider == "b2":
        return _b2(examination, "allPrivate")
    if found.has_public_policy:
        return _without_policy(examination)
    return _close_bucket_acl(examination)


def close_one(examination: Examination, key: str) -> str:
    """Return the line that makes one file private."""
    return _setacl(examination, key, acl="private")


def open_one(examination: Examination, key: str) -> str:
    """Return what makes one file public, and no other."""
    if not examination.provider.public_by_acl:
        return "It may be private on purpose. If visitors should see it, save it again through the storage: new files are public."
    return (
        "It may be private on purpose. If visitors should see it, open this file alone:\n"
        f"{_setacl(examination, key, acl='public-read')}"
    )


def unblock(examination: Examination, found: Doors) -> str:
    """Return the lines that allow a public policy and let it work. The account's switches override the bucket's."""
    opened = "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=false,RestrictPublicBuckets=false"
    lines = [aws(examination, "put-public-access-block", "--public-access-block-configuration", opened)]
    if not found.has_public_policy:
        lines.append(policy(examination))
    if examination.provider.id == "amazon":
        lines.append("Then turn the same switches of the account off, if they are on.")
    return "\n".join(lines)


def publish(examination: Examination) -> str:
    """Return what makes the store's files public at this provider, and says where that is more than the store's files."""
    provider = examination.provider
    if provider.public_by_acl:
        folder = _setacl(examination, examination.location or "…", is_folder=True, acl="public-read")
        return (
            'Set `STORAGE_MAKE_FILES_PUBLIC=true` (in STORAGES: default_acl="public-read"), which makes new files public. Of '
            f"those that exist, open what is meant for visitors:\n{folder}"
        )
    if provider.id == "r2":
        # https://developers.cloudflare.com/r2/buckets/public-buckets/
        return (
            "Connect the custom domain to the bucket (Cloudflare dashboard: R2 → bucket → Settings → Custom Domains). It serves "
            "every file in the bucket, so private files belong in another one. R2 ignores ACLs."
        )
    if provider.id == "b2":
        # https://www.backblaze.com/docs/cloud-storage-s3-compatible-api (object ACLs)
        return (
            "B2 ignores the ACLs of files. This opens every file in the bucket, so private files belong in another one:\n"
            f"{_b2(examination, 'allPublic')}"
        )
    if provider.id == "amazon" and outside.domain(examination):
        return (
            f"Let the distribution read the bucket (origin access control): add this statement to the bucket's policy "
            f"({_POLICY_PAGE}):\n{json.dumps(_distributions_right(examination))}"
        )
    return policy(examination)


def allow_distribution(examination: Examination) -> Cause:
    """Return the cause that the CDN itself may not read, which is no reason to let everyone read."""
    # On R2 it is the domain that publishes, so it is no remedy where files are private.
    known = examination.provider.id == "amazon" or (examination.provider.id == "r2" and examination.public)
    right = publish(examination) if known else "Let the CDN read the bucket, and nobody else."
    return Cause("The CDN is not allowed to read the bucket.", right)


def _distributions_right(examination: Examination) -> dict[str, object]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{examination.bucket}/{examination.location}*",
        "Condition": {"StringEquals": {"AWS:SourceArn": "arn:aws:cloudfront::<account>:distribution/<id>"}},
    }


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
    target = examination.connection.target
    if not target.local_folder:
        return target.endpoint_url
    # The embedded server's endpoint is not configured anywhere.
    place = examination.connection.place()
    return f"{place.scheme}://{place.host}" if place else target.endpoint_url


def abort(examination: Examination, key: str, upload_id: str) -> str:
    """Return the command that ends an unfinished upload."""
    if examination.provider.id == "spaces":
        return shlex.join(["s3cmd", "abortmp", f"s3://{examination.bucket}/{key}", upload_id])
    return aws(examination, "abort-multipart-upload", "--key", key, "--upload-id", upload_id)


def allow_sites(examination: Examination, origins: list[str]) -> str:
    """Return what lets the pages of these sites read files."""
    if examination.provider.id == "spaces":
        # https://docs.digitalocean.com/products/spaces/how-to/configure-cors/
        sites = shlex.join(word for origin in origins for word in ("--origin", origin))
        return (
            "Add the sites with GET, HEAD and the header * (control panel: the Space → Settings → CORS Configurations), or run "
            f"what this prints:\nholdall provision --format commands {sites}"
        )
    rule = {
        "AllowedOrigins": origins,
        "AllowedMethods": ["GET", "HEAD"],
        "AllowedHeaders": ["*"],
        "MaxAgeSeconds": 3600,
    }
    command = aws(examination, "put-bucket-cors", "--cors-configuration", json.dumps({"CORSRules": [rule]}))
    return f"{command}   # it replaces the existing rules; let the CDN forward Origin too"


def allow_uploads(examination: Examination, origins: list[str]) -> str:
    """Return what lets the pages of these sites upload."""
    sites = shlex.join(word for origin in origins for word in ("--origin", origin))
    if examination.provider.id == "spaces":
        return (
            "Add the sites with GET, HEAD, PUT, POST and the header * (control panel: the Space → Settings → CORS "
            f"Configurations), or run what this prints:\nholdall provision --with-uploads --format commands {sites}"
        )
    return f"holdall provision --with-uploads --apply {sites}"


def hide_listing(examination: Examination, found: Doors) -> str:
    """Return the line that hides the names of files from visitors, for whatever shows them."""
    return _closed(
        examination,
        found,
        "Remove `s3:ListBucket` for everyone (`Principal: *`) from the bucket's policy. Readers need only `s3:GetObject`.",
    )


def shut(examination: Examination, found: Doors) -> str:
    """Return the line that keeps strangers from writing, for whatever lets them."""
    return _closed(
        examination,
        found,
        "Remove `s3:PutObject` and `s3:DeleteObject` for everyone (`Principal: *`) from the bucket's policy.",
    )


def _closed(examination: Examination, found: Doors, in_the_policy: str) -> str:
    """Return the line for what opens the bucket: its ACL, a Space's policy, or a statement of a policy."""
    if not found.has_public_policy or examination.provider.id == "b2":
        return _close_bucket_acl(examination)
    if examination.provider.id == "spaces":
        return _without_policy(examination)
    return in_the_policy


def without_challenge(examination: Examination) -> str:
    """Return what lets visitors through to files behind a bot challenge or firewall, without opening the bucket."""
    host = outside.domain(examination).partition("/")[0]
    return f"Turn the challenge or firewall rule off for {host}: browsers cannot solve one in a picture. Leave the bucket alone."


def _setacl(examination: Examination, key: str, *, acl: str, is_folder: bool = False) -> str:
    if examination.provider.id == "spaces":
        flag = "--acl-public" if acl == "public-read" else "--acl-private"
        place = f"s3://{examination.bucket}/{key.rstrip('/')}{'/' if is_folder else ''}"
        return shlex.join(["s3cmd", "setacl", place, flag, *(["--recursive"] if is_folder else [])])
    command = aws(examination, "put-object-acl", "--key", "…" if is_folder else key, "--acl", acl)
    return f"{command}   # for each file" if is_folder else command


def _close_bucket_acl(examination: Examination) -> str:
    if examination.provider.id == "spaces":
        # https://docs.digitalocean.com/products/spaces/how-to/set-file-listing-permissions/
        return f"s3cmd setacl s3://{examination.bucket} --acl-private   # in the panel: File Listing → Restricted"
    if examination.provider.id == "b2":
        return _b2(examination, "allPrivate")
    return aws(examination, "put-bucket-acl", "--acl", "private")


def _without_policy(examination: Examination) -> str:
    if examination.provider.id == "spaces":
        command = f"s3cmd delpolicy s3://{examination.bucket}"
        return f"{command}   # if it has other statements, set it again without the one for everyone"
    command = aws(examination, "delete-bucket-policy")
    return f"{command}   # if the policy has other statements, remove only `Principal: *`"


def _b2(examination: Examination, visibility: str) -> str:
    return shlex.join(["b2", "bucket", "update", examination.bucket, visibility])


# -- texts of the catalogue, for this provider

_GRANT = re.compile(r"Grant (?:it )?`(s3:\w+)`[^.]*?(?: on the (?:objects|bucket))?(?:: arn:\S+)?\.(?=\s|$)")
_HINT = re.compile(r" \(([^()]*)\)")


def fitting(finding: Finding, examination: Examination) -> Finding:
    """Return a finding with the causes and remedies that there are at this store's provider."""
    provider = examination.provider.id
    causes = [cause for cause in finding.otherwise if not cause.at or provider in cause.at]
    first, *others = (Cause(one.means, _own(one.do, examination)) for one in (finding.cause, *causes))
    return finding._replace(cause=first, otherwise=tuple(others))


def _own(do: str, examination: Examination) -> str:
    lines = [_GRANT.sub(lambda match: grant(examination, match[1]), line) for line in do.splitlines()]
    foreign = [name for name, where in _SERVICES.items() if examination.provider.id not in where]
    return "\n".join(_without(line, foreign) for line in lines)


def _without(line: str, services: list[str]) -> str:
    """Leave out the hints and sentences that are about services of other providers, where others remain."""
    named = re.compile("|".join(services))

    def kept(hint: re.Match[str]) -> str:
        parts = [part for part in hint[1].split("; ") if not named.search(part)]
        return f" ({'; '.join(parts)})" if parts else ""

    line = _HINT.sub(kept, line)
    sentences = re.split(r"(?<=\.) (?=[A-Z])", line)
    return " ".join(one for one in sentences if not named.search(one)) or line
