"""Prove that the stores above a fork are not its own store, reached by another address.

Comparing addresses cannot show it: a bucket has many (a CNAME, a port, an IP, an access point's alias), and an endpoint
that names a bucket makes all others folders of it. So the claim that a fork leaves in its own store carries a random
value, and it is looked for through the address of each store above.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from holdall import sites
from holdall.errors import AccessRefused, ObjectNotFound, WriteRefused
from holdall.sites import Site

# More than any claim is long.
MAX_BYTES = 4096
# How Amazon marks other names of a bucket: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-alias.html
ALIASES = ("-s3alias", "--ol-s3")


class Side(NamedTuple):
    """One store: where it is, by which address it is reached, and what sends a request about its bucket."""

    site: Site
    address: str
    call: Callable[..., Any]


class Apart:
    """What one process knows of a fork's own store and those above it."""

    def __init__(self, own: Side, above: Callable[[], Iterable[Side]]) -> None:
        self._own, self._above = own, above
        self._is_proven = self._was_looked_at = False

    def look(self) -> None:
        """Refuse what reading alone can show: the first object of a store above is seen in the own one.

        Requests: none where the addresses are the same; else one listing, and a HEAD there and up to three here, for each
        store above, once per process.

        Raises:
            WriteRefused: it is.
        """
        if self._was_looked_at:
            return
        for theirs in self._doubtful():
            self._compare(theirs)
        self._was_looked_at = True

    def prove(self, key: str, claim: Mapping[str, Any]) -> None:
        """Look for the own claim, which is at `key`, through the address of each store above, once per process.

        Requests: none where the addresses are the same; else two GETs for each store above, and those of `look` where
        the keys there may not read what is missing.

        Raises:
            WriteRefused: the parent is in the own store, or the own store in the parent's bucket by mistake.
        """
        if self._is_proven:
            return
        for theirs in self._doubtful():
            try:
                for where in self._where_it_would_be(key):
                    if _read(theirs, where) == claim:
                        self._refuse(theirs, is_same_bucket=where == key)
            except AccessRefused:
                self._compare(theirs)
        self._is_proven = True

    def _doubtful(self) -> Iterator[Side]:
        own = self._own
        for theirs in self._above():
            buckets = own.site.bucket_name, theirs.site.bucket_name
            by_alias = any(name.startswith("arn:") or name.endswith(ALIASES) for name in buckets)
            # One address gives two buckets two places, whatever it leads to; of one bucket the locations tell.
            if by_alias or own.address != theirs.address:
                yield theirs

    def _where_it_would_be(self, key: str) -> Iterator[str]:
        # In the same bucket; and in a bucket that the own endpoint names, in which the own bucket is a folder.
        yield key
        folder = self._own.site.bucket_name
        yield f"{folder}/{key}"
        path = urlsplit(self._own.address).path.strip("/")
        if path:
            yield f"{path}/{folder}/{key}"
            if "/" in path:
                yield f"{path.partition('/')[2]}/{folder}/{key}"

    def _compare(self, theirs: Side) -> None:
        """Look for the first object of a store above in the own one: the same at the same moment is not a copy."""
        location = theirs.site.location
        start = f"{location}/" if location else ""
        with suppress(AccessRefused):
            try:
                page = theirs.call("list_objects_v2", action="listing", name=location, Prefix=start, MaxKeys=1)
            except ObjectNotFound:
                # A bucket can be listed, even if it is empty. This is a folder of a bucket that the endpoint names.
                self._refuse(theirs, is_same_bucket=False)
                return
            for found in page.get("Contents", ())[:1]:
                seen = _look(theirs, found["Key"])
                for key in self._where_theirs_would_be(theirs, found["Key"]):
                    if seen is not None and _look(self._own, key) == seen:
                        self._refuse(theirs, is_same_bucket=key == found["Key"])

    def _where_theirs_would_be(self, theirs: Side, key: str) -> Iterator[str]:
        yield key
        yield f"{theirs.site.bucket_name}/{key}"
        if key.startswith(folder := f"{self._own.site.bucket_name}/"):
            yield key.removeprefix(folder)

    def _refuse(self, theirs: Side, *, is_same_bucket: bool) -> None:
        own = self._own.site
        both = f"Both addresses, {own.place} and {theirs.site.place}, lead there. Nothing was sent."
        if not is_same_bucket:
            raise WriteRefused(
                f"The fork's own store ({own}) and its parent ({theirs.site}) are in one bucket: an endpoint names a "
                f"bucket, so the other one is a folder of it. {both} Take the bucket out of the endpoint's address."
            )
        said = sites.objection(own, theirs.site._replace(place=own.place, bucket_name=own.bucket_name))
        if said:
            raise WriteRefused(f"The parent {said} {both}")


def _read(side: Side, key: str) -> Any:
    """Give the content of a small object; None if there is none."""
    try:
        body = side.call("get_object", action="looking for", name=key, Key=key)["Body"]
    except ObjectNotFound:
        return None
    try:
        return json.loads(body.read(MAX_BYTES))
    except ValueError:
        return None
    finally:
        body.close()


def _look(side: Side, key: str) -> tuple[Any, Any] | None:
    with suppress(ObjectNotFound, AccessRefused):
        found = side.call("head_object", action="looking for", name=key, Key=key)
        return found["ETag"], found["LastModified"]
    return None
