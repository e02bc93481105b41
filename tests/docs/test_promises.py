"""The promises: each is held by tests that exist, and the README's by one that no other file has."""

import ast
import json
import os
import re
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, README, ROOT
from tests.servers import processes

# Python tells a hook of every file that it opens; such a hook stays until the process ends.
SAVE_AND_READ = """
import json, os, sys
import holdall, django
from django.conf import settings

settings.configure(STORAGES=holdall.from_env({"STORAGES_MODE": "local"}, local_folder=sys.argv[1]), USE_TZ=True)
django.setup()
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage as storage

storage.save("first", ContentFile("The server runs from here on."))
written = []

def note(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            written.append(str(path))

sys.addaudithook(note)
name = storage.save("large.bin", ContentFile(os.urandom(20 * 2**20)))
with storage.open(name) as file:
    assert len(file.read()) == 20 * 2**20
with storage.open("stream.bin", "wb") as file:
    for _ in range(20):
        file.write(b"x" * 2**20)
assert storage.size("stream.bin") == 20 * 2**20
print(json.dumps(written))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the embedded server needs file locks that Windows lacks")
def test_saving_and_reading_write_no_local_file(tmp_path: Path):
    done = processes.complete(
        [sys.executable, "-c", SAVE_AND_READ, str(tmp_path / "bucket")],
        env={name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STORAGE"))},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    # The embedded server's locks are the one thing that local mode opens.
    assert [path for path in json.loads(done.stdout) if not path.endswith(".lock")] == []


PROMISES = (DOCS / "explanation" / "promises.md").read_text()
NAMED = re.findall(r"^- `(tests/[\w/]+\.py)::(\w+)`$", PROMISES, re.MULTILINE)


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[name for _, name in NAMED])
def test_test_that_holds_a_promise_exists(file: str, name: str):
    tree = ast.parse((ROOT / file).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_each_promise_names_its_tests_and_what_no_client_can_keep():
    for section in PROMISES.split("\n## ")[1:]:
        title = section.partition("\n")[0]
        assert re.search(r"^- `tests/.*::", section, re.MULTILINE), title
        assert "No client can keep it:" in section, title
    assert PROMISES.count("::") == len(NAMED)


def test_readme_promises_the_same():
    promised = re.findall(r"^\d\. \*\*(.+?)[.,:]?\*\*", README.read_text(), re.MULTILINE)
    assert len(promised) == 5
    assert re.findall(r"^## (.+)$", PROMISES, re.MULTILINE)[:5] == promised
