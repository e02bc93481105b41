"""Findings of the layers `cdn` and `caching`: the domain in front of the bucket."""

from __future__ import annotations

from functools import partial

from holdall.findings import Cause, Kind, Level

_Domain = partial(Kind, evidence="The storage's link to a new file on the domain, opened as a visitor would.")
_Missing = partial(Kind, evidence="A file that did not exist, requested through the domain.")
_Replaced = partial(Kind, evidence="A file that the doctor replaced, requested through the domain before and after.")
_Scripts = partial(
    Kind, evidence="An HTML and an SVG file: the headers they are stored with, and those the domain sends."
)
_Cached = partial(Kind, evidence="The response headers of a picture that was requested three times.")

# -- reaching it

SERVED = Kind(
    "D800", Level.OK, "The domain serves the files", "A new file was read by its link, and every byte matched."
)
NAME_UNKNOWN = _Domain(
    "D801",
    Level.ERROR,
    "The domain does not exist",
    "It has no DNS record, so no visitor can get a file.",
    "Create the DNS record (a CNAME to the CDN's own name), or correct `AWS_S3_CUSTOM_DOMAIN`.",
)
NOTHING_ANSWERS = _Domain(
    "D802",
    Level.ERROR,
    "Nothing responds at the domain",
    "The name leads to a machine that does not respond as a web server.",
    "Check that the distribution is deployed and enabled, and that the DNS record leads to it.",
)
CERTIFICATE_ENDED = _Domain(
    "D803",
    Level.ERROR,
    "The domain's certificate has expired",
    "Browsers block every file.",
    "Renew it in the CDN, and turn on automatic renewal.",
)
CERTIFICATE_OF_ANOTHER = _Domain(
    "D804",
    Level.ERROR,
    "The domain's certificate is for another name",
    "Browsers block every file: the CDN does not know that it serves this domain.",
    "Add the domain and its certificate to the distribution (CloudFront: alternate domain name; Spaces: custom subdomain).",
)
CERTIFICATE_UNKNOWN = _Domain(
    "D805",
    Level.ERROR,
    "The domain's certificate is not trusted",
    "Browsers block every file. The certificate is self-signed, or the server does not send its intermediate certificates.",
    "Use a certificate from a public authority, with its chain. If you have your own authority, set `AWS_CA_BUNDLE` to its "
    "certificate.",
)
TLS_FAILED = _Domain(
    "D806",
    Level.ERROR,
    "No secure connection to the domain is possible",
    "Browsers block every file.",
    "Try `curl -v` with the domain. Links begin with https: unless AWS_S3_URL_PROTOCOL says otherwise.",
)

# -- the right files

PREFIX_WRONG = _Domain(
    "D807",
    Level.ERROR,
    "Paths on the domain and keys in the bucket do not match",
    "The file exists under another path than the link's: the CDN adds or removes a folder.",
    failures=("E2",),
    remedies=(
        Cause("The CDN adds the location, which links already contain.", "Remove the CDN's origin path."),
        Cause("The CDN removes the location.", "Let the CDN forward the whole path."),
        Cause(
            "The CDN leads to the endpoint, and the bucket is missing from the path.",
            "Set the CDN's origin path to /BUCKET, or its origin to the bucket's own host.",
        ),
        Cause(
            "The custom domain contains the bucket, and the CDN leads into the bucket.",
            "Remove /BUCKET from `AWS_S3_CUSTOM_DOMAIN`.",
        ),
    ),
)
DOMAIN_REFUSES = _Domain(
    "D808",
    Level.ERROR,
    "The domain does not serve the files",
    "The bucket has the file, but the domain returns something else: it leads to another bucket, or may not read this one.",
    "Point the CDN's origin at this bucket, and let the CDN read it.",
    ("E2", "E6", "E7"),
    remedies=(
        Cause("The CDN cached an error from before the files were public.", "Purge its cache."),
        Cause(
            "The CDN does not accept the signature of links.",
            "In CloudFront, `AWS_CLOUDFRONT_KEY_ID` must be in the behavior's key group, and `AWS_CLOUDFRONT_KEY` must be its "
            "private key.",
            ("amazon",),
        ),
    ),
)
SIGNED_LINK_REFUSED = _Domain(
    "D829",
    Level.ERROR,
    "The domain does not pass signed links on",
    "A link is signed for the bucket's own host and carries the domain. The store refuses it if its path or query arrives "
    "changed, or with another host in the `Host` header.",
    "Let the CDN or proxy send the path and the whole query on unchanged, and the bucket's own host in the `Host` header. "
    "Otherwise unset `AWS_S3_SIGN_FOR_DOMAIN`: links then lead to the bucket itself.",
    ("E4", "E7"),
)
SIGNATURES_PASSED_ON = Kind(
    "D830",
    Level.OK,
    "The domain passes signed links on",
    "It served a private file by its link, and refused the same file without the signature and with a wrong one.",
)
COPY_FOR_EVERYBODY = Kind(
    "D831",
    Level.ERROR,
    "The domain shows a private file to everybody once somebody has opened it",
    "Its cache ignores the query, so whoever asks for the path gets the copy that somebody else's signed link has left there.",
    "Make the whole query part of the cache key, or let the CDN keep no copies. Until then, unset `AWS_S3_CUSTOM_DOMAIN`.",
    ("K1", "E4"),
    evidence="A private file that the domain served by a signed link, then requested without the signature and with a "
    "wrong one.",
)
QUERY_REMOVED = _Domain(
    "D832",
    Level.ERROR,
    "The domain removes the query of links, and with it their signature",
    "The signature of a private link is in its query. It did not arrive where it is checked: the link is answered like one "
    "without a signature.",
    "Let the CDN or proxy in front pass the whole query on, and make it part of the cache key (Cloudflare: a cache rule with "
    "the query string; CloudFront: an origin request policy that forwards all of it).",
)
OTHER_CONTENT = _Domain(
    "D809",
    Level.ERROR,
    "The domain serves other content than was saved",
    "Something else answers at the file's URL, or the CDN changes files.",
    "Point the CDN's origin at this bucket. Turn off features that rewrite, minify or optimize files, and custom error pages.",
    ("E2",),
)
NO_CDN = _Domain(
    "D811",
    Level.WARNING,
    "Public files come from the bucket itself, not from a CDN",
    "Every view is fetched from the bucket and charged.",
    "Enable the CDN, and set `AWS_S3_CUSTOM_DOMAIN` to its domain.",
    failures=("E3",),
)

# -- what it does with them

RANGE_IGNORED = Kind(
    "D820",
    Level.WARNING,
    "The domain ignores Range requests",
    "Visitors cannot seek in videos, Safari does not play them at all, and interrupted downloads start again.",
    "Let the CDN forward the `Range` header, or answer it from its cache.",
    evidence="The answer to a request for one byte.",
)
TYPE_CHANGED = _Scripts(
    "D821",
    Level.WARNING,
    "The domain changes the content type of files",
    "Browsers may show pictures as text or treat files as something else.",
    "Let the CDN pass `Content-Type` on as it comes from the bucket.",
    ("G7",),
)
SCRIPT_RUNS = _Scripts(
    "D822",
    Level.WARNING,
    "HTML and SVG files open as pages of the media domain",
    "Anyone who can upload one can run scripts there. If the domain shares cookies with the site, the scripts act as its "
    "visitors.",
    "Use `holdall.storage.MediaStorage`, which stores them as attachments, and keep media on a domain of its own.",
    ("K2",),
)
DISPOSITION_DROPPED = _Scripts(
    "D823",
    Level.WARNING,
    "The domain drops the header that keeps HTML and SVG files from running",
    "They are stored as attachments but arrive without `Content-Disposition`. Anyone who can upload one can run scripts there.",
    "Let the CDN pass `Content-Disposition` on as it comes from the bucket.",
    ("K2",),
)
NO_SCRIPT = Kind("D824", Level.OK, "HTML and SVG files do not open as pages", "Both arrive as attachments.")
DOMAIN_LISTED = Kind(
    "D825",
    Level.ERROR,
    "Anyone can list the bucket through the domain",
    "The bucket refuses visitors, but the CDN is allowed to list it. The domain's root shows the names of all files.",
    "Take the right to list away from the CDN, or let it serve a file of its own at the root (CloudFront: remove "
    "`s3:ListBucket` from the distribution's statement, or set a default root object).",
    ("K3",),
    evidence="The domain's root, requested as a visitor would.",
)
PLAIN_HTTP = Kind(
    "D826",
    Level.NOTICE,
    "The domain also serves files without encryption",
    "Links use https:, but a visitor who uses http: gets files that others can read and change on the way.",
    "Redirect to HTTPS (CloudFront: viewer protocol policy; Cloudflare: Always Use HTTPS).",
    evidence="A new file, requested over plain HTTP.",
)
RANGES_HOLD = Kind("D828", Level.OK, "The domain serves parts of files", "One byte was requested, and one byte came.")

# -- what it keeps

NOT_CACHED = _Cached(
    "D810",
    Level.NOTICE,
    "Nothing shows that the CDN caches files",
    "No response header says that the picture came from the cache (Age, X-Cache, CF-Cache-Status and similar).",
    "Check the hit rate in the CDN's console. In CloudFront, use the policy CachingOptimized.",
    ("E3",),
)
CACHE_BYPASSED = _Cached(
    "D812",
    Level.WARNING,
    "The CDN is configured not to cache",
    "Its own header says that it passes every request on to the bucket, which is slower and more expensive than no CDN.",
    "Let the CDN cache files. In CloudFront, use the policy CachingOptimized. In Cloudflare, add a cache rule for the domain.",
    ("E3",),
)
MISSING_IS_REFUSED = _Missing(
    "D813",
    Level.NOTICE,
    "The domain answers 403 for a missing file",
    "The CDN may read files but not list them, so it cannot tell a missing file from a forbidden one. Nothing is broken.",
    "Treat 403 as missing on this domain. The right to list, which turns it into 404, would let anyone list the bucket "
    "at the domain's root. Do not rewrite every 403 to 404.",
    ("E5",),
    routine=True,
)
MISSING_IS_NOT_FOUND = Kind(
    "D814", Level.OK, "The domain answers 404 for a missing file", "A name that does not exist was requested."
)
MISSING_IS_ANSWERED = _Missing(
    "D815",
    Level.WARNING,
    "The domain answers for a missing file as if it existed",
    "The CDN returns a page of its own with a success status. Caches keep it in place of the picture, and nobody notices.",
    "Remove the error page (CloudFront: custom error response) from the media distribution, or let it return 404.",
    ("E5",),
)
STALE = _Replaced(
    "D816",
    Level.NOTICE,
    "The CDN keeps showing a file after it was replaced",
    "This storage does not replace files, but the name of a deleted file can be used again. Visitors then see the old file "
    "for as long as its `Cache-Control` lets the CDN keep it (`STORAGE_CACHE_LIFETIME`).",
    failures=("E6",),
    routine=True,
)
STALE_AND_REPLACED = _Replaced(
    "D817",
    Level.WARNING,
    "Files are replaced, and the CDN keeps showing the old ones",
    "The storage overwrites files with the same name (file_overwrite=True). The link stays the same, and the CDN keeps its copy.",
    "AWS_S3_FILE_OVERWRITE = False   # or the option file_overwrite, so that every file gets its own name",
    ("E6",),
)
ERROR_KEPT = _Missing(
    "D818",
    Level.WARNING,
    "The CDN keeps saying that a file is missing after it was saved",
    "If anyone requests a file too early, or before a right is granted, nobody can see it until the cached error expires.",
    "Cache errors for seconds only (CloudFront: error caching minimum TTL). Purge the CDN after you fix rights.",
    ("E6",),
)
ERROR_KEPT_BRIEFLY = _Missing(
    "D819",
    Level.NOTICE,
    "The CDN caches errors for a short time",
    "A file that is requested before it is saved becomes visible only after that time.",
    failures=("E6",),
    routine=True,
)
KEPT = Kind("D827", Level.OK, "The CDN caches files", "A picture was requested again and came from the cache.")
