"""Where browsers send files: what a page's Content-Security-Policy has to name in `connect-src`."""

from __future__ import annotations

from holdall.uploads.options import options
from holdall.uploads.stores import resolve, staging_of


def upload_origin(alias: str = "") -> str:
    """Give the origin to which the files of a storage are sent: "https://acme-media.s3.amazonaws.com". Requests: none.

    `alias`: the storage's in STORAGES; left out, that of fields which belong to no model.

    Raises:
        UploadRefused: there is no such storage, or it takes no direct uploads.
    """
    return staging_of(resolve(f"alias:{alias or options().storage}")).origin()
