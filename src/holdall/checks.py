"""The offline part of the doctor as Django's system checks: the same ids (`holdall.D112`), and never the network.

SILENCED_SYSTEM_CHECKS = ["holdall.D220"]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.core import checks

from holdall.findings import Finding, Level

TAG = "storage"
# What is as it should be while a project is developed, or an image built: told by `check --deploy` alone.
# Local disk and local mode, plain http, and what only a public site has: hosts, cookies and a policy.
AT_DEPLOYMENT = frozenset({"D001", "D058", "D115", "D232", "D262", "D263", "D264", "D266"})
# Nothing is wrong with an image that is built.
NEVER = frozenset({"D005"})
# What reads the whole code, waits, or means something before the first request alone, is the doctor's.
SKIPPED = ("paths", "link_stability", "import_use")

# A notice is no news at every start.
_MESSAGES = {Level.ERROR: checks.Error, Level.WARNING: checks.Warning}


def check_storages(app_configs: Sequence[AppConfig] | None = None, **_options: Any) -> list[checks.CheckMessage]:
    """Say what is wrong with the project's storages, as far as it can be told without a request."""
    return [_message(finding) for finding in _findings() if finding.id not in AT_DEPLOYMENT | NEVER]


def check_deployment(app_configs: Sequence[AppConfig] | None = None, **_options: Any) -> list[checks.CheckMessage]:
    """Say what is wrong with them where visitors come."""
    return [_message(finding) for finding in _findings() if finding.id in AT_DEPLOYMENT]


def _findings() -> Iterator[Finding]:
    # The doctor loads the SDK: commands that run no checks need not wait for it.
    from holdall import doctor
    from holdall.doctor import stores

    for examination in stores.of_project():
        for finding in doctor.examine(examination, offline=True, skip=SKIPPED):
            if finding.level in _MESSAGES:
                yield finding.about(examination.store)


def _message(finding: Finding) -> checks.CheckMessage:
    about = f'STORAGES["{finding.store}"]: ' if finding.store else ""
    hint = " ".join(filter(None, (finding.cause.means, finding.cause.do, f"See {finding.page}")))
    return _MESSAGES[finding.level](
        f"{about}{finding.kind.title}: {finding.seen}", hint=hint, id=f"holdall.{finding.id}"
    )


def register() -> None:
    """Register the checks with Django."""
    checks.register(check_storages, TAG)
    checks.register(check_deployment, TAG, deploy=True)
