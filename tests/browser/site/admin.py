"""The admin of the reports, with pictures inside."""

from __future__ import annotations

from django.contrib import admin

from holdall.uploads.admin import DirectUploads
from tests.browser.site.models import Picture, Report


class PictureInline(DirectUploads, admin.TabularInline):
    """The pictures of a report."""

    model = Picture
    extra = 0


@admin.register(Report)
class ReportAdmin(DirectUploads, admin.ModelAdmin):
    """Reports, with their pictures."""

    inlines = (PictureInline,)
