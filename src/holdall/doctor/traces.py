"""What the doctor leaves in the bucket until it is cleaned up."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from holdall.errors import AccessRefused


class StrayKey(Exception):
    """A storage makes keys outside the doctor's folder, where nobody could tell its files from the project's."""


class TooLate(Exception):
    """A probe that was given up tries to write, when its files may already have been removed."""


class Traces:
    """The keys that the doctor has made, or may have made.

    All of them contain a folder with a random name, so that no cache has seen them and no file of the project can be
    touched.
    """

    def __init__(self) -> None:
        self.folder = f"holdall-doctor-{secrets.token_hex(8)}"
        self.keys: set[str] = set()
        # What a storage made elsewhere. Nothing deletes these, because they may have existed before.
        self.strays: set[str] = set()
        # From then on nothing may be written.
        self.is_closed = False

    def expect(self, key: str) -> None:
        """Remember a key that is about to be made.

        The accident: a storage class in the project drops folders, or gives equal contents one key, so the doctor's
        file takes the place of one of the project's, and deleting it would delete theirs.

        Raises:
            StrayKey: the key is not in the doctor's folder.
            TooLate: nothing may be written any more.
        """
        if self.folder not in key:
            raise StrayKey(f"{self.folder}/… would become {key}")
        if self.is_closed:
            raise TooLate
        self.keys.add(key)

    def record(self, key: str) -> None:
        """Remember a key that was made, perhaps under another name than the one that was asked for.

        Raises:
            StrayKey: the key is not in the doctor's folder.
        """
        if self.folder not in key:
            self.strays.add(key)
            raise StrayKey(f"{self.folder}/… becomes {key}")
        self.keys.add(key)

    @contextmanager
    def making(self, key: str) -> Iterator[None]:
        """Remember a key that is made inside, unless the store says for certain that it was not."""
        is_new = key not in self.keys
        self.expect(key)
        try:
            yield
        except AccessRefused:
            if is_new:
                self.keys.discard(key)
            raise

    @property
    def prefixes(self) -> list[str]:
        """The beginnings of the keys, up to the doctor's folder."""
        return sorted({f"{key.partition(self.folder)[0]}{self.folder}/" for key in self.keys})
