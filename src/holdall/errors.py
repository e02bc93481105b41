"""Every exception that Holdall raises.

Each is also what Django or Python callers already expect, so that code which knows nothing of Holdall
handles it rightly:

    HoldallError
    ├── ContractError            ImproperlyConfigured         the environment does not describe a usable store
    ├── BuildModeError           ImproperlyConfigured         the storage was used while an image is built
    ├── BucketNotFound           ImproperlyConfigured         the bucket does not exist at this endpoint
    ├── InvalidName              SuspiciousFileOperation      a name that cannot become a key
    ├── ObjectNotFound           FileNotFoundError            no object has this name
    ├── NameTaken                FileExistsError              an object has this name, and names are never reused
    ├── AccessRefused            PermissionError              the keys are known, but may not do this
    │   └── CredentialsRefused                                the keys themselves are refused, or there are none
    ├── WriteRefused             PermissionError              this environment may read the store, not change it
    ├── ObjectChanged            OSError                      the file was replaced while it was read
    ├── StoreUnreachable         ConnectionError              no answer came, or it broke off
    ├── StoreFailed              OSError                      the store answered, with a failure of its own
    └── DevServerError           RuntimeError                 the embedded S3 server cannot run

and one warning, `ContractWarning`, for values that were usable after all.
The SDK's own error, where there is one, travels as `__cause__`.
No text of any of them ever contains a secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation


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

    `code` is the store's own error code where it gave one ("AccessDenied"), and `retries` how often the request
    had been repeated by then. `outcome_unknown` says that the store may have done what was asked all the same.
    `answer` is what the store said, where it said anything.
    """

    code: str = ""
    retries: int = 0
    outcome_unknown: bool = False
    answer: Answer | None = None


class ContractWarning(UserWarning):
    """Something in the environment was put right, or is not used; the text says what to change."""


class ContractError(HoldallError, ImproperlyConfigured):
    """The environment does not describe a usable store.

    `problems` holds one sentence or two for each thing that is wrong: all of them at once.
    """

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
    """The bucket does not exist at this endpoint; never to be taken for a missing file."""


class InvalidName(HoldallError, SuspiciousFileOperation):
    """A name that cannot become a key: it leaves the store's prefix, is too long, or is not text."""


class ObjectNotFound(HoldallError, FileNotFoundError):
    """No object has this name."""


class NameTaken(HoldallError, FileExistsError):
    """An object has this name already, and a name is never given twice."""


class ObjectChanged(HoldallError, OSError):
    """The file was replaced while it was read; a mixture of both was not given."""


class AccessRefused(HoldallError, PermissionError):
    """The keys are known to the store, but may not do this."""


class CredentialsRefused(AccessRefused):
    """The keys are unknown, wrong, expired or absent, or the clock of this machine is."""


class WriteRefused(HoldallError, PermissionError):
    """This environment may read the store but not change it: it is a fork's parent, or another environment's.

    Nothing was sent.
    """


class StoreUnreachable(HoldallError, ConnectionError):
    """No answer came from the store, or it broke off, also after retries.

    Whether a write was carried out is not known then: at worst a file is there under a name that nobody was told.
    """


class StoreFailed(HoldallError, OSError):
    """The store answered with a failure that is its own, or that Holdall does not know."""


class DevServerError(HoldallError, RuntimeError):
    """The embedded S3 server cannot run; the text says what is in the way."""
