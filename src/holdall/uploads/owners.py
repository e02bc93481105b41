"""Whose an upload is: the user and the session of a request, as a text that tells neither.

A ticket that leaks is worth nothing to anybody else: whoever presents it has to be who it was made for.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.utils.crypto import salted_hmac

from holdall.uploads.options import options

SALT = "holdall.uploads.owner"
# What tells visitors apart whose sessions have no key: kept in the session.
VISITOR = "holdall.uploads.visitor"
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
    return _text_for(_claimed(request, make_session=make_session), settings.SECRET_KEY)


def is_owner(request: Any, owner: str) -> bool:
    """Say whether a text stands for the user and the session of a request; also one that was made with a key before."""
    claimed = _claimed(request)
    return any(_text_for(claimed, key) == owner for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


def _claimed(request: Any, *, make_session: bool = False) -> str:
    user = options().user(request)
    number = str(user.pk) if user is not None and user.is_authenticated else ""
    session = getattr(request, "session", None)
    if session is None:
        return f"{number}\n"
    if settings.SESSION_ENGINE.endswith("signed_cookies"):
        # What signed cookies call the key of a session is all of its content, and changes with it. A user is one by
        # his number; of visitors without one all would be the same.
        if not number and make_session:
            session.setdefault(VISITOR, secrets.token_hex(16))
        return f"{number}\n{'' if number else session.get(VISITOR, '')}"
    if not number and not session.session_key and make_session:
        session.create()
    return f"{number}\n{session.session_key or ''}"


def _text_for(claimed: str, key: str | bytes) -> str:
    return salted_hmac(SALT, claimed, secret=key, algorithm="sha256").hexdigest()[:32]


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
    return session is not None and bool(VISITOR in session or session.session_key)
