"""Which store can be the mirror of which. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from holdall.environment import buckets
from holdall.environment.buckets import Bucket
from holdall.environment.store import Store, site
from holdall.environment.values import Said
from holdall.sites import is_below


def objections(own: Store, mirror: Store, *, declared_by: str) -> Iterator[Said]:
    """Say all that prevents a store from being the mirror of another, each by the variable that it is about.

    `declared_by`: the variable by which there is a mirror; its bucket may be one that nobody has named.
    """
    name = f"`{mirror.env_prefix}STORAGE_BUCKET_NAME`"
    if _in_one_bucket(own, mirror) and (_is_in(own, mirror) or _is_in(mirror, own)):
        # The accident: each save writes over itself, or the copies of one store are files of the other.
        what = "is the store itself" if own.location == mirror.location else "overlaps it"
        yield Said(
            f"`{declared_by}` names a mirror that {what}: {site(mirror)}, and the store is {site(own)}. Name another bucket "
            f"in {name}, or a location beside it.",
            "D188",
            declared_by,
        )
    if own.public != mirror.public:
        # The leak: every private file, on a public domain.
        yield _about(
            mirror,
            "STORAGE_MAKE_FILES_PUBLIC",
            f"makes the mirror's files {_intent(mirror)}, and those of the store are {_intent(own)}; a mirror has the same "
            f"files. Write {str(own.public).lower()} in both.",
            "D189",
        )
    if own.environment and mirror.environment and own.environment != mirror.environment:
        yield _about(
            mirror,
            "STORAGE_ENVIRONMENT",
            f'is "{mirror.environment}", and `{own.env_prefix}STORAGE_ENVIRONMENT` is "{own.environment}"; both stores belong '
            "to this environment. Write the same name in both.",
            "D189",
        )


def _about(mirror: Store, variable: str, text: str, finding: str) -> Said:
    name = f"{mirror.env_prefix}{variable}"
    return Said(f"`{name}` {text}", finding, name)


def _in_one_bucket(one: Store, other: Store) -> bool:
    if "local" in {one.mode, other.mode}:
        return one.mode == other.mode and one.bucket_name == other.bucket_name
    return buckets.is_same(_bucket(one), _bucket(other))


def _bucket(store: Store) -> Bucket:
    addresses = (store.endpoint_url, store.public_endpoint_url)
    return Bucket(store.provider, store.bucket_name, tuple(address for address in addresses if address))


def _is_in(one: Store, other: Store) -> bool:
    return not other.location or is_below(one.location, other.location)


def _intent(store: Store) -> str:
    return "public" if store.public else "private"
