"""What may be sent to a store: a fork's parent is only read, and a fork changes nothing outside of its own folder.

It stands where requests are made and signed, and knows methods and keys, not intentions: whoever asks, and by whatever
way, it is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from holdall.errors import WriteRefused
from holdall.s3.claims import Claims
from holdall.s3.signing import SAFE

# How the SDK names the operations that change nothing.
READS = ("get_", "head_", "list_")


class Guard:
    """Lets requests to one store through, or raises.

    `within` is the prefix outside of which a fork changes nothing: the rest of the bucket may be its parent's.
    """

    def __init__(self, *, bucket_name: str | None, read_only: bool, within: str, claims: Claims) -> None:
        self._bucket_name, self._read_only, self._within, self._claims = bucket_name, read_only, within, claims

    def admit(self, what: str, key: str = "") -> None:
        """Let a request through that changes something, or raise.

        Requests: none, but those that look after the store's claims.

        Raises:
            WriteRefused: the store is a fork's parent, or belongs to another environment; or the key lies outside of
                the fork's own folder. Nothing was sent.
        """
        if self._read_only:
            bucket = self._bucket_name
            raise WriteRefused(
                f'"{key}" is in the parent store {bucket}, which this fork may read but not change; nothing was sent.'
                if key
                else f"This fork may read the parent store {bucket} but not change it; {what} was not sent."
            )
        if key and not key.startswith(self._within):
            self._refuse_outside(what, key)
        self._claims.check()

    def watch(self, client: Any) -> None:
        """Stand before the SDK's client too, whoever takes it from here; links that write are signed as requests are."""
        client.meta.events.register_first("before-parameter-build.s3", self._admit_keys)
        client.meta.events.register_first("before-call.s3", self._admit_call)
        client.meta.events.register_first("before-sign.s3", self._admit_signature)

    def _refuse_outside(self, what: str, key: str = "") -> NoReturn:
        raise WriteRefused(
            f'This fork may change what lies under "{self._within}" in {self._bucket_name}, and nothing else; '
            f"{what}{f' of {key!r}' if key else ''} was not sent."
        )

    def _admit_keys(self, params: Mapping[str, Any], model: Any, **_event: Any) -> None:
        # The accident: a project that clears a folder of `storage.bucket` is right in the original, and in a fork that
        # is a folder of the same bucket it clears the original's.
        # The SDK makes the address of a form by `CreateBucket`, whose own calls are refused below.
        if not self._within or model.http["method"] in SAFE or model.name == "CreateBucket":
            return
        listed = params.get("Delete", {}).get("Objects", ())
        keys = [params["Key"]] if "Key" in params else [entry["Key"] for entry in listed]
        if params.get("Bucket") != self._bucket_name or not keys:
            self._refuse_outside(model.name)
        for key in keys:
            if not str(key).startswith(self._within):
                self._refuse_outside(model.name, str(key))

    def _admit_call(self, model: Any, params: Mapping[str, Any], **_event: Any) -> None:
        if params["method"] not in SAFE:
            self.admit(model.name)
            if self._within and model.name == "CreateBucket":
                self._refuse_outside(model.name)

    def _admit_signature(self, request: Any, operation_name: str, **_event: Any) -> None:
        # The accident: a link for `get_object` that is signed for PUT, or a form, is a write by whoever has it.
        if request.method in SAFE:
            return
        self.admit(operation_name)
        form = request.context.get("s3-presign-post-fields")
        if form is not None and not str(form.get("key", "")).startswith(self._within):
            self._refuse_outside(operation_name, str(form.get("key", "")))
        if self._within and operation_name.startswith(("Get", "Head", "List")):
            self._refuse_outside(f"{request.method} as {operation_name}")
