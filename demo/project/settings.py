"""The demo's settings. The storage is the one line that starts with STORAGES."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

from django.core.management.utils import get_random_secret_key

import holdall

BASE_DIR = Path(__file__).resolve().parent.parent
# The embedded server's files and the database; with a real bucket only the database is here.
DATA_FOLDER = Path(os.environ.get("DEMO_FOLDER", BASE_DIR / ".holdall"))
# The embedded server takes no folder that holds other files.
STORE_FOLDER = DATA_FOLDER / "store"

STORAGES = holdall.from_env(aliases={"default": "", "public": "PUBLIC_"}, local_folder=STORE_FOLDER)

# A photograph goes into the bucket while it arrives, and no byte of it to a disk: this process could run in a container
# whose whole file system is read-only. Under ASGI, `holdall.asgi` does the same.
FILE_UPLOAD_HANDLERS = ["holdall.uploads.handlers.StoreUploadHandler"]
LARGEST_PHOTOGRAPH_BYTES = int(os.environ.get("DEMO_LARGEST_MB", 500)) * 1024 * 1024
LARGEST_REQUEST_BYTES = 2 * LARGEST_PHOTOGRAPH_BYTES

# SQLite is what a demo needs; a site on more than one machine keeps its database elsewhere, like its files.
# A database for each bucket, because names that are kept for one mean nothing in another.
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_FOLDER / f"gallery-{os.environ.get('STORAGE_BUCKET_NAME') or 'local'}.sqlite3",
        "OPTIONS": {"transaction_mode": "IMMEDIATE"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# It signs only the one-time messages in a cookie, so each start may have its own and no file has to keep it.
SECRET_KEY = os.environ.get("SECRET_KEY") or get_random_secret_key()
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]

INSTALLED_APPS = [
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "holdall",
    "holdall.uploads",
    "gallery",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "gallery.middleware.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "holdall.uploads.middleware.UploadsMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "gallery.middleware.StorageTrouble",
]
# Nobody logs in here: an upload belongs to its visitor by the session.
# Browsers keep cookies by host, not by port: a gallery and its copy must not take each other's.
SESSION_COOKIE_NAME = f"session-{zlib.crc32(os.fsencode(DATA_FOLDER)):08x}"
HOLDALL_UPLOADS = {"PERMISSION": "gallery.forms.everybody"}
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"
ROOT_URLCONF = "project.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "static/"
USE_TZ = True
TIME_ZONE = "UTC"

# A terminal that shows every request hides the one line that matters.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {
        "django": {"handlers": ["console"], "level": "ERROR", "propagate": False},
        "django.server": {"handlers": ["console"], "level": "ERROR", "propagate": False},
    },
}
