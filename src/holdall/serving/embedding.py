"""Addresses for pages: a signed link for who can have the file, and the address of the view for everybody else."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models.fields.files import FieldFile
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, get_resolver, get_urlconf, reverse

from holdall.serving.views import Route, View, view_for
from holdall.serving.ways import redirect

# A URLconf can include itself.
_MOST_INCLUDES = 20


def media_url(request: HttpRequest | None, file: FieldFile, *, download_as: str | None = None) -> str:
    """Give the address of a field's file for this visitor.

    Whoever may have the file gets the signed link itself, which costs neither the application nor the store a request;
    anybody else gets the address of the view that `serve` made, which will say no, or ask them to log in. Where files
    go by another way than `redirect`, it is always that of the view. An empty field gives "".

    `download_as` is for the signed link; the view has a name of its own to give.

    Raises:
        ImproperlyConfigured: no view serves the field, or the URLconf does not have it.
    """
    if not file:
        return ""
    # The URLconf makes the views, and may not have been loaded yet.
    _ = get_resolver(get_urlconf()).url_patterns
    model, field = type(file.instance), str(file.field.name)
    view = view_for(model, field)
    if view is None:
        raise ImproperlyConfigured(
            f'No view serves {model._meta.label}.{field}; make one in the URLconf: serve({model.__name__}, "{field}", allow=…).'
        )
    route: Route = view.route  # type: ignore[attr-defined]  # a function may have attributes
    if route.by is redirect and request is not None and route.permits(request, file.instance):
        storage: Any = file.storage
        return str(storage.url(file.name, download_as=download_as) if download_as else file.url)
    return address(view, file.instance)


def address(view: View, instance: Any) -> str:
    """Give the address at which the URLconf has a view of `serve`, for this instance."""
    name, arguments = _found(get_resolver(get_urlconf()), view)
    return reverse(name, kwargs={argument: _value(instance, argument) for argument in arguments})


def _value(instance: Any, argument: str) -> Any:
    # As a lookup spells it: `owner__slug`.
    for part in argument.split("__"):
        instance = getattr(instance, part)
    return instance


@lru_cache(maxsize=1024)
def _found(resolver: URLResolver, view: View) -> tuple[Any, tuple[str, ...]]:
    """Give what `reverse` finds a view by, and the names of its arguments."""
    for pattern, spaces, arguments in _patterns(resolver, (), ()):
        if _inside(pattern.callback) is view:
            if pattern.name:
                return ":".join([*spaces, pattern.name]), arguments
            if not spaces:
                return pattern.callback, arguments
    route: Route = view.route  # type: ignore[attr-defined]  # a function may have attributes
    raise ImproperlyConfigured(
        f"The URLconf does not have the view that serves {route}; add it, with a name: path(…, view, name=…)."
    )


def _inside(callback: Any) -> Any:
    """Look inside decorators."""
    while True:
        callback = inspect.unwrap(callback)
        if not isinstance(callback, partial):
            return callback
        callback = callback.func


def _patterns(
    resolver: URLResolver, spaces: tuple[str, ...], arguments: tuple[str, ...], depth: int = 0
) -> Iterator[tuple[URLPattern, tuple[str, ...], tuple[str, ...]]]:
    """Yield each pattern with the namespaces that it is in, and the names of all its arguments."""
    for one in resolver.url_patterns if depth < _MOST_INCLUDES else ():
        named = (*arguments, *one.pattern.regex.groupindex)
        if isinstance(one, URLResolver):
            inner = (*spaces, one.namespace) if one.namespace else spaces
            yield from _patterns(one, inner, named, depth + 1)
        else:
            yield one, spaces, named
