"""The lines that load a `.env`, executed as they are written, with the library that each of them is for."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from unittest import mock

import pytest

from tests.docs.pages import DOCS, Block, blocks

LINES = [block for block in blocks(DOCS / "how-to" / "env-files.md") if block.language == "python"]
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
FILE = f"""# The store
STORAGE_BUCKET_NAME="acme-media"
STORAGE_LOCATION=from-the-file
AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE
AWS_SECRET_ACCESS_KEY='{SECRET}'
"""


def test_each_library_has_its_line():
    assert [name for name in ("environ", "decouple", "dotenv") if any(name in block.text for block in LINES)] == [
        "environ",
        "decouple",
        "dotenv",
    ]
    assert len(LINES) == 3


@pytest.mark.parametrize("block", LINES, ids=lambda block: block.text.splitlines()[-1])
def test_line_loads_the_file_and_the_environment_comes_first(block: Block, tmp_path: Path):
    (tmp_path / ".env").write_text(FILE)
    namespace: dict[str, object] = {"BASE_DIR": tmp_path}
    with mock.patch.dict(os.environ, {"STORAGE_LOCATION": "from-the-environment"}, clear=True):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            exec(block.text, namespace)
        options = namespace["STORAGES"]["default"]["OPTIONS"]
        assert (options["bucket_name"], options["location"]) == ("acme-media", "from-the-environment")
        # Of whatever boto3 does not find itself, the storage is told.
        found = options["secret_key"].reveal() if options["secret_key"] else os.environ["AWS_SECRET_ACCESS_KEY"]
        assert found == SECRET
