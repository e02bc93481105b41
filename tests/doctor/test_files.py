"""Layer `files`: whether the files that the database speaks of are in the bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection, models
from django.db.models import Model

import holdall
from holdall.doctor import stores
from holdall.findings import Level, Report
from tests.contract import only
from tests.doctor import errors, ids, report_on, the, told, warnings
from tests.providers import Provider

on_one_server = only("seaweedfs-http")
Rows = Callable[..., None]


@pytest.fixture
def rows(provider: Provider, bucket: str, location: str, settings: Any, transactional_db: None) -> Iterator[Rows]:
    """Make a project on this store whose database speaks of files, some of which are there."""
    settings.STORAGES = holdall.from_env(provider.environ(bucket, location=location))

    class Item(Model):
        photo = models.FileField(upload_to="photos", null=True)

        class Meta:
            app_label = "holdall"

        def __str__(self) -> str:
            return str(self.photo)

    with connection.schema_editor() as editor:
        editor.create_model(Item)

    def make(*, there: int, missing: int) -> None:
        for number in range(there):
            Item.objects.create(photo=ContentFile(b"a picture", name=f"{number}.jpg"))
        for number in range(missing):
            Item.objects.create(photo=f"photos/lost-{number}.jpg")
        Item.objects.create(photo="")
        Item.objects.create(photo=None)

    yield make
    for name in Item.objects.exclude(photo="").exclude(photo=None).values_list("photo", flat=True):
        storages["default"].delete(name)
    with connection.schema_editor() as editor:
        editor.delete_model(Item)
    del Item._meta.apps.all_models["holdall"]["item"]
    Item._meta.apps.clear_cache()


def examined() -> Report:
    [examination] = stores.of_project()
    return report_on(examination, only=["files"])


@on_one_server
def test_files_that_are_there_are_told(rows: Rows) -> None:
    rows(there=3, missing=0)
    report = examined()
    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert the(report, "D080").seen == "3 files of 1 field were checked"


@pytest.mark.failure("L2")
@on_one_server
def test_database_without_its_files_is_an_error(rows: Rows) -> None:
    rows(there=1, missing=4)
    report = examined()
    assert errors(report) == ["D082"], told(report)
    assert the(report, "D082").seen.startswith("4 of 5 are missing (80 %), such as holdall.Item.photo")


@pytest.mark.failure("L2")
@on_one_server
def test_single_missing_file_is_a_warning(rows: Rows) -> None:
    rows(there=9, missing=1)
    report = examined()
    assert (errors(report), warnings(report)) == ([], ["D081"]), told(report)


@on_one_server
def test_sample_is_bounded(rows: Rows) -> None:
    rows(there=0, missing=30)
    assert the(examined(), "D082").seen.startswith("10 of 10 are missing")


@on_one_server
def test_database_without_tables_is_no_broken_store(rows: Rows) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE holdall_item RENAME TO elsewhere")
    try:
        report = examined()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO holdall_item")
    assert (errors(report), ids(report, Level.UNKNOWN)) == ([], ["D083"]), told(report)
