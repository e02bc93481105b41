"""Storages that third-party settings make by their dotted path, without options, and classes that say options themselves."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.files.storage.handler import StorageHandler

import holdall
from holdall.fork import ForkedStorage
from holdall.storage import MediaStorage
from tests.contract import only
from tests.providers import Provider
from tests.stores import build_storage


class Media(MediaStorage):
    """cookiecutter-django's shape."""

    location = "media"
    querystring_auth = False
    querystring_expire = 60


class Tenant(MediaStorage):
    """django-tenants' recipe."""

    tenant = "acme"

    @property
    def location(self) -> str:  # type: ignore[override]  # an attribute, computed
        return f"tenants/{self.tenant}"


class Mixed(Tenant):
    file_overwrite = True


@only("seaweedfs-http")
def test_storage_without_options_is_that_of_default(
    provider: Provider, bucket: str, location: str, settings: Any
) -> None:
    settings.STORAGES = holdall.from_env(provider.environ(bucket, location=location))
    storage = MediaStorage()

    assert storage.save("a.txt", ContentFile(b"a")) == "a.txt"
    assert storage.exists("a.txt")
    assert storages["default"].open("a.txt").read() == b"a"
    assert MediaStorage(location=f"{location}/private").save("a.txt", ContentFile(b"b")) == "a.txt"
    assert provider.read(bucket, f"{location}/private/a.txt") == b"b"
    assert pickle.loads(pickle.dumps(storage)).exists("a.txt")
    assert Media(bucket_name="other").endpoint_url is None


@only("seaweedfs-http")
def test_fork_without_options_is_that_of_default(provider: Provider, bucket: str, location: str, settings: Any) -> None:
    above = provider.environ(bucket, location=f"{location}/above")
    build_storage(above).save("a.txt", ContentFile(b"the parent's"))
    own = provider.environ(bucket, location=f"{location}/own")
    settings.STORAGES = holdall.from_env({**own, **{f"PARENT_{name}": value for name, value in above.items()}})

    assert ForkedStorage().open("a.txt").read() == b"the parent's"
    with pytest.raises(ImproperlyConfigured, match="default` is a fork"):
        MediaStorage()


def test_storage_without_a_bucket_says_what_to_write(settings: Any) -> None:
    settings.STORAGES = {"default": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
    storage: Any = MediaStorage()

    for use in (
        lambda: storage.save("a", ContentFile(b"1")),
        lambda: storage.exists("a"),
        lambda: storage.open("a"),
        lambda: storage.open("a", "wb"),
        lambda: storage.size("a"),
        lambda: storage.url("a"),
        lambda: storage.delete("a"),
        lambda: storage.listdir(""),
        lambda: storage.connection,
    ):
        with pytest.raises(ImproperlyConfigured, match=r"without a bucket.*holdall\.from_env\(\)"):
            use()
    with pytest.raises(ImproperlyConfigured, match="needs its `parent`"):
        ForkedStorage()


@only("seaweedfs-http")
def test_options_that_a_class_says_itself_count(provider: Provider, bucket: str, location: str) -> None:
    environ = provider.environ(bucket, location=location)
    options = holdall.from_env(environ)["default"]["OPTIONS"]
    entries = {
        one.__name__: {"BACKEND": f"{__name__}.{one.__name__}", "OPTIONS": options} for one in (Media, Tenant, Mixed)
    }
    made: Any = StorageHandler(holdall.from_env(environ, storages=entries))

    media = made["Media"]
    assert (media.location, media.querystring_auth, media.querystring_expire) == ("media", False, 60)
    assert "Signature" not in media.url("a.txt")
    for name, key in (("Media", "media/o.txt"), ("Tenant", "tenants/acme/o.txt"), ("Mixed", "tenants/acme/p.txt")):
        made[name].save(key.rpartition("/")[2], ContentFile(name.encode()))
        assert provider.read(bucket, key) == name.encode()
    assert made["Mixed"].file_overwrite
    made["Tenant"].tenant = "other"
    assert not made["Tenant"].exists("o.txt")
    assert Media(**{**options, "env_prefix": None, "location": "given"}).location == "media"


def test_options_that_are_given_by_hand_count_more_than_the_classes() -> None:
    assert Media(bucket_name="acme", location="given").location == "given"
    assert Tenant(bucket_name="acme", location="given").location == "tenants/acme"


PUBLIC = {"STORAGE_BUCKET_NAME": "acme", "STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": "cdn.example.com"}
PRIVATE = {"STORAGE_BUCKET_NAME": "acme"}


@pytest.mark.parametrize(
    ("environ", "written"),
    [
        (PUBLIC, {"default_acl": "private"}),
        (PUBLIC, {"querystring_auth": True}),
        (PUBLIC, {"custom_domain": None}),
        (PUBLIC, {"custom_domain": False}),
        (PRIVATE, {"default_acl": "public-read"}),
    ],
)
def test_class_that_contradicts_the_environment_about_public_and_private_is_refused(
    environ: dict[str, str], written: dict[str, Any]
) -> None:
    """The tutorials' pair of a public and a private class."""
    one = type("PrivateMedia", (MediaStorage,), written)
    [name] = written

    with pytest.raises(ImproperlyConfigured, match=f"PrivateMedia says `{name} = .*aliases"):
        one(**holdall.from_env(environ)["default"]["OPTIONS"])
    declared = type("Declared", (MediaStorage,), {**written, "public": environ is PRIVATE})
    assert getattr(declared(**holdall.from_env(environ)["default"]["OPTIONS"]), name) == written[name]


@pytest.mark.parametrize(
    "written",
    [
        {"location": "media"},
        {"custom_domain": "other.example.com"},
        {"querystring_expire": 60},
        {"bucket_name": "other"},
        {"endpoint_url": "https://s3.example.com"},
        {"region_name": "eu-west-3"},
        {"file_overwrite": True},
        {"gzip": True},
        {"object_parameters": {"CacheControl": "no-store"}},
        {"url_protocol": "http:"},
        {"addressing_style": "path"},
        {"cache_lifetime": 60},
        {"inline_types": ("image/svg+xml",)},
    ],
    ids=lambda written: next(iter(written)),
)
@pytest.mark.parametrize("environ", [PUBLIC, PRIVATE], ids=["public", "private"])
def test_every_option_that_a_class_says_counts(environ: dict[str, str], written: dict[str, Any]) -> None:
    options = holdall.from_env(environ)["default"]["OPTIONS"]
    [(name, value)] = written.items()

    assert getattr(type("Own", (MediaStorage,), written)(**options), name) == value
    computed = type("Own", (MediaStorage,), {name: property(lambda _self: value)})
    assert getattr(computed(**options), name) == value


def test_bucket_that_a_class_computes_may_not_change(connects: list[Any]) -> None:
    class Tenants(MediaStorage):
        tenant = "acme"

        @property
        def bucket_name(self) -> str:  # type: ignore[override]  # an attribute, computed
            return f"{self.tenant}-media"

    storage = Tenants(**holdall.from_env(PRIVATE)["default"]["OPTIONS"])
    assert storage.store.target.bucket_name == "acme-media"
    storage.tenant = "other"

    for use in (
        lambda: storage.exists("a"),
        lambda: storage.url("a"),
        lambda: storage.bucket,
        lambda: storage.unsigned_connection,
    ):
        with pytest.raises(ImproperlyConfigured, match=r"Tenants\.bucket_name.*Nothing was sent"):
            use()
    assert connects == []
