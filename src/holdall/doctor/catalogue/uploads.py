"""Findings of the layer `uploads`: what browsers send straight to the store."""

from __future__ import annotations

from functools import partial

from holdall.findings import Cause, Kind, Level

_Site = partial(
    Kind, evidence="A small file, sent with a link for it as the pages of each site send one.", failures=("J1",)
)
_ALLOW = "holdall provision --with-uploads --origin https://www.example.com --apply"

ALLOWED = Kind("D870", Level.OK, "The sites can upload to the bucket", "A file was sent as their pages send one.")
NOT_ALLOWED = _Site(
    "D871",
    Level.WARNING,
    "CORS: a site's pages cannot upload to the bucket",
    "Direct uploads from these pages fail in the browser; the files then go through the server, or not at all.",
    _ALLOW,
)
ETAG_HIDDEN = _Site(
    "D872",
    Level.NOTICE,
    "CORS: pages cannot read the `ETag` of what they upload",
    "Holdall's own script does not need it. Uppy does, for files that it sends in parts.",
    _ALLOW,
)
NOT_EXAMINED = Kind(
    "D873",
    Level.NOTICE,
    "Direct uploads were not checked",
    "The bucket's CORS rules decide from which sites browsers can upload. The doctor does not know the sites.",
    "holdall doctor --origin https://www.example.com",
    evidence="The option `--origin`, and the setting `CSRF_TRUSTED_ORIGINS`.",
    routine=True,
)
PUBLIC = Kind(
    "D874",
    Level.WARNING,
    "Everyone can read uploads before they are checked",
    "A file that somebody uploads and never submits can be linked to at the address of the media, unseen by validators and "
    "scanners. Its name cannot be guessed, but whoever uploads it knows it.",
    "Exclude the folder from what the bucket's policy or the CDN publishes:\nholdall provision --with-uploads --apply",
    evidence="A small file in the staging area, requested without keys at the bucket and at the CDN.",
    failures=("D1",),
    remedies=(
        Cause(
            "The policy cannot exclude a folder.",
            "Let the CDN refuse paths that contain `/.holdall/`.",
        ),
    ),
)
LEFT_BEHIND = Kind(
    "D875",
    Level.WARNING,
    "Uploads that were never saved are still in the bucket",
    "Forms that were not submitted leave their files. You pay for them until someone deletes them.",
    "holdall uploads sweep\nholdall provision --with-uploads --apply   # a lifecycle rule does it every day",
    evidence="A listing of the staging area: what has been there for more than eight days.",
    failures=("N1",),
)
