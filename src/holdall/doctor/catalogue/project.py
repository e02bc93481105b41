"""Findings of the layer `project`: settings, models and migrations."""

from __future__ import annotations

from holdall.findings import Cause, Kind, Level

STATICFILES_MISSING = Kind(
    "D050",
    Level.ERROR,
    "`STORAGES` has no `staticfiles`",
    "`STORAGES` replaces Django's default instead of being merged with it, so collectstatic and `{% static %}` fail.",
    "STORAGES = holdall.from_env()   # gives `default` and `staticfiles`",
    ("A2",),
    evidence="The settings `STORAGES` and `INSTALLED_APPS`.",
)
STATIC_ON_S3 = Kind(
    "D051",
    Level.WARNING,
    "Static files are kept on S3",
    "collectstatic checks and uploads each file by itself, which takes minutes in every deployment.",
    "Serve static files with WhiteNoise or from the image, and keep S3 for media.",
    ("I2",),
    evidence="The class of the `staticfiles` storage.",
)
SECRET_IN_MIGRATION = Kind(
    "D052",
    Level.ERROR,
    "A secret key is in a migration, or will be in the next one",
    "Migrations are in version control: anyone who can read the code can read and delete the files.",
    "Give the field a function that returns the storage, remove the key from the migration, and replace the key pair:\n"
    "def media(): return storages['…']",
    ("K4",),
    evidence="The project's migrations, and what its file fields would write into the next one.",
)
STORAGE_IN_MIGRATION = Kind(
    "D053",
    Level.WARNING,
    "Migrations contain the options of a field's storage",
    "They fix one environment's bucket for all environments.",
    "Give the field a function that returns the storage:\ndef media(): return storages['…']",
    ("K4",),
    evidence="What each file field would write into a migration.",
)
MEDIA_SETTINGS_UNUSED = Kind(
    "D054",
    Level.NOTICE,
    "A setting for media on disk has no effect",
    "The storage alone decides where files are kept and where their links lead.",
    "Remove the setting, and the URL pattern that serves it.",
    ("E3",),
    evidence="The settings `MEDIA_URL` and `MEDIA_ROOT`.",
)
FOLDER_TWICE = Kind(
    "D055",
    Level.WARNING,
    "Keys contain the same folder twice",
    "The field's `upload_to` begins with the storage's `location`, so the folder appears twice in every key. A CDN whose "
    "origin path is that folder finds nothing.",
    "Remove it from one of the two. Files that exist keep their names.",
    ("E2",),
    evidence="The field's `upload_to`, and the storage's `location`.",
)
USED_AT_IMPORT = Kind(
    "D056",
    Level.WARNING,
    "The storage was used while the project was loading",
    "Under gunicorn --preload or Celery, all workers then share its one connection, which causes TLS errors and "
    "unexplained refusals.",
    "Use the storage inside functions only.",
    ("M1",),
    evidence="Whether the storage has a connection before the first request is served.",
    remedies=(
        Cause(
            "The code cannot be changed.",
            "Use holdall.storage.MediaStorage, which opens new connections in each process.",
        ),
    ),
)
USES_PATH = Kind(
    "D057",
    Level.WARNING,
    "The project uses the path of a file",
    "Files on S3 have no path: `.path` raises NotImplementedError.",
    "Use `.open()`. For programs that need a file on disk, copy it to a temporary one.",
    ("H2",),
    evidence="The project's own source code.",
)
LOCAL_IN_PRODUCTION = Kind(
    "D058",
    Level.WARNING,
    "The embedded development server keeps the files, and DEBUG is off",
    "Files are in a folder on this machine: in a container they are lost with the next deployment.",
    "STORAGES_MODE=s3   # or do",
    evidence="The variable `STORAGES_MODE`, and the setting `DEBUG`.",
)
