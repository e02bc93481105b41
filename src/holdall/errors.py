"""Every exception that Holdall raises.

Each is also the type that Django or Python callers expect, so code that does not know Holdall handles it correctly:

    HoldallError
    ├── ContractError            ImproperlyConfigured         the environment does not describe a usable store
    ├── BuildModeError           ImproperlyConfigured         the storage was used while an image is being built
    ├── BucketNotFound           ImproperlyConfigured         the bucket does not exist at this endpoint
    ├── InvalidName              SuspiciousFileOperation      a name that cannot become a key
    ├── ObjectNotFound           FileNotFoundError            no object has this name
    ├── NameTaken                FileExistsError              an object already has this name
    ├── AccessRefused            PermissionError              the keys are known, but may not do this
    │   └── CredentialsRefused                                the keys themselves are refused, or there are none
    ├── WriteRefused             PermissionError              this environment may read the store, not change it
    ├── ObjectChanged            OSError                      the file was replaced while it was read
    ├── StoreUnreachable         ConnectionError              the store did not answer, or broke off
    ├── StoreFailed              OSError                      the store answered with an error of its own
    └── DevServerError           RuntimeError                 the embedded S3 server cannot run

and one warning, `ContractWarning`, for values that were usable after all.
The SDK's own error, if there is one, is the `__cause__`.
No message ever contains a secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation

from holdall.shown import shown


class Answer(NamedTuple):
    """What the store said of a request that failed."""

    # The SDK's word for what was asked: "PutObject".
    operation: str
    status: int
    code: str
    message: str
    retries: int
    headers: Mapping[str, str]

    @property
    def bare(self) -> bool:
        """Whether there was no body with a code in it."""
        return self.code.isdigit()


class HoldallError(Exception):
    """The root of everything that Holdall raises.

    `code` is the store's own error code if it gave one ("AccessDenied"), and `retries` how often the request
    had been retried. `outcome_unknown` is true if the store may have carried out the request all the same.
    `answer` is what the store said, if it said anything.
    """

    code: str = ""
    retries: int = 0
    outcome_unknown: bool = False
    answer: Answer | None = None
    # Whether the text has lines of its own; a line's end in any other was in a name.
    _has_lines: bool = False

    def __str__(self) -> str:
        return shown(super().__str__(), keeps="\n" if self._has_lines else "")


class ContractWarning(UserWarning):
    """Something in the environment was corrected or is not used; the message says what to change."""


class ContractError(HoldallError, ImproperlyConfigured):
    """The environment does not describe a usable store.

    `problems` holds a sentence or two for each problem: all of them at once.
    """

    _has_lines = True

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__(
            "\n".join(
                [
                    f"The environment does not describe a usable store ({count}).",
                    *self.problems,
                    "Nothing was contacted. `holdall env` prints the whole contract.",
                ]
            )
        )

    def __reduce__(self) -> tuple[type[ContractError], tuple[tuple[str, ...]]]:
        return type(self), (self.problems,)


class BuildModeError(HoldallError, ImproperlyConfigured):
    """The storage was used although `BUILD_MODE` says that an image is being built."""


class BucketNotFound(HoldallError, ImproperlyConfigured):
    """The bucket does not exist at this endpoint. This is never raised for a missing file."""


class InvalidName(HoldallError, SuspiciousFileOperation):
    """A name that cannot become a key: it leaves the store's prefix, is too long, or is not text."""


class ObjectNotFound(HoldallError, FileNotFoundError):
    """No object has this name."""


class NameTaken(HoldallError, FileExistsError):
    """An object already has this name, and an existing file is never replaced.

    `key` is the object's key, and `store` says where it is, in the words of the message.
    """

    def __init__(self, *texts: object, store: str = "", key: str = "") -> None:
        super().__init__(*texts)
        self.store, self.key = store, key


class ObjectChanged(HoldallError, OSError):
    """The file was replaced while it was read; no mixture of the two was returned."""


class AccessRefused(HoldallError, PermissionError):
    """The keys are known to the store, but may not do this."""


class CredentialsRefused(AccessRefused):
    """The keys are unknown, wrong, expired or missing, or the clock of this machine is wrong.

    `source` is the SDK's word for the source that should give them, if that does not work ("container-role").
    """

    source: str = ""


class WriteRefused(HoldallError, PermissionError):
    """This environment may read the store but not change it: it is a fork's parent, or belongs to another environment.

    Nothing was sent.
    """


class StoreUnreachable(HoldallError, ConnectionError):
    """The store did not answer, or its answer broke off, even after retries.

    It is unknown whether a write was carried out: at worst a file exists under a name that nobody was told.
    """


class StoreFailed(HoldallError, OSError):
    """The store answered with an error of its own, or one that Holdall does not know."""


class DevServerError(HoldallError, RuntimeError):
    """The embedded S3 server cannot run; the message says why."""

    _has_lines = True
