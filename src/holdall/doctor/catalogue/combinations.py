"""Findings of the layer `values`: variables that contradict each other, or need each other.

`VARIABLE` and `OTHER` stand for variables, as in `values`.
"""

from __future__ import annotations

from functools import partial

from holdall.doctor.catalogue.values import EVIDENCE
from holdall.environment.exposure import FINDING
from holdall.findings import Kind, Level

_Kind = partial(Kind, evidence=EVIDENCE)

TWO_BUCKETS = _Kind(
    "D130",
    Level.ERROR,
    "Two variables name different buckets",
    "Nobody has decided which of the two buckets keeps the files.",
    "Unset `OTHER`.",
    ("A3",),
)
NO_BUCKET = _Kind(
    "D131",
    Level.ERROR,
    "The bucket is not set",
    "There is no place to keep files.",
    "VARIABLE=…   # the bucket's name",
    ("A4",),
)
REGION_DIFFERS = _Kind(
    "D132",
    Level.ERROR,
    "The endpoint and the region do not match",
    "Requests would be signed for one region and sent to another, which refuses them.",
    "Unset `VARIABLE`, and set `OTHER` to the region of the Space.",
    ("C3", "C5"),
)
BUCKET_IN_ENDPOINT = _Kind(
    "D133",
    Level.ERROR,
    "The endpoint contains the bucket",
    "Files would end up in a folder named after the bucket, or the host would not exist.",
    "Remove the bucket from the beginning of `VARIABLE`.",
    ("C1",),
)
BUCKET_IN_ENDPOINT_PERHAPS = _Kind(
    "D134",
    Level.WARNING,
    "The endpoint begins with the bucket's name",
    "If that part is the bucket, files will end up in a folder named after it.",
    "Compare `VARIABLE` with the endpoint in the provider's documentation.",
    ("C1",),
)
SPACES_KEY_MISSING = _Kind(
    "D135",
    Level.ERROR,
    "The key of the Space is missing",
    "Spaces has no other way to authenticate.",
    "VARIABLE=…   # created under API → Spaces Keys",
    ("B2",),
)
HALF_PAIR = _Kind(
    "D136",
    Level.ERROR,
    "Half of the key pair is missing",
    "One half is useless without the other: boto3 would fail or look for other keys.",
    "OTHER=…",
    ("B2",),
)
BLANK_KEY = _Kind(
    "D137",
    Level.ERROR,
    "A key is only whitespace or quotes",
    "boto3 would treat it as a key and sign with it.",
    "unset VARIABLE",
    ("A7", "A5"),
)
TOKEN_ALONE = _Kind(
    "D138",
    Level.ERROR,
    "A session token is set without its keys",
    "A session token belongs to one pair of temporary keys.",
    "Set all three, or unset `VARIABLE`.",
    ("B2", "B1"),
)
TOKEN_MISSING = _Kind(
    "D139",
    Level.ERROR,
    "Temporary keys are set without their session token",
    "The store would say that it does not know the key, although it works in the tool that it was copied from.",
    "OTHER=…   # or, on AWS, unset all three",
    ("B1",),
)
HALF_CLOUDFRONT = _Kind(
    "D140",
    Level.ERROR,
    "Half of CloudFront's key pair is missing",
    "Signing links needs both the key and its id.",
    "OTHER=…",
    ("E7",),
)
PUBLIC_WITHOUT_DOMAIN = _Kind(
    "D141",
    Level.ERROR,
    "Public files have no CDN domain",
    "Public files are served by the CDN in front of the bucket. Without its domain there are no links.",
    "VARIABLE=media.example.com   # Spaces: BUCKET.REGION.cdn.digitaloceanspaces.com",
    ("E3",),
)
CLOUDFRONT_UNUSED = _Kind(
    "D142",
    Level.WARNING,
    "CloudFront's keys are not used",
    "Links to public files are not signed.",
    "Unset them, or unset `STORAGE_MAKE_FILES_PUBLIC`.",
    ("E7",),
)
DOMAIN_UNUSED = _Kind(
    "D143",
    Level.WARNING,
    "The CDN domain is not used",
    "The files are private and nothing signs links for this domain, so it would refuse every visitor.",
    "If the CDN or proxy passes signed links on to the bucket, set AWS_S3_SIGN_FOR_DOMAIN=true. At Amazon, you can set "
    "CloudFront's keys instead. If everyone may see every file, set STORAGE_MAKE_FILES_PUBLIC=true.",
    ("E4",),
)
CLOUDFRONT_WITHOUT_DOMAIN = _Kind(
    "D144",
    Level.ERROR,
    "CloudFront's keys are set without a CDN domain",
    "Links are signed for the CDN domain.",
    "OTHER=…   # the distribution's domain",
    ("E7",),
)
PARENT_IS_SELF = _Kind(
    "D145",
    Level.ERROR,
    "The parent is the fork's own store, or is inside it",
    "Whatever the fork deletes, replaces or drops would be its parent's.",
    "STORAGE_LOCATION=forks/…   # or give the fork its own bucket",
)
PARENT_IS_BUILT = _Kind(
    "D146",
    Level.WARNING,
    "Build mode is set for the parent or the mirror",
    "It has no effect: images are built for the store itself.",
    "Unset `VARIABLE`.",
)
MIRROR_IS_SELF = _Kind(
    "D188",
    Level.ERROR,
    "The mirror is the store itself, or overlaps it",
    "Each file would be written over itself, or the copies would be files of the store.",
    "VARIABLE=…   # another bucket, or a location beside the store's",
)
MIRROR_DIFFERS = _Kind(
    "D189",
    Level.ERROR,
    "The mirror has another intent or another owner than the store",
    "The mirror gets every file of the store. If it were public and the store private, everybody could read them.",
    "Write the same value in both variables.",
)
MIRROR_OF_A_FORK = _Kind(
    "D190",
    Level.ERROR,
    "A fork cannot have a mirror, and a mirror cannot be a fork or have a mirror",
    "A fork's files are partly its parent's. After a move they would refer to another parent.",
    "Unset the variables that begin with `MIRROR_`. To move a fork, move its parent and make a new fork there.",
)
SWAPPED = _Kind(
    "D147",
    Level.WARNING,
    "The key id and the secret look swapped",
    "The store would say that it does not know the key. Worse, links contain the key id, so they would show the secret.",
    "Swap `VARIABLE` and `OTHER`.",
    ("B3",),
)
PUBLISHED = Kind(
    FINDING,
    Level.ERROR,
    "A public store would publish the private files of another one",
    "Both are in one bucket. Except where each file's ACL decides, the bucket or what the CDN may read of it is public, and "
    "so the private files are too, whatever their links look like.",
    "Give the private files a bucket of their own. If the domain serves the public folder alone, set the variable that the "
    "message names.",
    ("K1",),
    evidence="The variables, or the `STORAGES`, of all stores. Nothing is sent.",
)
UNREACHABLE = _Kind(
    "D161",
    Level.WARNING,
    "Links lead to a host that browsers do not know",
    "The name is known inside one network alone (compose, Kubernetes, a cloud), and a signed link works only for the host "
    "that it was signed for: every link looks right, and opens for nobody outside.",
    "AWS_S3_PUBLIC_ENDPOINT_URL=http://localhost:9000   # the address at which browsers reach the same server",
    ("C8",),
)
SIGNING_WITHOUT_DOMAIN = _Kind(
    "D162",
    Level.ERROR,
    "Links are to be signed for a domain that is not set",
    "Links carry the CDN domain.",
    "OTHER=…   # the domain that passes signed links on, or unset VARIABLE",
    ("E7",),
)
TWO_SIGNERS = _Kind(
    "D163",
    Level.ERROR,
    "Two ways to sign links for the CDN domain are set",
    "A link has one signature: CloudFront's own, or the one for the bucket that the CDN passes on.",
    "Unset `VARIABLE` if the domain is a CloudFront distribution with a key group; otherwise unset CloudFront's keys.",
    ("E7",),
)
SIGNING_UNUSED = _Kind(
    "D164",
    Level.WARNING,
    "Links to public files are not signed",
    "The variable has no effect.",
    "Unset `VARIABLE`, or unset `STORAGE_MAKE_FILES_PUBLIC`.",
    ("E7",),
)
PATH_BEHIND_CDN = _Kind(
    "D165",
    Level.WARNING,
    "The CDN domain is not used: the bucket's name is in the path",
    "The CDN of a Space passes signed links on only if the bucket is at the front of the host that they are signed for, so "
    "links lead to the Space itself. No certificate covers a bucket's name with dots there.",
    "Use a bucket without dots in its name, and leave AWS_S3_ADDRESSING_STYLE out; or unset `VARIABLE`.",
    ("C6", "E4"),
)
ANOTHER_BUCKETS_HOST = _Kind(
    "D166",
    Level.WARNING,
    "The domain is the host of another bucket",
    "Links to public files lead to that bucket. It answers 404 or 403, or with files of the same names.",
    "`VARIABLE` and `STORAGE_BUCKET_NAME` have to name one bucket: correct the one that is wrong.",
    ("E1",),
)
