"""PostgreSQL and MariaDB, as cheap as they can be had: nothing is flushed to the disk, nobody has a password."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.servers.processes import Server, run, tethered

POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
MARIADB = shutil.which("mariadbd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
MISSING = "PostgreSQL and MariaDB are not both installed; on Debian: apt-get install postgresql mariadb-server"
NOBODY = 65534


def are_missing() -> bool:
    """Say whether one of the two cannot be started here."""
    return not POSTGRES or MARIADB is None


def _as_nobody(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root. Whoever changes his user loses his tether, so it is tied again."""
    if os.getuid():
        return command
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *tethered(command)]


@contextmanager
def _folder() -> Iterator[Path]:
    # pytest's own folders are closed to other users, and too deep for a socket's path.
    folder = Path(tempfile.mkdtemp(prefix="holdall-db-"))
    try:
        if not os.getuid():
            os.chown(folder, NOBODY, NOBODY)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgres() -> Iterator[dict[str, Any]]:
    """Start PostgreSQL, and give what Django needs to reach it."""
    binaries = POSTGRES[-1].parent
    with _folder() as folder, ExitStack() as stack:
        data = str(folder / "data")
        given = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        run(["env", "-C", str(folder), *_as_nobody([str(binaries / "initdb"), f"--pgdata={data}", *given])])
        quick = [f"-c{one}" for one in ("listen_addresses=", "fsync=off", "full_page_writes=off", "autovacuum=off")]
        server = Server(
            _as_nobody([str(POSTGRES[-1]), "-D", data, "-k", str(folder), *quick]), folder=folder, name="postgres"
        )
        stack.callback(server.stop)
        server.wait_until(lambda: "ready to accept" in server.log.read_text())
        yield {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres", "HOST": str(folder)}


@contextmanager
def mariadb() -> Iterator[dict[str, Any]]:
    """Start MariaDB, and give what Django needs to reach it."""
    assert MARIADB is not None
    with _folder() as folder, ExitStack() as stack:
        data, socket = folder / "data", folder / "socket"
        # Its tables of a moment are named by its process, and so are those of another machine's that shares the folder.
        own = [f"--tmpdir={folder}", *([] if os.getuid() else ["--user=root"])]
        run(["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db", *own])
        quick = [
            "--skip-networking",
            "--skip-grant-tables",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-buffer-pool-size=16M",
        ]
        command = [MARIADB, "--no-defaults", f"--datadir={data}", f"--socket={socket}", *quick, *own]
        server = Server(command, folder=folder, name="mariadb")
        stack.callback(server.stop)
        server.wait_until(lambda: "ready for connections" in server.log.read_text())
        run(["mariadb", "--no-defaults", f"--socket={socket}", "-e", "CREATE DATABASE site CHARACTER SET utf8mb4"])
        options = {"unix_socket": str(socket), "charset": "utf8mb4"}
        yield {
            "ENGINE": "django.db.backends.mysql",
            "NAME": "site",
            "USER": "root",
            "HOST": "localhost",
            "OPTIONS": options,
        }
