"""Names that look like a variable of the contract: of other tools, with a prefix, or with a whole store in one address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from holdall import secret
from holdall.environment import dsn, foreign, keyfiles, values, whereabouts
from holdall.environment.entries import Entries
from holdall.environment.foreign import Candidate, Meaning
from holdall.environment.unread import same_as
from holdall.environment.variables import BY_NAME, MIRROR, PARENT
from holdall.hosts import is_inside
from holdall.providers import recognise

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
# What a store is made of: where these are meant, a missing bucket is not all that is to be set.
CORE = frozenset({"STORAGE_BUCKET_NAME", "AWS_S3_ENDPOINT_URL", "AWS_S3_REGION_NAME", "DO_REGION", *KEYS})
# The prefixes of stores beside this one.
OTHER_STORES = (PARENT, MIRROR)
ENDINGS = tuple(f"_{name}" for name in BY_NAME if name != "BUILD_MODE")


class PrefixedSet(NamedTuple):
    """Variables of the contract that all have one prefix, which nobody asked for."""

    prefix: str
    names: tuple[str, ...]
    # The name of its bucket, where the contract has another.
    bucket: str = ""

    @property
    def line(self) -> str:
        """The setting that reads them."""
        return f"STORAGES = {self.call}"

    @property
    def call(self) -> str:
        aliases = f'aliases={{"default": "{self.prefix}"}}'
        if not self.bucket:
            return f"holdall.from_env({aliases})"
        renamed = f'"{self.prefix}STORAGE_BUCKET_NAME": os.environ["{self.bucket}"]'
        return f"holdall.from_env({{**os.environ, {renamed}}}, {aliases})"


def candidates(entries: Entries) -> list[Candidate]:
    """Give all names that probably mean a variable which is not set, in the order of the environment."""
    found = [one for one in meant_names(entries) if not any(map(entries.is_set, same_as(one.variable)))]
    best = {one.variable: max(two.meaning.rank for two in found if two.variable == one.variable) for one in found}
    # A bucket for static files is no candidate beside one for uploads.
    return [one for one in found if one.meaning.rank >= min(0, best[one.variable]) or one.meaning.note == foreign.PART]


def meant_names(entries: Entries) -> Iterator[Candidate]:
    """Give all names that may mean a variable of the contract, whether or not that is set."""
    has_bucket = any(map(entries.is_set, same_as("STORAGE_BUCKET_NAME")))
    for name, value in entries.environ.items():
        bare = name.removeprefix(entries.prefix)
        if not name.startswith(entries.prefix) or not value.strip() or bare.startswith(_others(entries)):
            continue
        if not name.isprintable() or not (value.strip().isprintable() or "-----BEGIN" in value):
            continue
        if has_bucket and bare.endswith(ENDINGS):
            # Of a second store.
            continue
        if bare in BY_NAME or bare.removesuffix(keyfiles.SUFFIX) in BY_NAME or not foreign.is_interesting(bare):
            continue
        meant = foreign.meaning(bare)
        if meant and _fits(meant, value.strip()):
            meant = _by_its_value(bare, value.strip(), meant)
            yield Candidate(bare, "" if _is_misplaced(entries, meant, value) else value.strip(), meant)


def _is_misplaced(entries: Entries, meant: Meaning, value: str) -> bool:
    """Say whether a value is a secret where none belongs: an address that is made of it would show it as a host."""
    variable = BY_NAME.get(meant.variable.removesuffix(keyfiles.SUFFIX))
    if variable and variable.secret:
        return False
    plain = values.tidy(value, lambda _remark: None) or ""
    return any(secret.is_whole(plain, one) for one in entries.secrets)


def _others(entries: Entries) -> tuple[str, ...]:
    """Give the beginnings of names that belong to another store."""
    return (*OTHER_STORES, *(prefix for prefix in entries.beside if prefix and prefix != entries.prefix))


def _by_its_value(name: str, value: str, meant: Meaning) -> Meaning:
    """Tell the address of a server from that of a CDN, where a name like "BUCKET_URL" may be either."""
    if meant.variable != "AWS_S3_CUSTOM_DOMAIN" or "BUCKET" not in foreign.words(name) or "://" not in value:
        return meant
    parts = urlsplit(value)
    is_api = recognise(value)[0].is_hosted or is_inside(parts.hostname or "")
    return meant._replace(variable=whereabouts.ENDPOINT) if is_api and not parts.path.strip("/") else meant


def _fits(meant: Meaning, value: str) -> bool:
    if meant.variable == "AWS_S3_CUSTOM_DOMAIN":
        # `MEDIA_URL=/media/` is a path of the site.
        return not value.startswith("/") and bool(re.search(r"[.:]", value) or meant.note)
    return meant.variable in {"", "AWS_PROFILE"} or meant.variable.removesuffix(keyfiles.SUFFIX) in BY_NAME


def prefixed_sets(entries: Entries) -> list[PrefixedSet]:
    """Give the sets of variables that have a prefix, a bucket among them."""
    groups: dict[str, list[str]] = {}
    known = sorted(BY_NAME, key=len, reverse=True)
    for name, value in entries.environ.items():
        own = next((one for one in known if name.endswith(f"_{one}")), None)
        if (
            own
            and own != "BUILD_MODE"
            and value.strip()
            and name.isprintable()
            and not name.startswith(_others(entries))
        ):
            groups.setdefault(name.removesuffix(own), []).append(name)
    found = []
    for prefix, names in groups.items():
        bare = {name.removeprefix(prefix) for name in names}
        if bare & {"STORAGE_BUCKET_NAME", "AWS_STORAGE_BUCKET_NAME"}:
            if len(bare) > 1:
                found.append(PrefixedSet(prefix, tuple(names)))
        elif {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} <= bare:
            others = [name for name in entries.environ if name.startswith(prefix) and entries.environ[name].strip()]
            meant = [(name, foreign.meaning(name.removeprefix(prefix))) for name in others if name not in names]
            buckets = [name for name, one in meant if one and one.variable == "STORAGE_BUCKET_NAME"]
            if buckets:
                found.append(PrefixedSet(prefix, (*names, buckets[0]), buckets[0]))
    return found


def addresses(entries: Entries) -> Iterator[tuple[str, dict[str, str]]]:
    """Give the names that hold a store in one address, with what it says."""
    for name, value in entries.environ.items():
        if not name.startswith(entries.prefix) or "://" not in value or not name.isprintable():
            continue
        if said := dsn.parse(value):
            yield name.removeprefix(entries.prefix), said
