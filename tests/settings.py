"""The smallest Django project: the tests say what they need beyond it."""

SECRET_KEY = "tests-only"
INSTALLED_APPS = ["holdall"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
USE_TZ = True
