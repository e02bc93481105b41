"""`path("uploads/", include("holdall.uploads.urls"))`."""

from __future__ import annotations

from django.urls import path

from holdall.uploads import views

app_name = "holdall_uploads"
urlpatterns = [
    path("begin", views.begin, name="begin"),
    path("sign", views.sign, name="sign"),
    path("parts", views.parts, name="parts"),
    path("finish", views.finish, name="finish"),
    path("cancel", views.cancel, name="cancel"),
]
