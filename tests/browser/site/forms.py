"""The form of a report: one document, and any number of pictures."""

from __future__ import annotations

from django import forms

from holdall.uploads.forms import DirectUploads, UploadField
from tests.browser.site.models import Report


class ReportForm(DirectUploads, forms.ModelForm):
    """A model's form: its file field is made one for direct uploads."""

    pictures = UploadField(multiple=True, max_files=30, max_size=2 * 1024 * 1024, required=False)

    class Meta:
        model = Report
        fields = ("title", "document")

    def clean_title(self) -> str:
        title: str = self.cleaned_data["title"]
        if title == "refused":
            raise forms.ValidationError("Another title, please.")
        return title
