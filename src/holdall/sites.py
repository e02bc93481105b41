"""Where a store is, and which store may be the parent of which. Pure."""

from __future__ import annotations

import hashlib
from typing import NamedTuple
from urllib.parse import urlsplit

from holdall.providers import AMAZON, Provider

# The folder for Holdall's own objects in a store. No file name contains it, at any depth: stores can be inside
# of one another, and what is a folder deep down for one of them is the top of another.
RESERVED = ".holdall"
# Forks of one parent in its own bucket do not see each other when they share a folder of this name.
FORKS_FOLDER = "forks"


class Site(NamedTuple):
    """Where a store is: two stores at one site are the same store."""

    # The provider where buckets are the same whatever the address; else the host.
    place: str
    bucket_name: str
    location: str

    def __str__(self) -> str:
        under = f', under "{self.location}"' if self.location else ""
        return f'bucket "{self.bucket_name}"{under} on {self.place}'

    def inside(self, other: Site) -> str | None:
        """Give the way from the other store's location down to this one's, "" if they are one; None if it is not inside."""
        if self[:2] != other[:2]:
            return None
        if not other.location or self.location == other.location:
            return self.location.removeprefix(other.location)
        return (
            self.location.removeprefix(f"{other.location}/")
            if f"{self.location}/".startswith(f"{other.location}/")
            else None
        )


def site(provider: Provider, *, endpoint_url: str | None, bucket_name: str, location: str, is_local: bool) -> Site:
    """Say where a store is."""
    if is_local:
        place = "the embedded server"
    elif provider is AMAZON or not endpoint_url:
        # Its buckets have one name in the whole world, whichever of its addresses leads there.
        place = AMAZON.title
    else:
        # Without what a hand-written address may hold before its host: this is shown, and kept in the fork's store.
        parts = urlsplit(endpoint_url)
        # Below other paths of one host there may be other servers.
        place = parts.netloc.rpartition("@")[2].lower() + parts.path.rstrip("/")
    return Site(place, bucket_name, location.strip("/"))


def stamp(bucket_name: str, location: str) -> str:
    """Give what a fork marks its objects with, to know them for its own; the same by whichever address it is reached."""
    return hashlib.sha256(f"{bucket_name}/{location.strip('/')}".encode()).hexdigest()[:16]


def objection(own: Site, parent: Site) -> str | None:
    """Say why a store cannot be the fork of another; None if it can."""
    if own == parent:
        return (
            f"names the fork's own store ({own}); a store cannot be its own parent. Give the fork a bucket or a "
            "`STORAGE_LOCATION` of its own."
        )
    if parent.inside(own) is not None:
        # The accident: what the fork deletes or drops at "prod/…" would be the parent's file.
        return (
            f"names a store inside the fork's own: {parent} is part of {own}, so the fork's writes could "
            f'change it. Give the fork a bucket of its own, or a `STORAGE_LOCATION` beside "{parent.location}".'
        )
    return None


def hidden_folder(own: Site, parent: Site) -> str | None:
    """Give the folder of the parent that holds the fork, and is therefore not part of the parent's files; None if it does not.

    Below a folder named "forks" it is that folder, with all forks in it; elsewhere it is only the fork's location.
    """
    way = own.inside(parent)
    if not way:
        return None
    above, _, _ = way.rpartition("/")
    return above if above.rpartition("/")[2] == FORKS_FOLDER else way


def is_reserved(name: str) -> bool:
    """Say whether a name is reserved for Holdall: it is, or is inside, a reserved folder."""
    return RESERVED in name and RESERVED in name.split("/")


def is_below(name: str, folder: str) -> bool:
    """Say whether a name is a folder or is inside it."""
    return name == folder or name.startswith(f"{folder}/")
