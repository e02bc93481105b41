"""Layer `housekeeping`: what lies about unseen; and the doctor's own, which is removed, with proof."""

from __future__ import annotations

from collections.abc import Iterator

from holdall.doctor.examination import Examination, Probe, refusal, statement
from holdall.errors import AccessRefused, HoldallError, ObjectNotFound, StoreFailed
from holdall.findings import Finding, Kind, Level

LEFT_AS_FOUND = Kind(
    "D900",
    Level.OK,
    "The bucket is as it was",
    "Everything that the doctor saved was deleted, and a listing shows it gone.",
)
DELETE_NOT_GRANTED = Kind(
    "D901",
    Level.ERROR,
    "The keys may not delete files",
    "Files that are deleted or replaced in the project stay in the bucket for ever, and so do the doctor's own.",
    failures=("B5",),
)
LEFTOVERS = Kind(
    "D902",
    Level.WARNING,
    "Something of the doctor's is left in the bucket",
    "It could not be deleted; it is small, and may be deleted by anybody who may.",
)


def clean_up(examination: Examination) -> Iterator[Finding]:
    """Delete all that was made, and prove it. Requests: two, and one a file that is left."""
    if not examination.made:
        return
    refused: dict[str, HoldallError] = {}
    for key in sorted(examination.made):
        try:
            examination.call("delete_object", Key=key)
        except ObjectNotFound:
            continue
        except HoldallError as error:
            refused[key] = error
    yield from _proof(examination, refused)


def _proof(examination: Examination, refused: dict[str, HoldallError]) -> Iterator[Finding]:
    left = _left(examination)
    if refused and left != []:
        error = next(iter(refused.values()))
        if isinstance(error, AccessRefused):
            resource = f"{examination.bucket}/{examination.location}*"
            yield DELETE_NOT_GRANTED.found(refusal(error), do=statement("s3:DeleteObject", resource))
        yield LEFTOVERS.found(", ".join(left or sorted(refused)))
    elif left:
        yield LEFTOVERS.found(", ".join(left))
    else:
        how = "a listing shows none of them" if left == [] else "each was asked for again, and is gone"
        yield LEFT_AS_FOUND.found(f"{len(examination.made)} keys deleted; {how}")


def _left(examination: Examination) -> list[str] | None:
    """List what is left under the doctor's folder; None where the keys may not list."""
    prefix = examination.key(examination.name(""))
    try:
        pages = examination.connection.pages(action="examining", name=prefix, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]
    except (AccessRefused, StoreFailed):
        left = []
        for key in sorted(examination.made):
            try:
                examination.call("head_object", Key=key)
                left.append(key)
            except HoldallError:
                continue
        return left or None


PROBES: tuple[Probe, ...] = ()
