"""The report of an audit as a file: UTF-8 JSON, one finding a line, signed so that it can be acted on.

It is written and read line by line, however long it is. The signature covers every byte before it: whoever changes a name
in the file, or adds one, has a report that nothing acts on.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from django.core import signing
from django.db import connections

from holdall.bulk.audit import Audit
from holdall.bulk.entries import Spool
from holdall.bulk.inventory import Found
from holdall.errors import HoldallError
from holdall.storage import MediaStorage
from holdall.storage.objects import site_of

# The shape of the report; raised when a key changes its meaning or goes.
JSON_VERSION = 1
SALT = "holdall.audit.report"
# How old a report may be that is acted on.
MAX_AGE_SECONDS = 24 * 3600
CLOCKS_DIFFER_SECONDS = 300
_SIGNATURE = '  "signature": '
_ORPHANS = '  "orphans": [\n'
# No line of a report is longer: a name has at most 1,024 bytes.
MAX_LINE_BYTES = 64 * 1024


class NotOurs(HoldallError):
    """A report that may not be acted on. Nothing was changed."""


def write(audit: Audit, write_text: Callable[[str], object]) -> None:
    """Write the report, text by text; each ends with a line."""
    digest = hashlib.sha256()

    def put(text: str) -> None:
        digest.update(text.encode())
        write_text(text)

    put("{\n")
    for name, value in _head(audit).items():
        put(f'  "{name}": {_json(value)},\n')
    for name, items in _lists(audit).items():
        put(f'  "{name}": [\n')
        before = None
        for item in items:
            if before is not None:
                put(f"    {before},\n")
            before = _json(item)
        put(f"    {before}\n  ],\n" if before is not None else "  ],\n")
    signature = signing.TimestampSigner(salt=SALT).sign(digest.hexdigest())
    write_text(f"{_SIGNATURE}{_json(signature)}\n}}\n")


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    # A lone surrogate is no UTF-8.
    return text if text.isascii() or _is_utf8(text) else json.dumps(value)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _head(audit: Audit) -> dict[str, Any]:
    def both(count: Any) -> dict[str, int]:
        return {"files": count.files, "size_bytes": count.size_bytes}

    return {
        "version": JSON_VERSION,
        "store": str(site_of(audit.storage)),
        "databases": databases(),
        "began": audit.began.isoformat(timespec="seconds"),
        "min_age_seconds": int(audit.min_age.total_seconds()),
        "complete": not audit.problems,
        "rows_known": audit.rows_known,
        "problems": audit.problems,
        "notes": audit.notes,
        "counts": {
            "files": both(audit.files),
            "referenced": both(audit.referenced),
            "orphans": both(audit.orphaned),
            "young": both(audit.young),
            "cached": both(audit.cached),
            "of_other_stores": both(audit.others),
            "unreachable": both(audit.unreachable),
            "missing": len(audit.missing),
            "empty": len(audit.empty),
            "wrong_type": len(audit.mistyped),
            "looked_at": audit.looked_at,
            "unfinished_uploads": len(audit.uploads),
        },
        "other_stores": sorted(audit.other_folders),
    }


def _lists(audit: Audit) -> dict[str, Iterator[dict[str, Any]]]:
    return {
        "orphans": (one._asdict() for one in audit.orphans),
        "missing": (
            {
                "name": one.name,
                "nearest": one.nearest,
                "differs": one.differs,
                "rows": [
                    {"model": source.model, "field": source.field, "database": source.database, "count": number}
                    for source, number in one.rows
                ],
            }
            for one in audit.missing
        ),
        "empty": ({"name": one.name, "modified": one.modified} for one in audit.empty),
        "wrong_type": (one._asdict() for one in audit.mistyped),
        "unfinished_uploads": (one._asdict() for one in audit.uploads),
    }


def databases() -> dict[str, str]:
    """Give what tells this project's databases from others, by alias; no secret, and nothing that leads to them."""
    return {alias: _fingerprint(connections.settings[alias]) for alias in sorted(connections)}


def _fingerprint(options: dict[str, Any]) -> str:
    told = "|".join(str(options.get(name) or "") for name in ("ENGINE", "HOST", "PORT", "NAME"))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def read_orphans(path: Path, storage: MediaStorage) -> tuple[Spool[Found], float]:
    """Give the orphans of a report, and the age floor that it was made with, if the report may be acted on.

    Raises:
        NotOurs: it was not written by this project, or changed since, or is a day old, or is another store's, or was made
            with other databases, or was not complete.
    """
    try:
        with path.open("rb") as file:
            _verify(file, path)
            file.seek(0)
            return _orphans(file, path, storage)
    except OSError as failure:
        raise NotOurs(f"{path} cannot be read: {failure.strerror}. Nothing was changed.") from failure
    except (ValueError, KeyError, TypeError) as failure:
        raise NotOurs(f"{path} is not a report of `holdall audit`. Nothing was changed.") from failure


def _verify(file: BinaryIO, path: Path) -> None:
    digest, signature = hashlib.sha256(), None
    while line := file.readline(MAX_LINE_BYTES):
        if signature is not None:
            if line != b"}\n" or file.readline():
                break
        elif line.startswith(_SIGNATURE.encode()):
            signature = json.loads(line[len(_SIGNATURE) :])
            continue
        else:
            digest.update(line)
            continue
        try:
            told = signing.TimestampSigner(salt=SALT).unsign(str(signature), max_age=MAX_AGE_SECONDS)
        except signing.SignatureExpired:
            raise NotOurs(f"{path} is older than a day. Nothing was changed. Run the audit again.") from None
        except signing.BadSignature:
            break
        if told != digest.hexdigest():
            break
        if _signed_at(str(signature)) > time.time() + CLOCKS_DIFFER_SECONDS:
            # The accident: it was written while the clock was wrong, and would be good for so much longer.
            raise NotOurs(f"{path} is from the future: a clock was wrong. Nothing was changed. Run the audit again.")
        return
    raise NotOurs(
        f"{path} was not written by this project's `holdall audit`, or was changed since. Nothing was changed. Run the audit "
        "again, and use the report as it is."
    )


def _signed_at(signature: str) -> int:
    """Say when a signature was made, in seconds since 1970; it is one that was verified."""
    return int(signing.b62_decode(signature.split(":")[-2]))


def _orphans(file: BinaryIO, path: Path, storage: MediaStorage) -> tuple[Spool[Found], float]:
    head: dict[str, Any] = {}
    found = Spool[Found](held=1_000)
    lines: Iterable[bytes] = iter(file.readline, b"")
    for line in lines:
        text = line.decode()
        if text == _ORPHANS:
            break
        if text != "{\n":
            head |= json.loads(f"{{{text.rstrip().rstrip(',')}}}")
    here = str(site_of(storage))
    if head["store"] != here:
        raise NotOurs(f"{path} is of another store, {head['store']}; this is {here}. Nothing was changed.")
    if head["databases"] != databases():
        raise NotOurs(f"{path} was made with other databases than this project has now. Nothing was changed.")
    if not head["rows_known"]:
        raise NotOurs(f"{path} is not complete: {'; '.join(head['problems'])} Nothing was changed.")
    for line in lines:
        if line.startswith(b"  ]"):
            return found, float(head["min_age_seconds"])
        found.append(Found(**json.loads(line.decode().strip().rstrip(","))))
    raise ValueError("no end")
