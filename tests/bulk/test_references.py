"""What rows refer to: on every database in the order of the bytes, whatever its collation thinks, and in every way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.db import connections, models, transaction
from django.test import override_settings
from django.utils.functional import SimpleLazyObject
from pytest_django.plugin import DjangoDbBlocker

from holdall import references
from holdall.bulk import dossier, leftovers, sources, tables
from holdall.bulk import references as rows
from holdall.bulk.entries import Spool
from holdall.bulk.inventory import Found, Inventory
from holdall.bulk.tables import RowsUnknown
from holdall.serving import PermalinkStorage
from holdall.storage import MediaStorage
from tests.bulk import projects
from tests.servers import databases

# Every one is told from every other, and their order is that of the UTF-8 bytes.
NAMES = sorted([
    "A.jpg", "B", "Z", "a b", "a%b", "a-b", "a.jpg", "a/b", "a_b", "ab", "b", "back/slash", "e\u0301.jpg",
    "ss", "stra\u00dfe", "strasse", "trail", "trail ", "trail\t", "z", "\u00e9.jpg", "\u5199\u771f.jpg", "\uff5e.png",
    "\uffee.png", "\U0001f600.png", "\U0001f600\U0001f600",
], key=str.encode)  # fmt: skip
STORAGES = {
    "default": {
        "BACKEND": "holdall.storage.MediaStorage",
        "OPTIONS": {
            "bucket_name": "media",
            "location": "site",
            "endpoint_url": "http://127.0.0.1:1",
            "region_name": "us-east-1",
            "access_key": "key",
            "secret_key": "secret",
        },
    }
}


def aliases() -> dict[str, Any]:
    found: dict[str, Any] = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    return found


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Any]]:
    if databases.are_missing():
        pytest.skip(databases.MISSING)
    pymysql = pytest.importorskip("pymysql")
    pymysql.install_as_MySQLdb()
    with databases.postgres() as postgres, databases.mariadb() as mariadb:
        yield {"postgres": postgres, "mariadb": mariadb}


@pytest.fixture
def one_database(django_db_blocker: DjangoDbBlocker) -> Iterator[Any]:
    with ExitStack() as stack:
        stack.enter_context(django_db_blocker.unblock())
        stack.enter_context(projects.databases(aliases()))
        stack.enter_context(projects.project(STORAGES))
        from tests.bulk.audited import models

        projects.make_tables("default", models.MODELS)
        yield models


def asked() -> MediaStorage:
    found: Any = storages["default"]
    return found


def found_names() -> list[str]:
    return [one.name for one in rows.walk(asked())]


def test_order_is_that_of_bytes_on_every_database(servers: dict[str, Any], django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock(), projects.databases(aliases() | servers), projects.project(STORAGES):
        from tests.bulk.audited.models import MODELS, Product

        for alias in connections:
            projects.make_tables(alias, MODELS)
            # From the last to the first, so that no index or heap is in order by chance.
            for name in reversed(NAMES):
                Product.objects.using(alias).create(photo=name, attachment=f"more/{name}", manual=None)
            Product.objects.using(alias).create(photo="", attachment="back\\slash/./x")
        walked = [one.name for one in rows.walk(asked())]
        by_database = {
            alias: [
                one.name
                for one in rows.walk(asked())
                if one.source == sources.Source("audited.Product", "photo", alias)
            ]
            for alias in connections
        }
    assert walked == sorted(walked, key=str.encode)
    assert by_database == dict.fromkeys(["default", "postgres", "mariadb"], NAMES)
    assert walked.count("back/slash/x") == 3


def test_names_of_another_schema_and_behind_a_policy_are_not_overlooked(
    servers: dict[str, Any], django_db_blocker: DjangoDbBlocker
) -> None:
    given = servers["postgres"]
    limited = {**given, "USER": "limited"}
    with django_db_blocker.unblock(), projects.databases({"default": {**given, "NAME": "tenants"}, "first": given}):
        with connections["first"].cursor() as cursor:
            cursor.execute("CREATE DATABASE tenants")
            cursor.execute("CREATE ROLE limited LOGIN")
        with projects.project(STORAGES):
            from tests.bulk.audited.models import MODELS

            projects.make_tables("default", MODELS)
            with connections["default"].cursor() as cursor:
                cursor.execute("CREATE SCHEMA tenant; CREATE TABLE tenant.legacy_scans (scan text)")
                cursor.execute("INSERT INTO tenant.legacy_scans VALUES ('of-a-tenant.png')")
                cursor.execute("CREATE SCHEMA other; CREATE TABLE other.legacy_scans (another_column text)")
            connections["first"].close()
            connections.settings.pop("first")
            assert found_names() == ["of-a-tenant.png"]
            with connections["default"].cursor() as cursor:
                cursor.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO limited")
                cursor.execute("ALTER TABLE legacy_scans ENABLE ROW LEVEL SECURITY")
    with (
        django_db_blocker.unblock(),
        projects.databases({"default": {**limited, "NAME": "tenants"}}),
        projects.project(STORAGES),
        pytest.raises(RowsUnknown, match="row-level security"),
    ):
        found_names()


def test_fields_of_every_kind_are_read(one_database: Any) -> None:
    one_database.Bicycle.objects.create(
        attachment="abstract.pdf", photo="parent.png", manual="custom.pdf", drawing="child.svg"
    )
    one_database.SameProduct.objects.create(photo="through-a-proxy.png")
    one_database.Legacy.objects.create(scan="unmanaged.tif")
    one_database.OnDisk.objects.create(paper="elsewhere.pdf")
    one_database.HistoricalProduct.objects.create(photo="deleted-long-ago.png")
    assert found_names() == [
        "abstract.pdf", "child.svg", "custom.pdf", "deleted-long-ago.png", "parent.png", "through-a-proxy.png", "unmanaged.tif",
    ]  # fmt: skip
    # What only the history has need not be there.
    assert "deleted-long-ago.png" not in list(rows.names(asked()))


def test_names_are_cleaned_as_the_storage_does(one_database: Any) -> None:
    for name in ("./dotted.png", "/leading.png", "double//slash.png", "a/../up.png", "windows\\style.png", "   "):
        one_database.Legacy.objects.create(scan=name)
    assert found_names() == ["   ", "dotted.png", "double/slash.png", "leading.png", "up.png", "windows/style.png"]


def test_registered_function_yields_names(one_database: Any) -> None:
    @references.register
    def pictures() -> Iterator[str]:
        yield from ("z.png", "a.png", "", "z.png")

    try:
        found = list(rows.walk(asked()))
        assert [one.name for one in found] == ["a.png", "z.png", "z.png"]
        assert found[0].source.label.endswith("pictures")
    finally:
        references.unregister(pictures)
    assert found_names() == []


def test_registered_function_may_yield_links_as_pages_have_them(one_database: Any) -> None:
    @references.register
    def links() -> Iterator[str]:
        yield "a%20photo%20%C3%A9.png"
        yield "/media/b.png?width=300"
        yield "https://cdn.example/site/c&amp;d.png#top"
        yield "http://127.0.0.1/media/site/e.png"
        yield "https://[broken"
        yield "plain.png"

    try:
        found, expected = found_names(), list(rows.names(asked()))
    finally:
        references.unregister(links)
    assert {"a photo \u00e9.png", "b.png", "c&d.png", "e.png", "plain.png"} <= set(found)
    # Of what a link may mean, nothing is missed.
    assert "plain.png" in expected
    assert not {"a photo \u00e9.png", "a%20photo%20%C3%A9.png", "b.png"} & set(expected)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ([PurePosixPath("a/b.png"), None, ""], {"a/b.png"}),
        ([("a/b.png",), {"body": "c.png"}, ContentFile(b"", name="d.png")], {"a/b.png", "c.png", "d.png"}),
        ("a/b.png", {"a/b.png"}),
        ([b"a/b.png"], "yields a bytes"),
        ([1], "yields a int"),
        (None, "returns nothing"),
    ],
)
def test_what_a_function_means_is_understood_or_nothing_is_an_orphan(
    given: Any, meant: set[str] | str, one_database: Any
) -> None:
    references.register(given_names := lambda: given)
    try:
        if isinstance(meant, set):
            assert set(found_names()) == meant
        else:
            with pytest.raises(RowsUnknown, match=meant):
                found_names()
    finally:
        references.unregister(given_names)


def test_row_is_no_name(one_database: Any) -> None:
    with pytest.raises(RowsUnknown, match="makes a Product"):
        list(rows._names_in([one_database.Product(photo="a.png")], "it makes"))


def test_own_field_may_keep_several_names(one_database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def split(self: Any, value: str, *_: Any) -> Any:
        if value == "broken":
            raise LookupError("no key")
        return {"all": [ContentFile(b"", name=one) for one in value.split(";")]} if value != "number" else 1

    monkeypatch.setattr(one_database.OwnFileField, "from_db_value", split, raising=False)
    one_database.Product.objects.create(manual="b.pdf;./a.pdf")
    assert found_names() == ["a.pdf", "b.pdf"]
    for value, said in (("broken", "no key"), ("number", "makes a int")):
        one_database.Product.objects.update(manual=value)
        with pytest.raises(RowsUnknown, match=said):
            found_names()


def test_arrays_of_file_fields_are_taken_apart() -> None:
    assert list(sources._elements('{a.png,"b, c.png","d\\"e\\\\f.png",{g.png}}')) == [
        "a.png", "b, c.png", 'd"e\\f.png', "g.png",
    ]  # fmt: skip
    inner = models.FileField()
    assert sources._in_array(SimpleNamespace(base_field=SimpleNamespace(base_field=inner))) is inner
    assert sources._in_array(models.TextField()) is None


def test_columns_of_types_that_django_does_not_know_end_no_audit(
    servers: dict[str, Any], django_db_blocker: DjangoDbBlocker
) -> None:
    given = servers["postgres"]
    reader = {**given, "USER": "reader"}
    with django_db_blocker.unblock(), projects.databases({"default": reader, "owner": given}):
        with connections["owner"].cursor() as cursor:
            cursor.execute("CREATE ROLE reader LOGIN")
            cursor.execute("CREATE TABLE of_types (names text[], place point, span int4range, old text, mood text)")
            cursor.execute("INSERT INTO of_types VALUES ('{a.png,\"b, c.png\"}', '(1,2)', '[1,2)', 'old.png', 'sad')")
            cursor.execute("GRANT SELECT ON of_types TO reader")
            cursor.execute("CREATE TABLE of_others (name text)")
        orphans = Spool.of([Found(name, 1, "", "") for name in ("a.png", "old.png")])
        with transaction.atomic():
            # What may not be read ends nothing, also not the transaction that somebody else began.
            left, kept = leftovers.without(orphans, [])
        assert ([one.name for one in left], kept) == (["a.png"], ["of_types.old"])
        part = [tables.Part("of_types", "names", "of_types.names")]
        assert [
            list(sources._elements(text)) for some in tables.texts("default", part, ordered=False) for text, _ in some
        ] == [["a.png", "b, c.png"]]
        for alias in connections:
            connections[alias].close()


def test_second_reading_sees_what_was_committed_since(
    servers: dict[str, Any], django_db_blocker: DjangoDbBlocker
) -> None:
    """MariaDB without autocommit: the first statement begins a transaction that sees no later row."""
    given = servers["mariadb"]
    late = {**given, "AUTOCOMMIT": False}
    with django_db_blocker.unblock(), projects.databases({"default": given, "late": late}):
        for alias in connections:
            with connections[alias].cursor() as cursor:
                cursor.execute("CREATE TABLE IF NOT EXISTS seen (name varchar(100))")
        part = [tables.Part("seen", "name", "seen.name")]
        assert list(tables.texts("late", part, ordered=True)) == []
        with connections["default"].cursor() as cursor:
            cursor.execute("INSERT INTO seen VALUES ('a.png')")
        assert list(tables.texts("late", part, ordered=True)) == [[("a.png", 0)]]
        # A server, or a pooler, that hung up meanwhile.
        connections["default"].connection.close()
        assert list(tables.texts("default", part, ordered=True)) == [[("a.png", 0)]]


def test_function_that_raises_leaves_all_unknown(one_database: Any) -> None:
    @references.register()
    def broken() -> Iterator[str]:
        yield "a.png"
        raise LookupError("no index")

    try:
        with pytest.raises(RowsUnknown, match=r"broken failed: LookupError\('no index'\)"):
            found_names()
    finally:
        references.unregister(broken)


def test_table_that_is_nowhere_leaves_all_unknown(one_database: Any) -> None:
    with connections["default"].schema_editor() as editor:
        editor.delete_model(one_database.Legacy)
    with pytest.raises(RowsUnknown, match="legacy_scans"):
        found_names()


def test_column_that_is_missing_leaves_all_unknown(one_database: Any) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("ALTER TABLE legacy_scans RENAME scan TO another")
    with pytest.raises(RowsUnknown, match=r"audited\.Legacy\.scan"):
        found_names()


@pytest.mark.parametrize(
    "gone",
    [
        {"ENGINE": "django.db.backends.sqlite3", "NAME": "/no/such/folder/site.sqlite3"},
        {"ENGINE": "django.db.backends.uninstalled", "NAME": "site"},
    ],
)
def test_database_that_does_not_answer_leaves_all_unknown(
    django_db_blocker: DjangoDbBlocker, gone: dict[str, str]
) -> None:
    with (
        django_db_blocker.unblock(),
        projects.databases(aliases() | {"other": gone}),
        projects.project(STORAGES),
        pytest.raises(RowsUnknown, match='"other" cannot be read'),
    ):
        found_names()


def test_database_without_an_engine_is_no_database(django_db_blocker: DjangoDbBlocker) -> None:
    """As `default` is where every model has a router to another one."""
    with django_db_blocker.unblock(), projects.databases(aliases() | {"none": {}}), projects.project(STORAGES):
        assert "none" in connections
        assert tables.aliases() == ["default"]
        assert set(dossier.databases()) == {"default", "none"}


def site(**changes: Any) -> Any:
    options = STORAGES["default"]["OPTIONS"] | changes
    return MediaStorage(**options)  # type: ignore[arg-type]  # any options


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ({}, sources.Way()),
        ({"location": "site/private"}, sources.Way(added="private/", is_expected=False)),
        ({"location": ""}, sources.Way(removed="site/", is_expected=False)),
        ({"location": "sites"}, None),
        ({"bucket_name": "another"}, None),
        ({"endpoint_url": "http://localhost:1"}, sources.Way(is_expected=False)),
    ],
)
def test_names_of_another_store_in_the_bucket_are_translated(there: dict[str, str], expected: Any) -> None:
    assert sources.way_between(site(**there), site()) == expected


def test_storage_in_a_folder_of_another_is_followed() -> None:
    with override_settings(STORAGES=projects.PLAIN | STORAGES):
        pictures = PermalinkStorage(folder="pictures")
        assert sources.way_between(pictures, asked()) == sources.Way(added="pictures/")
        assert sources.way_between(pictures, site(location="")) == sources.Way(
            added="site/pictures/", is_expected=False
        )
        below = sources.way_between(pictures, site(location="site/pictures"))
        assert below is not None
        assert below.apply("ada.png") == "ada.png"


def test_storage_that_is_not_known_is_named(one_database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sources.unknown_storages() == []
    monkeypatch.setattr(one_database.Legacy._meta.get_field("scan"), "storage", Storage())
    assert sources.unknown_storages() == ["audited.Legacy.scan (Storage)"]


def test_storage_that_is_not_known_may_keep_its_files_here() -> None:
    assert sources.way_between(Storage(), site()) == sources.Way(is_expected=False)
    assert sources.Way(removed="site/").apply("other/x") is None
    assert sources.Way(removed="site/").apply("site/x") == "x"


def test_names_in_texts_of_packages_are_found() -> None:
    unpack = sources._named_like({"file", "name"})
    draft = {"title": "file", "file": "drafts/a.pdf", "blocks": [{"value": {"file": "b.png", "alt": "c.png"}}]}
    assert list(unpack(json.dumps(draft))) == ["drafts/a.pdf", "b.png"]
    # A text that is JSON itself, as some databases give a JSON column.
    assert list(unpack(json.dumps(json.dumps(draft)))) == ["drafts/a.pdf", "b.png"]
    with pytest.raises(sources.UnreadableText):
        list(unpack("<xml/>"))


def test_tables_of_packages_are_read(one_database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = apps.get_model
    stand_ins = {"easy_thumbnails.Thumbnail": ("scan", one_database.Legacy)}

    def get_model(app_label: str, model_name: str | None = None, require_ready: bool = True) -> Any:
        if found := stand_ins.get(f"{app_label}.{model_name}"):
            meta = SimpleNamespace(get_field=lambda _name: found[1]._meta.get_field(found[0]), **vars(found[1]._meta))
            return SimpleNamespace(_meta=meta)
        return real(app_label, model_name, require_ready)

    monkeypatch.setattr(apps, "get_model", get_model)
    labels = {(column.field.column, column.way.is_expected) for column in sources.columns(asked())}
    assert ("scan", False) in labels


class OfTenant(MediaStorage):
    """A known recipe: each tenant's files in a folder of its own."""

    location = property(lambda self: "nobody")


class Hashed(MediaStorage):
    """A rule of a project's own for keys."""

    def _normalize_name(self, name: str) -> str:
        return super()._normalize_name(f"ab/{name}")


@override_settings(CKEDITOR_UPLOAD_PATH="editor/%Y", IMAGEKIT_CACHEFILE_DIR="", FILEBROWSER_DIRECTORY="/files/")
def test_folders_that_packages_keep_without_rows_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"ckeditor_uploader", "filebrowser", "markdownx"}
    monkeypatch.setattr(apps, "is_installed", installed.__contains__)
    known = Inventory(site())
    assert sorted(known.caches) == ["editor/", "files/", "markdownx/"]
    assert known.is_cached("editor/2025/a.png")
    assert not known.is_cached("editors/a.png")
    installed.add("imagekit")
    # Its files may be anywhere.
    assert Inventory(site()).is_cached("a.png")


class Folder(Storage):
    """A storage that keeps its files in a folder of another one."""

    def __init__(self, storage: MediaStorage) -> None:
        self.storage = storage

    def inner(self, name: str) -> str:
        return f"site/private/{name}"


def test_names_in_a_folder_of_another_storage_are_translated() -> None:
    below, beside = Folder(site(location="")), Folder(site())
    assert sources.way_between(below, site()) == sources.Way(added="private/", is_expected=False)
    assert sources.way_between(below, site(location="site/private")) == sources.Way(is_expected=False)
    assert sources.way_between(below, site(location="site/private/deep")) == sources.Way(
        removed="deep/", is_expected=False
    )
    assert sources.way_between(below, site(location="other")) is None
    assert sources.way_between(beside, site()) == sources.Way(added="site/private/")


@pytest.mark.parametrize("kind", [OfTenant, Hashed])
def test_storage_that_computes_its_keys_leaves_all_unknown(kind: Any) -> None:
    options = STORAGES["default"]["OPTIONS"] | {"location": ""}
    computing, whole = kind(**options), site(location="")
    with pytest.raises(RowsUnknown, match=f"{kind.__name__} computes"):
        sources.way_between(computing, whole)
    with pytest.raises(RowsUnknown, match=f"{kind.__name__} computes"):
        sources.way_between(SimpleLazyObject(lambda: computing), whole)
    assert sources.way_between(computing, site(bucket_name="another")) is None
    assert sources.way_between(computing, computing) == sources.Way()
