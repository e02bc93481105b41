"""Whose an upload is: the user and the session of a request, as a text that tells neither.

A ticket that leaks is worth nothing to anybody else: whoever presents it has to be who it was made for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.utils.crypto import salted_hmac

from holdall.uploads.options import options

SALT = "holdall.uploads.owner"
# The request that is being answered; forms know none.
_request: ContextVar[Any] = ContextVar("holdall_uploads_request", default=None)


@contextmanager
def serving(request: Any) -> Iterator[None]:
    """Let forms that are made inside know the request."""
    entered = _request.set(request)
    try:
        yield
    finally:
        _request.reset(entered)


def current_request() -> Any:
    """Give the request that is being answered; None outside of one, or without the middleware."""
    return _request.get()


def owner_of(request: Any, *, make_session: bool = False) -> str:
    """Give a text that stands for the user and the session of a request.

    `make_session`: visitors who are not logged in get a session, for without one all of them would be one owner.
    """
    user = options().user(request)
    number = str(user.pk) if user is not None and user.is_authenticated else ""
    session = getattr(request, "session", None)
    key = ""
    # What signed cookies call the key of a session is all of its content, and changes with it.
    if session is not None and not settings.SESSION_ENGINE.endswith("signed_cookies"):
        if not number and not session.session_key and make_session:
            session.create()
        key = session.session_key or ""
    return salted_hmac(SALT, f"{number}\n{key}", algorithm="sha256").hexdigest()[:32]


def account_of(request: Any, owner: str) -> str:
    """Give a text that stands for the user alone, whose open uploads are counted; for visitors, their owner's.

    The attack: a user who logs in once more for every hundred uploads.
    """
    user = options().user(request)
    if user is None or not user.is_authenticated:
        return owner
    return salted_hmac(f"{SALT}.account", str(user.pk), algorithm="sha256").hexdigest()[:16]


def is_known(request: Any) -> bool:
    """Say whether a request is of a user or a session at all."""
    user = options().user(request)
    if user is not None and user.is_authenticated:
        return True
    session = getattr(request, "session", None)
    return bool(session is not None and session.session_key)
