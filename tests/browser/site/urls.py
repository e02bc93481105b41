"""Where everything is."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from letters.api import Letters
from letters.views import NewLetter
from wagtail.admin import urls as wagtail_urls
from wagtail.documents import urls as document_urls

from tests.browser.site import counting, views

urlpatterns = [
    path("ready/", views.ready),
    path("received/", counting.received),
    path("enter/<slug:name>/", views.enter),
    path("report/", views.report),
    path("letters/", NewLetter.as_view()),
    path("letters/api/", Letters.as_view()),
    path("letters/uppy/", NewLetter.as_view(template_name="letters/uppy.html")),
    path("uploads/", include("holdall.uploads.urls")),
    path("admin/", admin.site.urls),
    path("cms/", include(wagtail_urls)),
    path("documents/", include(document_urls)),
]
