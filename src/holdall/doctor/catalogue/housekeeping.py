"""Findings of the layer `housekeeping`: what is left in the bucket."""

from __future__ import annotations

from functools import partial

from holdall.findings import Cause, Kind, Level

_Cleaned = partial(Kind, evidence="What deleting the doctor's own files was answered with, and what is left of them.")

LEFT_AS_FOUND = Kind(
    "D900",
    Level.OK,
    "The bucket is as it was before",
    "Everything that the doctor saved was deleted, and a listing shows that it is gone.",
)
DELETE_NOT_GRANTED = _Cleaned(
    "D901",
    Level.ERROR,
    "The keys are not allowed to delete files",
    "Files that the project deletes or replaces stay in the bucket forever, and so do the doctor's own.",
    "Grant `s3:DeleteObject` on the objects: arn:aws:s3:::BUCKET/LOCATION/*.",
    failures=("B5",),
)
LEFTOVERS = _Cleaned(
    "D902",
    Level.WARNING,
    "Some of the doctor's files are still in the bucket",
    "They could not be deleted. They are small and safe to delete.",
    "Delete them with keys that are allowed to.",
)
UNFINISHED_UPLOADS = Kind(
    "D903",
    Level.WARNING,
    "The bucket contains parts of unfinished uploads",
    "They do not appear in listings, but you pay for them until someone aborts them.",
    "Abort each one, or add a lifecycle rule that does (AbortIncompleteMultipartUpload):\n"
    "aws s3api abort-multipart-upload --bucket BUCKET --key … --upload-id …",
    failures=("N1", "G10"),
    evidence="The bucket's list of unfinished uploads that began more than a day ago.",
)
NO_RULE = Kind(
    "D904",
    Level.NOTICE,
    "Nothing cleans up unfinished uploads",
    "If a process dies during a large upload, its parts stay in the bucket. They are invisible, but you pay for them.",
    "Add a lifecycle rule with AbortIncompleteMultipartUpload. `holdall provision` prints it.",
    failures=("N1",),
    evidence="The bucket's lifecycle rules.",
)
RULE_THERE = Kind(
    "D905",
    Level.OK,
    "Unfinished uploads are cleaned up",
    "The bucket has a lifecycle rule for them, or the provider does it.",
)
VERSIONS_LEFT = _Cleaned(
    "D906",
    Level.NOTICE,
    "Old versions of the doctor's files are still in the bucket",
    "The bucket keeps versions, and the keys may delete files but not versions. Every file that the project deletes stays "
    "there too, and you pay for it.",
    "Expire old versions with a lifecycle rule (NoncurrentVersionExpiration).",
    remedies=(Cause("You want the doctor to leave no versions.", "Grant it `s3:DeleteObjectVersion` on the objects."),),
)
RULE_DELETES = Kind(
    "D907",
    Level.WARNING,
    "A lifecycle rule deletes or archives files",
    "The store does it by itself, whatever the database says: links and pages that show the file break then.",
    "Limit the rule to a prefix in which nothing is kept, or remove it.",
    evidence="The bucket's lifecycle rules.",
)
TRASH_STAYS = Kind(
    "D908",
    Level.WARNING,
    "Nothing empties the trash",
    "`STORAGE_TRASH` says how long deleted files are kept, but no lifecycle rule of the bucket deletes them then: they stay, "
    "and you pay for them.",
    "Add the lifecycle rule that `holdall provision` prints; the bucket's other rules stay.",
    evidence="The bucket's lifecycle rules, if `STORAGE_TRASH` is set.",
    remedies=(
        Cause(
            "You cannot change the bucket's rules.",
            "Run this once a day:\nholdall trash empty --yes",
        ),
    ),
)
TRASH_SPAN = Kind(
    "D909",
    Level.WARNING,
    "The trash is emptied at another time than `STORAGE_TRASH` says",
    "Earlier, files that someone wants back, such as those of an older database dump, are gone. Later, deleted files are kept "
    "longer than you promise.",
    "Change the lifecycle rule, or `STORAGE_TRASH`.",
    evidence="The bucket's lifecycle rules, if `STORAGE_TRASH` is set.",
)
TRASH_EMPTIED = Kind(
    "D910",
    Level.OK,
    "The trash is emptied in time",
    "A lifecycle rule of the bucket deletes what has been in it for as long as `STORAGE_TRASH` says.",
)
