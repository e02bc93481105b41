"""Move a project from plain django-storages: what its settings say, as variables, one line and a list of differences."""

from __future__ import annotations

from holdall.adoption.differences import Difference
from holdall.adoption.project import Project, is_on_s3, read
from holdall.adoption.proposal import Adopted, Adoption, adopt

__all__ = ["Adopted", "Adoption", "Difference", "Project", "adopt", "is_on_s3", "read"]
