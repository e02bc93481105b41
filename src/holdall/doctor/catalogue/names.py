"""Findings of the layer `values`: variables that are not read under the name that they have.

`VARIABLE` and `OTHER` stand for variables, as in `values`.
"""

from __future__ import annotations

from functools import partial

from holdall.doctor.catalogue.values import EVIDENCE
from holdall.findings import Kind, Level

_Kind = partial(Kind, evidence=EVIDENCE)

MISNAMED = _Kind(
    "D125",
    Level.ERROR,
    "A variable's name is misspelled",
    "Nothing reads this variable, and the one that it was meant to be is not set.",
    "Set `OTHER` in place of `VARIABLE`.",
    ("A3",),
)
LEFTOVER = _Kind(
    "D126",
    Level.WARNING,
    "A variable is not used",
    "Nothing reads it, so it has no effect.",
    "Unset `VARIABLE`.",
    ("A3",),
)
AMBIENT = _Kind(
    "D127",
    Level.WARNING,
    "An AWS SDK variable does not change the endpoint",
    "boto3 and the AWS CLI follow this variable, Holdall does not: a variable that was set for another tool must not move "
    "media to another server.",
    "If it is meant for media, set `AWS_S3_ENDPOINT_URL` too.",
    ("A8",),
)
NOT_IN_MODE = _Kind(
    "D129",
    Level.WARNING,
    "A variable is not used in this mode",
    "It has no effect.",
    "Unset `VARIABLE`, or change `STORAGES_MODE`.",
    ("A3",),
)
OTHER_TOOLS_NAME = _Kind(
    "D148",
    Level.WARNING,
    "A variable of another tool has no effect",
    "Holdall does not read it, and the variable that it may stand for is not set.",
    "If it is meant for the storage, set `OTHER`.",
    ("A3",),
)
ANOTHER_PROVIDER = _Kind(
    "D183",
    Level.ERROR,
    "The environment speaks of another provider, but has no endpoint",
    "Without an endpoint, the bucket is looked for at Amazon S3: somebody else may have a bucket of that name there.",
    "VARIABLE=https://…   # the provider's endpoint; on DigitalOcean, set STORAGES_MODE=do instead",
    ("A3", "C1"),
)
SETTING_IN_ENVIRONMENT = _Kind(
    "D184",
    Level.WARNING,
    "A setting of django-storages is in the environment",
    "Nothing reads it there, so it has no effect.",
    "Set the option in settings.py, as the message says, and unset `VARIABLE`.",
    ("A3",),
)
UNREAD_PREFIX = _Kind(
    "D185",
    Level.ERROR,
    "All variables have a prefix that nobody asked for",
    "Holdall reads a prefix only where `aliases` names it.",
    "Write the line that the message shows in settings.py, or rename the variables.",
    ("A3",),
)
WHOLE_ADDRESS = _Kind(
    "D186",
    Level.ERROR,
    "A store is written as one address",
    "Holdall reads a variable for each part. An address with keys in it ends up in logs.",
    "`holdall env --write store.env` writes the variables into a file. Set them in place of `VARIABLE`.",
    ("A3", "A4"),
)
DOTENV = _Kind(
    "D187",
    Level.ERROR,
    "The variables may be in a .env that nothing has read",
    "Neither Django nor Holdall reads such a file.",
    "Load it at the beginning of settings.py, before `holdall.from_env()`: docs/how-to/env-files.md has the line for each "
    "library.",
    ("A3", "A4"),
)
