"""An environment is copied, the storage kept: every row shows its file, and nothing that happens reaches the original."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import weakref
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.contract import only
from tests.forks import fingerprint
from tests.providers import Provider
from tests.servers import processes
from tests.servers.fault_proxy import FaultProxy

SCRIPT = Path(__file__).with_name("copied") / "project.py"
ROWS = 12
# The proxy that writes down what the parent is asked reads plain HTTP alone. Each story is told on the servers that could
# make a difference to it, and tests/contract on all.
where_keys_may_only_read = only("seaweedfs-http", "ceph-http")
on_amazons_rules = only("ministack")
on_one_server = only("seaweedfs-http")


class Environment:
    """One environment of the project: its database, its variables, and the process that does what it is told there."""

    def __init__(self, database: Path, folder: Path, variables: Mapping[str, str]) -> None:
        self.database = database
        self.folder = folder
        self._variables = variables
        self._process: subprocess.Popen[str] | None = None

    def does(self, *deed: str) -> Any:
        """Let the project do something in this environment, and give what it found."""
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(deed) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        assert answer, f"{deed}: {self._errors.read_text()}"
        return json.loads(answer)

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            inherited = {
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("STORAGE", "AWS_", "PARENT_", "DO_", "BUILD_"))
            }
            with self._errors.open("w") as errors:
                self._process = processes.start(
                    [sys.executable, SCRIPT, self.database, self.folder],
                    env=inherited
                    | {"AWS_EC2_METADATA_DISABLED": "true", "PYTHONWARNINGS": "error"}
                    | dict(self._variables),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                )
            weakref.finalize(self, end, self._process)
        return self._process

    @property
    def _errors(self) -> Path:
        return self.database.with_suffix(".log")

    def copy(self, name: str, variables: Mapping[str, str]) -> Environment:
        """Copy the database as the how-to does, and give it another environment."""
        database = self.database.with_name(f"{name}.sqlite3")
        with closing(sqlite3.connect(self.database)) as connection:
            connection.execute(f"VACUUM INTO '{database}'")
        return Environment(database, self.folder, variables)

    @property
    def files(self) -> dict[str, str]:
        """The file of each row, and the link to it; the script has read both."""
        found = self.does("look")
        wrong = [row for row in found if not row[2].startswith("http")]
        assert wrong == []
        return {title: link for title, _, link in found}


def end(process: subprocess.Popen[str]) -> None:
    """End a project's process, by the end of its input."""
    process.communicate(timeout=60)


@dataclass
class Production:
    """The original: its environment, and what is known of its bucket from outside."""

    environment: Environment
    provider: Provider
    bucket: str
    proxy: FaultProxy

    def parent(self, **changes: Any) -> dict[str, str]:
        """Describe it as the parent of a copy, through the proxy that writes down what is asked."""
        environ = self.provider.environ(self.bucket, AWS_S3_ENDPOINT_URL=self.proxy.url, **changes)
        return {f"PARENT_{name}": value for name, value in environ.items()}


@pytest.fixture
def production(provider: Provider, tmp_path: Path) -> Iterator[Production]:
    bucket = provider.create_bucket()
    original = Environment(tmp_path / "production.sqlite3", tmp_path / ".holdall", provider.environ(bucket))
    assert original.does("fill", str(ROWS)) == ROWS
    with FaultProxy(provider.endpoint_url) as proxy:
        yield Production(original, provider, bucket, proxy)
        assert proxy.exchanges, "nothing was asked of the parent"
        assert {request.method for request in proxy.exchanges} <= {"GET", "HEAD"}


def use(copy: Environment, production: Production, *, without: str | None = None) -> None:
    """Work in the copy as people do: look, delete, replace, add; the original stays as it is."""
    before = fingerprint(production.provider, production.bucket, without=without)

    files = copy.files
    assert len(files) == ROWS
    name = next(name for title, name, _ in copy.does("look") if title == "photograph 1")
    assert copy.does("exists", name) is True
    # django-cleanup deletes the file of the row.
    assert copy.does("delete", "photograph 1") is None
    assert copy.does("exists", name) is False
    assert copy.does("replace", "photograph 2") is None
    added = copy.does("add", "photograph 10")
    # A name that the parent has is not given again.
    copy.does("add", "photograph 20")
    after = copy.files
    assert set(after) - set(files) == {"photograph 2, replaced", "photograph 20"}
    assert added in {name for _, name, _ in copy.does("look")}
    assert set(files) - set(after) == {"photograph 1", "photograph 2"}

    assert fingerprint(production.provider, production.bucket, without=without) == before
    assert len(production.environment.files) == ROWS


@where_keys_may_only_read
def test_laptop_works_over_production_with_a_key_that_may_only_read(production: Production) -> None:
    """(a) Mode local, and the parent on another machine."""
    variables = {"STORAGES_MODE": "local", **production.parent(keys=production.provider.readonly)}
    laptop = production.environment.copy("laptop", variables)
    use(laptop, production)
    # The links of the parent's files are the parent's own, the others the laptop's.
    links = laptop.files
    assert links["photograph 3"].startswith(production.proxy.url)
    assert not links["photograph 2, replaced"].startswith(production.proxy.url)


@on_amazons_rules
def test_staging_works_in_its_own_bucket_with_keys_that_may_write(production: Production) -> None:
    """(b) One provider, two buckets; the parent's keys could destroy everything."""
    own = production.provider.environ(production.provider.create_bucket())
    use(production.environment.copy("staging", {**own, **production.parent()}), production)


@where_keys_may_only_read
def test_review_app_works_in_a_folder_of_the_same_bucket(production: Production) -> None:
    """(c) `STORAGE_LOCATION=forks/pr-123` over the bucket's root."""
    own = production.provider.environ(production.bucket, location="forks/pr-123")
    use(production.environment.copy("review", {**own, **production.parent()}), production, without="forks/")


@on_one_server
def test_two_copies_of_one_original_never_see_each_other(production: Production) -> None:
    """(d)"""
    copies = [
        production.environment.copy(
            f"pr-{number}",
            production.provider.environ(production.bucket, location=f"forks/pr-{number}") | production.parent(),
        )
        for number in (1, 2)
    ]
    first = copies[0].files
    use(copies[1], production, without="forks/")
    assert set(copies[0].files) == set(first)
    use(copies[0], production, without="forks/")


@on_one_server
def test_clean_up_of_a_copy_that_is_no_fork_deletes_no_foreign_file(provider: Provider, tmp_path: Path) -> None:
    """What the owner marker is for: somebody copied the database and the variables, and django-cleanup runs."""
    bucket = provider.create_bucket()
    environ = provider.environ(bucket)
    original = Environment(tmp_path / "production.sqlite3", tmp_path, {**environ, "STORAGE_ENVIRONMENT": "production"})
    original.does("fill", "4")
    copy = original.copy("staging", {**environ, "STORAGE_ENVIRONMENT": "staging"})
    before = fingerprint(provider, bucket)

    for deed in (("delete", "photograph 1"), ("replace", "photograph 2")):
        copy.does(*deed)

    assert fingerprint(provider, bucket) == before
    assert len(original.files) == 4
    assert original.does("delete", "photograph 1") is None
    assert fingerprint(provider, bucket) != before
