"""What turns the SDK's errors into Holdall's, and tells the circuits of a place and its bucket what became of a request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore import exceptions as sdk
from urllib3.exceptions import HTTPError

from holdall.errors import Answer, HoldallError, StoreUnreachable
from holdall.s3.answers import OBJECT_CODES, answer_of, explain, what_of
from holdall.s3.circuit import Circuit, is_breakdown, is_silence, is_throttling
from holdall.s3.fastlane import Refused
from holdall.s3.line import Line
from holdall.s3.patience import Kind, Patience, applied
from holdall.s3.target import Target
from holdall.s3.unanswered import NO_KEYS, UNANSWERED, bare, explain_silence


class Translating:
    """The part of a connection in which errors end. `Connection` gives it what sends requests."""

    target: Target
    line: Line
    _circuit: Circuit
    # Whether the bucket is known to exist: S3's answer to HEAD does not tell a missing bucket from a missing file.
    bucket_seen: bool

    def _send(self, operation: str, parameters: Mapping[str, Any], client: Any) -> Any:
        raise NotImplementedError

    def _forget_client(self) -> None:
        """Make the next request with keys that are asked for again."""
        raise NotImplementedError

    def _redacted(self, text: str) -> str:
        """Hide the keys in a text of the SDK's."""
        raise NotImplementedError

    @contextmanager
    def translating(
        self,
        action: str,
        *,
        name: str = "",
        key: str = "",
        client: Any = None,
        learn: bool = True,
        is_request: bool = True,
        is_answered: bool = True,
    ) -> Iterator[None]:
        """Turn the SDK's errors, raised inside, into Holdall's; `learn` allows one request for a better sentence.

        `is_request`: what is done inside is a request, which is not sent while the store does not answer, and which
        waits no longer than an operation may. Otherwise it belongs to one that is under way. `is_answered`: what succeeds
        inside says that the store answers; the head of a file does not.

        Raises:
            StoreUnreachable: also at once, when the store did not answer others.
        """
        what, where, failed = what_of(action, name), self.where(), None
        circuit, of_bucket = self.line.circuit, self._circuit
        probe, bucket_probe = self._admitted(what, where) if is_request else (None, None)
        # What is under way ends when nobody hears anything of the place; failures of a bucket end nothing.
        patience = Patience(self.target.timeout_seconds, attempts=self.target.attempts, others_gave_up=circuit.is_open)
        try:
            with applied(patience):
                try:
                    yield
                except HoldallError:
                    raise
                except (sdk.ClientError, Refused) as error:
                    answer = answer_of(error)
                    # A failure of the server's own says enough, and a second question would only add to its load.
                    if answer.bare and learn and answer.status < 500:
                        answer = self._learn(answer, key, client)
                    if answer.code in OBJECT_CODES:
                        self.bucket_seen = True
                    circuit.heard(probe, where)
                    if not (is_breakdown(answer) or is_throttling(answer)):
                        of_bucket.heard(bucket_probe, where)
                    failed = explain(
                        answer, action=action, name=name, key=key, bucket=self.target.bucket_name, where=where
                    )
                    failed.__cause__ = bare(error)
                except UNANSWERED as error:
                    if isinstance(error, NO_KEYS):
                        self._forget_client()
                    failed = explain_silence(
                        error, what=what, where=where, tried=patience.told(), reveals=self._redacted
                    )
                    failed.__cause__ = bare(error)
            if failed is not None:
                if is_request and failed.answer is not None and is_breakdown(failed.answer):
                    of_bucket.failed(
                        bucket_probe,
                        failed,
                        began=patience.began,
                        waited=patience.taken_seconds,
                        # One failure may be about what was asked.
                        waits_at_most=float("inf"),
                    )
                # Whoever gave up early, a visitor who went away, says nothing of the place.
                if is_request and is_silence(failed) and not patience.was_stopped:
                    circuit.failed(
                        probe,
                        failed,
                        began=patience.began,
                        waited=patience.taken_seconds,
                        # Work of the server says nothing for as long as it takes.
                        waits_at_most=float("inf") if patience.kind is Kind.WORK else patience.seconds,
                    )
                raise failed
            if is_request:
                of_bucket.heard(bucket_probe, where)
            if is_request and is_answered:
                circuit.heard(probe, where)
        finally:
            circuit.left(probe)
            of_bucket.left(bucket_probe)

    def _admitted(self, what: str, where: str) -> tuple[int | None, int | None]:
        probe = self.line.circuit.admit(what, where)
        try:
            return probe, self._circuit.admit(what, where)
        except StoreUnreachable:
            self.line.circuit.left(probe)
            raise

    def _learn(self, answer: Answer, key: str, client: Any) -> Answer:
        """Ask for what a bare status does not say: answers to HEAD have no body, hence no code.

        Requests: one, only after a refusal, or after the first "not found" of a process.
        """
        missing = answer.status == 404
        try:
            if not missing:
                if key:
                    self._send("get_object", {"Key": key, "Range": "bytes=0-0"}, client)["Body"].close()
                else:
                    self._send("list_objects_v2", {"MaxKeys": 1}, client)
            elif not self.bucket_seen:
                self._send("head_bucket", {}, client)
                self.bucket_seen = True
        except (sdk.ClientError, Refused) as second:
            learned = answer_of(second)
            if learned.status >= 500:
                return answer
            if missing:
                # Any other refusal is a bucket's that exists.
                self.bucket_seen = learned.status != 404
                return answer if self.bucket_seen else answer._replace(code="NoSuchBucket")
            return answer if learned.bare else learned._replace(operation=answer.operation)
        except (sdk.BotoCoreError, HTTPError):
            # The question was only for a better sentence.
            return answer
        return answer

    def where(self) -> str:
        """Say which bucket, where, in words for an error."""
        if self.target.local_folder:
            return f'bucket "{self.target.bucket_name}" of the embedded server'
        return f'bucket "{self.target.bucket_name}" at {self.target.endpoint_url or self.target.provider.title}'
