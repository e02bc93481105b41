"""The smallest Django project: the tests say what they need beyond it."""

SECRET_KEY = "tests-only"
INSTALLED_APPS = ["holdall"]
# What the test database will be called: a thread that asked for its connection before there was one, as the thread of
# asgiref may have, must not keep another for ever.
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:memorydb_default?mode=memory&cache=shared"}
}
USE_TZ = True
