"""Names that Holdall does not read, from other tools and from memory, and the variables that were meant. Pure."""

from __future__ import annotations

from holdall.environment import values
from holdall.environment.entries import Entries
from holdall.environment.variables import BY_NAME

# Names from other tools and from memory, that people set and then wonder why they have no effect.
# jschneier/django-storages#1241, #1411, #1328
MISNOMERS = {
    "STORAGE_MODE": "STORAGES_MODE",
    "STORAGES_BUCKET_NAME": "STORAGE_BUCKET_NAME",
    "STORAGE_BUCKET": "STORAGE_BUCKET_NAME",
    "AWS_BUCKET_NAME": "STORAGE_BUCKET_NAME",
    "AWS_S3_BUCKET_NAME": "STORAGE_BUCKET_NAME",
    "S3_BUCKET_NAME": "STORAGE_BUCKET_NAME",
    "STORAGE_FILES_PUBLIC": "STORAGE_MAKE_FILES_PUBLIC",
    "STORAGE_MAKE_PUBLIC": "STORAGE_MAKE_FILES_PUBLIC",
    "AWS_CUSTOM_DOMAIN": "AWS_S3_CUSTOM_DOMAIN",
    "AWS_ACCESS_KEY": "AWS_ACCESS_KEY_ID",
    "AWS_S3_ACCESS_KEY_ID": "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_KEY": "AWS_SECRET_ACCESS_KEY",
    "AWS_S3_SECRET_ACCESS_KEY": "AWS_SECRET_ACCESS_KEY",
    "AWS_SECURITY_TOKEN": "AWS_SESSION_TOKEN",
    "AWS_S3_REGION": "AWS_S3_REGION_NAME",
    "AWS_REGION_NAME": "AWS_S3_REGION_NAME",
    "AWS_S3_ENDPOINT": "AWS_S3_ENDPOINT_URL",
    "AWS_LOCATION": "STORAGE_LOCATION",
    "AWS_QUERYSTRING_EXPIRE": "STORAGE_URL_LIFETIME",
}
# Names that other tools read, so they may well be set for those: a remark while ours is unset, no more.
FOREIGN_NAMES = {
    "AWS_BUCKET": "STORAGE_BUCKET_NAME",
    "STORAGE_PUBLIC": "STORAGE_MAKE_FILES_PUBLIC",
    "AWS_DEFAULT_ACL": "STORAGE_MAKE_FILES_PUBLIC",
    "AWS_QUERYSTRING_AUTH": "STORAGE_MAKE_FILES_PUBLIC",
    "S3_ENDPOINT": "AWS_S3_ENDPOINT_URL",
    "S3_ENDPOINT_URL": "AWS_S3_ENDPOINT_URL",
    "AWS_ENDPOINT": "AWS_S3_ENDPOINT_URL",
}
# Names of one thing: with any of them set, a slip in another is only a leftover.
SYNONYMS = (
    ("STORAGE_BUCKET_NAME", "AWS_STORAGE_BUCKET_NAME"),
    ("AWS_S3_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION"),
)
# boto3 would follow these on its own; Holdall does not, so that no ambient variable can redirect the media.
AMBIENT_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


def names_nobody_reads(entries: Entries) -> None:
    """Find names that were meant to be ours: silence here is a bucket in the wrong place."""
    mode = entries.get("STORAGES_MODE", "s3")
    for name in entries.environ:
        if not name.startswith(entries.prefix):
            continue
        bare = name.removeprefix(entries.prefix)
        real = meant(bare) or FOREIGN_NAMES.get(bare)
        if real is None or mode not in BY_NAME[real].modes or not entries.environ[name].strip():
            continue
        shown = bare if bare.isprintable() else ascii(bare)[1:-1]
        required = real == "STORAGE_BUCKET_NAME" and mode != "local"
        if used := next((one for one in _same_as(real) if entries.is_set(one)), None):
            if bare not in FOREIGN_NAMES:
                entries.warning(shown, f"is not read by Holdall; `{entries.prefix}{used}` is used.", "D126")
        elif bare in FOREIGN_NAMES and not required:
            entries.warning(
                shown, f"is not read by Holdall; set `{entries.prefix}{real}` if it is meant for the storage.", "D148"
            )
        else:
            entries.problem(shown, f"is not read by Holdall; did you mean `{entries.prefix}{real}`?", "D125")
    if not entries.is_set("AWS_S3_ENDPOINT_URL") and not entries.prefix and mode != "local":
        for name in AMBIENT_ENDPOINTS:
            if entries.environ.get(name, "").strip():
                entries.warning(name, "does not redirect the storage; `AWS_S3_ENDPOINT_URL` does.", "D127")


def _same_as(name: str) -> tuple[str, ...]:
    return next((names for names in SYNONYMS if name in names), (name,))


def meant(name: str) -> str | None:
    """Give the variable that a name was probably meant to be; None for one of ours, or anybody's."""
    if name in BY_NAME or name in AMBIENT_ENDPOINTS:
        return None
    if name.upper() in BY_NAME:
        return name.upper()
    if name in MISNOMERS:
        return MISNOMERS[name]
    return next((known for known in BY_NAME if values.slip(name, known)), None)
