"""Write a file that a user named: it appears when it is whole, and what was there before stays until then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from holdall.errors import HoldallError


@contextmanager
def written(path: Path) -> Iterator[TextIO]:
    """Give a file to write to.

    Raises:
        HoldallError: it cannot be written, or its disk is full; what was there before is still there.
    """
    # What is no plain file, such as /dev/stdout, is written to and not replaced.
    is_replaced = path.is_file() or not path.exists()
    part = path.with_name(f"{path.name}.part") if is_replaced else path
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        if is_replaced:
            part.replace(path)
    except HoldallError:
        # The store's, of which some are operating system errors too.
        raise
    except OSError as failure:
        raise HoldallError(f"{path} cannot be written: {failure.strerror}. Nothing was changed.") from failure
    finally:
        if is_replaced:
            with suppress(OSError):
                part.unlink(missing_ok=True)
