"""The contract: how an environment, by the variables of `holdall.variables`, becomes Django's `STORAGES`.

`read` turns an environment into a `Reading`: the store it describes, where each value came from, and all that is
wrong with it at once. `options` turns a store into the options of its storage. Neither contacts anything, and importing
this module loads neither boto3 nor django-storages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from holdall import lineage, providers, values
from holdall.providers import Provider
from holdall.values import Said, Secret
from holdall.variables import (
    AMBIENT_ENDPOINTS,
    BY_NAME,
    DEFAULT_LIFETIME_SECONDS,
    DEFAULT_SPACES_REGION,
    FOREIGN_NAMES,
    LOCAL_BUCKET,
    MISNOMERS,
    PARENT,
    SYNONYMS,
    VARIABLES,
    Variable,
)

# The finding of what has no kind of its own.
UNNAMED = "D199"
# From this length on a secret is recognised where it does not belong.
SECRET_LENGTH = 8


class Keys(NamedTuple):
    """A key pair, with its token when it is temporary; it shows itself nowhere."""

    access_key: Secret
    secret_key: Secret
    token: Secret | None = None


class Store(NamedTuple):
    """One configured place, as the environment describes it."""

    mode: str
    provider: Provider
    bucket_name: str
    public: bool = False
    location: str = ""
    url_lifetime_seconds: int = DEFAULT_LIFETIME_SECONDS
    # None: Amazon's own.
    endpoint_url: str | None = None
    # None: boto3's, or asked from the bucket.
    region_name: str | None = None
    custom_domain: str | None = None
    # None: boto3's chain finds them.
    keys: Keys | None = None
    # The keys stand in the environment exactly as boto3 will read them.
    boto3_reads_keys: bool = False
    cloudfront_key_id: Secret | None = None
    cloudfront_key: Secret | None = None
    environment: str | None = None
    # What stands before the names of its variables.
    env_prefix: str = ""


class Setting(NamedTuple):
    """One row of `holdall env`: the effective value of a variable, shown without secrets, and where it came from."""

    name: str
    value: str
    source: str
    purpose: str


class Reading(NamedTuple):
    """What was read from an environment. `store` is None when there are problems, or while an image is built."""

    prefix: str
    building: bool
    store: Store | None
    settings: tuple[Setting, ...]
    # Each is a `Said`, which knows the id of its kind of finding.
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    # What `PARENT_*` says; its problems and warnings are among those above. None: this is no fork.
    parent: Reading | None = None


def read(environ: Mapping[str, str], *, prefix: str = "") -> Reading:
    """Read the contract from an environment, under a prefix where there is one. Never raises for what it finds."""
    return _Reader(environ, prefix).read()


class _Reader:
    """The reading of one environment under one prefix, as far as it has come."""

    def __init__(self, environ: Mapping[str, str], prefix: str) -> None:
        self.environ, self.prefix = environ, prefix
        self.problems: list[str] = []
        self.warnings: list[str] = []
        # Parsed values of the variables that are set and valid; the names of those that are set but not valid.
        self.parsed: dict[str, Any] = {}
        self.broken: set[str] = set()
        self.remarked: set[str] = set()
        # What `holdall env` shows where it differs from the variable's own value: name -> (value, source).
        self.effective: dict[str, tuple[str, str]] = {}
        # The texts of all secrets in the environment, of any prefix: text -> the variable that holds it.
        self.secrets: dict[str, str] = {}

    def read(self) -> Reading:
        self._collect_secrets()
        for variable in VARIABLES:
            self._parse(variable)
        building = self._building()
        store = parent = None
        if building:
            # Nothing is required of an environment in which nothing may be used.
            mark = self._mark("BUILD_MODE")
            self.problems = [problem for problem in self.problems if problem.startswith(mark)]
        else:
            self._names_nobody_reads()
            store = self._store()
            parent = self._parent(store)
        return Reading(
            prefix=self.prefix,
            building=building,
            store=None if self.problems else store,
            settings=tuple(self._shown(variable) for variable in VARIABLES),
            problems=tuple(map(self._redacted_said, self.problems)),
            warnings=tuple(map(self._redacted_said, self.warnings)),
            parent=parent,
        )

    # -- single values

    def _parse(self, variable: Variable) -> None:
        name = self.prefix + variable.name
        if name not in self.environ:
            return

        def remark(text: str) -> None:
            self.remarked.add(variable.name)
            self.warnings.append(self._said(variable.name, text))

        try:
            if (value := values.tidy(self.environ[name], remark)) is not None:
                # The accident: a secret pasted into the bucket's name or the location stands in every link and log.
                if not variable.secret and (holder := self._secret_within(value)):
                    raise ValueError(
                        Said(
                            f"holds the secret of `{holder}`; write its own value, and consider the secret known.",
                            "D124",
                        )
                    )
                parsed = self._parsed(variable, value, remark)
                self.parsed[variable.name] = Secret(parsed) if variable.secret else parsed
        except ValueError as error:
            self.broken.add(variable.name)
            self.problems.append(self._said(variable.name, error.args[0]))

    @staticmethod
    def _parsed(variable: Variable, value: str, remark: values.Remark) -> Any:
        try:
            parsed = variable.parse(value, remark)
        except ValueError as error:
            if not values.with_comment(value):
                raise
            said = error.args[0]
            hint = "A comment after a value is taken for a part of it; write it on a line of its own."
            raise ValueError(Said(f"{said} {hint}", getattr(said, "finding", UNNAMED))) from error
        if values.with_comment(value):
            remark(Said("has a # in its value, which is kept; a comment belongs on a line of its own.", "D149"))
        return parsed

    def _collect_secrets(self) -> None:
        whole = tuple(variable.name for variable in VARIABLES if variable.secret == "whole")
        for name in self.environ:
            if name.endswith(whole):
                text = values.tidy(self.environ[name], lambda _remark: None) or ""
                # Shorter ones are words, such as the keys of a test server.
                if len(text) >= SECRET_LENGTH:
                    self.secrets[text] = name

    def _secret_within(self, value: str) -> str | None:
        return next((name for text, name in self.secrets.items() if text.lower() in value.lower()), None)

    def _mark(self, name: str) -> str:
        """Give how the problems of a variable begin."""
        return f"`{self.prefix}{name}` "

    def _building(self) -> bool:
        if "BUILD_MODE" in self.parsed or not self.prefix:
            return bool(self.parsed.get("BUILD_MODE"))
        # One image is built, whatever number of stores it will have.
        return _Reader({"BUILD_MODE": self.environ.get("BUILD_MODE", "")}, "").read().building

    def _get(self, name: str, default: Any = None) -> Any:
        return self.parsed.get(name, default)

    def _is_set(self, name: str) -> bool:
        return name in self.parsed or name in self.broken

    def _problem(self, name: str, text: str, finding: str) -> None:
        self.problems.append(self._said(name, Said(text, finding)))

    def _warning(self, name: str, text: str, finding: str) -> None:
        self.warnings.append(self._said(name, Said(text, finding)))

    def _said(self, name: str, text: str) -> Said:
        full = f"{self.prefix}{name}"
        return Said(f"`{full}` {text}", getattr(text, "finding", UNNAMED), full)

    # -- the environment as a whole

    def _names_nobody_reads(self) -> None:
        """Find names that were meant to be ours: silence here is a bucket in the wrong place."""
        mode = self._get("STORAGES_MODE", "s3")
        for name in self.environ:
            if not name.startswith(self.prefix):
                continue
            bare = name.removeprefix(self.prefix)
            real = self._meant(bare) or FOREIGN_NAMES.get(bare)
            if real is None or mode not in BY_NAME[real].modes or not self.environ[name].strip():
                continue
            shown = bare if bare.isprintable() else ascii(bare)[1:-1]
            required = real == "STORAGE_BUCKET_NAME" and mode != "local"
            if used := next((one for one in self._same_as(real) if self._is_set(one)), None):
                if bare not in FOREIGN_NAMES:
                    self._warning(shown, f"is read by nobody; `{self.prefix}{used}` is used.", "D126")
            elif bare in FOREIGN_NAMES and not required:
                self._warning(
                    shown, f"is read by nobody; set `{self.prefix}{real}` if it is meant for the storage.", "D148"
                )
            else:
                self._problem(shown, f"is read by nobody; did you mean `{self.prefix}{real}`?", "D125")
        if not self._is_set("AWS_S3_ENDPOINT_URL") and not self.prefix and mode != "local":
            for name in AMBIENT_ENDPOINTS:
                if self.environ.get(name, "").strip():
                    self._warning(name, "does not redirect the storage; `AWS_S3_ENDPOINT_URL` does.", "D127")

    @staticmethod
    def _same_as(name: str) -> tuple[str, ...]:
        return next((names for names in SYNONYMS if name in names), (name,))

    @staticmethod
    def _meant(name: str) -> str | None:
        if name in BY_NAME or name in AMBIENT_ENDPOINTS:
            return None
        if name.upper() in BY_NAME:
            return name.upper()
        if name in MISNOMERS:
            return MISNOMERS[name]
        return next((known for known in BY_NAME if values.slip(name, known)), None)

    def _store(self) -> Store | None:
        if "STORAGES_MODE" in self.broken:
            return None
        mode = self._get("STORAGES_MODE", "s3")
        self._not_used_in(mode)
        bucket = self._bucket(mode)
        store = Store(
            mode=mode,
            provider=providers.SEAWEEDFS,
            bucket_name=bucket or "",
            public=self._get("STORAGE_MAKE_FILES_PUBLIC", False),
            location=self._get("STORAGE_LOCATION", ""),
            url_lifetime_seconds=self._get("STORAGE_URL_LIFETIME", DEFAULT_LIFETIME_SECONDS),
            environment=self._get("STORAGE_ENVIRONMENT"),
            env_prefix=self.prefix,
        )
        if mode == "local":
            return store
        store = self._spaces(store) if mode == "do" else self._s3(store)
        return self._delivery(self._keys(store))

    def _not_used_in(self, mode: str) -> None:
        for variable in VARIABLES:
            if mode not in variable.modes and self._is_set(variable.name):
                # What is not used can not be in the way.
                mark = self._mark(variable.name)
                self.problems = [problem for problem in self.problems if not problem.startswith(mark)]
                self.warnings = [warning for warning in self.warnings if not warning.startswith(mark)]
                # AWS's own tools set these for purposes of their own.
                if variable.name not in {"AWS_REGION", "AWS_DEFAULT_REGION"} and mode != "local":
                    hint = " Is `STORAGES_MODE=do` missing?" if variable.name == "DO_REGION" else ""
                    self._warning(variable.name, f"is not used in mode {mode}.{hint}", "D129")
                self.parsed.pop(variable.name, None)
                self.effective[variable.name] = ("", f"not used in mode {mode}")

    def _bucket(self, mode: str) -> str | None:
        ours, theirs = self._get("STORAGE_BUCKET_NAME"), self._get("AWS_STORAGE_BUCKET_NAME")
        if ours and theirs and ours != theirs:
            self._problem(
                "STORAGE_BUCKET_NAME",
                f'is "{ours}", but `{self.prefix}AWS_STORAGE_BUCKET_NAME` is "{theirs}"; keep one of the two.',
                "D130",
            )
        if theirs and not ours:
            self.effective["STORAGE_BUCKET_NAME"] = (theirs, f"environment, as {self.prefix}AWS_STORAGE_BUCKET_NAME")
        bucket: str | None = ours or theirs
        if bucket is None and mode == "local":
            # Each store of a project gets a bucket of its own: one may be public and another private.
            # A parent's is the one that it has for itself.
            prefix = self.prefix.replace(PARENT, "")
            suffix = re.sub(r"[^a-z0-9]+", "-", prefix.lower()).strip("-")
            bucket = f"{LOCAL_BUCKET}-{suffix}"[:63].strip("-") if suffix else LOCAL_BUCKET
            self.effective["STORAGE_BUCKET_NAME"] = (bucket, "default")
        if bucket is None and not {"STORAGE_BUCKET_NAME", "AWS_STORAGE_BUCKET_NAME"} & self.broken:
            hint = "" if self._says_anything() else " For development, `STORAGES_MODE=local` needs no other variable."
            self._problem("STORAGE_BUCKET_NAME", f"is missing; it names the bucket that keeps the files.{hint}", "D131")
        return bucket

    def _says_anything(self) -> bool:
        """Say whether anybody has begun with the contract; of a second store, somebody has."""
        return bool(self.prefix or self.parsed or self.broken or self.problems)

    def _spaces(self, store: Store) -> Store:
        region = self._get("DO_REGION", DEFAULT_SPACES_REGION)
        endpoint = self._get("AWS_S3_ENDPOINT_URL")
        if "DO_REGION" not in self.broken:
            self.effective["DO_REGION"] = (region, "environment" if "DO_REGION" in self.parsed else "default")
        if endpoint is None:
            endpoint = f"https://{region}.digitaloceanspaces.com"
            self.effective["AWS_S3_ENDPOINT_URL"] = (endpoint, f"from {self.prefix}DO_REGION")
        elif (named := providers.recognise(endpoint)) != (providers.SPACES, region) and named[0] is providers.SPACES:
            by_default = "" if self._is_set("DO_REGION") else " by default"
            self._problem(
                "AWS_S3_ENDPOINT_URL",
                f"lies in region {named[1]}, but `{self.prefix}DO_REGION` is {region}{by_default}; leave the endpoint out and "
                f"set `{self.prefix}DO_REGION` to the region of the Space.",
                "D132",
            )
        self._bucket_within(endpoint, store.bucket_name)
        return store._replace(provider=providers.SPACES, endpoint_url=endpoint, region_name=region)

    def _s3(self, store: Store) -> Store:
        endpoint = self._get("AWS_S3_ENDPOINT_URL")
        provider, named_region = providers.recognise(endpoint)
        if endpoint:
            self._bucket_within(endpoint, store.bucket_name)
        region = named_region
        if region:
            self.effective["AWS_S3_REGION_NAME"] = (region, f"from {self.prefix}AWS_S3_ENDPOINT_URL")
        # On AWS, AWS_REGION is the region of the machine: it says nothing of a bucket whose endpoint names its own.
        endpoint_decides = region is not None and provider is not providers.GENERIC
        for name in ("AWS_S3_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION"):
            if name in self.parsed and (name == "AWS_S3_REGION_NAME" or not endpoint_decides):
                region = self.parsed[name]
                if provider is providers.AMAZON:
                    self._region_of_amazon(name)
                self.effective["AWS_S3_REGION_NAME"] = (
                    region,
                    "environment" if name.startswith("AWS_S3") else f"from {self.prefix}{name}",
                )
                break
        if region is None:
            self.effective["AWS_S3_REGION_NAME"] = ("", "boto3, else asked from the bucket once a process")
        return store._replace(provider=provider, endpoint_url=endpoint, region_name=region)

    def _region_of_amazon(self, name: str) -> None:
        try:
            values.amazon_region(self.parsed[name], lambda _remark: None)
        except ValueError as error:
            self.problems.append(self._said(name, error.args[0]))

    def _bucket_within(self, endpoint: str, bucket: str) -> None:
        """Find the bucket at the front of the endpoint, as panels show it: files would lie in a folder of its name."""
        host = urlsplit(endpoint).hostname or ""
        if not bucket or not host.startswith(f"{bucket}.") or providers.recognise(endpoint)[0] is not providers.GENERIC:
            # A Space may be named "ams3" in ams3.
            return
        address = endpoint.replace(f"//{bucket}.", "//", 1)
        if providers.recognise(address)[0] is not providers.GENERIC or "//s3." in address:
            self._problem(
                "AWS_S3_ENDPOINT_URL",
                f'begins with the bucket "{bucket}"; write the address without it: {address}',
                "D133",
            )
        else:
            self._warning(
                "AWS_S3_ENDPOINT_URL",
                f'begins with the bucket\'s name, "{bucket}"; if that is the bucket, write the address without it: {address}',
                "D134",
            )

    def _keys(self, store: Store) -> Store:
        pair = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        missing = [name for name in pair if not self._is_set(name)]
        if missing and store.mode == "do":
            for name in missing:
                what = "the id of the Spaces key" if name == "AWS_ACCESS_KEY_ID" else "the secret of the Spaces key"
                self._problem(name, f"is missing; in mode do it is {what}.", "D135")
        elif len(missing) == 1:
            present = next(name for name in pair if name not in missing)
            self._problem(
                present,
                f"is set but `{self.prefix}{missing[0]}` is not; set both, or neither on an AWS instance.",
                "D136",
            )
        elif missing:
            for name in pair:
                self.effective[name] = ("", "boto3 deduces it")
                if not self.prefix and self.environ.get(name):
                    self._problem(
                        name, "holds only blanks or quotes, which boto3 would take for a key; unset it.", "D137"
                    )
            if self._is_set("AWS_SESSION_TOKEN"):
                self._problem(
                    "AWS_SESSION_TOKEN", "is set but the key pair it belongs to is not; set all three, or none.", "D138"
                )
        if missing or not all(name in self.parsed for name in pair):
            return store
        access_key, token = self.parsed[pair[0]], self._get("AWS_SESSION_TOKEN")
        if (
            token is None
            and not self._is_set("AWS_SESSION_TOKEN")
            and re.match(r"ASIA[A-Z0-9]{12}", access_key.reveal())
        ):
            # jschneier/django-storages#1353: refused as unknown, although it works in the tool it was copied from.
            self._problem(
                "AWS_ACCESS_KEY_ID",
                f"is a temporary key (ASIA…), which works only with its `{self.prefix}AWS_SESSION_TOKEN`; set all three.",
                "D139",
            )
        if values.looks_swapped(access_key.reveal(), self.parsed[pair[1]].reveal()):
            self._warning(
                pair[0], f"looks like a secret, and `{self.prefix}{pair[1]}` like a key's id; swap the two.", "D147"
            )
        # boto3 prefers the token's old name to the new one.
        old_token = self.environ.get("AWS_SECURITY_TOKEN") or token
        verbatim = not self.prefix and not self.remarked & {*pair, "AWS_SESSION_TOKEN"} and old_token == token
        keys = Keys(access_key=access_key, secret_key=self.parsed[pair[1]], token=token)
        return store._replace(keys=keys, boto3_reads_keys=verbatim)

    def _delivery(self, store: Store) -> Store:
        """Decide how files reach people: the CDN domain, and what signs links for it."""
        if "STORAGE_MAKE_FILES_PUBLIC" in self.broken:
            # What the domain is for can not be told before that.
            return store
        domain = self._get("AWS_S3_CUSTOM_DOMAIN")
        key_id, key = self._get("AWS_CLOUDFRONT_KEY_ID"), self._get("AWS_CLOUDFRONT_KEY")
        names = ("AWS_CLOUDFRONT_KEY_ID", "AWS_CLOUDFRONT_KEY")
        half = [name for name in names if self._is_set(name)]
        if len(half) == 1:
            other = next(name for name in names if name not in half)
            self._problem(half[0], f"is set but `{self.prefix}{other}` is not; set both, or neither.", "D140")
        if store.public:
            if not self._is_set("AWS_S3_CUSTOM_DOMAIN"):
                self._problem(
                    "AWS_S3_CUSTOM_DOMAIN",
                    "is missing; public files are served from the CDN in front of the bucket, and this names its domain.",
                    "D141",
                )
            if half:
                self._warning("AWS_CLOUDFRONT_KEY_ID", "is not used: links to public files are not signed.", "D142")
            return store._replace(custom_domain=domain)
        if domain and key_id and key:
            return store._replace(custom_domain=domain, cloudfront_key_id=key_id, cloudfront_key=key)
        if domain and not half:
            # jschneier/django-storages#165: links to private files for a domain that nobody signs for are refused to everyone.
            self._warning(
                "AWS_S3_CUSTOM_DOMAIN",
                "is not used: files are private, and nothing signs links for it. Set "
                + ("the CloudFront keys, or " if store.mode == "s3" else "")
                + f"`{self.prefix}STORAGE_MAKE_FILES_PUBLIC=true` if everybody may see every file.",
                "D143",
            )
            self.effective["AWS_S3_CUSTOM_DOMAIN"] = ("", "not used for private files without CloudFront keys")
        elif half and not self._is_set("AWS_S3_CUSTOM_DOMAIN"):
            self._problem(
                "AWS_CLOUDFRONT_KEY_ID",
                f"signs links for `{self.prefix}AWS_S3_CUSTOM_DOMAIN`, which is missing.",
                "D144",
            )
        return store

    def _parent(self, store: Store | None) -> Reading | None:
        """Read the parent's contract, and make sure that it can be this store's parent. None: this is no fork."""
        prefix = f"{self.prefix}{PARENT}"
        if not any(self._speaks_of_a_parent(name, prefix) for name in self.environ):
            return None
        building = self.environ.get(f"{prefix}BUILD_MODE", "").strip()
        without = {name: value for name, value in self.environ.items() if name != f"{prefix}BUILD_MODE"}
        parent = _Reader(without, prefix).read()
        if building:
            self._warning(
                f"{PARENT}BUILD_MODE", "is not used: an image is built for the fork, not for its parent.", "D146"
            )
        self.problems += parent.problems
        self.warnings += parent.warnings
        above: Reading | None = parent
        while store and above and above.store:
            if said := lineage.objection(site(store), site(above.store)):
                name = f"{above.prefix}STORAGE_BUCKET_NAME"
                self.problems.append(Said(f"`{name}` {said}", "D145", name))
            above = above.parent
        return parent

    def _speaks_of_a_parent(self, name: str, prefix: str) -> bool:
        if not name.startswith(prefix) or not self.environ[name].strip():
            return False
        bare = name.removeprefix(prefix)
        while bare.startswith(PARENT):
            bare = bare.removeprefix(PARENT)
        return bare != "BUILD_MODE" and (bare in BY_NAME or self._meant(bare) is not None)

    # -- showing

    def _shown(self, variable: Variable) -> Setting:
        name, full = variable.name, self.prefix + variable.name
        mode = self._get("STORAGES_MODE", "s3")
        if name in self.broken and name not in self.effective:
            value, source = "", "environment, not usable"
        elif name in self.effective:
            value, source = self.effective[name]
        elif name in self.parsed:
            value, source = _display(variable, self.parsed[name]), "environment"
        elif mode not in variable.modes and not self.broken:
            value, source = "", f"not used in mode {mode}"
        else:
            value, source = _unset(variable)
        return Setting(full, self._redacted(value), source, variable.purpose)

    def _redacted(self, text: str) -> str:
        """Take out every secret's value, wherever it may have come from: the last line of defence."""
        for secret in self.secrets:
            text = re.sub(re.escape(secret), "(secret)", text, flags=re.IGNORECASE)
        return text

    def _redacted_said(self, said: str) -> Said:
        finding, variable = getattr(said, "finding", UNNAMED), getattr(said, "variable", "")
        return Said(self._redacted(said), finding, self._redacted(variable))


def _display(variable: Variable, value: Any) -> str:
    if variable.secret:
        length = len(value)
        # The last letters of a key's id tell two keys apart and give nothing away. What is longer than an id may be
        # the secret in the wrong place.
        tail = f"…{value.reveal()[-4:]}, " if variable.secret == "key id" and 12 <= length <= 25 else ""
        return f"({tail}{length} characters)"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value}s" if variable.name == "STORAGE_URL_LIFETIME" else str(value)


def _unset(variable: Variable) -> tuple[str, str]:
    literal = re.fullmatch(r"`(.+)`", variable.default)
    return (literal[1], "default") if literal else ("", "unset")


def site(store: Store) -> lineage.Site:
    """Tell where a store lies."""
    return lineage.site(
        store.provider,
        endpoint_url=store.endpoint_url,
        bucket_name=store.bucket_name,
        location=store.location,
        is_local=store.mode == "local",
    )


def summary(store: Store) -> str:
    """Say in a few words what a store is."""
    who = "public" if store.public else "private"
    under = f', under "{store.location}"' if store.location else ""
    return f'{who} files in bucket "{store.bucket_name}"{under} on {store.provider.title}'


def options(store: Store, *, boto3_sees_environment: bool, local_folder: str | None = None) -> dict[str, Any]:
    """Give the `OPTIONS` of `holdall.storage.MediaStorage` for a store.

    Each option that the contract decides is written out, `None` included: a forgotten `AWS_DEFAULT_ACL` in a
    project's settings must not publish private files. Keys are left out wherever boto3 reads them itself.
    """
    chosen: dict[str, Any] = {
        "provider": store.provider.id,
        "public": store.public,
        "bucket_name": store.bucket_name,
        "location": store.location,
        "endpoint_url": store.endpoint_url,
        "region_name": store.region_name,
        "custom_domain": store.custom_domain,
        "querystring_auth": not store.public,
        "querystring_expire": store.url_lifetime_seconds,
        "default_acl": "public-read" if store.public and store.provider.public_by_acl else None,
        "file_overwrite": False,
        "access_key": None,
        "secret_key": None,
        "security_token": None,
        "session_profile": None,
        # It stands in every link, so it is no secret to whoever makes them.
        "cloudfront_key_id": store.cloudfront_key_id.reveal() if store.cloudfront_key_id else None,
        "cloudfront_key": store.cloudfront_key,
        "environment": store.environment,
        "env_prefix": store.env_prefix,
    }
    if store.custom_domain and values.is_loopback(urlsplit(f"//{store.custom_domain}").hostname or ""):
        chosen["url_protocol"] = "http:"
    if store.keys and not (store.boto3_reads_keys and boto3_sees_environment):
        chosen |= {
            "access_key": store.keys.access_key,
            "secret_key": store.keys.secret_key,
            "security_token": store.keys.token,
        }
    if store.mode == "local":
        chosen["local_folder"] = local_folder
    return chosen
