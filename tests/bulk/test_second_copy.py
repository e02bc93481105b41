"""A second copy elsewhere, as docs/how-to/backups.md has it: with a key that only reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.files.base import ContentFile

from holdall.errors import AccessRefused
from holdall.provision import needs, rights
from tests.bulk.test_copy import MakeStore
from tests.bulk.test_trash import holdall
from tests.contract import only
from tests.providers import Provider
from tests.servers.identities import with_policy
from tests.stores import build_storage


@only("ministack")
def test_key_that_only_reads_is_enough_for_a_second_copy(
    make_store: MakeStore, provider: Provider, bucket: str, location: str, tmp_path: Path
) -> None:
    store = make_store("own")
    for name in ("a.txt", "b/c.txt"):
        store.storage.save(name, ContentFile(name.encode()))
    amazon = {"STORAGE_BUCKET_NAME": bucket, "STORAGE_LOCATION": f"{location}/own"}
    keys = with_policy(provider, rights.app_policy(needs.read(amazon, read_only=True)[0]))
    environ = provider.environ(bucket, location=f"{location}/own", keys=keys)
    source = tmp_path / "production-read-only.env"
    source.write_text("".join(f"{name}={value}\n" for name, value in environ.items()))

    for expected in ("2 of 2 files copied and verified", "Nothing is left to copy"):
        code, said = holdall({}, "copy", str(source), f"{tmp_path}/second/", "--yes")
        assert (code, expected in said) == (0, True), said
    assert (tmp_path / "second" / "b" / "c.txt").read_text() == "b/c.txt"
    code, said = holdall({}, "usage", str(source), "--json")
    found = json.loads(said)
    # It may not ask for unfinished uploads.
    assert (code, found["files"], found["unfinished_uploads"]) == (0, 2, None)
    # Whoever steals the key can change nothing.
    stolen = build_storage(environ)
    for deed in (lambda: stolen.delete("a.txt"), lambda: stolen.save("new.txt", ContentFile(b"x"))):
        with pytest.raises(AccessRefused):
            deed()
    assert store.storage.exists("a.txt")
