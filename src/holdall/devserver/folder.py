"""The folder of an embedded server: its own from the first file on, so that nobody else's files are ever written over."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from holdall.devserver import keeper, weed
from holdall.errors import DevServerError

IGNORE = ".gitignore"
EVERYTHING = "*\n"
# How many of the other files a refusal names.
NAMED = 3


def take(folder: Path) -> None:
    """Make the folder, or make sure that it is empty or a server's own, before anything is written there.

    Two processes may do so at once: the first file is the lock of the users, and a folder with it is a server's.

    Raises: DevServerError when it holds other files; nothing was written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    others = sorted(path.name for path in folder.iterdir())
    if others and not _is_own(folder):
        more = ", …" if len(others) > NAMED else ""
        raise DevServerError(
            f"The embedded S3 server keeps its files in a folder that is new, empty or its own; {folder} holds other files "
            f"({', '.join(others[:NAMED])}{more}). Nothing was written. Give another folder: {folder / '.holdall'} is as "
            "near as can be."
        )
    os.close(keeper.open_lock(folder / keeper.USERS_LOCK))
    # The accident: a project's own `.gitignore` is written over, perhaps through a link to one that many share.
    _create(folder / IGNORE, EVERYTHING)


def _is_own(folder: Path) -> bool:
    """Say whether a server made this folder: all that it has made first is there, and as it makes it."""
    try:
        if not stat.S_ISREG((folder / keeper.USERS_LOCK).lstat().st_mode):
            return False
        if (keys := folder / weed.KEYS_FILE).exists():
            return not keys.is_symlink() and weed.OWNER in weed.read_identities(folder)
        # It is being made, perhaps by another process: then the file may be empty for a moment.
        ignored = folder / IGNORE
        return not os.path.lexists(ignored) or (not ignored.is_symlink() and ignored.read_text() in {"", EVERYTHING})
    except DevServerError:
        # The keys cannot be read, which the server says itself when it is started.
        return True
    except (OSError, ValueError):
        return False


def _create(path: Path, text: str) -> None:
    """Make a file that is not there yet; whatever has the name, a link too, stays as it is."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
