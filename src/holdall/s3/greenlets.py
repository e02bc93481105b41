"""What is different under gevent, whose greenlets take turns in one thread. Nothing of it is loaded here."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from holdall.errors import HoldallError


def are_used() -> bool:
    """Say whether gevent has put its own sockets in the place of Python's."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("socket"))


def refuse_late_patch(*classes: type) -> None:
    """Refuse sockets that were made before gevent put its own in their place: they would stop all greenlets, not one.

    Raises:
        HoldallError: these classes are not gevent's, and the process's sockets are.
    """
    if are_used() and not all(any(_is_gevents(base) for base in one.__mro__) for one in classes):
        raise HoldallError(
            "Nothing was sent: gevent changed Python's sockets after the storage had been loaded, so that each request "
            "would stop all others. Let it change them first: `from gevent import monkey; monkey.patch_all()` in the "
            "first lines of gunicorn.conf.py if gunicorn preloads the site, else of the program."
        )


def _is_gevents(base: type) -> bool:
    return base.__module__.partition(".")[0] == "gevent"


def where_one_can_wait(deed: Callable[[], Any]) -> None:
    """Do something that waits: now, or in a greenlet of its own if this is gevent's hub, which runs all others.

    A garbage collection comes anywhere, also there.
    """
    gevent: Any = sys.modules.get("gevent")
    if are_used() and isinstance(gevent.getcurrent(), gevent.hub.Hub):
        gevent.spawn(deed)
    else:
        deed()
