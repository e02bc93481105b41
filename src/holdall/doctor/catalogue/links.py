"""Findings of the layer `links`: the storage's own links, opened as a visitor would."""

from __future__ import annotations

from functools import partial

from holdall.findings import Cause, Kind, Level

_Opened = partial(Kind, evidence="The storage's own link to a new file, opened without keys.")
_Lifetime = partial(Kind, evidence="The lifetime of links, and the time at which the keys expire.")

SIGN_FOR_LONGER = (
    "Sign with keys that do not expire (a user's; CloudFront's), or shorten the lifetime:\nSTORAGE_URL_LIFETIME=15m"
)
STORE_HEADER = "Store the header with the object instead (`get_object_parameters`, or object_parameters in STORAGES)."

LINK_WORKS = Kind("D700", Level.OK, "Links work", "A file and its first byte were read by the storage's own link.")
LINK_REDIRECTED = _Opened(
    "D701",
    Level.ERROR,
    "Links lead to a host that redirects visitors",
    "A link is signed for one host. The browser follows the redirect to the bucket's own host, where the signature is wrong: "
    "visitors see SignatureDoesNotMatch, although uploads work.",
    'Set the bucket\'s region and addressing_style="virtual" (AWS_S3_REGION_NAME, AWS_S3_ADDRESSING_STYLE).',
    ("C4",),
)
SIGNATURE_BROKEN = _Opened(
    "D702",
    Level.ERROR,
    "The signature of links does not match",
    "The request that reaches the store is not the one that was signed: its host, path or query was changed on the way.",
    "Let the proxy in front of the store pass the `Host` header, the path and the query unchanged.",
    failures=("C8", "C4"),
    remedies=(
        Cause(
            "Code replaces the link's host after it was signed.",
            "Sign links for the host that visitors use: set `AWS_S3_PUBLIC_ENDPOINT_URL` to it.",
        ),
        Cause(
            "The link is signed for Amazon's global host, and the bucket is in another region.",
            LINK_REDIRECTED.do,
            ("amazon",),
        ),
    ),
)
HOST_UNREACHABLE = _Opened(
    "D703",
    Level.ERROR,
    "The host of links cannot be reached",
    "Files are saved through one address and linked to under another, and nothing answers there from this machine.",
    "Sign links for a host that visitors can reach: set `AWS_S3_PUBLIC_ENDPOINT_URL` to it.",
    ("C8",),
)
OUTSIDE_NOT_REACHED = _Opened(
    "D720",
    Level.NOTICE,
    "The address of links cannot be reached from here",
    "Links are signed for `AWS_S3_PUBLIC_ENDPOINT_URL`, which is the address for browsers. This machine does not reach it, which "
    "says nothing about browsers.",
    "Run `holdall doctor --only links` where browsers are, or open a link there.",
    ("C8",),
)
OLD_SIGNATURE = _Opened(
    "D704",
    Level.ERROR,
    "Links are signed with the old signature version, which the store refuses",
    "Uploads use SigV4, but links use SigV2: boto3's default in some regions, and for an endpoint without a region. Newer "
    "buckets and providers refuse it.",
    'Set signature_version="s3v4" and a region (AWS_S3_SIGNATURE_VERSION, AWS_S3_REGION_NAME). '
    "`holdall.storage.MediaStorage` always does.",
    ("F1",),
)
KEYS_ENDED = _Opened(
    "D706",
    Level.ERROR,
    "Links are dead: the temporary keys that signed them have expired",
    "A link stops working when the session of its keys ends, however long it was meant to last.",
    SIGN_FOR_LONGER,
    ("F2",),
)
LIFETIME_CUT = _Lifetime(
    "D707",
    Level.NOTICE,
    "Links expire early",
    "They are signed with temporary keys and stop working when those expire, which is earlier than the lifetime of links.",
    SIGN_FOR_LONGER,
    ("F2",),
)
LINK_REFUSED = _Opened(
    "D709",
    Level.ERROR,
    "A link does not return the file",
    "Visitors cannot read a file that was saved, although the keys can.",
    "See what the store answered. To try again, run `holdall doctor --only links`.",
)
LINKS_CHANGE = Kind(
    "D711",
    Level.WARNING,
    "Every page view makes a new link, so the CDN caches nothing",
    "The CDN stores each query string separately, so you pay twice for every view.",
    "Use `holdall.storage.MediaStorage`, whose links stay the same for half of their lifetime.",
    ("F3",),
    evidence="Links to one file, made a second apart.",
)
ENDS_AND_HOLDS = Kind(
    "D712",
    Level.OK,
    "Links expire and cannot be changed",
    "The store refused a link that expired an hour ago, one with a wrong signature and one that was signed for another file.",
)
EXPIRED_TAKEN = Kind(
    "D713",
    Level.ERROR,
    "Expired links still work",
    "Anyone who was ever given a link can read the file forever.",
    "Ask whoever runs the store: it does not check when links expire. Keep no private files there until it does.",
    evidence="A link that expired an hour ago.",
)
TAMPERED_TAKEN = Kind(
    "D714",
    Level.ERROR,
    "Links with a wrong signature work",
    "The store does not check signatures: anyone who knows or guesses a name can read the file.",
    "Ask whoever runs the store: it does not check signatures. Keep no private files there until it does.",
    evidence="A link with a wrong signature, and one with the signature for another file.",
)
OVERRIDE_IGNORED = Kind(
    "D715",
    Level.WARNING,
    "Response headers in links are ignored",
    "`response-content-disposition` has no effect: downloads are named after the key, and open in the browser.",
    STORE_HEADER,
    ("F5",),
    evidence="A link with `response-content-disposition`.",
)
OVERRIDE_NEEDS_SIGNATURE = Kind(
    "D716",
    Level.NOTICE,
    "Links that S3 does not sign cannot name a download",
    "`url(name, parameters={'ResponseContentDisposition': …})` adds the parameter and nothing reads it. Only links that are "
    "signed for the bucket itself can change response headers.",
    STORE_HEADER,
    ("F5",),
    evidence="A link with `ResponseContentDisposition`.",
    routine=True,
)
HEAD_REFUSED = Kind(
    "D717",
    Level.NOTICE,
    "Links work with GET only",
    "The signature covers the method, so `curl -I` and link checkers are refused although the link works.",
    "Test a link with GET:\n"
    "curl -r 0-0 -o /dev/null -w '%{http_code}' '<link>'\n"
    'For other methods, sign a link with url(name, http_method="HEAD").',
    ("F5",),
    evidence="A HEAD request to the storage's own link.",
    routine=True,
)
NAMES_BROKEN = Kind(
    "D718",
    Level.ERROR,
    "Links to files with special characters in their names do not work",
    "Something on the way encodes names twice, or not at all. Files with spaces, +, %, # or accents are not found.",
    "Let every proxy pass the path unchanged.",
    failures=("G11",),
    evidence="The storage's own link to a file with a space, +, %, # and an accent in its name.",
    remedies=(
        Cause(
            "The bucket itself serves the file.",
            "Let the CDN forward the path exactly as it came, without decoding it.",
        ),
        Cause("The proxy cannot be changed.", "Save files under plain names (`upload_to` with a slug or a UUID)."),
    ),
)
NAMES_HOLD = Kind(
    "D719",
    Level.OK,
    "Names with special characters work",
    "A file with a space, +, %, # and an accent in its name was read by its link.",
)
