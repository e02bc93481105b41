"""The pages of the gallery."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from gallery import stores
from gallery.forms import AddForm, refusal_of_length
from gallery.links import signed_until, without_signature
from gallery.models import Photograph
from gallery.witness import ask

ON_A_PAGE = 24
SHOWN = {
    "all": Photograph.objects.all,
    "public": lambda: Photograph.objects.exclude(public_file=""),
    "private": lambda: Photograph.objects.exclude(private_file=""),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A photograph together with the link that this visitor is given."""

    photograph: Photograph
    url: str
    until: datetime | None


def show(photograph: Photograph) -> Shown:
    """Make the link and read from it how long it works. Requests: none."""
    url = photograph.file.url
    return Shown(photograph, url, signed_until(url))


def render_gallery(request: HttpRequest, *, problems: list[str], form: AddForm, status: int = 200) -> HttpResponse:
    """Render the gallery with the form in the state that it is in."""
    show_only = request.GET.get("show") if request.GET.get("show") in SHOWN else "all"
    page = Paginator(SHOWN[show_only](), ON_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "shown": [show(photograph) for photograph in page],
        "show_only": show_only,
        "tabs": [(name, name.capitalize(), photographs().count()) for name, photographs in SHOWN.items()],
        "stores": stores.both(),
        "original": stores.original(),
        "form": form,
        "problems": problems,
    }
    return render(request, "gallery/gallery.html", context, status=status)


@never_cache
@require_safe
def gallery(request: HttpRequest) -> HttpResponse:
    """Show the photographs, newest first, and the form that adds some."""
    return render_gallery(request, problems=[], form=AddForm())


@never_cache
def add(request: HttpRequest) -> HttpResponse:
    """Upload what the form holds; on a mistake show the gallery again with the sentence that explains it."""
    if request.method != "POST":
        return redirect("gallery")
    if refusal := refusal_of_length(int(request.META.get("CONTENT_LENGTH") or 0)):
        return render_gallery(request, problems=[refusal], form=AddForm(), status=413)
    form = AddForm(request.POST, request.FILES)
    if not form.is_valid():
        problems = [sentence for sentences in form.errors.values() for sentence in sentences]
        return render_gallery(request, problems=problems, form=form, status=422)
    added = form.save()
    where = "public" if added[0].is_public else "private"
    subject = f"“{added[0]}” is" if len(added) == 1 else f"{len(added)} photographs are"
    messages.success(request, f"{subject} now in the {where} store.")
    return redirect("gallery")


@never_cache
@require_safe
def photograph(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one photograph, all that is known about it, and what the bucket answers about it just now."""
    shown = show(get_object_or_404(Photograph, pk=pk))
    order = list(Photograph.objects.values_list("pk", flat=True))
    position = order.index(pk)
    context = {
        "shown": shown,
        "photograph": shown.photograph,
        "store": stores.describe(stores.side_of(shown.photograph.file.storage, shown.photograph.file.name)),
        "original": stores.original(),
        "answer": ask(shown.url),
        "answer_to_others": None if shown.photograph.is_public else ask(without_signature(shown.url)),
        "newer": order[position - 1] if position else None,
        "older": order[position + 1] if position + 1 < len(order) else None,
    }
    return render(request, "gallery/photograph.html", context)


@never_cache
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, then delete the photograph from the database and from the bucket."""
    shown = show(get_object_or_404(Photograph, pk=pk))
    if request.method != "POST":
        return render(request, "gallery/delete.html", {"shown": shown, "photograph": shown.photograph})
    stays = shown.photograph.is_the_originals
    shown.photograph.remove()
    where = "here; the original gallery still has it" if stays else "from the database and from the bucket"
    messages.success(request, f"“{shown.photograph}” is deleted, {where}.")
    return redirect("gallery")
