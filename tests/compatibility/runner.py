"""Run the tests of somebody else's package with another class in place of Django's `FileSystemStorage`.

    python runner.py STORAGE OUTCOMES < suite.json

It is started by `suites.py`, in an environment of its own and in the folder that holds their tests. STORAGE is
`disk` (Django's own class, the yardstick), `django-storages` or `holdall`; the last two keep their files on the
embedded S3 server of the folder in `HOLDALL_LOCAL_FOLDER`. OUTCOMES is the file that gets the outcome of each
test, as JSON.

Who asks Django for a `FileSystemStorage` gets the class under test, so that also tests run on it which make their
storage themselves; the static files stay on the disk. Its folder becomes a prefix of its own in the bucket.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import unittest
import uuid
import warnings
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.utils.encoding import filepath_to_uri


class _Outcomes(unittest.TextTestResult):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.outcomes: dict[str, str] = {}

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802  unittest's name
        super().startTest(test)
        self.outcomes[test.id()] = "passed"

    def _failed(self, test: unittest.TestCase, error: Any) -> None:
        self.outcomes[test.id()] = f"{error[0].__name__}: {error[1]}"[:500]

    def addError(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802  unittest's name
        super().addError(test, err)
        self._failed(test, err)

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802  unittest's name
        super().addFailure(test, err)
        self._failed(test, err)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:  # noqa: N802  unittest's name
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._failed(test, err)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802  unittest's name
        super().addSkip(test, reason)
        self.outcomes[test.id()] = f"skipped: {reason}"

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802  unittest's name
        super().addExpectedFailure(test, err)
        self.outcomes[test.id()] = "skipped: expected to fail"


def stand_in(parent: type, options: dict[str, Any], *, with_paths: bool) -> type:
    """Make a class that can be given what a `FileSystemStorage` is given, and keeps its files in the bucket.

    Many tests lay their files into the folder of the storage behind its back; such a file is brought into the bucket
    when the storage is first asked about it. `with_paths`: they look there for what was saved, too.
    """
    prefix = uuid.uuid4().hex[:10]

    class StandIn(parent):
        # What a subclass of Django's class may begin from.
        OS_OPEN_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL

        def __init__(
            self,
            location: Any = None,
            base_url: str | None = None,
            file_permissions_mode: int | None = None,
            directory_permissions_mode: int | None = None,
            allow_overwrite: bool = False,
        ) -> None:
            self.base_url = settings.MEDIA_URL if base_url is None else base_url
            self.folder = Path(location or settings.MEDIA_ROOT or "media").absolute()
            # Two storages of one folder are one store.
            place = f"{prefix}/{uuid.uuid5(uuid.NAMESPACE_URL, str(self.folder)).hex[:10]}"
            super().__init__(**{**options, "location": place, "file_overwrite": allow_overwrite})

        def bring_in(self, name: Any) -> None:
            laid = self.folder / str(name or "")
            if laid.is_file() and not laid.is_symlink() and self.folder in laid.resolve().parents:
                content = laid.read_bytes()
                laid.unlink()
                self.bucket.Object(self._normalize_name(str(name))).put(Body=content)

        def _open(self, name: str, mode: str = "rb") -> Any:
            self.bring_in(name)
            return super()._open(name, mode)

        def exists(self, name: str) -> bool:
            self.bring_in(name)
            return super().exists(name)

        def delete(self, name: str) -> None:
            self.bring_in(name)
            super().delete(name)

        def size(self, name: str) -> int:
            self.bring_in(name)
            return super().size(name)

        def get_modified_time(self, name: str) -> Any:
            self.bring_in(name)
            return super().get_modified_time(name)

        def listdir(self, path: str) -> Any:
            for laid in (self.folder / path).iterdir() if (self.folder / path).is_dir() else ():
                self.bring_in(laid.relative_to(self.folder))
            return super().listdir(path)

        def url(self, name: str | None, *arguments: Any, **options: Any) -> str:
            link = super().url(name, *arguments, **options)
            # Texts are compared with the link on a disk; the true one has been made, and is tested elsewhere.
            assert link.startswith(("http://", "https://"))
            return f"{self.base_url}{filepath_to_uri(str(name or '')).lstrip('/')}"

        def path(self, name: str) -> str:
            if not with_paths:
                return super().path(name)
            laid = self.folder / name
            if self.exists(name):
                laid.parent.mkdir(parents=True, exist_ok=True)
                laid.write_bytes(self.bucket.Object(self._normalize_name(name)).get()["Body"].read())
            return str(laid)

    # Migrations are written with it.
    StandIn.__module__ = "django.core.files.storage"
    StandIn.__name__ = StandIn.__qualname__ = "FileSystemStorage"
    return StandIn


def replace_file_system_storage(storage: str, *, with_paths: bool) -> None:
    import django.contrib.staticfiles.storage  # noqa: F401  before the replacement: static files stay on the disk
    from django.core.files import storage as package
    from django.core.files.storage import filesystem

    if storage == "disk":
        return
    folder = os.environ["HOLDALL_LOCAL_FOLDER"]
    if storage == "holdall":
        import holdall
        from holdall.storage import MediaStorage

        options = holdall.from_env({"STORAGES_MODE": "local"}, local_folder=folder)["default"]["OPTIONS"]
        parent: type = MediaStorage
    else:
        from storages.backends.s3 import S3Storage

        from holdall import devserver

        server = devserver.use(Path(folder))
        options = {
            "bucket_name": server.bucket,
            "endpoint_url": server.endpoint_url,
            "access_key": server.access_key,
            "secret_key": server.secret_key,
            "region_name": "us-east-1",
            "signature_version": "s3v4",
            "addressing_style": "path",
        }
        parent = S3Storage
    package.FileSystemStorage = filesystem.FileSystemStorage = stand_in(parent, options, with_paths=with_paths)


def main() -> None:
    storage, outcomes_file = sys.argv[1:]
    suite = json.load(sys.stdin)
    os.environ["DJANGO_SETTINGS_MODULE"] = suite["settings"]
    sys.path.insert(0, str(Path.cwd()))
    warnings.simplefilter("ignore")
    if suite.get("moves_media"):
        settings.MEDIA_ROOT = str(Path.cwd() / "media")
    replace_file_system_storage(storage, with_paths=suite.get("with_paths", False))
    django.setup()
    from django.test.runner import DiscoverRunner
    from django.test.utils import iter_test_cases

    kept = Path(suite["kept_database"]) if "kept_database" in suite else None
    database = Path(os.environ.get("DATABASE_NAME", ""))
    if kept is not None and kept.exists():
        shutil.copyfile(kept, database)

    class Runner(DiscoverRunner):
        def get_resultclass(self) -> type:
            return _Outcomes

        def build_suite(self, *arguments: Any, **options: Any) -> unittest.TestSuite:
            left_out = suite.get("left_out", ())
            found = iter_test_cases(super().build_suite(*arguments, **options))
            return self.test_suite(test for test in found if test.id() not in left_out)

        def setup_databases(self, **options: Any) -> Any:
            made = super().setup_databases(**options)
            if kept is not None and not kept.exists():
                # Moved, not written in place: two runs may begin together.
                shutil.copyfile(database, new := kept.with_suffix(f".{os.getpid()}"))
                new.replace(kept)
            return made

        def suite_result(self, suite: unittest.TestSuite, result: Any, **_options: Any) -> int:
            Path(outcomes_file).write_text(json.dumps(result.outcomes, indent=1, sort_keys=True))
            return len(result.failures) + len(result.errors)

    Runner(verbosity=0, interactive=False, keepdb=kept is not None).run_tests(suite["labels"])


if __name__ == "__main__":
    main()
