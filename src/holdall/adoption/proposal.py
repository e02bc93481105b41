"""How a project's old storages become variables and one line of settings. Nothing is sent."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from django.conf import settings

import holdall
from holdall.adoption import differences, line
from holdall.adoption.differences import Difference
from holdall.adoption.options import SECRET, SETTINGS, STILL_READ, is_literal, is_printable, setting_of, without_bucket
from holdall.adoption.project import OLD_NAMES, STATIC, OldStore, Project, is_on_s3
from holdall.environment import contract
from holdall.environment.unread import AMBIENT_ENDPOINTS
from holdall.environment.variables import BY_NAME
from holdall.errors import ContractError, ContractWarning
from holdall.providers import AMAZON, MAX_SIGNED_SECONDS, SPACES, recognise

_PUBLIC_ACLS = frozenset({"public-read", "public-read-write"})


class Adopted(NamedTuple):
    """One storage after the move."""

    alias: str
    prefix: str
    # With its prefix: name -> value, secrets among them.
    variables: Mapping[str, str]
    # What the line gives beside the variables.
    options: Mapping[str, Any]
    # The project's own class, if it stays.
    backend: str | None
    reading: contract.Reading


class Adoption(NamedTuple):
    """The whole proposal for a project."""

    stores: tuple[Adopted, ...]
    # The text for settings.py.
    line: str
    # Settings that nothing reads any more, and those that are still read.
    removed: tuple[str, ...]
    still_read: tuple[str, ...]
    differences: tuple[Difference, ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def variables(self) -> dict[str, str]:
        """All variables of the environment file, with their secrets."""
        return {name: value for store in self.stores for name, value in store.variables.items()}


def adopt(project: Project, environ: Mapping[str, str] = os.environ) -> Adoption:
    """Make the proposal: read back, it is what the contract says of it."""
    made = [_Store(old, prefix, environ) for old, prefix in zip(project.stores, _prefixes(project.stores), strict=True)]
    stores = tuple(one.adopted() for one in made)
    told = [one for store in made for one in store.differences]
    told += _of_project(project)
    if stores:
        told += differences.ALWAYS
    aliases = {one.alias: one.prefix for one in stores}
    storages: dict[str, Mapping[str, Any]] = {one.alias: {"OPTIONS": one.options} for one in stores if one.options}
    storages |= {alias: entry for alias, entry in project.kept.items() if _is_written(alias, entry)}
    problems = [*project.problems, *(one for store in stores for one in store.reading.problems)]
    if stores and not problems:
        problems = _problems_of_the_whole(stores, aliases, storages)
    return Adoption(
        stores=stores,
        line=line.text(
            aliases=aliases,
            backends={one.alias: one.backend for one in stores if one.backend},
            storages=storages,
        ),
        removed=_removed(),
        still_read=tuple(sorted(filter(None, map(setting_of, STILL_READ)))),
        differences=tuple(told),
        problems=tuple(dict.fromkeys(problems)),
        warnings=tuple(dict.fromkeys(one for store in stores for one in store.reading.warnings)),
    )


def _problems_of_the_whole(
    stores: tuple[Adopted, ...], aliases: Mapping[str, str], storages: Mapping[str, Any]
) -> list[str]:
    """Read the proposal as a start of the project would: one store may publish what another one keeps private."""
    environ = {name: value for store in stores for name, value in store.variables.items()}
    try:
        with warnings.catch_warnings():
            # The readings have them, too.
            warnings.simplefilter("ignore", ContractWarning)
            holdall.from_env(environ, aliases=aliases, storages=storages)
    except ContractError as refusal:
        return list(refusal.problems)
    return []


def _prefixes(stores: tuple[OldStore, ...]) -> list[str]:
    """Give a prefix for each storage: none for the first, or for `default`."""
    main = next((old.alias for old in stores if old.alias == "default"), stores[0].alias if stores else "")
    return ["" if old.alias == main else _prefix(old.alias) for old in stores]


def _prefix(alias: str) -> str:
    name = re.sub(r"\W", "_", alias).strip("_").upper()
    # These would make a fork, or a live move.
    return f"{name if not name.startswith(('PARENT', 'MIRROR')) else f'THE_{name}'}_"


def _is_usual(alias: str, entry: Mapping[str, Any]) -> bool:
    """Whether `from_env` gives this entry anyway."""
    usual = "django.contrib.staticfiles.storage.StaticFilesStorage"
    return alias == STATIC and dict(entry) == {"BACKEND": usual}


def _is_written(alias: str, entry: Mapping[str, Any]) -> bool:
    """Whether the line contains an entry that stays as it is."""
    options = entry.get("OPTIONS", {})
    # The names of django-storages' options are known, so `querystring_auth` and `url_protocol` are no secrets.
    is_known = is_on_s3(entry) and not SECRET.intersection(options) and is_literal(options)
    return not _is_usual(alias, entry) and (is_printable(options) or is_known)


def _removed() -> tuple[str, ...]:
    names = {name for option, found in SETTINGS.items() if option not in STILL_READ for name in found}
    names |= {*OLD_NAMES.values(), "AWS_S3_FILE_BUFFER_SIZE"}
    return tuple(sorted(name for name in names if hasattr(settings, name)))


def _of_project(project: Project) -> list[Difference]:
    told = []
    if project.old_names:
        told.append(differences.OLD_SETTING)
    told += [
        differences.NAMED_CLASS.about("", what=f"`{name}` names {path}, which reads the old settings.")
        for name, path in project.named.items()
    ]
    static = project.kept.get(STATIC, {})
    if static.get("BACKEND", "").startswith("storages.") or static.get("OPTIONS"):
        told.append(differences.STATICFILES.about(STATIC))
    told += [
        differences.OTHER_STORAGE.about(alias)
        for alias, entry in project.kept.items()
        if not (_is_usual(alias, entry) or _is_written(alias, entry))
    ]
    if any(settings.is_overridden(name) for name in ("MEDIA_URL", "MEDIA_ROOT")):  # type: ignore[misc]  # the stubs do not know it
        told.append(differences.MEDIA_URL)
    return told


class _Store:
    """One storage on its way: its variables, and what is to be said of them."""

    def __init__(self, old: OldStore, prefix: str, environ: Mapping[str, str]) -> None:
        self.old, self.prefix, self.environ = old, prefix, environ
        self.variables: dict[str, str] = {}
        self.options: dict[str, Any] = {}
        self.differences: list[Difference] = []
        self.provider = AMAZON
        self._place()
        self.differences += differences.of(old, self.provider)
        self._intent()
        self._lifetime()
        self._keys()
        self._carry()
        for field in old.fields:
            self.tell(differences.FIELD_STORAGE, what=_field_text(field, old))

    def adopted(self) -> Adopted:
        ordered = {name: self.variables[name] for name in BY_NAME if name in self.variables}
        named = {f"{self.prefix}{name}": value for name, value in {**ordered, **self.variables}.items()}
        stays = self.old.has_code and not self.old.fields
        return Adopted(
            self.old.alias,
            self.prefix,
            named,
            self.options,
            self.old.backend if stays else None,
            contract.read(named, prefix=self.prefix),
        )

    def tell(self, difference: Difference, **facts: str) -> None:
        self.differences.append(difference.about(self.old.alias, **facts))

    def say(self, name: str, value: Any) -> None:
        """Write a variable, where there is a value."""
        if value not in (None, ""):
            self.variables[name] = str(value)

    # -- where files are

    def _place(self) -> None:
        old = self.old
        bucket, location = str(old.get("bucket_name") or ""), str(old.get("location") or "").strip("/")
        endpoint = str(old.get("endpoint_url") or "").rstrip("/")
        if not endpoint:
            endpoint = next((self.environ[name] for name in AMBIENT_ENDPOINTS if self.environ.get(name)), "")
            if endpoint:
                self.tell(differences.AMBIENT_ENDPOINT)
        endpoint, is_twice = without_bucket(endpoint, bucket)
        if is_twice and self._addressing() != "virtual":
            location = f"{bucket}/{location}".rstrip("/")
            self.tell(differences.BUCKET_TWICE)
        self.provider, region = recognise(endpoint or None)
        self.say("STORAGE_BUCKET_NAME", bucket)
        if not (old.has_code and "location" in self._written_in_class()):
            self.say("STORAGE_LOCATION", location)
        if self.provider is SPACES:
            self.say("STORAGES_MODE", "do")
            self.say("DO_REGION", region)
        else:
            self.say("STORAGES_MODE", "s3")
            if self.provider is not AMAZON or not endpoint.endswith(".amazonaws.com") or "s3-fips" in endpoint:
                self.say("AWS_S3_ENDPOINT_URL", endpoint)
            self.say("AWS_S3_REGION_NAME", old.get("region_name") or (region if self.provider is AMAZON else None))
            self._style()

    def _style(self) -> None:
        style = self._addressing()
        if style in {"path", "virtual"} and style != self.provider.addressing:
            if "AWS_S3_ADDRESSING_STYLE" in BY_NAME:
                self.say("AWS_S3_ADDRESSING_STYLE", style)
            else:
                self.options["addressing_style"] = style

    def _addressing(self) -> str | None:
        config = getattr(self.old.get("client_config"), "s3", None) or {}
        found: str | None = config.get("addressing_style") or self.old.get("addressing_style")
        return found

    # -- public or private

    def _intent(self) -> None:
        old = self.old
        acl = str((old.get("object_parameters") or {}).get("ACL") or old.get("default_acl") or "")
        signer, domain = old.get("cloudfront_signer"), str(old.get("custom_domain") or "")
        is_signed = bool(old.get("querystring_auth")) and not (domain and not signer)
        is_open = acl in _PUBLIC_ACLS
        if self.provider.public_by_acl and not is_open and not is_signed:
            # The accident: what nobody could see is published, file by file.
            self.tell(differences.PRIVATE_BEHIND_A_DOMAIN)
            is_public = False
        else:
            is_public = not is_signed
        if is_open and is_signed:
            self.tell(differences.SIGNED_ALTHOUGH_PUBLIC)
            if "ACL" in (old.get("object_parameters") or {}) and "object_parameters" not in old.own:
                self.tell(differences.ACL_IN_PARAMETERS)
        self.say("STORAGE_MAKE_FILES_PUBLIC", "true" if is_public else "false")
        if is_public:
            if is_open and not self.provider.public_by_acl:
                self.options["default_acl"] = acl
                self.tell(differences.PUBLIC_ACL)
            self._public_domain(domain)
        elif domain and signer:
            self.say("AWS_S3_CUSTOM_DOMAIN", self._with_scheme(domain))
            self.say("AWS_CLOUDFRONT_KEY_ID", old.get("cloudfront_key_id"))
            key = old.get("cloudfront_key")
            self.say("AWS_CLOUDFRONT_KEY", key.decode("ascii", "replace") if isinstance(key, bytes) else key)
        if acl and not is_open and acl != "private":
            self.options["default_acl"] = acl
            self.tell(differences.OTHER_ACL)

    @property
    def _is_public(self) -> bool:
        return self.variables["STORAGE_MAKE_FILES_PUBLIC"] == "true"

    def _public_domain(self, domain: str) -> None:
        if not domain:
            domain = self._address()
            self.tell(differences.OWN_ADDRESS)
        bucket = str(self.old.get("bucket_name"))
        location = self.variables.get("STORAGE_LOCATION", "")
        if f"{location}/".startswith(f"{bucket}/") and domain.endswith(f"/{bucket}"):
            domain = domain.removesuffix(f"/{bucket}")
        self.say("AWS_S3_CUSTOM_DOMAIN", self._with_scheme(domain))

    def _address(self) -> str:
        """Give what links began with, before the key. Signs nothing, and sends nothing."""
        key = self.old.storage._normalize_name("holdall")
        parts = urlsplit(self.old.storage.url("holdall"))
        path = unquote(parts.path).removesuffix(key).strip("/")
        bucket = str(self.old.get("bucket_name"))
        if path == bucket and "." not in bucket and self.provider.addressing == "virtual":
            return f"{bucket}.{parts.netloc}"
        address = f"{parts.netloc}/{path}".rstrip("/")
        return f"http://{address}" if parts.scheme == "http" else address

    def _with_scheme(self, domain: str) -> str:
        is_plain = str(self.old.get("url_protocol") or "").rstrip(":") == "http"
        return f"http://{domain}" if is_plain and "//" not in domain else domain

    def _lifetime(self) -> None:
        seconds = differences.seconds(self.old.get("querystring_expire"))
        if seconds != 3600 and not self._is_public:
            self.say("STORAGE_URL_LIFETIME", min(seconds, MAX_SIGNED_SECONDS))

    # -- with which keys

    def _keys(self) -> None:
        old = self.old
        self.say("AWS_ACCESS_KEY_ID", old.get("access_key"))
        self.say("AWS_SECRET_ACCESS_KEY", old.get("secret_key"))
        self.say("AWS_SESSION_TOKEN", old.get("security_token"))
        if profile := old.get("session_profile"):
            if self.prefix:
                self.options["session_profile"] = profile
            else:
                self.say("AWS_PROFILE", profile)

    # -- what no variable says

    def _carry(self) -> None:
        """Take along what the project did not write as a setting; its settings are read as before."""
        for option in STILL_READ:
            if option not in self.old.own or (self.old.has_code and option in self._written_in_class()):
                continue
            value = self.old.own[option]
            if option == "object_parameters" and value and not self._is_public:
                value = {name: one for name, one in value.items() if not (name == "ACL" and one in _PUBLIC_ACLS)}
            if is_literal(value) and option not in SECRET:
                self.options[option] = value
            elif option != "client_config" or value is not None:
                name = SETTINGS[option][0]
                self.tell(
                    differences.CARRY_BY_SETTING,
                    what=f"The option `{option}` is an object or contains a secret, so the line does not contain it.",
                    keep=f"Give it as the setting `{name}`.",
                )

    def _written_in_class(self) -> set[str]:
        ours = [one for one in type(self.old.storage).__mro__ if not one.__module__.startswith("storages.")]
        return {name for one in ours for name in vars(one)}


def _field_text(field: str, old: OldStore) -> str:
    function = f"{old.alias}_storage"
    return (
        f"{field} makes its storage itself ({old.backend}). It has the alias {old.alias!r} now: write "
        f"`storage={function}`, with `def {function}(): return storages[{old.alias!r}]`."
    )
