"""Findings of the layer `intent`: what anybody can read, list and write without keys."""

from __future__ import annotations

from functools import partial

from holdall.findings import Cause, Kind, Level
from holdall.providers import PROVIDERS

_Visitor = partial(Kind, evidence="A file that the doctor saved was then requested without keys, as a visitor would.")
_Earlier = partial(Kind, evidence="One file that was saved earlier was requested without keys.")

# Where a bucket has a policy of its own, and where files have ACLs. R2 and B2 have neither; a Space's are set with s3cmd.
_HAS_POLICY = tuple(id_ for id_ in PROVIDERS if id_ not in {"r2", "b2", "spaces"})
_HAS_BLOCK = ("amazon",)
_UNBLOCK = (
    "Turn the switches `BlockPublicPolicy` and `RestrictPublicBuckets` off, on the bucket and on the account:\n"
    "aws s3api put-public-access-block --bucket BUCKET --public-access-block-configuration BlockPublicAcls=true,"
    "IgnorePublicAcls=true,BlockPublicPolicy=false,RestrictPublicBuckets=false"
)
_CLOSE = (
    Cause(
        "The storage sends an ACL that makes files public.",
        "Remove `default_acl` (or `AWS_DEFAULT_ACL`), and close the files that exist:\n"
        "aws s3api put-object-acl --bucket BUCKET --key … --acl private",
        _HAS_POLICY,
    ),
    Cause(
        "The storage sends an ACL that makes files public, and the bucket is a Space.",
        "Remove `default_acl` (or `AWS_DEFAULT_ACL`), and close the files that exist:\n"
        "s3cmd setacl s3://BUCKET/LOCATION/ --acl-private --recursive",
        ("spaces",),
    ),
    Cause(
        "The bucket is on Amazon S3, and its policy is public.",
        "aws s3api put-public-access-block --bucket BUCKET --public-access-block-configuration BlockPublicAcls=true,"
        "IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true",
        _HAS_BLOCK,
    ),
    Cause(
        "The bucket is at another provider, and its policy is public.",
        "aws s3api delete-bucket-policy --bucket BUCKET   # if the policy has other statements, remove only `Principal: *`",
        tuple(id_ for id_ in _HAS_POLICY if id_ not in _HAS_BLOCK),
    ),
    Cause("The bucket's ACL is public.", "aws s3api put-bucket-acl --bucket BUCKET --acl private", _HAS_POLICY),
    Cause("The bucket is on Backblaze B2, and is public.", "b2 bucket update BUCKET allPrivate", ("b2",)),
    Cause(
        "The bucket is on Cloudflare R2, and has a public address.",
        "Remove the custom domain and the r2.dev address (R2 → bucket → Settings).",
        ("r2",),
    ),
)
_CLOSE_ADDRESS = Cause(
    "The bucket has a public address of the provider's own.", "Close it in the provider's panel.", ("r2", "b2")
)
_PUBLISH = (
    Cause(
        "The provider makes files public by ACL, as Spaces does.",
        'Set `STORAGE_MAKE_FILES_PUBLIC=true` (in STORAGES: default_acl="public-read"). Of the files that exist, open what is '
        "meant for visitors.",
        tuple(id_ for id_, provider in PROVIDERS.items() if provider.public_by_acl),
    ),
    Cause(
        "CloudFront is in front of the bucket.",
        "Let the distribution read the bucket with an origin access control, and allow it `s3:GetObject` in the bucket's "
        "policy. `holdall provision` prints the statement.",
        ("amazon",),
    ),
    Cause(
        "The bucket is on Cloudflare R2.",
        "Connect the custom domain to the bucket (R2 → bucket → Settings → Custom Domains). It serves every file in the bucket. "
        "R2 ignores ACLs.",
        ("r2",),
    ),
    Cause(
        "The bucket is on Backblaze B2.",
        "b2 bucket update BUCKET allPublic   # every file in the bucket, so private files belong in another one",
        ("b2",),
    ),
    Cause(
        "The bucket is elsewhere.",
        "Give it a policy that allows everyone `s3:GetObject`. `holdall provision` prints it.",
        tuple(id_ for id_ in _HAS_POLICY if id_ != "amazon" and not PROVIDERS[id_].public_by_acl),
    ),
    Cause(
        "The domain asks visitors to prove that they are no program, or a firewall refuses them.",
        "Turn the challenge or the rule off for the media domain, and leave the bucket as it is.",
    ),
)

NOT_READABLE = Kind(
    "D600",
    Level.OK,
    "Visitors cannot read private files",
    "A file was saved and then requested without keys. The store refused it.",
)
PRIVATE_READABLE = _Visitor(
    "D601",
    Level.ERROR,
    "Anyone can read private files",
    "The files are meant to be private, but anyone who knows or guesses a URL can read them: no signature is required.",
    failures=("K1",),
    remedies=_CLOSE,
)
EXISTING_READABLE = _Earlier(
    "D602",
    Level.ERROR,
    "Anyone can read files that were saved earlier",
    "New files are private, but this older one is not: it was saved with a public ACL, which stays with the object.",
    "aws s3api put-object-acl --bucket BUCKET --key … --acl private   # for each file",
    failures=("K1",),
)
DOMAIN_OPEN = Kind(
    "D603",
    Level.ERROR,
    "Anyone can read private files through the CDN",
    "The bucket refuses visitors, but the CDN may read it and does not require a signature.",
    "Let the CDN require a signature, or take its right to read the bucket away. In CloudFront, restrict viewer access in "
    "the behavior, with the key group that `AWS_CLOUDFRONT_KEY_ID` belongs to.",
    ("K1",),
    evidence="A new file, requested from the CDN domain without keys and without a signature.",
)
SHOWN_BY_SISTER = Kind(
    "D620",
    Level.ERROR,
    "Anyone can read private files through another store's domain or endpoint",
    "Another store of this environment is public, and its CDN or its bucket also shows what is private here.",
    "Give the private files a bucket of their own. If they stay, limit what the domain may read to the public folder "
    "(CloudFront: allow the distribution `s3:GetObject` on that folder alone, as `holdall provision` prints it), and remove what "
    "was cached.",
    ("K1",),
    evidence="A new private file, requested without keys at the domains and endpoints of all stores, parents of forks included.",
)
NOT_SHOWN_BY_SISTERS = Kind(
    "D621",
    Level.OK,
    "The domains and endpoints of the other stores do not show private files",
    "A private file was requested there without keys, and was refused.",
)
DOMAIN_NOT_LIMITED = Kind(
    "D622",
    Level.ERROR,
    "The domain is not limited to the public files",
    "`STORAGE_DOMAIN_IS_LIMITED` says that the domain serves this store's location alone, but it shows a private file that is "
    "in the same bucket.",
    "Limit what the domain may read to the public folder (CloudFront: allow the distribution `s3:GetObject` on that folder "
    "alone, as `holdall provision` prints it), and remove what was cached. Or give the private files a bucket of their own.",
    ("K1",),
    evidence="A private file that exists in the bucket, requested from the public store's domain without keys.",
)
DOMAIN_LIMITED = Kind(
    "D623",
    Level.OK,
    "The domain does not show the private files of the bucket",
    "A private file of the same bucket was requested there without keys, and was refused.",
)
READABLE = Kind("D604", Level.OK, "Visitors can read public files", "A file was saved and then read without keys.")
NOT_PUBLIC = _Visitor(
    "D605",
    Level.ERROR,
    "Visitors cannot read public files",
    "A file is private unless its ACL, a bucket policy or the CDN's right to read makes it public. The bucket's own ACL and a "
    "public listing do not make files public.",
    failures=("D3",),
    remedies=_PUBLISH,
)
ACL_IGNORED = _Visitor(
    "D606",
    Level.ERROR,
    "The store ignores the ACL of files",
    'Files are sent with the ACL "public-read". This store accepts it and ignores it, so visitors are refused.',
    failures=("D4",),
    remedies=_PUBLISH[1:],
)
BLOCKED = Kind(
    "D607",
    Level.ERROR,
    "Block Public Access refuses visitors",
    "Its switches override policies and ACLs: a public policy is refused, or it exists and has no effect.",
    _UNBLOCK,
    failures=("D5",),
    evidence="A new file, requested without keys, and the bucket's public access block.",
)
SIGNED_ALTHOUGH_PUBLIC = _Visitor(
    "D608",
    Level.WARNING,
    "Links are signed although everyone can read the files",
    "The signature protects nothing, but it expires: links in emails, feeds and stored pages break after an hour. Caches "
    "cannot keep such links, and they show the key id.",
    "If the files are meant to be public, set querystring_auth=False (AWS_QUERYSTRING_AUTH), or "
    "STORAGE_MAKE_FILES_PUBLIC=true.",
    ("F4",),
    remedies=tuple(Cause(f"The files are meant to be private. {one.means}", one.do, one.at) for one in _CLOSE),
)
EXISTING_HIDDEN = _Earlier(
    "D609",
    Level.NOTICE,
    "Visitors cannot read a file that was saved earlier",
    "New files are public, but this older one is not: it was saved without the ACL, or it is not meant for visitors.",
    "It may be private on purpose. If visitors should see it, save it again through the storage, or open this file alone.",
    failures=("D3",),
)
ROOT_LISTED = Kind(
    "D610",
    Level.ERROR,
    "Anyone can list the bucket",
    "The bucket's root shows the names, sizes and times of all files, including private ones.",
    failures=("K3",),
    evidence="The bucket's root, requested without keys.",
    remedies=(
        Cause(
            "The bucket's policy allows it.",
            "Remove `s3:ListBucket` for everyone (`Principal: *`) from the policy. Readers need only `s3:GetObject`.",
            _HAS_POLICY,
        ),
        Cause(
            "It is a Space.",
            "s3cmd setacl s3://BUCKET --acl-private   # in the panel: File Listing → Restricted",
            ("spaces",),
        ),
        Cause("The bucket's ACL allows it.", "aws s3api put-bucket-acl --bucket BUCKET --acl private", _HAS_POLICY),
        _CLOSE_ADDRESS,
    ),
)
ROOT_NOT_LISTED = Kind("D611", Level.OK, "Visitors cannot list the bucket", "Its root was requested without keys.")
ANYBODY_WRITES = Kind(
    "D612",
    Level.ERROR,
    "Anyone can write to the bucket",
    "Strangers can add files under your name, and replace and delete yours.",
    failures=(),
    evidence="A PUT and a DELETE that were sent without keys, under a name of the doctor's own.",
    remedies=(
        Cause(
            "The bucket's policy allows it.",
            "Remove `s3:PutObject` and `s3:DeleteObject` for everyone (`Principal: *`) from the policy.",
            _HAS_POLICY,
        ),
        Cause("The bucket's ACL allows it.", "aws s3api put-bucket-acl --bucket BUCKET --acl private", _HAS_POLICY),
        _CLOSE_ADDRESS,
        Cause("It is a Space.", "s3cmd setacl s3://BUCKET --acl-private", ("spaces",)),
    ),
)
NOBODY_WRITES = Kind("D613", Level.OK, "Visitors cannot write", "A PUT and a DELETE without keys were refused.")
