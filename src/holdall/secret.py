"""A text that must not be shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NoReturn, Self

# What the guides of test servers use as keys: everybody knows them, and they are also names of hosts and buckets.
WORDS = frozenset(
    [
        "admin",
        "changeme",
        "garage",
        "localstack",
        "minio",
        "minio123",
        "minioadmin",
        "miniouser",
        "password",
        "rustfs",
        "rustfsadmin",
        "seaweedfs",
        "test",
        "testing",
    ]
)
# A shorter secret is looked for as a whole value only: it may be a word that has a right to stand elsewhere.
_KEY_LENGTH = 16


class Secret(str):
    """A text that shows itself nowhere: not in `repr`, `str`, formats or tracebacks, only to whoever calls `reveal`."""

    __slots__ = ()

    def reveal(self) -> str:
        """Give the plain text, for the one place that signs with it."""
        return "".join(self)

    def __repr__(self) -> str:
        return "'(secret)'"

    def __str__(self) -> str:
        return "(secret)"

    def __format__(self, spec: str) -> str:
        return format("(secret)", spec)


class FileSecret(Secret):
    """A secret that was read from a file. As a text it is the file's path: what copies the settings copies no secret."""

    __slots__ = ("_plain",)

    _plain: str

    def __new__(cls, path: str, plain: str) -> Self:
        made = super().__new__(cls, path)
        made._plain = plain
        return made

    def reveal(self) -> str:
        """Give the plain text, as it was when the environment was read."""
        return self._plain

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError(
            "A secret that came from a file is not copied into other processes; read the environment there."
        )


def holds(value: str, secret: str) -> bool:
    """Say whether a value gives a secret away: it is the secret, or contains one that is long enough to be no word."""
    return is_whole(value, secret) or (len(secret) >= _KEY_LENGTH and secret.lower() in value.lower())


def is_whole(value: str, secret: str) -> bool:
    """Say whether a value is the secret and nothing else; what everybody uses as a key counts as none."""
    sought = secret.lower()
    return value.lower().strip("/") == sought and sought not in WORDS


def without(text: str, secrets: Iterable[str]) -> str:
    """Take secrets out of a text: a short one where it stands alone, but not where it is a host in an address."""
    for secret in secrets:
        if secret.lower() in WORDS:
            continue
        pattern = re.escape(secret)
        if len(secret) < _KEY_LENGTH:
            pattern = rf"(?<![A-Za-z0-9])(?<!http://)(?<!https://){pattern}(?![A-Za-z0-9])"
        text = re.sub(pattern, "(secret)", text, flags=re.IGNORECASE)
    return text
