"""Findings of the layer `urlconf`: what the project's own URLs serve."""

from __future__ import annotations

from holdall.findings import Kind, Level

PROJECT_SERVED = Kind(
    "D064",
    Level.ERROR,
    "A URL pattern serves the project's own folder",
    "Anyone who reaches the site can download the code with its secrets, the database or the files of local mode. "
    "`static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT)` does this while DEBUG is on and both settings are "
    "unset: the prefix is then /, and the folder the one that the server was started in.",
    "Remove the pattern, `static(settings.MEDIA_URL, …)`, from the URLconf. The storage's links do not need it.",
    evidence="Every pattern of `django.views.static.serve` in the URLconf, and its folder.",
)
