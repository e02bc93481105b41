"""What a page of the documentation says that gunicorn.conf.py is; the sealed file system has no such page."""

import os

exec(os.environ["GUNICORN_CONF"], globals())
