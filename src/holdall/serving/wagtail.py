"""Wagtail's private collections without ACLs: documents and images for whom the collection's privacy allows.

Imported by projects that have Wagtail; nothing else of Holdall imports it.
"""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from wagtail.documents.models import document_served
from wagtail.images import get_image_model

from holdall.serving.ways import Served, answered, redirect


def serve_document(document: Any, request: HttpRequest) -> HttpResponseBase | None:
    """Send a visitor to a document by a signed link; a function for Wagtail's hook `before_serve_document`.

    Register it with an order above 0, so that Wagtail's own check of the collection's privacy comes first:

        hooks.register("before_serve_document", serve_document, order=100)

    Compared with Wagtail's redirect, the link has the document's name and disposition, HEAD works, and browsers keep the
    redirect no longer than the link. Requests: none.
    """
    if request.method not in ("GET", "HEAD"):
        return None
    document_served.send(sender=type(document), instance=document, request=request)
    is_shown = document.content_disposition == "inline"
    served = Served(document.file.storage, document.file.name, None if is_shown else document.filename)
    return answered(request, served, redirect)


def can_view(request: HttpRequest, collection: Any) -> bool:
    """Say whether the privacy of a collection, and of those above it, allows this visitor.

    People who work in the admin see everything there, so that previews work.
    """
    user = getattr(request, "user", None)
    if user is not None and user.has_perm("wagtailadmin.access_admin"):
        return True
    return all(restriction.accept_request(request) for restriction in collection.get_view_restrictions())


def can_view_image(request: HttpRequest, name: str) -> bool:
    """Say whether this visitor may see a rendition: the hook of `serve_files` for Wagtail's images.

    Raises:
        Http404: no image has a rendition of this name.
    """
    model = get_image_model().get_rendition_model()
    rendition = model.objects.filter(file=name).select_related("image__collection").first()
    if rendition is None:
        # Whatever else the storage has, this view does not give away.
        raise Http404("There is no such picture.")
    return can_view(request, rendition.image.collection)
