"""The pages of the site."""

from __future__ import annotations

from django.contrib.auth import login
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from tests.browser.site.forms import ReportForm


def ready(request: HttpRequest) -> HttpResponse:
    """Say that the site answers."""
    return HttpResponse("ready")


def enter(request: HttpRequest, name: str) -> HttpResponse:
    """Log in without a password, and go on to where the test wants to be."""
    login(request, User.objects.get(username=name))
    return redirect(request.GET["next"])


def report(request: HttpRequest) -> HttpResponse:
    """Take a report, and show the names of what was saved."""
    form = ReportForm(request.POST or None, request.FILES or None, initial={"title": "Report"})
    names = None
    if request.method == "POST" and form.is_valid():
        document = form.save().document
        pictures = [default_storage.save(f"pictures/{one.name}", one) for one in form.cleaned_data["pictures"]]
        names = {"document": [document.name] if document else [], "pictures": pictures}
    return render(request, "site/report.html", {"form": form, "names": names})
