"""Direct uploads in the Django admin: one line in the class.

class PhotoAdmin(DirectUploads, admin.ModelAdmin): ...
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdall.uploads.forms import direct_field

if TYPE_CHECKING:
    from django.contrib.admin.options import BaseModelAdmin

    Admin = BaseModelAdmin[Any]
else:
    Admin = object


class DirectUploads(Admin):
    """Mixed into a `ModelAdmin` or an inline, before Django's class: every file field takes direct uploads."""

    def formfield_for_dbfield(self, db_field: Any, request: Any, **options: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **options)
        return direct_field(field, request=request) or field
