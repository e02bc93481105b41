"""Findings of the layer `editors`: links that texts keep."""

from __future__ import annotations

from holdall.findings import Cause, Kind, Level

LINKS_END_IN_TEXTS = Kind(
    "D068",
    Level.WARNING,
    "An editor saves links that end",
    "The editor saves the link to a picture in its text. Links to private files are signed and end, so the pictures of a "
    "text disappear within hours, and so do those of a page that is cached for longer than a link works.",
    "Let the editor keep its pictures in a holdall.serving.PermalinkStorage, whose links never end. The how-to "
    "*Pictures in editors* shows it for each editor, and repairs texts that have signed links already.",
    evidence="The installed apps, and the settings that say where editors keep pictures.",
    remedies=(
        Cause(
            "All pictures of editors are public.",
            "Give them a second storage with public files, and let the editor use it.",
        ),
    ),
)
