"""What behaves differently after the move: each with its reason, and how to keep the old way.

The page `docs/how-to/from-django-storages.md` has a heading for each; a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from holdall.adoption.project import OldStore
from holdall.providers import MAX_SIGNED_SECONDS, Provider


class Difference(NamedTuple):
    """One thing that changes."""

    # The heading on the page, in the form of its address.
    id: str
    what: str
    why: str
    # How to keep the old way, or what there is to do, in sentences; "" if there is nothing.
    keep: str = ""
    # The alias that it is about; "" if it is about all.
    alias: str = ""

    def about(self, alias: str, **facts: str) -> Difference:
        """Give the same about one storage, with its own facts in place of the general ones."""
        named = self.keep.replace('storages={"default"', f'storages={{"{alias}"') if alias else self.keep
        return self._replace(**{"alias": alias, "keep": named, **facts})


TAKEN_NAMES = Difference(
    "saving-never-replaces",
    "Saving under a name that is taken makes a second file with a free name; until now it replaced the first.",
    "Two people who upload image.jpg used to lose one of the two files without an error.",
    'To let them replace each other, add `storages={"default": {"OPTIONS": {"file_overwrite": True}}}`.',
)
CONTENT_TYPES = Difference(
    "content-types",
    "The content type comes from the name's extension, and HTML, SVG and other types that can run scripts are downloaded "
    "instead of shown.",
    "A file that somebody uploads must not run as a page of the media domain. Files that exist keep their type.",
    'To show types all the same, name them: `storages={"default": {"OPTIONS": {"inline_types": ["image/svg+xml"]}}}`.',
)
CACHE = Difference(
    "cache-control",
    "Files have a Cache-Control header: public ones may be cached for one hour. Until now they had none.",
    "Without it browsers and CDNs guess, and show a file that was replaced or deleted for days.",
    "`STORAGE_CACHE_LIFETIME` sets the time; `CacheControl` in `AWS_S3_OBJECT_PARAMETERS` replaces the header.",
)
ERRORS = Difference(
    "errors",
    "Errors are Holdall's: `except ClientError` around the storage no longer catches them.",
    "They say which variable or right is wrong, and are what Python expects: FileNotFoundError, PermissionError.",
    "Catch `holdall.HoldallError`; the SDK's error is its `__cause__`.",
)
WAITING = Difference(
    "waiting",
    "An operation fails after 10 seconds without progress; the SDK alone waits for minutes.",
    "A store that hangs would otherwise hold every worker.",
    "To wait longer, set `STORAGE_TIMEOUT=1m`.",
)
WRITING = Difference(
    "opened-for-writing",
    'A file that is opened with "w" and closed is replaced whole, and empty if nothing was written, as on a disk.',
    "django-storages keeps the old content of a file that was opened and closed, and mixes modes.",
    'To keep the old content, open it with "r+".',
)
DETAILS = Difference(
    "as-on-a-disk",
    '`delete("")` is a ValueError, `exists` knows folders, `get_modified_time` follows USE_TZ, `.gz` files come back '
    "unchanged, and `size` is that of the content.",
    "So does Django's own storage, and packages expect it.",
)
LINKS = Difference(
    "links",
    "A signed link stays the same for half of its lifetime, and is signed with SigV4.",
    "Browsers and CDNs can cache what has a stable address. Stores no longer accept SigV2.",
    "`url(name, expire=…)` sets the lifetime of one link.",
)
SIGNED_ALTHOUGH_PUBLIC = Difference(
    "public-files-with-signed-links",
    "Files were uploaded with a public ACL, but their links were signed. The proposal is private: new files are closed, "
    "and files that exist stay open to everybody who knows their address.",
    "The settings say both, and what is published by mistake cannot be taken back.",
    "If everybody may see every file, set `STORAGE_MAKE_FILES_PUBLIC=true` and `AWS_S3_CUSTOM_DOMAIN`. If not, close the old "
    "files: `holdall doctor` prints the command.",
)
ACL_IN_PARAMETERS = Difference(
    "acl-in-parameters",
    'The setting `AWS_S3_OBJECT_PARAMETERS` contains `"ACL": "public-read"`, which would still open every new file. Remove '
    "it from there.",
    "The proposal is private, and this setting is read as before.",
)
PRIVATE_BEHIND_A_DOMAIN = Difference(
    "private-files-with-bare-links",
    "Links led to the custom domain without a signature, but files were uploaded without a public ACL, so this store "
    "showed them to nobody. The proposal is private, with signed links.",
    "To make them public would open every new file.",
    "If everybody may see every file, set `STORAGE_MAKE_FILES_PUBLIC=true` and `AWS_S3_CUSTOM_DOMAIN`.",
)
PUBLIC_ACL = Difference(
    "public-acl",
    'The option `default_acl` keeps the ACL "public-read", which Holdall itself does not send to this store.',
    "Amazon refuses ACLs in buckets that were made since April 2023, and new files would fail with "
    "AccessControlListNotSupported. There, CloudFront with origin access control (OAC) or a bucket policy makes files public.",
    "It is kept as it was. `holdall provision` prints the CDN and the policy; then remove the option.",
)
OTHER_ACL = Difference(
    "other-acl",
    "The option `default_acl` keeps an ACL that no variable expresses.",
    "A variable says only whether files are public.",
    "It is kept as it was.",
)
OWN_ADDRESS = Difference(
    "public-files-without-a-domain",
    "Public files need `AWS_S3_CUSTOM_DOMAIN`: the proposal has the address that links had until now.",
    "Links are that address and the name, so they stay what they were.",
    "It is kept as it was. A CDN's domain is faster, and cheaper.",
)
LONG_LINKS = Difference(
    "links-of-more-than-a-week",
    "Signed links work for a week at most; until now they were meant to work longer.",
    "No store accepts a longer time in SigV4.",
)
PROFILE = Difference(
    "profile",
    "The profile of the keys comes from `AWS_PROFILE`, which boto3 reads itself.",
    "Holdall leaves it to boto3 to find keys that are in no variable.",
)
SUBCLASS_WITH_CODE = Difference(
    "classes-of-your-own",
    "The class has code of its own, so it stays, and must be based on `holdall.storage.MediaStorage` instead of S3Storage.",
    "Otherwise the storage would still be django-storages', and read the old settings.",
    "Write `class Media(MediaStorage):`. What the class sets itself takes precedence over the environment.",
)
SUBCLASS_WITHOUT_CODE = Difference(
    "classes-that-only-set-options",
    "The class only sets options, which the variables now say. Remove it, unless a migration names it.",
    "One place that says where files are is enough.",
    "To keep it, base it on `holdall.storage.MediaStorage`; what it sets takes precedence over the environment.",
)
FIELD_STORAGE = Difference(
    "storages-made-by-fields",
    "A model's field makes its storage itself. It has an alias now: give the field a function that returns it.",
    "The class reads the old settings, and would fail or use another bucket when they are gone.",
)
NAMED_CLASS = Difference(
    "settings-of-other-packages",
    "A setting of another package, such as `THUMBNAIL_DEFAULT_STORAGE`, names a class that reads the old settings.",
    "It would fail when they are gone.",
    "Write `holdall.storage.MediaStorage`: without options, it is the storage of the alias `default`.",
)
STATICFILES = Difference(
    "static-files",
    "Static files stay where they are: their entry is kept, with the settings that it read written out.",
    "Holdall is for media, and sets `staticfiles` to Django's own storage where nothing else is given.",
    "It is kept as it was, without its keys: django-storages finds `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` in the "
    "environment. A class that it names stays, too.",
)
OTHER_STORAGE = Difference(
    "other-storages",
    "A storage on something else than S3 stays as it is; its entry has values that are not printed, because they are "
    "objects or may be secrets.",
    "`from_env` gives the whole setting, and knows nothing of it.",
    "Give its present entry to `storages=`, beside the alias.",
)
MEDIA_URL = Difference(
    "media-url",
    "`MEDIA_URL` and `MEDIA_ROOT` have no meaning. Remove them together with the URL pattern "
    "`static(settings.MEDIA_URL, …)`: without the settings, that pattern serves the project's own folder.",
    "The storage alone decides where files are and where links lead.",
    "In templates, write `{{ object.file.url }}` instead of `{{ MEDIA_URL }}{{ object.file }}`.",
)
OLD_SETTING = Difference(
    "default-file-storage",
    "`DEFAULT_FILE_STORAGE` and `STATICFILES_STORAGE` do nothing since Django 5.1. The proposal is what they meant; files "
    "that were saved since the upgrade are on the disk of the machine, in `MEDIA_ROOT`.",
    "Django reads `STORAGES` alone.",
)
BUCKET_TWICE = Difference(
    "bucket-in-the-endpoint",
    "The endpoint began with the bucket's name, so all keys begin with a folder of that name. `STORAGE_LOCATION` keeps it.",
    "Otherwise the files that exist would not be found.",
    "It is kept as it was.",
)
UNREAD = Difference(
    "options-without-a-meaning",
    "`max_memory_size` and `AWS_S3_FILE_BUFFER_SIZE` are not read: there are no temporary files.",
    "Reading asks for the bytes that are read; writing sends parts whose size `transfer_config` sets.",
)
CARRY_BY_SETTING = Difference(
    "options-that-are-no-literals",
    "An option is an object or contains a secret, so the proposed line does not contain it.",
    "It is written in code, not in a text.",
    "Give it as the setting of the same name.",
)
AMBIENT_ENDPOINT = Difference(
    "endpoint-of-the-environment",
    "`AWS_ENDPOINT_URL` led to another endpoint. The proposal has it as `AWS_S3_ENDPOINT_URL`.",
    "Holdall does not follow variables of other tools, which could redirect the media.",
    "It is kept as it was.",
)

ALL: tuple[Difference, ...] = tuple(one for one in list(globals().values()) if isinstance(one, Difference))
# What changes for every project.
ALWAYS = (CONTENT_TYPES, ERRORS, WAITING, WRITING, DETAILS, LINKS)

Rule = tuple[Difference, Callable[[OldStore, Provider], bool]]


def _overwrites(old: OldStore, _provider: Provider) -> bool:
    return bool(old.get("file_overwrite"))


def _has_no_cache_control(old: OldStore, _provider: Provider) -> bool:
    return "CacheControl" not in (old.get("object_parameters") or {})


def _long(old: OldStore, _provider: Provider) -> bool:
    return seconds(old.get("querystring_expire")) > MAX_SIGNED_SECONDS and not old.get("cloudfront_signer")


def seconds(lifetime: object) -> int:
    """Give a lifetime in seconds, as django-storages' users write it."""
    total = getattr(lifetime, "total_seconds", None)
    return int(total() if total else float(str(lifetime or 3600)))


RULES: tuple[Rule, ...] = (
    (TAKEN_NAMES, _overwrites),
    (CACHE, _has_no_cache_control),
    (LONG_LINKS, _long),
    (SUBCLASS_WITH_CODE, lambda old, _provider: old.has_code and not old.fields),
    (SUBCLASS_WITHOUT_CODE, lambda old, _provider: old.is_subclass and not old.has_code and not old.fields),
    (PROFILE, lambda old, _provider: bool(old.get("session_profile"))),
    (UNREAD, lambda old, _provider: bool(old.get("max_memory_size"))),
)


def of(old: OldStore, provider: Provider) -> list[Difference]:
    """Give what changes for one storage, as far as its options alone say it."""
    return [one.about(old.alias) for one, applies in RULES if applies(old, provider)]
