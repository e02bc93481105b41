"""Run django-storages' own tests of its S3 backend with Holdall's class in place of theirs.

It is started in the folder of django-storages' source distribution, whose `tests` package would otherwise be ours.
Prints one line of JSON: the outcome of each test.
"""

import json
import os
import sys
import unittest

import django
import moto
from django.conf import settings
from django.core.management.color import no_style  # noqa: F401  loads Django's management early, as its runner does


class _Outcomes(unittest.TestResult):
    def __init__(self) -> None:
        super().__init__()
        self.outcomes: dict[str, str] = {}

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802  unittest's name
        super().startTest(test)
        self.outcomes[_name(test)] = "passed"

    def addError(self, test: unittest.TestCase, err) -> None:  # noqa: N802  unittest's name
        super().addError(test, err)
        self.outcomes[_name(test)] = f"{err[0].__name__}: {err[1]}"

    def addFailure(self, test: unittest.TestCase, err) -> None:  # noqa: N802  unittest's name
        self.addError(test, err)


def _name(test: unittest.TestCase) -> str:
    return ".".join(test.id().split(".")[-2:])


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    # Their tests speak to nobody; without a region Holdall would ask Amazon for it.
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    django.setup()
    # Their default, which most of their tests presuppose; ours is never to overwrite.
    settings.AWS_S3_FILE_OVERWRITE = True
    # The name that moto 4 gave its decorator.
    moto.mock_s3 = moto.mock_aws

    from storages.backends import s3

    from holdall.storage import MediaStorage

    s3.S3Storage = MediaStorage
    result = _Outcomes()
    unittest.defaultTestLoader.loadTestsFromName("tests.test_s3").run(result)
    print(json.dumps(result.outcomes))


if __name__ == "__main__":
    sys.exit(main())
