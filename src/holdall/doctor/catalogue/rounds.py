"""Findings about the doctor's own run."""

from __future__ import annotations

from holdall.findings import Kind, Level

STOPPED = Kind(
    "D090",
    Level.NOTICE,
    "The doctor stopped here",
    "The remaining checks depend on what failed, so their results would be misleading. Fix the errors, then run the doctor "
    "again.",
    evidence="The errors that were found before.",
)
TOO_SLOW = Kind(
    "D091",
    Level.WARNING,
    "A check took too long",
    "Something between this machine and the store responds very slowly or not at all.",
    "Run it again with `--only` and a longer `--seconds`. Check proxies and firewalls, which may drop packets silently.",
    evidence="The time since the check began.",
)
NOT_ASKED = Kind(
    "D094",
    Level.ERROR,
    "The time was over before everything was checked",
    "Checks took longer than usual, so the rest was left out. Nothing is known about it.",
    "Run it again with a longer `--seconds`, or with `--only` for what is left.",
    evidence="The time since the doctor began.",
)
INTERRUPTED = Kind(
    "D095",
    Level.ERROR,
    "The doctor was interrupted",
    "Only what is reported here was checked.",
    "Run it again, and let it end.",
    evidence="Ctrl-C, and the request that was waiting for its answer.",
)
BROKEN_PROBE = Kind(
    "D092",
    Level.UNKNOWN,
    "A check failed unexpectedly",
    "The doctor got a response that it does not understand, so it cannot tell whether anything is wrong.",
    "Report it with what was seen. It contains no secrets.",
    evidence="The error that the check raised.",
)
KEYS_STRAY = Kind(
    "D093",
    Level.UNKNOWN,
    "The storage saves files outside the folder it was given",
    "A storage class in the project changes names so that they are no longer in the doctor's folder. The doctor could not "
    "tell its own files from the project's, so it saved no more.",
    "Keep the folders of a name in `get_available_name` and `_normalize_name`, or run the doctor with --offline.",
    evidence="The key of a file that the doctor saved or was about to save.",
)
