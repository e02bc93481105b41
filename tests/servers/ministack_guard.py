"""Run MiniStack with its back doors shut. Started by `ministack.py`, in the environment of `requirements.txt`.

MiniStack 1.5.33 has two, even when it is told to check signatures and rights: well-known root keys (`test`, any
twelve digits) whose signature is never looked at, and control paths under `/_ministack` and the like, where a
`POST` without any key wipes everything: any web page that a developer has open could send it.
The one root key that remains is in `AWS_ACCESS_KEY_ID`; it is as good as a password, so it must be long and random.
"""

from __future__ import annotations

import os
import sys

CONTROL_PATHS = ("/_ministack", "/_localstack", "/_aws", "/_moto")

root_key = os.environ.get("AWS_ACCESS_KEY_ID", "")
if len(root_key) < 32:
    sys.exit("AWS_ACCESS_KEY_ID has to be a random string of 32 characters or more.")

from ministack.core import iam_evaluator  # noqa: E402  after the key was looked at

# The application takes the function by value when it is imported, so this comes first.
iam_evaluator.is_root_access_key = lambda key: not key or key == root_key

from ministack import app as ministack  # noqa: E402  after what it takes was replaced

unguarded = ministack.app


async def guarded(scope, receive, send):
    """Refuse the control paths, and hand everything else on."""
    if scope["type"] not in ("http", "websocket") or not scope["path"].lower().startswith(CONTROL_PATHS):
        await unguarded(scope, receive, send)
    elif scope["type"] == "http":
        await send({"type": "http.response.start", "status": 403, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


ministack.app = guarded
sys.argv = ["ministack"]
ministack.main()
