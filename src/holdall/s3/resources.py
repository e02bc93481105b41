"""The SDK's objects of one store: one client a process, made when first used, and resources over it for each thread."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

from holdall.providers import recognise
from holdall.s3 import building, clients, local, sessions
from holdall.s3.claims import unasked
from holdall.s3.guard import Guard
from holdall.s3.plain import Plainness, is_plain, maker
from holdall.s3.target import Target
from holdall.s3.translating import Translating


class Resources(Translating):
    """The part of a connection that holds the SDK's objects.

    The SDK's clients may be shared by threads; its resources may not, so each thread gets instances of its own, which
    cost microseconds.
    """

    guard: Guard

    def __init__(self, target: Target, *, signed: bool) -> None:
        self.target = target
        self.signed = signed
        self.lock = threading.RLock()
        self._resource: Any = None
        self._generation = 0
        self._plainness: Plainness | None = None
        self._built_by: Any = None
        self._bucket_class: Any = None
        self._object_class: Any = None

    def _follow_server(self) -> None:
        """Give up what leads to where the embedded server no longer is."""
        raise NotImplementedError

    @property
    def client(self) -> Any:
        """The SDK's client for this store."""
        return self._built().meta.client

    def resource(self) -> Any:
        """Give the calling thread an S3 resource of its own over the shared client."""
        resource = self._built()
        mine = type(resource)(client=resource.meta.client)
        mine.Bucket = self._bucket
        return mine

    def _bucket(self, name: str) -> Any:
        # boto3 builds a new class for each Bucket and Object (1.4 ms); with the classes kept it takes microseconds.
        bucket = self._bucket_class(name, client=self.client)
        bucket.Object = partial(self._object_class, name, client=self.client)
        return bucket

    def _built(self) -> Any:
        self._follow_server()
        if self._resource is not None and self._built_by != maker():
            # A test has put its own in boto3's place, or taken it away.
            self._forget_client()
        if self._resource is None:
            with self.lock:
                if self._resource is None:
                    with self.translating("connecting", learn=False, is_request=False):
                        self._build()
        return self._resource

    def _build(self) -> None:
        target = self.target
        config = target.config() if self.signed else target.config().merge(building.UNSIGNED)
        resource = building.make(target, self._region(), config=config, where=self.where(), reveals=self._redacted)
        bucket = resource.Bucket(target.bucket_name or "unnamed")
        self._bucket_class, self._object_class = type(bucket), type(bucket.Object("unnamed"))
        if target.local_folder and self.signed and not target.read_only:
            with unasked():
                local.make_bucket(resource.meta.client, target)
        self.guard.watch(resource.meta.client)
        clients.prepare(resource.meta.client)
        self._plainness = Plainness(resource.meta.client)
        self._built_by = maker()
        self._resource = resource

    def _forget_client(self) -> None:
        # A client that was made while the source of its keys did not answer would stay without keys for good.
        with self.lock:
            self._resource = None
            self._generation += 1
            sessions.forget(self.target.profile)

    def _region(self) -> str | None:
        target = self.target
        if target.region_name or target.local_folder:
            return target.region_name or "us-east-1"
        # Amazon's own endpoints may name none: the host of acceleration, for one.
        if target.endpoint_url and (named := recognise(target.endpoint_url)[1]):
            return named
        known = self.line.regions
        if known.get(target.bucket_name) is None:
            known[target.bucket_name] = building.ask_region(target)
        return known[target.bucket_name]

    def _sdk_is_plain(self) -> bool:
        return is_plain() and (self._resource is None or self._plainness is None or self._plainness.holds())
