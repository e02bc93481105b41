"""Views that give a file to whoever a hook of the project allows to have it, and to nobody else."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured, PermissionDenied, ValidationError
from django.core.files.storage import Storage, storages
from django.core.handlers.exception import response_for_exception
from django.db.models import FileField, Manager, Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404

from holdall import names
from holdall.serving.ways import Served, Way, answered, place_of, redirect
from holdall.storage.threads import Lane, aside, is_in_a_loop

log = logging.getLogger("holdall")

Verdict = bool | HttpResponseBase
Allow = Callable[[HttpRequest, Any], Verdict | Awaitable[Verdict]]
View = Callable[..., Any]


@dataclass(frozen=True)
class Route:
    """How a view finds its files, who can have them, and the way by which they go."""

    # What it serves, for messages.
    title: str
    # What the hook is asked about: a model's instance, or a name.
    subject: Callable[[dict[str, Any]], Any]
    served: Callable[[Any], Served]
    allow: Allow | None
    by: Way
    # What of it the hook gets.
    about: Callable[[Any], Any] = lambda subject: subject

    def verdict(self, request: HttpRequest, subject: Any) -> Verdict | Awaitable[Verdict]:
        """Ask the hook. Without one, nobody is allowed: a view that was set up in haste publishes nothing."""
        if self.allow is None:
            log.warning("%s was refused: it has no `allow`. Give the view a function that says who can have it.", self)
            return False
        return self.allow(request, self.about(subject))

    def __str__(self) -> str:
        return self.title

    def permits(self, request: HttpRequest, subject: Any) -> bool:
        """Say whether this visitor may have the file. What is in doubt is no.

        A hook that is a coroutine is not asked within an event loop, where it could not be waited for.
        """
        try:
            verdict = self.verdict(request, subject)
            if inspect.isawaitable(verdict):
                if is_in_a_loop():
                    if inspect.iscoroutine(verdict):
                        verdict.close()
                    return False
                verdict = _awaited(verdict)
        except (PermissionDenied, Http404):
            return False
        return not isinstance(verdict, HttpResponseBase) and self.allows(verdict)

    def allows(self, verdict: object) -> bool:
        """Say whether a verdict means yes, if it is not a response itself.

        The accident: a reason (`"not yours"`), an address, or a method that was not called, all of which are true.
        """
        if (
            isinstance(verdict, (str, bytes))
            or callable(verdict)
            or inspect.isgenerator(verdict)
            or inspect.isasyncgen(verdict)
        ):
            log.error("%s was refused: its `allow` returned %s. Return True or False.", self, type(verdict).__name__)
            return False
        return bool(verdict)


def serve(
    model: type[Model] | Manager[Any] | QuerySet[Any],
    field: str,
    *,
    allow: Allow | None = None,
    by: Way = redirect,
    download_as: Callable[[Any], str] | None = None,
) -> View:
    """Make a view for the files of a model's field.

    The URL says which instance: its arguments are the instance's fields, `path("<int:pk>/", …)` for one. So nobody can
    ask for a file by a name of his own.

    `allow(request, instance)` says who can have it: true or false, or an answer of its own, such as a redirect to the
    log-in page. It may raise `PermissionDenied` or `Http404`, and may be a coroutine; then the view is one. Without it
    nobody is allowed.

    `by` is the way of the file: `redirect`, `stream`, `accelerate`, or a function of one's own. `download_as(instance)`
    gives the name under which browsers save it; without it they show it, where that is safe.

    It answers 403 where the hook says no, 404 without an instance or a file, 405 for anything but GET and HEAD, and 503
    while the store does not answer. No cache keeps these. Requests: those of `by`.

    Raises:
        ImproperlyConfigured: the model has no such field for files.
    """
    owner: type[Model] = getattr(model, "model", model)  # type: ignore[arg-type]  # a manager's, or the class itself
    try:
        found = owner._meta.get_field(field)
    except FieldDoesNotExist:
        found = None
    if not isinstance(found, FileField):
        raise ImproperlyConfigured(f'{owner.__name__} has no field for files that is named "{field}".')

    def served(instance: Any) -> Served:
        file = getattr(instance, field)
        if not file:
            raise Http404("There is no file.")
        return Served(file.storage, file.name, None if download_as is None else download_as(instance))

    route = Route(f"{owner._meta.label}.{field}", partial(found_row, model), served, allow, by)
    view = view_of(route)
    place = owner._meta.concrete_model or owner, field
    # A page shows files by the view that shows them, if there is one beside that which saves them.
    if download_as is None or place not in _views:
        _views[place] = view
    return view


def found_row(model: type[Model] | Manager[Any] | QuerySet[Any], given: dict[str, Any]) -> Any:
    """Give the row that the arguments of a URL mean.

    Raises:
        Http404: there is none, or an argument is nothing that its field can have.
    """
    try:
        return get_object_or_404(model, **given)
    except (ValueError, ValidationError) as wrong:
        # Letters for a number, half a UUID, a NUL in a text: what anybody can write into an address.
        raise Http404("There is no such row.") from wrong


def serve_files(
    storage: str | Storage = "default", *, folder: str = "", allow: Allow | None = None, by: Way = redirect
) -> View:
    """Make a view for the files of a storage by their names: the URL has an argument `name`, `path("<path:name>", …)`.

    Only files in `folder` can be reached, and `name` is what follows it. `storage` is an alias of `STORAGES` or a storage.
    `allow(request, name)` gets the whole name, with the folder; it and `by` are those of `serve`. Anybody can ask for
    any name, so the hook decides about each.
    """

    def subject(given: dict[str, Any]) -> str:
        return name_below(folder, str(given["name"]))

    def served(name: str) -> Served:
        return Served(storages[storage] if isinstance(storage, str) else storage, name)

    return view_of(Route(f"{storage!r}, {folder or 'all of it'}", subject, served, allow, by))


def name_below(folder: str, asked: str) -> str:
    """Give the whole name of what is asked for in a folder.

    Raises:
        Http404: it is outside, or written otherwise than the storage writes it.
    """
    prefix = names.clean(folder).strip("/")
    is_clean = names.clean(asked) == asked and not asked.endswith("/")
    # The attack: a name that leads out of the folder, or one file under many names of which the hook knows one.
    if not (asked and is_clean) or asked.startswith("/") or asked.split("/")[0] == "..":
        raise Http404("There is no such file.")
    return f"{prefix}/{asked}" if prefix else asked


def view_of(route: Route) -> View:
    """Make the view of a route: a coroutine if its hook is one."""
    hook = route.allow.func if isinstance(route.allow, partial) else route.allow
    is_async = iscoroutinefunction(hook) or iscoroutinefunction(getattr(hook, "__call__", None))  # noqa: B004  the method is meant

    def view(request: HttpRequest, **given: Any) -> HttpResponseBase:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        try:
            subject = route.subject(given)
            verdict = route.verdict(request, subject)
            if inspect.isawaitable(verdict):
                # It would be true, whatever it comes to.
                verdict = _awaited(verdict)
            if isinstance(verdict, HttpResponseBase):
                return _for_this_visitor(verdict)
            return answered(request, _allowed(route, subject, verdict), route.by)
        except (PermissionDenied, Http404) as refusal:
            return _refused(request, refusal)

    async def async_view(request: HttpRequest, **given: Any) -> HttpResponseBase:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        try:
            subject = await sync_to_async(route.subject)(given)
            verdict = route.verdict(request, subject)
            if inspect.isawaitable(verdict):
                verdict = await verdict
            if isinstance(verdict, HttpResponseBase):
                return _for_this_visitor(verdict)
            served = await sync_to_async(_allowed)(route, subject, verdict)
            # Not in the thread that all of the database's work shares: the store may be slow.
            return await aside(place_of(served.storage), Lane.QUESTIONS, partial(answered, request, served, route.by))
        except (PermissionDenied, Http404) as refusal:
            return await sync_to_async(_refused, thread_sensitive=False)(request, refusal)

    made: View = async_view if is_async else view
    made.route = route  # type: ignore[attr-defined]  # a function may have attributes
    return made


def _allowed(route: Route, subject: Any, verdict: Verdict) -> Served:
    if not route.allows(verdict):
        raise PermissionDenied
    return route.served(subject)


def _refused(request: HttpRequest, refusal: Exception) -> HttpResponseBase:
    """Answer as Django does, by the project's own page."""
    return _for_this_visitor(response_for_exception(request, refusal))


def _for_this_visitor(response: HttpResponseBase) -> HttpResponseBase:
    """Keep an answer out of caches, unless it says itself who can keep it.

    A CDN keeps a 404, and many a CDN any answer of an address that ends in ".jpg": whoever may have the file would be
    refused as well.
    """
    if not response.has_header("Cache-Control"):
        response["Cache-Control"] = "private, no-store"
    return response


def _awaited(verdict: Awaitable[Verdict]) -> Verdict:
    async def wait() -> Verdict:
        return await verdict

    return async_to_sync(wait)()


# The views of models' fields, for those who link to them.
_views: dict[tuple[type[Model], str], View] = {}


def view_for(model: type[Model], field: str) -> View | None:
    """Give the view that serves a model's field: its own, or that of a model that it inherits the field from."""
    for one in model.__mro__:
        if (meta := getattr(one, "_meta", None)) is not None:
            view = _views.get((meta.concrete_model or one, field))
            if view is not None:
                return view
    return None
