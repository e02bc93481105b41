"""What an audit is told of files behind permalinks: a name too few costs a file."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.storage import storages

import holdall
from holdall.bulk.sources import way_between
from holdall.serving import PermalinkStorage
from tests.unit.doctor import S3


@pytest.mark.parametrize(
    ("location", "asked", "folder", "names"),
    [
        ("", "", "pictures", {"a.png": "pictures/a.png"}),
        ("", "", "", {"a.png": "a.png"}),
        ("media", "media", "x/y", {"a.png": "x/y/a.png"}),
        ("media", "", "pictures", {"a.png": "media/pictures/a.png"}),
        ("", "pictures", "pictures", {"a.png": "a.png"}),
        ("", "pictures/2026", "pictures", {"2026/a.png": "a.png", "2025/a.png": None}),
        ("", "other", "pictures", {"a.png": None}),
    ],
)
def test_names_behind_permalinks_are_those_of_the_store(
    location: str, asked: str, folder: str, names: dict[str, str | None], settings: Any
) -> None:
    def made(location: str) -> dict[str, Any]:
        return holdall.from_env({**S3, "STORAGE_LOCATION": location})["default"]

    settings.STORAGES = {"default": made(location), "asked": made(asked)}

    way = way_between(PermalinkStorage(folder=folder), storages["asked"])

    assert {name: way and way.apply(name) for name in names} == names
