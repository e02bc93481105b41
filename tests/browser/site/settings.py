"""A site with every kind of form that uploads: plain ones, the admin's, Wagtail's, and an API."""

from __future__ import annotations

import os
from pathlib import Path

import holdall

FOLDER = Path(os.environ["SITE_FOLDER"])
SECRET_KEY = os.environ["SITE_SECRET"]
STORAGES = holdall.from_env()
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": FOLDER / "site.sqlite3",
        "OPTIONS": {"transaction_mode": "IMMEDIATE"},
    }
}
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "wagtail.admin",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.snippets",
    "wagtail.users",
    "wagtail",
    "modelcluster",
    "taggit",
    "holdall",
    "holdall.uploads",
    "rest_framework",
    "tests.browser.site",
    # The app of the how-to, which `tests.browser.howto` writes into the site's folder.
    "letters",
]
MIDDLEWARE = [
    "tests.browser.site.counting.Counting",
    "tests.browser.site.policy.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "holdall.uploads.middleware.UploadsMiddleware",
]
ROOT_URLCONF = "tests.browser.site.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
# The tables are made as the models are now: Wagtail's two hundred migrations take ten times as long as all of the tests.
MIGRATION_MODULES = (
    {app.rpartition(".")[2]: None for app in INSTALLED_APPS if not app.startswith(("wagtail", "holdall"))}
    | {"wagtailcore": None}
    | {f"wagtail{app}": None for app in ("admin", "docs", "images", "search", "snippets", "users")}
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_URL = "/static/"
USE_TZ = True
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("fr", "Français"), ("es", "Español"), ("ar", "العربية")]
WAGTAIL_SITE_NAME = "Site"
WAGTAILADMIN_BASE_URL = "http://127.0.0.1"
WAGTAILSEARCH_BACKENDS = {"default": {"BACKEND": "wagtail.search.backends.database"}}
WAGTAILIMAGES_IMAGE_FORM_BASE = "holdall.uploads.wagtail.ImageForm"
WAGTAILDOCS_DOCUMENT_FORM_BASE = "holdall.uploads.wagtail.DocumentForm"
# Small ones, so that a file of a few parts is a small file.
HOLDALL_UPLOADS = {"PARTS_FROM": 8 * 1024 * 1024, "PART_SIZE": 5 * 1024 * 1024}
