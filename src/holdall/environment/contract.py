"""The contract: how an environment, by the variables of `holdall.environment.variables`, becomes Django's `STORAGES`.

`read` turns an environment into a `Reading`: the store it describes, where each value came from, and all that is
wrong with it at once. It contacts nothing, and importing this module loads neither boto3 nor django-storages.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from holdall import providers, sites
from holdall.environment import keyfiles, mirrors, places, values
from holdall.environment.delivery import delivered
from holdall.environment.entries import Entries, Setting
from holdall.environment.missing import speak_of_what_is_there
from holdall.environment.store import Keys, Store, site
from holdall.environment.unread import meant, names_nobody_reads
from holdall.environment.values import Said
from holdall.environment.variables import (
    BY_NAME,
    DEFAULT_CACHE_SECONDS,
    DEFAULT_LIFETIME_SECONDS,
    DEFAULT_TIMEOUT_SECONDS,
    LOCAL_BUCKET,
    MIRROR,
    PARENT,
    VARIABLES,
)


class Reading(NamedTuple):
    """What was read from an environment. `store` is None when there are problems, or while an image is built."""

    prefix: str
    building: bool
    store: Store | None
    settings: tuple[Setting, ...]
    # Each is a `Said`, which knows the id of its kind of finding.
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    # What `PARENT_*` says; its problems and warnings are among those above. None: this is not a fork.
    parent: Reading | None = None
    # The same of `MIRROR_*`. None: there is no mirror.
    mirror: Reading | None = None
    # The variable by which there is such a store.
    declared_by: str = ""


def read(environ: Mapping[str, str], *, prefix: str = "", beside: Collection[str] = ()) -> Reading:
    """Read the contract from an environment, under a prefix where there is one. Never raises for what it finds.

    `beside` are the prefixes of the other stores in this environment: what begins with them is theirs.
    """
    return _Reader(environ, prefix, beside).read()


class _Reader:
    """The reading of one environment under one prefix, as far as it has come."""

    def __init__(self, environ: Mapping[str, str], prefix: str, beside: Collection[str] = ()) -> None:
        self.env = Entries(environ, prefix, beside)

    def read(self) -> Reading:
        building = self._building()
        store = parent = mirror = None
        if building:
            # Nothing is required of an environment in which nothing may be used.
            mark = self.env.mark("BUILD_MODE")
            self.env.problems = [problem for problem in self.env.problems if problem.startswith(mark)]
        else:
            names_nobody_reads(self.env)
            store = self._store()
            speak_of_what_is_there(self.env, store)
            parent = self._parent(store)
            mirror = self._mirror(store, parent)
        return Reading(
            prefix=self.env.prefix,
            building=building,
            store=None if self.env.problems else store,
            settings=tuple(self.env.shown(variable) for variable in VARIABLES),
            problems=tuple(map(self.env.redacted_said, self.env.problems)),
            warnings=tuple(map(self.env.redacted_said, self.env.warnings)),
            parent=parent,
            mirror=mirror,
            declared_by=self.env.declared_by,
        )

    def _building(self) -> bool:
        if "BUILD_MODE" in self.env.parsed or not self.env.prefix:
            return bool(self.env.parsed.get("BUILD_MODE"))
        # One image is built, whatever number of stores it will have.
        return _Reader({"BUILD_MODE": self.env.environ.get("BUILD_MODE", "")}, "").read().building

    # -- the environment as a whole

    def _store(self) -> Store | None:
        if "STORAGES_MODE" in self.env.broken:
            return None
        mode = self.env.get("STORAGES_MODE", "s3")
        unused = self._not_used_in(mode)
        bucket = self._bucket(mode)
        store = Store(
            mode=mode,
            provider=providers.SEAWEEDFS,
            bucket_name=bucket or "",
            public=self.env.get("STORAGE_MAKE_FILES_PUBLIC", False),
            location=self.env.get("STORAGE_LOCATION", ""),
            url_lifetime_seconds=self.env.get("STORAGE_URL_LIFETIME", DEFAULT_LIFETIME_SECONDS),
            cache_lifetime_seconds=self.env.get("STORAGE_CACHE_LIFETIME", DEFAULT_CACHE_SECONDS),
            timeout_seconds=self.env.get("STORAGE_TIMEOUT", DEFAULT_TIMEOUT_SECONDS),
            trash_seconds=self.env.get("STORAGE_TRASH"),
            environment=self.env.get("STORAGE_ENVIRONMENT"),
            env_prefix=self.env.prefix,
        )
        if mode == "local":
            return store
        store = places.on_spaces(self.env, store, unused) if mode == "do" else places.elsewhere(self.env, store)
        if browsers := self.env.get("AWS_S3_PUBLIC_ENDPOINT_URL"):
            places.bucket_within(self.env, browsers, store.bucket_name, name="AWS_S3_PUBLIC_ENDPOINT_URL")
        return delivered(self.env, self._keys(store))

    def _not_used_in(self, mode: str) -> dict[str, Any]:
        """Take out what has no meaning in a mode, and give its values."""
        unused = {}
        for variable in VARIABLES:
            if mode not in variable.modes and self.env.is_set(variable.name):
                # What is not used cannot be in the way.
                marks = self.env.mark(variable.name), self.env.mark(variable.name + keyfiles.SUFFIX)
                self.env.problems = [problem for problem in self.env.problems if not problem.startswith(marks)]
                self.env.warnings = [warning for warning in self.env.warnings if not warning.startswith(marks)]
                # AWS's own tools set these for purposes of their own.
                if variable.name not in {"AWS_REGION", "AWS_DEFAULT_REGION"} and mode != "local":
                    hint = " Is `STORAGES_MODE=do` missing?" if variable.name == "DO_REGION" else ""
                    self.env.warning(self.env.named(variable.name), f"is not used in mode {mode}.{hint}", "D129")
                if variable.name in self.env.parsed:
                    unused[variable.name] = self.env.parsed.pop(variable.name)
                self.env.broken.discard(variable.name)
                self.env.effective[variable.name] = ("", f"not used in mode {mode}")
        return unused

    def _bucket(self, mode: str) -> str | None:
        ours, theirs = self.env.get("STORAGE_BUCKET_NAME"), self.env.get("AWS_STORAGE_BUCKET_NAME")
        if ours and theirs and ours != theirs:
            self.env.problem(
                "STORAGE_BUCKET_NAME",
                f'is "{ours}", but `{self.env.prefix}AWS_STORAGE_BUCKET_NAME` is "{theirs}"; keep one of the two.',
                "D130",
            )
        if theirs and not ours:
            self.env.effective["STORAGE_BUCKET_NAME"] = (
                theirs,
                f"environment, as {self.env.prefix}AWS_STORAGE_BUCKET_NAME",
            )
        bucket: str | None = ours or theirs
        if bucket is None and mode == "local":
            # Each store of a project gets a bucket of its own: one may be public and another private.
            # A parent's, or a mirror's, is the one that it has for itself.
            prefix = self.env.prefix.replace(PARENT, "").replace(MIRROR, "")
            suffix = re.sub(r"[^a-z0-9]+", "-", prefix.lower()).strip("-")
            bucket = f"{LOCAL_BUCKET}-{suffix}"[:63].strip("-") if suffix else LOCAL_BUCKET
            self.env.effective["STORAGE_BUCKET_NAME"] = (bucket, "default")
        if bucket is None and not {"STORAGE_BUCKET_NAME", "AWS_STORAGE_BUCKET_NAME"} & self.env.broken:
            hint = "" if self._says_anything() else " For development, `STORAGES_MODE=local` needs no other variable."
            self.env.problem(
                "STORAGE_BUCKET_NAME", f"is missing; it names the bucket that keeps the files.{hint}", "D131"
            )
        return bucket

    def _says_anything(self) -> bool:
        """Say whether anybody has begun with the contract; of a second store, somebody has."""
        return bool(self.env.prefix or self.env.parsed or self.env.broken or self.env.problems)

    def _keys(self, store: Store) -> Store:
        pair = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        missing = [name for name in pair if not self.env.is_set(name)]
        if missing and store.mode == "do":
            for name in missing:
                what = "the id of the Spaces key" if name == "AWS_ACCESS_KEY_ID" else "the secret of the Spaces key"
                self.env.problem(name, f"is missing; in mode do it is {what}.", "D135")
        elif len(missing) == 1:
            present = next(name for name in pair if name not in missing)
            self.env.problem(
                present,
                f"is set but `{self.env.prefix}{missing[0]}` is not; set both, or neither on an AWS instance.",
                "D136",
            )
        elif missing:
            for name in pair:
                self.env.effective[name] = ("", "found by boto3")
                if not self.env.prefix and self.env.environ.get(name):
                    self.env.problem(
                        name, "contains only spaces or quotes, which boto3 would use as a key; unset it.", "D137"
                    )
            if self.env.is_set("AWS_SESSION_TOKEN"):
                self.env.problem(
                    "AWS_SESSION_TOKEN", "is set but the key pair it belongs to is not; set all three, or none.", "D138"
                )
        if missing or not all(name in self.env.parsed for name in pair):
            return store
        access_key, token = self.env.parsed[pair[0]], self.env.get("AWS_SESSION_TOKEN")
        if (
            token is None
            and not self.env.is_set("AWS_SESSION_TOKEN")
            and re.match(r"ASIA[A-Z0-9]{12}", access_key.reveal())
        ):
            # jschneier/django-storages#1353: refused as unknown, although it works in the tool it was copied from.
            self.env.problem(
                "AWS_ACCESS_KEY_ID",
                f"is a temporary key (ASIA…), which works only with its `{self.env.prefix}AWS_SESSION_TOKEN`; set all three.",
                "D139",
            )
        if values.looks_swapped(access_key.reveal(), self.env.parsed[pair[1]].reveal()):
            self.env.warning(
                pair[0],
                f"looks like a secret, and `{self.env.prefix}{pair[1]}` looks like a key id; swap the two.",
                "D147",
            )
        # boto3 prefers the token's old name to the new one.
        old_token = self.env.environ.get("AWS_SECURITY_TOKEN") or token
        own = {*pair, "AWS_SESSION_TOKEN"}
        verbatim = not self.env.prefix and not own & (self.env.remarked | self.env.files.keys()) and old_token == token
        keys = Keys(access_key=access_key, secret_key=self.env.parsed[pair[1]], token=token)
        return store._replace(keys=keys, boto3_reads_keys=verbatim)

    def _parent(self, store: Store | None) -> Reading | None:
        """Read the parent's contract, and make sure that it can be this store's parent. None: this is not a fork."""
        parent = self._other(PARENT, "an image is built for the fork, not for its parent")
        above = parent
        while store and above and above.store:
            if said := sites.objection(site(store), site(above.store)):
                name = above.declared_by
                self.env.problems.append(Said(f"`{name}` {said}", "D145", name))
            above = above.parent
        return parent

    def _mirror(self, store: Store | None, parent: Reading | None) -> Reading | None:
        """Read the mirror's contract, and make sure that it can be this store's mirror. None: there is no mirror."""
        mirror = self._other(MIRROR, "an image is built for the store, not for its mirror")
        if mirror is None:
            return None
        name = mirror.declared_by
        if parent is not None:
            text = (
                f"and `{parent.declared_by}` are both set. A fork has no mirror: what it does not have itself is its parent's, "
                f"and what it hides is noted for that parent. Move the parent, by `{MIRROR}` in its own environment, and make "
                f"new forks of it; here, unset all variables that begin with `{mirror.prefix}`."
            )
            self.env.problems.append(Said(f"`{name}` {text}", "D190", name))
        if mirror.parent is not None:
            text = (
                f"and `{mirror.parent.declared_by}` are both set. A mirror has no parent: it has all files of the store. Unset "
                f"all variables that begin with `{mirror.parent.prefix}`."
            )
            self.env.problems.append(Said(f"`{name}` {text}", "D190", name))
        if mirror.mirror is not None:
            name = mirror.mirror.declared_by
            text = "is set, and a mirror has no mirror of its own; unset it."
            self.env.problems.append(Said(f"`{name}` {text}", "D190", name))
        if store and mirror.store:
            self.env.problems += mirrors.objections(store, mirror.store, declared_by=mirror.declared_by)
        return mirror

    def _other(self, prefix: str, building_is: str) -> Reading | None:
        """Read the contract of another store that belongs to this one, with what is wrong there. None: there is none."""
        whole = f"{self.env.prefix}{prefix}"
        if not any(self._speaks_of(name, whole) for name in self.env.environ):
            return None
        building = self.env.environ.get(f"{whole}BUILD_MODE", "").strip()
        without = {name: value for name, value in self.env.environ.items() if name != f"{whole}BUILD_MODE"}
        other = _Reader(without, whole).read()
        if building:
            self.env.warning(f"{prefix}BUILD_MODE", f"is not used: {building_is}.", "D146")
        self.env.problems += other.problems
        self.env.warnings += other.warnings
        return other

    def _speaks_of(self, name: str, prefix: str) -> bool:
        if not name.startswith(prefix) or not self.env.environ[name].strip():
            return False
        bare = name.removeprefix(prefix)
        while bare.startswith((PARENT, MIRROR)):
            bare = bare.removeprefix(PARENT).removeprefix(MIRROR)
        return bare != "BUILD_MODE" and (bare.removesuffix(keyfiles.SUFFIX) in BY_NAME or meant(bare) is not None)
