"""A healthy set-up of every mode gives no error and no warning, and finds its bucket as it was."""

from __future__ import annotations

from tests.doctor import errors, examine, told, warnings
from tests.providers import Provider


def test_private_store_is_healthy(provider: Provider, bucket: str, location: str) -> None:
    before = list(provider.objects_in(bucket))
    report = examine(provider.environ(bucket, location=location))
    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert list(provider.objects_in(bucket)) == before
    assert provider.unfinished_uploads(bucket, location) == []
