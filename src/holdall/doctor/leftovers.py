"""Layer `leftovers`: settings of django-storages that nothing reads any more, and that say something else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.module_loading import import_string
from storages.backends.s3 import S3Storage

from holdall.adoption.options import SETTINGS, setting_of, without_bucket
from holdall.adoption.project import is_ours, made_by_fields
from holdall.doctor.catalogue import leftovers as kinds
from holdall.doctor.catalogue.options import NO_BUCKET
from holdall.doctor.examination import Examination
from holdall.doctor.outside import acl_of
from holdall.doctor.probe import probes
from holdall.findings import Finding
from holdall.providers import GENERIC, SPACES, recognise
from holdall.storage.objects import target_of

# What a variable says in its place.
_VARIABLES = {
    "bucket_name": "STORAGE_BUCKET_NAME",
    "location": "STORAGE_LOCATION",
    "endpoint_url": "AWS_S3_ENDPOINT_URL",
    "custom_domain": "AWS_S3_CUSTOM_DOMAIN",
    "querystring_expire": "STORAGE_URL_LIFETIME",
    "region_name": "AWS_S3_REGION_NAME",
}
_PUBLIC_ACLS = frozenset({"public-read", "public-read-write"})
_CLOSED_ACLS = frozenset({"private", "authenticated-read", "bucket-owner-read", "bucket-owner-full-control"})


def probe_left_over_settings(examination: Examination) -> Iterator[Finding]:
    """Compare the `AWS_*` settings that stayed with what the environment decided."""
    storage = examination.storage
    if not (examination.project and examination.first and examination.is_ours) or storage.env_prefix is None:
        return
    if storage.local_folder:
        # In development files are elsewhere on purpose.
        return
    read = {option for option in SETTINGS if setting_of(option) and not _counts_elsewhere(option, storage)}
    for option in ("bucket_name", "location", "endpoint_url"):
        if option in read and getattr(_Place.of(storage), option) not in _meant(option, storage):
            yield kinds.FILES_MOVE.found(_seen(option, storage), do=_remedy(option))
    yield from _intent(storage, read)
    for option in ("custom_domain", "querystring_expire", "region_name"):
        own = getattr(storage, option)
        if option in read and own != _said(option) and not (option == "region_name" and own is None):
            yield kinds.SETTING_UNREAD.found(_seen(option, storage), do=_remedy(option))
    if "file_overwrite" in read and _said("file_overwrite") and not storage.file_overwrite:
        yield kinds.SETTING_UNREAD.found(
            _seen("file_overwrite", storage),
            do="Remove the setting. To let files replace each other, give the option in STORAGES:\n"
            f'STORAGES = holdall.from_env(storages={{"{examination.alias}": {{"OPTIONS": {{"file_overwrite": True}}}}}})',
        )


def _intent(storage: Any, read: set[str]) -> Iterator[Finding]:
    """Compare what is said about public and private."""
    acl, is_signed = _said("default_acl"), _said("querystring_auth")
    if "default_acl" in read:
        if storage.public and acl in _CLOSED_ACLS and storage.default_acl in _PUBLIC_ACLS:
            yield kinds.FILES_OPEN.found(
                f'`AWS_DEFAULT_ACL` is "{acl}", and files are sent with "{storage.default_acl}"'
            )
        elif storage.public and acl in _PUBLIC_ACLS and storage.default_acl not in _PUBLIC_ACLS:
            # The accident: files from before can be read by their ACL, and each new one is refused.
            yield kinds.SETTING_UNREAD.found(
                f'`AWS_DEFAULT_ACL` is "{acl}", and no ACL is sent to {target_of(storage).provider.title}',
                means="Without it, a bucket policy or a CDN that may read the bucket (at Amazon: CloudFront with origin access "
                "control, OAC) must make new files public. If there is neither, they are refused with 403.",
                do="If one of the two is in place, remove `AWS_DEFAULT_ACL` from the settings. If not, keep the ACL:\n"
                'STORAGES = holdall.from_env(storages={"default": {"OPTIONS": {"default_acl": "public-read"}}})',
            )
        elif storage.public is False and acl in _PUBLIC_ACLS and storage.default_acl != acl:
            yield kinds.SETTING_UNREAD.found(
                f'`AWS_DEFAULT_ACL` is "{acl}", and files are private', do=_remedy("default_acl")
            )
    # With a domain django-storages signs only where it has CloudFront's keys.
    if "querystring_auth" in read and not (
        is_signed and setting_of("custom_domain") and not setting_of("cloudfront_key")
    ):
        if storage.public and is_signed and not storage.querystring_auth:
            yield kinds.FILES_OPEN.found("`AWS_QUERYSTRING_AUTH` is True, and links are not signed")
        elif storage.public is False and not is_signed and storage.querystring_auth:
            yield kinds.SETTING_UNREAD.found(
                "`AWS_QUERYSTRING_AUTH` is False, and links are signed", do=_remedy("querystring_auth")
            )


def _said(option: str) -> Any:
    name = setting_of(option)
    return getattr(settings, name) if name else None


def _seen(option: str, storage: Any) -> str:
    own = getattr(storage, option)
    return f"`{setting_of(option)}` is {_shown(_said(option))}, the storage's `{option}` is {_shown(own)}"


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _remedy(option: str) -> str:
    name, value = setting_of(option), _said(option)
    if option in {"default_acl", "querystring_auth"}:
        return (
            f"If everybody may see every file, set `STORAGE_MAKE_FILES_PUBLIC=true`. Remove `{name}` from the settings."
        )
    said = f"{_VARIABLES[option]}={value}"
    if option == "endpoint_url" and recognise(value)[0] is SPACES:
        said = f"STORAGES_MODE=do` and `DO_REGION={recognise(value)[1]}"
    return f"If the setting is right, set `{said}`. Then remove `{name}` from the settings."


class _Place(NamedTuple):
    """What decides where files are."""

    bucket_name: str | None
    location: str
    endpoint_url: object

    @classmethod
    def of(cls, storage: Any) -> _Place:
        return cls(storage.bucket_name, str(storage.location or "").strip("/"), _host(storage.endpoint_url))


def _meant(option: str, storage: Any) -> list[Any]:
    """Give the values that would mean the same as the setting, as `holdall adopt` reads it, too."""
    value = _said(option)
    endpoint, is_twice = without_bucket(
        str(_said("endpoint_url") or ""), str(_said("bucket_name") or storage.bucket_name)
    )
    if option == "endpoint_url":
        return [_host(endpoint)]
    if option == "location":
        location = str(value or "").strip("/")
        return [location, f"{storage.bucket_name}/{location}".rstrip("/")] if is_twice else [location]
    return [value]


def _host(endpoint: str | None) -> object:
    provider, region = recognise(endpoint or None)
    return (provider.id, region) if provider is not GENERIC else urlsplit(str(endpoint)).netloc or endpoint


def _counts_elsewhere(option: str, storage: Any) -> bool:
    """Whether another storage reads the setting, or a class of the project's says the option itself."""
    written = [one for one in type(storage).__mro__ if not one.__module__.startswith(("holdall.", "storages."))]
    if any(option in vars(one) for one in written):
        return True
    return any(option not in options and not hasattr(made, option) for made, options in _others())


def _others() -> Iterator[tuple[type, dict[str, Any]]]:
    """Yield the storages that are still django-storages' own, static files among them: class, options."""
    for entry in settings.STORAGES.values():
        made = import_string(entry["BACKEND"])
        if isinstance(made, type) and issubclass(made, S3Storage) and not is_ours(made):
            yield made, entry.get("OPTIONS", {})
    for storage, _fields in made_by_fields():
        yield type(storage), storage._constructor_args[1]


def probe_fields_that_stayed(examination: Examination) -> Iterator[Finding]:
    """Find fields that make a storage of django-storages, in a project that has moved."""
    if not (examination.project and examination.first and examination.is_ours):
        return
    for storage, fields in made_by_fields():
        said = f"{', '.join(fields)}: {type(storage).__module__}.{type(storage).__qualname__}"
        if storage.bucket_name:
            yield kinds.FIELD_STAYED.found(said)
        else:
            yield NO_BUCKET.found(f"{said}, `bucket_name` is None", do=kinds.FIELD_STAYED.do)


def probe_declared_private(examination: Examination) -> Iterator[Finding]:
    """Compare the ACL that is sent with what was declared."""
    if not (examination.project and examination.is_ours and examination.storage.public is False):
        return
    if (acl := acl_of(examination)) in _PUBLIC_ACLS:
        within = "" if examination.storage.default_acl == acl else ", in `object_parameters`"
        yield kinds.ACL_OPENS_PRIVATE_FILES.found(f'`public` is False, and the ACL "{acl}" is sent{within}')


PROBES = probes(probe_left_over_settings, probe_fields_that_stayed, probe_declared_private)
