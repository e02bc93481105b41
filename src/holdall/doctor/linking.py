"""Links as the storage makes them, without a request."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from holdall.bases import base_of
from holdall.doctor.examination import Examination
from holdall.s3 import hosts


def can_link(examination: Examination) -> bool:
    """Whether a link can be made without a request: with keys and a region that are known here."""
    storage = examination.storage
    if not examination.is_s3 or (examination.is_ours and storage.local_folder):
        return False
    if storage.custom_domain and not examination.signs_for_domain:
        return True
    if not storage.bucket_name or (examination.is_ours and not (storage.region_name or storage.endpoint_url)):
        return False
    pair = storage.access_key and storage.secret_key
    known = os.environ.get("AWS_ACCESS_KEY_ID") and os.environ.get("AWS_SECRET_ACCESS_KEY")
    return bool(not storage.querystring_auth or pair or (known and not storage.session_profile))


def link_host(examination: Examination) -> str:
    """Return the host of links, or "" if only a request could tell it."""
    storage = examination.storage
    if link := link_or_none(examination):
        return urlsplit(link).hostname or ""
    if not examination.is_s3 or (examination.is_ours and storage.local_folder):
        return ""
    if examination.signs_for_domain and (base := base_of(storage.custom_domain)):
        return base.host
    if examination.public_endpoint:
        return urlsplit(examination.public_endpoint).hostname or ""
    if examination.is_ours:
        # The keys are a role's, which only a request can fetch. The host does not depend on them.
        place = hosts.place(examination.target, storage.endpoint_url or None, storage.region_name)
        return (urlsplit(place.base).hostname or "") if place else ""
    # At Amazon it depends on the region and the addressing style, which the SDK chooses.
    return urlsplit(storage.endpoint_url or "").hostname or ""


def link_or_none(examination: Examination, **more: Any) -> str | None:
    """Make a link; None if that takes a request or fails, which `probe_link` reports."""
    if not can_link(examination):
        return None
    try:
        return make_link(examination, **more)
    except Exception:  # noqa: BLE001  a project's own class may raise anything
        return None


def make_link(examination: Examination, **more: Any) -> str:
    """Make a link to a file that need not exist.

    Raises:
        Exception: whatever the storage's own class raises.
    """
    storage = examination.storage
    # A fork looks into its own store before it links, and the system checks send nothing.
    return str(getattr(storage, "own_url", storage.url)(examination.name("a.jpg"), **more))
