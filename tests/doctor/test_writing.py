"""What becomes of files on the way into the bucket; mostly of what django-storages' own class makes of them."""

from __future__ import annotations

import io
from typing import Any

import pytest
from storages.backends.s3 import S3Storage

from holdall.findings import Level
from tests.contract import only
from tests.doctor import errors, examine, examine_storage, ids, the, told, warnings
from tests.doctor.conftest import MakePlain, StartCdn, Through, always, keys_with, s3_error, without
from tests.providers import Provider
from tests.servers.fault_proxy import Answer, Exchange
from tests.stores import build_storage

on_one_server = only("seaweedfs-http")


@pytest.mark.failure("G4")
@on_one_server
def test_text_that_is_cut_off_is_named(plain: MakePlain) -> None:
    report = examine_storage(plain(file_overwrite=False), only=["text"])
    assert errors(report) == ["D411"], told(report)
    # This server compares the checksum with what came; others store what came (jschneier/django-storages#1357).
    assert "BadDigest" in the(report, "D411").seen


class ClosingStorage(S3Storage):
    """What S3Storage did before version 1.14.1: s3transfer closes what it is given (jschneier/django-storages#382)."""

    def _save(self, name: str, content: Any) -> str:
        saved = super()._save(name, io.BytesIO(content.read().encode() if _is_text(content) else content.read()))
        content.close()
        return str(saved)


def _is_text(content: Any) -> bool:
    content.seek(0)
    text = isinstance(content.read(1), str)
    content.seek(0)
    return text


@pytest.mark.failure("G3")
@on_one_server
def test_file_that_saving_uses_up_is_named(plain: MakePlain) -> None:
    made = plain()
    report = examine_storage(plain(file_overwrite=False), only=["kept"])
    assert "D412" in warnings(report), told(report)
    closing = ClosingStorage(**made._constructor_args[1])
    report = examine_storage(closing, only=["kept"])
    assert the(report, "D412").seen == "the file is closed"


@pytest.mark.failure("G1")
@on_one_server
def test_files_that_replace_each_other_are_named(plain: MakePlain) -> None:
    report = examine_storage(plain(), only=["names"])
    assert (errors(report), warnings(report)) == ([], ["D414"]), told(report)
    assert the(report, "D414").cause.do.startswith("Set `AWS_S3_FILE_OVERWRITE = False`")


@on_one_server
def test_proof_of_large_files_says_what_was_done(provider: Provider, bucket: str) -> None:
    report = examine(provider.environ(bucket), only=["multipart"])
    assert the(report, "D419").seen == "one upload was completed, another was aborted"


@pytest.mark.failure("G2")
@on_one_server
def test_race_for_a_name_is_named(plain: MakePlain) -> None:
    report = examine_storage(plain(file_overwrite=False), only=["names"])
    assert (errors(report), warnings(report)) == ([], ["D415"]), told(report)


def _always_accepts(exchange: Exchange) -> None:
    """Say yes also where the condition does not hold, as the JuiceFS gateway and old versitygw do.

    They store without looking at `If-None-Match` (versity/versitygw#1708); it is signed, so it cannot be taken out.
    """
    answer = exchange.forward()
    exchange.answer(Answer(200, (("ETag", '"0"'),)) if answer.status == 412 else answer)


@pytest.mark.failure("G2")
@on_one_server
def test_store_without_conditional_writes_is_noted_and_loses_nothing(through: Through) -> None:
    report = examine(through(always("PutObject", _always_accepts)), only=["condition"])
    assert ids(report, Level.ERROR, Level.WARNING, Level.NOTICE) == ["D416"], told(report)


@pytest.mark.failure("G2")
@on_one_server
def test_condition_that_a_known_provider_ignores_is_an_error(through: Through) -> None:
    environ = through(always("PutObject", _always_accepts))
    report = examine_storage(build_storage(environ, provider="seaweedfs"), only=["condition"])
    assert errors(report) == ["D417"], told(report)


@pytest.mark.failure("B5")
@only("ministack")
def test_right_to_abort_that_is_missing_is_named(provider: Provider, bucket: str, location: str) -> None:
    keys = keys_with(provider, allow=without("s3:AbortMultipartUpload"))
    report = examine(provider.environ(bucket, location=location, keys=keys))
    assert (errors(report), warnings(report)) == ([], ["D421"]), told(report)


@pytest.mark.failure("B5")
@only("ministack")
def test_right_to_delete_that_is_missing_is_named(provider: Provider, bucket: str, location: str) -> None:
    keys = keys_with(provider, allow=without("s3:DeleteObject"))
    report = examine(provider.environ(bucket, location=location, keys=keys))
    assert errors(report) == ["D901"], told(report)
    for key in provider.keys_in(bucket, location):
        provider.client.delete_object(Bucket=bucket, Key=key)


@on_one_server
def test_multipart_upload_that_is_refused_is_named(through: Through) -> None:
    report = examine(through(always("CreateMultipartUpload", s3_error(403, "AccessDenied", "Access Denied"))))
    assert errors(report) == ["D420"], told(report)


@on_one_server
def test_store_that_keeps_damaged_uploads_is_named(through: Through) -> None:
    # moto, which checks no Content-MD5, answers like this.
    def accepts(exchange: Exchange) -> None:
        answer = exchange.forward()
        exchange.answer(Answer(200, (("ETag", '"0"'),)) if answer.status == 400 else answer)

    report = examine(through(always("PutObject", accepts)))
    assert (errors(report), warnings(report)) == ([], ["D423"]), told(report)


@pytest.mark.failure("G10")
@on_one_server
def test_stream_that_commits_after_an_exception_is_named(plain: MakePlain) -> None:
    report = examine_storage(plain(file_overwrite=False), only=["stream"])
    assert (errors(report), warnings(report)) == ([], ["D425"]), told(report)


@pytest.mark.failure("G7")
@on_one_server
def test_type_that_the_client_claimed_is_named(plain: MakePlain) -> None:
    report = examine_storage(plain(file_overwrite=False), only=["types"])
    assert errors(report) == [], told(report)
    assert "D427" in warnings(report), told(report)


class GuessingStorage(S3Storage):
    """What S3Storage does with a file whose type nobody claims: it guesses type and encoding from the name."""

    def _save(self, name: str, content: Any) -> str:
        content.file.content_type = content.content_type = None
        return str(super()._save(name, content))


@pytest.mark.failure("G8")
@on_one_server
def test_archive_that_browsers_would_unpack_is_named(plain: MakePlain) -> None:
    made = GuessingStorage(**plain(file_overwrite=False)._constructor_args[1])
    report = examine_storage(made, only=["types"])
    assert (errors(report), warnings(report)) == ([], ["D428"]), told(report)


@pytest.mark.failure("G9")
@on_one_server
def test_absent_cache_control_is_noted(plain: MakePlain) -> None:
    report = examine_storage(plain(file_overwrite=False), only=["types"])
    assert "D429" in told(report)


@pytest.mark.failure("G5")
@only("seaweedfs-https")
def test_framing_that_the_store_keeps_is_named(plain: MakePlain) -> None:
    # Over HTTPS this server accepts boto3's trailer and keeps `Content-Encoding: aws-chunked`.
    report = examine_storage(plain(file_overwrite=False), only=["types"])
    assert errors(report) == ["D431"], told(report)


# https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html: x-amz-server-side-encryption
def encrypted(exchange: Exchange) -> None:
    answer = exchange.forward()
    headers = (*answer.headers, ("x-amz-server-side-encryption", "aws:kms"))
    exchange.answer(Answer(answer.status, headers, answer.body, answer.is_head))


@pytest.mark.failure("B7")
@on_one_server
def test_public_files_under_a_kms_key_are_named(through: Through) -> None:
    report = examine(through(always("HeadObject", encrypted), is_public=True), only=["types"])
    assert errors(report) == ["D430"], told(report)


@only("seaweedfs-http")
def test_public_files_under_a_kms_key_that_the_cdn_may_use_are_no_fault(
    through: Through, start_cdn: StartCdn, public_bucket: str, provider: Provider, location: str
) -> None:
    domain = start_cdn(public_bucket).domain
    environ = through(always("HeadObject", encrypted), is_public=True, AWS_S3_CUSTOM_DOMAIN=domain)
    report = examine({**environ, "STORAGE_BUCKET_NAME": public_bucket}, only=["types"])
    assert (errors(report), warnings(report)) == ([], []), told(report)
