"""What a person calls a place: a folder, an env file of the contract, or an alias of the project's storages."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import holdall
from holdall.cli import stores
from holdall.cli.envfile import read_env_file
from holdall.cli.terminal import Session
from holdall.errors import ContractError, HoldallError
from holdall.shown import shown

if TYPE_CHECKING:
    from holdall.bulk.places import Place
    from holdall.storage import MediaStorage

HELP = (
    "a folder (./media), an env file of the contract (production.env) or, in a project, an alias of STORAGES (default); "
    "with `:mirror` after its name, the mirror of that store"
)
STORE_HELP = "an env file or an alias of STORAGES; else `default`, or the environment's store"
# What stands behind a store's name and a colon, where its mirror is meant.
MIRROR = "mirror"
# "production.env", ".env", ".env.local"
_ENV_FILE = re.compile(r"\.env(?:\.|$)")
_SPAN = re.compile(r"(\d+)\s*([smhdw])", re.IGNORECASE)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
# There may be no date so long ago.
LONGEST = timedelta(days=365_000)


class Misused(HoldallError):
    """What was asked for cannot be meant; nothing was done."""

    # Of a file of variables, all that is wrong with it.
    _has_lines = True


def open_place(text: str, session: Session, *, may_be_new: bool = False) -> Place:
    """Open a place by what a person calls it; `may_be_new` lets a folder be one that does not exist yet.

    Raises:
        Misused: it is none of the three.
        ContractError: an env file does not describe a store.
    """
    from holdall.bulk.places import Folder

    if session.in_project and text in _aliases():
        return open_alias(text)
    if not text:
        # The accident: a shell's variable that is not set, which would be this very folder, with its env files.
        raise Misused('A place is empty: "" is none. If you mean this folder, write a dot.')
    path = _path(text)
    try:
        if path.is_dir():
            return Folder(path)
        if path.is_file():
            return _of_env_file(path)
    except OSError as failure:
        raise Misused(f"{shown(text[:100])} cannot be opened: {failure.strerror}.") from failure
    store, colon, which = text.rpartition(":")
    if colon and which == MIRROR and store:
        return _mirror_of(open_place(store, session), store)
    # What is called as an env file is one that is missing, unless the slash stands at the end.
    if may_be_new and not path.exists() and (text.endswith("/") or ("/" in text and not _ENV_FILE.search(path.name))):
        return Folder(path)
    aliases = f", and no alias of STORAGES ({', '.join(_aliases())})" if session.in_project else ""
    slash = "" if "/" in text else "./"
    new = f" For a new folder write it with a slash: {slash}{shown(text)}/." if may_be_new and not path.exists() else ""
    raise Misused(f'There is no folder and no env file "{shown(text)}" here{aliases}.{new}')


def _path(text: str) -> Path:
    """Give the path that a text is; "~" is the home of the user also where no shell reads it."""
    try:
        return Path(text) if text[0] != "~" or Path(text).exists() else Path(text).expanduser()
    except (OSError, RuntimeError):
        return Path(text)


def open_store(text: str | None, session: Session) -> MediaStorage:
    """Open the store that a person names, or else the one that a command is about: `default`, or the environment's.

    Raises:
        Misused: it is no store.
        ContractError: the environment, or an env file, does not describe one.
    """
    from holdall.bulk.places import Store

    if not text and not session.in_project:
        return stores.open_storage(stores.options_of(session, ""))
    place = open_place(text or "default", session)
    if not isinstance(place, Store):
        raise Misused(f"{place} is not a store of Holdall; name one whose files are in a bucket.")
    return place.storage


def _mirror_of(place: Place, text: str) -> Place:
    from holdall.bulk.places import Store

    mirror = place.storage.mirror if isinstance(place, Store) else None
    if mirror is None:
        raise Misused(f'"{text}" has no mirror; set the variables `MIRROR_…` for it.')
    return Store(mirror.storage)


def _aliases() -> list[str]:
    from django.conf import settings

    return list(getattr(settings, "STORAGES", {}))


def open_alias(text: str) -> Place:
    """Open the place that an alias of STORAGES is, by the project's own settings.

    Raises:
        Misused: there is none of this name, or it is neither a folder nor a store.
    """
    if text not in _aliases():
        raise Misused(f'"{text}" is not an alias of STORAGES ({", ".join(_aliases())}).')
    from django.core.files.storage import FileSystemStorage, storages

    from holdall.bulk.places import Folder, Store
    from holdall.storage import MediaStorage

    storage = storages[text]
    if isinstance(storage, MediaStorage):
        return Store(storage)
    if isinstance(storage, FileSystemStorage):
        try:
            location = Path(storage.location)
        except TypeError:
            # Django's own for static files, while STATIC_ROOT is unset.
            raise Misused(f'The alias "{text}" has no folder. Set its `location`, or name a folder.') from None
        return Folder(location)
    raise Misused(
        f'The alias "{text}" is a {type(storage).__name__}, which is neither a folder nor a store of Holdall. '
        "Use `holdall.from_env()` for it, or name its folder."
    )


def check_is_alias(text: str, session: Session) -> None:
    """Refuse a place that nobody but this process could open.

    Raises:
        Misused: it is a path.
    """
    if not session.in_project:
        raise Misused(
            "Celery's workers belong to a project: use `manage.py holdall copy … --celery`. Nothing was sent."
        )
    if text not in _aliases():
        kind = (
            "an env file, whose keys must not go through a broker" if Path(text).is_file() else "a path of this machine"
        )
        raise Misused(
            f'"{text}" is {kind}. The workers open places by their aliases of STORAGES, from their own settings: give it '
            "one there. Nothing was sent."
        )


def _of_env_file(path: Path) -> Place:
    from holdall.bulk.places import Store

    try:
        entry = holdall.from_env(read_env_file(path))["default"]
    except ContractError as error:
        raise Misused(f"{path} does not describe a store:\n{error}") from error
    if "bucket_name" not in entry["OPTIONS"]:
        raise Misused(f"{path} says `BUILD_MODE`, so it describes no store.")
    return Store(stores.open_storage(dict(entry["OPTIONS"])))


def moment(text: str, *, now: datetime | None = None) -> datetime:
    """Read a point in time: ISO 8601, in UTC unless it says otherwise, or a span before now ("10d").

    Raises:
        Misused: it is neither.
    """
    now = now or datetime.now(UTC)
    if _SPAN.fullmatch(text.strip()):
        return now - timedelta(seconds=span_seconds(text))
    try:
        read = datetime.fromisoformat(text.strip())
    except ValueError:
        raise Misused(
            f'"{text}" is not a time; write it as 2026-11-26 or 2026-11-26T14:30, or a span such as 10d.'
        ) from None
    told = read if read.tzinfo else read.replace(tzinfo=UTC)
    if told > now:
        raise Misused(f'"{text}" is in the future (it is {now:%Y-%m-%dT%H:%M} in UTC), so no file can be that new.')
    return told


def span_seconds(text: str) -> float:
    """Read how long something is: a number with s, m, h, d or w.

    Raises:
        Misused: it is none, or longer than a thousand years.
    """
    span = _SPAN.fullmatch(text.strip())
    if span is None:
        raise Misused(f'"{text}" is not a span of time; write a number with s, m, h, d or w, such as 10d.')
    try:
        length = timedelta(**{_UNITS[span[2].lower()]: int(span[1])})
    except (OverflowError, ValueError):
        length = timedelta.max
    if length > LONGEST:
        raise Misused(f'"{text[:100]}" is too long; write a shorter span.')
    return length.total_seconds()
