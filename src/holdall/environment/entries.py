"""The variables under one prefix, each parsed separately, with everything that is wrong or was corrected."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from holdall import secret
from holdall.environment import dsn, keyfiles, values
from holdall.environment.placeholders import is_placeholder
from holdall.environment.values import Said
from holdall.environment.variables import VARIABLES, Variable
from holdall.secret import FileSecret, Secret

# The finding of what has no kind of its own.
UNNAMED = "D199"
# From this length on a secret is recognised where it does not belong.
SECRET_LENGTH = 8


class Setting(NamedTuple):
    """One row of `holdall env`: the effective value of a variable, shown without secrets, and where it came from."""

    name: str
    value: str
    source: str
    purpose: str


class Entries:
    """The variables of one prefix in one environment, each parsed where it is set."""

    def __init__(self, environ: Mapping[str, str], prefix: str, beside: Collection[str] = ()) -> None:
        # `beside` are the prefixes of other stores that are read from the same environment.
        self.environ, self.prefix, self.beside = environ, prefix, beside
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
        # What was read from a file: name -> (its path, its content).
        self.files: dict[str, tuple[str, str]] = {}
        for variable in VARIABLES:
            self._read_file(variable)
        self._collect_secrets()
        for variable in VARIABLES:
            self._parse(variable)

    def _read_file(self, variable: Variable) -> None:
        """Read the file that holds a key, where one is named instead of the key."""
        name = variable.name + keyfiles.SUFFIX
        if not variable.secret or not (path := self.environ.get(self.prefix + name, "").strip()):
            return
        try:
            if self.environ.get(self.prefix + variable.name, "").strip():
                raise ValueError(
                    Said(f"is set, and so is `{self.prefix}{variable.name}`; keep one of the two.", "D180")
                )
            self.files[variable.name] = path, keyfiles.read(path)
        except ValueError as error:
            self.broken.add(variable.name)
            self.effective[variable.name] = ("", f"from {self.prefix}{name}, not usable")
            self.problems.append(self.said(name, error.args[0]))

    def _parse(self, variable: Variable) -> None:
        path, raw = self.files.get(variable.name) or ("", self.environ.get(self.prefix + variable.name))
        if raw is None or variable.name in self.broken:
            return
        given = self.named(variable.name)

        def remark(text: str) -> None:
            self.remarked.add(variable.name)
            self.warnings.append(self.said(given, text))

        try:
            if (value := values.tidy(raw, remark)) is not None:
                if is_placeholder(value) and variable.parse not in values.CHOOSING:
                    shown = "a placeholder" if variable.secret or value.startswith("<") else f'"{value}", a placeholder'
                    raise ValueError(Said(f"is {shown}; write the value itself, or unset it.", "D156"))
                # The accident: a secret pasted into the bucket's name or the location appears in every link and log.
                if not variable.secret and (holder := self._secret_within(value)):
                    raise ValueError(
                        Said(
                            f"contains the secret of `{holder}`; write its own value, and treat that secret as exposed.",
                            "D124",
                        )
                    )
                parsed = self._parsed(variable, value, remark)
                if path:
                    self.effective[variable.name] = (
                        display(variable, Secret(parsed)),
                        f"from file {_printable(path)}",
                    )
                    parsed = FileSecret(path, parsed)
                self.parsed[variable.name] = Secret(parsed) if variable.secret and not path else parsed
        except ValueError as error:
            self.broken.add(variable.name)
            self.problems.append(self.said(given, error.args[0]))

    @staticmethod
    def _parsed(variable: Variable, value: str, remark: values.Remark) -> Any:
        try:
            parsed = variable.parse(value, remark)
        except ValueError as error:
            if not values.with_comment(value):
                raise
            said = error.args[0]
            hint = "A comment after a value becomes part of the value; put it on its own line."
            raise ValueError(Said(f"{said} {hint}", getattr(said, "finding", UNNAMED))) from error
        if values.with_comment(value):
            remark(Said("has a # in its value, which is kept; put comments on their own line.", "D149"))
        return parsed

    def _collect_secrets(self) -> None:
        whole = tuple(variable.name for variable in VARIABLES if variable.secret == "whole")
        held = [(name, self.environ[name]) for name in self.environ if name.endswith(whole)]
        held += [(self.prefix + self.named(name), self.files[name][1]) for name in whole if name in self.files]
        # The raw form of a percent-encoded one is as good as the other.
        for name, raw in self.environ.items():
            if "://" in raw and (said := dsn.parse(raw)):
                held += [(name, said.get("AWS_SECRET_ACCESS_KEY", "")), (name, dsn.raw_secret(raw))]
        for name, raw in held:
            text = values.tidy(raw, lambda _remark: None) or ""
            # Shorter ones are words, such as the keys of a test server.
            if len(text) >= SECRET_LENGTH:
                self.secrets[text] = name

    def _secret_within(self, value: str) -> str | None:
        return next((name for text, name in self.secrets.items() if secret.holds(value, text)), None)

    def named(self, name: str) -> str:
        """Give the name under which a variable is set: its own, or that of the file that holds it."""
        return name + keyfiles.SUFFIX if name in self.files else name

    def mark(self, name: str) -> str:
        """Give how the problems of a variable begin."""
        return f"`{self.prefix}{name}` "

    def get(self, name: str, default: Any = None) -> Any:
        return self.parsed.get(name, default)

    def is_set(self, name: str) -> bool:
        return name in self.parsed or name in self.broken

    @property
    def declared_by(self) -> str:
        """The variable by which somebody says that there is such a store: of those that are set, the first in the contract."""
        there = [name for name, value in self.environ.items() if name.startswith(self.prefix) and value.strip()]
        places = ("STORAGE_BUCKET_NAME", "AWS_STORAGE_BUCKET_NAME", *(variable.name for variable in VARIABLES))
        known = (f"{self.prefix}{name}{end}" for name in places for end in ("", keyfiles.SUFFIX))
        return next((name for name in known if name in there), next(iter(there), f"{self.prefix}STORAGE_BUCKET_NAME"))

    def problem(self, name: str, text: str, finding: str) -> None:
        self.problems.append(self.said(name, Said(text, finding)))

    def warning(self, name: str, text: str, finding: str) -> None:
        self.warnings.append(self.said(name, Said(text, finding)))

    def said(self, name: str, text: str) -> Said:
        full = f"{self.prefix}{name}"
        return Said(f"`{full}` {text}", getattr(text, "finding", UNNAMED), full)

    # -- showing

    def shown(self, variable: Variable) -> Setting:
        name, full = variable.name, self.prefix + variable.name
        mode = self.get("STORAGES_MODE", "s3")
        if name in self.broken and name not in self.effective:
            value, source = "", "environment, not usable"
        elif name in self.effective:
            value, source = self.effective[name]
        elif name in self.parsed:
            value, source = display(variable, self.parsed[name]), "environment"
        elif mode not in variable.modes and "STORAGES_MODE" not in self.broken:
            value, source = "", f"not used in mode {mode}"
        else:
            value, source = _unset(variable)
        return Setting(full, self._redacted(value), source, variable.purpose)

    def _redacted(self, text: str) -> str:
        """Take out every secret's value, wherever it may have come from: the last line of defence."""
        return secret.without(text, self.secrets)

    def redacted_said(self, said: str) -> Said:
        finding, variable = getattr(said, "finding", UNNAMED), getattr(said, "variable", "")
        return Said(self._redacted(said), finding, self._redacted(variable))


def display(variable: Variable, value: Any) -> str:
    """Show a value; of a secret only its length, and of a key's id how it ends."""
    if variable.secret:
        length = len(value)
        # The last letters of a key's id tell two keys apart and give nothing away. What is longer than an id may be
        # the secret in the wrong place.
        tail = f"…{value.reveal()[-4:]}, " if variable.secret == "key id" and 12 <= length <= 25 else ""
        return f"({tail}{length} characters)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and variable.name.endswith(("_LIFETIME", "_TIMEOUT", "_TRASH")):
        return _span(value)
    return str(value)


def _span(seconds: int) -> str:
    """Write a time as it is written in the environment, in the largest unit that divides it."""
    return next((f"{seconds // unit}{sign}" for sign, unit in _UNITS if seconds and seconds % unit == 0), f"{seconds}s")


_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))


def _printable(path: str) -> str:
    return path if path.isprintable() else ascii(path)


def _unset(variable: Variable) -> tuple[str, str]:
    literal = re.fullmatch(r"`(.+)`", variable.default)
    return (literal[1], "default") if literal else ("", "unset")
