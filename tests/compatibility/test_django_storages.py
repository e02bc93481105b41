"""django-storages' own tests of its S3 backend, run with `MediaStorage` in place of `S3Storage`."""

import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.compatibility.sources import ROOT, unpacked
from tests.servers import processes

VERSION = version("django-storages")

# The tests that assert a defect which Holdall fixes, or by which call it is done, each with the reason. All others pass.
ASSERT_A_DEFECT = {
    "S3StorageTests.test_pickle_with_bucket": (
        "looks for the bucket of the first thread in `_bucket`, where all other threads, and processes after a fork, "
        "find it too; ours is each thread's own, and the storage is pickled without it all the same"
    ),
    "S3StorageTests.test_storage_delete_other_error_reraise": (
        "wants the SDK's naked 403; ours is a PermissionError that names the right to grant, with the SDK's as cause"
    ),
    "S3StorageTests.test_storage_exists_other_error_reraise": "the same",
    "S3StorageTests.test_storage_open_read_string": (
        "feeds the file by a mock of the download of the whole object; ours is fetched in ranges (#163, #383)"
    ),
    "S3StorageTests.test_storage_url": (
        "wants each link made by the SDK, which is 0.3 ms and another link every second; ours stays the same for a "
        "window, so that browsers can cache what it shows (#821, #1222, #692)"
    ),
    "S3StorageTests.test_storage_url_custom_domain_signed_urls": "the same, for links signed for CloudFront",
    "S3StorageTests.test_url_unsigned": "the same, for links that need no signature",
    "S3StorageTests.test_storage_save_gzipped": (
        "stores .gz files with `Content-Encoding: gzip`, so that they come back unpacked (#451, #917, #1281)"
    ),
    "S3StorageTests.test_storage_save_gzipped_non_seekable": "the same",
    **dict.fromkeys(
        (
            "S3StorageTests.test_content_type",
            "S3StorageTests.test_content_type_set_explicitly",
            "S3StorageTests.test_special_characters",
            "S3StorageTests.test_storage_object_parameters_not_overwritten_by_default",
            "S3StorageTests.test_storage_save",
            "S3StorageTests.test_storage_save_gzip",
            "S3StorageTests.test_storage_save_gzip_twice",
            "S3StorageTests.test_storage_save_non_seekable",
            "S3StorageTests.test_storage_save_with_default_acl",
        ),
        "watches a mock of `upload_fileobj`, which sends nothing that would tell a server outside Amazon what was damaged "
        "on the way; what is stored is asserted on real servers by tests/contract/test_overwriting.py",
    ),
    **dict.fromkeys(
        (
            "S3StorageTests.test_storage_open_no_write",
            "S3StorageTests.test_storage_open_write",
            "S3StorageTests.test_storage_write_beyond_buffer_size",
        ),
        "watches a mock of the parts, which are sent in the same way; the same file asserts what is stored",
    ),
    "S3StorageTests.test_storage_open_no_overwrite_existing": (
        "wants a file that was opened for writing and closed to keep its content; on a disk, and on ours, it is empty"
    ),
    "S3StorageTestsWithMoto.test_content_type_attribute": (
        "believes the content type that the client claims: `text/html` for any name runs the uploader's script"
    ),
}


@pytest.fixture(scope="session")
def their_source() -> Path:
    """The source distribution of the installed version: its tests are not in the wheel."""
    return unpacked("django-storages", VERSION)


def test_django_storages_own_tests_pass_but_for_those_that_assert_a_defect(their_source: Path):
    runner = Path(__file__).with_name("django_storages_runner.py")
    done = processes.complete(
        [sys.executable, str(runner)],
        cwd=their_source,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(their_source), str(ROOT / "src")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outcomes: dict[str, str] = json.loads(done.stdout.splitlines()[-1])

    assert len(outcomes) >= 68  # what 1.14.6 has; an empty run must not pass
    failed = {name: outcome for name, outcome in outcomes.items() if outcome != "passed"}
    assert failed.keys() == ASSERT_A_DEFECT.keys(), json.dumps(failed, indent=1)
