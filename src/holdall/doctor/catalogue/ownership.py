"""Findings about who owns the store, and about a fork's parent."""

from __future__ import annotations

from functools import partial

from holdall.findings import Cause, Kind, Level

_Owned = partial(Kind, evidence="The owner marker in the store, and `STORAGE_ENVIRONMENT`.")
_Parent = partial(Kind, evidence="A listing of the parent, and a link to one of its files.")

FOREIGN_OWNER = _Owned(
    "D340",
    Level.ERROR,
    "The store belongs to another environment",
    "This environment can read the files, but every write and delete is refused, so that a copy cannot harm the original.",
    "Make it a fork: give it its own bucket or `STORAGE_LOCATION`, and set the original's variables with `PARENT_` in front "
    "of their names.",
    ("L1",),
    remedies=(Cause("The store changes hands for good.", "holdall owner take"),),
)
OWNED = Kind(
    "D341", Level.OK, "This environment owns the store", "The marker in the store has this environment's name."
)
UNOWNED = _Owned(
    "D342",
    Level.NOTICE,
    "Nobody owns the store yet",
    "The first file that this environment saves makes it the owner. The doctor leaves no marker.",
)
NAMELESS = _Owned(
    "D343",
    Level.WARNING,
    "The store has an owner, and this environment has no name",
    "Without a name, nothing prevents this environment from deleting the owner's files.",
    "Set `STORAGE_ENVIRONMENT` to this environment's own name. If it is a copy, make it a fork (`PARENT_*`).",
    ("L1",),
)
ANOTHER_PARENT = Kind(
    "D344",
    Level.ERROR,
    "The fork's store was created as a fork of another parent",
    "Its files and deletions refer to that parent. With another one they would mix, so every write is refused.",
    "Set `PARENT_*` to the parent that the marker names, or give this fork its own bucket or `STORAGE_LOCATION`.",
    ("L1",),
    evidence="The marker in the fork's store, and the variables `PARENT_*`.",
)
PARENT_READS = Kind(
    "D350", Level.OK, "The parent's files can be read", "The parent was listed, and a link to one of its files worked."
)
PARENT_IS_EMPTY = _Parent(
    "D351",
    Level.NOTICE,
    "The parent has no files",
    "It is new, or `PARENT_STORAGE_LOCATION` is not the prefix of its files.",
    "Compare the `PARENT_*` variables with the parent's own.",
    ("L2",),
)
PARENT_REFUSES = _Parent(
    "D352",
    Level.ERROR,
    "The parent's files cannot be read",
    "The copied database refers to files that this fork cannot show.",
    "Give the fork keys that may read and list the parent's objects: `holdall provision --read-only`.",
    ("L2",),
)
PARENT_LINK_IS_DEAD = _Parent(
    "D353",
    Level.ERROR,
    "Links to the parent's files do not work",
    "These links are the parent's own: signed with the parent's keys, or on the parent's CDN.",
    "Run the doctor with the parent's own variables to find the cause.",
    ("L2",),
)
PARENTS_KEY_MAY_WRITE = Kind(
    "D354",
    Level.WARNING,
    "The fork's key for the parent is allowed to write",
    "Holdall sends only reads to the parent. Anyone who takes the key from this environment can do more.",
    "Give the fork a read-only key: `holdall provision --read-only`.",
    ("L1",),
    evidence="The parent's answer to aborting an upload that does not exist, which changes nothing.",
)
MIRRORED = Kind(
    "D360",
    Level.NOTICE,
    "Every change goes to a mirror too",
    "The store is being moved, or was. Files are read from here, and the mirror is examined by itself.",
    "Bring the mirror up to date, and swap the two groups of variables when nothing is left to copy. In a project, and "
    "with an env file:\n"
    "python manage.py holdall copy default default:mirror --plan\n"
    "holdall copy production.env production.env:mirror --plan",
    evidence="The variables `MIRROR_*`.",
)
MIRROR_OWES = Kind(
    "D361",
    Level.WARNING,
    "The mirror missed changes",
    "Files that were replaced or deleted here are as they were in the mirror. After a swap they would be back.",
    "In a project, and with an env file:\n"
    "python manage.py holdall copy default default:mirror\n"
    "holdall copy production.env production.env:mirror",
    evidence="The notes in `.holdall/mirror/`, which whatever deletes or replaces a file leaves until the mirror has followed.",
)
