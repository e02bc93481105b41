"""Findings of the layer `addresses`: where requests go, and the links that the storage makes."""

from __future__ import annotations

from functools import partial

from holdall.findings import Cause, Kind, Level
from holdall.providers import MAX_SIGNED_SECONDS

_Kind = partial(Kind, evidence="The storage's options. Nothing is sent.")
_Link = partial(Kind, evidence="A link that the storage made. Nothing is sent.")

# -- the endpoint

BUCKET_IN_ENDPOINT = _Kind(
    "D230",
    Level.ERROR,
    "The endpoint contains the bucket",
    "Files end up in a folder named after the bucket, or the host does not exist. Links and uploads do not match.",
    "Remove the bucket from the beginning of `endpoint_url` (AWS_S3_ENDPOINT_URL).",
    failures=("C1",),
)
CDN_AS_ENDPOINT = _Kind(
    "D231",
    Level.ERROR,
    "The endpoint is a CDN's host",
    "A CDN delivers files but is not an S3 API: every upload is refused.",
    "Set `custom_domain` (AWS_S3_CUSTOM_DOMAIN) to this host, and `endpoint_url` to the address of the S3 API.",
    ("C1",),
)
PLAIN_HTTP = _Kind(
    "D232",
    Level.WARNING,
    "The endpoint uses plain HTTP",
    "Files and signatures cross the network unencrypted, and browsers block http links on https pages.",
    "Use https:// in the endpoint.",
    ("C2",),
)
REGION_MISSING = _Kind(
    "D233",
    Level.ERROR,
    "The region is missing, or is not the endpoint's",
    "boto3 then signs requests for us-east-1 and links with the old signature version. Uploads may work while every link "
    "is refused.",
    "Set `region_name` (AWS_S3_REGION_NAME) to the region in the endpoint's host.",
    failures=("C3", "F1"),
)
REGION_UNSET = _Kind(
    "D234",
    Level.WARNING,
    "No region is set for this endpoint",
    "boto3 then signs links with the old signature version, which many servers refuse even though uploads work.",
    'AWS_S3_REGION_NAME = "us-east-1"   # or what the server calls its region',
    ("C3",),
)
REGION_IS_NONE = _Kind(
    "D235",
    Level.ERROR,
    "The region is not a region code",
    "The region is part of host names and of every signature, and boto3 does not check it.",
    'AWS_S3_REGION_NAME = "eu-central-1"   # the code, as the console shows it',
    ("C5",),
)
GLOBAL_HOST = _Link(
    "D236",
    Level.WARNING,
    "Links use Amazon's global host instead of the region's",
    "Outside us-east-1 the global host may redirect visitors to the region's host, where the signature is wrong.",
    'AWS_S3_ADDRESSING_STYLE = "virtual"',
    ("C4",),
)
DOTTED_BUCKET = _Kind(
    "D237",
    Level.WARNING,
    "The bucket's name contains dots",
    "Certificates cover only one label, so https://my.bucket.s3… is refused and the name has to be in the path instead.",
    "Use a bucket without dots in its name, or a CDN domain for all links.",
    ("C6",),
)
CONFIG_CANCELS = _Kind(
    "D238",
    Level.WARNING,
    "A client configuration cancels other options",
    "If `client_config` is set, django-storages ignores `addressing_style`, `signature_version` and `proxies` without a "
    "warning.",
    "Put all of them into the one `Config`:\nConfig(signature_version=…, s3={'addressing_style': …}, proxies=…)",
    ("C7",),
)
AMBIENT_ENDPOINT = Kind(
    "D239",
    Level.WARNING,
    "An environment variable changes the endpoint",
    "The storage has no endpoint of its own, so boto3 uses the one in this variable.",
    "Unset it, or set `endpoint_url` (AWS_S3_ENDPOINT_URL).",
    ("A8",),
    evidence="The variables that boto3 reads, and the storage's options.",
    remedies=(Cause("The variable is needed by other tools.", "Use holdall.storage.MediaStorage, which ignores it."),),
)

# -- links

LINK_MADE = Kind("D250", Level.OK, "Links can be made", "The storage made one. Nothing was sent.")
NO_LINK = _Link(
    "D251",
    Level.ERROR,
    "Links cannot be made",
    "Every page that shows a file fails.",
    "Fix what the error says. It comes from the storage's `url()`.",
)
OLD_SIGNATURE = _Link(
    "D252",
    Level.ERROR,
    "Links are signed with the old signature version",
    "Newer regions, R2 and buckets with KMS refuse signature version 2. Uploads use version 4, so they work.",
    'AWS_S3_SIGNATURE_VERSION = "s3v4"',
    ("F1", "B7"),
)
LINK_TOO_LONG = _Kind(
    "D253",
    Level.ERROR,
    "The lifetime of links is longer than S3 allows",
    "S3 refuses links that are signed for more than seven days, although boto3 makes them without complaint.",
    f"AWS_QUERYSTRING_EXPIRE = {MAX_SIGNED_SECONDS}   # at most",
    ("F2",),
)
KEYS_END_BEFORE_LINKS = _Link(
    "D254",
    Level.WARNING,
    "Temporary keys expire before the links that they sign",
    "A link stops working when the session of its keys ends, usually after an hour, however long it was meant to last.",
    "Use a lifetime of an hour or less, or sign with permanent keys (or CloudFront's).",
    ("F2",),
)
LINKS_CHANGE = _Link(
    "D255",
    Level.NOTICE,
    "Every page view makes a new link",
    "The URL of a file changes every second, so browsers and CDNs cannot cache it.",
    "Use holdall.storage.MediaStorage, whose links stay the same for half of their lifetime.",
    ("F3",),
)
OVERRIDES_UNSIGNED = _Link(
    "D256",
    Level.NOTICE,
    "`url(parameters=…)` has no effect on these links",
    "S3 accepts response overrides only in signed links. Here they are added to the URL and ignored.",
    "Store `ContentDisposition` with the file instead (get_object_parameters).",
    ("F5",),
    routine=True,
)
DOMAIN_IS_NONE = _Kind(
    "D257",
    Level.ERROR,
    "The CDN domain is more than a domain",
    "Links become https://https://… or contain two slashes, which in S3 is a different key.",
    "Set `custom_domain` (AWS_S3_CUSTOM_DOMAIN) to a host only, without a scheme or slashes.",
    failures=("E1",),
)
PROTOCOL_WITHOUT_COLON = _Kind(
    "D258",
    Level.ERROR,
    "`url_protocol` has no colon",
    "Links become https//…, which browsers treat as a path on the page's own host.",
    'AWS_S3_URL_PROTOCOL = "https:"',
    ("E1",),
)
CDN_UNUSED = _Kind(
    "D259",
    Level.WARNING,
    "Public files do not use the Space's CDN",
    "Links lead to the origin, which is slow for distant visitors, and every view counts as the bucket's traffic.",
    "Enable the CDN, and set `custom_domain` (AWS_S3_CUSTOM_DOMAIN) to its host.",
    failures=("E3",),
)
PRIVATE_LINKS_UNSIGNED = _Link(
    "D260",
    Level.ERROR,
    "Links to private files are not signed",
    "With a CDN domain, only CloudFront's keys can sign links. Without them every visitor is refused.",
    "Remove `custom_domain`. With CloudFront in front of the bucket, set `cloudfront_key_id` and `cloudfront_key` instead.",
    ("E4",),
)
LINKS_UNSIGNED = _Link(
    "D261",
    Level.WARNING,
    "Links are not signed, although `querystring_auth` is on",
    "With `custom_domain`, only CloudFront's keys can sign links. If the files are private, every visitor is refused.",
    "AWS_QUERYSTRING_AUTH = False   # if everyone may see every file; otherwise remove the custom domain",
    ("E4",),
)
