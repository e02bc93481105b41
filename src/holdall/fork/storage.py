"""The storage of a copied environment: it reads its parent's files, writes only its own, and cannot harm the parent."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

from holdall import names, sites
from holdall.errors import HoldallError, StoreFailed
from holdall.fork.overlay import Side
from holdall.fork.reading import ReadingFork
from holdall.fork.tombstones import Hidden
from holdall.providers import MAX_KEY_BYTES, Provider
from holdall.s3 import deleting
from holdall.s3.claims import Claim
from holdall.s3.signing import SAFE
from holdall.s3.target import Above
from holdall.storage import MediaStorage
from holdall.storage.commits import after_commit
from holdall.storage.discarding import WORKERS, refuse_failed
from holdall.storage.links import Link
from holdall.storage.objects import reading_parameters, site_of, target_of
from holdall.storage.options import hidden
from holdall.storage.writing import MAX_NAMES

T = TypeVar("T")
# What a project chooses for all of its environments, and what reading depends on: the parent is read as it was written.
SHARED_OPTIONS = ("gzip", "object_parameters", "fast_lane")


# The name in an object's metadata under which the fork that wrote it has its stamp.
STAMP = "holdall-fork"


class ForkedStorage(ReadingFork):
    """Show the files of a parent store and keep every change in a store of one's own.

    It is configured as `MediaStorage` is, for the own store, and by `parent`: the options of the parent's storage,
    which may have a `parent` themselves. Nothing but reads is ever sent to the parent, whatever its keys may do.

    A file is looked for in the own store first, then among the parent's files that were hidden, then in the parent.
    Names are given that are free in both. Deleting a file of the parent hides it here, by a small object in the own
    store; a name that is saved again after that is the fork's own. A name that the parent gains later shows the parent's
    file, unless the fork has the name itself or hid it.

    Making a fork costs nothing, whatever the parent's size. Beyond the requests of a plain storage, reading costs one at
    most, saving one for each name that is asked for in the parent, and a link none, as long as the process knows the
    own store well enough (see `holdall.fork.overlay`).
    """

    # As migrations and pickles name it.
    __module__ = "holdall.fork"

    def __init__(self, *, parent: Mapping[str, Any] | None = None, **settings: Any) -> None:
        if parent is None:
            # Made without options, it is that of the alias `default`.
            parent = getattr(django_settings, "STORAGES", {}).get("default", {}).get("OPTIONS", {}).get("parent")
        if parent is None:
            raise ImproperlyConfigured("A fork needs its `parent`: the options of the parent's storage.")
        known = frozenset(self.get_default_settings())
        settings, parent = hidden(settings, known=known), hidden(parent, known={*known, "parent"})
        shared = {name: settings[name] for name in SHARED_OPTIONS if name in settings}
        self.parent = storage_of({**shared, **parent, "read_only": True})
        super().__init__(**settings)
        own = site_of(self)
        theirs = set()
        for above in self._above():
            if said := sites.objection(own, site_of(above)):
                raise ImproperlyConfigured(f"The parent {said}")
            theirs.add(sites.hidden_folder(own, site_of(above)))
        # Folders of the parent's bucket in which forks lie; they are not the parent's files.
        self._not_the_parents = tuple(sorted(folder for folder in theirs if folder))
        self._location = self.location.strip("/")
        self._parents_room_bytes = MAX_KEY_BYTES - len(f"{self.parent.location.strip('/')}/".encode())

    def _within(self) -> str:
        location = self.location.strip("/")
        return f"{location}/" if location and not self.read_only else ""

    def _lineage(self, provider: Provider) -> dict[str, Any]:
        # The parent of another fork is only read, and has nothing to prove.
        if self.read_only:
            return {}
        return {
            "site": site_of(self, provider),
            "above": tuple(Above(site_of(above), target_of(above)) for above in self._above()),
        }

    def _claims(self) -> tuple[Claim, ...]:
        location = self.location.strip("/")
        # The first to be made: what it proves counts for the others.
        return (Claim(kind="fork", holder=str(site_of(self.parent)), location=location), *super()._claims())

    def _above(self) -> Iterator[MediaStorage]:
        """Give the parent, its parent, and so on."""
        above: MediaStorage | None = self.parent
        while above is not None:
            yield above
            above = above.parent if isinstance(above, ForkedStorage) else None

    def _places(self) -> Hashable:
        # A parent that hangs delays the fork, and nobody else who uses the place of its own store.
        return (self.store.line, *(above.store.line for above in self._above()))

    # -- links

    def url(
        self,
        name: str | None,
        parameters: dict[str, Any] | None = None,
        expire: int | timedelta | None = None,
        http_method: str | None = None,
        *,
        download_as: str | None = None,
    ) -> str:
        """Give a link to the file on the side that has it: to the parent's file the parent's own link.

        Requests: none for names that are known; see `holdall.fork.overlay.Overlay.look`. A link to write leads to the own
        store.
        """
        if name and (http_method or "GET").upper() in SAFE and self.links_to_parent(name):
            return self.parent.url(name, parameters, expire, http_method, download_as=download_as)
        return super().url(name, parameters, expire, http_method, download_as=download_as)

    def link(self, name: str, *, method: str = "GET", parameters: Mapping[str, str] | None = None) -> Link:
        """Give the link that `url` gives, with the time at which it changes. Requests: as `url`."""
        if name and method in SAFE and self.links_to_parent(name):
            return self.parent.link(name, method=method, parameters=parameters)
        return super().link(name, method=method, parameters=parameters)

    def cloudfront_url(self, name: str, **more: Any) -> str:
        """Give a link with a custom policy to the file on the side that has it. Requests: as `url`."""
        if self.links_to_parent(name):
            return self.parent.cloudfront_url(name, **more)
        return super().cloudfront_url(name, **more)

    def links_to_parent(self, name: str) -> bool:
        """Say whether a link to this name leads to the parent. Requests: as `url`."""
        cleaned = name
        if not (isinstance(name, str) and names.is_plain(name)):
            self._normalize_name(name)
            cleaned = names.clean(name)
        # Nobody has a file without a name.
        return bool(cleaned) and self.overlay.look(cleaned) is Side.PARENTS and not self.is_not_the_parents(cleaned)

    def own_url(self, name: str, **more: Any) -> str:
        """Give a link into the own store, whichever side has the file. Requests: none."""
        return super().url(name, **more)

    # -- writing

    def _wrote(self, name: str) -> None:
        super()._wrote(name)
        self.overlay.note(name, Side.OWN, holds=True)

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Save a file in the own store, under a name that is free in both. One HEAD more than in a plain storage.

        Raises:
            WriteRefused: the own store is another fork's, another environment's, or the parent itself.
            HoldallError: as `MediaStorage.save`.
        """
        return super().save(name, content, max_length)

    def _candidates(self, name: str, max_length: int | None) -> Iterator[str]:
        refused, in_a_row = None, 0
        for candidate in super()._candidates(name, max_length):
            # A project's own rule that insists on a taken name means to replace the file: here, that is to have one.
            if not (self._insists and candidate == refused) and self._shows_parents(candidate):
                refused, in_a_row = candidate, in_a_row + 1
                if in_a_row == MAX_NAMES:
                    raise StoreFailed(
                        f"No free name was found: {MAX_NAMES:,} are taken in the parent, {self.parent.store.where()}, the last "
                        f"{candidate!r}. Check `get_available_name` or `get_alternative_name` of the storage."
                    )
                continue
            in_a_row = 0
            yield candidate

    def _get_write_parameters(self, name: str, content: Any = None) -> dict[str, Any]:
        parameters = super()._get_write_parameters(name, content)
        # What `drop` knows the fork's files by, where others lie beside them.
        return {**parameters, "Metadata": {**parameters.get("Metadata", {}), STAMP: self.stamp}}

    @property
    def stamp(self) -> str:
        """What this fork's objects are marked with."""
        return sites.stamp(str(self.bucket_name), self._location)

    def delete(self, name: str) -> None:
        """Delete an own file, and hide the parent's of this name.

        First it looks at the file in the own store, and then deletes only that version: a file that another process saves
        under this name meanwhile, as soon as the parent's is hidden, stays. The parent's is hidden before the own one is
        deleted: whatever fails, the file is either there as it was, or gone.

        Requests: two HEAD; one PUT to hide the parent's, if it has one; one DELETE for the own one, if there is one, and
        those of `holdall.s3.deleting.delete`.
        """
        if not name:
            raise ValueError("The name must be given to delete().")
        cleaned = self._cleaned(name)
        own = self.look_at_own(cleaned)
        if self.trash:
            after_commit(partial(self.delete_own, cleaned, own), partial(self._delete_same, cleaned, own))
        else:
            self.delete_own(cleaned, own)

    def _delete_same(self, name: str, own: deleting.Seen | None) -> None:
        """Delete what was looked at a while ago, unless another file was saved in its place since."""
        if self.look_at_own(name) == own:
            self.delete_own(name, own)

    def forget(self, name: str) -> None:
        """Hear that an own file is gone."""
        self.overlay.note(name, Side.OWN, holds=False)

    def delete_own(self, name: str, own: deleting.Seen | None) -> bool:
        """Hide the parent's file of this name and delete the own one that was looked at. False: another one has the name.

        Requests: as `delete`, without the HEAD for the own one.
        """
        self._hide(name)
        done = own is None or self.discard(name, own)
        self.overlay.note(name, Side.OWN, holds=not done)
        return done

    def delete_many(self, names: Iterable[str]) -> None:
        """Delete own files and hide the parent's, each as `delete` does.

        Requests: two HEAD for each name and a PUT for each that the parent has, a few at a time; those of
        `holdall.s3.deleting.delete_many` for the own ones.

        Raises:
            StoreFailed: some could not be deleted, and which; all others are.
        """
        given = list(dict.fromkeys(names))
        if not all(given):
            raise ValueError("The name must be given to delete_many().")
        cleaned = list(dict.fromkeys(self._cleaned(name) for name in given))
        if self.trash:
            failed = {}
            for name in cleaned:
                try:
                    self.delete(name)
                except HoldallError as failure:
                    failed[name] = failure
            refuse_failed(failed, of=len(cleaned))
            return
        with ThreadPoolExecutor(min(WORKERS, len(given)) or 1, thread_name_prefix="holdall-hide") as pool:
            looked = zip(cleaned, pool.map(self.look_at_own, cleaned), strict=True)
            own = {name: seen for name, seen in looked if seen is not None}
            list(pool.map(self._hide, cleaned))
        outcome = deleting.delete_many(
            self.store, self._client, own, parameters={name: reading_parameters(self, name) for name in own}
        )
        for name in cleaned:
            self.overlay.note(name, Side.OWN, holds=name in outcome.replaced or name in outcome.failed)
        if outcome.failed:
            named = ", ".join(f'"{name}" ({code})' for name, code in outcome.failed.items())
            raise StoreFailed(f"Could not be deleted from {self.store.where()}: {named}. Try again.")

    def _cleaned(self, name: str) -> str:
        self._key(name)
        return names.clean(name)

    def _hide(self, name: str) -> None:
        """Hide the parent's file of this name, if there is one: leave a small object that says which it was."""
        found = self._in_parent(name)
        if found is None:
            return
        self.tombstones.hide(Hidden(found.name, found.size_bytes, found.etag))
        self.overlay.note(name, Side.HIDDEN, holds=True)

    def unhide(self, name: str) -> None:
        """Let the parent's file of this name, if there is one, show again. One DELETE."""
        self.tombstones.unhide(name)
        self.overlay.note(name, Side.HIDDEN, holds=False)


def storage_of(options: Mapping[str, Any]) -> MediaStorage:
    """Make the storage that these options describe: a fork where they name a parent."""
    return ForkedStorage(**options) if options.get("parent") else MediaStorage(**options)
