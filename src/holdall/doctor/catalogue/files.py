"""Findings of the layer `files`: whether the database's files are in the bucket."""

from __future__ import annotations

from holdall.findings import Kind, Level

SAMPLED = "A sample: the oldest and newest rows of each file field."

FILES_ARE_THERE = Kind(
    "D080",
    Level.OK,
    "The database's files are in the bucket",
    "The oldest and newest rows of each file field were checked.",
)
SOME_FILES_MISSING = Kind(
    "D081",
    Level.WARNING,
    "Some of the database's files are missing",
    "Their rows exist but the files do not, so links to them are broken.",
    "Copy the missing files from the bucket or backup that has them.",
    ("L2",),
    evidence=SAMPLED,
)
MANY_FILES_MISSING = Kind(
    "D082",
    Level.ERROR,
    "Many of the database's files are missing",
    "Either the database was copied without its media, or the files are in another bucket or location than the one that is "
    "configured.",
    "Compare the bucket and `STORAGE_LOCATION` with the environment that the database came from. If they are right, copy "
    "the files, or make this environment a fork of that one.",
    ("L2", "E2"),
    evidence=SAMPLED,
)
FILES_UNKNOWN = Kind(
    "D083",
    Level.UNKNOWN,
    "Could not check whether the database's files exist",
    "The database or the bucket could not be queried.",
    evidence=SAMPLED,
)
