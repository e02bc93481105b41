"""Where everything is."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from wagtail.admin import urls as wagtail_urls
from wagtail.documents import urls as document_urls

from tests.browser.site import views

urlpatterns = [
    path("ready/", views.ready),
    path("enter/<slug:name>/", views.enter),
    path("report/", views.report),
    path("uppy/", views.uppy),
    path("uppy-bundle.js", views.uppy_bundle),
    path("uploads/", include("holdall.uploads.urls")),
    path("admin/", admin.site.urls),
    path("cms/", include(wagtail_urls)),
    path("documents/", include(document_urls)),
]
