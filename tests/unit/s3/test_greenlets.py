from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from holdall.errors import HoldallError
from holdall.s3 import greenlets, sockets


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkey: Any = ModuleType("gevent.monkey")
    monkey.is_module_patched = lambda name: name == "socket"
    monkeypatch.setitem(sys.modules, "gevent.monkey", monkey)


def test_sockets_that_are_older_than_gevents_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    patch(monkeypatch)
    with pytest.raises(HoldallError, match=r"monkey\.patch_all\(\)` in the first lines"):
        sockets.pool("http", "127.0.0.1:1", ca_file=None)
    gevents = type("socket", (), {"__module__": "gevent._socket3"})
    greenlets.refuse_late_patch(type("Patient", (gevents,), {}))


def test_sockets_are_nobodys_concern_without_gevent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gevent.monkey", raising=False)
    greenlets.refuse_late_patch(object)


@pytest.mark.parametrize("is_hub", [True, False])
def test_what_waits_is_done_outside_the_hub(is_hub: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    patch(monkeypatch)
    hub, spawned, done = type("Hub", (), {}), [], []
    gevent: Any = ModuleType("gevent")
    gevent.hub = SimpleNamespace(Hub=hub)
    gevent.getcurrent = hub if is_hub else object
    gevent.spawn = spawned.append
    monkeypatch.setitem(sys.modules, "gevent", gevent)
    greenlets.where_one_can_wait(lambda: done.append("done"))
    assert (len(spawned), done) == ((1, []) if is_hub else (0, ["done"]))


class Counted:
    """A socket that receives as many bytes as it is told, as gevent's encrypted ones do: none for none."""

    def settimeout(self, value: float | None) -> None:
        pass

    def recv_into(self, buffer: Any, nbytes: int, flags: int) -> int:
        return min(nbytes, 5)


class Patient(sockets._Patient, Counted):  # type: ignore[misc]  # no socket, but what is asked of one
    pass


def test_socket_is_told_how_much_there_is_room_for() -> None:
    assert Patient().recv_into(bytearray(10)) == 5
    assert Patient().recv_into(bytearray(3)) == 3
    assert Patient().recv_into(bytearray(10), 2) == 2
