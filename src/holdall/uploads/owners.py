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
# What tells a session from any other, for as long as Django keeps it: its key is another one after each login, and the
# rest of a visitor's session stays. A session that ends, or becomes another user's, is emptied.
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
    user, session = _number_of(request), getattr(request, "session", None)
    if make_session and session is not None:
        _remember(session, is_user=bool(user))
    return _text_for(f"{user}\n{_visit_of(session, is_user=bool(user))}", settings.SECRET_KEY)


def is_owner(request: Any, owner: str) -> bool:
    """Say whether a text stands for the user and the session of a request; also one that was made with a key before.

    What a visitor began who has logged in since is the user's.
    """
    user, session = _number_of(request), getattr(request, "session", None)
    claimed = [f"{user}\n{_visit_of(session, is_user=bool(user))}"]
    if user and (visit := _visit_of(session, is_user=False)):
        claimed.append(f"\n{visit}")
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return any(_text_for(one, key) == owner for one in claimed for key in keys)


def _number_of(request: Any) -> str:
    user = options().user(request)
    return str(user.pk) if user is not None and user.is_authenticated else ""


def _is_all_in_the_cookie() -> bool:
    # What signed cookies call the key of a session is all of its content, and changes with it.
    return settings.SESSION_ENGINE.endswith("signed_cookies")


def _visit_of(session: Any, *, is_user: bool) -> str:
    """Give what tells a session from any other; "" where nothing does."""
    if session is None or (is_user and _is_all_in_the_cookie()):
        # A user is one by his number; of visitors without one all would be the same.
        return ""
    if kept := session.get(VISITOR):
        return str(kept)
    if _is_all_in_the_cookie() or not session.session_key:
        return ""
    # Two pages that are opened at the same moment get the same one.
    return salted_hmac(f"{SALT}.visit", session.session_key, algorithm="sha256").hexdigest()[:32]


def _remember(session: Any, *, is_user: bool) -> None:
    """Keep it in the session. Users who are known by something else, an API's token, need none."""
    if _is_all_in_the_cookie():
        if not is_user:
            session.setdefault(VISITOR, secrets.token_hex(16))
        return
    if not is_user and not session.session_key:
        session.create()
    if session.session_key:
        session.setdefault(VISITOR, _visit_of(session, is_user=is_user))


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
