"""The offline part of the doctor as Django's system checks. The ids are the same (`holdall.D112`), and nothing is sent.

SILENCED_SYSTEM_CHECKS = ["holdall.D220"]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.core import checks

from holdall.findings import Finding, Kind, Level

TAG = "storage"
# What is fine in development or while an image is built, so only `check --deploy` reports it:
# local disk and local mode, plain HTTP, and what only a public site has (hosts, cookies, a policy).
AT_DEPLOYMENT = frozenset({"D001", "D058", "D115", "D232", "D262", "D263", "D264", "D266"})
# Build mode is fine while an image is built, which is when checks run in it.
NEVER = frozenset({"D005"})
# These read all of the code, wait, or only mean something before the first request. The doctor runs them.
SKIPPED = ("paths", "link_stability", "import_use")

# Notices are not worth repeating at every start.
_MESSAGES = {Level.ERROR: checks.Error, Level.WARNING: checks.Warning}


def check_storages(app_configs: Sequence[AppConfig] | None = None, **_options: Any) -> list[checks.CheckMessage]:
    """Report what is wrong with the project's storages, as far as that is possible without a request."""
    return [_message(finding) for finding in _findings() if finding.id not in AT_DEPLOYMENT | NEVER]


def check_deployment(app_configs: Sequence[AppConfig] | None = None, **_options: Any) -> list[checks.CheckMessage]:
    """Report what is wrong with them in production."""
    return [_message(finding) for finding in _findings() if finding.id in AT_DEPLOYMENT]


def _findings() -> Iterator[Finding]:
    # The doctor loads the SDK. Commands that run no checks should not wait for it.
    from holdall import doctor
    from holdall.doctor import stores

    for examination in stores.of_project():
        for finding in doctor.examine(examination, doctor.Choice(offline=True, skip=SKIPPED)):
            if finding.level in _MESSAGES:
                yield finding.about(examination.label)


def _message(finding: Finding) -> checks.CheckMessage:
    about = f'STORAGES["{finding.store}"]: ' if finding.store else ""
    hint = " ".join(filter(None, (finding.cause.means, finding.cause.do, f"See {_more(finding.kind)}")))
    return _MESSAGES[finding.level](
        f"{about}{finding.kind.title}: {finding.seen}", hint=hint, id=f"holdall.{finding.id}"
    )


def _more(kind: Kind) -> str:
    return kind.url or f"`manage.py holdall doctor --explain {kind.id}`"


def register() -> None:
    """Register the checks with Django."""
    checks.register(check_storages, TAG)
    checks.register(check_deployment, TAG, deploy=True)
