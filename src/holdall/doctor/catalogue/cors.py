"""Findings of the layer `cors`: what pages of the sites may do with the files."""

from __future__ import annotations

from functools import partial

from holdall.findings import Cause, Kind, Level

_Site = partial(Kind, evidence="A new font, requested with the `Origin` header of each site.")
_ALLOW = (
    "Allow the site in the bucket's CORS rules, and let the CDN forward `Origin`:\n"
    'aws s3api put-bucket-cors --bucket BUCKET --cors-configuration \'{"CORSRules": [{"AllowedOrigins": '
    '["https://www.example.com"], "AllowedMethods": ["GET", "HEAD"], "AllowedHeaders": ["*"]}]}\''
)

ALLOWED = Kind("D850", Level.OK, "The sites may use the files", "A font was requested as their pages request it.")
NOT_ALLOWED = _Site(
    "D851",
    Level.WARNING,
    "CORS: a site's pages cannot use fonts, canvas or fetch",
    "Pictures work, but browsers do not let the site's pages use files as fonts, on a canvas or with fetch. The header comes "
    "from the bucket and the CDN; Django has no part in it.",
    _ALLOW,
    failures=("J1",),
)
PREFLIGHT_REFUSED = Kind(
    "D852",
    Level.NOTICE,
    "CORS: requests with custom headers are refused",
    "Simple reads work. For a fetch with custom headers the browser first sends an OPTIONS request, and that is refused.",
    "Let the CDN pass OPTIONS with `Origin` and `Access-Control-Request-*` (CloudFront: CORS-S3Origin).",
    ("J1",),
    evidence="An OPTIONS request with the `Origin` header of each site.",
)
KEPT_FOR_ANOTHER = Kind(
    "D853",
    Level.WARNING,
    "CORS: the CDN serves one site's header to another",
    "The first visitor decides: a cached copy without the header, or with another site's, goes to everyone. Fonts fail now and "
    "then, and work again after the cache is cleared.",
    "Make `Origin` part of the cache key (CloudFront: origin request policy CORS-S3Origin).",
    ("J2",),
    evidence="One font, requested without `Origin`, then for another site, then for an allowed one.",
    remedies=(Cause("The files need no protection from other sites.", "Allow every origin: *."),),
)
VARY_MISSING = Kind(
    "D854",
    Level.WARNING,
    "CORS: the `Vary: Origin` header is missing",
    "The response is for one site only but does not say so. A copy in a browser or proxy may be used for another site, where "
    "it fails.",
    "Let the CDN pass `Vary` on as it comes from the bucket.",
    ("J2",),
    evidence="The response headers of a font, requested with `Origin`.",
    remedies=(Cause("The files need no protection from other sites.", "Allow every origin: *."),),
)
NOT_EXAMINED = Kind(
    "D855",
    Level.NOTICE,
    "CORS was not checked",
    "Fonts, canvas and fetch need a header for each site. The doctor does not know which sites show the files.",
    "holdall doctor --origin https://www.example.com",
    evidence="The option `--origin`, and the setting `CSRF_TRUSTED_ORIGINS`.",
    routine=True,
)
SIGNED_NOT_ALLOWED = _Site(
    "D857",
    Level.WARNING,
    "CORS: a site's pages cannot use signed links in fonts, canvas or fetch",
    "Signed links lead to the bucket itself, so its CORS rules decide. Pictures, videos and downloads by link need none. "
    "Fonts, a canvas, fetch and uploads from the browser do.",
    _ALLOW,
    failures=("J1",),
)
NOT_ALLOWED_TO_PROJECT = _Site(
    "D856",
    Level.NOTICE,
    "CORS: pages of one of the project's sites cannot use fonts, canvas or fetch",
    "Pictures work. This matters only if the site's pages use files as fonts, on a canvas or with fetch.",
    _ALLOW,
    failures=("J1",),
)
