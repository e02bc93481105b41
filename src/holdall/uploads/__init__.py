"""Direct uploads: a browser sends a file straight to the store, and Django sees a ticket in place of its bytes.

`INSTALLED_APPS` has "holdall.uploads", `MIDDLEWARE` has "holdall.uploads.middleware.UploadsMiddleware" behind Django's
authentication, and the URLs include "holdall.uploads.urls". A form then has a field of `holdall.uploads.forms`.
"""
