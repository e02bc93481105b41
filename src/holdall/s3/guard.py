"""What may be sent to a store: a fork's parent is only read, and a fork changes nothing outside of its own bucket and folder.

It stands where requests are made and signed, and knows methods, buckets and keys, not intentions: whoever asks, and by
whatever way, it is the same.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from typing import Any, NoReturn

from boto3.s3.transfer import TransferConfig

from holdall.errors import WriteRefused
from holdall.s3.claims import Claims
from holdall.s3.signing import SAFE

# How the SDK names the operations that change nothing.
READS = ("get_", "head_", "list_")
# The SDK's methods that move files, each with boto3's own choice of who does it.
TRANSFERS = ("upload_file", "upload_fileobj", "download_file", "download_fileobj", "copy")
# Where an admission is noted for the signature that belongs to it, in what the SDK hands from event to event.
_ADMITTED = "holdall-admitted"
# How the settings of a bucket name another one.
_BUCKETS = frozenset({"Bucket", "BucketName", "TargetBucket", "BucketArn", "TableBucketArn"})


class Guard:
    """Lets requests to one store through, or raises.

    `alone` is for a fork: it changes nothing in any other bucket, since that may be its parent's; and nothing outside of
    the prefix `within` in its own, since the rest may be its parent's too. A project's own store is its own to change.
    """

    def __init__(self, *, bucket_name: str | None, read_only: bool, alone: bool, within: str, claims: Claims) -> None:
        self._bucket_name, self._read_only, self._within, self._claims = bucket_name, read_only, within, claims
        self._alone = alone or bool(within)

    def admit(self, what: str, key: str = "", *, keys: Iterable[str] = ()) -> None:
        """Let a request through that changes something in the own bucket, or raise.

        Requests: none, but those that look after the store's claims.

        Raises:
            WriteRefused: the store is a fork's parent, or belongs to another environment; or a key is outside of
                the fork's own folder. Nothing was sent.
        """
        if self._read_only:
            bucket = self._bucket_name
            raise WriteRefused(
                f'"{key}" is in the parent store {bucket}, which this fork may read but not change; nothing was sent.'
                if key
                else f"This fork may read the parent store {bucket} but not change it; {what} was not sent."
            )
        for one in (key, *keys) if key else keys:
            if self._alone and not self._is_own(one):
                self._refuse_outside(what, one)
        self._claims.check()

    def watch(self, client: Any) -> None:
        """Stand before the SDK's client too, whoever takes it from here; links that write are signed as requests are."""
        # The last to see the parameters: a project's own handlers may put another bucket in.
        client.meta.events.register_last("before-parameter-build.s3", self._admit_parameters)
        client.meta.events.register_first("before-call.s3", self._admit_call)
        client.meta.events.register_first("before-sign.s3", self._admit_signature)
        _keep_from_leaving(client)

    def _is_own(self, key: str) -> bool:
        # The attack: "forks/pr-1/../../ada.jpg", which begins as an own key and is another one to servers that resolve
        # dots, as SeaweedFS does; without a folder it may even lead to another bucket.
        return key.startswith(self._within) and not {".", ".."} & set(key.split("/"))

    def _refuse_outside(self, what: str, key: str = "", bucket: object = None) -> NoReturn:
        place = f'what is under "{self._within}" in {self._bucket_name}' if self._within else self._bucket_name
        other = f" in {bucket}" if bucket is not None and bucket != self._bucket_name else ""
        raise WriteRefused(
            f"This fork may change {place}, and nothing else; "
            f"{what}{f' of {key!r}' if key else ''}{other} was not sent."
        )

    def _admit_parameters(self, params: Any, model: Any, context: Any = None, **_event: Any) -> None:
        # The accident: a project that clears a folder of `storage.bucket` is right in the original, and in a fork that
        # is a folder of the same bucket it clears the original's.
        if model.http["method"] in SAFE or self._read_only or not self._alone:
            return
        name, bucket = model.name, params.get("Bucket")
        # What is renamed is deleted where it was, which may be anywhere in the bucket.
        if bucket != self._bucket_name or name == "RenameObject":
            self._refuse_outside(name, str(params.get("Key", "")), bucket)
        for other in _buckets_named(params):
            # The accident: a bucket's log, inventory or replica that is written into the parent.
            if self._bucket_name not in {other, other.rpartition(":")[2]}:
                self._refuse_outside(name, bucket=other)
        signed = isinstance(context, dict) and bool(context.get("is_presign_request"))
        if "Key" in params:
            keys = [str(params["Key"])]
        else:
            # The body of a link's request is the bearer's: with it he would choose the keys himself.
            keys = (
                [] if signed else [str(entry.get("Key", "")) for entry in params.get("Delete", {}).get("Objects", ())]
            )
            # The SDK makes the address of a form by `CreateBucket`; its signature is looked at below.
            if self._within and not keys and not (signed and name == "CreateBucket"):
                self._refuse_outside(name)
        for key in keys:
            if not self._is_own(key):
                self._refuse_outside(name, key)
        if isinstance(context, dict):
            context[_ADMITTED] = name

    def _admit_call(self, model: Any, params: Mapping[str, Any], context: Any = None, **_event: Any) -> None:
        if params["method"] in SAFE:
            return
        self.admit(model.name)
        if self._alone and (context or {}).get(_ADMITTED) != model.name:
            self._refuse_outside(model.name)

    def _admit_signature(self, request: Any, operation_name: str, **_event: Any) -> None:
        # The accident: a link for `get_object` that is signed for PUT, or a form, is a write by whoever has it.
        if request.method in SAFE:
            return
        self.admit(operation_name)
        if not self._alone:
            return
        admitted = request.context.get(_ADMITTED)
        form = request.context.get("s3-presign-post-fields")
        if form is not None:
            policy = request.context.get("s3-presign-post-policy") or {}
            buckets = [
                one["bucket"] for one in policy.get("conditions", ()) if isinstance(one, dict) and "bucket" in one
            ]
            key = str(form.get("key", ""))
            if admitted is None or buckets != [self._bucket_name] or not self._is_own(key):
                self._refuse_outside(operation_name, key, next(iter(buckets), None))
        elif admitted is None or (self._within and admitted == "CreateBucket"):
            self._refuse_outside(f"{request.method} as {operation_name}")


def _buckets_named(value: Any) -> Iterator[str]:
    """Give the buckets that the settings of a bucket name, whose own name is no part of them."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if isinstance(inner, str) and name in _BUCKETS:
                yield inner
            # What is copied may come from anywhere.
            elif name not in {"CopySource", "Metadata"}:
                yield from _buckets_named(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _buckets_named(inner)


def _keep_from_leaving(client: Any) -> None:
    """Let all transfers go by this client.

    Where the package awscrt is installed boto3 may choose a client of its own, which knows neither the endpoint nor any
    guard: https://github.com/boto/boto3/issues/4839.
    """
    for name in TRANSFERS:
        if (method := getattr(client, name, None)) is not None:
            setattr(client, name, _by_the_client_itself(method))
    # Whoever makes a transfer manager of his own is told that its keys are not this client's, and has it go by the client.
    client._get_credentials = lambda: None


def _by_the_client_itself(method: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(method)

    @wraps(method)
    def transfer(*arguments: Any, **named: Any) -> Any:
        bound = signature.bind(*arguments, **named)
        chosen = bound.arguments.get("Config")
        config = TransferConfig() if chosen is None else copy.copy(chosen)
        config.preferred_transfer_client = "classic"
        bound.arguments["Config"] = config
        return method(*bound.args, **bound.kwargs)

    return transfer
