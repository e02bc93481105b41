"""Files that hold one value, as Docker and Kubernetes mount secrets: `AWS_SECRET_ACCESS_KEY_FILE=/run/secrets/…`."""

from __future__ import annotations

import os
import stat

from holdall.environment import values
from holdall.environment.values import Said

SUFFIX = "_FILE"
# A private key has about 3,300 bytes, a session token 2,000.
MAX_BYTES = 64 * 1024


def read(path: str) -> str:
    """Give the content of a file without the line break at its end.

    Requests: none; one small read, which never waits: a pipe is refused.

    Raises:
        ValueError: it cannot be read, is too large or is not text; the text completes "`VARIABLE_FILE` …".
    """
    try:
        # Without waiting, because a pipe that nobody writes to would hold up the start of the process.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except (OSError, ValueError) as error:
        raise _refused(path, getattr(error, "strerror", None) or "it is not a path") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _refused(path, "it is not a regular file")
        content = _bounded(descriptor)
    except OSError as error:
        raise _refused(path, error.strerror or "it cannot be read") from error
    finally:
        os.close(descriptor)
    if len(content) > MAX_BYTES:
        raise _refused(path, f"it has more than {MAX_BYTES // 1024} KiB, which is not a key")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused(path, "it is not text") from error
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise ValueError(Said(f"names {values.quoted(path)}, which is empty; write the value into that file.", "D182"))
    return text


def _bounded(descriptor: int) -> bytes:
    """Read to the end, or a little more than may be there: the size that was told may be that of a file that grows."""
    parts, size = [], 0
    while size <= MAX_BYTES and (part := os.read(descriptor, MAX_BYTES + 1 - size)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _refused(path: str, why: str) -> ValueError:
    why = why[:1].lower() + why[1:]
    return ValueError(Said(f"names {values.quoted(path)}, which cannot be used: {why}.", "D181"))
