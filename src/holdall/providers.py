"""What differs between the kinds of S3, as data: hosts, regions, addressing, and what may be relied on.

A fact is listed here only with its source: the provider's documentation, or a measurement of the software it runs.
What is not known is `None`, and is probed where it matters; never hoped for.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from holdall.compatible import ADDRESSES

# S3 refuses longer keys (KeyTooLongError), counted in bytes of UTF-8.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MAX_KEY_BYTES = 1024

# A signed link cannot be asked to live longer.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html
MAX_SIGNED_SECONDS = 7 * 24 * 3600


class Provider(NamedTuple):
    """One kind of S3, with its quirks."""

    id: str
    title: str
    # Matched against the endpoint's whole host; the group `region` is the region to sign for.
    host: str | None = None
    # The region to sign for where the host does not tell. None: it has to be asked or configured.
    region: str | None = "us-east-1"
    # Whether that region is documented; otherwise it is a default, which most servers accept.
    region_is_known: bool = True
    # What its hosts end in, where that is not left to `host`.
    domains: tuple[str, ...] = ()
    # "virtual": https://bucket.host/key, which Amazon expects. "path": https://host/bucket/key, which most others accept.
    addressing: str = "path"
    # Buckets, or at least new ones, are not reached in path style.
    refuses_path_style: bool = False
    # Where its API is below the host.
    path: str = ""
    # Its endpoint as its documentation writes it, with REGION, ACCOUNT or PROJECT where those go; "" if it is not known.
    form: str = ""
    # A file becomes public by the ACL "public-read" sent with it; otherwise the bucket or the CDN decides, and no ACL is sent.
    public_by_acl: bool = False
    # `PUT` with `If-None-Match: *` answers 412 when the key exists, atomically. None: unknown, probed once per process.
    conditional_put: bool | None = None
    # The same condition on CompleteMultipartUpload. Only Amazon documents it; others ignore it or let several win.
    conditional_complete: bool = False
    # `DELETE` with `If-Match`, and an ETag for each key of many, leave another object alone. None: probed once per process.
    conditional_delete: bool | None = None
    # What the server compares with the body of a part: "signature", the SHA-256 that SigV4 signs; "checksum", the same as
    # `x-amz-checksum-sha256`; "md5", its Content-MD5, which costs more than twice as much to make, and where the address
    # does not tell the provider gives way to what the server itself tells.
    checks_parts_by: str = "md5"
    # boto3's own checksums (CRC32, as a trailer over HTTPS) are understood. Elsewhere uploads carry Content-MD5.
    sdk_checksums: bool = False
    # What the server does with headers that come with a signed link and are not signed: "refused", "listed" (refused if the link
    # names them as signed), "obeyed"; "" is unknown, and probed once per process (see `holdall.s3.smuggling`).
    unsigned_headers: str = ""
    # A copy whose source is not the one that the condition names is refused. None: unknown.
    conditional_copy: bool | None = None
    # A copy by one request of an object that was sent in parts has the source's ETag. None: unknown, seen of the first.
    keeps_composed_etags: bool | None = None
    # Objects have tags, and requests may name them.
    has_tags: bool = True
    # The ETag of what one request stores is its MD5 in hexadecimal, but where it is encrypted with a key.
    md5_etags: bool = False
    sources: tuple[str, ...] = ()

    @property
    def is_hosted(self) -> bool:
        """Whether its hosts are the provider's own, and not what whoever runs the software calls them."""
        return self.host is not None and self.id != "garage"


AMAZON = Provider(
    id="amazon",
    title="Amazon S3",
    # A VPC's own endpoint begins with "bucket.vpce-", and acceleration has no region:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/privatelink-interface-endpoints.html
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/transfer-acceleration.html
    host=r"(?:s3-accelerate(?:\.dualstack)?|(?:bucket\.vpce-[0-9a-z-]+\.)?s3(?:-fips)?(?:\.dualstack)?"
    r"(?:[.-](?P<region>[a-z]{2,4}(?:-[a-z]+)+-\d))?(?:\.vpce)?)\.amazonaws\.(?:com(?:\.cn)?|eu)",
    region=None,
    addressing="virtual",
    conditional_put=True,
    conditional_complete=True,
    conditional_delete=True,
    sdk_checksums=True,
    unsigned_headers="refused",
    conditional_copy=True,
    keeps_composed_etags=False,
    md5_etags=True,
    sources=(
        "https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html",
        "https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html",
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html",
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html",
        "https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html",
    ),
)
SPACES = Provider(
    id="spaces",
    title="DigitalOcean Spaces",
    host=r"(?P<region>[a-z]{3}\d)\.digitaloceanspaces\.com",
    addressing="virtual",
    public_by_acl=True,
    # All measured of Ceph, which it is.
    checks_parts_by="signature",
    unsigned_headers="listed",
    conditional_copy=False,
    keeps_composed_etags=True,
    md5_etags=True,
    sources=(
        "https://docs.digitalocean.com/products/spaces/reference/s3-compatibility",
        # Documented for GET, HEAD and COPY only: so the condition on PUT is probed.
        "https://docs.digitalocean.com/products/spaces/details/limits",
    ),
)
SEAWEEDFS = Provider(
    id="seaweedfs",
    title="SeaweedFS (embedded)",
    conditional_put=True,
    # Measured: a signed SHA-256 that does not fit is accepted, a checksum is not.
    checks_parts_by="checksum",
    unsigned_headers="refused",
    conditional_copy=True,
    keeps_composed_etags=True,
    conditional_delete=True,
    md5_etags=True,
    sources=(
        "measured: 32 writers, 10 rounds, one winner each; racing completions let several win",
        "measured: 12 conditional deletions and 4 writers, 60 rounds, no file of a writer deleted",
    ),
)
R2 = Provider(
    id="r2",
    title="Cloudflare R2",
    host=r"[0-9a-z]+\.(?:[a-z]+\.)?r2\.cloudflarestorage\.com",
    form="https://ACCOUNT.r2.cloudflarestorage.com",
    region="auto",
    has_tags=False,
    sources=("https://developers.cloudflare.com/r2/api/s3/api/",),
)
# The forms of the endpoints below: https://www.backblaze.com/docs/cloud-storage-s3-compatible-api,
# https://www.scaleway.com/en/docs/object-storage/concepts/, https://help.ovhcloud.com/csm/en-public-cloud-storage-s3-location,
# https://docs.hetzner.com/storage/object-storage/overview/,
# https://docs.wasabi.com/docs/what-are-the-service-urls-for-wasabis-different-storage-regions
B2 = Provider(
    id="b2",
    title="Backblaze B2",
    host=r"s3\.(?P<region>[a-z]+-[a-z]+-\d{3})\.backblazeb2\.com",
    form="https://s3.REGION.backblazeb2.com",
)
SCALEWAY = Provider(
    id="scaleway",
    title="Scaleway Object Storage",
    host=r"s3\.(?P<region>[a-z]{2}-[a-z]{3})\.scw\.cloud",
    form="https://s3.REGION.scw.cloud",
    public_by_acl=True,
    sources=("https://www.scaleway.com/en/docs/faq/objectstorage/",),
)
OVH = Provider(
    id="ovh",
    title="OVHcloud",
    # Older hosts have no "io", or begin with "storage".
    host=r"(?:s3|storage)\.(?P<region>[a-z0-9-]+)\.(?:(?:io|perf)\.)?cloud\.ovh\.(?:net|us)",
    form="https://s3.REGION.io.cloud.ovh.net",
    sources=("https://help.ovhcloud.com/csm/en-public-cloud-storage-s3-location",),
)
HETZNER = Provider(
    id="hetzner",
    title="Hetzner",
    host=r"(?P<region>[a-z]{3}\d)\.your-objectstorage\.com",
    form="https://REGION.your-objectstorage.com",
)
WASABI = Provider(
    id="wasabi",
    title="Wasabi",
    host=r"s3\.(?:(?P<region>[a-z]{2}-[a-z]+-\d)\.)?wasabisys\.com",
    form="https://s3.REGION.wasabisys.com",
)
GENERIC = Provider(id="generic", title="S3-compatible", region_is_known=False)
_BY_ADDRESS = tuple(
    Provider(
        id=one.id,
        title=one.title,
        host=one.host,
        region=one.region,
        region_is_known=one.region_is_known,
        domains=one.domains,
        addressing=one.addressing,
        refuses_path_style=one.addressing == "virtual",
        path=one.path,
        form=one.form,
        sources=(one.source,),
    )
    for one in ADDRESSES
)

PROVIDERS = {
    provider.id: provider
    for provider in (AMAZON, SPACES, SEAWEEDFS, R2, B2, SCALEWAY, OVH, HETZNER, WASABI, *_BY_ADDRESS, GENERIC)
}

# The form of Amazon's codes in every partition: eu-central-1, us-gov-west-1, us-iso-east-1, eusc-de-east-1.
# https://docs.aws.amazon.com/general/latest/gr/rande.html
AMAZON_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-\d{1,2}")
# What consoles call them, and people write.
# https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
AMAZON_PLACES = {
    "virginia": "us-east-1",
    "ohio": "us-east-2",
    "california": "us-west-1",
    "oregon": "us-west-2",
    "montreal": "ca-central-1",
    "sao-paulo": "sa-east-1",
    "frankfurt": "eu-central-1",
    "zurich": "eu-central-2",
    "ireland": "eu-west-1",
    "london": "eu-west-2",
    "paris": "eu-west-3",
    "stockholm": "eu-north-1",
    "milan": "eu-south-1",
    "spain": "eu-south-2",
    "tokyo": "ap-northeast-1",
    "seoul": "ap-northeast-2",
    "osaka": "ap-northeast-3",
    "singapore": "ap-southeast-1",
    "sydney": "ap-southeast-2",
    "jakarta": "ap-southeast-3",
    "mumbai": "ap-south-1",
}

# Hosts that serve files but do not speak S3's API: a frequent mix-up of endpoint and CDN domain.
DELIVERY_HOST = re.compile(r"(?:\.cdn\.digitaloceanspaces\.com|\.cloudfront\.net|\.r2\.dev|^f\d{3}\.backblazeb2\.com)$")


def recognise(endpoint_url: str | None) -> tuple[Provider, str | None]:
    """Tell the provider behind an endpoint, and the region to sign for there; without an endpoint it is Amazon.

    None: the region has to be configured, or asked.
    """
    provider, named = _told(endpoint_url)
    return provider, named or provider.region


def region_is_told(endpoint_url: str | None) -> bool:
    """Say whether an endpoint leaves no doubt about its region: its host names it, or it is documented for this host."""
    provider, named = _told(endpoint_url)
    return named is not None or (provider.region is not None and provider.region_is_known)


def _told(endpoint_url: str | None) -> tuple[Provider, str | None]:
    """Give the provider behind an endpoint, and the region that its host names."""
    if endpoint_url is None:
        return AMAZON, None
    try:
        host = (urlsplit(endpoint_url).hostname or "").lower()
    except ValueError:
        # The SDK says what is wrong with it.
        return GENERIC, None
    for provider in PROVIDERS.values():
        if not provider.host or (provider.domains and not host.endswith(provider.domains)):
            continue
        if match := re.fullmatch(provider.host, host):
            return provider, match.groupdict().get("region")
    return GENERIC, None
