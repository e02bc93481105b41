"""Names that Holdall does not read, from other tools and from memory, and the variables that were meant. Pure."""

from __future__ import annotations

from holdall.environment import keyfiles, values
from holdall.environment.entries import Entries
from holdall.environment.variables import BY_NAME, MIRROR, PARENT

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
# Where any of these is set, a role or a profile supplies the keys, and variables that look like keys are for something else.
ROLES = (
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_EXECUTION_ENV",
    "ECS_CONTAINER_METADATA_URI",
    "ECS_CONTAINER_METADATA_URI_V4",
    "AWS_PROFILE",
)
_PAIR = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
# boto3 would follow these on its own; Holdall does not, so that no ambient variable can redirect the media.
AMBIENT_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


def names_nobody_reads(entries: Entries) -> None:
    """Find names that were meant to be ours: silence here is a bucket in the wrong place."""
    mode = entries.get("STORAGES_MODE", "s3")
    for name in entries.environ:
        if not name.startswith(entries.prefix):
            continue
        bare = name.removeprefix(entries.prefix)
        if group := _group_meant(entries, name):
            _tell_of_group(entries, bare, group)
            continue
        real = meant(bare) or FOREIGN_NAMES.get(bare)
        if real is None or not entries.environ[name].strip():
            continue
        known = BY_NAME[real.removesuffix(keyfiles.SUFFIX)]
        if mode not in known.modes or (known.name in _PAIR and bare in MISNOMERS and _role_is_enough(entries, mode)):
            continue
        shown = bare if bare.isprintable() else ascii(bare)[1:-1]
        nothing_yet = not any(map(entries.is_set, same_as("STORAGE_BUCKET_NAME")))
        # Of a place that nobody has named yet, the address is as much needed as the bucket.
        required = (real == "STORAGE_BUCKET_NAME" and mode != "local") or (
            real == "AWS_S3_ENDPOINT_URL" and mode == "s3" and nothing_yet
        )
        if used := next((one for one in same_as(known.name) if entries.is_set(one)), None):
            if bare not in FOREIGN_NAMES:
                entries.warning(shown, f"is not read by Holdall; `{entries.prefix}{used}` is used.", "D126")
        elif bare == "AWS_LOCATION" and is_for_static_files(bare, entries.environ[name]):
            entries.warning(
                shown,
                f"is not read by Holdall, and is a folder of static files; set `{entries.prefix}{real}` if uploads are to "
                "have a folder of their own.",
                "D148",
            )
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


def _group_meant(entries: Entries, name: str) -> str | None:
    """Give the prefix of the group that a variable was probably meant for: `MIROR_STORAGE_BUCKET_NAME`."""
    word, _, rest = name.removeprefix(entries.prefix).partition("_")
    others = tuple(one for one in entries.beside if len(one) > len(entries.prefix))
    if rest.removesuffix(keyfiles.SUFFIX) not in BY_NAME or name.startswith(others):
        return None
    return next((group for group in (PARENT, MIRROR) if values.slip(word.upper(), group.rstrip("_"))), None)


def _tell_of_group(entries: Entries, bare: str, group: str) -> None:
    """Tell of a variable of a group whose prefix is misspelled: in silence there would be no fork, and no mirror."""
    if entries.environ[entries.prefix + bare].strip():
        real = f"{entries.prefix}{group}{bare.partition('_')[2]}"
        if entries.environ.get(real, "").strip():
            entries.warning(bare, f"is not read by Holdall; `{real}` is used.", "D126")
        else:
            entries.problem(bare, f"is not read by Holdall; did you mean `{real}`?", "D125")


def is_for_static_files(name: str, folder: str) -> bool:
    """Whether a folder is the one that tutorials have for static files, which are no uploads."""
    return "STATIC" in name or folder.strip("/ \"'").lower() in {"static", "staticfiles", "assets"}


def same_as(name: str) -> tuple[str, ...]:
    """Give all names of the contract for one thing."""
    return next((names for names in SYNONYMS if name in names), (name,))


def has_role(entries: Entries) -> bool:
    """Whether there is a sign of what supplies keys on Amazon."""
    return any(entries.environ.get(name, "").strip() for name in ROLES)


def _role_is_enough(entries: Entries, mode: str) -> bool:
    own = any(map(entries.is_set, ("AWS_S3_ENDPOINT_URL", *_PAIR)))
    return mode == "s3" and not own and has_role(entries)


def meant(name: str) -> str | None:
    """Give the variable that a name was probably meant to be; None for one of ours, or anybody's."""
    if name in BY_NAME or name in AMBIENT_ENDPOINTS:
        return None
    bare = name.removesuffix(keyfiles.SUFFIX)
    if bare != name:
        # A file is named only for a key.
        real = None if bare in BY_NAME else meant(bare)
        return f"{real}{keyfiles.SUFFIX}" if real and BY_NAME[real].secret else None
    if name.upper() in BY_NAME:
        return name.upper()
    if name in MISNOMERS:
        return MISNOMERS[name]
    return next((known for known in BY_NAME if values.slip(name, known)), None)
