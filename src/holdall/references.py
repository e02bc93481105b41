"""Say which files a project refers to beside its file fields: pictures in editors' texts, for one.

`holdall audit` calls a file an orphan if nothing refers to it. It finds file fields by itself; what else keeps names of
files is registered here, by an app when it is loaded (in its `models.py`, or in `ready()`):

    from holdall import references

    @references.register
    def pictures_in_articles():
        for body in Article.objects.values_list("body", flat=True).iterator():
            yield from PICTURE.findall(body)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar, overload

NameFunction = TypeVar("NameFunction", bound=Callable[[], Iterable[str]])


class Registered(NamedTuple):
    """A function that yields names of files, and the alias in STORAGES of the store that they are in."""

    function: Callable[[], Iterable[str]]
    alias: str

    @property
    def label(self) -> str:
        """The function's dotted path."""
        return f"{self.function.__module__}.{getattr(self.function, '__qualname__', repr(self.function))}"


_registered: dict[Callable[[], Iterable[str]], Registered] = {}


@overload
def register(function: NameFunction, /, *, alias: str = "default") -> NameFunction: ...
@overload
def register(*, alias: str = "default") -> Callable[[NameFunction], NameFunction]: ...
def register(
    function: NameFunction | None = None, /, *, alias: str = "default"
) -> NameFunction | Callable[[NameFunction], NameFunction]:
    """Register a function that yields the names of files that the project needs, as Django would store them in a row.

    Names may come in any order and more than once. `alias`: the storage in `STORAGES` that has the files. If the
    function raises, `holdall audit` calls no file an orphan.

    Requests: none.
    """

    def registering(one: NameFunction) -> NameFunction:
        _registered[one] = Registered(one, alias)
        return one

    return registering if function is None else registering(function)


def unregister(function: Callable[[], Iterable[str]]) -> None:
    """Forget a function; one that was not registered is ignored."""
    _registered.pop(function, None)


def registered() -> Iterator[Registered]:
    """Give the functions, in the order in which they were registered."""
    return iter(list(_registered.values()))
