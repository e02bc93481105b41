"""`path("uploads/", include("holdall.uploads.urls"))`."""

from __future__ import annotations

from django.urls import path

from holdall.uploads import companion, views

app_name = "holdall_uploads"
urlpatterns = [
    path("begin", views.begin, name="begin"),
    path("sign", views.sign, name="sign"),
    path("parts", views.parts, name="parts"),
    path("finish", views.finish, name="finish"),
    path("cancel", views.cancel, name="cancel"),
    path("companion/<str:field>/s3/params", companion.params, name="companion-params"),
    path("companion/<str:field>/s3/multipart", companion.create, name="companion"),
    path("companion/<str:field>/s3/multipart/<str:ticket>", companion.upload, name="companion-upload"),
    path("companion/<str:field>/s3/multipart/<str:ticket>/batch", companion.batch, name="companion-batch"),
    path("companion/<str:field>/s3/multipart/<str:ticket>/complete", companion.complete, name="companion-complete"),
    path("companion/<str:field>/s3/multipart/<str:ticket>/<int:number>", companion.part, name="companion-part"),
]
