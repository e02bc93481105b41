"""Promises of the README that no other test keeps."""

import json
import os
import sys
from pathlib import Path

import pytest

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
