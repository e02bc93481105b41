"""The storage while an image is built: everything about it works but its use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.db import models
from django.db.migrations.writer import MigrationWriter
from django.test import override_settings

import holdall
from holdall.environment.build import BuildModeStorage
from holdall.errors import BuildModeError
from holdall.storage.asynchronous import AwaitedStorage

USES: dict[str, Callable[[Storage], Any]] = {
    "open": lambda storage: storage.open("x"),
    "save": lambda storage: storage.save("x", ContentFile(b"")),
    "delete": lambda storage: storage.delete("x"),
    "exists": lambda storage: storage.exists("x"),
    "listdir": lambda storage: storage.listdir(""),
    "size": lambda storage: storage.size("x"),
    "url": lambda storage: storage.url("x"),
    "path": lambda storage: storage.path("x"),
    "get_available_name": lambda storage: storage.get_available_name("x"),
    "get_accessed_time": lambda storage: storage.get_accessed_time("x"),
    "get_created_time": lambda storage: storage.get_created_time("x"),
    "get_modified_time": lambda storage: storage.get_modified_time("x"),
}


@pytest.mark.parametrize("use", USES)
def test_use_is_refused(use: str) -> None:
    with pytest.raises(BuildModeError) as caught:
        USES[use](BuildModeStorage())
    assert str(caught.value) == (
        "The storage was used while an image is being built (`BUILD_MODE` is true), when there is no bucket. "
        "Do this at run time, or build without `BUILD_MODE` and with the store's variables."
    )
    assert isinstance(caught.value, ImproperlyConfigured)


def test_every_operation_of_a_storage_is_refused() -> None:
    harmless = {"deconstruct", "generate_filename", "get_alternative_name", "get_valid_name", "is_name_available"}
    operations = {name for name in dir(Storage) if not name.startswith("_")} - harmless
    assert operations == set(USES)


def test_every_coroutine_of_a_storage_is_refused() -> None:
    coroutines = [name for name in vars(AwaitedStorage) if not name.startswith("_")]
    assert "asave" in coroutines
    for name in coroutines:
        with pytest.raises(BuildModeError):
            getattr(BuildModeStorage(), name)("x")


def test_storage_can_be_configured_and_named() -> None:
    with override_settings(STORAGES=holdall.from_env({"BUILD_MODE": "true"}, aliases={"default": "", "private": "P_"})):
        assert isinstance(storages["default"], BuildModeStorage)
        field = models.FileField(storage=storages["private"])
        assert field.storage.generate_filename("a b.png") == "a_b.png"


def test_migration_made_while_building_is_the_one_made_at_run_time() -> None:
    with override_settings(STORAGES=holdall.from_env({"BUILD_MODE": "true"}, aliases={"default": "", "private": "P_"})):
        written = MigrationWriter.serialize(storages["private"])
    assert written == ("holdall.storage.from_alias('private')", {"import holdall.storage"})


def test_storages_of_one_alias_are_equal() -> None:
    assert BuildModeStorage("a") == BuildModeStorage("a")
    assert hash(BuildModeStorage("a")) == hash(BuildModeStorage("a"))
    assert BuildModeStorage("a") != BuildModeStorage("b")
