"""Findings of the layer `leftovers`: settings of django-storages that stayed when the variables came."""

from __future__ import annotations

from functools import partial

from holdall.findings import Kind, Level

_Kind = partial(
    Kind, evidence="The `AWS_*` settings that the environment's variables replace, beside the storage's options."
)

FILES_MOVE = _Kind(
    "D060",
    Level.ERROR,
    "A left-over setting names another place for the files",
    "Nothing reads it any more: files that were saved where it says are not found, and new ones go somewhere else.",
    "Set the variable to the same value, and remove the setting. If the variable is right, remove the setting.",
)
FILES_OPEN = _Kind(
    "D061",
    Level.ERROR,
    "A left-over setting says that files are private, and the environment publishes them",
    "Nothing reads it any more: every new file can be read by everybody.",
    "Remove the variable `STORAGE_MAKE_FILES_PUBLIC` if files are private. If they are public, remove the setting.",
)
SETTING_UNREAD = _Kind(
    "D062",
    Level.WARNING,
    "A left-over setting says something else than the storage does",
    "Nothing reads it any more.",
    "Set the variable to the same value, and remove the setting. If the variable is right, remove the setting.",
)
ACL_OPENS_PRIVATE_FILES = Kind(
    "D063",
    Level.ERROR,
    "Files are declared private, and sent with a public ACL",
    "Where the store follows ACLs, everybody can read every new file.",
    "Remove the ACL from the options, the class or `AWS_S3_OBJECT_PARAMETERS`, or set `STORAGE_MAKE_FILES_PUBLIC=true`.",
    evidence="The options `public`, `default_acl` and `object_parameters`.",
)
FIELD_STAYED = Kind(
    "D065",
    Level.WARNING,
    "A model's field still makes a storage of django-storages",
    "It reads the old settings and not the environment. When they are removed, its files are not found.",
    "Give the storage an alias, and the field a function that returns it: def media(): return storages['…'].",
    evidence="The storage of each file field, beside the storages in `STORAGES`.",
)
