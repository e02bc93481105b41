"""Four pages: the gallery, one photograph, its deletion, and the form that adds some; and where its uploads begin."""

from __future__ import annotations

from django.urls import include, path

from gallery import views

urlpatterns = [
    path("", views.gallery, name="gallery"),
    path("add/", views.add, name="add"),
    path("uploads/", include("holdall.uploads.urls")),
    path("photographs/<int:pk>/", views.photograph, name="photograph"),
    path("photographs/<int:pk>/delete/", views.delete, name="delete"),
]
