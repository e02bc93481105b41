"""A view for a folder whose files name each other: films in segments, scenes with textures."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage, storages
from django.db.models import Manager, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from holdall import names
from holdall.serving import neighbours, safety
from holdall.serving.views import Allow, Route, View, found_row, name_below, view_of
from holdall.serving.ways import CACHE_CONTROL, Served, Way, redirect, stream
from holdall.storage import MediaStorage

# A playlist of a day in segments of two seconds has 4 MB.
MOST_BYTES = 8 * 1024 * 1024


class _Asked(NamedTuple):
    instance: Any
    part: str


@dataclass(frozen=True)
class _Neighbour(Served):
    """A file in a folder that may be entered."""

    root: str = ""


def serve_folder(
    model: type[Model] | Manager[Any] | QuerySet[Any],
    folder: Callable[[Any], str],
    *,
    storage: str | Storage = "default",
    allow: Allow | None = None,
    by: Way = redirect,
) -> View:
    """Make a view for the files in the folder of a model's instance: `path("films/<int:pk>/<path:part>", …)`.

    `folder(instance)` is the name of the folder, which must be this instance's alone: whoever may have one file of it may
    have all. `part` is what follows it in a name; the other arguments of the URL are the instance's fields. `storage` is
    an alias or a storage, `allow(request, instance)` and `by` are those of `serve`.

    A playlist of HLS or a scene of glTF comes from the view itself, with a signed link in place of each file that it
    names, so that a player asks the application no more. With `by=stream` or `accelerate` it is sent as it is, and
    players come back for each file; so they do for DASH, whose names are patterns. Requests: two for a playlist, else
    those of `by`.
    """

    def subject(given: dict[str, Any]) -> _Asked:
        fields = dict(given)
        part = str(fields.pop("part"))
        return _Asked(found_row(model, fields), part)

    def served(asked: _Asked) -> Served:
        root = names.clean(folder(asked.instance)).strip("/")
        if not root:
            # The accident: the whole store for whoever may see one film.
            raise ImproperlyConfigured("The folder of an instance is empty, which means the whole storage.")
        found = storages[storage] if isinstance(storage, str) else storage
        return _Neighbour(found, name_below(root, asked.part), root=root)

    owner: Any = getattr(model, "model", model)
    title = f"folders of {owner._meta.label}"
    return view_of(Route(title, subject, served, allow, partial(_given, by=by), about=lambda asked: asked.instance))


def _given(request: HttpRequest, served: Served, *, by: Way) -> HttpResponseBase:
    if not neighbours.names_neighbours(served.name):
        return by(request, served)
    if by is redirect and isinstance(served, _Neighbour) and neighbours.is_rewritten(served.name):
        return _with_links(request, served)
    # A redirect would let a player look for the neighbours in the bucket, without signatures.
    return stream(request, served) if by is redirect else by(request, served)


def _with_links(request: HttpRequest, served: _Neighbour) -> HttpResponseBase:
    with served.storage.open(served.name) as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        return stream(request, served)
    until = [math.inf]

    def link(name: str) -> str:
        if not isinstance(served.storage, MediaStorage):
            return str(served.storage.url(name))
        if served.storage.custom_domain and served.storage.cloudfront_signer:
            # One signature for all: each takes a millisecond.
            return served.storage.cloudfront_url(name, resource=f"{served.root}/*")
        found = served.storage.link(name)
        until.append(found.until)
        return found.url

    try:
        text = neighbours.rewritten(served.name, content.decode(), root=served.root, link=link)
    except ValueError:
        return stream(request, served)
    shown = safety.appearance(served.name)
    keeps_seconds = max(0, math.floor(min(until) - time.time())) if len(until) > 1 else 0
    response = HttpResponse("" if request.method == "HEAD" else text, headers=shown.headers)
    response["Content-Length"] = str(len(text.encode()))
    response["Cache-Control"] = f"private, max-age={keeps_seconds}" if keeps_seconds else CACHE_CONTROL
    patch_vary_headers(response, ("Cookie", "Authorization"))
    return response
