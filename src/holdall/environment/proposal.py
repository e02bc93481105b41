"""What an environment probably means, written in the variables of the contract, for a person to look over. Pure.

Values are copied, never guessed: where two disagree, or where a decision would publish files, the line is left to fill in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from holdall import secret
from holdall.environment import contract, dsn, foreign, keyfiles, lookalikes, unread, values, whereabouts
from holdall.environment.entries import Entries, display
from holdall.environment.foreign import Candidate
from holdall.environment.habits import listed
from holdall.environment.lookalikes import PrefixedSet
from holdall.environment.unread import AMBIENT_ENDPOINTS, has_role
from holdall.environment.variables import BY_NAME, VARIABLES
from holdall.providers import AMAZON, recognise
from holdall.secret import Secret
from holdall.shown import shown

_PAIR = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
# What the contract says of other values, or of a file that is on another machine.
_NOT_OF_THE_VALUE = frozenset({"D136", "D140", "D181", "D182", "D183"})


class Proposed(NamedTuple):
    """One line of a proposal."""

    # With its prefix.
    name: str
    # None: this is to be filled in.
    value: str | None
    # The value without what is secret in it.
    shown: str = ""
    # The variable that it was copied from, "" if it is the contract's own.
    source: str = ""
    # Why it is to be filled in.
    reason: str = ""


class Proposal(NamedTuple):
    """The whole proposal, in the order of the contract."""

    lines: tuple[Proposed, ...]
    # What the contract says of the decided lines alone.
    reading: contract.Reading
    # What to write in settings.py instead, where the variables are right but for their prefix.
    setting: str = ""

    @property
    def is_news(self) -> bool:
        """Whether anything in it is not in the environment under that name."""
        return any(line.source for line in self.lines)

    @property
    def is_complete(self) -> bool:
        return not self.reading.problems and all(line.value is not None for line in self.lines)


def propose(environ: Mapping[str, str], *, prefix: str = "") -> Proposal:
    """Write down what an environment means. Never raises for what it finds."""
    return _Author(Entries(environ, prefix)).proposal()


class _Author:
    def __init__(self, env: Entries) -> None:
        self.env = env
        # name -> (value, where it is from)
        self.decided: dict[str, tuple[str, str]] = {}
        # name -> why nobody but a person can decide it
        self.open: dict[str, str] = {}
        self.group: PrefixedSet | None = None
        self.candidates = [one for one in lookalikes.candidates(env) if one.variable]

    def proposal(self) -> Proposal:
        self._own()
        self._addresses()
        self._prefixed()
        self._copied()
        self._endpoint()
        self._refused()
        self._required()
        lines = tuple(self._lines())
        reading = contract.read(_decided(lines), prefix=self.env.prefix)
        return Proposal(lines, reading, self.group.line if self.group else "")

    def _decide(self, name: str, value: str, source: str) -> None:
        bare = name.removesuffix(keyfiles.SUFFIX)
        if not value or any(one in self.decided or one in self.open for one in (bare, bare + keyfiles.SUFFIX)):
            return
        if not BY_NAME[bare].secret and any(secret.holds(value, one) for one in self.env.secrets):
            self.open[name] = f"{source} contains a secret"
        else:
            self.decided[name] = value, source

    def _line(self, name: str, value: str, source: str = "") -> Proposed:
        """Make a line, and show of its value what is not secret."""
        bare = name.removeprefix(self.env.prefix)
        variable = next(one for one in reversed(VARIABLES) if bare.removesuffix(keyfiles.SUFFIX).endswith(one.name))
        visible = value if bare.endswith(keyfiles.SUFFIX) else display(variable, Secret(value))
        if not variable.secret:
            # An account's number in an endpoint looks like a key, and is none.
            hidden = values.looks_like_a_key(value) and not variable.name.endswith(("_URL", "_DOMAIN"))
            visible = "(not shown)" if hidden else value
        return Proposed(name, value, shown(secret.without(visible, self.env.secrets)), source)

    def _own(self) -> None:
        for variable in VARIABLES:
            name, target = variable.name, variable.name
            if not self.env.is_set(name):
                continue
            given = name + keyfiles.SUFFIX if f"{self.env.prefix}{name}{keyfiles.SUFFIX}" in self.env.environ else name
            raw = self.env.environ.get(self.env.prefix + given) or self.env.environ.get(self.env.prefix + name, "")
            value = values.tidy(raw, lambda _remark: None) or ""
            if name == "AWS_STORAGE_BUCKET_NAME":
                target = "STORAGE_BUCKET_NAME"
            elif name in {"AWS_REGION", "AWS_DEFAULT_REGION"}:
                if value == "auto":
                    continue
                target = "AWS_S3_REGION_NAME"
            elif given != name:
                target = given
            if name in self.env.broken and target == name:
                # The contract says below what is wrong with it.
                self.decided[name] = value, ""
            else:
                self._decide(target, value, "" if target == given else self.env.prefix + given)

    def _addresses(self) -> None:
        for name, said in lookalikes.addresses(self.env):
            for variable, value in said.items():
                self._decide(variable, value, self.env.prefix + name)

    def _prefixed(self) -> None:
        if self.env.prefix or "STORAGE_BUCKET_NAME" in self.decided:
            return
        for group in lookalikes.prefixed_sets(self.env)[:1]:
            self.group = group
            for name in group.names:
                variable = name.removeprefix(group.prefix)
                if variable in {"AWS_REGION", "AWS_DEFAULT_REGION"}:
                    variable = "AWS_S3_REGION_NAME"
                if name == group.bucket or variable == "AWS_STORAGE_BUCKET_NAME":
                    variable = "STORAGE_BUCKET_NAME"
                self._decide(variable, self.env.environ[name].strip(), name)

    def _copied(self) -> None:
        for variable in dict.fromkeys(one.meaning.variable for one in self.candidates):
            if (
                variable in {"AWS_S3_ENDPOINT_URL", "STORAGES_MODE"}
                or variable.removesuffix(keyfiles.SUFFIX) not in BY_NAME
            ):
                continue
            if variable in _PAIR and has_role(self.env) and not self.env.is_set("AWS_S3_ENDPOINT_URL"):
                continue
            found = [one for one in self.candidates if one.meaning.variable == variable]
            top = max(one.meaning.rank for one in found)
            best = {_as_value(one): one for one in reversed(found) if one.meaning.rank == top}
            known = {value: one for value, one in best.items() if value}
            if variable == "STORAGE_MAKE_FILES_PUBLIC":
                self.open.setdefault(variable, f"{_names(found)}: write true only if everybody may see every file")
            elif len(known) == 1:
                value, one = next(iter(known.items()))
                self._decide(variable, value, self.env.prefix + one.name)
            elif known and variable not in self.decided:
                is_secret = BY_NAME[variable.removesuffix(keyfiles.SUFFIX)].secret
                of = "" if is_secret else f" ({', '.join(map(values.quoted, known))})"
                self.open.setdefault(variable, f"{_names(best.values())} may be meant{of}")

    def _endpoint(self) -> None:
        """Decide where the store is: the endpoint, with the mode and the region that follow from it."""
        bucket, region = self._value("STORAGE_BUCKET_NAME"), self._value("AWS_S3_REGION_NAME")
        endpoint, source = self.decided.pop("AWS_S3_ENDPOINT_URL", ("", ""))
        is_own = bool(endpoint) and not source
        if not endpoint and self._value("STORAGES_MODE") != "do":
            endpoint, source = self._endpoint_of_others(region)
        if endpoint and not is_own:
            host = urlsplit(endpoint).hostname or ""
            if not bucket and (front := dsn.bucket_before(host)):
                bucket = front
                self._decide("STORAGE_BUCKET_NAME", bucket, source)
                if folder := urlsplit(endpoint).path.strip("/"):
                    self._decide("STORAGE_LOCATION", folder, source)
                    endpoint = endpoint.rstrip("/").removesuffix(f"/{folder}")
            found = dsn.address(endpoint, bucket, region)
            if found.get("STORAGES_MODE") and self._value("STORAGES_MODE") == "s3":
                found = {"AWS_S3_ENDPOINT_URL": endpoint}
            for name, value in found.items():
                self._decide(name, value, source)
        elif is_own:
            self.decided["AWS_S3_ENDPOINT_URL"] = endpoint, source
        if not endpoint and not self._value("STORAGES_MODE") and self._speaks_of(foreign.SPACES):
            self._decide("STORAGES_MODE", "do", _first(self.candidates, foreign.SPACES, self.env.prefix))
        if self._value("STORAGES_MODE") == "do":
            if region and not self._value("DO_REGION") and re.fullmatch(r"[a-z]{3}\d", region):
                self._decide(
                    "DO_REGION", region, self.decided["AWS_S3_REGION_NAME"][1] or f"{self.env.prefix}AWS_S3_REGION_NAME"
                )
            self.decided.pop("AWS_S3_REGION_NAME", None)
            if not self._value("DO_REGION") and self.decided["STORAGES_MODE"][1]:
                self.open.setdefault("DO_REGION", "the region of the Space, such as fra1")
        else:
            self._region_of_a_space()
        if dsn.tells_region(self._value("AWS_S3_ENDPOINT_URL")) and self.decided.get("AWS_S3_REGION_NAME", ("", ""))[1]:
            # The host tells it, and what the machine says of itself is another one.
            del self.decided["AWS_S3_REGION_NAME"]
        if (
            not endpoint
            and self._value("STORAGES_MODE") in {"", "s3"}
            and any(one.meaning.elsewhere for one in self.candidates)
        ):
            self.open.setdefault(
                "AWS_S3_ENDPOINT_URL", "the address of the provider's S3 API; without it, this is Amazon S3"
            )

    def _region_of_a_space(self) -> None:
        if not self.env.is_set("DO_REGION"):
            self.decided.pop("DO_REGION", None)

    def _endpoint_of_others(self, region: str) -> tuple[str, str]:
        prefix, addresses = self.env.prefix, whereabouts.held(self.candidates)
        if len(addresses) > 1:
            self.open[whereabouts.ENDPOINT] = (
                f"{listed(list(addresses.values()))} may be meant ({', '.join(addresses)})"
            )
            return "", ""
        for name in () if addresses or prefix else AMBIENT_ENDPOINTS:
            if address := whereabouts.in_full(self.env.environ.get(name, "").strip()):
                return address, name
        for address, name in (addresses or whereabouts.of_account(self.candidates)).items():
            return address, prefix + name
        names = [one.name for one in self.candidates if one.variable in lookalikes.CORE]
        place = whereabouts.spoken_of(names, self.env.environ, region)
        if not self._speaks_of(foreign.SPACES):
            place = place or whereabouts.of_region(region)
        if not place or not place.is_whole:
            return "", ""
        told = self.decided.get("AWS_S3_REGION_NAME", ("", ""))[1] if region in place.address else ""
        return place.address, told or (prefix + names[0] if names else f"{prefix}AWS_S3_REGION_NAME")

    def _refused(self) -> None:
        """Leave to people what the contract refuses."""
        reading = contract.read(_decided(self._lines()), prefix=self.env.prefix)
        for said in reading.problems:
            name = str(getattr(said, "variable", "")).removeprefix(self.env.prefix)
            if name in self.decided and getattr(said, "finding", "") not in _NOT_OF_THE_VALUE:
                del self.decided[name]
                self.open[name] = secret.without(said, self.env.secrets).partition("` ")[2]

    def _required(self) -> None:
        mode = self._value("STORAGES_MODE") or "s3"
        if mode == "local":
            return
        if not self._value("STORAGE_BUCKET_NAME"):
            self.open.setdefault("STORAGE_BUCKET_NAME", "missing")
        endpoint = self._value("AWS_S3_ENDPOINT_URL")
        half = [name for name in _PAIR if self._is_decided(name)]
        if len(half) < 2 and (mode == "do" or half or (endpoint and recognise(endpoint)[0] is not AMAZON)):
            for name in set(_PAIR) - set(half):
                self.open.setdefault(name, "missing")
        if self._value("STORAGE_MAKE_FILES_PUBLIC").lower() in values.TRUE and not self._value("AWS_S3_CUSTOM_DOMAIN"):
            self.open.setdefault("AWS_S3_CUSTOM_DOMAIN", "missing: public files are served from it")

    def _is_decided(self, name: str) -> bool:
        return name in self.decided or name + keyfiles.SUFFIX in self.decided

    def _value(self, name: str) -> str:
        return self.decided.get(name, ("", ""))[0]

    def _speaks_of(self, words: frozenset[str]) -> bool:
        return any(words & set(foreign.words(one.name)) for one in self.candidates)

    def _lines(self) -> Iterable[Proposed]:
        prefix = self.env.prefix
        for variable in VARIABLES:
            for name in (variable.name, variable.name + keyfiles.SUFFIX):
                if name in self.decided:
                    value, source = self.decided[name]
                    yield self._line(prefix + name, value, source)
                elif name in self.open:
                    reason = f"{variable.purpose.replace('`', '')}: {self.open[name].replace('`', '')}"
                    yield Proposed(prefix + name, None, reason=shown(secret.without(reason, self.env.secrets)))
        for name, value in self.env.environ.items():
            # Of a fork's parent, and of a mirror.
            bare = name.removeprefix(prefix)
            if (
                name.startswith(prefix)
                and bare.startswith(lookalikes.OTHER_STORES)
                and bare.endswith(lookalikes.ENDINGS)
            ):
                yield self._line(name, value)


def _decided(lines: Iterable[Proposed]) -> dict[str, str]:
    return {line.name: line.value for line in lines if line.value is not None}


def _names(found: Iterable[Candidate]) -> str:
    return listed([one.name for one in found])


def _first(found: Iterable[Candidate], words: frozenset[str], prefix: str) -> str:
    return next(prefix + one.name for one in found if words & set(foreign.words(one.name)))


def _as_value(one: Candidate) -> str:
    """Give the value as the contract would have it, "" if it says nothing of that kind."""
    value, words = values.tidy(one.value, lambda _remark: None) or "", set(foreign.words(one.name))
    if one.variable == "STORAGE_BUCKET_NAME":
        value = value.removeprefix("arn:aws:s3:::").removeprefix("s3://").strip("/")
        return value if "," not in value else ""
    if one.variable in {"STORAGE_URL_LIFETIME", "STORAGE_CACHE_LIFETIME", "STORAGE_TIMEOUT"}:
        unit = next((letter for word, letter in _UNITS.items() if words & {word, f"{word}S"}), "")
        return f"{value}{unit}" if value.isdigit() else ""
    if one.variable == "AWS_S3_ADDRESSING_STYLE":
        if value.lower() in {"path", "virtual"}:
            return value.lower()
        return "path" if value.lower() in values.TRUE and "VIRTUAL" not in words else ""
    if one.variable == "STORAGE_LOCATION":
        return "" if unread.is_for_static_files(one.name, value) else value.strip("/")
    if one.meaning.note == foreign.PART or (one.meaning.note and "TOKEN" in words):
        return ""
    return value


_UNITS = {"HOUR": "h", "MINUTE": "m", "DAY": "d"}
