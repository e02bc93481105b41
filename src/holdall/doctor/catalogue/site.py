"""Findings of the layer `site`: the media host beside the site that shows the files."""

from __future__ import annotations

from functools import partial

from holdall.findings import Cause, Kind, Level

_Kind = partial(Kind, evidence="The host of the storage's links, and the site's settings. Nothing is sent.")

INTERNAL_HOST = _Kind(
    "D262",
    Level.ERROR,
    "Links use a host that visitors cannot reach",
    "The host is inside a private network and the site is public. A signed link works only for the host that it was "
    "signed for, so the host cannot be replaced afterwards.",
    "AWS_S3_PUBLIC_ENDPOINT_URL=https://…   # the address at which visitors reach the same server",
    ("C8",),
)
SENDS_SESSION = _Kind(
    "D263",
    Level.WARNING,
    "Browsers send the site's session cookie to the media host",
    "A script in an uploaded file could act as whoever opens it.",
    "Serve media from a domain of its own, or narrow SESSION_COOKIE_DOMAIN.",
    ("K2",),
)
SAME_HOST = _Kind(
    "D264",
    Level.WARNING,
    "Media are served from the site's own host",
    "A script in an uploaded file could act as whoever opens it.",
    "Serve media from a domain of its own.",
    ("K2",),
)
SAME_SITE = _Kind(
    "D265",
    Level.NOTICE,
    "Media are served from a subdomain of the site's domain",
    "Browsers send cookies that are set for the whole domain to the media host too, and scripts in uploaded files could "
    "set such cookies.",
    "If strangers can upload files, serve media from another domain. Keep SESSION_COOKIE_DOMAIN unset.",
    ("K2",),
)
POLICY_FORBIDS_MEDIA = _Kind(
    "D266",
    Level.WARNING,
    "The Content-Security-Policy does not allow the media host",
    "Browsers block every picture on the site, although each link works by itself.",
    "Add the media host to `img-src`.",
    remedies=(Cause("The pages play video or audio, or load fonts.", "Add it to `media-src` and `font-src` too."),),
)
